#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How attempts end, on real processes: why, with which last words and at what size; and how handler processes are
replaced between jobs. The broker is the test's own, as in test_worker.py; the last test has the real one."""
import collections
import itertools
import os
import re
import signal
import subprocess

import farm as farm_module
import wire
from test_worker import MISFIT, Broker, children, gone, value

REASONS = wire.REASONS
LINES, BYTES = 20, 4096


def ending(result):
    return next(name for name, number in REASONS.items() if number == result.reason), result.detail


def say(broker, number, text, how, **fields):
    return broker.run(number, "say", text if isinstance(text, bytes) else text.encode(), how, **fields)


def test_each_ending_has_its_name_and_its_last_words(farm):
    broker = Broker(farm)
    worker = broker.start_worker(slots=1)
    for number, (how, wanted) in enumerate([("fail", ("REASON_ERROR", 0)), ("crash", ("REASON_SIGNAL", signal.SIGSEGV)),
                                            ("exit", ("REASON_EXIT", 3)), ("hang", ("REASON_TIMEOUT", 0)),
                                            ("ok", ("REASON_NONE", 0))], 1):
        result = say(broker, number, f"{how}: one\n{how}: two\n", how, timeout_ms=200 if how == "hang" else 0)
        assert ending(result) == wanted, result
        assert result.last_lines == ("" if how == "ok" else f"{how}: one\n{how}: two"), result
    farm.until(lambda: "slot=0 program=misfit: ok: two\n" in worker.stderr(), "what is said comes out of the worker")
    assert "slot=0 program=misfit: crash: one\n" in worker.stderr()


def test_last_words_are_the_jobs_own(farm):
    broker = Broker(farm)
    broker.start_worker(slots=1)
    for number in range(1, 101, 2):
        assert say(broker, number, "of the one before\n", "ok").last_lines == ""
        assert broker.run(number + 1, "fail", "silently").last_lines == ""
    assert say(broker, 200, "of the one before\n", "ok").last_lines == ""
    assert broker.run(201, "crash").last_lines == ""
    assert say(broker, 202, "its own\n", "crash").last_lines == "its own"
    assert broker.run(203, "crash").last_lines == ""


def test_last_words_are_clean(farm):
    broker = Broker(farm)
    worker = broker.start_worker(slots=1)
    result = say(broker, 1, b"\x1b[31mred\x1b[0m \xff\xfe h\xc3\xa9\r\nnext\ttab\x00\n", "fail")
    assert result.last_lines == "\\x1b[31mred\\x1b[0m \\xff\\xfe h\u00e9\nnext\ttab\\x00", result
    farm.until(lambda: "misfit: next" in worker.stderr(), "the worker passes it on")
    assert "\x1b" not in worker.stderr() and "\\x1b[31mred" in worker.stderr()


def high_water_kib(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+)", status.read())[1])


def test_a_flood_stalls_nobody(farm):
    """200 MB of it in two slots. The third works on, and the worker keeps 4 KiB."""
    broker = Broker(farm)
    worker = broker.start_worker(slots=3)
    broker.run(1, "none")
    before = high_water_kib(worker.pid)
    broker.send(broker.lease(2, "flood", 1_000_000), broker.lease(3, "flood", 1_000_000))
    broker.until(lambda: {2, 3} <= broker.started, "both run")
    broker.send(*[broker.lease(n, "echo", n) for n in range(100, 2100)])
    assert [value(r) for r in broker.done(*range(100, 2100))] == [[n] for n in range(100, 2100)]
    for result in broker.done(2, 3):
        lines = result.last_lines.split("\n")
        assert [int(line) for line in lines] == list(range(1_000_001 - len(lines), 1_000_001)), lines
        assert len(lines) == LINES and len(result.last_lines) <= BYTES
    grown_kib = high_water_kib(worker.pid) - before
    assert grown_kib < 100 << 10, grown_kib  # sanitizers have a share in it
    farm.until(lambda: broker.turn() or "bytes_left_out=" in worker.stderr(), "it says that it left something out")
    assert worker.stderr_path.stat().st_size < 200e6 / 2


def test_nobody_reads_the_workers_standard_error(farm):
    """A pipe that is full stalls neither the worker nor its handlers."""
    broker = Broker(farm)
    reader, writer = os.pipe()
    words = [farm_module.BUILD / "bin" / "reeve-worker", "--broker", f"tcp://127.0.0.1:{farm.port + 1}", "--slots", "1",
             "--handler", MISFIT]
    with subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=writer, env=farm.env, start_new_session=True) as worker:
        try:
            os.close(writer)
            broker.until(lambda: broker.hellos == 1, "hello")
            result = broker.run(1, "flood", 100_000)
            assert result.last_lines.endswith(f"{100_000:099}"), result
            assert value(broker.run(2, "echo", "on")) == ["on"]
            worker.terminate()
            broker.until(lambda: "goodbye" in broker.said, "goodbye")
            assert worker.wait(farm_module.DEADLINE_S) == 0
        finally:
            worker.kill()
            os.close(reader)


