# SPDX-License-Identifier: Apache-2.0
"""history: what clients and handlers wrote down outside the broker, read into one table by serial number.

    invoke SERIAL NS CLIENT                             a client is about to hand it in
    ok     SERIAL NS CLIENT NUMBER JOB CLASS            it was accepted
    fail   SERIAL NS CLIENT NUMBER CODE                 it was refused
    end    SERIAL NS CLIENT NUMBER JOB STATE ATTEMPTS VALUE
    info   SERIAL NS CLIENT                             the client left and does not know
    run    SERIAL NS PID ATTEMPT JOB                    a handler began it
    forgot 0 NS CLIENT NUMBER LAST                      welcomed with LAST, though NUMBER had been taken

NS is the monotonic clock of the host, the same for all. A line that its writer did not finish (it was
killed) is not counted.
"""
from typing import NamedTuple


class Accepted(NamedTuple):
    ns: int
    client: str
    number: int
    job: str
    durability: str


class Ended(NamedTuple):
    ns: int
    client: str
    number: int
    job: str
    state: str
    attempts: int
    value: str


class Run(NamedTuple):
    ns: int
    pid: int
    attempt: int
    job: str


class History:
    def __init__(self):
        self.invoked = {}   # serial: ns of the first time
        self.accepted = {}  # serial: [Accepted, ...]
        self.refused = {}   # serial: code
        self.ended = {}     # serial: [Ended, ...]
        self.runs = {}      # serial: [Run, ...]
        self.unknown = set()
        self.forgot = []    # what was said of it
        self.malformed = 0

    def read(self, path):
        """Adds a file; one that is not there has nothing to tell."""
        try:
            file = open(path, encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return self
        with file:
            for line in file:
                if line.endswith("\n"):
                    self.add(line[:-1])
        return self

    def add(self, line):
        try:
            kind, serial, ns, rest = (line + " ").split(" ", 3)
            self.take(kind, int(serial), int(ns), rest[:-1])
        except (ValueError, KeyError):
            self.malformed += 1

    def take(self, kind, serial, ns, rest):
        if kind == "run":
            pid, attempt, job = rest.split(" ")
            self.runs.setdefault(serial, []).append(Run(ns, int(pid), int(attempt), job))
        elif kind == "invoke":
            self.invoked.setdefault(serial, ns)
        elif kind == "ok":
            client, number, job, durability = rest.split(" ")
            self.accepted.setdefault(serial, []).append(Accepted(ns, client, int(number), job, durability))
        elif kind == "end":
            client, number, job, state, attempts, value = rest.split(" ", 5)
            self.ended.setdefault(serial, []).append(Ended(ns, client, int(number), job, state, int(attempts), value))
        elif kind == "fail":
            self.refused[serial] = rest.split(" ")[2]
        elif kind == "forgot":
            self.forgot.append(rest)
        elif kind == "info":
            self.unknown.add(serial)
        else:
            raise KeyError(kind)
