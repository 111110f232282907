#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Updates to many subscribers, beside the least that a publisher on libzmq can be (peers/updates.c).

    cmake --build build --target peers
    tests/load/updates.py [--rounds N] [--jobs N] [--subscribers N]

A round measures, one after the other, each with processes of its own:

  bare      an XPUB socket that sends frames of the size of Reeve's, as many, as fast as it can
  reeve     a broker with one worker, whose jobs tell of themselves under `job/`, as fast as they can be done
  stopped   the same with one subscriber more, which is stopped (SIGSTOP) before the first update

The rate is updates a second at each subscriber, from the first update to the last one's arrival. All
subscribers are one process, which reads on one core what the publisher sends on the other. Ends with
1 when a subscriber that reads has missed an update; whether the ratios are good enough is for the reader
to say. $REEVE_BUILD names the build (default: build).
"""
import argparse
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "scenario"))
import farm as scenario  # noqa: E402

PROGRAM = scenario.BUILD / "bin" / "peers" / "updates"
TRY_S = 0.05  # before the beginning is said again to those who may not have heard it


class Watchers:
    """So many subscribers, in one process, each of which has heard the beginning."""

    def __init__(self, farm, count, begin):
        self.process = scenario.Process([PROGRAM, "watch", f"tcp://127.0.0.1:{farm.port + 2}", "job/", count],
                                        farm.folder, farm.env)
        farm.processes.append(self.process)
        farm.until(lambda: begin() or self.said(), "all subscribers have heard the beginning")

    def said(self):
        with self.process.changed:
            self.process.changed.wait_for(lambda: self.process.lines, TRY_S)
            return self.process.lines

    def stop(self):
        self.process.kill(signal.SIGSTOP)

    def result(self):
        return json.loads(self.process.wait_line(lambda line: line.startswith("{")))


def measure_reeve(options, stopped):
    farm = scenario.Farm()
    try:
        farm.broker("--store", "memory")
        farm.worker(slots=1)
        client = farm.client()
        if stopped:
            Watchers(farm, 1, lambda: client.send("sync", nonce="begin")).stop()
        watchers = Watchers(farm, options.subscribers, lambda: client.send("sync", nonce="begin"))
        done = farm.reeve("bench", "--json", "--jobs", options.jobs, "--depth", 1000)
        assert done.returncode == 0, done.stderr
        client.send("sync", nonce="end")
        return watchers.result()
    finally:
        farm.close()


def measure_bare(options, like):
    farm = scenario.Farm()
    sizes = [str(round(like[name])) for name in ("topic_bytes", "body_bytes")]
    try:
        publisher = subprocess.Popen([PROGRAM, "publish", f"tcp://127.0.0.1:{farm.port + 2}", str(like["most"]), *sizes],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert publisher.stdout.readline() == "listens\n"

        def say(word):
            publisher.stdin.write(word + "\n")
            publisher.stdin.flush()

        watchers = Watchers(farm, options.subscribers, lambda: say("begin"))
        say("go")
        result = watchers.result()
        publisher.stdin.close()
        assert publisher.wait(scenario.DEADLINE_S) == 0
        return result
    finally:
        farm.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--jobs", type=int, default=15000, help="each tells three updates, in all less than the 50,000 updates that may wait")
    parser.add_argument("--subscribers", type=int, default=100)
    options = parser.parse_args()
    rates, missed = {"bare": [], "reeve": [], "stopped": []}, 0
    for _ in range(options.rounds):
        reeve = measure_reeve(options, False)
        round_ = {"reeve": reeve, "bare": measure_bare(options, reeve), "stopped": measure_reeve(options, True)}
        for case, row in round_.items():
            print(json.dumps({"case": case, **row}), file=sys.stderr, flush=True)
            rates[case].append(row["most"] / row["seconds"])
            missed += row["most"] - row["least"]
    for case, of in rates.items():
        print(f"{case:8} {statistics.median(of):9,.0f} ({min(of):,.0f}-{max(of):,.0f}) updates/s at each of {options.subscribers},"
              f" load {os.getloadavg()[0]:.1f}")
    median = {case: statistics.median(of) for case, of in rates.items()}
    print(f"reeve / bare {median['reeve'] / median['bare']:.2f}, stopped / reeve {median['stopped'] / median['reeve']:.2f}")
    if missed:
        print(f"{missed} updates did not reach a subscriber that reads")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
