# SPDX-License-Identifier: Apache-2.0
"""A gRPC door under frames that no client of gRPC sends, section by section of RFC 9113, and under calls that are none.
What must come stands in tables; after each case somebody else's connection, opened before them all, goes on."""
import frames
from farm import main
from frame_farm import ADD, CHECK, CODE, MALFORMED, WATCH, FrameFarm, ask, check_cases, fields, open_call, raw, watch
from frames import (ACK, CONTINUATION, END_HEADERS, END_STREAM, ENABLE_PUSH, GOAWAY, HEADERS, INITIAL_WINDOW_SIZE,
                    MAX_FRAME_SIZE, PADDED, PING, PREFACE, PRIORITIZED, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS,
                    WINDOW, WINDOW_UPDATE, block, data, frame, headers, integer, message, settings, window_update)

# --- the beginning -------------------------------------------------------------------------------

BEGINNINGS = [
    ("3.4", "no preface", settings(), "ended"),
    ("3.4", "a preface with a wrong letter", PREFACE.replace(b"SM", b"SN") + settings(), "ended"),
    ("3.4", "no SETTINGS behind it", PREFACE + frame(PING, body=bytes(8)), f"goaway {MALFORMED}"),
    ("3.4", "an acknowledgement as the first SETTINGS", PREFACE + frame(SETTINGS, ACK), f"goaway {MALFORMED}"),
    ("3.4", "a call before the SETTINGS", PREFACE + ask(), f"goaway {MALFORMED}"),
    ("3.4", "the preface twice", PREFACE + settings() + PREFACE, "goaway FRAME_SIZE_ERROR"),
    ("3.4", "all at once", PREFACE + settings() + ask(), "answer 1 grpc 0"),
]


def test_beginnings(farm):
    check_cases(farm, BEGINNINGS, greets=False)


# --- frames --------------------------------------------------------------------------------------

