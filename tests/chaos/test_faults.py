#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One fault at a time, with what the promise says of it: workers that die, freeze or are cut off, a broker that freezes,
long jobs before short ones, a wall clock that jumps. Times are printed; with --full they must be as promised."""
import collections
import glob
import json
import pathlib
import signal
import time

import msgpack

import chaos
import wire
from history import History

LOST_S, SILENT_S, SHORT_WAIT_S = 2, 8, 2


class Gate:
    """Jobs that run until a file is there, handed in by a raw client. Their value is the number of the attempt."""

    def __init__(self, run, count):
        self.run, self.path = run, run.folder / "gate"
        self.client = run.client()
        self.serials = range(1, count + 1)
        self.numbers = [self.client.submit("chaos.gate", msgpack.packb([serial, str(self.path)]), flags=1)
                        for serial in self.serials]
        self.jobs = [self.client.receive("accepted", number=number).id for number in self.numbers]

    def runs(self):
        """{serial: [Run, ...]}"""
        return History().read(self.run.runs).runs

    def wait_runs(self, times):
        """Until each has begun so often; the moment of the last beginning."""
        def begun():
            runs = self.runs()
            return all(len(runs.get(serial, ())) >= times for serial in self.serials) and runs
        return max(runs[-1].ns for runs in self.run.until(begun, f"each began {times} times").values())

    def open(self):
        self.path.touch()

    def ended(self):
        return [self.client.receive("ended", number=number) for number in self.numbers]


def moved(run, hurt, heal=None, **where):
    """The jobs of a worker that is hurt run elsewhere. Returns how long that took; heals, and sees that late results
    change nothing."""
    run.start_broker()
    victim = run.start_worker(**where)
    run.wait_workers(victim)
    gate = Gate(run, 2)
    gate.wait_runs(1)
    other = run.start_worker()
    run.wait_workers(other)
    start = time.monotonic_ns()
    hurt(victim)
    took = (gate.wait_runs(2) - start) / 1e9
    gate.open()
    ended = gate.ended()
    assert [(e.state, e.value) for e in ended] == [(wire.STATES["JOB_OK"], b"\x02")] * 2, ended
    status = run.status()
    assert status.lease_losses == 2, status
    if heal:
        heal(victim)
        run.wait_workers(victim)
        # A job of its own shows that what it said late has arrived: the connection keeps the order.
        run.kill_session(other)
        number = gate.client.submit("chaos.work", msgpack.packb([9, 0]))
        assert gate.client.receive("ended", number=number).state == wire.STATES["JOB_OK"]
    for job in gate.jobs:
        gate.client.send("wait", number=1 << 40, id=job)
        again = gate.client.receive("ended", number=1 << 40)
        assert (again.state, again.value) == (wire.STATES["JOB_OK"], b"\x02"), again
    assert not [record for record in gate.client.waiting if record.name == "ended"], gate.client.waiting
    assert all(len(gate.runs()[serial]) == 2 for serial in gate.serials), gate.runs()
    return took


def promised(run, what, took, seconds):
    run.say(f"{what}: elsewhere after {took:.3f} s, promised within {seconds} s")
    assert not run.full or took <= seconds, took


def test_a_host_is_killed(run):
    """kill -9 of an agent and of all its slots."""
    promised(run, "agent and slots killed", moved(run, run.kill_session), LOST_S)


def test_an_agent_is_killed(run):
    """kill -9 of the agent alone: its slots go with it."""
    def kill(worker):
        handlers = [pid for pid in chaos.pids_of_session(worker.pid) if pid != worker.pid]
        worker.kill()
        run.until(lambda: not set(handlers) & set(chaos.pids_of_session(worker.pid)), "its slots are gone")
    promised(run, "agent killed", moved(run, kill), LOST_S)


def test_a_host_freezes(run):
    """SIGSTOP of an agent and of all its slots; later it goes on as if nothing had been."""
    took = moved(run, lambda worker: run.kill_session(worker, signal.SIGSTOP),
                 lambda worker: run.kill_session(worker, signal.SIGCONT))
    promised(run, "host frozen", took, SILENT_S)


def test_an_agent_freezes(run):
    """The agent alone: its slots finish meanwhile, and their results are late."""
    took = moved(run, lambda worker: worker.kill(signal.SIGSTOP), lambda worker: worker.kill(signal.SIGCONT))
    promised(run, "agent frozen", took, SILENT_S)


def cut_off(run, mode):
    port = run.proxy("workers", run.port + 1)
    link = run.proxies["workers"]
    took = moved(run, lambda worker: link.set(mode), lambda worker: link.set("good"), port=port)
    promised(run, f"link {mode}", took, SILENT_S)


def test_a_worker_is_cut_off(run):
    cut_off(run, "cut")


def test_a_worker_hears_nothing_and_is_not_heard(run):
    cut_off(run, "blackhole")


def test_a_frozen_broker_loses_no_lease(run):
    seconds = 20 if run.full else 3
    run.start_broker()
    run.start_worker()
    run.start_worker()
    run.wait_workers()
    load = run.start_load(6000, window=100, ms=2)
    run.start_hand(500)
    load.wait(1000)
    run.broker_process.kill(signal.SIGSTOP)
    run.pause(seconds)
    run.broker_process.kill(signal.SIGCONT)
    run.drain()
    run.say(f"frozen for {seconds} s, lease losses {run.status().lease_losses}")
    run.verdict(exact=True)
    assert run.status().lease_losses == 0


def explained(run, loads):
    """How many jobs wait for which reason, as `reeve explain` tells it; every open job must have one."""
    over = History()
    for load in loads:
        over.read(load.history)
    jobs = [told[0].job for serial, told in over.accepted.items() if serial not in over.ended]
    done = run.reeve("explain", "--json", *jobs)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    missing = set(jobs) - {line["id"] for line in lines if line["reasons"]}
    assert not missing, f"nothing is said of {len(missing)} jobs: {sorted(missing)[:5]}"
    return collections.Counter(reason["code"] for line in lines for reason in line["reasons"])


def test_short_jobs_behind_long_ones(run):
    """Two queues of equal priority on two slots: ten jobs of a second, then a thousand of a millisecond."""
    run.start_broker()
    run.start_worker(slots=2)
    run.wait_workers()
    long = run.start_load(10, window=10, ms=1000, queue="chaos.long")
    long.process.wait_line("accepted 10")
    short = run.start_load(1000, window=1000, ms=1)
    short.process.wait_line("accepted 1000")
    run.say(f"explained: {dict(explained(run, [long, short]))}")
    run.drain()
    history = run.verdict(exact=True)
    waits = [history.runs[serial][0].ns - history.accepted[serial][0].ns for serial in range(short.first, short.first + 1000)]
    longest = max(waits) / 1e9
    run.say(f"longest wait of a short job {longest:.3f} s, promised {SHORT_WAIT_S} s")
    assert not run.full or longest <= SHORT_WAIT_S, longest


def test_the_wall_clock_jumps(run):
    """Years, forth and back, for the broker only; and hours while it is away."""
    libraries = glob.glob("/usr/lib/*/faketime/libfaketimeMT.so.1")
    if not libraries:
        raise chaos.farm_module.NotHere("no package faketime")
    if b"__asan_init" in (chaos.farm_module.BUILD / "bin" / "reeve-broker").read_bytes():
        raise chaos.farm_module.NotHere("a sanitizer wants to be loaded first")
    clock = pathlib.Path(run.folder / "clock")
    clock.write_text("+0\n")
    env = dict(LD_PRELOAD=libraries[0], FAKETIME_TIMESTAMP_FILE=str(clock), FAKETIME_NO_CACHE="1",
               FAKETIME_DONT_FAKE_MONOTONIC="1")
    run.start_broker(env=env)
    run.start_worker()
    run.wait_workers()
    run.start_load(10 ** 6, window=100, ms=1)
    for jump in ("+3600", "-3600", "+3000d", "-3000d", "+0", "+20h", "-1h", "+0"):
        clock.write_text(jump + "\n")
        away = run.durable and "h" in jump
        run.say(f"wall clock {jump}" + (", and the broker dies" if away else ""))
        if away:
            run.kill_broker()
            run.start_broker(env=env)
            run.wait_workers()
        run.pause(1.5 if run.full else 0.3)
    for load in run.loads:
        load.stop()
    run.drain()
    assert run.lease_losses() == 0, run.lives
    run.note_life()
    order = list(run.lives)
    assert order == sorted(order), f"incarnations {order} do not grow"
    run.verdict(exact=run.durable)


if __name__ == "__main__":
    chaos.main(globals())
