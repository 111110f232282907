#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# clean_root.sh: sourced by tests that need a Debian with nothing but its base. It is made once by
# debootstrap, from where this host has its own packages from, and kept; each test gets a copy.
# Needs root and, for the first time, the network: without them the test that sources this ends 77.

skip() {
    echo "skipped: $*"
    exit 77
}

# root_ready FOLDER: FOLDER/base is there.
root_ready() {
    local folder=$1 mirror
    [ "$(id -u)" = 0 ] || skip "not root"
    unshare --mount --pid --net --fork true 2>/dev/null || skip "no namespaces"
    command -v debootstrap >/dev/null || skip "no debootstrap"
    mkdir -p "$folder"
    exec 8>"$folder/lock" # two tests that make it at once would be one too many
    flock 8
    if [ ! -e "$folder/base.made" ]; then
        # shellcheck disable=SC2016 # apt fills it in
        mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' \
            "Codename: $(. /etc/os-release && echo "$VERSION_CODENAME")" | sort -u | head -1)
        rm -rf "$folder/base"
        if ! debootstrap --variant=minbase "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$folder/base" \
            ${mirror:+"$mirror"} >"$folder/debootstrap.log" 2>&1; then
            skip "debootstrap: $(tail -1 "$folder/debootstrap.log")"
        fi
        rm -rf "$folder"/base/var/cache/apt/archives/*.deb
        touch "$folder/base.made"
    fi
    flock -u 8
}

# root_copy FOLDER NAME: FOLDER/NAME is a fresh copy.
root_copy() {
    rm -rf "${1:?}/$2"
    cp -a --reflink=auto "$1/base" "$1/$2"
    cp -L /etc/resolv.conf "$1/$2/etc/resolv.conf" 2>/dev/null || true
}

# root_run ROOT [--net] COMMAND...: with processes and mounts of its own, and without --net a network
# of its own that has a loopback only; what it starts ends with it.
root_run() {
    local root=$1 apart=--net
    shift
    if [ "$1" = --net ]; then
        apart=
        shift
    fi
    # shellcheck disable=SC2016,SC2086 # the inner shell's; one word or none
    unshare --mount --pid $apart --fork --kill-child bash -ec '
        [ -z "$1" ] || ip link set lo up
        mount -t proc proc "$0/proc"
        mount -t tmpfs tmpfs "$0/dev/shm"
        root=$0
        shift
        exec chroot "$root" "$@"' "$root" "${apart:-}" "$@"
}