FRAMES = [
    # 4: what every frame has
    ("4.1", "a type that is none", frame(0xee, 0xff, 0, b"x" * 100), "fine"),
    ("4.1", "a type that is none, on a stream that is none", frame(0x0c, 0, 7, b"x" * 100), "fine"),
    ("4.1", "flags that are none", frame(PING, 0xfe, 0, b"unsigned"), "pong b'unsigned'"),
    ("4.1", "the reserved bit", frame(PING, 0, 1 << 31, b"reserved"), "pong b'reserved'"),
    ("4.2", "DATA of a byte too many", open_call() + data(1, bytes(16385)), "goaway FRAME_SIZE_ERROR"),
    ("4.2", "HEADERS of a byte too many", frame(HEADERS, END_HEADERS, 1, bytes(16385)), "goaway FRAME_SIZE_ERROR"),
    ("4.2", "SETTINGS of a byte too many", frame(SETTINGS, body=bytes(16385)), "goaway FRAME_SIZE_ERROR"),
    ("4.2", "a type that is none, of 16 MiB", frame(0xee, body=b"", length=(1 << 24) - 1), "goaway FRAME_SIZE_ERROR"),
    ("4.3", "an index that is none", headers(1, b"\xff\xff\xff\xff\x7f"), "goaway COMPRESSION_ERROR"),
    ("4.3", "index zero", headers(1, b"\x80"), "goaway COMPRESSION_ERROR"),
    ("4.3", "a number without end", headers(1, b"\xff" + b"\x80" * 20), "goaway COMPRESSION_ERROR"),
    ("4.3", "a field that is cut off", headers(1, block(fields())[:-3]), "goaway COMPRESSION_ERROR"),
    ("4.3", "Huffman's code with wrong padding", headers(1, block(fields()) + b"\0\x81\x00\x01x"), "goaway COMPRESSION_ERROR"),
    ("4.3", "a table larger than ours", headers(1, integer(1 << 20, 5, 0x20) + block(fields())), "goaway COMPRESSION_ERROR"),
    ("4.3", "a new size at the end of a block", headers(1, block(fields()) + b"\x20"), "goaway COMPRESSION_ERROR"),
    # 5: streams
    ("5.1", "DATA on an idle stream", data(1, b"x"), f"goaway {MALFORMED}"),
    ("5.1", "RST_STREAM on an idle stream", frame(RST_STREAM, stream=1, body=CODE(8)), f"goaway {MALFORMED}"),
    ("5.1", "WINDOW_UPDATE on an idle stream", window_update(1, 100), f"goaway {MALFORMED}"),
    ("5.1", "CONTINUATION on an idle stream", frame(CONTINUATION, END_HEADERS, 1, b""), f"goaway {MALFORMED}"),
    ("5.1", "PRIORITY on an idle stream", frame(PRIORITY, stream=1, body=CODE(0) + b"\1"), "fine"),
    ("5.1", "DATA behind the end of it", watch() + data(1, b"x"), ("reset 1 STREAM_CLOSED", "goaway STREAM_CLOSED")),
    ("5.1", "HEADERS behind the end of it", watch() + headers(1, fields(), END_HEADERS | END_STREAM),
     ("reset 1 STREAM_CLOSED", "goaway STREAM_CLOSED")),
    ("5.1", "CONTINUATION behind the end of it", watch() + frame(CONTINUATION, END_HEADERS, 1), f"goaway {MALFORMED}"),
    ("5.1.1", "an even stream", ask(2), f"goaway {MALFORMED}"),
    ("5.1.1", "a stream below the last one", watch(5) + ask(3), "reset 3 STREAM_CLOSED"),
    # 6: each type
    ("6.1", "DATA on stream 0", data(0, b"x"), f"goaway {MALFORMED}"),
    ("6.1", "DATA whose padding is all and more", open_call() + data(1, b"\5xxxx", PADDED), f"goaway {MALFORMED}"),
    ("6.1", "DATA without the length of its padding", open_call() + data(1, b"", PADDED),
     ("goaway FRAME_SIZE_ERROR", f"goaway {MALFORMED}")),
    ("6.1", "DATA with padding", open_call() + data(1, b"\4" + message() + bytes(4), PADDED | END_STREAM), "answer 1 grpc 0"),
    ("6.2", "HEADERS on stream 0", headers(0, fields()), f"goaway {MALFORMED}"),
    ("6.2", "HEADERS whose padding is all and more", headers(1, b"\x05\x82", END_HEADERS | PADDED), f"goaway {MALFORMED}"),
    ("6.2", "HEADERS with padding and a priority",
     headers(1, b"\4" + CODE(0) + b"\x10" + block(fields()) + bytes(4), END_HEADERS | PADDED | PRIORITIZED) +
     data(1, message(), END_STREAM), "answer 1 grpc 0"),
    ("6.2", "PING inside of a header block", headers(1, b"\x82", 0) + frame(PING, body=bytes(8)), f"goaway {MALFORMED}"),
    ("6.2", "HEADERS inside of a header block", headers(1, b"\x82", 0) + headers(3, fields()), f"goaway {MALFORMED}"),
    ("6.2", "a type that is none inside of a header block", headers(1, b"\x82", 0) + frame(0xee), f"goaway {MALFORMED}"),
    ("6.3", "PRIORITY on stream 0", frame(PRIORITY, body=CODE(1) + b"\1"), f"goaway {MALFORMED}"),
    ("6.3", "PRIORITY of four bytes", open_call() + frame(PRIORITY, stream=1, body=CODE(0)),
     ("reset 1 FRAME_SIZE_ERROR", "goaway FRAME_SIZE_ERROR")),
    ("6.4", "RST_STREAM on stream 0", frame(RST_STREAM, body=CODE(8)), f"goaway {MALFORMED}"),
    ("6.4", "RST_STREAM of three bytes", open_call() + frame(RST_STREAM, stream=1, body=b"\0\0\0"), "goaway FRAME_SIZE_ERROR"),
    ("6.4", "RST_STREAM with an error that is none", open_call() + frame(RST_STREAM, stream=1, body=CODE(1 << 31)), "fine"),
    ("6.5", "SETTINGS on a stream", frame(SETTINGS, stream=1), f"goaway {MALFORMED}"),
    ("6.5", "SETTINGS of five bytes", frame(SETTINGS, body=bytes(5)), "goaway FRAME_SIZE_ERROR"),
    ("6.5", "an acknowledgement with something in it", frame(SETTINGS, ACK, body=bytes(6)), "goaway FRAME_SIZE_ERROR"),
    ("6.5", "an acknowledgement of nothing", frame(SETTINGS, ACK) * 2, (f"goaway {MALFORMED}",)),
    ("6.5.2", "ENABLE_PUSH 2", settings((ENABLE_PUSH, 2)), f"goaway {MALFORMED}"),
    ("6.5.2", "a window of 2^31", settings((INITIAL_WINDOW_SIZE, 1 << 31)), "goaway FLOW_CONTROL_ERROR"),
    ("6.5.2", "frames of 16383 bytes", settings((MAX_FRAME_SIZE, 16383)), f"goaway {MALFORMED}"),
    ("6.5.2", "frames of 2^24 bytes", settings((MAX_FRAME_SIZE, 1 << 24)), f"goaway {MALFORMED}"),
    ("6.5.2", "a setting that is none", settings((0xeeee, 1)), "fine"),
    ("6.6", "PUSH_PROMISE", open_call() + frame(PUSH_PROMISE, END_HEADERS, 1, CODE(2) + block(fields())), f"goaway {MALFORMED}"),
    ("6.7", "PING", frame(PING, body=b"eight by"), "pong b'eight by'"),
    ("6.7", "the answer to a PING that was none", frame(PING, ACK, body=bytes(8)), "fine"),
    ("6.7", "PING on a stream", frame(PING, stream=1, body=bytes(8)), f"goaway {MALFORMED}"),
    ("6.7", "PING of six bytes", frame(PING, body=bytes(6)), "goaway FRAME_SIZE_ERROR"),
    ("6.7", "PING of nine bytes", frame(PING, body=bytes(9)), "goaway FRAME_SIZE_ERROR"),
    ("6.8", "GOAWAY on a stream", frame(GOAWAY, stream=1, body=bytes(8)), f"goaway {MALFORMED}"),
    ("6.8", "GOAWAY of seven bytes", frame(GOAWAY, body=bytes(7)), "goaway FRAME_SIZE_ERROR"),
    ("6.9", "WINDOW_UPDATE by nothing", window_update(0, 0), f"goaway {MALFORMED}"),
    ("6.9", "WINDOW_UPDATE of a stream by nothing", watch() + window_update(1, 0), (f"reset 1 {MALFORMED}", f"goaway {MALFORMED}")),
    ("6.9", "WINDOW_UPDATE of three bytes", frame(WINDOW_UPDATE, body=bytes(3)), "goaway FRAME_SIZE_ERROR"),
    ("6.9.1", "a window beyond its limit", window_update(0, (1 << 31) - 1), "goaway FLOW_CONTROL_ERROR"),
    ("6.9.1", "a stream's window beyond its limit", watch() + window_update(1, (1 << 31) - 1), "reset 1 FLOW_CONTROL_ERROR"),
    ("6.9.2", "SETTINGS that open a stream's window beyond its limit",
     watch() + window_update(1, (1 << 31) - 1 - WINDOW) + settings((INITIAL_WINDOW_SIZE, WINDOW + 1)),
     ("goaway FLOW_CONTROL_ERROR", "reset 1 FLOW_CONTROL_ERROR")),
    ("6.10", "CONTINUATION on stream 0", frame(CONTINUATION, END_HEADERS, 0), f"goaway {MALFORMED}"),
    ("6.10", "CONTINUATION behind the end of the headers", open_call() + frame(CONTINUATION, END_HEADERS, 1), f"goaway {MALFORMED}"),
    ("6.10", "CONTINUATION of another stream", headers(1, b"\x82", 0) + frame(CONTINUATION, END_HEADERS, 3), f"goaway {MALFORMED}"),
    ("6.10", "headers in three frames",
     headers(1, block(fields())[:9], 0) + frame(CONTINUATION, 0, 1, block(fields())[9:30]) +
     frame(CONTINUATION, END_HEADERS, 1, block(fields())[30:]) + data(1, message(), END_STREAM), "answer 1 grpc 0"),
]


