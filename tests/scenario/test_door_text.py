#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The text door: commands of the text protocol, answered by the whole farm; mistakes, crowds, and who does not read."""
import contextlib
import random
import re
import select
import socket

import farm as farm_module
from farm import Worker
from plain_door import PlainFarm, begin, connect, more_files, reply
from raw import resident_mib

CONNECTIONS = 2000  # at once; see plain.h


def ask(farm, command, **options):
    return reply(begin(farm.text_port, command.encode(), **options)).decode()


def opened(farm, *words):
    farm.broker("--store", "memory")
    farm.worker()
    farm.doors(*words)


def test_a_command_ends_in_three_ways(farm):
    opened(farm)
    assert ask(farm, "calculator calculate 2 + 2\n") == "4"
    assert ask(farm, "calculator calculate 2 + 2", half_close=True) == "4"
    assert ask(farm, "calculator calculate 2 + 2") == "4"
    assert ask(farm, "  calculator   calculate 7  / 2 \r\n") == "3.5"
    assert ask(farm, "calculator calculate 2 + 2\nfibonacci_generator calculate 100\n") == "4"  # one command each


def test_the_handlers(farm):
    opened(farm)
    assert ask(farm, "fibonacci_generator calculate 100") == "354224848179261915075"
    assert len(ask(farm, "fibonacci_generator calculate 10000\n")) == 2090
    good = float(ask(farm, "neural_analyzer polarity The service was really excellent.\n"))
    bad = float(ask(farm, "neural_analyzer polarity The service was really awful.\n"))
    assert -1 <= bad < 0 < good <= 1, (bad, good)


def test_commands_are_jobs(farm):
    farm.broker("--store", "memory")
    worker = Worker(farm, "echo.echo")
    farm.doors()
    client = begin(farm.text_port, b"echo echo 1 -2.5 word true [1] null\n")
    lease = worker.receive("lease")
    assert lease.args == b"\x96\x01\xcb\xc0\x04\0\0\0\0\0\0\xa4word\xc3\x91\x01\xa4null", lease.args
    assert [job["queue"] for job in farm.json("jobs")["jobs"]] == ["echo.echo"]
    worker.answer(lease, b"\xa9two\nlines")
    assert reply(client) == b"two\nlines"
    client = begin(farm.text_port, b"echo echo\n")
    worker.answer(worker.receive("lease"), b"\xa9two\nlines", reason=1)
    text = reply(client)
    assert text.startswith(b"error: ") and text.endswith(b"two lines"), text


def test_mistakes_are_told_in_a_line(farm):
    opened(farm)
    for command in ("no_such_class calculate 1\n", "calculator no_such_method 1\n", "calculator\n", "\n", "a/b c\n",
                    "calculator calculate 1 / 0\n", "calculator calculate 1\n", "fibonacci_generator calculate abc\n",
                    "fibonacci_generator calculate -1\n", "fibonacci_generator calculate 99999999999\n"):
        text = ask(farm, command)
        assert text.startswith("error: ") and "\n" not in text, (command, text)
    assert ask(farm, "calculator calculate 2 + 2\n") == "4"


def test_nonsense(farm):
    opened(farm)
    noise = random.Random(3)
    for data in (b"", b"\n", b"\0" * 100, noise.randbytes(1000), b"\xff\xfe \xff\n", b" " * 5000, b"x" * (5 << 20),
                 b"GET / HTTP/1.1\r\n\r\n", b"calculator calculate " + b"9" * 60000):
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            text = reply(begin(farm.text_port, data, half_close=True))
            assert text.startswith(b"error: ") == bool(data), (data[:50], text)
        connect(farm.text_port).close()  # and one that hangs up at once
    assert ask(farm, "calculator calculate 2 + 2\n") == "4"


def test_a_command_that_is_too_long(farm):
    opened(farm)
    assert ask(farm, "calculator calculate " + "1 " * 40000) == "error: the request is longer than 64 KiB"


def test_a_client_that_leaves_takes_its_job_along(farm):
    farm.broker("--store", "memory")
    worker = Worker(farm, "echo.echo")
    farm.doors()
    client = begin(farm.text_port, b"echo echo\n")
    lease = worker.receive("lease")
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
    client.close()
    assert worker.receive("stop").id == lease.id


