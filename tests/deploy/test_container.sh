#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# test_container.sh PACKAGES FOLDER: what the container file does to a clean Debian in its last stage,
# done to one: its commands as they stand there, then its command by its user, until its health check
# is content. No container program is needed; what only that would see (the image names, COPY) is not.
set -euo pipefail

packages=$1
folder=$2
here=$(cd "$(dirname "$0")" && pwd)
file=$here/../../deploy/container/Containerfile
. "$here/clean_root.sh"

fail() {
    echo "container: $*" >&2
    exit 1
}

# of INSTRUCTION: what stands behind it in the last stage, each line whole.
of() {
    sed -e ':more' -e '/\\$/{N;s/\\\n//;b more' -e '}' "$file" |
        awk -v word="$1" '/^FROM / { text = "" } $1 == word { sub(/^[A-Z]+ +/, ""); text = text $0 "\n" } END { printf "%s", text }'
}

# words JSON: one a line.
words() {
    /usr/bin/python3 -c 'import json, sys; print("\n".join(json.loads(sys.argv[1])))' "$1"
}

root_ready "$folder"
root=$folder/container
trap 'rm -rf "$root"' EXIT
root_copy "$folder" container
mkdir "$root/packages"
cp "$packages"/*.deb "$root/packages"
cp -n "$folder"/archives/*.deb "$root/var/cache/apt/archives/" 2>/dev/null || true # of an earlier run
run=$(of RUN)
[ -n "$run" ] || fail "no RUN in the last stage"
root_run "$root" --net timeout 60 apt-get -q update >"$folder/container.log" 2>&1 ||
    skip "no package lists: $(tail -1 "$folder/container.log")"
root_run "$root" --net env DEBIAN_FRONTEND=noninteractive sh -ec "$run" >"$folder/container.log" 2>&1 || {
    cat "$folder/container.log" >&2
    fail "RUN"
}

mapfile -t command < <(words "$(of CMD)")
mapfile -t health < <(words "$(of HEALTHCHECK | sed 's/.*CMD //')")
read -ra environment <<<"$(of ENV)"
[ "${#command[@]}" -gt 0 ] && [ "${#health[@]}" -gt 0 ] && [ "${#environment[@]}" -gt 0 ] || fail "CMD, HEALTHCHECK or ENV"
cat >"$root/check.sh" <<'SH'
# check.sh COMMAND -- HEALTH: both as words.
command=() health=()
while [ "$1" != -- ]; do command+=("$1"); shift; done
shift
health=("$@")
cd "$HOME"
! "${health[@]}" 2>/dev/null || exit 1 # before there is a farm
"${command[@]}" &
farm=$!
end=$((SECONDS + 60))
until "${health[@]}"; do [ $SECONDS -lt $end ] || exit 1; done
until [ "$(reeve call --wait 10 --wait-for-handler calculator.calculate 2 + 2)" = 4 ]; do [ $SECONDS -lt $end ] || exit 1; done
! touch /usr/bin/mine 2>/dev/null || exit 1
kill -TERM $farm
wait $farm
SH
user=$(of USER)
root_run "$root" setpriv --reuid "${user%:*}" --regid "${user#*:}" --clear-groups env "${environment[@]}" \
    bash /check.sh "${command[@]}" -- "${health[@]}" >"$folder/container.log" 2>&1 || {
    cat "$folder/container.log" >&2
    fail "the farm"
}
echo "container: a farm as user $user, and its health check"
