# SPDX-License-Identifier: Apache-2.0
"""results: how jobs end, as the records of the wire tell it, in Python's terms."""
from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import Any

from reeve import wire
from reeve.errors import job_error
from reeve.values import unpack

# Numbers of proto/states.h.
JOB_STATES = ["", "waiting", "delayed", "held", "running", "backoff", "ok", "failed", "dead", "cancelled", "expired",
              "paused", "asking", "forked"]
SESSION_STATES = ["", "created", "running", "paused", "finished", "stopped", "failed"]
STATES = {"job": JOB_STATES, "worker": ["", "up", "draining", "silent"],
          "slot": ["", "idle", "running", "starting", "stopping", "cooling"],
          "status": ["", "serving", "recovering", "refusing", "stalled"]}
REASONS = ["", "error", "timeout", "signal", "exit", "oom", "worker lost", "cancelled", "deadline", "no handler",
           "result too large", "protocol", "superseded", "verdict"]


def named(names: list[str], number: int) -> str:
    return names[number] if number < len(names) else f"unknown {number}"


def reason_text(reason: int, detail: int) -> str:
    """"signal 11", "exit 3", "timeout", ...; "" when it went well."""
    return f"{named(REASONS, reason)} {detail}" if detail else named(REASONS, reason)


def moment(ms: int) -> datetime.datetime | None:
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc) if ms else None


@dataclass(frozen=True)
class Result:
    """How a job ended."""

    id: str
    method: str  # "" where it is not known
    state: str  # ok, failed, dead, cancelled, expired
    data: bytes  # the value as it came; of failed and dead the error's text
    worker: str  # where it ran last
    run_time: float  # seconds, of the last attempt
    reason: str  # "" or why it did not go well
    attempts: int

    @classmethod
    def of(cls, m: wire.Record, method: str) -> Result:
        """From an `ended` record."""
        return cls(wire.job_text(m.id), method, named(JOB_STATES, m.state), m.value, m.worker, m.run_us / 1e6,
                   reason_text(m.reason, m.detail), m.attempts)

    @property
    def value(self) -> Any:
        """The job's value; raises JobFailed, JobDead, JobCancelled or JobExpired when it has none."""
        if self.state == "ok":
            return unpack(self.data) if self.data else None
        raise self.error()

    def error(self) -> Exception:
        """The exception of a job that did not end well."""
        text = unpack(self.data) if self.data else ""
        return job_error(self.id, self.method, self.state, self.reason, text if isinstance(text, str) else str(text),
                         self.attempts)


def fields_of(m: wire.Record) -> dict[str, Any]:
    """A record of a list as a dict: ids as text, states as words, moments as datetimes, durations in seconds."""
    out: dict[str, Any] = {}
    for field, kind, value in zip(m.layout.fields, m.layout.kinds, m.values):
        if kind == "#":
            out[field] = wire.job_text(value) if value else None
        elif field == "state" and kind == "u" and m.kind in STATES:
            out[field] = named(STATES[m.kind], value)
        elif field == "reason":
            out[field] = reason_text(value, m.detail)
        elif field in ("submitted_ms", "ended_ms", "since_ms"):
            out[field[:-3]] = moment(value)
        elif field == "run_us":
            out["run_time"] = value / 1e6
        elif field in ("progress", "view"):
            out[field] = unpack(value) if value else None
        elif field not in ("number", "detail"):
            out[field] = value
    return out


@dataclass(frozen=True)
class Session:
    """A session as it stands."""

    id: str
    method: str
    state: str  # created, running, paused, finished, stopped, failed
    job_state: str
    iteration: int  # how many are over
    view: dict[str, Any]  # what the last one showed
    submitted: datetime.datetime | None
    ended: datetime.datetime | None
    reason: str
    data: bytes  # of one that is finished its value, of one that failed why

    @classmethod
    def of(cls, m: wire.Record) -> Session:
        return cls(wire.job_text(m.id), m.queue, named(SESSION_STATES, m.state), named(JOB_STATES, m.job_state),
                   m.iteration, unpack(m.view) if m.view else {}, moment(m.submitted_ms), moment(m.ended_ms),
                   reason_text(m.reason, m.detail), m.value)

    @property
    def value(self) -> Any:
        """Of a finished one its value, of a failed one the error's text, else None."""
        return unpack(self.data) if self.data else None


@dataclass(frozen=True)
class Update:
    """One event of a topic. event: "state", "iteration", ...; "snapshot" for where a watch begins: fields is then the
    thing itself; "lost": updates fields["first"]..fields["last"] are gone, and a snapshot follows (of a prefix: none does,
    and the numbers are the watch's own)."""

    topic: str
    event: str
    incarnation: int
    seq: int  # counts up by 1 within an incarnation
    time: datetime.datetime | None
    fields: dict[str, Any]
