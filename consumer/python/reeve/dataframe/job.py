# SPDX-License-Identifier: Apache-2.0
"""job: one dataframe job, from its request to its answer: in a process of its own, watched until nothing of it is left.

The process is forked from a server that has Dask loaded already (the standard library's fork server), so it is fresh and
there at once. What the user's file does to it is the file's own affair: it may crash, fork, fill the memory or print for
ever; the job then fails with a sentence about that, and the next one finds everything as it was.
"""
from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from reeve.dataframe import processes
from reeve.dataframe.roots import BadRequest, Place, Roots

LOOK_S = 0.05  # between two looks at the memory, and at whether the job was cancelled
LOOKS_APART = 3  # times as long as the last one took, which is long where processes share much
READ_BYTES = 1 << 16
WORD_BYTES = 1 << 16  # of what comes down the pipe
PROCESSES_MAX = 64  # of a job at once: more is a mistake, and the machine's end
TAIL_BYTES = 4096  # kept of what was printed
MIB = 1 << 20
STARTS_MAX = 10

Progress = Callable[[str, int, int], None]


class Failed(Exception):
    """The job fails, and this says why. printed: the end of what it has printed."""

    def __init__(self, text: str, printed: str = ""):
        super().__init__(text)
        self.printed = printed


class Cancelled(Exception):
    """The job was asked to stop, and nothing of it is left."""


class _Process:
    """The job's process as seen from outside. Nothing that comes from it is taken for true before it is looked at."""

    def __init__(self, place: Place, scheduler: str, context: Any):
        from reeve.dataframe.child import run

        self.place = place
        self.printed = b""
        self.said: list[Any] | None = None  # its last word
        self._words, words = context.Pipe(duplex=False)
        self._prints, prints = context.Pipe(duplex=False)
        os.set_blocking(self._prints.fileno(), False)
        self._open: list[Connection] = [self._words, self._prints]
        self._process = context.Process(target=run, args=(place, scheduler, words, prints))
        self._process.start()
        words.close()
        prints.close()
        self.pid: int = self._process.pid
        self.exit_code: int | None = None  # negative: killed by that signal

    def wait(self, progress: Progress) -> None:
        ready = wait([*self._open, self._process.sentinel], LOOK_S)
        if self._prints in ready:
            self._read()
        if self._words in ready:
            self._listen(progress)
        self.exit_code = self._process.exitcode

    def tree(self) -> list[int]:
        """It and all that it has started; Failed when that is too much."""
        pids = processes.tree(self.pid)
        if len(pids) > PROCESSES_MAX:
            raise Failed(f"{self.place.file.name} started more than {PROCESSES_MAX} processes")
        return pids

    def end(self, progress: Progress) -> None:
        """Returns when it has ended."""
        if self.exit_code is None:
            processes.end(processes.tree(self.pid))
        while self.exit_code is None:
            self.wait(progress)

    def close(self, progress: Progress, others: set[int]) -> None:
        """Ends what it has left behind, all children of ours but the others; takes what is still in the pipes."""
        processes.end_orphans(others)
        while self._open:  # one that holds them may become ours a moment after the end
            self.wait(progress)
            processes.end_orphans(others)
        self._process.join()
        self._process.close()

    def _end(self, pipe: Connection) -> None:
        self._open.remove(pipe)
        pipe.close()

    def _read(self) -> None:
        data = os.read(self._prints.fileno(), READ_BYTES)
        self.printed = (self.printed + data)[-TAIL_BYTES:]
        if not data:
            self._end(self._prints)

    def _listen(self, progress: Progress) -> None:
        try:
            word = json.loads(self._words.recv_bytes(WORD_BYTES))
        except (EOFError, OSError, ValueError):  # the end, or nothing that we could have sent
            self._end(self._words)
            return
        match word:
            case ["at", str(stage), int(done), int(count)]:
                progress(stage, done, count)
            case ["done" | "failed", str()]:
                self.said = word


class Runner:
    """Runs jobs one after the other, in a process that does nothing else: all children it ever has are theirs."""

    def __init__(self, roots: Roots, limit_bytes: int = 0, scheduler: str = ""):
        """limit_bytes: of memory that a job may have; 0: any. scheduler: of a Dask cluster; "": Dask's threads here."""
        self._roots, self._limit_bytes, self._scheduler = roots, limit_bytes, scheduler
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["reeve.dataframe.server"])
        # The server is an interpreter of its own: only this tells it where we are from.
        here = str(Path(__file__).parents[2])
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [here, os.environ.get("PYTHONPATH")]))
        processes.adopt_orphans()
        forkserver.ensure_running()

    def run(self, request: Any, progress: Progress, cancelled: Callable[[], bool]) -> dict[str, str]:
        """The answer to {"Directory", "Base", "File"}: {"Directory", "File"}, as contracts of the JSON door have it.

        progress(stage, done, all) is told how it gets on; cancelled() is asked all the time. Raises Failed, Cancelled.
        """
        try:
            place = self._roots.place(request)
        except BadRequest as bad:
            raise Failed(str(bad)) from None
        process, ours = self._start(place)
        try:
            self._watch(process, progress, cancelled)
        finally:
            process.end(progress)
            process.close(progress, ours)
        return {"Directory": request["Directory"], "File": place.name + self._ending(process)}

    def _start(self, place: Place) -> tuple[_Process, set[int]]:
        """And those children of ours that are not its. The job before may have ended the fork server, which may not be gone yet."""
        for _ in range(STARTS_MAX):
            forkserver.ensure_running()
            ours = set(processes.children(os.getpid()))
            try:
                return _Process(place, self._scheduler, self._context), ours
            except (ConnectionError, EOFError):
                os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)  # until it is; the next look at it reaps it
        raise Failed("no process can be started for a job: the fork server does not stay")

    def _watch(self, process: _Process, progress: Progress, cancelled: Callable[[], bool]) -> None:
        look_at = 0.0
        while process.exit_code is None:
            process.wait(progress)
            if cancelled():
                raise Cancelled
            if (started := time.monotonic()) >= look_at:
                self._look(process)
                look_at = time.monotonic() + LOOKS_APART * (time.monotonic() - started)

    def _look(self, process: _Process) -> None:
        pids = process.tree()
        if not self._limit_bytes or sum(map(processes.resident_bytes, pids)) <= self._limit_bytes:
            return
        own = 0
        for pid in pids:
            own += processes.own_bytes(pid)
            if own > self._limit_bytes:
                raise Failed(f"{process.place.file.name} needed more memory than its slot has, "
                             f"{self._limit_bytes // MIB} MiB")
            process.tree()  # who forks without end is not to be counted without end

    @staticmethod
    def _ending(process: _Process) -> str:
        match process.said:
            case ["done", ".parquet" | ".txt" as ending]:
                return ending  # type: ignore[no-any-return]
            case ["failed", text]:
                raise Failed(text, process.printed.decode(errors="replace"))
        raise Failed(_ended(process), process.printed.decode(errors="replace"))


def _ended(process: _Process) -> str:
    code, name = process.exit_code, process.place.file.name
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return f"{name}: its process was killed by {signal.Signals(-code).name}"
    return f"{name} ended its process before it had an answer (exit code {code})"
