#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Loads that a farm has to stand: each prints its figures and fails when something was lost, came twice or out of order.

    tests/load/load.py [--full] [--seconds S] [test_NAME]...

Real processes, driven as tests/scenario does it. Without options the short forms, which the tests run; --full is the
long form: a million queued jobs, a thousand sessions, a thousand subscribers. --seconds is how long the soak lasts.
How fast it was is for the reader to judge: no figure fails a run. REEVE_BUILD names the build (default: build).
"""
import argparse
import json
import os
import pathlib
import signal
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scenario"))

import msgpack
import zmq

import farm as farm_module

FAULTS = ("lost", "duplicated", "wrong", "failed", "sessions_failed", "updates_lost", "updates_duplicated",
          "updates_out_of_order")
SUBSCRIBERS_EACH = 400  # of one reeve-bench
MIB = 1 << 20


class Options:
    full = False
    seconds = None


options = Options()


class Bench:
    """A reeve-bench that runs."""

    def __init__(self, load, words):
        self.load, self.process = load, load.start("reeve-bench", "--json", "--wait", farm_module.DEADLINE_S, *words)

    def runs(self):
        return self.process.child.poll() is None

    def done(self, limit_s=3600):
        """Its result, in which there is nothing amiss."""
        status = self.process.child.wait(limit_s)
        self.process.wait()
        assert self.process.lines, self.process.stderr()
        said = json.loads(self.process.lines[-1])
        faults = {key: said[key] for key in FAULTS if said[key]}
        assert status == 0 and not faults, (status, faults, self.process.stderr())
        return said


class Load(farm_module.Farm):
    def __init__(self):
        super().__init__()
        self.full = options.full
        self.seconds = options.seconds or (600 if self.full else 5)

    def size(self, short, long):
        return long if self.full else short

    def say(self, text):
        print(text, flush=True)

    def tell(self, name, said):
        self.say(f"{name}: {said['jobs']} jobs in {said['seconds']:.1f} s, {said['rate']:,.0f}/s, p50 {said['p50_us']:,.0f} us, "
                 f"p99 {said['p99_us']:,.0f} us")

    def bench(self, *words):
        return Bench(self, words)

    def status(self):
        return self.json("status")

    def totals(self):
        return self.status()["totals"]

    def memory(self):
        """Of the broker, resident, now: what it says of itself is a little older."""
        with open(f"/proc/{self.status()['broker']['pid']}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def each_ran_once(self, jobs):
        """By the broker's own counts."""
        totals = self.totals()
        assert totals["submitted"] == jobs and totals["executions"] == jobs and totals["lease_losses"] == 0, (jobs, totals)


class Watcher:
    """Plain SUB sockets, all on one topic, each with its own check that the numbers of every topic follow each other."""

    def __init__(self, load, topic, count):
        self.context = zmq.Context()  # one that has room for them
        self.context.set(zmq.MAX_SOCKETS, count + 10)
        self.poller = zmq.Poller()
        self.seen = 0
        self.last = {}      # socket: {topic: (number, event)}
        self.stand = set()  # those whose subscription is known to the broker
        for _ in range(count):
            self.subscribe(load, topic)
        client = load.client()

        def all_stand():
            client.send("sync", nonce="load")
            self.take(100)
            return len(self.stand) == count

        load.until(all_stand, "all subscriptions stand")
        client.close()

    def subscribe(self, load, topic):
        socket = self.context.socket(zmq.SUB)
        socket.linger = 0
        socket.rcvhwm = 0
        socket.subscribe(topic)
        socket.subscribe(b"sync/load\0")
        socket.connect(f"tcp://127.0.0.1:{load.port + 2}")
        self.poller.register(socket, zmq.POLLIN)
        self.last[socket] = {}

    def take(self, wait_ms):
        """What has come, each the next one of its topic; was there anything?"""
        ready = self.poller.poll(wait_ms)
        for socket, _ in ready:
            while True:
                try:
                    topic, body = socket.recv_multipart(zmq.NOBLOCK)
                except zmq.Again:
                    break
                if topic == b"sync/load\0":
                    self.stand.add(socket)
                    continue
                update, last = msgpack.unpackb(body), self.last[socket]
                before = last.get(topic, (0, None))[0]
                assert update["seq"] == before + 1, f"{topic}: {update} after {before}"
                last[topic] = (update["seq"], update["event"])
                self.seen += 1
        return bool(ready)

    def follow(self, sessions):
        """Until every socket has seen the end of so many sessions, and all of them the same."""
        first = next(iter(self.last.values()))
        end = time.monotonic() + farm_module.DEADLINE_S
        while not (len(first) == sessions and self.has_ended(first) and all(last == first for last in self.last.values())):
            if self.take(100):
                end = time.monotonic() + farm_module.DEADLINE_S
            assert time.monotonic() < end, f"no update comes any more; {self.seen} came"

    @staticmethod
    def has_ended(last):
        return bool(last) and all(event == "ended" for _, event in last.values())

    def close(self):
        self.context.destroy(linger=0)


