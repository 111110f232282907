# SPDX-License-Identifier: Apache-2.0
"""frame_farm: a gateway with a gRPC door, calls of it as frames, and cases: what is sent, and what must come of it."""
import struct

from farm import Farm
from frames import END_STREAM, Connection, data, headers, message
from gateway import Gateway

CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
ADD, LIST = "/todo.TodoService/AddTask", "/todo.TodoService/GetTasks"
MALFORMED = "PROTOCOL_ERROR"
CODE = struct.Struct(">I").pack
LATER = 901  # a stream that no case uses


class FrameFarm(Farm):
    def door(self):
        self.broker()
        self.port_of_door = self.port + 4
        # What a sanitizer keeps of freed memory would be taken for what the gateway keeps.
        self.env["ASAN_OPTIONS"] = self.env.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"
        self.gateway = Gateway(self, "--doors", "todo", "--todo-port", self.port_of_door)
        return self.gateway

    def connection(self, **options):
        return Connection(self.port_of_door, **options)


def fields(path=CHECK, **changes):
    """The headers of a call, in their order. Changes: by name, with _ for -, and of the pseudo headers without the
    colon; None: without it; a list: as often."""
    usual = {":method": "POST", ":scheme": "http", ":path": path, ":authority": "x", "te": "trailers",
             "content-type": "application/grpc"}
    for name, value in changes.items():
        usual[":" + name if name in ("method", "scheme", "authority") else name.replace("_", "-")] = value
    return [(name, each) for name, value in usual.items() if value is not None
            for each in (value if isinstance(value, list) else [value])]


def ask(stream=1, path=CHECK, body=message(), **changes):
    """A call, whole."""
    return headers(stream, fields(path, **changes)) + data(stream, body, END_STREAM)


def open_call(stream=1, path=CHECK, **changes):
    """A call whose messages are still to come."""
    return headers(stream, fields(path, **changes))


def watch(stream=1):
    """A call that the server does not end."""
    return ask(stream, WATCH)


def raw(stream, *extra):
    """A call with further fields at the end of its headers."""
    return headers(stream, fields() + list(extra)) + data(stream, message(), END_STREAM)


class Others:
    """A connection that has done nothing wrong."""

    def __init__(self, farm):
        self.connection = farm.connection()
        self.stream = -1

    def go_on(self):
        self.stream += 2
        self.connection.send(ask(self.stream))
        answer = self.connection.answer(self.stream)
        assert (str(answer), answer.messages) == ("grpc 0", [b"\x08\x01"]), answer


def check_after(connection, want):
    """A connection that ends is closed; one that goes on takes calls."""
    if want.startswith("goaway"):
        connection.until("ended")
    elif want != "ended":
        connection.send(ask(LATER))
        assert str(connection.answer(LATER)) == "grpc 0", connection.told


def check_case(farm, section, what, sent, want, **options):
    """want: "fine": nothing comes of it. Else a word of frames.Connection, or several that are as good."""
    wanted = (want,) if isinstance(want, str) else want
    with farm.connection(**options) as connection:
        try:
            connection.send(*sent) if isinstance(sent, tuple) else connection.send(sent)
            if wanted == ("fine",):
                came = connection.pong()
                assert not came, came
                found = "fine"
            else:
                found = connection.until(wanted)
            check_after(connection, found)
        except (AssertionError, TimeoutError) as error:
            return f"{section} {what}: not {want}: {error or 'silence'}; it was told {connection.told[-8:]}"
    return None


def check_cases(farm, cases, **options):
    farm.door()
    others = Others(farm)
    others.go_on()
    failed = []
    for case in cases:
        failed.append(check_case(farm, *case, **options))
        others.go_on()
    failed = [line for line in failed if line]
    assert not failed, "\n" + "\n".join(failed)
    print(f"{len(cases)} cases")
