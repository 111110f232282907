#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""hand PORT HISTORY NAME FIRST COUNT WINDOW MS [PEER_ID]: a client of the chaos runs that speaks PROTOCOL.md by hand.

Knows nothing of our library: numbers its submissions, says unsettled ones again after each welcome,
acknowledges results, keeps a history (history.py; its invoke lines carry the number too). With the PEER_ID
and the HISTORY of one that was killed it goes on where that one was. After TERM it hands in no more.
"""
import os
import pathlib
import secrets
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))

import msgpack
import zmq

import wire

SILENCE_S, HELLO_S, TURN_MS = 5, 1, 50
AGAIN = {wire.ERRORS["ERR_BUSY"], wire.ERRORS.get("ERR_DISK_FULL")}
STATES = {number: name.removeprefix("JOB_").lower() for name, number in wire.STATES.items()}


def value_text(value):
    value = msgpack.unpackb(value) if value else None
    if isinstance(value, str) and len(value) > 40 and " " in value:
        head, rest = value.split(" ", 1)
        return f"{head}:{len(value)}" if not rest.strip("x") else "not what the handler makes"
    return str(value)


class Hand:
    def __init__(self, port, history, name, first, count, window, ms, peer_id):
        self.port, self.name, self.window, self.ms = port, name, window, ms
        self.peer_id = peer_id
        self.serials = list(range(first + count - 1, first - 1, -1))  # not handed in yet, the next one last
        self.open = {}       # number: serial, of those that are not over
        self.number = 0      # the last one used
        self.taken = 0       # the highest one that the broker has told of
        self.accepted = 0    # the highest one that became a job: refused ones may be forgotten
        self.later = []      # (when, serial): refused for now
        self.count, self.ended, self.step = count, 0, max(1, min(count // 100, 100))
        self.path = history
        self.read_history()
        self.history = open(history, "a", encoding="utf-8")
        self.context = zmq.Context()
        self.socket = None
        self.connect()

    def read_history(self):
        """What the one before us has left open."""
        over, numbers = set(), {}
        lines = pathlib.Path(self.path).read_text().split("\n")[:-1] if os.path.exists(self.path) else []
        for line in lines:
            words = line.split(" ")
            if words[0] == "invoke":
                numbers[int(words[1])] = int(words[4])
                self.number = max(self.number, int(words[4]))
            elif words[0] in ("end", "fail"):
                over.add(int(words[1]))
        self.serials = [serial for serial in self.serials if serial not in numbers]
        self.open = {number: serial for serial, number in sorted(numbers.items()) if serial not in over}
        self.ended = len(over)

    def note(self, kind, serial, *more):
        self.history.write(" ".join(map(str, (kind, serial, time.monotonic_ns(), self.name, *more))) + "\n")

    def connect(self):
        if self.socket:
            self.socket.close(linger=0)
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.IMMEDIATE, 1)
        self.socket.reconnect_ivl = 100
        self.socket.connect(f"tcp://127.0.0.1:{self.port}")
        self.welcomed = False
        self.heard = time.monotonic()
        self.hello_at = 0.0

    def send(self, body):
        try:
            self.socket.send(body, zmq.DONTWAIT)
        except zmq.Again:
            pass  # nobody is there: said again after the next welcome

    def submission(self, number, serial):
        args = msgpack.packb([serial, self.ms])
        return wire.record("submit", number=number, queue="chaos.work", args=args, flags=1)

    def hand_in(self):
        body, now = b"", time.monotonic()
        again = [serial for when, serial in self.later if when <= now]
        self.later = [(when, serial) for when, serial in self.later if when > now]
        while again or (self.serials and not self.later and len(self.open) < self.window):
            serial = again.pop(0) if again else self.serials.pop()
            self.number += 1
            self.open[self.number] = serial
            self.note("invoke", serial, self.number)
            body += self.submission(self.number, serial)
        if body:
            self.history.flush()  # what is on the way is on record
            self.send(body)

    def take_welcome(self, last):
        self.welcomed = True
        if last < self.accepted:
            self.note("forgot", 0, self.accepted, last)
        if min((number for number in self.open if number > last), default=last + 1) != last + 1 or last < self.taken:
            # A broker that has forgotten: all that is open gets new numbers.
            self.open = {last + i: serial for i, serial in enumerate(self.open.values(), 1)}
            self.number = last + len(self.open)
            for number, serial in self.open.items():
                self.note("invoke", serial, number)
            self.history.flush()
        self.taken, self.accepted = last, min(self.accepted, last)
        self.send(b"".join(self.submission(*pair) for pair in sorted(self.open.items())) +
                  wire.record("ack", number=0, count=0, floor=min(self.open, default=self.number + 1)))

    def take_refusal(self, record):
        if record.code == wire.ERRORS["ERR_UNEXPECTED"]:
            self.welcomed, self.hello_at = False, 0.0  # a hole: the next welcome says where
            return
        serial = self.open.pop(record.number, None)
        if serial is None:
            return
        self.taken = max(self.taken, record.number)
        if record.code in AGAIN:
            self.later.append((time.monotonic() + (record.retry_ms or 100) / 1000, serial))
        else:
            self.note("fail", serial, record.number, record.code)
            self.progress()

    def take(self, record):
        if record.name == "ping":
            self.send(wire.record("pong"))
        elif record.name == "hello_wanted":
            self.welcomed, self.hello_at = False, min(self.hello_at, time.monotonic() + HELLO_S)
        elif record.name == "welcome":
            self.take_welcome(record.last_number)
        elif record.name == "error" and record.number:
            self.take_refusal(record)
        elif record.name == "accepted":
            for i in range(record.count or 1):
                if record.number + i in self.open:
                    self.taken = max(self.taken, record.number + i)
                    self.accepted = max(self.accepted, record.number + i)
                    self.note("ok", self.open[record.number + i], record.number + i, wire.job_text(record.id + i),
                              record.durability)
        elif record.name == "ended":
            self.take_end(record)

    def take_end(self, record):
        serial = self.open.pop(record.number, None)
        if serial is not None:
            self.note("end", serial, record.number, wire.job_text(record.id), STATES[record.state], record.attempts,
                      value_text(record.value))
            self.history.flush()  # on record before it is acknowledged
            self.progress()
        self.send(wire.record("ack", number=record.number, count=1, floor=min(self.open, default=self.number + 1)))

    def progress(self):
        self.ended += 1
        if self.ended % self.step == 0 or self.ended == self.count:
            print(f"ended {self.ended}", flush=True)

    def stop(self, *_):
        """The signal: what is not handed in stays so."""
        self.count -= len(self.serials)
        self.serials.clear()
        self.step = 1

    def run(self):
        signal.signal(signal.SIGTERM, self.stop)
        print("up", flush=True)
        while self.ended < self.count:
            now = time.monotonic()
            if now - self.heard > SILENCE_S:
                self.connect()
            if not self.welcomed and now >= self.hello_at:
                self.hello_at = now + HELLO_S
                self.send(wire.record("hello", version_min=1, version_max=1, role=1, peer_id=self.peer_id, pid=os.getpid(),
                                      last_number=self.number))
            if self.welcomed:
                self.hand_in()
            if self.socket.poll(TURN_MS):
                self.heard = time.monotonic()
                for record in wire.decode(self.socket.recv()):
                    self.take(record)
        self.history.close()
        print("done", flush=True)


def main():
    port, path, name, first, count, window, ms = sys.argv[1:8]
    peer_id = bytes.fromhex(sys.argv[8]) if len(sys.argv) > 8 else secrets.token_bytes(16)
    Hand(int(port), path, name, int(first), int(count), int(window), int(ms), peer_id).run()


if __name__ == "__main__":
    main()