def test_many_producers(load):
    """Processes and threads of them, all at once on one queue."""
    load.up("--workers", 2, "--slots", 2)
    processes, clients, jobs = load.size((3, 4, 2000), (8, 16, 250000))
    running = [load.bench("--clients", clients, "--jobs", jobs, "--depth", 100, "bench.echo") for _ in range(processes)]
    for said in [bench.done() for bench in running]:
        load.tell(f"{clients} of {processes * clients} producers", said)
    load.each_ran_once(processes * jobs)


def test_many_queued(load):
    """Nobody takes them until all are there; then they are all done. What a worker gave back unbegun may be overtaken."""
    load.up("--workers", 1, "--slots", 1)
    count = load.size(20000, 1000000)
    load.bench("--jobs", 1).done()
    assert load.reeve("hold", "bench.noop").returncode == 0
    before = load.memory()
    running = load.bench("--jobs", count, "--depth", count)
    load.until(lambda: load.totals()["live"] == count, f"{count} jobs are queued")
    load.say(f"{count} queued: {(load.memory() - before) / count:.0f} B of the broker's memory each")
    assert load.reeve("release", "bench.noop").returncode == 0
    said = running.done()
    load.tell("queued and then done", said)
    load.say(f"{said['out_of_order']} came after the result of a job handed in later")
    load.each_ran_once(count + 1)


def test_long_and_short(load):
    """Short jobs among long ones: all are done; how long the short ones wait is printed."""
    load.up("--workers", 1, "--slots", 4)
    said = load.bench("--rate", load.size(200, 2000), "--arrivals", "poisson", "--seconds", load.size(2, 30), "--mix",
                      f"bench.noop=98,bench.sleep {load.size(100, 500)}=2").done()
    assert sum(part["jobs"] for part in said["methods"]) == said["jobs"]
    for part in said["methods"]:
        load.say(f"{part['method']}: {part['jobs']} jobs, p50 {part['p50_us']:,.0f} us, p99 {part['p99_us']:,.0f} us")
    load.each_ran_once(said["jobs"])


def test_many_sessions(load):
    """Sessions that iterate while jobs run; each shows as many iterations as it had."""
    load.up("--workers", 1, "--slots", 4)
    count = load.size(40, 1000)
    said = load.bench("--sessions", count, "--pause", load.size(0.02, 0.5), "--seconds", load.size(3, 60), "--depth", 50).done()
    load.tell(f"beside {count} sessions", said)
    load.say(f"{said['iterations']} iterations, {said['iterations'] / said['seconds']:.0f}/s")
    assert said["sessions"] == count


def test_many_subscribers(load):
    """Every subscriber of every session sees each update once and in order."""
    load.up("--workers", 1, "--slots", 2)
    subscribers, sessions, iterations = load.size((40, 4, 50), (1000, 10, 60))
    watcher = Watcher(load, b"session/", subscribers)
    start = time.monotonic()
    submit = [load.start("reeve", "submit", "--session", "bench.iterate", load.size(2, 100), iterations) for _ in range(sessions)]
    for process in submit:
        assert process.wait() == 0, process.stderr()
    try:
        watcher.follow(sessions)
    finally:
        watcher.close()
    took = time.monotonic() - start
    load.say(f"{watcher.seen} updates to {subscribers} subscribers in {took:.1f} s, {watcher.seen / took:,.0f}/s")
    assert watcher.seen >= subscribers * sessions * iterations, watcher.seen


