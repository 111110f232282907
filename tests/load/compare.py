#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reeve beside the least a broker on libzmq can be (yardstick/yardstick.c), in one run.

    tests/load/compare.py [--rounds N] [--jobs N] [--singles N] [--build DIR] [--port P] [--rows FILE]

A round runs, one after the other, each with processes of its own: the yardstick and Reeve, on all
cores, then both pinned to core 0. A machine whose speed drifts hits both alike; so look at the
ratios of the medians, not at the figures. Reeve is reeve-broker with a store in memory, one
reeve-worker with one slot, and reeve-bench: bench.noop in its handler process, 16 bytes a job;
the yardstick gets 16 bytes and answers with 8.

  rate    many jobs on their way: a window of 4,000 for the yardstick, a depth of 1,000 for Reeve
  p50     one job at a time

Exit status 1 when a process failed or Reeve lost, doubled or got wrong a job; whether the ratios are
good enough is for the reader to say.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
TICK = os.sysconf("SC_CLK_TCK")


class Farm:
    """Processes that end with the block, each by its own pid."""

    def __init__(self, pinned):
        self.prefix = ["taskset", "-c", "0"] if pinned else []
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for p in reversed(self.processes):
            p.terminate()
            try:
                p.wait(15)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()

    def start(self, *command):
        p = subprocess.Popen(self.prefix + list(command), stdout=subprocess.PIPE, text=True)
        self.processes.append(p)
        return p

    def run(self, *command):
        done = subprocess.run(self.prefix + list(command), stdout=subprocess.PIPE, text=True, timeout=300)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit status {done.returncode}: {done.stdout}")
        return json.loads(done.stdout.splitlines()[-1])


def cpu_seconds(pid):
    """Of a process and all below it."""
    total = 0.0
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / TICK
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as f:
                total += sum(cpu_seconds(int(child)) for child in f.read().split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return total


def measured(farm, jobs, singles, rate_command, single_command, parts):
    before = {name: cpu_seconds(p.pid) for name, p in parts.items()}
    rate = farm.run(*rate_command)
    row = {"rate": rate["rate"]}
    for name, p in parts.items():
        row[f"{name}_cpu_us"] = (cpu_seconds(p.pid) - before[name]) / jobs * 1e6
    single = farm.run(*single_command)
    row.update(p50_us=single["p50_us"], p99_us=single["p99_us"])
    for count in ("lost", "duplicated", "wrong", "failed"):
        row[count] = rate.get(count, 0) + single.get(count, 0)
    return row


def run_yardstick(options, pinned):
    front, back = (f"tcp://127.0.0.1:{options.port + i}" for i in (3, 4))
    with Farm(pinned) as farm:
        broker = farm.start(options.yardstick, "broker", front, back)
        if broker.stdout.readline() != "ready\n":
            raise RuntimeError("the yardstick's broker did not start")
        worker = farm.start(options.yardstick, "worker", back, "2000", "8")
        farm.run(options.yardstick, "client", front, "1000", "100", "16")  # until the worker is there
        return measured(farm, options.jobs, options.singles,
                        [options.yardstick, "client", front, str(options.jobs), "4000", "16"],
                        [options.yardstick, "single", front, str(options.singles), "16"],
                        {"broker": broker, "worker": worker})


def run_reeve(options, pinned):
    clients, workers = (f"tcp://127.0.0.1:{options.port + i}" for i in (0, 1))
    program = lambda name: os.path.join(options.build, "bin", name)
    bench = [program("reeve-bench"), "--broker", clients, "--json"]
    with Farm(pinned) as farm:
        broker = farm.start(program("reeve-broker"), "--bind", clients, "--store", "memory")
        worker = farm.start(program("reeve-worker"), "--broker", workers, "--slots", "1")
        until = time.monotonic() + 20
        while True:  # until the worker has offered what it can do
            first = subprocess.run(bench + ["--jobs", "1000"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, timeout=60)
            if first.returncode == 0:
                break
            if time.monotonic() > until:
                raise RuntimeError("reeve: " + first.stderr)
        return measured(farm, options.jobs, options.singles,
                        bench + ["--jobs", str(options.jobs), "--depth", "1000"],
                        bench + ["--jobs", str(options.singles), "--depth", "1"],
                        {"broker": broker, "worker": worker})


def column(rows, case, pinned, key):
    return [r[key] for r in rows if r["case"] == case and r["pinned"] == pinned]


def spread(values, digits=0):
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f}-{max(values):,.{digits}f})"


def report(rows):
    for pinned in (False, True):
        print(f"\n{'pinned to core 0' if pinned else 'on all cores'}: median (least-most)")
        for case in ("L1", "reeve"):
            get = lambda key: column(rows, case, pinned, key)
            print(f"  {case:6} rate {spread(get('rate'))} jobs/s, p50 {spread(get('p50_us'), 1)} us,"
                  f" p99 {spread(get('p99_us'), 1)} us;"
                  f" CPU a job: broker {statistics.median(get('broker_cpu_us')):.2f},"
                  f" worker {statistics.median(get('worker_cpu_us')):.2f} us")
        ratio = lambda key: (statistics.median(column(rows, "reeve", pinned, key)) /
                             statistics.median(column(rows, "L1", pinned, key)))
        print(f"  reeve / L1: rate {ratio('rate'):.2f}, p50 {ratio('p50_us'):.2f}, p99 {ratio('p99_us'):.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=400000)
    parser.add_argument("--singles", type=int, default=5000)
    parser.add_argument("--build", default=os.path.join(ROOT, "build"), help="a Release build of Reeve")
    parser.add_argument("--port", type=int, default=7750, help="this port and the four above it")
    parser.add_argument("--rows", help="append each measurement to this file, JSON lines")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        options.yardstick = os.path.join(folder, "yardstick")
        subprocess.run(["cc", "-O2", "-std=gnu11", "-o", options.yardstick,
                        os.path.join(HERE, "yardstick", "yardstick.c"), "-lzmq"], check=True)
        for number in range(options.rounds):
            for pinned in (False, True):
                for case, run in (("L1", run_yardstick), ("reeve", run_reeve)):
                    row = {"case": case, "round": number, "pinned": pinned, **run(options, pinned)}
                    rows.append(row)
                    print(json.dumps(row), file=sys.stderr, flush=True)
                    if options.rows:
                        with open(options.rows, "a", encoding="ascii") as f:
                            f.write(json.dumps(row) + "\n")
    report(rows)
    bad = sum(r["lost"] + r["duplicated"] + r["wrong"] + r["failed"] for r in rows)
    if bad:
        print(f"\n{bad} jobs were lost, doubled, wrong or failed")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
