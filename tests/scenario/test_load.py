#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The random load: through the broker, and straight to consumers of the text protocol that are made up here."""
import re
import signal
import socket
import sys
import threading

import farm as farm_module

sys.set_int_max_str_digits(0)
SUMMARY = re.compile(r"tasks=(\d+) ok=(\d+) failed=(\d+) rate=[\d.]+ p50_ms=[\d.]+ p99_ms=[\d.]+$")


def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return str(a)


def answer(words):
    """What a consumer ought to say."""
    if words[:2] == ["fibonacci_generator", "calculate"]:
        return fibonacci(int(words[2])).encode()
    return b"0.25" if words[:2] == ["neural_analyzer", "polarity"] else b"unknown: " + words[0].encode()


class Consumer:
    """One command a connection, one at a time. The reply may be None: the connection is closed without one."""

    def __init__(self, reply=answer):
        self.reply = reply
        self.commands = []
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            with connection:
                line = connection.makefile("r", encoding="utf-8").readline()
                self.commands.append(line)
                reply = self.reply(line.split())
                if reply is not None:
                    connection.sendall(reply)

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def load(farm, *words):
    return farm.start("reeve-load", *words)


def summary(process):
    found = SUMMARY.match(process.lines[-1])
    assert found, process.lines[-5:]
    return tuple(int(text) for text in found.groups())


def check_lines(process, count):
    """Every task was said before its result, both once."""
    seen = {}
    for line in process.lines[:-1]:
        kind, number, *_ = line.split()
        seen.setdefault(int(number), []).append(kind)
    assert seen == {n: ["task", "result"] for n in range(1, count + 1)}, seen


def test_spread_over_consumers(farm):
    consumers = [Consumer() for _ in range(3)]
    process = load(farm, "--text", *[c.port for c in consumers], "--tasks", 300, "--seed", 1)
    assert process.wait() == 0, process.stderr()
    assert summary(process) == (300, 300, 0)
    check_lines(process, 300)
    assert sum(len(c.commands) for c in consumers) == 300
    assert all(c.commands for c in consumers)
    assert all(f"worker=127.0.0.1:{c.port} " in "\n".join(process.lines) for c in consumers)


def test_same_seed_same_load(farm):
    consumer = Consumer()
    for _ in range(2):
        assert load(farm, "--text", consumer.port, "--tasks", 50, "--seed", 7, "--range", "100-200").wait() == 0
    assert consumer.commands[:50] == consumer.commands[50:]


def test_nobody_waits_for_a_slow_consumer(farm):
    """One consumer keeps its first command until the other has answered 50: a producer that waited would hang."""
    enough = threading.Event()

    def slow(words):
        assert enough.wait(farm_module.DEADLINE_S)
        return answer(words)

    def quick(words):
        if len(others[1].commands) >= 50:
            enough.set()
        return answer(words)

    others = [Consumer(slow), Consumer(quick)]
    process = load(farm, "--text", *[c.port for c in others], "--tasks", 100)
    assert process.wait() == 0, process.stderr()
    assert summary(process) == (100, 100, 0)


def test_a_consumer_that_dies(farm):
    """Its task goes to another; so does that of one that was never there."""
    def dies(words):
        if len(dying.commands) < 10:
            return answer(words)
        dying.close()
        return None

    dying, other, never = Consumer(dies), Consumer(), Consumer()
    never.close()
    process = load(farm, "--text", dying.port, never.port, other.port, "--tasks", 200)
    assert process.wait() == 0, process.stderr()
    assert summary(process) == (200, 200, 0)
    check_lines(process, 200)
    assert f"consumer 127.0.0.1:{dying.port}" in process.stderr()
    assert f"consumer 127.0.0.1:{never.port}" in process.stderr()


