#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# machine.sh [PACKAGES [FOLDER]]: by hand; the services of the packages on a machine of their own, with
# the kernel of Debian, which a container does not have: cgroups that systemd delegates, Landlock, the
# units' confinement as they say it. The machine is emulated (qemu-system-x86; no virtualisation is
# needed), has no network and no disk: its system is unpacked into its memory. Some ten minutes.
set -euo pipefail

here=$(dirname "$(readlink -f "$0")")
packages=${1:-$here/../../build/packages}
folder=${2:-$here/../../build/packages-tests}
. "$here/booted.sh"

command -v qemu-system-x86_64 >/dev/null || skip "no qemu-system-x86"
command -v cpio >/dev/null || skip "no cpio"
root=$folder/machine
trap 'rm -rf "$root" "$root.cpio" "$root.kernel"' EXIT
booted_root "$packages" "$folder" machine
root_run "$root" --net sh -c 'cd /tmp && apt-get -q download "$(apt-cache depends linux-image-cloud-amd64 |
    sed -n "s/.*Depends: \(linux-image-6.*\)/\1/p")"' >>"$folder/machine.log" 2>&1 || skip "no kernel to be had"
dpkg-deb -x "$root"/tmp/linux-image-*.deb "$root.kernel"
rm -rf "$root"/tmp/*.deb "$root"/var/lib/apt/lists/* "$root"/usr/share/{doc,locale,man}
ln -sf /sbin/init "$root/init"
(cd "$root" && find . | cpio --quiet -o -H newc) >"$root.cpio"
# The serial line carries what the boot says, then what services.sh said and its status. The check of
# the timer takes an emulated one on a busy host for broken.
timeout 1500 qemu-system-x86_64 -machine accel=tcg -cpu max -smp 2 -m 3G -display none -serial stdio -no-reboot -nic none \
    -kernel "$root.kernel"/boot/vmlinuz-* -initrd "$root.cpio" -append "console=ttyS0 panic=-1 no_timer_check quiet" </dev/null |
    tr -d '\r' >"$folder/machine-boot.log" || true
grep '^services: ' "$folder/machine-boot.log" || { tail -60 "$folder/machine-boot.log" >&2; exit 1; }
[ "$(grep -E '^[0-9]+$' "$folder/machine-boot.log" | tail -1)" = 0 ] || { cat "$folder/machine-boot.log" >&2; exit 1; }
