# SPDX-License-Identifier: Apache-2.0
"""core: what a client says to the broker, and what becomes of what the broker says. Pure: records come in, records go
out, time is given in seconds; link.py has the sockets and the thread. What it settles it tells by callbacks.
"""
from __future__ import annotations

import logging
import os
import secrets
import socket
from dataclasses import dataclass
from typing import Any, Callable, Protocol

import msgpack

from reeve import errors, wire
from reeve.pending import Acks, Pending, Submission
from reeve.watching import Shown, Watch

HELLO_EVERY_S, PROBE_S, SILENCE_S = 0.2, 0.8, 3.0
BUSY_S, WORKERS_BACK_S, ACKS_S = 0.1, 5.0, 0.02
ASK_NUMBERS, WATCH_NUMBERS = 1 << 48, 1 << 49
WAIT_FOR_HANDLER = 1
RECEIVED = 1
FOLLOW_CREDIT = 256  # updates under way of one topic that is followed
OUT_BYTES_MAX = 4 << 20  # beyond this the rest of the submissions waits where it is

# Answers that are followed by others of the same request.
NOT_LAST = {"queue", "worker", "slot", "update", "lost", "attempt", "explanation", "histogram", "counter", "task", "feed"}
# A request that is said again because its answer was lost may meet what it has done itself.
HOLDS_ALREADY: dict[str, set[type[errors.Refused]]] = {
    "tell": {errors.NotAsking, errors.Ended}, "pause": {errors.Paused}, "resume": {errors.NotPaused},
    "drop": {errors.UnknownJob}}

# What a broker that was started anew does not know until its workers are back.
COME_BACK = (errors.UnknownQueue, errors.UnknownWorker, errors.UnknownFeed)

log = logging.getLogger("reeve")


@dataclass(slots=True)
class Ask:
    """A request until its last answer."""

    name: str
    fields: dict[str, Any]
    on_done: Callable[[list[wire.Record]], None]
    on_error: Callable[[Exception], None]
    answers: list[wire.Record]
    said: bool = False
    again: bool = False


class Sink(Protocol):
    """Who sees what is watched."""

    def room(self) -> bool: ...
    def show(self, topic: str, shown: Shown) -> None: ...
    def fail(self, error: Exception) -> None: ...


@dataclass(slots=True, eq=False)
class Watched:
    topic: str
    sink: Sink
    watch: Watch
    number: int = 0
    taken: int = 0  # updates that came under it since credit was given for them
    came: int = 0  # of a prefix: updates so far, and how many of the last ones the sink had no room for
    dropped: int = 0

    @property
    def prefix(self) -> bool:
        return self.topic.endswith("/")


