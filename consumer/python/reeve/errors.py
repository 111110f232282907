# SPDX-License-Identifier: Apache-2.0
"""errors: what can go wrong, as exceptions. The numbers are those of proto/errors.h."""
from __future__ import annotations

import builtins
import functools
from typing import Any


class ReeveError(Exception):
    """Everything this package raises about the farm."""


class Failure(ReeveError):
    """Raised by a handler: the job fails with this text and nothing else; no traceback is sent."""


class Unreachable(ReeveError):
    """No broker answers."""


class Closed(ReeveError):
    """The client was closed before the answer came. The job goes on."""


class ConnectionFault(ReeveError):
    """The broker said what this package does not understand, or could not read what we said."""


class Refused(ReeveError):
    """The broker refused a submission or a request, and it changed nothing."""

    code = 0
    word = "refused"

    def __init__(self, text: str = "", retry_ms: int = 0):
        super().__init__(text or self.word)
        self.retry_ms = retry_ms  # worth trying again then; 0: not said


class VersionRefused(Refused):
    code, word = 2, "version"


class Invalid(Refused):
    code, word = 5, "invalid"


class UnknownJob(Refused):
    code, word = 6, "unknown-job"


class UnknownHandler(Refused):
    code, word = 7, "unknown-handler"


class UnknownQueue(Refused):
    code, word = 8, "unknown-queue"


class UnknownWorker(Refused):
    code, word = 9, "unknown-worker"


class Busy(Refused):
    code, word = 10, "busy"


class TooLarge(Refused):
    code, word = 11, "too-large"


class KeyTaken(Refused):
    code, word = 12, "key-taken"


class NotDurable(Refused):
    code, word = 13, "not-durable"


class Ended(Refused):
    code, word = 15, "ended"


class NotEnded(Refused):
    code, word = 16, "not-ended"


class Forgotten(Refused):
    code, word = 17, "forgotten"


class DiskFull(Refused):
    code, word = 22, "disk-full"


class NoSession(Refused):
    code, word = 23, "no-session"


class Paused(Refused):
    code, word = 24, "paused"


class NotPaused(Refused):
    code, word = 25, "not-paused"


class NotAsking(Refused):
    code, word = 26, "not-asking"


class UnknownTask(Refused):
    code, word = 27, "unknown-task"


class UnknownFeed(Refused):
    code, word = 28, "unknown-feed"


class Denied(Refused):
    code, word = 29, "denied"


class Quota(Refused):
    code, word = 30, "quota"


REFUSALS: dict[int, type[Refused]] = {kind.code: kind for kind in Refused.__subclasses__()}


def refusal(code: int, text: str, retry_ms: int = 0) -> Refused:
    """The exception of an error record."""
    kind = REFUSALS.get(code)
    return kind(text, retry_ms) if kind else Refused(text or f"error {code}", retry_ms)


TRACEBACK = "\n\nTraceback (most recent call last):\n"


class JobError(ReeveError):
    """A job ended, but not well.

    state: "failed", "dead", "cancelled" or "expired"; reason: "error", "timeout", "signal 11", ...; text: what the
    handler said. Of a Python handler's exception `type`, `message` and `traceback` are its parts; of others `type`
    and `traceback` are empty.
    """

    def __init__(self, job: str, method: str, state: str, reason: str, text: str, attempts: int):
        self.job, self.method, self.state, self.reason, self.text, self.attempts = (
            job, method, state, reason, text, attempts)
        self.type, self.message, self.traceback = parts(text)
        super().__init__(f"{method} {job} {state}: {text or reason or state}")

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[Any, ...]:
        return job_error, (self.job, self.method, self.state, self.reason, self.text, self.attempts)


class JobFailed(JobError):
    """The handler said so, and no retry was left. When a Python handler raised one of Python's own exceptions, this is
    one of that kind too: `except ZeroDivisionError` catches it."""


class JobDead(JobError):
    """Its attempts are used up: crashes, time limits, lost workers."""


class JobCancelled(JobError):
    """Somebody cancelled it."""


class JobExpired(JobError):
    """Its deadline passed."""


BY_STATE: dict[str, type[JobError]] = {"failed": JobFailed, "dead": JobDead, "cancelled": JobCancelled,
                                       "expired": JobExpired}


def parts(text: str) -> tuple[str, str, str]:
    """Type, message and traceback of what a Python handler raised; ("", text, "") of anything else."""
    head, found, rest = text.partition(TRACEBACK)
    if not found:
        return "", text, ""
    kind, _, message = head.partition(": ")
    return kind, message, TRACEBACK.lstrip() + rest


@functools.cache
def failed_as(kind: str) -> type[JobError]:
    """JobFailed, and at once the exception of Python's own that has this name."""
    own = getattr(builtins, kind, None)
    if not (isinstance(own, type) and issubclass(own, Exception)):
        return JobFailed
    try:
        both: type[JobError] = type(f"JobFailed[{kind}]", (JobFailed, own), {"__module__": __name__})
        both("", "", "failed", "", "", 1)  # some want arguments of their own
        return both
    except TypeError:
        return JobFailed


def job_error(job: str, method: str, state: str, reason: str, text: str, attempts: int) -> JobError:
    """The exception of a job that ended in this state."""
    kind = BY_STATE[state]
    if kind is JobFailed:
        kind = failed_as(parts(text)[0])
    return kind(job, method, state, reason, text, attempts)
