#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""reeve bench: what it counts and what it says."""
import contextlib
import json
import os
import signal

import farm as farm_module

KEYS = {"rate", "p50_us", "p99_us", "lost", "duplicated"}


def bench(farm, *words):
    done = farm.reeve("bench", "--json", *words)
    assert done.stdout, (done.returncode, done.stderr)
    return done.returncode, json.loads(done.stdout)


def test_counts(farm):
    farm.up()
    for words, jobs in ((["--jobs", 5000], 5000), (["--jobs", 300, "--depth", 1], 300),
                        (["--jobs", 1001, "--clients", 3, "--depth", 7, "bench.echo"], 1001),
                        (["--jobs", 200, "--payload", 100000, "bench.echo"], 200),
                        (["--jobs", 50, "--payload", 0, "bench.echo"], 50)):
        status, said = bench(farm, *words)
        assert status == 0 and KEYS <= said.keys(), said
        assert said["jobs"] == jobs and said["executions_compared"], said
        assert [said[k] for k in ("lost", "duplicated", "wrong", "failed")] == [0, 0, 0, 0], said
        assert said["rate"] > 0 and 0 < said["p50_us"] <= said["p99_us"] <= said["max_us"], said


def test_for_a_time(farm):
    farm.up()
    status, said = bench(farm, "--seconds", "0.5", "--depth", 10)
    assert status == 0 and said["jobs"] > 0 and said["seconds"] >= 0.5 and said["lost"] == 0, said


def test_for_people(farm):
    farm.up()
    done = farm.reeve("bench", "--jobs", 100)
    assert done.returncode == 0
    assert "jobs/s" in done.stdout and "p99.9" in done.stdout and "lost 0, duplicated 0" in done.stdout, done.stdout


def test_jobs_that_fail_are_counted(farm):
    farm.up()
    status, said = bench(farm, "--jobs", 20, "bench.fail")
    assert status == 1 and said["failed"] == 20 and said["lost"] == 0, said
    status, said = bench(farm, "--jobs", 20, "no.such")
    assert status == 1 and said["failed"] == 20, said


def test_handlers_die_meanwhile(farm):
    """Each death costs a lease; no job is lost, and the broker's count of executions tells of no other."""
    farm.up("--workers", 2, "--slots", 2)
    process = farm.start("reeve-bench", "--json", "--jobs", 30000, "bench.echo")
    for done in (5000, 12000, 20000):
        farm.until(lambda: farm.json("status")["totals"]["executions"] >= done or process.child.poll() is not None,
                   f"{done} jobs are done")
        for worker in farm.workers():
            for slot in worker["slots"]:
                with contextlib.suppress(ProcessLookupError):
                    if slot["pid"]:
                        os.kill(slot["pid"], signal.SIGKILL)
    assert process.wait() == 0, process.stderr()
    said = json.loads(process.lines[-1])
    assert [said[k] for k in ("lost", "duplicated", "wrong", "failed")] == [0, 0, 0, 0], said
    assert said["executions_compared"], said


def test_mistakes(farm):
    assert farm.reeve("bench", "--wait", "0.3", "--jobs", 5).returncode == 4
    for words in (["--jobs", "0"], ["--depth", "x"], ["--no-such"], ["bench.noop", "bench.echo"]):
        done = farm.reeve("bench", *words)
        assert done.returncode == 2 and done.stderr, words


if __name__ == "__main__":
    farm_module.main(globals())
