#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# setup.sh [--tests] [--python]: installs the Debian packages that building and running Reeve
# needs (nothing when they are there; otherwise root or sudo), then builds Release what is checked out:
# programs in build/bin, handler programs in build/libexec/reeve. --tests adds what tests/run.sh
# needs, --python an environment for Python handlers and clients, build/venv. Prints a line a step;
# the output of a step that failed is printed whole.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

# package                   why
packages='
    gcc                     the compiler
    libc6-dev               the C library to compile against
    cmake                   the build is described for it
    ninja-build             and run by it
    pkg-config              finds the libraries below
    libzmq3-dev             every socket of the farm
    libczmq-dev             files of settings
    libmsgpack-dev          values: arguments and results
    libjansson-dev          JSON on the command line
    libsqlite3-dev          the durable store
    libgmp-dev              exact integers of calculator and fibonacci_generator
    libcminpack-dev         steady states of plant models
    libmuparser-dev         expressions: objectives, constraints, models of users
    libnlopt-dev            optimisers of sessions
    libseccomp-dev          which system calls a handler may make
    libmicrohttpd-dev       the web server of the gateway
    libjs-chart.js          the plots of its page, built into it
    libncurses-dev          reeve top
    libnghttp2-dev          HTTP/2 under the gRPC doors
    libprotobuf-c-dev       their messages
    protobuf-c-compiler     makes C of proto/*.proto
    protobuf-compiler       makes descriptors of them, for reflection
'
test_packages='
    clang                   the fuzz build and the analyzer
    libclang-rt-14-dev      sanitizers and libFuzzer for it
    clang-format            the format check
    python3                 the scenario tests, the tidy check and the golden vectors
    python3-msgpack         a second codec to compare with
    python3-zmq             a client that is not ours
    python3-hpack           reads header blocks: tests/scenario/frames.py
    python3-venv            an environment with grpcio from PyPI: real clients of the gRPC doors
    nghttp2-client          h2load: many calls of the gRPC doors
    git                     the tidy check asks it which files are ours
    strace                  tests/chaos: calls of the store that fail
    nftables                tests/chaos: packets that get lost
    iproute2                tests/chaos: the loopback of a network namespace
    faketime                tests/chaos: a wall clock that jumps
    e2fsprogs               tests/chaos: a disk that is full
    prometheus              promtool, which reads what /metrics says; the server is not started
    chromium                tests/web: the browser
    nodejs                  and what drives it; also a client of the gRPC doors
    npm                     from here
    golang-go               another such client
    golang-google-grpc-dev  its gRPC
    golang-goprotobuf-dev   and its messages
'
python_packages='
    python3                 handlers and clients, 3.11 or newer
    python3-venv            their environment
'
# From PyPI, into that environment.
pypi_packages='
    msgpack>=1.0.3          values and records
    pyzmq>=24               sockets of clients
    numpy>=1.24             arrays as values
    dask[dataframe]>=2026.8 dataframe.run
    distributed>=2026.8     the same on a cluster
    pyarrow>=20             its Parquet
'

usage='usage: deploy/setup.sh [--tests] [--python]
  --tests   also install what tests/run.sh needs
  --python  also make build/venv: Python with what handlers and clients need, from PyPI'

with_tests=
with_python=
for argument in "$@"; do
    case "$argument" in
    --tests) with_tests=1 ;;
    --python) with_python=1 ;;
    --help) echo "$usage"; exit 0 ;;
    *) echo "setup: unknown argument: $argument" >&2; echo "$usage" >&2; exit 2 ;;
    esac
done

say() { echo "setup: $*"; }

log=$(mktemp)
policy=/usr/sbin/policy-rc.d # what packages ask before they start a server
our_policy=
end() {
    rm -f "$log"
    [ -z "$our_policy" ] || as_root rm -f "$policy"
}
trap end EXIT

# quietly WHAT COMMAND...: the command's output is shown when it fails.
quietly() {
    local what=$1
    shift
    say "$what"
    if ! "$@" >"$log" 2>&1; then
        cat "$log" >&2
        echo "setup: failed: $what" >&2
        exit 1
    fi
}

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

# Some have a newer node from elsewhere, beside which Debian's cannot be installed.
node_there() {
    command -v node >/dev/null && command -v npm >/dev/null &&
        [ "$(node -p 'parseInt(process.versions.node) >= 18')" = true ]
}

needed() {
    case $1 in nodejs | npm) ! node_there || return 1 ;; esac
    ! installed "$1"
}

# Of prometheus a program is wanted, not the server that comes with it: not now, not at the next boot.
start_no_servers() {
    if [ ! -e "$policy" ]; then
        our_policy=1
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    [ ! -d /etc/systemd/system ] || as_root ln -sfn /dev/null /etc/systemd/system/prometheus.service
}

names() { awk 'NF { print $1 }' <<<"$1"; }

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    else
        sudo "$@"
    fi
}

install_missing() {
    local missing=() name
    for name in $(names "$packages") ${with_tests:+$(names "$test_packages")} \
        ${with_python:+$(names "$python_packages")}; do
        ! needed "$name" || missing+=("$name")
    done
    [ ${#missing[@]} -gt 0 ] || return 0
    if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null; then
        echo "setup: not root and no sudo; as root: apt-get install ${missing[*]}" >&2
        exit 1
    fi
    [[ " ${missing[*]} " != *" prometheus "* ]] || start_no_servers
    quietly "package lists" as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -o DPkg::Lock::Timeout=600 update
    quietly "packages: ${missing[*]}" as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q -y -o DPkg::Lock::Timeout=600 install --no-install-recommends "${missing[@]}"
}

build() {
    mkdir -p build
    exec 9>build/.setup-lock # two at once would write the same files
    flock 9
    quietly "configure (Release)" cmake --preset release
    quietly "build" cmake --build build
}

# The package of this tree is found by a path file, so that it is always the one that is checked out.
make_venv() {
    local wanted=() site
    readarray -t wanted < <(names "$pypi_packages")
    if [ "$(cat build/venv/.made 2>/dev/null)" != "${wanted[*]}" ]; then
        quietly "Python environment build/venv" /usr/bin/python3 -m venv --clear build/venv
        quietly "from PyPI: ${wanted[*]}" build/venv/bin/python -m pip install --quiet --retries 2 "${wanted[@]}"
        echo "${wanted[*]}" >build/venv/.made
    fi
    site=$(build/venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
    echo "$PWD/consumer/python" >"$site/reeve.pth"
}

install_missing
build
[ -z "$with_python" ] || make_venv
say "done: programs in build/bin"
