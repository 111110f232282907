#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Reeve as one of several systems that are measured side by side: the verbs such a runner wants.

    peer_reeve.py worker PORT                a worker with one slot, until it is told to stop
    peer_reeve.py rate PORT N CLASS DEPTH    N no-op jobs: one JSON line {n, secs, rate, t0, t1}
    peer_reeve.py lat PORT N CLASS           one job at a time: {p50, p99} in us
    peer_reeve.py fill PORT N CLASS          N jobs that nobody takes: the line of `rate`

PORT is the broker's for clients; CLASS received or durable. REEVE_BUILD names the build (default: build).
Times t0 and t1 are of the monotonic clock, in ns.
"""
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ.get("REEVE_BUILD", os.path.join(HERE, "..", "..", "build"))


def program(name):
    return os.path.join(BUILD, "bin", name)


def bench(port, *options):
    done = subprocess.run([program("reeve-bench"), "--broker", f"tcp://127.0.0.1:{port}", "--json", *options],
                          stdout=subprocess.PIPE, text=True, check=True)
    row = json.loads(done.stdout.splitlines()[-1])
    if row["lost"] or row["duplicated"] or row["wrong"] or row["failed"]:
        raise RuntimeError(f"void: {row}")
    return row


def worker(port):
    os.execv(program("reeve-worker"),
             ["reeve-worker", "--broker", f"tcp://127.0.0.1:{int(port) + 1}", "--slots", "1"])


def timed(count, t0, t1):
    secs = (t1 - t0) / 1e9
    return {"n": int(count), "secs": secs, "rate": int(count) / secs, "t0": t0, "t1": t1}


def rate(port, count, durability, depth):
    row = bench(port, "--jobs", count, "--depth", depth, "--durability", durability)
    return timed(count, row["first_ns"], row["last_ns"])


def lat(port, count, durability):
    row = bench(port, "--jobs", count, "--depth", "1", "--durability", durability)
    return {"p50": row["p50_us"], "p99": row["p99_us"]}


def fill(port, count, durability):
    """By hand: no command submits for a handler that nobody has ever offered."""
    sys.path.insert(0, os.path.join(HERE, "..", "scenario"))
    import msgpack
    import zmq
    from wire import decode, record
    count, accepted, t0 = int(count), 0, time.monotonic_ns()
    dealer = zmq.Context.instance().socket(zmq.DEALER)
    dealer.linger = 1000
    dealer.connect(f"tcp://127.0.0.1:{port}")
    dealer.send(record("hello", version_min=1, version_max=1, role=1, peer_id=os.urandom(16)))
    job = {"queue": "nobody.takes", "args": msgpack.packb(["1234567890abcdef"]), "flags": 1,
           "durability": {"received": 1, "durable": 2}[durability]}
    for first in range(1, count + 1, 1000):
        dealer.send(b"".join(record("submit", number=n, **job) for n in range(first, min(first + 1000, count + 1))))
        while accepted < min(first + 999, count) - 50000 or (first + 1000 > count and accepted < count):
            accepted += sum(r.count or 1 for r in decode(dealer.recv()) if r.name == "accepted")
    dealer.close()
    return timed(count, t0, time.monotonic_ns())


if __name__ == "__main__":
    answer = {"worker": worker, "rate": rate, "lat": lat, "fill": fill}[sys.argv[1]](*sys.argv[2:])
    print(json.dumps(answer))
