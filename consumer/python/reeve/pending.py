# SPDX-License-Identifier: Apache-2.0
"""pending: a client's submissions under their numbers 1, 2, 3, ... until they are settled (PROTOCOL.md, section 4).

The broker takes numbers in order and each once, so everything unsettled may be said again after a lost connection. A
broker that knows less than it did gets what is left under new numbers. Pure: knows no socket and no clock.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Iterator

from reeve import wire


@dataclass(slots=True)
class Submission:
    """One job on its way. fields: of its submit record, without the number."""

    fields: dict[str, Any]
    on_accepted: Callable[[int], None]
    on_ended: Callable[[wire.Record], None]
    on_error: Callable[[Exception], None]
    impatient: bool = False  # BUSY is an answer, not a reason to wait
    job: int = 0
    taken: bool = False  # the broker has accepted it once
    received: bool = False  # in memory only: it may forget it


class Pending:
    def __init__(self) -> None:
        self.open: dict[int, Submission] = {}
        self.next = self.floor = self.sent = 1  # sent: the first that may still have to be said

    def add(self, submission: Submission) -> int:
        number = self.next
        self.open[number] = submission
        self.next += 1
        return number

    def settle(self, number: int) -> Submission | None:
        """It is over; None: it was already, or is none of ours."""
        submission = self.open.pop(number, None)
        while self.floor < self.next and self.floor not in self.open:
            self.floor += 1
        return submission

    def again(self, number: int) -> None:
        """It is to be said once more, under another number."""
        submission = self.settle(number)
        if submission is not None:
            self.add(submission)

    def unsent(self) -> Iterator[bytes]:
        """The records that are to be said, each once."""
        while self.sent < self.next:
            number = self.sent
            self.sent += 1
            if number in self.open:
                yield wire.encode("submit", number=number, **self.open[number].fields)

    def gapped(self, last: int) -> bool:
        """Would the broker, whose last number is `last`, find holes in what we have to say?"""
        beyond = [number for number in self.open if number > last]
        return self.next > last + 1 and beyond != list(range(last + 1, self.next))

    def resume(self, last: int) -> None:
        """A new connection, to a broker whose last number is `last`: all that is open is said again."""
        if self.next <= last or self.gapped(last):
            known = {number: one for number, one in self.open.items() if number <= last}
            later = [one for number, one in self.open.items() if number > last]
            self.open = known | dict(enumerate(later, last + 1))
            self.next = last + 1 + len(later)
            self.floor = min(self.open, default=self.next)
        self.sent = self.floor

    def settled(self) -> Iterator[tuple[int, int]]:
        """Runs (number, count) of all that is over, from 1 on."""
        begin = 1
        for number in (*self.open, self.next):
            if number > begin:
                yield begin, number - begin
            begin = number + 1


class Acks:
    """Results that have arrived and are not yet acknowledged, as runs of numbers."""

    def __init__(self) -> None:
        self.runs: list[list[int]] = []

    def add(self, number: int) -> None:
        if self.runs and number == sum(self.runs[-1]):
            self.runs[-1][1] += 1
        else:
            self.runs.append([number, 1])

    def take(self, floor: int) -> list[bytes]:
        records = [wire.encode("ack", number=number, count=count, floor=floor) for number, count in self.runs]
        self.runs.clear()
        return records
