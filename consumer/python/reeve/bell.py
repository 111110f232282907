# SPDX-License-Identifier: Apache-2.0
"""bell: jobs over the socket of a slot, one at a time (PROTOCOL.md, section 14). Needs nothing but Python."""
from __future__ import annotations

import os
import socket
from typing import Any

import msgpack

from reeve import wire

GREETING = b"reeve slot 1\n"
CHUNK = 64 << 10
RUN, FLAG, ANSWER, NOTE = (wire.RECORDS[name].number for name in ("run", "flag", "answer", "note"))

Run = tuple[int, int, bytes, int, int]  # job, method, arguments, attempt, its time limit in ms


class Gone(Exception):
    """The worker has closed its end."""


class Bell:
    def __init__(self, bell: socket.socket, memory: int):
        os.close(memory)
        self.socket = bell
        self.data = bytearray()
        self.number = -1  # of the job that runs
        self.flagged = False
        bell.sendall(GREETING)

    def take(self) -> list[Any] | None:
        """The next record of the bytes that are here."""
        size = int.from_bytes(self.data[:4], "big")
        if len(self.data) < 4 or len(self.data) < 4 + size:
            return None
        record = msgpack.unpackb(self.data[4:4 + size])
        del self.data[:4 + size]
        return record  # type: ignore[no-any-return]

    def more(self, flags: int = 0) -> None:
        try:
            got = self.socket.recv(CHUNK, flags)
        except ConnectionResetError:
            got = b""
        if not got:
            raise Gone
        self.data += got

    def next(self) -> Run:
        """The next job, which is waited for. Flags for jobs that are over come too, and mean nothing."""
        while (record := self.take()) is None or record[0] != RUN:
            if record is None:
                self.more()
        _, self.number, method, args, job, attempt, limit_ms = (record + [0] * 3)[:7]
        self.flagged = False
        return int.from_bytes(job, "big") if job else 0, method, args, attempt, limit_ms

    def answer(self, status: int, value: bytes) -> None:
        self.say([ANSWER, self.number, status, value])

    def note(self, value: bytes) -> None:
        self.say([NOTE, self.number, value])

    def say(self, fields: list[Any]) -> None:
        record = msgpack.packb(fields)
        try:
            self.socket.sendall(len(record).to_bytes(4, "big") + record)
        except BrokenPipeError as error:
            raise Gone from error

    def cancelled(self) -> bool:
        """Looks at what has come, without waiting."""
        try:
            while not self.flagged:
                self.more(socket.MSG_DONTWAIT)
                while (record := self.take()) is not None:
                    self.flagged |= record[0] == FLAG and record[1] == self.number
        except BlockingIOError:
            pass
        return self.flagged
