#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_units.sh PACKAGES FOLDER: the units, as the packages have them: systemd reads them without a
# word, and finds them shut in. A score is from 0 (nothing is open) to 10; what stays open is the
# network, which is what these programs are for, and at the worker what other people's code may need:
# memory that it writes and runs, cgroups of its slots, all of /proc. Each bound lies just above.
set -euo pipefail

packages=$1
root=$2/units

rm -rf "$root"
mkdir -p "$root"
for package in "$packages"/reeve-{broker,worker,gateway}_*.deb; do
    dpkg-deb -x "$package" "$root"
done
# What a system has: targets, and a shell to send the signal of a reload with.
cp -r /lib/systemd/system/*.target -t "$root/usr/lib/systemd/system"
mkdir "$root/bin"
cp /bin/sh "$root/bin"

said=$(systemd-analyze verify --man=no --root="$root" \
    reeve-broker.service reeve-gateway.service reeve-worker@main.service 2>&1) || {
    echo "units: $said" >&2
    exit 1
}
if [ -n "$said" ]; then # an unknown word in a unit is only a warning
    echo "units: $said" >&2
    exit 1
fi

failed=0
while read -r unit bound; do
    if systemd-analyze security --no-pager --offline=true --root="$root" --threshold="$bound" "$unit" >"$root/said"; then
        grep 'Overall' "$root/said"
    else
        grep '✗\|Overall' "$root/said" >&2
        echo "units: $unit: above its bound, $((bound / 10)).$((bound % 10))" >&2
        failed=1
    fi
done <<UNITS
reeve-broker.service 13
reeve-gateway.service 13
reeve-worker@main.service 19
UNITS
exit $failed
