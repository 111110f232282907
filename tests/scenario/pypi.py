# SPDX-License-Identifier: Apache-2.0
"""pypi: an environment with packages that Debian's Python has not, in the build folder, made once from PyPI."""
import fcntl
import os
import pathlib
import subprocess
import sys
import venv

BUILD = pathlib.Path(__file__).resolve().parents[2] / "build"
SKIPPED = 77


def enter(name, packages):
    """The program goes on in the Python of build/NAME. Without the packages, and without a network to fetch them, the
    test is skipped."""
    home = BUILD / name
    python = home / "bin" / "python"
    if pathlib.Path(sys.prefix) == home:
        return
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = home / "done"
        wanted = "\n".join(packages)
        if not done.exists() or done.read_text() != wanted:
            venv.create(home, with_pip=True, clear=True)
            made = subprocess.run([python, "-m", "pip", "install", "--quiet", "--retries", "1", *packages])
            if made.returncode:
                print(f"skipped: {' '.join(packages)} are not here and cannot be fetched")
                sys.exit(SKIPPED)
            done.write_text(wanted)
    os.execv(python, [python, *sys.argv])
