# SPDX-License-Identifier: Apache-2.0
"""A gRPC door and how much goes through it: floods, resets, windows, clients that are slow, silent or speak otherwise. Each
is bounded, and somebody else's connection goes on."""
import socket
import time

from farm import main
from frame_farm import (ADD, CHECK, CODE, LATER, LIST, MALFORMED, FrameFarm, Others, ask, check_case, fields, open_call,
                        watch)
from frames import (CONTINUATION, GOAWAY, PING, PREFACE, PRIORITY, RST_STREAM, SETTINGS, WINDOW, block, data, frame,
                    headers, message, settings, window_update)
from raw import resident_mib

# --- how much at once ----------------------------------------------------------------------------

FLOODS = [
    ("10.5", "PING", frame(PING, body=bytes(8)), 300, "goaway ENHANCE_YOUR_CALM"),
    ("10.5", "SETTINGS", settings(), 300, "goaway ENHANCE_YOUR_CALM"),
    ("10.5", "PRIORITY", frame(PRIORITY, stream=1, body=CODE(0) + b"\1"), 300, "goaway ENHANCE_YOUR_CALM"),
    ("10.5", "DATA of nothing", data(1), 300, "goaway ENHANCE_YOUR_CALM"),
    ("10.5", "CONTINUATION of nothing", frame(CONTINUATION, 0, 3), 100000, "ended"),
    ("10.5", "CONTINUATION of fields", frame(CONTINUATION, 0, 3, block([("x", "y" * 1000)])), 20000, "ended"),
    ("10.5", "a type that is none", frame(0xee, body=bytes(1000)), 20000, "fine"),
    ("10.5", "WINDOW_UPDATE", window_update(0, 1), 50000, "fine"),
]


def check_growth(farm, before, what, most_mib=24):
    grown = resident_mib(farm.gateway) - before
    assert grown < most_mib, f"{what}: {grown:.1f} MiB"


def test_floods(farm):
    farm.door()
    others = Others(farm)
    before = resident_mib(farm.gateway)
    for section, what, one, count, want in FLOODS:
        begin = headers(3, block(fields()), 0) if "CONTINUATION" in what else open_call()
        failed = check_case(farm, section, what, (begin, one * count), want)
        assert not failed, failed
        others.go_on()
        check_growth(farm, before, what)


def test_rapid_resets(farm):
    """CVE-2023-44487."""
    farm.door()
    others = Others(farm)
    before = resident_mib(farm.gateway)
    cancel = CODE(8)
    with farm.connection() as connection:
        for first in range(1, 100001, 2000):
            connection.send(*(watch(stream) + frame(RST_STREAM, stream=stream, body=cancel)
                              for stream in range(first, first + 2000, 2)))
        connection.until("goaway INTERNAL_ERROR")
        connection.until("ended")
    others.go_on()
    check_growth(farm, before, "rapid resets")


def test_calls_that_the_server_is_made_to_reset(farm):
    """CVE-2025-8671: what it began for them ends with them, and nothing of them stays."""
    farm.door()
    others = Others(farm)
    before = resident_mib(farm.gateway)
    with farm.connection() as connection:
        for first in range(1, 20001, 200):
            streams = range(first, first + 200, 2)
            connection.send(*(ask(stream, LIST, message()) + window_update(stream, (1 << 31) - 1) for stream in streams))
            connection.pong()
        reset = sum(word.endswith(" FLOW_CONTROL_ERROR") for word in connection.told)
        print(f"{reset} calls were reset")
        assert reset
        connection.send(ask(20001))
        assert str(connection.answer(20001)) == "grpc 0"
    others.go_on()
    check_growth(farm, before, "calls that were reset")


def test_a_hundred_calls_and_one(farm):
    """Until the client has acknowledged the limit it is refused; then it should know, and the connection ends."""
    farm.door()
    others = Others(farm)
    with farm.connection() as early:
        early.send(*(watch(stream) for stream in range(1, 203, 2)))
        early.until("reset 201 REFUSED_STREAM")
        early.send(frame(RST_STREAM, stream=1, body=CODE(8)))
        early.send(ask(LATER))
        assert str(early.answer(LATER)) == "grpc 0"
    with farm.connection() as late:
        late.pong()  # the SETTINGS have come, and are acknowledged
        late.send(*(watch(stream) for stream in range(1, 203, 2)))
        late.until((f"goaway {MALFORMED}", "reset 201 REFUSED_STREAM"))
    others.go_on()


def test_a_client_that_says_goodbye(farm):
    farm.door()
    with farm.connection() as connection:
        connection.send(ask(), frame(GOAWAY, body=bytes(8)))
        assert str(connection.answer(1)) == "grpc 0"
        connection.until("ended")


# --- flow control --------------------------------------------------------------------------------

TITLE = "x" * 1000
TASKS = 160  # their list is more than two windows


def fill_list(farm):
    """Tasks, and their list as the gateway sends it."""
    title = b"\x0a" + bytes([len(TITLE) & 127 | 128, len(TITLE) >> 7]) + TITLE.encode()  # field 1, of two bytes' length
    with farm.connection() as connection:
        for i in range(TASKS):
            connection.send(ask(2 * i + 1, ADD, message(title)))
            assert str(connection.answer(2 * i + 1)) == "grpc 0"
        connection.send(ask(LATER, LIST))
        answer = connection.answer(LATER)
        assert len(answer.data) > 2 * WINDOW and answer.messages[0].count(TITLE.encode()) == TASKS
        return answer.data


