# SPDX-License-Identifier: Apache-2.0
"""frames: HTTP/2 by hand. Frames and header blocks are bytes of any kind, also of the wrong one; a Connection says them
to a port of gRPC and tells in words what comes back. It is a client that knows no rule of its own but this: the server
sends no more than the windows take."""
import collections
import socket
import struct

import hpack

from farm import DEADLINE_S

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
ACK = END_STREAM = 0x1
END_HEADERS, PADDED, PRIORITIZED = 0x4, 0x8, 0x20
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE, MAX_HEADER_LIST_SIZE = range(1, 7)
ERRORS = ["NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
          "FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
          "INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
WINDOW = 65535  # of each stream, and of the connection, until something else is said

Frame = collections.namedtuple("Frame", "kind flags stream body")


def frame(kind, flags=0, stream=0, body=b"", length=None):
    """length: what it says of its body, when that is not so."""
    size = len(body) if length is None else length
    return struct.pack(">BHBBI", size >> 16, size & 0xffff, kind, flags, stream) + body


def settings(*pairs):
    return frame(SETTINGS, body=b"".join(struct.pack(">HI", *pair) for pair in pairs))


def window_update(stream, increment):
    return frame(WINDOW_UPDATE, stream=stream, body=struct.pack(">I", increment))


def integer(value, bits, first=0):
    """Of RFC 7541: in the low bits of a byte, and those behind it."""
    most = (1 << bits) - 1
    if value < most:
        return bytes([first | value])
    value -= most
    rest = b""
    while value >= 128:
        rest += bytes([128 | value & 127])
        value >>= 7
    return bytes([first | most]) + rest + bytes([value])


def text(value):
    value = value if isinstance(value, bytes) else value.encode()
    return integer(len(value), 7) + value


def block(headers):
    """Literals that nobody is to remember, without Huffman's code."""
    return b"".join(b"\0" + text(name) + text(value) for name, value in headers)


def headers(stream, fields, flags=END_HEADERS, pad=b""):
    return frame(HEADERS, flags, stream, pad + (fields if isinstance(fields, bytes) else block(fields)))


def data(stream, body=b"", flags=0):
    return frame(DATA, flags, stream, body)


def message(body=b"", flag=0, length=None):
    """As gRPC has it in DATA."""
    return struct.pack(">BI", flag, len(body) if length is None else length) + body


class Answer:
    """Of a stream."""

    def __init__(self):
        self.headers, self.data, self.ended = {}, b"", False

    @property
    def messages(self):
        found, rest = [], self.data
        while rest:
            flag, size = struct.unpack_from(">BI", rest)
            assert flag == 0 and len(rest) >= 5 + size, rest[:20]
            found.append(rest[5:5 + size])
            rest = rest[5 + size:]
        return found

    def __str__(self):
        """The status of gRPC; where there is none, that of HTTP."""
        if "grpc-status" in self.headers:
            return f"grpc {self.headers['grpc-status']}"
        return f"http {self.headers.get(':status')}"


class Connection:
    """greets: with preface and SETTINGS. window: that of each stream, as the SETTINGS say it."""

    def __init__(self, port, greets=True, window=WINDOW, host="127.0.0.1", receive_bytes=None):
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(DEADLINE_S)
        self.socket.connect((host, port))
        self.arrived = b""
        self.decoder = hpack.Decoder()
        self.answers = collections.defaultdict(Answer)
        self.fragments = []
        self.window, self.initial = WINDOW, WINDOW  # what the server may still send, and on a new stream
        self.windows = {}
        self.lowered = collections.deque()  # by SETTINGS that are not acknowledged yet
        self.told = []  # all that came, in words
        self.pings = 0
        if greets:
            self.send(PREFACE)
            self.set_window(window)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- saying ---------------------------------------------------------------------------------

    def send(self, *parts):
        """Who has been hung up on finds out by reading."""
        try:
            self.socket.sendall(b"".join(parts))
        except (BrokenPipeError, ConnectionResetError):
            pass

    def set_window(self, window):
        """SETTINGS; a smaller window holds only when the server has heard of it."""
        difference = window - self.initial
        self.lowered.append(min(difference, 0))
        if difference > 0:
            self.widen(difference)
        self.initial = window
        self.send(settings((INITIAL_WINDOW_SIZE, window)))

    def widen(self, difference):
        for stream in self.windows:
            self.windows[stream] += difference

    def open_window(self, stream, increment):
        if stream:
            self.windows[stream] = self.left(stream) + increment
        else:
            self.window += increment
        self.send(window_update(stream, increment))

    def left(self, stream):
        pending = sum(self.lowered)  # a stream of now still has what was said before
        return self.windows.setdefault(stream, self.initial - pending)

    # --- hearing --------------------------------------------------------------------------------

    def more(self):
        """False: the other side has ended."""
        try:
            got = self.socket.recv(1 << 16)
        except ConnectionResetError:
            got = b""
        self.arrived += got
        return bool(got)

    def next(self):
        """A frame; None at the end."""
        while len(self.arrived) < 9 or len(self.arrived) < 9 + int.from_bytes(self.arrived[:3], "big"):
            if not self.more():
                return None
        size = int.from_bytes(self.arrived[:3], "big")
        kind, flags, stream = struct.unpack_from(">BBI", self.arrived, 3)
        body, self.arrived = self.arrived[9:9 + size], self.arrived[9 + size:]
        return Frame(kind, flags, stream, body)

    def hear(self):
        """The next thing that is worth a word: "goaway ERROR", "reset STREAM ERROR", "answer STREAM grpc STATUS",
        "pong BYTES", "data STREAM", "settings", "ended"."""
        while True:
            frame_ = self.next()
            word = self.understand(frame_) if frame_ else "ended"
            if word:
                self.told.append(word)
                return word

    def understand(self, came):
        if came.kind == SETTINGS and not came.flags & ACK:
            self.send(frame(SETTINGS, ACK))
        elif came.kind == SETTINGS:
            if self.lowered:
                self.widen(self.lowered.popleft())
            return "settings"
        elif came.kind == GOAWAY:
            return f"goaway {ERRORS[struct.unpack_from('>I', came.body, 4)[0]]}"
        elif came.kind == RST_STREAM:
            return f"reset {came.stream} {ERRORS[struct.unpack('>I', came.body)[0]]}"
        elif came.kind == PING and came.flags & ACK:
            return f"pong {came.body!r}"
        elif came.kind == PING:
            self.send(frame(PING, ACK, body=came.body))
            return "ping"
        elif came.kind == DATA:
            return self.take_data(came)
        elif came.kind in (HEADERS, CONTINUATION):
            return self.take_headers(came)
        return None

    def take_data(self, came):
        self.window -= len(came.body)
        self.windows[came.stream] = self.left(came.stream) - len(came.body)
        assert not came.body or (self.window >= 0 and self.windows[came.stream] >= 0), \
            f"{len(came.body)} bytes more than the window: {self.window} {self.windows}"
        self.answers[came.stream].data += came.body
        assert not came.flags & END_STREAM, "gRPC ends with trailers"
        return f"data {came.stream}"

    def take_headers(self, came):
        self.fragments.append(came.body)
        if came.kind == HEADERS:
            self.ends = came.flags & END_STREAM
        if not came.flags & END_HEADERS:
            return None
        answer = self.answers[came.stream]
        answer.headers.update(self.decoder.decode(b"".join(self.fragments)))
        self.fragments.clear()
        answer.ended = bool(self.ends)
        return f"answer {came.stream} {answer}" if answer.ended else None

    def until(self, wanted):
        """Hears until one of these words comes, or until wanted(word) is true."""
        fits = wanted if callable(wanted) else (lambda word: word in ((wanted,) if isinstance(wanted, str) else wanted))
        while True:
            word = self.hear()
            if fits(word):
                return word
            assert word != "ended", f"not {wanted}, but {self.told[-20:]}"

    def hears_out(self):
        """Until a stream or the connection ends; in words, which."""
        return self.until(lambda word: word.startswith(("answer", "reset", "goaway", "ended")))

    def pong(self):
        """What was sent before has been looked at: a PING comes back. What came until then, but SETTINGS."""
        self.pings += 1
        mark = self.pings.to_bytes(8, "big")
        before = len(self.told)
        self.send(frame(PING, body=mark))
        self.until(f"pong {mark!r}")
        return [word for word in self.told[before:-1] if word != "settings"]

    def answer(self, stream):
        """Its end. Windows are opened as it reads."""
        while not self.answers[stream].ended:
            for of, left in ((0, self.window), (stream, self.left(stream))):
                if left < WINDOW // 2:
                    self.open_window(of, WINDOW)
            self.until(lambda word: word.split()[:2] in (["data", str(stream)], ["answer", str(stream)]))
        return self.answers[stream]
