# SPDX-License-Identifier: Apache-2.0
"""Reeve in Python: functions that answer jobs, and a client that hands jobs in.

    import reeve

    @reeve.handler("text.upper")
    def upper(text: str) -> str:
        return text.upper()

served by `reeve worker --python FILE`; and, anywhere:

    with reeve.Client() as farm:
        print(farm.call("text.upper", "hello"))

The guide is docs/guides/python.md.
"""
from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reeve.errors import (Busy, Closed, ConnectionFault, Denied, DiskFull, Ended, Failure, Forgotten, Invalid, JobCancelled,
                          JobDead, JobError, JobExpired, JobFailed, KeyTaken, NoSession, NotAsking, NotDurable,
                          NotEnded, NotPaused, Paused, Quota, ReeveError, Refused, TooLarge, UnknownFeed, UnknownHandler,
                          UnknownJob, UnknownQueue, UnknownTask, UnknownWorker, Unreachable, VersionRefused)
from reeve.handlers import Cancelled, Job, handler, job
from reeve.program import serve
from reeve.verdicts import Ask, Continue, Done, Fork

if TYPE_CHECKING:
    from reeve import aio as aio
    from reeve.client import Client as Client, JobFuture as JobFuture, SessionHandle as SessionHandle, Watch as Watch
    from reeve.executor import Executor as Executor
    from reeve.results import Result as Result, Session as Session, Update as Update

__version__ = "0.1.0"

_LATER = {"Client": "client", "JobFuture": "client", "SessionHandle": "client", "Watch": "client", "Executor": "executor", "Result": "results",
          "Session": "results", "Update": "results"}
_MODULES = ("aio",)


def __getattr__(name: str) -> Any:
    """A handler needs no client, and a slot starts faster without ZeroMQ."""
    import importlib

    if name in _MODULES:
        return importlib.import_module(f"reeve.{name}")
    if name not in _LATER:
        raise AttributeError(f"module reeve has no {name}")
    return getattr(importlib.import_module(f"reeve.{_LATER[name]}"), name)
