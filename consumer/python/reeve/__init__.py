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

from reeve.errors import (Busy, Closed, ConnectionFault, DiskFull, Ended, Failure, Forgotten, Invalid, JobCancelled,
                          JobDead, JobError, JobExpired, JobFailed, KeyTaken, NoSession, NotAsking, NotDurable,
                          NotEnded, NotPaused, Paused, ReeveError, Refused, TooLarge, UnknownFeed, UnknownHandler,
                          UnknownJob, UnknownQueue, UnknownTask, UnknownWorker, Unreachable, VersionRefused)
from reeve.handlers import Cancelled, Job, handler, job
from reeve.program import serve
from reeve.verdicts import Ask, Continue, Done, Fork

__version__ = "0.1.0"
