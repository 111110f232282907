# SPDX-License-Identifier: Apache-2.0
"""slot: serves the slot whose descriptors were inherited. The process belongs to its worker, may be ended at any moment,
and an exception of a handler ends its job only."""
from __future__ import annotations

import logging
import os
import pathlib
import signal
import socket
import sys
import traceback
from typing import Sequence

from reeve.bell import Bell, Gone
from reeve.errors import TRACEBACK, Failure
from reeve.handlers import Cancelled, Handler, Job, enter
from reeve.page import Page
from reeve.values import VALUE_BYTES_MAX, pack, unpack
from reeve.verdicts import Verdict

OK, FAILED, TOO_LARGE, VERDICT = 0, 1, 2, 3
ERROR_TEXT_MAX = 32 << 10


def error_text(error: BaseException, skip: int) -> str:
    """Type and message, then the traceback without the first `skip` frames, which are ours."""
    frames = error.__traceback__
    for _ in range(skip):
        frames = frames.tb_next if frames else None
    told = traceback.TracebackException(type(error), error, frames)
    told_frames = "".join(told.format()).rstrip()
    if not told_frames.startswith(TRACEBACK.lstrip()):  # of a wrong call there are none
        told_frames = TRACEBACK.lstrip() + told_frames
    text = "".join(told.format_exception_only()).rstrip() + "\n\n" + told_frames
    if len(text) > ERROR_TEXT_MAX:
        half = ERROR_TEXT_MAX // 2
        text = f"{text[:half]}\n... {len(text) - 2 * half} characters left out ...\n{text[-half:]}"
    return text.encode("utf-8", "backslashreplace").decode()


def outcome(handler: Handler, args: bytes) -> tuple[int, bytes]:
    """Status and value of one call."""
    try:
        words = unpack(args)
        if type(words) is not list:
            return FAILED, pack("the arguments are not one array")
        result = handler.function(*words)
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
        return FAILED, pack(error_text(error, 1))
    return (OK, value) if len(value) <= VALUE_BYTES_MAX else (TOO_LARGE, b"\xc0")


def stop(number: int, frame: object) -> None:
    """TERM: cleaning up is what the time before KILL is for."""
    raise SystemExit(128 + number)


def prepare(library: pathlib.Path | None) -> Page | Bell:
    """Takes over what was inherited."""
    bell, memory = (int(word) for word in os.environ.pop("REEVE_SLOT").split(","))
    for inherited in bell, memory:  # programs that a handler starts are not to hold them
        os.set_inheritable(inherited, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C at a terminal is for the worker, who drains
    signal.signal(signal.SIGTERM, stop)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s")
    line = socket.socket(fileno=bell)
    try:
        if library is not None:
            return Page(line, memory, library)
    except OSError:  # not here, or not for this interpreter
        logging.getLogger("reeve").warning("%s cannot be used: jobs come one at a time", library)
    return Bell(line, memory)


def serve(handlers: Sequence[Handler], library: pathlib.Path | None = None) -> None:
    """Until the worker ends it. library: page.so, for jobs from the page."""
    line = prepare(library)
    home = os.getpid()
    try:
        while True:
            job, method, args, attempt, limit_ms = line.next()
            if method < len(handlers):
                enter(Job(job, handlers[method].name, attempt, limit_ms, line))
                status, value = outcome(handlers[method], args)
                enter(None)
            else:
                status, value = FAILED, pack(f"this program has no method number {method}")
            if os.getpid() != home:
                os._exit(1)  # a handler has forked, and its child came back here
            line.answer(status, value)
    except Gone:
        pass
