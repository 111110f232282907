#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The rate of a farm that has much else to look after, beside that of one that has nothing.

    tests/load/beside.py [--rounds N] [--jobs N] [--much N] queued|workers|queues ...

  queued    so many jobs (10,000,000) of another queue wait, which is on hold
  workers   so many workers (1,000) have nothing to do, for nobody hands in jobs of the queue they offer: connections of this process
  queues    so many queues (10,000) have a job that waits, for handlers that nobody offers

Two farms, each of a broker without a store and a worker with one slot; a round is `reeve bench` on the one, then on
the other. A load that weighs on memory weighs on both by the cache they share. What is told is the median of the
rounds' ratios. $REEVE_BUILD names the build (default: build).
"""
import argparse
import contextlib
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "scenario"))
import farm as scenario  # noqa: E402
import wire  # noqa: E402
import zmq  # noqa: E402

PACE_S = 1


class Plain(scenario.Farm):
    """A farm that has nothing to do but what is measured."""

    def __init__(self):
        super().__init__()
        self.context.set(zmq.MAX_SOCKETS, 4000)
        self.up("--workers", 1, "--slots", 1, "--doors", "none")
        self.bench(1000)

    def bench(self, jobs, *words):
        process = self.start("reeve-bench", "--broker", self.address, "--durability", "received", "--depth", 16000, "--jobs",
                             jobs, "--json", *words)
        while process.child.poll() is None:
            self.tend()
        assert process.wait() == 0, process.stderr()
        return json.loads(process.lines[-1])["rate"]

    def totals(self):
        return self.json("status")["totals"]

    def memory(self):
        with open(f"/proc/{self.json('status')['broker']['pid']}/statm", encoding="ascii") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def look_after(self, much):
        return "nothing"

    def tend(self):
        """For a moment: what its connections have been asked is answered."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.processes[-1].child.wait(PACE_S)


class Queued(Plain):
    def look_after(self, much):
        assert self.reeve("hold", "bench.echo").returncode == 0
        before = self.memory()
        self.start("reeve-bench", "--broker", self.address, "--durability", "received", "--depth", much, "--jobs", much,
                   "--wait", 86400, "bench.echo")
        self.fill(much)
        return f"{much:,} jobs that wait, {(self.memory() - before) / much:.0f} B of the broker's memory each"

    def fill(self, much):
        """It may take long; it may not stand still."""
        seen = 0
        while seen < much:
            seen = self.until(lambda before=seen: (live := self.totals()["live"]) > before and live, f"more than {seen} jobs wait")


class Workers(Plain):
    def __init__(self):
        self.idle = []
        super().__init__()

    def look_after(self, much):
        self.idle += [self.join(i) for i in range(much)]
        self.until(lambda: self.tend() or len(self.workers()) == much + 1, f"{much} workers have joined")
        return f"{much:,} workers that are idle"

    def join(self, number):
        socket = self.context.socket(zmq.DEALER)
        socket.linger = 0
        socket.connect(f"tcp://127.0.0.1:{self.port + 1}")
        socket.send(wire.record("hello", version_min=1, version_max=1, role=2, peer_id=number.to_bytes(16, "big"), slots=1,
                                name=f"idle-{number}", host="test", pid=os.getpid()) +
                    wire.record("offer", queue="bench.idle") + wire.record("ready"))
        return socket

    def tend(self):
        """They answer now and then, for that costs the machine something, too."""
        super().tend()
        for socket in self.idle:
            with contextlib.suppress(zmq.Again):
                while True:
                    if any(record.name == "ping" for record in wire.decode(socket.recv(zmq.NOBLOCK))):
                        socket.send(wire.record("pong"))


class Queues(Plain):
    def look_after(self, much):
        client = self.client()
        for i in range(much):
            client.submit(f"beside.q{i}", flags=1)
        client.receive("accepted", number=client.number)
        assert len(self.json("queues")["queues"]) > much
        return f"{much:,} queues with a job nobody takes"


CASES = {"queued": (Queued, 10_000_000), "workers": (Workers, 1000), "queues": (Queues, 10_000)}


def measure(name, options):
    make, much = CASES[name]
    plain, laden = Plain(), make()
    try:
        print(f"{name}: {laden.look_after(options.much or much)}", flush=True)
        ratios = []
        for _ in range(options.rounds):
            alone, beside = plain.bench(options.jobs), laden.bench(options.jobs)
            ratios.append(beside / alone)
            print(f"  {alone:,.0f}/s without, {beside:,.0f}/s with: {ratios[-1]:.2f}", flush=True)
        print(f"{name}: {statistics.median(ratios):.2f} of the rate without ({min(ratios):.2f}-{max(ratios):.2f}), "
              f"load {os.getloadavg()[0]:.1f}", flush=True)
    finally:
        laden.close()
        plain.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=1_000_000)
    parser.add_argument("--much", type=int, help="instead of the numbers above")
    parser.add_argument("cases", nargs="*", default=list(CASES))
    options = parser.parse_args()
    for name in options.cases:
        measure(name, options)


if __name__ == "__main__":
    main()
