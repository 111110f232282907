#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# booted.sh: sourced by tests that boot a clean Debian with the packages and systemd in it, in which
# services.sh runs and then ends it all.
. "$(dirname "${BASH_SOURCE[0]}")/clean_root.sh"

# booted_root PACKAGES FOLDER NAME [DEBIAN-PACKAGE...]: FOLDER/NAME is one that can be booted.
booted_root() {
    local packages=$1 folder=$2 name=$3 root=$2/$3
    shift 3
    root_ready "$folder"
    root_copy "$folder" "$name"
    cp "$packages"/reeve-*.deb "$(dirname "${BASH_SOURCE[0]}")/services.sh" "$root/opt"
    mkdir -p "$folder/archives"
    cp -n "$folder"/archives/*.deb "$root/var/cache/apt/archives/" 2>/dev/null || true # of an earlier run
    root_run "$root" --net timeout 60 apt-get -q update >"$folder/$name.log" 2>&1 ||
        skip "no package lists: $(tail -1 "$folder/$name.log")"
    root_run "$root" --net env DEBIAN_FRONTEND=noninteractive sh -c 'apt-get -q -y -o DPkg::Options::=--force-unsafe-io \
        -o APT::Keep-Downloaded-Packages=1 install --no-install-recommends systemd-sysv dbus curl "$@" /opt/*.deb' sh "$@" \
        >"$folder/$name.log" 2>&1 || {
        cat "$folder/$name.log" >&2
        exit 1
    }
    cp -n "$root"/var/cache/apt/archives/*.deb "$folder/archives/" 2>/dev/null || true
    rm -f "$root"/var/cache/apt/archives/*.deb

    cat >"$root/etc/systemd/system/check.service" <<'UNIT'
[Service]
Type=oneshot
ExecStart=/bin/bash /opt/services.sh
StandardOutput=append:/opt/said
StandardError=append:/opt/said
ExecStopPost=/bin/sh -c 'echo "$EXIT_STATUS" >/opt/status'
ExecStopPost=/bin/sh -c 'test ! -c /dev/ttyS0 || cat /opt/said /opt/status >/dev/ttyS0'
ExecStopPost=/bin/systemctl --no-block poweroff
[Install]
WantedBy=multi-user.target
UNIT
    mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
    ln -s ../check.service "$root/etc/systemd/system/multi-user.target.wants"
}
