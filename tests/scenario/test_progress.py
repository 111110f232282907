#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The progress of a running job, from its handler to whoever watches: the updates of job/ID, the job as it is shown, and
that nothing of it is left when the attempt is over. The handler program is tests/handlers/misfit."""
import signal

import farm as farm_module
from gateway import Gateway
from raw import Stream

MISFIT = farm_module.BUILD / "tests" / "handlers" / "misfit"
TOLD = {"done": 3, "of": 3}


def submit(farm, method, *args):
    """The job's id."""
    done = farm.reeve("submit", method, *args)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def shown(farm, job):
    return farm.json("job", job)["jobs"][0]


def test_whoever_watches_sees_how_far_a_job_is(farm):
    farm.broker()
    farm.worker("--handler", MISFIT)
    gateway = Gateway(farm)
    stream = Stream(gateway, "topic=job/")
    held = farm.reeve("hold", "misfit.progress")
    assert held.returncode == 0, held.stderr
    job = submit(farm, "misfit.progress", 3)
    watch = farm.start("reeve", "watch", "job/" + job)
    watch.wait_line(lambda line: "is held" in line)
    assert farm.reeve("release", "misfit.progress").returncode == 0
    watch.wait_line(lambda line: line.endswith("progress 3 of 3 (100 %)"))
    event = stream.next(event="progress", progress=TOLD)
    assert (event["topic"], event["state"], event["attempts"]) == ("job/" + job, "running", 1), event
    # Who comes later finds it in the job itself.
    late = Stream(gateway, "topic=job/" + job).next()
    assert (late["event"], late["seq"], late["progress"]) == ("snapshot", event["seq"], TOLD), late
    assert shown(farm, job)["progress"] == TOLD
    assert gateway.get("/v1/jobs/" + job).json["progress"] == TOLD
    assert [j["progress"] for j in gateway.get("/v1/jobs").json["jobs"]] == [TOLD]
    assert "3 of 3 (100 %)" in farm.reeve("job", job).stdout
    # It is the attempt's, and gone with it.
    assert farm.reeve("cancel", job).returncode == 0
    over = stream.next(state="cancelled")
    assert "progress" not in over and over["seq"] == event["seq"] + 1, (event, over)
    assert shown(farm, job)["progress"] is None
    assert gateway.get("/v1/jobs/" + job).json["progress"] is None
    assert watch.wait() == 0


def test_a_lost_attempt_takes_its_progress_along(farm):
    farm.broker()
    worker = farm.worker("--handler", MISFIT)
    stream = Stream(Gateway(farm), "topic=job/")
    job = submit(farm, "misfit.progress", 3)
    first = stream.next(event="progress", progress=TOLD)
    worker.kill(signal.SIGKILL)
    waits = stream.next(state="backoff")
    assert first["topic"] == waits["topic"] == "job/" + job and "progress" not in waits, waits
    assert shown(farm, job)["progress"] is None
    farm.worker("--handler", MISFIT)
    assert stream.next(event="progress", progress=TOLD)["attempts"] == 2
    assert farm.reeve("cancel", job).returncode == 0


def test_a_broker_that_is_started_anew_is_told_again(farm):
    broker = farm.broker("--store", farm.folder / "store")
    farm.worker("--handler", MISFIT)
    job = submit(farm, "misfit.progress", 3)
    farm.until(lambda: shown(farm, job)["progress"] == TOLD, "its progress is shown")
    broker.kill()
    broker.wait()
    farm.broker("--store", farm.folder / "store")
    farm.until(lambda: shown(farm, job)["progress"] == TOLD, "its progress is shown again")
    assert farm.reeve("cancel", job).returncode == 0
    farm.until(lambda: shown(farm, job)["state"] == "cancelled", "it ends")


if __name__ == "__main__":
    farm_module.main(globals())
