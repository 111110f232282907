#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A producer of the text protocol: spreads a random load over the consumers that listen at PORT...,
# until Ctrl-C. Options are those of `reeve load --text`.
#
#     deploy/run_rpc_producer.sh PORT... [OPTION]...
set -eu

if [ $# -eq 0 ] || [ "$1" = --help ]; then
    sed -n '4,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
root=$(cd "$(dirname "$0")/.." && pwd)
[ -x "$root/build/bin/reeve-load" ] || "$root/deploy/setup.sh" >&2
exec "$root/build/bin/reeve-load" --text "$@"