def test_frames(farm):
    check_cases(farm, FRAMES)


# --- calls of HTTP -------------------------------------------------------------------------------

REFUSED = f"reset 1 {MALFORMED}"

REQUESTS = [
    # 8.1: what belongs to a call
    ("8.1", "trailers", open_call() + data(1, message()) + headers(1, [("x", "y")], END_HEADERS | END_STREAM), "answer 1 grpc 0"),
    ("8.1", "trailers that do not end it", open_call() + data(1, message()) + headers(1, [("x", "y")]), REFUSED),
    ("8.1", "a pseudo header among the trailers",
     open_call() + data(1, message()) + headers(1, [(":path", "/")], END_HEADERS | END_STREAM), REFUSED),
    ("8.1.1", "a content-length of more than there is", ask(content_length="6"), REFUSED),
    ("8.1.1", "a content-length of less", ask(content_length="4"), REFUSED),
    ("8.1.1", "a content-length, and nothing", headers(1, fields(content_length="5"), END_HEADERS | END_STREAM), REFUSED),
    ("8.1.1", "two content-lengths", ask(content_length=["5", "5"]), REFUSED),
    ("8.1.1", "a content-length that is no number", ask(content_length="five"), REFUSED),
    ("8.1.1", "a content-length that is right", ask(content_length="5"), "answer 1 grpc 0"),
    # 8.2: fields
    ("8.2", "a capital letter", raw(1, ("X-Large", "1")), REFUSED),
    ("8.2", "a space in a name", raw(1, ("x y", "1")), REFUSED),
    ("8.2", "a name of nothing", raw(1, ("", "1")), REFUSED),
    ("8.2", "a name beyond ASCII", raw(1, (b"x\xff", "1")), REFUSED),
    ("8.2", "a colon in a name", raw(1, ("x:y", "1")), REFUSED),
    ("8.2.1", "a value with a NUL", raw(1, ("x", "a\0b")), REFUSED),
    ("8.2.1", "a value of two lines", raw(1, ("x", "a\r\nb")), REFUSED),
    ("8.2.1", "a value of bytes beyond ASCII", raw(1, ("x", b"\xd0\xbc")), "answer 1 grpc 0"),
    *[("8.2.2", name, raw(1, (name, value)), REFUSED)
      for name, value in (("connection", "close"), ("keep-alive", "1"), ("proxy-connection", "1"), ("upgrade", "h2c"),
                          ("transfer-encoding", "chunked"))],
    ("8.2.2", "te other than trailers", ask(te="trailers, deflate"), REFUSED),
    # 8.3: pseudo headers
    ("8.3", "one that is none", raw(1, (":pseudo", "1")), REFUSED),
    ("8.3", "one of an answer", headers(1, [(":status", "200")] + fields()), REFUSED),
    ("8.3", "one behind the others", headers(1, fields(path=None) + [(":path", CHECK)]), REFUSED),
    *[("8.3.1", f"no :{name}", headers(1, fields(**{name: None}) if name != "path" else fields(None)), REFUSED)
      for name in ("method", "scheme", "path")],
    *[("8.3.1", f"two :{name}", headers(1, [(f":{name}", value)] + fields()), REFUSED)
      for name, value in (("method", "POST"), ("scheme", "http"), ("path", CHECK), ("authority", "x"))],
    ("8.3.1", "a path of nothing", headers(1, fields("")), REFUSED),
    ("8.3.1", "no authority", ask(authority=None), REFUSED),
    ("8.3.1", "a host instead", ask(authority=None, host="x"), "answer 1 grpc 0"),
    # 6.5.2, 10.5.1: how many, how large
    ("10.5.1", "headers of 17 KiB",
     headers(1, block(fields(x="y" * 10000)), 0) + frame(CONTINUATION, END_HEADERS, 1, block([("x", "y" * 7000)])) +
     data(1, message(), END_STREAM), "answer 1 grpc 8"),
    ("10.5.1", "headers of 80 KiB, a frame at a time",
     headers(1, block(fields()), 0) + b"".join(frame(CONTINUATION, 0, 1, block([("x", "y" * 16000)])) for _ in range(5)) +
     frame(CONTINUATION, END_HEADERS, 1), "reset 1 INTERNAL_ERROR"),
    ("10.5.1", "headers of 200 KiB that are few bytes",
     headers(1, block(fields()) + b"\x40\1x" + frames.text("y" * 3500) + b"\xbe" * 60) + data(1, message(), END_STREAM),
     "reset 1 INTERNAL_ERROR"),
]


