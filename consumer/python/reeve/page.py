# SPDX-License-Identifier: Apache-2.0
"""page: jobs from the memory that a slot shares with its worker, many a wake-up, through page.c."""
from __future__ import annotations

import ctypes
import mmap
import pathlib
import select
import socket
import struct

from reeve.bell import Gone, Run

NOTHING, STARTED, FROZEN = 0, 1, 2
FROZEN_MS = 100
JOB = struct.Struct("=QQQIIII")


class Page:
    """The runner's side of the page. OSError when the library is not to be had: nothing is taken over then."""

    def __init__(self, bell: socket.socket, memory: int, library: pathlib.Path):
        quick, waiting = ctypes.PyDLL(str(library)), ctypes.CDLL(str(library))  # the latter lets other threads run
        self.look = quick.python_page_look
        self.look.argtypes = [ctypes.c_void_p]
        self.done = waiting.python_page_done
        self.done.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_size_t]
        self.is_cancelled = quick.python_page_cancelled
        self.is_cancelled.argtypes = []
        self.take_note = quick.python_page_note
        self.take_note.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
        join = quick.python_page_join
        join.argtypes = [ctypes.c_int, ctypes.c_int]
        join.restype = ctypes.c_char_p
        self.bell = bell
        self.memory = mmap.mmap(memory, 0, prot=mmap.PROT_READ)
        error = join(bell.fileno(), memory)
        if error:
            raise RuntimeError(error.decode())
        self.job = ctypes.create_string_buffer(JOB.size)
        self.place = ctypes.addressof(self.job)

    def next(self) -> Run:
        """The next job, which is waited for; here, so that signals are seen while it is."""
        look, place = self.look, self.place
        while (seen := look(place)) != STARTED:
            if seen == FROZEN:
                select.select([self.bell], [], [], FROZEN_MS / 1000)
            elif not self.bell.recv(64):
                raise Gone
        job, offset, size, attempt, limit_ms, method, _ = JOB.unpack(self.job)
        return job, method, self.memory[offset:offset + size], attempt, limit_ms

    def answer(self, status: int, value: bytes) -> None:
        if not self.done(status, value, len(value)):
            raise Gone

    def note(self, value: bytes) -> None:
        self.take_note(value, len(value))

    def cancelled(self) -> bool:
        return bool(self.is_cancelled())
