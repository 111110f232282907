# SPDX-License-Identifier: Apache-2.0
"""Programs that speak the slot protocol over the socket by hand (PROTOCOL.md, section 14): one that does it well, in twenty
lines, and those that do not."""
import json

import farm

# Run by the system's Python, with nothing of ours.
PROGRAM = r'''#!/usr/bin/python3
import os, socket, struct, sys
import msgpack

METHODS = ["raw.echo", "raw.about", "raw.fail", "raw.nonsense", "raw.twice", "raw.other", "raw.huge", "raw.early",
           "raw.close", "raw.flag"]
if sys.argv[1:] == ["--offers"]:
    print("\n".join(METHODS))
    sys.exit()
bell = socket.socket(fileno=int(os.environ["REEVE_SLOT"].split(",")[0]))
stream = bell.makefile("rb")


def frame():
    return msgpack.unpackb(stream.read(struct.unpack(">I", stream.read(4))[0]))


def answer(number, status, value):
    record = msgpack.packb([82, number, status, msgpack.packb(value)])
    bell.sendall(struct.pack(">I", len(record)) + record)


bell.sendall(b"reeve slot 1\n")
while True:
    kind, number, method, args, *rest = frame() + [0, 0, 0]
    if kind != 80:
        continue
    method, args = METHODS[method], msgpack.unpackb(args)
    if method == "raw.echo":
        answer(number, 0, args)
    elif method == "raw.about":
        answer(number, 0, [os.getpid(), number, rest[1]])
    elif method == "raw.fail":
        answer(number, 1, "as it was asked to")
    elif method == "raw.nonsense":
        bell.sendall(b"\xff" * 100)
    elif method == "raw.twice":
        answer(number, 0, 1)
        answer(number, 0, 2)
    elif method == "raw.other":
        answer(number + 1, 0, 1)
    elif method == "raw.huge":
        bell.sendall(struct.pack(">I", 1 << 30))
    elif method == "raw.close":
        bell.shutdown(socket.SHUT_RDWR)
        sys.exit(9)
    elif method == "raw.flag":
        print("waiting", flush=True)
        flag = frame()
        answer(number, 0, flag)
'''


def program(made, text=PROGRAM, name="raw"):
    path = made.folder / name
    path.write_text(text)
    path.chmod(0o755)
    return path


def started(made, *words):
    made.broker("--store", "memory")
    made.worker("--handler", program(made), *words, slots=1)


def call(made, *words):
    return json.loads(made.reeve("call", "--json", *words).stdout)


def ending(made, method):
    """How a job that may not be tried again ends."""
    job = made.reeve("submit", "--retries", 0, method).stdout.strip()
    made.reeve("wait", job)
    return made.json("job", job)["jobs"][0]["reason"]


def test_a_program_by_hand(made):
    started(made)
    assert call(made, "raw.echo", 1, "two", "[3]")["value"] == [1, "two", [3]]
    pid, number, attempt = call(made, "raw.about")["value"]
    assert number == 1 and attempt in (0, 1)
    assert call(made, "raw.fail")["error"] == "as it was asked to"
    assert call(made, "raw.about")["value"][0] == pid  # a failure costs no process
    done = made.reeve("map", "raw.echo", text="".join(f"{n}\n" for n in range(500)))
    assert [json.loads(line) for line in done.stdout.splitlines()] == [[n] for n in range(500)], done.stderr
    large = "x" * (100 << 10)
    assert call(made, "raw.echo", large)["value"] == [large]


def test_what_makes_no_sense_ends_the_process_and_its_job(made):
    started(made)
    for method in ("raw.nonsense", "raw.other", "raw.huge"):
        before = call(made, "raw.about")["value"][0]
        assert ending(made, method) == "protocol", method
        assert call(made, "raw.about")["value"][0] != before
    before = call(made, "raw.about")["value"][0]
    call(made, "raw.twice")  # the first answer may count
    made.until(lambda: call(made, "raw.about")["value"][0] != before, "the process is replaced")


def test_the_end_of_a_process_is_its_own(made):
    started(made)
    assert ending(made, "raw.close") == "exit 9"
    assert call(made, "raw.echo", 1)["value"] == [1]


def test_a_flag_comes_over_the_socket(made):
    started(made, "--stop-flag", 30)
    job = made.reeve("submit", "raw.flag").stdout.strip()
    made.until(lambda: "waiting" in made.processes[1].stderr(), "it waits")
    assert made.reeve("cancel", job).returncode == 0
    made.reeve("wait", job)
    assert made.json("job", job)["jobs"][0]["state"] == "cancelled"
    assert call(made, "raw.echo", 1)["value"] == [1]


def test_one_that_greets_otherwise_is_no_handler(made):
    made.broker("--store", "memory")
    made.worker("--handler", program(made, PROGRAM.replace("reeve slot 1", "reeve slot 2")), slots=1)
    job = made.reeve("submit", "--retries", 0, "raw.echo").stdout.strip()
    made.reeve("wait", job)
    assert made.json("job", job)["jobs"][0]["reason"] == "no handler"


farm.main(globals())