def test_requests(farm):
    check_cases(farm, REQUESTS)


# --- calls of gRPC -------------------------------------------------------------------------------

HALF = message(b"x" * 10)[:9]

CALLS = [
    ("gRPC", "another method than POST", ask(method="GET"), "answer 1 http 405"),
    ("gRPC", "another type", ask(content_type="application/json"), "answer 1 http 415"),
    ("gRPC", "no type", ask(content_type=None), "answer 1 http 415"),
    ("gRPC", "a type that only begins so", ask(content_type="application/grpcs"), "answer 1 http 415"),
    ("gRPC", "a type with what it is made of", ask(content_type="application/grpc+proto"), "answer 1 grpc 0"),
    ("gRPC", "a service that is none", ask(path="/none.None/Check"), "answer 1 grpc 12"),
    ("gRPC", "a method that is none", ask(path="/grpc.health.v1.Health/None"), "answer 1 grpc 12"),
    ("gRPC", "a path that is none", ask(path="*"), ("answer 1 grpc 12", REFUSED)),
    ("gRPC", "no message", ask(body=b""), "answer 1 grpc 12"),
    ("gRPC", "two messages", ask(body=message() * 2), "answer 1 grpc 12"),
    ("gRPC", "a message that is cut off", ask(body=HALF), "answer 1 grpc 13"),
    ("gRPC", "the length of a message that is cut off", ask(body=b"\0\0\0"), "answer 1 grpc 13"),
    ("gRPC", "a compressed message", ask(body=message(b"x", flag=1), grpc_encoding="gzip"), "answer 1 grpc 12"),
    ("gRPC", "a flag that is none", ask(body=message(flag=0x42)), "answer 1 grpc 13"),
    ("gRPC", "a message of 5 MiB", open_call() + data(1, message(length=5 << 20)), "answer 1 grpc 8"),
    ("gRPC", "a message of 4 GiB", open_call() + data(1, message(length=(1 << 32) - 1)), "answer 1 grpc 8"),
    ("gRPC", "a message that is no protobuf", ask(body=message(b"\x0a\x05x")), "answer 1 grpc 3"),
    ("gRPC", "a field whose number is none", ask(body=message(b"\x02\x00")), "answer 1 grpc 3"),
    ("gRPC", "a text that is no UTF-8", ask(path=ADD, body=message(b"\x0a\x02\xff\xfe")), "answer 1 grpc 3"),
    ("gRPC", "a field of tomorrow", ask(body=message(b"\xf8\x07\x01")), "answer 1 grpc 0"),
    *[("gRPC", f"a grpc-timeout of {text!r}", ask(grpc_timeout=text), "answer 1 grpc 13")
      for text in ("", "S", "1", "1s", "-1S", "123456789S", "1 S", "1.5S")],
    ("gRPC", "a time that is up at once", headers(1, fields(WATCH, grpc_timeout="0n")), "answer 1 grpc 4"),
    ("gRPC", "a long time", ask(grpc_timeout="99999999H"), "answer 1 grpc 0"),
    ("gRPC", "metadata that is said to be base64, and is not", ask(x_bin="?!"), "answer 1 grpc 0"),
]


def test_calls(farm):
    check_cases(farm, CALLS)


if __name__ == "__main__":
    main(globals(), make=FrameFarm)