def test_watchers_of_the_library(load):
    """Those of the library close gaps by themselves; beside jobs."""
    load.up("--workers", 1, "--slots", 2)
    count = load.size(20, SUBSCRIBERS_EACH)
    said = load.bench("--subscribers", count, "--sessions", 5, "--pause", 0.01, "--seconds", load.size(2, 30), "--depth", 10).done()
    load.tell(f"beside {count} watchers", said)
    load.say(f"{said['updates']} updates, {said['updates'] / said['seconds']:,.0f}/s")


def test_slow_subscriber(load):
    """One that takes nothing of all that is published costs neither the jobs nor those who read anything."""
    load.up("--workers", 1, "--slots", 2)
    context = zmq.Context()
    try:
        slow = context.socket(zmq.SUB)
        slow.linger, slow.rcvhwm, slow.rcvbuf = 0, 1, 4096
        slow.subscribe(b"")
        slow.connect(f"tcp://127.0.0.1:{load.port + 2}")
        assert slow.poll(1) in (0, zmq.POLLIN)
        load.bench("--jobs", 10).done()  # from here on it has its place at the broker, and more than it can hold
        before = load.memory()
        said = load.bench("--jobs", load.size(20000, 2000000), "--subscribers", 3, "--sessions", 3, "--pause", 0.01).done()
        load.tell("beside a subscriber that does not read", said)
        load.say(f"broker: {before / MIB:.0f} MiB before, {load.memory() / MIB:.0f} MiB after")
        assert slow.poll(farm_module.DEADLINE_S * 1000), "it gets nothing although it has subscribed to all"
    finally:
        context.destroy(linger=0)


def test_worker_churn(load):
    """Workers are killed with all they have and others come, while jobs run. What was lost with them runs again."""
    load.broker("--store", "memory")
    workers = [load.worker() for _ in range(3)]
    kills, jobs = load.size((4, 20000), (200, 5000000))
    running = load.bench("--jobs", jobs, "--depth", 200, "bench.echo")
    done = 0
    for kill in range(kills):
        share = jobs * (kill + 1) // (kills + 2)
        load.until(lambda: load.totals()["executions"] >= share or not running.runs(), f"{share} executions")
        if not running.runs():
            break
        victim = workers.pop(0)
        os.killpg(victim.pid, signal.SIGKILL)
        workers.append(load.worker())
        done += 1
    said = running.done()
    totals = load.totals()
    load.tell(f"{done} workers killed", said)
    load.say(f"{totals['lease_losses']} leases lost, {totals['executions']} executions of {totals['submitted']} jobs")
    assert done > 0 and said["executions_compared"], said


def test_soak(load):
    """All at once for a time: jobs of all kinds at a steady rate, sessions, watchers. The broker's memory is printed as it goes."""
    load.up("--workers", 2, "--slots", 2)
    running = load.bench("--seconds", load.seconds, "--rate", load.size(200, 2000), "--arrivals", "poisson", "--clients", 2,
                         "--mix", "bench.noop=80,bench.echo=10,fibonacci_generator.calculate 30=8,calculator.calculate 2 + 2=2",
                         "--sessions", 10, "--subscribers", 10)
    start = time.monotonic()
    over = threading.Event()
    while running.runs():
        over.wait(load.seconds / 5)
        if running.runs():
            load.say(f"{time.monotonic() - start:6.0f} s  {load.totals()['submitted']} jobs, broker {load.memory() / MIB:.1f} MiB")
    said = running.done()
    load.tell("soak", said)
    load.say(f"{said['iterations']} iterations, {said['updates']} updates")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="the long form")
    parser.add_argument("--seconds", type=float, help="how long the soak lasts")
    parser.add_argument("tests", nargs="*", help="only these")
    said = parser.parse_args()
    options.full, options.seconds = said.full, said.seconds
    if said.full:
        farm_module.DEADLINE_S = max(farm_module.DEADLINE_S, 600)
    farm_module.main(globals(), Load, said.tests)


if __name__ == "__main__":
    main()