def test_a_consumer_that_comes_back(farm):
    """The only consumer refuses at first: the producer tries again."""
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        port = place.getsockname()[1]
        process = load(farm, "--text", port, "--tasks", 20, "--wait", 50)
        farm.until(lambda: "goes to another" in process.stderr(), "the producer is refused")
        place.listen(100)
        consumer = Consumer.__new__(Consumer)
        consumer.reply, consumer.commands, consumer.socket = answer, [], place
        threading.Thread(target=consumer.serve, daemon=True).start()
        assert process.wait() == 0, process.stderr()
        assert summary(process) == (20, 20, 0)


def test_no_consumer_at_all(farm):
    gone = Consumer()
    gone.close()
    process = load(farm, "--text", gone.port, "--tasks", 5, "--wait", "0.3")
    assert process.wait() == 4
    assert "no consumer is in reach" in process.stderr()


def test_wrong_answers_are_noticed(farm):
    consumer = Consumer(lambda words: b"12345" if words[0] == "fibonacci_generator" else b"no such method")
    process = load(farm, "--text", consumer.port, "--tasks", 20, "--seed", 2)
    assert process.wait() == 1
    assert summary(process) == (20, 0, 20)
    results = [line.split()[2] for line in process.lines if line.startswith("result")]
    assert set(results) == {"wrong", "failed"}, results


def test_a_task_that_kills_is_given_up(farm):
    """A reply that never comes costs a bounded number of tries."""
    consumer = Consumer(lambda words: None if words[0] == "fibonacci_generator" else answer(words))
    process = load(farm, "--text", consumer.port, "--tasks", 1, "--odds", 1, "--wait", 50)
    assert process.wait() == 1, process.stderr()
    assert summary(process) == (1, 0, 1)
    assert len(consumer.commands) == 5


def test_a_reply_in_many_pieces(farm):
    consumer = Consumer()
    process = load(farm, "--text", consumer.port, "--tasks", 3, "--odds", 1, "--range", "100000-100000")
    assert process.wait() == 0, process.stderr()
    assert "...(20899 digits)..." in process.lines[1], process.lines[1]


def test_interrupt_ends_cleanly(farm):
    consumer = Consumer()
    process = load(farm, "--text", consumer.port, "--interval", "0.001")
    process.wait_line(lambda line: line.startswith("result"), count=20)
    process.kill(signal.SIGINT)
    assert process.wait() == 0, process.stderr()
    tasks, ok, failed = summary(process)
    assert tasks == ok >= 20 and failed == 0
    check_lines(process, tasks)


def test_usage(farm):
    for words in (["--text"], ["9000"], ["--range", "5-1"], ["--range", "0-1"], ["--odds", "2"], ["--tasks", "0"],
                  ["--no-such"], ["--text", "host:"], ["--text", "1:2:x"]):
        process = load(farm, *words)
        assert process.wait() == 2 and process.stderr(), words


def test_through_the_broker(farm):
    farm.up()
    process = load(farm, "--tasks", 200, "--seed", 3, "--reactor", "0.1")
    assert process.wait() == 0, process.stderr()
    assert summary(process) == (200, 200, 0)
    check_lines(process, 200)
    kinds = {line.split()[2] for line in process.lines if line.startswith("task ")}
    assert kinds == {"fibonacci_generator.calculate", "neural_analyzer.polarity", "data_processing.calculate_cv"}, kinds
    result = next(line for line in process.lines if line.startswith("result"))
    assert re.search(r" ok .* worker=\S+ job=[0-9a-z]{13} ms=[\d.]+$", result), result


def test_interrupt_through_the_broker(farm):
    farm.up()
    process = load(farm, "--interval", "0.001")
    process.wait_line(lambda line: line.startswith("result"), count=20)
    process.kill(signal.SIGINT)
    assert process.wait() == 0, process.stderr()
    tasks, ok, failed = summary(process)
    assert tasks == ok >= 20 and failed == 0


def test_no_broker(farm):
    process = load(farm, "--tasks", 5, "--wait", "0.3")
    assert process.wait() == 4
    assert farm.address in process.stderr()


if __name__ == "__main__":
    farm_module.main(globals())
