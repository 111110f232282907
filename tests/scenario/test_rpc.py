#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The text protocol of a worker that serves alone: commands, mistakes, and a producer that spreads a load."""
import contextlib
import random
import re
import signal
import socket
import subprocess

import farm as farm_module

ALONE = ["--broker", "none", "--slots", "1"]


def consumer(farm, place=0):
    """A worker alone with a text port, once it listens."""
    port = farm.port + 5 + place
    process = farm.start("reeve-worker", *ALONE, "--text-port", port)
    process.port = port

    def listens():
        assert process.child.poll() is None, process.stderr()
        with contextlib.suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", port)):
            return True

    farm.until(listens, f"{port} listens")
    return process


def begin(process, command, half_close=False):
    s = socket.create_connection(("127.0.0.1", process.port), farm_module.DEADLINE_S)
    s.sendall(command)
    if half_close:
        s.shutdown(socket.SHUT_WR)
    return s


def reply(s):
    data = b""
    with s:
        while piece := s.recv(65536):
            data += piece
    return data.decode()


def ask(process, command, **options):
    return reply(begin(process, command.encode(), **options))


def test_a_command_ends_in_three_ways(farm):
    c = consumer(farm)
    assert ask(c, "calculator calculate 2 + 2\n") == "4"
    assert ask(c, "calculator calculate 2 + 2", half_close=True) == "4"
    assert ask(c, "calculator calculate 2 + 2") == "4"
    assert ask(c, "  calculator   calculate 7  / 2 \r\n") == "3.5"


def test_as_bash_says_it(farm):
    c = consumer(farm)
    script = f'exec 3<>/dev/tcp/127.0.0.1/{c.port}; printf "calculator calculate 2 + 2" >&3; cat <&3'
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=farm_module.DEADLINE_S)
    assert (done.returncode, done.stdout) == (0, "4"), done


def test_the_handlers(farm):
    c = consumer(farm)
    assert ask(c, "fibonacci_generator calculate 100\n") == "354224848179261915075"
    assert len(ask(c, "fibonacci_generator calculate 10000\n")) == 2090
    assert len(ask(c, "fibonacci_generator calculate 1000000\n")) == 208988
    good = float(ask(c, "neural_analyzer polarity The service was really excellent.\n"))
    bad = float(ask(c, "neural_analyzer polarity The service was really awful.\n"))
    assert -1 <= bad < 0 < good <= 1, (bad, good)


def test_mistakes_are_told_in_a_line(farm):
    c = consumer(farm)
    for command in ("no_such_class calculate 1\n", "calculator no_such_method 1\n", "calculator\n",
                    "calculator calculate 1 / 0\n", "calculator calculate 1\n", "fibonacci_generator calculate abc\n",
                    "fibonacci_generator calculate -1\n", "fibonacci_generator calculate 99999999999\n"):
        text = ask(c, command)
        assert text and "\n" not in text and not re.fullmatch(r"[-0-9.]+", text), (command, text)
        assert ask(c, "calculator calculate 2 + 2\n") == "4"


def test_nonsense_on_the_port(farm):
    c = consumer(farm)
    noise = random.Random(3)
    for data in (b"", b"\n", b"\0" * 100, noise.randbytes(1000), b"\xff\xfe \xff\n", b"x" * 100000, b" " * 5000,
                 b"GET / HTTP/1.1\r\n\r\n", b"calculator calculate " + b"9" * 60000):
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            reply(begin(c, data, half_close=True))
        socket.create_connection(("127.0.0.1", c.port)).close()  # and one that hangs up at once
        assert ask(c, "calculator calculate 2 + 2\n") == "4"


def test_one_command_at_a_time(farm):
    c = consumer(farm)
    first = begin(c, b"bench sleep 200\n")
    second = begin(c, b"calculator calculate 2 + 2\n")
    assert reply(second) == "4"
    first.setblocking(False)
    assert first.recv(100) is not None  # its reply, or its end, is there already
    first.close()


def test_two_on_one_host_do_not_meet(farm):
    two = [consumer(farm, place) for place in range(2)]
    process = farm.start("reeve-load", "--text", *[c.port for c in two], "--tasks", 200, "--seed", 4)
    assert process.wait() == 0, process.stderr()
    assert process.lines[-1].startswith("tasks=200 ok=200 failed=0 "), process.lines[-1]
    for c in two:
        assert any(f"worker=127.0.0.1:{c.port} " in line for line in process.lines), c.port
    two[0].stop()
    assert ask(two[1], "calculator calculate 2 + 2\n") == "4"


def test_a_consumer_is_killed_under_load(farm):
    two = [consumer(farm, place) for place in range(2)]
    process = farm.start("reeve-load", "--text", *[c.port for c in two], "--tasks", 400, "--range", "20000-30000")
    process.wait_line(lambda line: f"worker=127.0.0.1:{two[0].port} " in line, count=5)
    two[0].kill(signal.SIGKILL)
    assert process.wait() == 0, process.stderr()
    assert process.lines[-1].startswith("tasks=400 ok=400 failed=0 "), process.lines[-1]


def test_a_taken_port(farm):
    first = consumer(farm)
    second = farm.start("reeve-worker", *ALONE, "--text-port", first.port)
    assert second.wait() == 7
    assert str(first.port) in second.stderr(), second.stderr()


def test_it_ends_when_asked(farm):
    c = consumer(farm)
    assert ask(c, "calculator calculate 2 + 2\n") == "4"
    assert c.stop() == 0, c.stderr()


if __name__ == "__main__":
    farm_module.main(globals())
