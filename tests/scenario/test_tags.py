#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Workers with tags and jobs that want them, from the command line to the worker that runs them, and over a restart."""
import farm as farm_module
from gateway import Gateway

METHOD = "calculator.calculate"


def submit(farm, *words):
    """The job's id."""
    done = farm.reeve("submit", *words, METHOD, 2, "+", 2)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def ran_on(farm, job):
    assert farm.reeve("wait", job).returncode == 0
    return farm.json("job", job)["jobs"][0]["worker"]


def explained(farm, job):
    done = farm.reeve("explain", job)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_job_goes_to_a_worker_that_has_its_tags(farm):
    farm.broker("--store", "memory")
    plain = farm.worker("--name", "plain")
    both = farm.worker("--name", "both", "--tag", "zone=eu", "--tag", "gpu=1")
    assert {worker["id"]: worker["tags"] for worker in farm.workers()} == {"plain": None, "both": "gpu=1,zone=eu"}
    rows = farm.reeve("workers").stdout.splitlines()
    column = rows[0].index("TAGS")
    assert {row.split()[0]: row[column:].strip() for row in rows[1:] if row[0] != " "} == {"plain": "", "both": "gpu=1,zone=eu"}, rows
    for tags in (["--tag", "gpu=1"], ["--tag", "gpu=1", "--tag", "zone=eu"], ["--tag", "zone=eu"]):
        assert [ran_on(farm, submit(farm, *tags)) for _ in range(3)] == ["both"] * 3, tags
    gateway = Gateway(farm)
    for tags in ("gpu=1", "zone=eu,gpu=1"):
        asked = {"method": METHOD, "args": [2, "+", 5], "tags": tags}
        ids = [gateway.post("/v1/jobs?wait=60", asked).json["id"] for _ in range(3)]
        assert [gateway.get(f"/v1/jobs/{id}").json["worker"] for id in ids] == ["both"] * 3, tags
    called = farm.reeve("call", "--tag", "zone=eu", METHOD, 2, "+", 3)
    assert (called.returncode, called.stdout) == (0, "5\n"), called
    mapped = farm.reeve("map", "--tag", "gpu=1", METHOD, text="1 + 1\n2 + 2\n")
    assert (mapped.returncode, mapped.stdout) == (0, "2\n4\n"), mapped
    assert both.stop() == 0
    waits = submit(farm, "--tag", "gpu=1")
    assert "no worker that offers calculator.calculate has gpu=1" in explained(farm, waits)
    assert ran_on(farm, submit(farm)) == "plain"
    queues = farm.json("queues")["queues"]
    assert queues[METHOD]["ready"] == 1 and not [name for name in queues if name.startswith(METHOD) and name != METHOD], queues
    farm.worker("--name", "late", "--tag", "gpu=1", "--tag", "disk=")
    assert ran_on(farm, waits) == "late"
    assert plain.stop() == 0


def test_what_it_wants_outlives_the_broker(farm):
    broker = farm.broker("--store", farm.folder / "store")
    farm.worker("--name", "plain")
    waits = submit(farm, "--tag", "gpu=1")
    broker.kill()
    broker.wait()
    farm.broker("--store", farm.folder / "store")
    farm.until(lambda: [w for w in farm.workers() if w["state"] == "up"], "the worker has come back")
    assert ran_on(farm, submit(farm)) == "plain"
    assert "has gpu=1" in explained(farm, waits)
    farm.worker("--name", "gpu", "--tag", "gpu=1")
    assert ran_on(farm, waits) == "gpu"


def test_what_is_no_tag_is_told(farm):
    farm.broker("--store", "memory")
    for tag in ("gpu", "=1", "gpu=1,zone=eu", "gpu=a b", "x" * 33 + "=1"):
        done = farm.reeve("submit", "--tag", tag, METHOD, 1)
        assert done.returncode == 2 and "--tag" in done.stderr, (tag, done)
    twice = farm.reeve("submit", "--tag", "a=1", "--tag", "a=2", METHOD, 1)
    assert twice.returncode == 2 and "once" in twice.stderr, twice
    worker = farm.start("reeve-worker", "--broker", f"tcp://127.0.0.1:{farm.port + 1}", "--tag", "gpu")
    assert worker.wait() == 2 and "--tag gpu" in worker.stderr(), worker.stderr()


if __name__ == "__main__":
    farm_module.main(globals())
