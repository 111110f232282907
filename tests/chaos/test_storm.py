#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Everything at once: faults of all kinds at random on a farm under load; afterwards all that was accepted has ended."""
import shutil

import chaos
import nemesis


def start_farm(run):
    """Two workers of which one is behind a link that can be hurt; three clients, one of them by hand; a watcher."""
    run.start_broker()
    behind = run.proxy("workers", run.port + 1)
    front = run.proxy("clients", run.port)
    run.start_worker()
    run.start_worker(port=behind)
    run.wait_workers()
    run.start_load(10 ** 6, window=200, ms=3)
    run.start_load(10 ** 6, window=50, ms=1, port=front)
    run.start_hand(10 ** 6, window=20, ms=2, port=front)
    run.watch("queue/chaos.work")


def finish(run):
    for load in run.loads:
        load.stop()
    run.drain()
    return run.verdict()


def test_storm(run):
    start_farm(run)
    nemesis.storm(run, 600 if run.full else 25)
    finish(run)


def test_workers_die_while_the_broker_is_away(run):
    """What they had done and could not say is done again, and no more than that; nobody counts it."""
    start_farm(run)
    for _ in range(5 if run.full else 2):
        run.pause(run.random.uniform(0.5, 1.5))
        run.kill_broker()
        for _ in nemesis.kill_worker(run, run.random):
            run.start_broker()
    finish(run)


def test_each_fault_alone(run):
    """One after another, each thrice, with the load going on."""
    if not run.full:
        raise chaos.farm_module.NotHere("this is for --full")
    start_farm(run)
    for name in nemesis.available(run):
        for _ in range(3):
            nemesis.storm(run, 0.01, [name])
    finish(run)


def test_a_store_that_is_lost_is_noticed(run):
    """The fault nothing can heal, to see that these tests see: the store goes with the broker."""
    if not run.durable:
        raise chaos.farm_module.NotHere("the store is memory")
    run.start_broker()
    run.start_worker()
    load = run.start_load(300, window=300, ms=5)
    hand = run.start_hand(300, ms=5)
    load.process.wait_line("accepted 300")
    hand.wait(3)
    run.kill_broker()
    shutil.rmtree(run.store)
    run.start_broker()
    run.drain()
    try:
        run.verdict()
    except AssertionError as found:
        assert "two-jobs" in str(found) and "forgot" in str(found), found
    else:
        raise AssertionError("nothing was noticed")


if __name__ == "__main__":
    chaos.main(globals())
