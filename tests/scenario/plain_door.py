# SPDX-License-Identifier: Apache-2.0
"""plain_door: connections to the doors that have no protocol around their texts: one request, one answer, the end."""
import resource
import socket

from farm import DEADLINE_S, Farm
from gateway import Gateway


def connect(port, receive_bytes=None):
    s = socket.socket()
    if receive_bytes:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    s.settimeout(DEADLINE_S)
    s.connect(("127.0.0.1", port))
    return s


def begin(port, request, half_close=False, **options):
    s = connect(port, **options)
    s.sendall(request)
    if half_close:
        s.shutdown(socket.SHUT_WR)
    return s


def reply(s):
    """All it says until it closes."""
    data = b""
    with s:
        while piece := s.recv(1 << 16):
            data += piece
    return data


def more_files():
    """Thousands of connections want as many descriptors, in the gateway too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))


class PlainFarm(Farm):
    def doors(self, *words):
        self.text_port, self.dask_port = self.port + 4, self.port + 5
        # What is freed is to be gone: its memory is measured.
        self.env["ASAN_OPTIONS"] = self.env.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"
        self.gateway = Gateway(self, "--doors", "text,dask", "--text-port", self.text_port, "--dask-port", self.dask_port,
                               *words)
        return self.gateway
