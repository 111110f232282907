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

# check PRESET NAME CTEST-ARGUMENT...: runs tests of that build; failures are added up at the end.
check() {
    local preset=$1 name=$2
    shift 2
    echo "tests: $name"
    results+=("build/tests-$name.xml")
    rm -f "build/tests-$name.xml"
    ctest --test-dir "build/$preset" --output-junit "$PWD/build/tests-$name.xml" --output-on-failure \
        --test-output-size-passed 1000000 --test-output-truncation head --no-tests=error -j "$(nproc)" "$@" |
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
    check asan asan -LE analyze
    check asan analyze -L analyze
fi
if build tsan; then
    # What has threads; not the sandbox, which keeps this sanitizer from its own files.
    check tsan tsan -R '^(scenario\.|unit\.(conn|store|page|log|client))' -E '^scenario\.sandbox$'
fi
if build fuzz; then
    check fuzz fuzz -L fuzz
fi
summary
