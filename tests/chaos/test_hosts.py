#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A farm of four hosts under load: the broker's and three with a worker each. A host is cut off and comes back, one loses
its power, one is drained, the broker dies and starts again. Each answer comes once and in order, nothing is lost, no job
runs more often than leases were lost, and of the updates none is missing without a word."""
import json

import checker
import hosts
from history import History

WORKING = 1  # of a worker record


class Map:
    """`reeve map` over so many jobs of a millisecond, whose answers are known: some are always open, so that a broker that comes
    back knows their queue before its workers do."""

    def __init__(self, run, count):
        self.run, self.count = run, count
        lines = run.folder / "lines"
        lines.write_text("".join(f"{serial} 1\n" for serial in range(count)))
        self.process = run.start("reeve", "map", "chaos.work", stdin=lines)

    def wait(self, part):
        """Until this part of the answers is there."""
        wanted = int(self.count * part)
        with self.process.changed:
            while len(self.process.lines) < wanted:
                assert not self.process.closed, f"the map ended after {len(self.process.lines)}"
                assert self.process.changed.wait(hosts.farm_module.DEADLINE_S), f"no answer after {len(self.process.lines)}"

    def check(self):
        assert self.process.wait() == 0
        for serial, line in enumerate(self.process.lines):
            assert line == checker.value_of(serial), f"answer {serial} is {line}"
        assert len(self.process.lines) == self.count


def state_of(run, worker):
    known = run.worker_records().get(worker.label)
    return known and known[0].state


def check_runs(run, count):
    """Each job has begun, and no more executions too many than leases were lost."""
    history, report = History().read(run.runs), checker.Report()
    assert history.runs.keys() == set(range(count)), set(range(count)) ^ history.runs.keys()
    run.note_life()
    extra = checker.check_executions(history, report, run.losses())
    run.say(f"executions too many {extra}, leases lost {run.losses()}, lives of the broker {len(run.lives)}")
    assert report.valid, report


def test_hosts_come_and_go(run):
    count = 100_000 if run.full else 10_000
    a, b, c = (run.add_host(name) for name in "abc")
    for host in (a, b, c):
        run.start_worker_at(host)
    run.wait_workers()
    watcher = run.watch("queue/chaos.work")
    work = Map(run, count)

    work.wait(.1)
    run.allow(run.held_by(a.worker))
    a.pull()
    run.say("host a is cut off")
    run.until(lambda: state_of(run, a.worker) != WORKING, "host a is missed")
    work.wait(.3)
    a.plug()
    run.say("host a is back")
    run.wait_workers(a.worker)

    work.wait(.4)
    run.allow(run.held_by(b.worker))
    b.power_cut()
    run.say("host b has lost its power")
    work.wait(.6)

    run.restart_broker()
    run.say("the broker has died and started again")
    run.wait_workers(a.worker, c.worker)
    run.reeve_ok("drain", c.worker.label)
    assert c.worker.wait() == 0
    run.say("host c is drained")
    work.check()
    check_runs(run, count)
    report = checker.check_updates([json.loads(line) for line in watcher.lines])
    assert report.valid, report


if __name__ == "__main__":
    hosts.main(globals())
