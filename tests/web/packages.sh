#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# packages.sh FOLDER: what the browser tests need from npm, installed in FOLDER as the lock file has it.
# Nothing is done when that is there already; what npm has kept from another time needs no network.
set -euo pipefail
folder=$1
here=$(dirname "$(readlink -f "$0")")
mkdir -p "$folder"
if cmp -s "$here/package-lock.json" "$folder/installed.json"; then
    exit 0
fi
cp "$here/package.json" "$here/package-lock.json" "$folder/"
cd "$folder"
npm ci --prefer-offline --ignore-scripts --no-audit --no-fund
cp package-lock.json installed.json
