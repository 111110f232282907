#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# package.sh: builds what is checked out into build/packages: the Debian packages, and
# reeve-VERSION-linux-ARCH.tar.gz, which runs where it is unpacked. It carries the libraries that it
# needs but libc, whose version is then the oldest that it runs with. What it needs to run itself:
# deploy/setup.sh --tests.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

build=build/package
out=build/packages
stage=$build/stage
changelog=deploy/debian/changelog
release=$(dpkg-parsechangelog -l "$changelog" -S Version)
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -l "$changelog" -S Timestamp) # the same sources, the same bytes
export SOURCE_DATE_EPOCH

say() { echo "package: $*"; }

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# quietly WHAT COMMAND...: the command's output is shown when it fails.
quietly() {
    local what=$1
    shift
    say "$what"
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        echo "package: failed: $what" >&2
        exit 1
    fi
}

# Debian's flags for programs that face a network, and two that it has only later.
flags() {
    local flag
    export DEB_BUILD_MAINT_OPTIONS=hardening=+all
    dpkg-buildflags --get CFLAGS
    dpkg-buildflags --get CPPFLAGS
    for flag in -fstack-clash-protection -fcf-protection; do
        ! ${CC:-cc} "$flag" -c -x c -o /dev/null /dev/null 2>/dev/null || echo "$flag"
    done
}

configure() {
    cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE= \
        -DCMAKE_C_FLAGS="$(flags | tr '\n' ' ')" \
        -DCMAKE_EXE_LINKER_FLAGS="$(DEB_BUILD_MAINT_OPTIONS=hardening=+all dpkg-buildflags --get LDFLAGS)" \
        -DCMAKE_SHARED_LINKER_FLAGS="$(dpkg-buildflags --get LDFLAGS)" \
        -DCMAKE_MODULE_LINKER_FLAGS="$(dpkg-buildflags --get LDFLAGS)" \
        -DCMAKE_INSTALL_PREFIX=/usr -DREEVE_PACKAGES=ON
}

packages() {
    rm -rf "$out"
    mkdir -p "$out"
    (cd "$build" && cpack -G DEB -B ../packages)
    rm -rf "$out/_CPack_Packages"
}

# Whether a file is a program or a library.
is_elf() {
    [ "$(head -c 4 "$1" | tr -d '\0')" = $'\x7fELF' ]
}

# carry FOLDER: the libraries that the programs of an install need, into its lib, with what their
# packages say of copyright. Of libc a machine has its own.
carry() {
    local folder=$1 file from package
    find "$folder/bin" "$folder/libexec" -type f | while read -r file; do
        ! is_elf "$file" || ldd "$file"
    done | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | sort -u |
        while read -r from; do
            case ${from##*/} in
            libc.so.* | libm.so.* | libpthread.so.* | libdl.so.* | librt.so.* | libresolv.so.*) continue ;;
            esac
            install -m 644 -D "$from" "$folder/lib/${from##*/}"
            package=$(dpkg -S "$(readlink -f "$from")" "$from" 2>/dev/null | sed -n '1s/:.*//p')
            install -m 644 -D "/usr/share/doc/$package/copyright" "$folder/share/doc/libraries/$package"
        done
}

# find_own FOLDER: each program looks for libraries beside itself first. RPATH and not RUNPATH: it
# holds for the libraries of the libraries too.
find_own() {
    local folder=$1 file up
    find "$folder/bin" "$folder/libexec" -type f | while read -r file; do
        is_elf "$file" || continue
        up=$(dirname "${file#"$folder/"}" | sed 's|[^/]\+|..|g')
        patchelf --force-rpath --set-rpath "\$ORIGIN/$up/lib" "$file"
    done
}

archive() {
    local name part version
    version=${release%-*}
    name=reeve-$version-linux-$(uname -m)
    rm -rf "$stage"
    for part in broker worker gateway tools python common; do
        cmake --install "$build" --prefix "$PWD/$stage/$name" --component $part --strip
    done
    # What belongs to a Debian system only.
    (cd "$stage/$name" && rm -rf lib share/lintian share/doc/reeve-* share/doc/python3-reeve)
    install -m 644 -D LICENSE README.md CHANGELOG.md deploy/RUNBOOK.md proto/PROTOCOL.md deploy/debian/copyright \
        -t "$stage/$name/share/doc/reeve"
    carry "$stage/$name"
    find_own "$stage/$name"
    tar -C "$stage" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf - "$name" |
        gzip -9n >"$out/$name.tar.gz"
    rm -rf "$stage"
}

quietly "configure" configure
quietly "build" cmake --build "$build"
quietly "Debian packages" packages
quietly "archive" archive
say "done:"
(cd "$out" && du -h -- *)
