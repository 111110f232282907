#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# test_install.sh BUILD FOLDER CC [FLAG...]: installs the build into FOLDER, builds the example
# against it through pkg-config (shared and static) and through find_package, and runs it without a
# farm: the handler answers by hand, the client says that there is no broker.
set -eu

build=$1
folder=$2
cc=$3
shift 3
example=$(cd "$(dirname "$0")/example" && pwd)
prefix=$folder/prefix

fail() {
    echo "install: $*" >&2
    exit 1
}

# runs HELLO ASK PI: each does what it does without a farm
runs() {
    answer=$("$1" --call hello.greet World)
    [ "$answer" = "Hello, World!" ] || fail "$1 said: $answer"
    "$1" --offers | grep -qx hello.greet || fail "$1 does not offer hello.greet"
    "$3" --offers | grep -qx pi.estimate || fail "$3 does not offer pi.estimate"
    answer=$("$3" --call pi.throw 1 1000)
    [ "$answer" -gt 700 ] && [ "$answer" -lt 870 ] || fail "$3 said: $answer"
    status=0
    REEVE_BROKER=ipc://"$folder"/nobody "$2" hello.greet '["World"]' 2>"$folder/said" || status=$?
    [ $status -eq 18 ] || fail "$2 without a broker: exit $status"
    grep -q 'no broker answers' "$folder/said" || fail "$2 said: $(cat "$folder/said")"
}

rm -rf "$folder"
mkdir -p "$folder"
cmake --install "$build" --prefix "$prefix" >"$folder/install.log"
libdir=$(dirname "$(find "$prefix" -name libreeve.so -print -quit)")
export PKG_CONFIG_PATH="$libdir/pkgconfig" LD_LIBRARY_PATH="$libdir"

# Nothing but our own names is exported, and the library is known by its interface's number.
nm -D --defined-only "$libdir/libreeve.so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' |
    grep -v '^reeve_' && fail "libreeve.so exports names that are not reeve_*"
readelf -d "$libdir/libreeve.so" | grep -q 'SONAME.*\[libreeve.so.0\]' || fail "SONAME"

for kind in shared static; do
    mkdir "$folder/$kind"
    for program in hello ask pi; do
        if [ $kind = static ]; then
            # Of our own library the archive; of what it needs the shared libraries, because some
            # of their archives need archives that Debian does not have.
            # shellcheck disable=SC2046
            libs="-L$libdir -l:libreeve.a -lm -pthread \
                $(pkg-config --libs $(pkg-config --print-requires-private reeve))"
        else
            libs=$(pkg-config --libs reeve)
        fi
        # shellcheck disable=SC2046,SC2086 # lists of flags
        "$cc" "$@" -Wall -Werror -o "$folder/$kind/$program" "$example/$program.c" \
            $(pkg-config --cflags reeve) $libs
    done
    runs "$folder/$kind/hello" "$folder/$kind/ask" "$folder/$kind/pi"
done
readelf -d "$folder/static/ask" | grep -q 'libreeve.so' && fail "static: linked the shared library"

cmake -G Ninja -S "$example" -B "$folder/cmake" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" \
    -DCMAKE_C_FLAGS="$*" >"$folder/cmake.log"
cmake --build "$folder/cmake" >>"$folder/cmake.log"
runs "$folder/cmake/hello" "$folder/cmake/ask" "$folder/cmake/pi"
echo "install: pkg-config (shared, static) and find_package work"
