#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_man.sh PACKAGES FOLDER: every page of the packages is roff without a warning; every verb and
# program has one; what a page says of options is what --help says; every function of the public
# headers stands in libreeve(3), every setting in reeve.conf(5).
set -euo pipefail

packages=$1
root=$2/man
bin=$root/usr/bin
pages=$root/usr/share/man

fail() {
    echo "man: $*" >&2
    exit 1
}

# options PAGE COMMAND...: the options of the help, each by name, are those of the page.
options() {
    local page=$1 helped paged
    shift
    helped=$("$@" | grep -oP '^  --(\[no-\])?\K[a-z0-9-]+' | sort)
    paged=$(zcat "$page" | sed -n 's/^\.B \\-\\-//p' | sed 's/[ ,].*//; s/\\-/-/g' | sort)
    [ -n "$helped" ] && [ "$helped" = "$paged" ] ||
        fail "$page: $(diff <(echo "$helped") <(echo "$paged"))"
}

rm -rf "$root"
mkdir -p "$root"
for package in "$packages"/*.deb; do
    dpkg-deb -x "$package" "$root"
done

find "$pages" -name '*.gz' | while read -r page; do
    zcat "$page" | mandoc -T lint -W warning || fail "$page is not clean"
done

count=0
for verb in $("$bin/reeve" help | awk '/^  [a-z]/ { print $1 }'); do
    case $verb in
    broker | worker | gateway) options "$pages/man8/reeve-$verb.8.gz" "$bin/reeve-$verb" --help ;;
    bench | load) options "$pages/man1/reeve-$verb.1.gz" "$bin/reeve-$verb" --help ;;
    *) options "$pages/man1/reeve-$verb.1.gz" "$bin/reeve" help "$verb" ;;
    esac
    count=$((count + 1))
done
[ "$count" -gt 30 ] || fail "only $count verbs"

zcat "$pages/man3/libreeve.3.gz" >"$root/libreeve.3"
for function in $(nm -D --defined-only "$root"/usr/lib/*/libreeve.so.0 | awk '$2 == "T" { sub(/@.*/, "", $3); print $3 }'); do
    grep -q "\b$function(" "$root/libreeve.3" || fail "libreeve(3) does not know $function"
done

settings=$(sed -n 's/^#    //p' "$root/etc/reeve/reeve.conf" | sort)
[ -n "$settings" ] && [ "$settings" = "$(zcat "$pages/man5/reeve.conf.5.gz" | sed -n 's/^\.B //p' | grep ' = ' |
    sed 's/\\-/-/g' | sort)" ] || fail "reeve.conf(5) has other settings than /etc/reeve/reeve.conf"
echo "man: $(find "$pages" -name '*.gz' | wc -l) pages, $count verbs"
