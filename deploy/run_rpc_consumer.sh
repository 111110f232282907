#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A consumer of the text protocol: listens on 127.0.0.1:PORT, answers one command a connection, one
# at a time. It joins no farm, so that any number of them run on one host.
#
#     deploy/run_rpc_consumer.sh PORT
set -eu

if [ $# -ne 1 ] || [ "$1" = --help ]; then
    sed -n '4,7s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
root=$(cd "$(dirname "$0")/.." && pwd)
[ -x "$root/build/bin/reeve-worker" ] || "$root/deploy/setup.sh" >&2
exec "$root/build/bin/reeve" worker --broker none --slots 1 --text-port "$1"
