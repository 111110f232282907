#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Releases that differ and speak the same version: worker and clients of this one with a broker that is, in what it says
and understands, of a later release, or of the first; which is also a broker of this release with such workers and clients."""
import json

import farm as farm_module
import versions

WORKERS_WAY, CLIENTS_WAY = 7, 8  # ports of the block


def through(farm, translate):
    """A farm whose worker and command line reach the broker by such a way."""
    farm.ways = [versions.Way(farm.context, farm.port + WORKERS_WAY, farm.port + 1, translate),
                 versions.Way(farm.context, farm.port + CLIENTS_WAY, farm.port, translate)]
    farm.env["REEVE_BROKER"] = f"tcp://127.0.0.1:{farm.port + CLIENTS_WAY}"
    farm.broker("--store", farm.folder / "store")
    worker = farm.start("reeve-worker", "--broker", f"tcp://127.0.0.1:{farm.port + WORKERS_WAY}", "--slots", 2)
    farm.until(lambda: [w for w in farm.workers() if w["pid"] == worker.pid], "the worker joins")
    return worker


def works(farm, worker):
    """What a day brings: many jobs, one that fails, one that waits and is cancelled, a session, a worker that leaves."""
    done = farm.reeve("map", "fibonacci_generator.calculate", text="".join(f"{n}\n" for n in range(1, 301)))
    values = done.stdout.split()
    assert done.returncode == 0 and values[:10] == "1 1 2 3 5 8 13 21 34 55".split() and len(values) == 300, done
    done = farm.reeve("call", "calculator.calculate", "1", "/", "0")
    assert done.returncode == 1 and "zero" in done.stderr, done
    job = farm.reeve("submit", "--delay", "3600", "calculator.calculate", "1", "+", "1").stdout.strip()
    assert farm.reeve("cancel", job).returncode == 0
    shown, = farm.json("job", job)["jobs"]
    assert (shown["state"], shown["queue"]) == ("cancelled", "calculator.calculate"), shown
    session = farm.reeve("session", "start", "--objective", "([x]-3)^2", "--mv", "x=0:-9..9", "--max-iterations", "30",
                         "--quiet").stdout.strip()
    assert farm.reeve("session", "optimise", session, "--wait").returncode == 0
    best = farm.json("session", "show", session)["best"]
    assert abs(best["mvs"]["x"] - 3) < .1, best
    bench = json.loads(farm.reeve("bench", "--jobs", "3000", "--json").stdout)
    assert (bench["lost"], bench["duplicated"], bench["wrong"], bench["failed"]) == (0, 0, 0, 0), bench
    assert farm.reeve("drain", farm.workers()[0]["id"]).returncode == 0
    assert worker.wait() == 0
    assert all(way.said for way in farm.ways)


def run(farm, translate):
    farm.ways = []
    try:
        works(farm, through(farm, translate))
    finally:
        for way in farm.ways:
            way.close()


def test_a_later_release(farm):
    run(farm, versions.later)


def test_the_first_release(farm):
    run(farm, versions.first)


if __name__ == "__main__":
    farm_module.main(globals())
