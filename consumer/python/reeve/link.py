# SPDX-License-Identifier: Apache-2.0
"""link: a client's connection: the thread that owns the sockets, and carries what the core says and is told."""
from __future__ import annotations

import collections
import itertools
import os
import struct
import threading
import time
import urllib.parse
import weakref
from typing import Any, Callable

import zmq

from reeve import errors
from reeve.core import Core
from reeve.identity import Identity

BODY_BYTES = 64 << 10
FRAMES_A_TURN = 256
TURN_S_MAX = 0.5
LINGER_MS = 1000

# What a broker that does not let us in has against it: by the monitor's events.
REFUSED = zmq.EVENT_HANDSHAKE_FAILED_AUTH
MISMATCH = zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL  # the value says whether it is this
MECHANISM_MISMATCH = 0x11000002
BROKEN = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
MONITORED = REFUSED | MISMATCH | BROKEN | zmq.EVENT_HANDSHAKE_SUCCEEDED

monitors = itertools.count()  # of this process


class Link:
    """Runs until close. All of the core is the thread's: `do` hands it what is to be done there."""

    def __init__(self, address: str, identity: Identity | None = None):
        self.address = address
        self.identity = identity
        self.hint = ""  # why a broker that is there may not answer
        self.broken = 0  # how often it hung up in a handshake, since one was made
        self.monitor: zmq.Socket[bytes] | None = None
        self.core = Core()
        self.home = os.getpid()
        self.orders: collections.deque[Callable[[Core, float], None]] = collections.deque()
        self.woken = False
        self.closing = threading.Event()
        self.over = False  # nothing that is ordered from here on is done
        self.settled = threading.Condition()  # notified when up or fatal changes
        self.up = False
        self.dealer: zmq.Socket[bytes] | None = None
        self.sub: zmq.Socket[bytes] | None = None
        self.sub_port = 0
        self.subscribed: set[bytes] = set()
        self.blocked: bytes | None = None  # a body that the socket would not take
        self.context = zmq.Context.instance()
        self.poller = zmq.Poller()
        self._connect()  # here: an address that is none is the caller's to hear of
        self.wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        weakref.finalize(self, os.close, self.wake)  # not by the thread: others may be about to nudge it
        self.poller.register(self.wake, zmq.POLLIN)
        self.thread = threading.Thread(target=self._run, name="reeve", daemon=True)
        self.thread.start()

    # --- for any thread ---------------------------------------------------------------------------

    def do(self, order: Callable[[Core, float], None]) -> None:
        """Has it done in the thread, soon."""
        if os.getpid() != self.home:
            raise RuntimeError("this client belongs to the process that made it: make another one here")
        if self.closing.is_set():
            raise errors.Closed("the client is closed")
        self.orders.append(order)
        self.nudge()
        if self.over:  # the thread has ended meanwhile: was this still among what it failed?
            try:
                self.orders.remove(order)
            except ValueError:
                return
            raise errors.Closed("the client is closed")

    def nudge(self) -> None:
        """The thread takes another turn."""
        if not self.woken:
            self.woken = True
            os.eventfd_write(self.wake, 1)

    def wait_up(self, timeout: float | None) -> bool:
        """Until the broker has welcomed us; raises when it does not want us."""
        with self.settled:
            self.settled.wait_for(lambda: self.up or self.core.fatal, timeout)
        if self.core.fatal:
            raise self.core.fatal
        return self.up

    def close(self) -> None:
        """Says what waits (up to a second) and goodbye."""
        if os.getpid() != self.home or self.closing.is_set():
            return
        self.closing.set()
        self.nudge()
        if threading.current_thread() is not self.thread:
            self.thread.join()

    # --- the thread -------------------------------------------------------------------------------

    def _connect(self) -> None:
        if self.dealer is not None:
            self.poller.unregister(self.dealer)
            self._close_monitor(self.dealer)
            self.dealer.close(0)
        dealer = self.context.socket(zmq.DEALER)
        dealer.setsockopt(zmq.LINGER, LINGER_MS)
        dealer.setsockopt(zmq.IMMEDIATE, 1)
        dealer.setsockopt(zmq.RECONNECT_IVL, 50)
        dealer.setsockopt(zmq.RECONNECT_IVL_MAX, 2000)
        dealer.setsockopt(zmq.SNDHWM, 1000)
        dealer.setsockopt(zmq.RCVHWM, 0)
        if self.identity:
            self.identity.show(dealer)
        # A name that none had before: libzmq takes its time to give one back.
        self.monitor = dealer.get_monitor_socket(MONITORED, f"inproc://reeve-{next(monitors)}")
        try:
            dealer.connect(self.address)
        except zmq.ZMQError as error:
            self._close_monitor(dealer)
            dealer.close(0)
            raise ValueError(f"{self.address}: {error}") from error
        self.dealer, self.blocked = dealer, None
        self.poller.register(dealer, zmq.POLLIN)
        self.poller.register(self.monitor, zmq.POLLIN)

    def _close_monitor(self, dealer: zmq.Socket[bytes]) -> None:
        """Its reader goes last: libzmq's thread would wait for ever with an event that nobody takes any more, and with it
        every client of the process."""
        if self.monitor is not None:
            if self.monitor in self.poller:
                self.poller.unregister(self.monitor)
            dealer.disable_monitor()
            self.monitor.close(0)
            self.monitor = None

    def _take_refusals(self) -> None:
        """A broker that does not let us in: libzmq itself tries no more then, and says nothing."""
        while self.monitor is not None and self.monitor.poll(0):
            event, value = struct.unpack("=HI", self.monitor.recv_multipart()[0])
            if event == REFUSED:
                self.core.fatal = errors.Denied(f"{self.address}: the broker does not know this key, "
                                                "or not for this port")
            elif event == MISMATCH and value == MECHANISM_MISMATCH:
                self.core.fatal = errors.Denied(
                    f"{self.address}: the broker asks for no key, and here is one" if self.identity else
                    f"{self.address}: the broker asks for a key: Client(identity=FILE), or REEVE_IDENTITY")
            elif event == BROKEN:
                self.broken += 1
                if self.broken > 1:  # once may be a broker that has just died
                    self.hint = ("the broker hung up: it may ask for no key, or not be the one of this identity"
                                 if self.identity else
                                 "the broker hung up: it may ask for a key: Client(identity=FILE), or REEVE_IDENTITY")
            elif event == zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self.broken, self.hint = 0, ""

    def _connect_updates(self) -> None:
        """The SUB socket, once something is watched; another one when the broker's port has changed."""
        core = self.core
        if not core.watched or core.follows or core.updates_port == self.sub_port:
            return
        if self.sub is not None:
            self.poller.unregister(self.sub)
            self.sub.close(0)
        self.sub, self.sub_port = self.context.socket(zmq.SUB), core.updates_port
        self.sub.setsockopt(zmq.LINGER, 0)
        self.sub.setsockopt(zmq.RECONNECT_IVL, 50)
        self.sub.setsockopt(zmq.RECONNECT_IVL_MAX, 2000)
        self.sub.setsockopt(zmq.RCVHWM, 10000)
        if self.identity:
            self.identity.show(self.sub)
        for topic in self.subscribed:
            self.sub.setsockopt(zmq.SUBSCRIBE, topic)
        host = urllib.parse.urlsplit(self.address).hostname or "127.0.0.1"
        self.sub.connect(f"tcp://{f'[{host}]' if ':' in host else host}:{self.sub_port}")
        self.poller.register(self.sub, zmq.POLLIN)

    def _subscribe(self) -> None:
        self._connect_updates()
        while self.core.subscriptions and (self.sub is not None or not self.core.watched):
            topic, on = self.core.subscriptions.pop(0)
            if on == (topic in self.subscribed):
                continue
            (self.subscribed.add if on else self.subscribed.discard)(topic)
            if self.sub is not None:
                self.sub.setsockopt(zmq.SUBSCRIBE if on else zmq.UNSUBSCRIBE, topic)

    def _flush(self) -> None:
        """Bodies of up to 64 KiB; a bigger record travels alone."""
        core, dealer = self.core, self.dealer
        assert dealer is not None
        if core.forget:
            core.forget, self.blocked = False, None
        while self.blocked is not None or core.out:
            if self.blocked is None:
                size = count = 0
                while count < len(core.out) and (not count or size + len(core.out[count]) <= BODY_BYTES):
                    size += len(core.out[count])
                    count += 1
                self.blocked = b"".join(core.out[:count])
                del core.out[:count]
            try:
                dealer.send(self.blocked, zmq.NOBLOCK)
            except zmq.Again:
                break
            self.blocked = None
        self.poller.modify(dealer, zmq.POLLIN | (zmq.POLLOUT if self.blocked and core.up else 0))

    def _receive(self, now: float) -> bool:
        """A turn's worth of what has come; True: there may be more."""
        assert self.dealer is not None
        came = 0
        try:
            for came in range(FRAMES_A_TURN):
                self.core.take(self.dealer.recv(zmq.NOBLOCK), now)
        except zmq.Again:
            pass
        updates = 0
        try:
            while self.sub is not None and updates < FRAMES_A_TURN:
                frames = self.sub.recv_multipart(zmq.NOBLOCK)
                updates += 1
                if len(frames) == 2:
                    self.core.update(frames[0], frames[1], now)
        except zmq.Again:
            pass
        return came == FRAMES_A_TURN - 1 or updates == FRAMES_A_TURN

    def _turn(self) -> bool:
        """True: go on at once."""
        core, now = self.core, time.monotonic()
        if self.woken:
            self.woken = False  # first: who comes now nudges anew
            try:
                os.eventfd_read(self.wake)
            except BlockingIOError:
                pass
        while self.orders:
            self.orders.popleft()(core, now)
        more = self._receive(now)
        if not more:
            self._take_refusals()
        if core.reopen:
            core.reopen = False
            self._connect()
        core.tick(now)
        core.pump(now)
        self._subscribe()
        self._flush()
        if core.fatal:
            self._fail(core.fatal)
        if core.fatal or core.up != self.up:
            with self.settled:
                self.up = core.up
                self.settled.notify_all()
        return more or bool(self.orders)

    def _run(self) -> None:
        why: Exception = errors.Closed("the client was closed")
        try:
            while not self.closing.is_set():
                if self._turn():
                    continue
                now = time.monotonic()
                left = min(self.core.deadline(now) - now, TURN_S_MAX)
                self.poller.poll(max(0, int(left * 1000) + 1) if left > 0 else 0)
            self._end()
        except BaseException as error:  # a bug of ours: who waits is not to wait for ever
            why = errors.ReeveError(f"the client's thread has ended: {error!r}")
            raise
        finally:
            self.closing.set()
            self.over = True
            while self.orders:  # came too late to be said
                self.orders.popleft()(self.core, time.monotonic())
            self._fail(why)

    def _fail(self, error: Exception) -> None:
        """Whoever waits for an answer is told that none will come."""
        core = self.core
        for submission in list(core.pending.open.values()):
            submission.on_error(error)
        for ask in list(core.asks.values()):
            ask.on_error(error)
        for watched in list(core.watched.values()):
            watched.sink.fail(error)
        core.pending.open.clear()
        core.asks.clear()
        core.watched.clear()

    def _end(self) -> None:
        """What waits is said, then goodbye."""
        core = self.core
        self._turn()
        end = time.monotonic() + LINGER_MS / 1000
        core.part()
        self._flush()
        while self.blocked is not None and core.up and time.monotonic() < end:
            self.poller.poll(100)
            self._flush()
        if self.dealer is not None:
            self._close_monitor(self.dealer)
        for socket in (self.dealer, self.sub):
            if socket is not None:
                socket.close()
