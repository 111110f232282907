#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# make.sh PROGRAMS RELEASE MAN COMPLETIONS: writes manual pages into the folder MAN (reeve and a page
# a verb, the daemons, the library, the pages of this folder) from what the programs in the folder
# PROGRAMS say with --help, and what the shells complete with into COMPLETIONS.
set -eu

programs=$1
release=$2
man=$3
completions=$4
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
# The day of the newest entry.
date=$(date -u -d "$(sed -n 's/^ -- .*>  //p;T;q' "$here/../debian/changelog")" +%F)

# page NAME SECTION SUMMARY COMMAND...: SUMMARY may be empty when the help's first line has it.
page() {
    name=$1 section=$2 summary=$3
    shift 3
    help=$("$@")
    {
        printf '%s\n' "$help" | awk -v page="$name" -v section="$section" -v release="$release" \
            -v date="$date" -v summary="$summary" -f "$here/man.awk"
        [ ! -e "$here/$name.roff" ] || cat "$here/$name.roff"
        see_also "$name"
    } | write "$name.$section"
}

# A file of what comes, where man looks for it.
write() {
    mkdir -p "$man/man${1##*.}"
    gzip -9n >"$man/man${1##*.}/$1.gz"
}

see_also() {
    printf '.SH SEE ALSO\n'
    case $1 in
    reeve) printf '.BR reeve\\-broker (8),\n.BR reeve\\-worker (8),\n.BR reeve\\-gateway (8),\n' ;;
    *) printf '.BR reeve (1),\n' ;;
    esac
    [ "$1" = reeve.conf ] || printf '.BR reeve.conf (5),\n'
    printf '.BR reeve\\-protocol (7)\n'
}

library() {
    printf '.TH LIBREEVE 3 %s "reeve %s" "Reeve"\n.SH NAME\n' "$date" "$release"
    printf 'libreeve \\- hand in jobs to a Reeve farm, and answer them\n.SH SYNOPSIS\n.nf\n'
    printf '.B #include <reeve/client.h>\n.B #include <reeve/handler.h>\n\n'
    printf 'cc program.c $(pkg\\-config \\-\\-cflags \\-\\-libs reeve)\n.fi\n'
    awk -v title=CLIENTS -f "$here/header.awk" "$root/producer/client/include/reeve/client.h"
    awk -v title=HANDLERS -f "$here/header.awk" "$root/consumer/sdk/include/reeve/handler.h"
    awk -v title=VALUES -f "$here/header.awk" "$root/common/include/reeve/value.h"
    see_also libreeve
}

configuration() {
    printf '.TH REEVE.CONF 5 %s "reeve %s" "Reeve"\n' "$date" "$release"
    cat "$here/reeve.conf.roff"
    "$programs/reeve" config sample | awk -f "$here/sample.awk"
    see_also reeve.conf
}

rm -rf "$man" "$completions"
mkdir -p "$man" "$completions"

page reeve 1 "hands out jobs" "$programs/reeve" help
for verb in $("$programs/reeve" help | awk '/^  [a-z]/ { print $1 }'); do
    case $verb in
    broker | worker | gateway | bench | load) ;; # programs of their own
    *) page "reeve-$verb" 1 "" "$programs/reeve" help "$verb" ;;
    esac
done
page reeve-bench 1 "measures rate and latency of a farm" "$programs/reeve-bench" --help
page reeve-load 1 "gives a farm a random load" "$programs/reeve-load" --help
page reeve-broker 8 "the broker of a farm" "$programs/reeve-broker" --help
page reeve-worker 8 "runs jobs of a farm in handler processes" "$programs/reeve-worker" --help
page reeve-gateway 8 "the web page of a farm, its API, and doors" "$programs/reeve-gateway" --help
library | write libreeve.3
configuration | write reeve.conf.5
for source in "$here"/*.7; do
    sed "s/@RELEASE@/$release/; s/@DATE@/$date/" "$source" | write "${source##*/}"
done

"$programs/reeve" completion bash >"$completions/reeve"
"$programs/reeve" completion zsh >"$completions/_reeve"
"$programs/reeve" completion fish >"$completions/reeve.fish"
