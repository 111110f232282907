# SPDX-License-Identifier: Apache-2.0
"""grpc_python: a Python with grpcio, which Debian's has not; and the stubs that gRPC's own tools make of proto/*.proto."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import pypi  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[3]
PACKAGES = ["grpcio==1.*", "grpcio-tools==1.*", "grpcio-reflection==1.*", "grpcio-health-checking==1.*", "msgpack",
            "pyzmq"]


def enter():
    """The program goes on in that Python."""
    pypi.enter("grpc-python", PACKAGES)


def make_stubs(folder):
    """fin_pb2, todo_pb2, their _grpc, ... in that folder, to be imported."""
    names = ["fin.proto", "todo.proto", "rto.proto"]
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}", f"--python_out={folder}",
                    f"--grpc_python_out={folder}", *names], check=True)
