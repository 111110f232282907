# SPDX-License-Identifier: Apache-2.0
"""grpc_python: a Python with grpcio, which Debian's has not: an environment of its own in the build folder, made once
from PyPI; and the stubs that gRPC's own tools make of proto/*.proto."""
import fcntl
import os
import pathlib
import subprocess
import sys
import venv

ROOT = pathlib.Path(__file__).resolve().parents[3]
HOME = ROOT / "build" / "grpc-python"
PYTHON = HOME / "bin" / "python"
PACKAGES = ["grpcio==1.*", "grpcio-tools==1.*", "grpcio-reflection==1.*", "grpcio-health-checking==1.*", "msgpack",
            "pyzmq"]
SKIPPED = 77


def enter():
    """The program goes on in that Python. Without the packages, and without a network to fetch them, the test is skipped."""
    if pathlib.Path(sys.prefix) == HOME:
        return
    HOME.parent.mkdir(exist_ok=True)
    with open(HOME.parent / "grpc-python.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = HOME / "done"
        if not done.exists():
            venv.create(HOME, with_pip=True, clear=True)
            made = subprocess.run([PYTHON, "-m", "pip", "install", "--quiet", "--retries", "1", *PACKAGES])
            if made.returncode:
                print("skipped: grpcio is not here and cannot be fetched")
                sys.exit(SKIPPED)
            done.touch()
    os.execv(PYTHON, [PYTHON, *sys.argv])


def make_stubs(folder):
    """fin_pb2, todo_pb2, their _grpc, ... in that folder, to be imported."""
    names = ["fin.proto", "todo.proto", "rto.proto"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}", f"--python_out={folder}",
                    f"--grpc_python_out={folder}", *names], check=True)
