#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Sets up, starts a farm on this host (reeve up), and gives it a random load until Ctrl-C:
#
#     deploy/run.sh [--port-base P] [OPTION OF reeve load]...
#
# Lines of the load on standard output, all else on standard error. Jobs are kept in memory, so that
# nothing stays behind and the store of a farm of yours is left alone. Ends with the load's exit
# status, or with that of the farm when it could not start (7: a port is taken).
set -u

if [ "${1-}" = --help ]; then
    sed -n '4,10s/^# \{0,1\}//p' "$0"
    exit
fi
# Started in the background by a script, a shell is born deaf to Ctrl-C and cannot unlearn it.
if [ -z "${REEVE_RUN_HEARS-}" ]; then
    REEVE_RUN_HEARS=1 exec env --default-signal=INT,QUIT "$0" "$@"
fi
unset REEVE_RUN_HEARS

root=$(cd "$(dirname "$0")/.." && pwd) || exit 8
up_options=()
load_options=()
while [ $# -gt 0 ]; do
    case $1 in
    --port-base)
        [ $# -ge 2 ] || { echo "run.sh: --port-base wants a value: --port-base P" >&2; exit 2; }
        base=$2
        shift
        ;;
    --port-base=*) base=${1#*=} ;;
    *) load_options+=("$1") ;;
    esac
    shift
done
if [ -n "${base+set}" ]; then
    up_options+=(--port-base "$base")
fi

"$root/deploy/setup.sh" >&2 || exit

# Ctrl-C at a terminal reaches a whole process group at once. Farm and load get groups of their
# own, so that the load can end its tasks while the farm still stands; and both end when this
# script is killed.
apart() {
    exec setsid setpriv --pdeathsig TERM "$@"
}

up= load= signals=0
ask_to_end() {
    signals=$((signals + 1))
    if [ -n "$load" ]; then
        kill -INT "$load" 2>/dev/null
    elif [ -n "$up" ]; then
        kill -TERM "$up" 2>/dev/null
    fi
}
trap ask_to_end INT TERM HUP

# A signal interrupts wait: then its status is that of the signal, not of the process.
status_of() {
    local status seen
    while :; do
        seen=$signals
        wait "$1"
        status=$?
        [ "$signals" -ne "$seen" ] || return $status
    done
}

coproc FARM { apart "$root/build/bin/reeve" up --store memory ${up_options[@]+"${up_options[@]}"}; }
up=$FARM_PID
exec {farm}<&"${FARM[0]}"
ready= clients=
while IFS= read -r line <&$farm || [ $? -gt 128 ]; do
    echo "$line" >&2
    case $line in
    clients\ *) clients=${line#clients } ;;
    ready) ready=1; break ;;
    esac
done
if [ -z "$ready" ]; then
    status_of "$up"
    exit
fi

cat <&$farm >&2 &
passing=$!
if [ $signals -eq 0 ]; then
    apart "$root/build/bin/reeve" load --broker "$clients" \
        ${load_options[@]+"${load_options[@]}"} {farm}<&- &
    load=$!
    status_of "$load"
    status=$?
    load=
else
    status=130
fi
kill -TERM "$up" 2>/dev/null
status_of "$up"
wait "$passing"
exit $status
