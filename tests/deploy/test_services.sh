#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_services.sh PACKAGES FOLDER: the services of the packages, in a container with systemd.
set -euo pipefail

packages=$1
folder=$2
. "$(dirname "$0")/booted.sh"

command -v systemd-nspawn >/dev/null || skip "no systemd-nspawn"
root=$folder/services
trap 'rm -rf "$root"' EXIT
booted_root "$packages" "$folder" services
# Its end is in the file; a kernel that lets no system boot inside says so here. What a container keeps
# from its programs by itself, and a host does not, is left to them: the sandbox of slots.
timeout 300 systemd-nspawn --boot --private-network --register=no --keep-unit --link-journal=no -D "$root" \
    --system-call-filter='landlock_create_ruleset landlock_add_rule landlock_restrict_self' </dev/null >"$folder/boot.log" 2>&1 || true
[ -e "$root/opt/said" ] || skip "no system boots here: $(tail -1 "$folder/boot.log")"
cat "$root/opt/said"
[ "$(cat "$root/opt/status" 2>/dev/null)" = 0 ] || exit 1
