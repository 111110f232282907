#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# packages.sh FOLDER [FROM]: what package.json and the lock file in FROM (or else beside this) need from
# npm, installed in FOLDER. Nothing is done when that is there already; what npm has kept from another
# time needs no network.
set -euo pipefail
folder=$1
from=${2:-$(dirname "$(readlink -f "$0")")}
mkdir -p "$folder"
if cmp -s "$from/package-lock.json" "$folder/installed.json"; then
    exit 0
fi
cp "$from/package.json" "$from/package-lock.json" "$folder/"
cd "$folder"
npm ci --prefer-offline --fetch-retries=1 --ignore-scripts --no-audit --no-fund
cp package-lock.json installed.json
