#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Counting: what is accepted ends, once; without faults it runs once; the broker may die meanwhile, or have much to load."""
import time

import chaos


def test_without_faults_each_job_runs_once(run):
    """executions == jobs: counted by the handlers, by the clients and by the broker."""
    count = 1000000 if run.full else 50000
    run.start_broker()
    run.start_worker()
    run.start_worker()
    run.wait_workers()
    start = time.monotonic()
    run.start_load(count - 1000, window=2000)
    run.start_hand(1000)
    run.drain()
    run.say(f"{count} jobs in {time.monotonic() - start:.1f} s")
    run.verdict(exact=True)
    status = run.status()
    assert (status.submitted, status.executions, status.lease_losses) == (count, count, 0), status


def test_five_kills_of_the_broker(run):
    """kill -9 at random moments of the load, some of them while the broker before it is still starting."""
    count = 100000 if run.full else 10000
    run.start_broker()
    run.start_worker()
    run.start_worker()
    run.wait_workers()
    load = run.start_load(count, window=500, ms=1)
    hand = run.start_hand(count // 20)
    for moment in sorted(run.random.randrange(count // 50, count * 9 // 10) for _ in range(5)):
        load.wait(moment)
        run.pause(run.random.uniform(0, 0.2))
        in_recovery = run.random.random() < 0.4
        run.say(f"kill the broker after {moment} jobs" + (", and the next one while it starts" if in_recovery else ""))
        run.kill_broker()
        if in_recovery:
            run.start_broker(wait=False)
            run.pause(run.random.uniform(0.001, 0.3))
            run.end_broker()
        start = time.monotonic()
        run.start_broker()
        run.say(f"serves again after {time.monotonic() - start:.3f} s")
    run.drain()
    history = run.verdict()
    if run.durable:
        told = {told.durability for serial, list_of in history.accepted.items() if serial >= hand.first for told in list_of}
        assert told == {"2"}, f"accepted as of class {told}"


def test_restart_with_many_open_jobs(run):
    """They wait for a worker; the broker dies; the next one knows them all. How long until it serves is printed."""
    if not run.durable:
        raise chaos.farm_module.NotHere("the store is memory")
    count = 1000000 if run.full else 20000
    run.start_broker()
    load = run.start_load(count, window=count)
    load.process.wait_line(f"accepted {count}")
    run.kill_broker()
    start = time.monotonic()
    run.start_broker()
    took = time.monotonic() - start
    status = run.until(run.status, "the broker answers")
    run.say(f"serves after {took:.3f} s with {status.live} open jobs; store {status.store_bytes >> 20} MiB, "
            f"broker {status.memory_bytes >> 20} MiB")
    assert status.live == count, status
    run.start_worker()
    run.start_worker()
    run.drain()
    run.say(f"all ended after {time.monotonic() - start:.1f} s")
    run.verdict(exact=True)


if __name__ == "__main__":
    chaos.main(globals())
