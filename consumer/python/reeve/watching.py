# SPDX-License-Identifier: Apache-2.0
"""watching: one topic without gaps (PROTOCOL.md, section 6): what has come, what may be shown, what is to be asked.

First the nonce, which proves that the subscription stands; then the snapshot at N and every update after it, in order.
A gap is asked for; what is gone is shown as lost a..b, and a snapshot after it. One that follows the topic over the
client's own connection needs no nonce and is not troubled by silence. Pure: time is given, in seconds.
"""
from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import Any

SYNC_EVERY_S = 0.05
SILENCE_S = 2.0
HELD_MAX = 10000

SYNC, ASKED, LIVE = "sync", "asked", "live"
Place = tuple[int, int]  # (incarnation, seq): updates are in this order


@dataclass(frozen=True)
class Shown:
    """What is to be shown next: event None for an update, whose own map says it, "snapshot", "lost"."""

    event: str | None
    incarnation: int
    seq: int
    first: int = 0  # lost: first .. seq
    body: bytes = b""


class Watch:
    def __init__(self) -> None:
        self.state = SYNC
        self.follows = False
        self.nonce = ""
        self.due = 0.0  # what the state wants said is to be said (again) then
        self.place: Place | None = None  # of what was shown last
        self.stale = False  # something was lost since the last snapshot
        self.lost_to = 0  # nothing up to here that is not held will come
        self.held: dict[Place, bytes] = {}
        self.answer: tuple[Place, bytes] | None = None

    def start(self, now: float) -> None:
        """The subscription is said on a connection that is (again) there."""
        self.state, self.nonce, self.due, self.follows = SYNC, secrets.token_hex(8), now, False

    def follow(self, now: float) -> None:
        """In its place: it follows, on a connection that is (again) there."""
        self.state, self.nonce, self.due, self.follows = ASKED, "", now, True

    def _silence(self, now: float) -> float:
        return math.inf if self.follows else now + SILENCE_S

    def took_nonce(self, nonce: str, now: float) -> bool:
        if self.state != SYNC or nonce != self.nonce:
            return False
        self.state, self.due = ASKED, now
        return True

    def took_update(self, place: Place, body: bytes, now: float) -> None:
        """From SUB, out of an answer, or following one."""
        if self.place is not None and place <= self.place:
            return  # shown, or of a life of the broker that is over
        if self.state == LIVE:
            self.due = self._silence(now)
        if len(self.held) < HELD_MAX:  # beyond it is a gap like any other, closed by a later answer
            self.held.setdefault(place, body)

    def took_lost(self, last: int) -> None:
        """Nothing up to `last` is to be had any more."""
        if self.place is not None:
            self.lost_to = max(self.lost_to, last)

    def took_snapshot(self, place: Place, body: bytes, now: float) -> None:
        if self.state != ASKED and not self.follows:
            return  # an answer to what was asked before the connection was lost
        self.state, self.due = LIVE, self._silence(now)
        self.answer = (place, body)
        if self.place is not None and place[0] == self.place[0]:
            self.took_lost(place[1])  # what the answer did not bring will not come
        self.held = {at: held for at, held in self.held.items() if at[0] == place[0]}

    def put_off(self, now: float) -> None:
        """The broker cannot answer yet: it is asked again soon."""
        self.state, self.due = ASKED, now + SYNC_EVERY_S

    def next(self) -> Shown | None:
        """The next thing to show; None: nothing for now."""
        if self.answer and (self.place is None or self.answer[0][0] != self.place[0]):
            return self._snapshot()
        if self.place is None:
            return None
        incarnation, seq = self.place
        body = self.held.pop((incarnation, seq + 1), None)
        if body is not None:
            self.place = (incarnation, seq + 1)
            return Shown(None, incarnation, seq + 1, body=body)
        if self.lost_to > seq:
            return self._lost(incarnation, seq)
        if self.answer and self.stale and self.answer[0][1] == seq:
            return self._snapshot()
        self.answer = None  # nothing of it is news when every update up to it was shown
        return None

    def _snapshot(self) -> Shown:
        assert self.answer is not None
        self.place, body = self.answer
        self.answer, self.stale, self.lost_to = None, False, 0
        self.held = {at: held for at, held in self.held.items() if at > self.place}
        return Shown("snapshot", *self.place, body=body)

    def _lost(self, incarnation: int, seq: int) -> Shown:
        last = min((at[1] - 1 for at in self.held if at[0] == incarnation and at[1] <= self.lost_to),
                   default=self.lost_to)
        self.place, self.stale = (incarnation, last), True
        return Shown("lost", incarnation, last, first=seq + 1)

    def wish(self, now: float) -> tuple[str, dict[str, Any]] | None:
        """What is to be said now: a record's name and fields; told once, until it is due again."""
        gap = self.state == LIVE and bool(self.held)
        if not gap and now < self.due:
            return None
        if self.state == SYNC:
            self.due = now + SYNC_EVERY_S
            return "sync", {"nonce": self.nonce}
        self.state, self.due = ASKED, now + SILENCE_S
        incarnation, seq = self.place or (0, 0)
        return "follow" if self.follows else "watch", {"incarnation": incarnation, "after": seq}
