#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# train.sh [ARGUMENT...]: makes polarity.weights and the reference of its test from the files in data/, with
# an environment of its own in build/polarity-venv (numpy and scipy from PyPI). Arguments go to train.py.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
venv=$here/../../../../build/polarity-venv
if [ ! -e "$venv/ready" ]; then
    python3 -m venv "$venv"
    "$venv/bin/pip" -q install -r "$here/requirements.txt"
    touch "$venv/ready"
fi
# One thread: the order of a sum is then always the same.
export OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 PYTHONHASHSEED=0
exec "$venv/bin/python" "$here/train.py" "$@"
