# SPDX-License-Identifier: Apache-2.0
"""slot: serves the slot whose descriptors were inherited: one job at a time over the socket (PROTOCOL.md, section 14).

The process belongs to its worker. It may be ended at any moment, and an exception of a handler ends its job only.
"""
from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import traceback
from typing import Any, Sequence

import msgpack

from reeve import wire
from reeve.errors import Failure
from reeve.handlers import Cancelled, Handler, Job, enter
from reeve.values import VALUE_BYTES_MAX, pack, unpack
from reeve.verdicts import Verdict

GREETING = b"reeve slot 1\n"
OK, FAILED, TOO_LARGE, VERDICT = 0, 1, 2, 3
CHUNK = 64 << 10
ERROR_TEXT_MAX = 32 << 10
RUN, FLAG, ANSWER = (wire.RECORDS[name].number for name in ("run", "flag", "answer"))


class Gone(Exception):
    """The worker has closed its end."""


class Bell:
    """Frames over the socket."""

    def __init__(self, bell: socket.socket):
        self.socket = bell
        self.data = bytearray()
        self.flagged: set[int] = set()

    def send(self, record: bytes) -> None:
        self.socket.sendall(len(record).to_bytes(4, "big") + record)

    def take(self) -> list[Any] | None:
        """The next record of the bytes that are here."""
        if len(self.data) < 4:
            return None
        size = int.from_bytes(self.data[:4], "big")
        if len(self.data) < 4 + size:
            return None
        record = msgpack.unpackb(self.data[4:4 + size])
        del self.data[:4 + size]
        return record  # type: ignore[no-any-return]

    def more(self, flags: int = 0) -> None:
        got = self.socket.recv(CHUNK, flags)
        if not got:
            raise Gone
        self.data += got

    def next_run(self) -> list[Any]:
        """The next job, which is waited for. Flags for jobs that are over come too, and mean nothing."""
        self.flagged.clear()
        while True:
            record = self.take()
            if record is None:
                self.more()
            elif record[0] == RUN:
                return record

    def is_flagged(self, number: int) -> bool:
        """Has it been asked to stop? Looks at what has come, without waiting."""
        try:
            while True:
                self.more(socket.MSG_DONTWAIT)
        except BlockingIOError:
            pass
        while (record := self.take()) is not None:
            if record[0] == FLAG:
                self.flagged.add(record[1])
        return number in self.flagged


class Running:
    """A job's view of its slot."""

    def __init__(self, bell: Bell, number: int):
        self.bell, self.number = bell, number

    def flagged(self) -> bool:
        return self.bell.is_flagged(self.number)


def error_text(error: BaseException, skip: int) -> str:
    """Type and message, then the traceback without the first `skip` frames, which are ours."""
    frames = error.__traceback__
    for _ in range(skip):
        frames = frames.tb_next if frames else None
    told = traceback.TracebackException(type(error), error, frames)
    head = "".join(told.format_exception_only()).rstrip()
    text = head + "\n\n" + "".join(told.format()).rstrip()
    if len(text) > ERROR_TEXT_MAX:
        half = ERROR_TEXT_MAX // 2
        text = f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
    return text


def outcome(handler: Handler, args: bytes) -> tuple[int, bytes]:
    """Status and value of one call."""
    try:
        result = handler.function(*unpack(args))
        if isinstance(result, Verdict):
            return VERDICT, result.record()
        value = pack(result)
    except Cancelled:
        return FAILED, pack("cancelled")
    except Failure as failure:
        return FAILED, pack(str(failure))
    except SystemExit:
        raise  # as in any program: the process ends, and the job's attempt with it
    except BaseException as error:
        return FAILED, pack(error_text(error, 1).encode("utf-8", "backslashreplace").decode())
    return (OK, value) if len(value) <= VALUE_BYTES_MAX else (TOO_LARGE, b"")


def stop(number: int, frame: object) -> None:
    """TERM: cleaning up is what the time before KILL is for."""
    raise SystemExit(128 + number)


def prepare() -> Bell:
    """Takes over what was inherited."""
    bell, memory = (int(word) for word in os.environ.pop("REEVE_SLOT").split(","))
    os.close(memory)
    os.set_inheritable(bell, False)  # programs that a handler starts are not to hold it
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at a terminal is for the worker, who drains
    signal.signal(signal.SIGTERM, stop)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    return Bell(socket.socket(fileno=bell))


def serve(handlers: Sequence[Handler]) -> None:
    """Until the worker ends it."""
    bell = prepare()
    home = os.getpid()
    bell.socket.sendall(GREETING)
    try:
        while True:
            _, number, method, args, job, *rest = *bell.next_run(), *[0] * 3
            attempt, limit_ms = rest[0] or 1, rest[1]
            if method < len(handlers):
                enter(Job(wire.job_text(int.from_bytes(job, "big")) if job else "", handlers[method].name, attempt,
                          limit_ms / 1000 or None, Running(bell, number)))
                status, value = outcome(handlers[method], args)
                enter(None)
            else:
                status, value = FAILED, pack(f"this program has no method number {method}")
            if os.getpid() != home:
                os._exit(1)  # a handler has forked, and its child returned
            bell.send(msgpack.packb([ANSWER, number, status, value]))
    except (Gone, BrokenPipeError, ConnectionResetError):
        pass