def test_memory_limit(farm):
    broker = Broker(farm)
    worker = broker.start_worker("--slot-memory", "600")
    broker.send(*[broker.lease(n, "pid") for n in (1, 2)])
    before = {value(r) for r in broker.done(1, 2)}
    broker.send(broker.lease(3, "eat", 900, 60_000), *[broker.lease(n, "sleep", 2) for n in range(10, 60)])
    result = broker.done(3)[0]
    assert ending(result) == ("REASON_OOM", 0), result
    assert result.peak_kib > 600 << 10, result
    assert all(r.reason == 0 for r in broker.done(*range(10, 60)))
    numbers = itertools.count(100)

    def replaced():
        """Who has the slots, each beside a job that keeps the other one busy? At first the old one of the other slot."""
        first, second, third, fourth = (next(numbers) for _ in range(4))
        broker.send(broker.lease(first, "pid"), broker.lease(second, "sleep", 20))
        broker.done(first, second)
        broker.send(broker.lease(third, "sleep", 20), broker.lease(fourth, "pid"))
        broker.done(third)
        return {value(r) for r in broker.done(first, fourth)} - before

    farm.until(replaced, "another process serves in its place")
    assert value(broker.run(70, "eat", 60, 60)) == 60
    assert re.search(r"slot_memory_mib=600 kept by (cgroup=/|looking \()", worker.stderr()), worker.stderr()


def test_peak_memory_is_the_attempts_own(farm):
    broker = Broker(farm)
    broker.start_worker(slots=1)
    large = broker.run(1, "eat", 200, 20)
    small = broker.run(2, "sleep", 20)
    assert large.peak_kib >= 200 << 10, large
    assert 0 < small.peak_kib < large.peak_kib - (100 << 10), small
    assert broker.run(3, "none").peak_kib == 0  # too short to be looked at
    dead = say(broker, 4, "", "crash")
    assert dead.peak_kib > 0, dead


def test_a_kill_reaches_the_whole_group(farm):
    broker = Broker(farm)
    broker.start_worker("--stop-flag", "50ms", "--stop-term", "100ms", slots=1)
    path = farm.folder / "child"
    broker.send(broker.lease(1, "brood", str(path)))
    child = int(farm.until(lambda: broker.turn() or path.exists() and path.read_text().strip(), "it has a child"))
    broker.send(wire.record("stop", id=1, token=1, reason=REASONS["REASON_CANCELLED"]))
    assert ending(broker.done(1)[0]) == ("REASON_CANCELLED", 0)
    broker.until(lambda: gone(child), "the child is gone too")


def test_recycling_after_so_many_jobs(farm):
    broker = Broker(farm)
    broker.start_worker("--recycle-jobs", "20")
    for number in range(1, 2001, 500):
        broker.send(*[broker.lease(n, "pid") for n in range(number, number + 500)])
    results = broker.done(*range(1, 2001))
    assert all(r.reason == 0 for r in results) and not broker.returned
    counts = collections.Counter(value(r) for r in results)
    assert max(counts.values()) <= 20 and len(counts) >= 100, counts


def test_recycling_of_a_process_that_grew(farm):
    broker = Broker(farm)
    worker = broker.start_worker("--recycle-memory", "200", slots=1)
    first = value(broker.run(1, "pid"))
    assert value(broker.run(2, "leak", 300 << 20)) == 300 << 20
    numbers = iter(range(3, 100_000))

    def another():
        pid = value(broker.run(next(numbers), "pid"))
        return pid if pid != first else 0

    second = farm.until(another, "another process")
    broker.until(lambda: gone(first), "the one that grew is gone")
    assert [value(broker.run(next(numbers), "pid")) for _ in range(10)] == [second] * 10
    assert "is to be replaced, memory_kib=" in worker.stderr()


def test_recycling_by_age(farm):
    broker = Broker(farm)
    worker = broker.start_worker("--recycle-age", "1s", slots=1)
    first = value(broker.run(1, "pid"))
    broker.until(lambda: gone(first), "the old one is gone")
    assert value(broker.run(2, "pid")) != first
    spawner, = children(worker.pid)
    assert len(children(spawner)) <= 2


def test_a_silent_connection_is_left_for_another(farm):
    broker = Broker(farm)
    broker.start_worker(slots=1)
    broker.run(1, "none")
    old = broker.route
    broker.pinged = float("inf")
    broker.until(lambda: broker.hellos == 2, "hello again")
    assert broker.route != old
    broker.pinged = 0.0
    assert value(broker.run(2, "echo", "here")) == ["here"]


def test_a_map_over_processes_that_live_for_three_jobs(farm):
    farm.broker()
    farm.worker("--handler", MISFIT, "--recycle-jobs", "3")
    lines = "".join(f"{n}\n" for n in range(2000))
    done = farm.reeve("map", "misfit.echo", text=lines)
    assert done.returncode == 0, done.stderr
    assert sorted(int(line.strip("[]")) for line in done.stdout.split()) == list(range(2000)), done.stdout[:300]
    status = farm.json("status")
    assert status["totals"]["executions"] == 2000 and status["totals"]["lease_losses"] == 0, status


if __name__ == "__main__":
    farm_module.main(globals())