class Core:
    def __init__(self) -> None:
        self.peer_id = secrets.token_bytes(16)
        self.up = self.met = self.renewed = False
        self.incarnation = 0
        self.updates_port = 0
        self.one_port = os.environ.get("REEVE_UPDATES") == "connection"  # whatever is offered
        self.fatal: Exception | None = None  # the broker does not want us
        self.hello_at = self.heard_at = self.probed_at = self.busy_until = self.settled_at = self.acks_at = 0.0
        self.pending, self.acks = Pending(), Acks()
        self.asks: dict[int, Ask] = {}
        self.watched: dict[str, Watched] = {}
        self.asked = self.watches = 0
        self.out: list[bytes] = []
        # For the link: connect anew; forget what could not be sent yet; subscribe, or not, to these topics.
        self.reopen = self.forget = False
        self.subscriptions: list[tuple[bytes, bool]] = []

    def say(self, name: str, /, **fields: Any) -> None:
        self.out.append(wire.encode(name, **fields))

    def _clear(self) -> None:
        self.out.clear()
        self.forget = True

    # --- hello ------------------------------------------------------------------------------------

    def lose(self, now: float) -> None:
        """We are not welcome (any more): hello is due."""
        if self.up:
            self.up = False
            self.hello_at = now
            self._clear()

    def tick(self, now: float) -> None:
        """What time asks for."""
        if self.up and now - self.heard_at >= SILENCE_S:
            self.lose(now)
        if self.up and now >= self._probe_at():
            self.probed_at = now
            self.say("ping")
        if not self.up and now >= self.hello_at and not self.fatal:
            self.hello_at = now + HELLO_EVERY_S
            self._clear()
            self.say("hello", version_min=wire.VERSION, version_max=wire.VERSION, role=1, peer_id=self.peer_id,
                     last_number=self.pending.next - 1, host=socket.gethostname()[:64], pid=os.getpid(),
                     incarnation=self.incarnation)
        if self.up:
            self._wishes(now)

    def deadline(self, now: float) -> float:
        """When to tick again, if nothing happens before."""
        if not self.up:
            return self.hello_at
        dues = [one.watch.due for one in self.watched.values() if not one.prefix and one.sink.room()]
        if self.busy_until > now:
            dues.append(self.busy_until)
        if self.acks.runs:
            dues.append(self.acks_at)
        return min(dues + [self._probe_at()])

    def _probe_at(self) -> float:
        return max(self.probed_at, self.heard_at) + PROBE_S

    def pump(self, now: float) -> None:
        """Submissions and acknowledgements join what is said."""
        if not self.up:
            return
        # Nobody waits for acknowledgements: they leave with what somebody may wait for, or many at once.
        if self.out or self.pending.sent < self.pending.next or now >= self.acks_at:
            self.out += self.acks.take(self.pending.floor)
        size = sum(map(len, self.out))
        if now < self.busy_until or size > OUT_BYTES_MAX:
            return
        for record in self.pending.unsent():
            self.out.append(record)
            size += len(record)
            if size > OUT_BYTES_MAX:
                break

    def part(self) -> None:
        """The last that is said."""
        if self.up:
            self.out += self.acks.take(self.pending.floor)
        self.say("goodbye")

    def _welcomed(self, m: wire.Record, now: float) -> None:
        if self.up:
            return  # the answer to a hello said twice
        if self.pending.gapped(m.last_number) and not self.renewed:
            # Numbers will mean something else from here on, and answers to the old ones may still lie in this
            # connection: it ends here.
            self.reopen = self.renewed = True
            self.hello_at = now
            return
        self.renewed = False
        if self.met and m.incarnation != self.incarnation:
            self.settled_at = now + WORKERS_BACK_S
        self.up = self.met = True
        self.incarnation, self.updates_port = m.incarnation, m.updates_port
        self.busy_until = 0.0
        self.pending.resume(m.last_number)
        # Acknowledgements may have been lost with the connection: said again for all that is settled.
        self.acks.runs = [list(run) for run in self.pending.settled()]
        for number, ask in self.asks.items():
            self._say_ask(number, ask)
        for watched in list(self.watched.values()):
            self._start_watch(watched, now)

    def _told_off(self, m: wire.Record, now: float) -> None:
        """An error about no request of ours: about hello, or about a body that could not be read."""
        error = errors.refusal(m.code, m.text, m.retry_ms)
        if self.up or m.code == 1:
            log.error("the broker says: %s", error)
        elif isinstance(error, errors.Busy):
            self.hello_at = now + (m.retry_ms / 1000 or 1.0)
        else:
            self.fatal = error

    # --- what comes -------------------------------------------------------------------------------

    def take(self, body: bytes, now: float) -> None:
        """A message from the broker."""
        self.heard_at = now
        try:
            for record in wire.decode(body):
                self._record(record, now)
        except wire.Malformed as error:
            log.error("the broker sent what does not decode: %s", error)

    def _record(self, m: wire.Record, now: float) -> None:
        match m.kind:
            case "ping":
                if self.up:
                    self.say("pong")
            case "welcome":
                self._welcomed(m, now)
            case "hello_wanted" | "goodbye":
                self.lose(now)
            case "pong":
                pass
            case "error" if m.number == 0:
                self._told_off(m, now)
            case _:
                number = m.values[0]
                if number >= WATCH_NUMBERS:
                    self._watch_record(m, now)
                elif number >= ASK_NUMBERS:
                    self._ask_record(number, m)
                elif m.kind == "accepted":
                    self._accepted(m)
                elif m.kind == "ended":
                    self._ended(m, now)
                elif m.kind == "error":
                    self._refused(m, now)

    # --- submissions ------------------------------------------------------------------------------

    def submit(self, submission: Submission) -> None:
        self.pending.add(submission)

    def _took(self, submission: Submission, job: int, durability: int | None = None) -> None:
        if durability is not None:
            submission.received = durability == RECEIVED
        submission.taken = True
        if submission.job != job:
            submission.job = job
            submission.on_accepted(job)

    def _accepted(self, m: wire.Record) -> None:
        for place in range(min(m.count or 1, self.pending.next - m.number)):
            submission = self.pending.open.get(m.number + place)
            if submission is not None:
                self._took(submission, m.id + place, m.durability)

    def _ended(self, m: wire.Record, now: float) -> None:
        submission = self.pending.settle(m.number)
        if 0 < m.number < self.pending.next:
            if not self.acks.runs:
                self.acks_at = now + ACKS_S
            self.acks.add(m.number)  # also again: the first one may have been lost
        if submission is not None:
            self._took(submission, m.id)
            submission.on_ended(m)

    def _put_off(self, m: wire.Record, now: float) -> None:
        self.pending.again(m.number)
        self.busy_until = max(self.busy_until, now + (m.retry_ms / 1000 or BUSY_S))

    def _refused(self, m: wire.Record, now: float) -> None:
        submission = self.pending.open.get(m.number)
        kind = errors.REFUSALS.get(m.code)
        if m.code == 4:  # a hole in what arrived: the next welcome says where
            self.lose(now)
        elif submission is None:
            pass
        elif (kind in (errors.Busy, errors.DiskFull) or (kind is errors.Quota and m.retry_ms)) and not submission.impatient:
            self._put_off(m, now)
        elif kind is errors.Forgotten and submission.received:
            self.pending.again(m.number)  # lost with the broker that had it, as its class says: once more, as new
        elif kind is errors.UnknownHandler and submission.taken:
            # Accepted once, so it is not refused for a handler that has not come back yet: it waits, as it did.
            submission.fields["flags"] = submission.fields.get("flags", 0) | WAIT_FOR_HANDLER
            self.pending.again(m.number)
        elif kind is errors.UnknownHandler and now < self.settled_at:
            self._put_off(m, now)
        else:
            self.pending.settle(m.number)
            submission.on_error(errors.refusal(m.code, m.text, m.retry_ms))

    # --- requests ---------------------------------------------------------------------------------

    def ask(self, ask: Ask) -> None:
        self.asked += 1
        number = ASK_NUMBERS + self.asked
        self.asks[number] = ask
        if self.up:
            self._say_ask(number, ask)

    def _say_ask(self, number: int, ask: Ask) -> None:
        ask.answers.clear()  # those of before the connection was lost
        self.say(ask.name, number=number, **ask.fields)
        ask.again, ask.said = ask.said, True

    def _ask_record(self, number: int, m: wire.Record) -> None:
        ask = self.asks.get(number)
        if ask is None:
            return
        if m.kind == "error":
            del self.asks[number]
            error = errors.refusal(m.code, m.text, m.retry_ms)
            if ask.again and type(error) in HOLDS_ALREADY.get(ask.name, ()):
                ask.on_done([])
            else:
                ask.on_error(error)
            return
        ask.answers.append(m)
        if m.kind in NOT_LAST or (m.kind == "job" and ask.name != "get_job"):
            return
        del self.asks[number]
        ask.on_done(ask.answers)

    # --- watches ----------------------------------------------------------------------------------

    def watch(self, topic: str, sink: Sink, now: float) -> None:
        watched = self.watched[topic] = Watched(topic, sink, Watch())
        if self.up:
            self._start_watch(watched, now)

    @property
    def follows(self) -> bool:
        """Updates come over the connection there is: the updates' port is closed to us, or not wanted."""
        return self.one_port or not self.updates_port

    def unwatch(self, topic: str) -> None:
        watched = self.watched.pop(topic, None)
        if watched is not None and watched.watch.follows:
            self._unfollow(watched)
        elif watched is not None:
            self.subscriptions.append((self._subscription(topic), False))
            self._nonce(watched, False)

    @staticmethod
    def _subscription(topic: str) -> bytes:
        return topic.encode() + (b"" if topic.endswith("/") else b"\0")

    def _nonce(self, watched: Watched, on: bool) -> None:
        if watched.watch.nonce:
            self.subscriptions.append((f"sync/{watched.watch.nonce}\0".encode(), on))

    def _unfollow(self, watched: Watched) -> None:
        if watched.number and self.up:
            self.say("unfollow", number=watched.number)
        watched.number = 0

    def _follow_more(self, watched: Watched) -> None:
        """Half of the credit has come, and was shown: it is given again before the rest is used up."""
        if watched.watch.follows and watched.taken >= FOLLOW_CREDIT // 2 and watched.sink.room():
            self.say("follow_more", number=watched.number, count=watched.taken)
            watched.taken = 0

    def _start_watch(self, watched: Watched, now: float) -> None:
        if self.follows:
            watched.number = 0  # whatever it followed, it did on another connection
            if watched.prefix:
                del self.watched[watched.topic]
                watched.sink.fail(errors.Invalid(f"{watched.topic}: only with the updates' port"))
                return
            watched.watch.follow(now)
            return
        self.subscriptions.append((self._subscription(watched.topic), True))
        if not watched.prefix:
            self._nonce(watched, False)
            watched.watch.start(now)
            self._nonce(watched, True)

    def _wishes(self, now: float) -> None:
        for watched in self.watched.values():
            if not watched.sink.room():
                continue
            if watched.prefix:
                self._show_dropped(watched)
                continue
            self._show(watched)
            self._follow_more(watched)
            wish = watched.watch.wish(now)
            if wish is None:
                continue
            name, fields = wish
            if name == "follow":
                self._unfollow(watched)  # its answer did not come, or left a gap
                fields["credit"] = FOLLOW_CREDIT
            if name != "sync":
                self.watches += 1
                watched.number, watched.taken = WATCH_NUMBERS + self.watches, 0
                fields |= {"number": watched.number, "topic": watched.topic}
            self.say(name, **fields)

    def _show(self, watched: Watched) -> None:
        while watched.sink.room() and (shown := watched.watch.next()) is not None:
            watched.sink.show(watched.topic, shown)

    def _show_below(self, watched: Watched, topic: str, shown: Shown) -> None:
        """One update of a prefix; there is no asking for it again, but that it was dropped is said."""
        if watched.sink.room():
            self._show_dropped(watched)
        watched.came += 1
        if watched.sink.room():
            watched.sink.show(topic, shown)
        else:
            watched.dropped += 1

    @staticmethod
    def _show_dropped(watched: Watched) -> None:
        if watched.dropped:
            first, watched.dropped = watched.came - watched.dropped + 1, 0
            watched.sink.show(watched.topic, Shown("lost", 0, watched.came, first))

    def _watch_record(self, m: wire.Record, now: float) -> None:
        watched = next((one for one in self.watched.values() if one.number == m.values[0]), None)
        if watched is None:
            return
        if m.kind == "snapshot":
            watched.watch.took_snapshot((m.incarnation, m.seq), m.body, now)
        elif m.kind == "lost":
            watched.watch.took_lost(m.last)
        elif m.kind == "update" and (place := heading(m.body)):
            watched.watch.took_update(place, m.body, now)
            watched.taken += 1
        elif m.kind == "error":
            error = errors.refusal(m.code, m.text, m.retry_ms)
            if isinstance(error, COME_BACK) and now < self.settled_at:
                watched.watch.put_off(now)
                return
            self.unwatch(watched.topic)
            watched.sink.fail(error)
            return
        self._show(watched)
        self._follow_more(watched)

    def update(self, topic: bytes, body: bytes, now: float) -> None:
        """What came on SUB."""
        place = heading(body)
        if place is None or not topic.endswith(b"\0"):
            return  # nothing that this protocol publishes
        name = topic[:-1].decode("utf-8", "replace")
        if name.startswith("sync/"):
            for watched in self.watched.values():
                if watched.watch.took_nonce(name[5:], now):
                    self._nonce(watched, False)
            return
        for end in (at + 1 for at, letter in enumerate(name) if letter == "/"):
            above = self.watched.get(name[:end])
            if above is not None:
                self._show_below(above, name, Shown(None, *place, body=body))
        whole = self.watched.get(name)
        if whole is not None and not whole.prefix:
            whole.watch.took_update(place, body, now)
            self._show(whole)


def heading(body: bytes) -> tuple[int, int] | None:
    """(incarnation, seq) of an update's map; None: it is none."""
    try:
        fields = msgpack.unpackb(body, strict_map_key=False)
        return int(fields.get("incarnation", 0)), int(fields["seq"])
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
