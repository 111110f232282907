# SPDX-License-Identifier: Apache-2.0
"""errors: what can go wrong, as exceptions. The numbers are those of proto/errors.h."""
from __future__ import annotations


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
        head, found, rest = text.partition(TRACEBACK)
        self.traceback = TRACEBACK.lstrip() + rest if found else ""
        kind, colon, message = head.partition(": ")
        self.type, self.message = (kind, message) if found and colon else (head if found else "", "" if found else text)
        what = text or reason or state
        super().__init__(f"{method} {job} {state}: {what}" if what != state else f"{method} {job} {state}")

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.job, self.method, self.state, self.reason, self.text, self.attempts)


class JobFailed(JobError):
    """The handler said so, and no retry was left."""


class JobDead(JobError):
    """Its attempts are used up: crashes, time limits, lost workers."""


class JobCancelled(JobError):
    """Somebody cancelled it."""


class JobExpired(JobError):
    """Its deadline passed."""
