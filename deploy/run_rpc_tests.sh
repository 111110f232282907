#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Runs the tests of the text protocol: consumers, producers, and what happens when one of them dies
# or is fed nonsense.
#
#     deploy/run_rpc_tests.sh
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
"$root/deploy/setup.sh" --tests >&2
cd "$root"
cmake --preset asan >/dev/null
cmake --build build/asan >/dev/null
exec ctest --test-dir build/asan --output-on-failure --no-tests=error -L rpc "$@"
