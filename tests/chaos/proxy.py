# SPDX-License-Identifier: Apache-2.0
"""proxy: a TCP link on loopback that can be made bad while it is in use. Knows nothing of what it carries.

    good        what comes goes on at once
    delay       ... after so many seconds (the order stays)
    trickle     ... so many bytes a second
    clog        nothing is read: both ends fill up, as when the other host freezes
    cut         connections are reset, new ones are reset as well
    blackhole   what comes is swallowed and nobody is told; new connections are taken and swallowed too
    half_open   the connecting side is reset, the accepting side is told nothing

What has been swallowed is gone, so connections that were swallowed from are reset when the link is good again.
One thread; at most BUFFER_BYTES wait in each direction of a connection.
"""
import collections
import selectors
import socket
import struct
import threading
import time

BUFFER_BYTES = 1 << 20
CONNECTIONS_MAX = 200
TICK_S = 0.01


def reset(sock):
    """Closes with RST: whoever is there learns of it at once."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    except OSError:
        pass
    sock.close()


class Flow:
    """One direction of a connection."""

    def __init__(self, source, sink):
        self.source, self.sink = source, sink
        self.parts = collections.deque()  # (when it may go, bytes)
        self.size = 0
        self.closed = False  # the source has said its last

    def put(self, data, when):
        self.parts.append((when, data))
        self.size += len(data)

    def send(self, now, limit):
        """Sends what is due, up to limit bytes; how many went."""
        sent = 0
        while self.parts and self.parts[0][0] <= now and sent < limit:
            when, data = self.parts.popleft()
            try:
                count = self.sink.send(data[:limit - sent])
            except BlockingIOError:
                count = 0
            sent += count
            if count < len(data):
                self.parts.appendleft((when, data[count:]))
            if count == 0:
                break
        self.size -= sent
        return sent


class Pair:
    def __init__(self, near, far):
        self.near, self.far = near, far  # near: who connected to us; None once it was reset alone
        self.flows = {near: Flow(near, far), far: Flow(far, near)}
        self.swallowed = False


class Proxy:
    def __init__(self, port, target_port):
        self.target = ("127.0.0.1", target_port)
        self.listener = socket.create_server(("127.0.0.1", port), backlog=64, reuse_port=False)
        self.listener.setblocking(False)
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.lock = threading.Lock()
        self.pairs = set()
        self.mode, self.amount = "good", 0
        self.carried = 0
        self.running = True
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def set(self, mode, amount=0):
        """Makes the link so; amount: seconds of delay, bytes a second of trickle."""
        with self.lock:
            before, self.mode, self.amount = self.mode, mode, amount
            if mode in ("cut", "half_open"):
                for pair in list(self.pairs):
                    self.cut(pair, only_near=mode == "half_open")
            elif before in ("blackhole", "half_open"):
                for pair in [pair for pair in self.pairs if pair.swallowed]:
                    self.cut(pair)

    def close(self):
        self.running = False
        self.thread.join()
        for pair in list(self.pairs):
            self.cut(pair)
        self.listener.close()
        self.selector.close()

    def cut(self, pair, only_near=False):
        for sock in (pair.near,) if only_near else (pair.near, pair.far):
            if sock and sock.fileno() >= 0:
                self.watch(sock, 0)
                reset(sock)
        if only_near:
            pair.near, pair.swallowed = None, True
        else:
            self.pairs.discard(pair)

    def watch(self, sock, events, pair=None):
        """Registers, changes or forgets a socket."""
        known = sock in self.selector.get_map()
        if events and known:
            self.selector.modify(sock, events, pair)
        elif events:
            self.selector.register(sock, events, pair)
        elif known:
            self.selector.unregister(sock)

    def accept(self):
        near, _ = self.listener.accept()
        if self.mode in ("cut", "half_open") or len(self.pairs) >= CONNECTIONS_MAX:
            reset(near)
            return
        try:
            far = socket.create_connection(self.target, timeout=1)
        except OSError:
            reset(near)
            return
        for sock in (near, far):
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        pair = Pair(near, far)
        self.pairs.add(pair)
        for sock in (near, far):
            self.watch(sock, selectors.EVENT_READ, pair)

    def receive(self, pair, sock):
        """Takes what has come; False: the connection is over."""
        flow = pair.flows[sock]
        if pair.near and (self.mode == "clog" or flow.size >= BUFFER_BYTES):
            return True
        data = sock.recv(65536)
        if not data:
            flow.closed = True
            return flow.size > 0
        if self.mode == "blackhole" or not pair.near:
            pair.swallowed = True
            return True
        self.carried += len(data)
        flow.put(data, time.monotonic() + (self.amount if self.mode == "delay" else 0))
        return True

    def pump(self, pair, now, limit):
        """Sends what may go, and says what to listen for until the next time."""
        for flow in pair.flows.values():
            if not pair.near or self.mode in ("clog", "blackhole"):
                continue
            flow.send(now, limit)
            if flow.closed and not flow.parts:
                return False
        for sock, flow in pair.flows.items():
            if sock.fileno() < 0:
                continue
            full = flow.size >= BUFFER_BYTES or flow.closed or self.mode == "clog"
            back = pair.flows[flow.sink]  # what goes out by this socket
            writes = back.parts and back.parts[0][0] <= now and self.mode in ("good", "delay")
            self.watch(sock, (0 if full and pair.near else selectors.EVENT_READ) |
                       (selectors.EVENT_WRITE if writes else 0), pair)
        return True

    def step(self, ready, now, limit):
        for key, events in ready:
            if key.fileobj is self.listener:
                self.accept()
            elif key.data in self.pairs and events & selectors.EVENT_READ and key.fileobj.fileno() >= 0:
                try:
                    if not self.receive(key.data, key.fileobj):
                        self.cut(key.data)
                except BlockingIOError:
                    pass
                except OSError:
                    self.cut(key.data)
        for pair in list(self.pairs):
            try:
                if not self.pump(pair, now, limit):
                    self.cut(pair)
            except OSError:
                self.cut(pair)

    def run(self):
        before = time.monotonic()
        while self.running:
            ready = self.selector.select(TICK_S)
            with self.lock:
                now = time.monotonic()
                limit = BUFFER_BYTES
                if self.mode == "trickle":
                    limit = max(1, int(self.amount * (now - before)))
                before = now
                self.step(ready, now, limit)
