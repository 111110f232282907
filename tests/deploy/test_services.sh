#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_services.sh PACKAGES FOLDER: a clean Debian with the packages is booted, as a container with
# systemd in it, and services.sh runs there.
set -euo pipefail

packages=$1
folder=$2
here=$(cd "$(dirname "$0")" && pwd)
. "$here/clean_root.sh"

command -v systemd-nspawn >/dev/null || skip "no systemd-nspawn"
root_ready "$folder"
root=$folder/services
trap 'rm -rf "$root"' EXIT
root_copy "$folder" services
cp "$packages"/reeve-*.deb "$here/services.sh" "$root/opt"
mkdir -p "$folder/archives"
cp -n "$folder"/archives/*.deb "$root/var/cache/apt/archives/" 2>/dev/null || true # of an earlier run
root_run "$root" --net timeout 60 apt-get -q update >"$folder/services.log" 2>&1 ||
    skip "no package lists: $(tail -1 "$folder/services.log")"
root_run "$root" --net env DEBIAN_FRONTEND=noninteractive sh -c 'apt-get -q -y -o DPkg::Options::=--force-unsafe-io \
    -o APT::Keep-Downloaded-Packages=1 install --no-install-recommends systemd-sysv dbus curl /opt/*.deb' \
    >"$folder/services.log" 2>&1 || {
    cat "$folder/services.log" >&2
    exit 1
}
cp -n "$root"/var/cache/apt/archives/*.deb "$folder/archives/" 2>/dev/null || true

cat >"$root/etc/systemd/system/check.service" <<'UNIT'
[Service]
Type=oneshot
ExecStart=/bin/bash /opt/services.sh
StandardOutput=append:/opt/said
StandardError=append:/opt/said
ExecStopPost=/bin/sh -c 'echo "$EXIT_STATUS" >/opt/status'
ExecStopPost=/bin/systemctl --no-block poweroff
[Install]
WantedBy=multi-user.target
UNIT
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../check.service "$root/etc/systemd/system/multi-user.target.wants"
# Its end is in the file; a kernel that lets no system boot inside says so here. What a container keeps
# from its programs by itself, and a host does not, is left to them: the sandbox of slots.
timeout 300 systemd-nspawn --boot --private-network --register=no --keep-unit --link-journal=no -D "$root" \
    --system-call-filter='landlock_create_ruleset landlock_add_rule landlock_restrict_self' </dev/null >"$folder/boot.log" 2>&1 || true
[ -e "$root/opt/said" ] || skip "no system boots here: $(tail -1 "$folder/boot.log")"
cat "$root/opt/said"
[ "$(cat "$root/opt/status" 2>/dev/null)" = 0 ] || exit 1
