# SPDX-License-Identifier: Apache-2.0
"""raw: connections to a reeve-gateway that say exactly what a test wants them to, and its event streams."""
import json
import pathlib
import re
import socket

from farm import DEADLINE_S
from gateway import Gateway


class Raw:
    """A connection that says exactly what the test wants it to."""

    def __init__(self, gateway, receive_bytes=None):
        self.gateway = gateway
        self.socket = socket.socket()
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect(("127.0.0.1", gateway.port))
        self.data = b""

    def send(self, data):
        self.socket.sendall(data)

    def more(self):
        """Waits for more bytes; False at the end."""
        try:
            got = self.socket.recv(1 << 16)
        except ConnectionResetError:
            got = b""
        self.data += got
        return bool(got)

    def until(self, mark):
        while mark not in self.data:
            assert self.more(), f"ended before {mark}: {self.data[-500:]}"
        head, self.data = self.data.split(mark, 1)
        return head

    def head(self):
        """Status and headers of the next answer."""
        lines = self.until(b"\r\n\r\n").decode().split("\r\n")
        return int(lines[0].split()[1]), dict(line.split(": ", 1) for line in lines[1:])

    def answer(self, body=True):
        status, headers = self.head()
        size = int(headers.get("Content-Length", 0)) if body else 0
        while len(self.data) < size:
            assert self.more(), "the body is cut short"
        text, self.data = self.data[:size], self.data[size:]
        return status, headers, text

    def ended(self):
        """The other side closes."""
        while self.more():
            pass
        return True

    def close(self):
        self.socket.close()


def request(gateway, method, path, *headers, token=True, host=None):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host or f'127.0.0.1:{gateway.port}'}", *headers]
    if token:
        lines.append(f"Authorization: Bearer {gateway.token}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def ask(gateway, method, path, *headers, **options):
    raw = Raw(gateway)
    raw.send(request(gateway, method, path, *headers, **options))
    answer = raw.answer(body=method != "HEAD")
    raw.close()
    return answer


class Stream:
    """Server-sent events; closed by close."""

    def __init__(self, gateway, query, *headers, receive_bytes=None):
        self.raw = Raw(gateway, receive_bytes)
        self.raw.send(request(gateway, "GET", f"/v1/updates?{query}", *headers))
        self.status, self.headers = self.raw.head()
        self.body = b""
        self.id = None
        if self.status == 200:
            assert self.headers["Content-Type"] == "text/event-stream", self.headers

    def text(self):
        """Appends the next chunk; False at a proper end."""
        size = int(self.raw.until(b"\r\n"), 16)
        while len(self.raw.data) < size + 2:
            assert self.raw.more(), "the stream is cut off"
        self.body += self.raw.data[:size]
        self.raw.data = self.raw.data[size + 2:]
        return size > 0

    def next(self, **wanted):
        """The next event with these fields; what comes before it is passed over."""
        while True:
            while b"\n\n" not in self.body:
                assert self.text(), "the stream has ended"
            block, self.body = self.body.split(b"\n\n", 1)
            fields = dict(line.split(": ", 1) for line in block.decode().split("\n") if ": " in line)
            if "data" not in fields:
                continue
            self.id = fields["id"]
            event = json.loads(fields["data"])
            if all(event.get(key) == value for key, value in wanted.items()):
                return event

    def close(self):
        self.raw.close()


def open_farm(farm, *words):
    # What is freed is to be gone: its memory is measured.
    farm.env["ASAN_OPTIONS"] = farm.env.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"
    farm.broker("--store", "memory")
    return Gateway(farm, *words)


def real_worker(farm):
    """A worker with the handlers that come with Reeve, once it has joined."""
    known = len(farm.workers())
    farm.start("reeve-worker", "--broker", f"tcp://127.0.0.1:{farm.port + 1}", "--slots", 2)
    farm.until(lambda: len(farm.workers()) > known, "a worker joins")


def figures(gateway):
    """{sample: number} of the metrics."""
    status, _, text = ask(gateway, "GET", "/metrics")
    assert status == 200, status
    return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
            for line in text.decode().splitlines() if not line.startswith("#")}


def resident_mib(gateway):
    """0 under TSan, whose shadow counts with it and is many times what the program holds."""
    if "libtsan" in pathlib.Path(f"/proc/{gateway.process.pid}/maps").read_text():
        return 0
    text = pathlib.Path(f"/proc/{gateway.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024


def untouched(farm, before):
    """The broker is the one it was, has met nothing it could not read, and works."""
    now = farm.json("status")
    assert now["broker"]["pid"] == before["broker"]["pid"], (before, now)
    assert now["totals"]["malformed"] == 0 and now["totals"]["submitted"] == before["totals"]["submitted"], now
    farm.check_alive()
