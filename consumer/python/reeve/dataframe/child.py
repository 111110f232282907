# SPDX-License-Identifier: Apache-2.0
"""child: what happens in a job's own process: load the base, call the user's main(), store what it returns.

It runs in a process made for the job (job.py), which may do with it what it likes: nothing here is to be trusted by the
one who started it. What there is to say goes down a pipe, as JSON: ["at", stage, done, all] while it works, and last
["done", ending] or ["failed", text].
"""
from __future__ import annotations

import contextlib
import json
import os
import re
import runpy
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
from dask.callbacks import Callback
from distributed import Client  # Dask imports it with the first computation anyway: better before the fork

from reeve.dataframe import processes
from reeve.dataframe.answer import store
from reeve.dataframe.roots import Place

PART_BYTES = "32MiB"  # of a partition: what a thread holds; measured faster than Dask's default, in half the memory
TELL_S = 0.1
CLUSTER_WAIT = "10s"
TEXT_MAX = 2000  # characters of a reason
AROUND = re.compile(r"^(.*?Original Message: )?(.*?Could not open Parquet input source '.*?': )?")
DASK = Path(dask.__file__).parent


class Refused(Exception):
    """The job fails with this text."""


def _say(pipe: Connection, *word: str | int) -> None:
    pipe.send_bytes(json.dumps(word).encode())


class Teller:
    """Says how far it has come, not more often than anybody wants to know."""

    def __init__(self, pipe: Connection):
        self._pipe, self._told = pipe, 0.0

    def at(self, stage: str, done: int = 0, count: int = 0) -> None:
        now = time.monotonic()
        if done in (0, count) or now - self._told >= TELL_S:
            self._told = now
            _say(self._pipe, "at", stage, done, count)


class Counting(Callback):  # type: ignore[misc]
    """Tells of each graph that Dask works off in this process."""

    def __init__(self, teller: Teller):
        super().__init__()
        self._teller, self._done, self._count = teller, 0, 0

    def _start_state(self, graph: Any, state: Any) -> None:
        self._done, self._count = 0, sum(len(state[kind]) for kind in ("ready", "waiting"))

    def _posttask(self, key: Any, result: Any, graph: Any, state: Any, worker: Any) -> None:
        self._done += 1
        self._teller.at("computing", self._done, self._count)


@contextlib.contextmanager
def _scheduler(address: str, teller: Teller) -> Iterator[Any]:
    """Where it is computed: a cluster's client, or None for the threads of this process."""
    if not address:
        threads = len(os.sched_getaffinity(0))
        with dask.config.set(scheduler="threads", num_workers=threads), Counting(teller):
            yield None
        return
    try:
        client = Client(address, timeout=CLUSTER_WAIT, set_as_default=True)
    except (OSError, ValueError) as error:
        raise Refused(f"the Dask scheduler {address} does not answer: {error}") from error
    with client:
        yield client


def _load(place: Place) -> Any:
    try:
        return dd.read_parquet(place.base, blocksize=PART_BYTES)
    except Exception as error:
        raise Refused(_unreadable(place, error)) from error


def _main(place: Place) -> Callable[[Any], Any]:
    sys.path.insert(0, str(place.file.parent))
    names = runpy.run_path(str(place.file))
    if not callable(names.get("main")):
        raise Refused(f"{place.file.name} has no function main(ddf)")
    return names["main"]  # type: ignore[no-any-return]


def _unreadable(place: Place, error: BaseException) -> str:
    """What is wrong with the base, without what Dask and pyarrow say around it."""
    return f"Base {place.base.name} cannot be read as Parquet: {AROUND.sub('', ' '.join(str(error).split()))}"


def _said(error: BaseException) -> str:
    text = str(error).strip()
    if not text and isinstance(error, MemoryError):
        text = "its slot has no more memory"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _blame(error: BaseException, place: Place) -> str:
    """Which line of the user's file it was, when it was one."""
    if isinstance(error, SyntaxError) and error.filename == str(place.file):
        return f"{place.file.name}, line {error.lineno}: {type(error).__name__}: {error.msg}"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename == str(place.file)]
    said = _unreadable(place, error) if any(map(_reads_parquet, frames)) else _said(error)
    return f"{place.file.name}{f', line {lines[-1]}' if lines else ''}: {said}"


def _reads_parquet(frame: traceback.FrameSummary) -> bool:
    """Dask does so only for the base, unless the file asks it to read another."""
    path = Path(frame.filename)
    return path.is_relative_to(DASK) and "parquet" in path.parts[-2:] + (path.stem,)


def _work(place: Place, scheduler: str, pipe: Connection) -> list[str]:
    teller = Teller(pipe)
    try:
        teller.at("loading")
        with _scheduler(scheduler, teller) as client:
            frame = _load(place)
            result = _main(place)(frame)
            return ["done", store(result, place.answer, client)]
    except Refused as refused:
        return ["failed", str(refused)[:TEXT_MAX]]
    except BaseException as error:  # also SystemExit: it is the user's file that says so
        traceback.print_exc()
        return ["failed", _blame(error, place)[:TEXT_MAX]]


def _settle(place: Place, output: Connection) -> None:
    """A process of its own: nothing to read, what it prints is kept apart, and none of the farm's settings."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for standard in (1, 2):
        os.dup2(output.fileno(), standard)
    output.close()
    for name in [name for name in os.environ if name.startswith("REEVE_")]:
        del os.environ[name]
    os.chdir(place.directory)


def run(place: Place, scheduler: str, pipe: Connection, output: Connection) -> None:
    """The process' whole life. scheduler: the address of a cluster's; "": it computes here."""
    processes.die_with_parent()
    _settle(place, output)
    said = _work(place, scheduler, pipe)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    _say(pipe, *said)
    os._exit(0)  # threads that the user's file left behind are not waited for