def test_a_window_of_one_byte(farm):
    farm.door()
    with farm.connection(window=1) as connection:
        connection.send(ask())
        connection.until("data 1")
        while len(connection.answers[1].data) < len(message(b"\x08\x01")):
            before = len(connection.answers[1].data)
            assert not connection.pong() and len(connection.answers[1].data) == before
            connection.open_window(1, 1)
            connection.until("data 1")
        assert str(connection.answer(1)) == "grpc 0" and connection.answers[1].messages == [b"\x08\x01"]


def test_a_window_that_is_shut(farm):
    farm.door()
    with farm.connection(window=0) as connection:
        connection.send(ask(1), ask(3))
        connection.until("settings")
        connection.pong()
        assert not connection.answers[1].data and not connection.answers[3].data
        connection.open_window(3, 100)
        assert str(connection.answer(3)) == "grpc 0" and not connection.answers[1].data
        connection.set_window(100)  # opens those that are there, too
        assert str(connection.answer(1)) == "grpc 0"


def test_a_window_that_becomes_negative(farm):
    farm.door()
    whole = fill_list(farm)
    with farm.connection(window=20000) as connection:
        connection.send(ask(1, LIST))
        connection.until(lambda _: len(connection.answers[1].data) == 20000)
        connection.set_window(5000)  # 15000 less than nothing
        connection.pong()
        connection.open_window(1, 15000)
        connection.pong()
        assert len(connection.answers[1].data) == 20000
        connection.open_window(1, 7)
        connection.until("data 1")
        assert len(connection.answers[1].data) == 20007
        assert connection.answer(1).data == whole


def test_the_window_of_the_connection(farm):
    farm.door()
    whole = fill_list(farm)
    with farm.connection(window=1 << 20) as connection:
        connection.send(ask(1, LIST), ask(3, LIST))
        connection.until(lambda _: connection.window == 0)
        connection.pong()  # and no byte more: the connection counts
        connection.open_window(0, 10)
        connection.until(lambda _: connection.window == 0)
        assert connection.answer(1).data == connection.answer(3).data == whole


def test_frames_are_no_larger_than_was_said(farm):
    farm.door()
    whole = fill_list(farm)
    with farm.connection(window=1 << 20) as connection:
        connection.send(ask(1, LIST))
        sizes = []
        take_data = connection.take_data
        connection.take_data = lambda came: sizes.append(len(came.body)) or take_data(came)
        assert connection.answer(1).data == whole and max(sizes) <= 16384, sizes


def test_a_client_that_reads_nothing(farm):
    """It asks and asks: what it does not take is bounded, and it is listened to no more."""
    farm.door()
    fill_list(farm)
    others = Others(farm)
    others.go_on()
    before = resident_mib(farm.gateway)
    with farm.connection(window=(1 << 31) - 1, receive_bytes=4096) as deaf:
        deaf.send(window_update(0, (1 << 31) - 1 - WINDOW))
        deaf.socket.settimeout(0)
        stream, waiting = 1, b""
        try:
            while stream < 20000:
                waiting = waiting or ask(stream, LIST)
                waiting = waiting[deaf.socket.send(waiting):]
                stream += 0 if waiting else 2
        except (BlockingIOError, ConnectionError):
            pass
        others.go_on()
        check_growth(farm, before, f"{stream // 2} calls that nobody reads", most_mib=64)


# --- half-open, slow, of another protocol --------------------------------------------------------


def test_who_says_nothing_is_left(farm):
    """Before its first words are said a connection has ten seconds; a byte now and then makes it no longer."""
    farm.door()
    others = Others(farm)
    others.go_on()
    silent = [b"", PREFACE[:10], PREFACE]
    connections = [farm.connection(greets=False) for _ in silent]
    for connection, words in zip(connections, silent):
        connection.send(words)
    slow, rest = farm.connection(greets=False), PREFACE + frame(SETTINGS)
    slow.socket.settimeout(0.5)  # its pace
    begun, ended = time.monotonic(), False
    while not ended and rest:
        slow.send(rest[:1])
        rest = rest[1:]
        try:
            ended = not slow.more()
        except TimeoutError:
            pass
    assert ended and time.monotonic() - begun > 5, "it has said all its words, or none"
    for connection in connections:
        connection.until("ended")
    others.go_on()  # who has said its words stays


def test_who_calls_nothing_keeps_nobody_out(farm):
    """The gateway has six hundred connections at most."""
    farm.door()
    others = Others(farm)
    others.connection.send(watch(LATER))  # one that is in use stays
    others.connection.until(f"data {LATER}")
    idle = [farm.connection() for _ in range(599)]
    for connection in idle:
        connection.pong()

    def comes_in():
        with farm.connection() as connection:
            connection.send(ask())
            return connection.hears_out() == "answer 1 grpc 0"

    assert not comes_in()
    farm.until(comes_in, "there is room")
    idle[0].until("goaway NO_ERROR")  # who came first
    idle[0].until("ended")
    idle[-1].pong()
    assert not others.connection.pong()
    for connection in idle:
        connection.close()


def test_an_older_http(farm):
    farm.door()
    others = Others(farm)
    for words in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST " + CHECK.encode() + b" HTTP/1.0\r\n\r\n",
                  b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
                  b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"):
        with farm.connection(greets=False) as connection:
            connection.send(words)
            while connection.more():
                pass
            head, _, body = connection.arrived.partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 505 ") and f"Content-Length: {len(body)}".encode() in head, head
            assert b"gRPC" in body
        others.go_on()


def test_a_byte_at_a_time(farm):
    """Slow, and well."""
    farm.door()
    with farm.connection(greets=False) as connection:
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in PREFACE + settings() + ask(body=message(b"\x0a\0")):
            connection.send(bytes([byte]))
        assert str(connection.answer(1)) == "grpc 0"


if __name__ == "__main__":
    main(globals(), make=FrameFarm)