def test_megabytes_to_who_reads_slowly(farm):
    opened(farm)
    slow = begin(farm.text_port, b"fibonacci_generator calculate 10000000\n", receive_bytes=4096)
    assert select.select([slow], [], [], farm_module.DEADLINE_S)[0]
    assert ask(farm, "calculator calculate 2 + 2\n") == "4"  # the rest is not held up
    assert len(reply(slow)) == 2089877


def test_who_never_reads(farm):
    farm.broker("--store", "memory")
    worker = Worker(farm, "echo.echo", slots=100)
    gateway = farm.doors()
    value = b"\xc6" + (9 << 20).to_bytes(4, "big") + bytes(9 << 20)  # a text of 12 MB to who asks: six are too much
    before = resident_mib(gateway)
    waiting = [begin(farm.text_port, b"echo echo\n", receive_bytes=4096) for _ in range(8)]
    for lease in [worker.receive("lease") for _ in waiting]:
        worker.answer(lease, value)
    for client in waiting:
        assert select.select([client], [], [], farm_module.DEADLINE_S)[0]
    refused = [client for client in waiting if client.recv(5, socket.MSG_PEEK) == b"error"]
    assert {reply(client) for client in refused} == {b"error: too many answers wait to be read: ask again later"}, len(refused)
    assert ask(farm, "echo echo\n") == "error: too much is under way: ask again later"
    assert resident_mib(gateway) < before + 250, (before, resident_mib(gateway))
    waiting = [client for client in waiting if client not in refused]
    assert len(waiting) == 6
    assert len(reply(waiting.pop())) == (9 << 20) // 3 * 4 + 2
    farm.until(lambda: ask(farm, "echo\n").startswith("error: no method"), "there is room again")
    for client in waiting:
        client.close()


def test_a_crowd(farm):
    more_files()
    opened(farm)
    clients = [begin(farm.text_port, f"calculator calculate {i} + 1".encode()) for i in range(1000)]
    assert [reply(client) for client in clients] == [f"{i + 1}".encode() for i in range(1000)]


def test_thousands_that_say_nothing(farm):
    more_files()
    opened(farm)
    idle = [connect(farm.text_port) for _ in range(CONNECTIONS + 200)]
    idle[0].close()
    farm.gateway.get("/livez")
    for client in idle[1:CONNECTIONS]:
        client.close()  # makes room
    assert ask(farm, "calculator calculate 2 + 2\n") == "4"
    for client in idle[CONNECTIONS:]:
        client.close()


def test_half_open_ones_are_hung_up_on(farm):
    opened(farm)
    assert reply(connect(farm.text_port)) == b""


def test_a_broker_that_is_away(farm):
    broker = farm.broker("--store", "memory")
    farm.doors()
    broker.stop()
    farm.until(lambda: farm.gateway.get("/readyz").status != 200, "the gateway has noticed")
    text = ask(farm, "calculator calculate 2 + 2\n")
    assert text.startswith("error: "), text


def test_a_stop_is_told(farm):
    farm.broker("--store", "memory")
    worker = Worker(farm, "echo.echo")
    farm.doors()
    idle, client = connect(farm.text_port), begin(farm.text_port, b"echo echo\n")
    worker.receive("lease")  # so both are taken, in their order
    assert farm.gateway.process.stop() == 0
    assert reply(client) == b"error: the gateway ends" and reply(idle) == b""


def test_ports(farm):
    farm.broker("--store", "memory")
    farm.doors()
    words = ["--http", f"127.0.0.1:{farm.port + 6}", "--broker", farm.address, "--doors"]
    taken = farm.start("reeve-gateway", *words, "text", "--text-port", farm.text_port)
    assert taken.wait() == 7 and re.search(f"port {farm.text_port}: Address already in use", taken.stderr()), taken.stderr()
    shared = farm.start("reeve-gateway", *words, "text,todo", "--text-port", farm.port + 7, "--todo-port", farm.port + 7)
    assert shared.wait() == 2 and f"another door has port {farm.port + 7}" in shared.stderr(), shared.stderr()


if __name__ == "__main__":
    farm_module.main(globals(), PlainFarm)
