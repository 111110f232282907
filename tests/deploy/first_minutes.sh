#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# first_minutes.sh BIN [PYTHON-HANDLERS]: a farm of the programs in the folder BIN, by somebody who
# is nobody in particular; run inside a root that has little else. Says what is wrong and fails.
set -eu

bin=$1
python=${2:-}
home=$(mktemp -d)
export HOME="$home" XDG_STATE_HOME="$home"

fail() {
    echo "first minutes: $*" >&2
    cat "$home/log" >&2 || true
    exit 1
}

# is WHAT WANTED COMMAND...
is() {
    what=$1 wanted=$2
    shift 2
    got=$("$@") || fail "$what: exit $?"
    [ "$got" = "$wanted" ] || fail "$what: $got"
}

"$bin/reeve" --version | grep -qx 'reeve [0-9.]*' || fail "version"
mkfifo "$home/up"
"$bin/reeve" up --store memory --slots 2 --doors none ${python:+--python "$python"} >"$home/up" 2>"$home/log" &
farm=$!
while read -r line; do
    [ "$line" != ready ] || break
done <"$home/up" # it ends without that line when the farm cannot start
[ "$line" = ready ] || fail "no farm"

if [ -n "$python" ]; then
    is "a handler in Python" "Hello, World" "$bin/reeve" call hello.greet World
else
    is "a call" 4 "$bin/reeve" call calculator.calculate 2 + 2
    is "a call of each library" -0.5 "$bin/reeve" call calculator.calculate 1 / -2
    "$bin/reeve" call neural_analyzer.polarity what a lovely day >/dev/null || fail "polarity"
    seq 1 500 | "$bin/reeve" map fibonacci_generator.calculate >"$home/map" || fail "a map"
    is "as many values as lines" 500 awk 'END { print NR }' "$home/map"
    is "a value at its place" 354224848179261915075 sed -n 100p "$home/map"
    is "each the sum of two" 0 awk 'NR <= 70 && NR > 2 && $1 != a + b { bad++ } { a = b; b = $1 } END { print bad + 0 }' \
        "$home/map"
    id=$("$bin/reeve" session start --model williams_otto --max-iterations 5 --quiet) || fail "a session"
    "$bin/reeve" session optimise "$id" --wait >/dev/null || fail "its end"
fi
"$bin/reeve" status >/dev/null || fail "status"
kill -TERM "$farm"
wait "$farm" || fail "the farm ended with $?"
rm -rf "$home"
