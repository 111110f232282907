# SPDX-License-Identifier: Apache-2.0
"""handlers: functions that answer jobs, each under its name, and what a running one may ask of its job."""
from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any, Callable, Protocol, TypeVar

from reeve.values import pack
from reeve.wire import job_text

F = TypeVar("F", bound=Callable[..., Any])

NAME = re.compile(r"(?=.{3,100}\Z)[A-Za-z0-9_-][A-Za-z0-9_.-]*\.[A-Za-z0-9_.-]*[A-Za-z0-9_-]")
HEAD = re.compile(r"[^/\s]{1,32}")
PROGRESS_BYTES_MAX = 4096


@dataclass(frozen=True)
class Handler:
    name: str
    function: Callable[..., Any]
    feed: str | None = None  # the head of the topics it feeds


registered: dict[str, Handler] = {}  # by name, in the order they were given


def handler(name: str, *, feed: str | None = None) -> Callable[[F], F]:
    """Makes a plain function answer the jobs of this name, `handler.method`. The function stays what it is.

    feed: the function is run as a session for each topic below this head that somebody watches: `ticker/AAPL` calls it
    with the state and ["AAPL"]; it ends with `Continue(..., view=...)`, and the view is the topic's next update.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no handler.method: letters, digits, _ - . and a dot inside, at most 100")
    if feed is not None and not HEAD.fullmatch(feed):
        raise ValueError(f"{feed!r} is no head of topics: a word of at most 32 bytes without /")

    def register(function: F) -> F:
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
            raise TypeError(f"{name}: a handler is a plain function; one that awaits calls asyncio.run inside")
        if name in registered and registered[name].function is not function:
            raise ValueError(f"{name} is there already")
        registered[name] = Handler(name, function, feed)
        function.__reeve__ = name  # type: ignore[attr-defined]
        return function

    return register


def name_of(what: str | Callable[..., Any]) -> str:
    """The name under which a function, or a name, is called on the farm."""
    if isinstance(what, str):
        return what
    name = getattr(what, "__reeve__", None)
    if isinstance(name, str):
        return name
    raise TypeError(f"{what!r} has no name on the farm: give its name, or the function that @reeve.handler made one. "
                    "Functions are not sent, only called")


class Cancelled(BaseException):
    """Raised by `Job.check` when somebody asked for the job to stop. No Exception, so that `except Exception` lets it
    through."""


class Line(Protocol):
    """What a job asks its slot."""

    def cancelled(self) -> bool: ...

    def note(self, value: bytes) -> None: ...


class Job:
    """The job that runs: `reeve.job()`."""

    __slots__ = ("number", "method", "attempt", "limit_ms", "line")

    def __init__(self, number: int, method: str, attempt: int, limit_ms: int, line: Line | None):
        self.number, self.method, self.limit_ms, self.line = number, method, limit_ms, line
        self.attempt = attempt or 1  # 1, 2, ...

    @property
    def id(self) -> str:
        """13 characters; "" when the function was called by hand."""
        return job_text(self.number) if self.number else ""

    @property
    def time_limit(self) -> float | None:
        """Seconds that this attempt has, or None."""
        return self.limit_ms / 1000 if self.limit_ms else None

    @property
    def cancelled(self) -> bool:
        """Has somebody asked for this job to stop? Worth asking in long loops: who does not stop within the worker's
        patience is ended by TERM, then KILL."""
        return self.line is not None and self.line.cancelled()

    def progress(self, done: float | None = None, of: float | None = None, **more: Any) -> None:
        """How far the job is, for whoever watches it: `progress(3, 10)`, `progress(rows=5000)`; at most 4 KiB. Only the
        latest counts, and some ten a second are seen, so it may stand in a loop. Not of sessions, which have views."""
        counted = {name: number for name, number in (("done", done), ("of", of)) if number is not None}
        note = pack(counted | more)
        if len(note) > PROGRESS_BYTES_MAX:
            raise ValueError(f"a progress of {len(note)} bytes, {PROGRESS_BYTES_MAX} are the most")
        if self.line is not None:
            self.line.note(note)

    def check(self) -> None:
        """Raises `Cancelled` when somebody has."""
        if self.cancelled:
            raise Cancelled


_BY_HAND = Job(0, "", 1, 0, None)
_current: list[Job] = [_BY_HAND]


def job() -> Job:
    """The job that runs now; by hand one without an id that nobody cancels."""
    return _current[0]


def enter(running: Job | None) -> None:
    """For who runs handlers: this job is the current one; None: none is."""
    _current[0] = running or _BY_HAND
