#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# run.sh        setup, then every test: ASan+UBSan, TSan, fuzz, analyzer, install
# run.sh fast   what needs no processes of ours, under ASan+UBSan: seconds, for the inner loop
#
# ctest runs them; the last line is the sum, `N passed, N failed`. Results are in
# build/tests-*.xml, logs in build/*/Testing/Temporary/LastTest.log.
set -uo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

what=${1:-all}
case "$what" in
all | fast) ;;
*) echo "usage: tests/run.sh [fast]" >&2; exit 2 ;;
esac

# Threads of ours are the broker's (the store's writer and reader, and who checks keys) and bench's; everything
# else is a process with one. So under TSan run the tests which bring those threads something that no other does.
# Not the strict sandbox, which keeps this sanitizer from its own files; and not a store that crashes at each of its
# writes (unit.store_crash, unit.store_texts): that is the same writer some thousand times.
threads=(
    'unit\.(conn|conn_curve|log)'             # one libzmq among several threads
    'unit\.(client|client_chain)'             # against a broker on a thread of the test
    'unit\.page(|_note)'                      # the rings between two sides, here two threads
    'unit\.relief'                            # two at one helm
    'unit\.store(|_disk|_lines|_full)'        # the writer and the reader, and a disk that fails under them
    'scenario\.(acl|keys)'                    # keys checked on a thread, while lists of them are read anew
    'scenario\.farm'                          # the whole of it, with ends of all kinds
    'scenario\.bench'                         # its clients and its workers, each on a thread
    'scenario\.explain'                       # lists and looks into the past, while jobs end
    'scenario\.(session|feed|tags)'           # rows with names, lines of sessions, and starts from them
    'scenario\.updates'                       # watchers that are slow, many, or gone
    'chaos\.disk'                             # a store whose disk is full or fails, in a broker that goes on
)

# A suppression of ours is stated once; a finding ends the program that has it.
export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.supp halt_on_error=1 exitcode=66 ${TSAN_OPTIONS:-}"
export UBSAN_OPTIONS="print_stacktrace=1 ${UBSAN_OPTIONS:-}"

log=build/tests-build.log
results=()

# build PRESET: quiet, unless it fails. Then its results are missing, which counts as a failure.
build() {
    echo "tests: build $1"
    if ! { cmake --preset "$1" && cmake --build "build/$1"; } >"$log" 2>&1; then
        cat "$log"
        results+=("build of $1")
        return 1
    fi
}

# Tests wait for processes more than they compute: one more of them than there are processors.
jobs=$(($(nproc) + 1))

# check PRESET NAME CTEST-ARGUMENT...: runs tests of that build; failures are added up at the end.
check() {
    local preset=$1 name=$2
    shift 2
    echo "tests: $name"
    results+=("build/tests-$name.xml")
    rm -f "build/tests-$name.xml"
    ctest --test-dir "build/$preset" --output-junit "$PWD/build/tests-$name.xml" --output-on-failure \
        --test-output-size-passed 1000000 --test-output-truncation head --no-tests=error -j "$jobs" "$@" |
        grep -v '^Internal ctest\|^Test project\|^ *$'
}

summary() {
    /usr/bin/python3 tests/summary.py "${results[@]}"
}

if [ "$what" = fast ]; then
    mkdir -p build
    build asan && check asan fast -LE 'scenario|chaos|load|analyze|install|package|deploy|slow'
    summary
    exit
fi

if ! deploy/setup.sh --tests; then
    echo "0 passed, 1 failed"
    exit 1
fi
if build asan; then
    check asan asan # the analyzer, too, on what the others leave of the processors
fi
if build tsan; then
    check tsan tsan -R "^($(IFS='|' && echo "${threads[*]}"))\$"
fi
if build fuzz; then
    check fuzz fuzz -L fuzz
fi
summary
