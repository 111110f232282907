#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_install.sh PACKAGES FOLDER: in a clean Debian the packages install, run a farm as nobody,
# install again, go and leave nothing; in another, without any package of ours or of what they need,
# the archive runs where it is unpacked.
set -euo pipefail

packages=$1
folder=$2
here=$(cd "$(dirname "$0")" && pwd)
. "$here/clean_root.sh"

fail() {
    echo "install: $*" >&2
    exit 1
}

# quietly WHAT COMMAND...: the command's output is shown when it fails.
quietly() {
    local what=$1
    shift
    "$@" >"$folder/log" 2>&1 || {
        cat "$folder/log" >&2
        fail "$what"
    }
}

as_nobody() {
    root_run "$root" setpriv --reuid nobody --regid nogroup --clear-groups "$@"
}

in_apt() {
    # What is thrown away soon need not be on the disk.
    root_run "$root" --net env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Options::=--force-unsafe-io "$@"
}

# What must be there after an install.
whole() {
    local path
    for path in usr/share/man/man1/reeve-map.1.gz usr/share/man/man8/reeve-broker.8.gz \
        usr/share/bash-completion/completions/reeve usr/share/zsh/vendor-completions/_reeve \
        usr/share/fish/vendor_completions.d/reeve.fish usr/share/doc/reeve-common/RUNBOOK.md; do
        [ -s "$root/$path" ] || fail "no $path"
    done
    [ "$(stat -c '%U %a' "$root/usr/bin/reeve")" = "root 755" ] || fail "mode of the programs"
    [ "$(chroot "$root" stat -c '%U %a' /var/lib/reeve)" = "reeve 700" ] || fail "the folder of the broker"
    [ -n "$(chroot "$root" ldconfig -p | grep 'libreeve.so.0 ')" ] || fail "the library is not found"
    [ -z "$(find "$root/etc/systemd/system" -name 'reeve*')" ] || fail "a service is enabled by itself"
    chroot "$root" python3 -c 'import reeve; reeve.Client' || fail "the module of Python"
}

root_ready "$folder"

root=$folder/packages
root_copy "$folder" packages
mkdir -p "$folder/archives/partial" "$root/packages"
cp "$packages"/*.deb "$here/first_minutes.sh" "$root/packages"
printf 'import reeve\n\n\n@reeve.handler("hello.greet")\ndef greet(name):\n    return f"Hello, {name}"\n' \
    >"$root/packages/hello.py"
cp -n "$folder"/archives/*.deb "$root/var/cache/apt/archives/" 2>/dev/null || true # of an earlier run
root_run "$root" --net timeout 60 apt-get -q update >"$folder/log" 2>&1 || skip "no package lists: $(tail -1 "$folder/log")"
names=()
for package in "$root"/packages/*.deb; do
    names+=("/packages/${package##*/}")
done
# What one builds with would bring half of a compiler: that it could be installed is enough.
quietly "install, simulated" in_apt install --simulate --no-install-recommends "${names[@]}"
rm "$root"/packages/libreeve-dev_*.deb
mapfile -t names < <(printf '%s\n' "${names[@]}" | grep -v libreeve-dev)
quietly "install" in_apt -o APT::Keep-Downloaded-Packages=1 install --no-install-recommends "${names[@]}"
cp -n "$root"/var/cache/apt/archives/*.deb "$folder/archives/" 2>/dev/null || true
whole
as_nobody sh /packages/first_minutes.sh /usr/bin
as_nobody sh /packages/first_minutes.sh /usr/bin /packages/hello.py
quietly "install again" in_apt install --reinstall --no-install-recommends "${names[@]}"
whole
mapfile -t ours < <(for package in "$root"/packages/*.deb; do dpkg-deb -f "$package" Package; done)
touch "$root/var/lib/reeve/store" # a purge takes it along
quietly "remove" in_apt remove "${ours[@]}"
[ ! -e "$root/usr/bin/reeve" ] || fail "removed, and there"
[ -e "$root/var/lib/reeve/store" ] || fail "a remove took the store"
quietly "purge" chroot "$root" dpkg --purge "${ours[@]}"
left=$(cd "$root" && find . -xdev -name '*reeve*' -not -path './packages/*' -not -path './proc/*' -not -path './var/cache/*' \
    -not -path './var/log/*')
[ -z "$left" ] || fail "a purge leaves $left"
rm -rf "$root"
echo "install: ${#ours[@]} packages"

root=$folder/archive
root_copy "$folder" archive
mkdir "$root/opt/unpacked"
tar -xzf "$packages"/reeve-*-linux-*.tar.gz -C "$root/opt/unpacked" --strip-components 1
cp "$here/first_minutes.sh" "$root/opt"
as_nobody sh /opt/first_minutes.sh /opt/unpacked/bin
# Moved, and called by a link.
mv "$root/opt/unpacked" "$root/opt/moved"
mkdir "$root/opt/links"
ln -s ../moved/bin/reeve "$root/opt/links/reeve"
as_nobody sh /opt/first_minutes.sh /opt/links
rm -rf "$root"
echo "install: $(basename "$packages"/reeve-*-linux-*.tar.gz) runs where it is unpacked"
