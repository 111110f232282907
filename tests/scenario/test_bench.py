#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""reeve bench: what it counts and what it says."""
import contextlib
import json
import os
import signal
import subprocess
import xml.etree.ElementTree

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


def test_open_loop_hands_in_at_the_rate(farm):
    """So many jobs as the plan has, whatever the machine does meanwhile."""
    farm.up()
    status, said = bench(farm, "--rate", 400, "--seconds", 0.5)
    assert status == 0 and said["jobs"] == 200 and (said["offered"], said["arrivals"]) == (400, "constant"), said
    status, said = bench(farm, "--rate", 400, "--seconds", 0.5, "--clients", 3, "--arrivals", "poisson", "--seed", 5)
    again = bench(farm, "--rate", 400, "--seconds", 0.5, "--clients", 3, "--arrivals", "poisson", "--seed", 5)[1]
    assert status == 0 and 120 < said["jobs"] < 280 and said["jobs"] == again["jobs"], (said, again)


def test_open_loop_measures_from_the_plan(farm):
    """One slot, jobs of 10 ms, ten times as many as it can do, one on its way: each waits for all before it."""
    farm.up("--slots", 1)
    words = ["--jobs", 50, "--depth", 1, "--mix", "bench.sleep 10=1"]
    status, said = bench(farm, *words, "--rate", 1000)
    assert status == 0 and not said["kept_up"] and said["jobs"] == 50, said
    assert said["max_us"] >= 50 * 10e3 - 50e3 and said["p50_us"] >= 200e3 and said["behind_us"] >= 400e3, said
    assert "did not keep up" in farm.reeve("bench", *words, "--rate", 1000).stdout
    status, said = bench(farm, *words)
    assert status == 0 and said["kept_up"] and said["behind_us"] == 0, said


def test_mix(farm):
    farm.up()
    status, said = bench(farm, "--jobs", 2000, "--mix",
                         "bench.echo=90,fibonacci_generator.calculate 30=9,calculator.calculate 2 + 2=1")
    jobs = {part["method"]: part["jobs"] for part in said["methods"]}
    assert status == 0 and sum(jobs.values()) == said["jobs"] == 2000, said
    assert 1700 < jobs["bench.echo"] < 1900 and 120 < jobs["fibonacci_generator.calculate"] < 240, said
    assert 0 < jobs["calculator.calculate"] < 60, said
    status, said = bench(farm, "--jobs", 50, "--mix", "bench.noop=1,bench.fail=1")
    assert status == 1 and 0 < said["failed"] < 50, said


def test_company(farm):
    """Sessions iterate and watchers watch while jobs run; afterwards nothing of them is left."""
    farm.up()

    def beside():
        status, said = bench(farm, "--seconds", 0.5, "--depth", 5, "--sessions", 3, "--pause", 0.001, "--subscribers", 5)
        assert status == 0 and (said["sessions"], said["subscribers"]) == (3, 5), said
        faults = [said[k] for k in ("sessions_failed", "updates_lost", "updates_duplicated", "updates_out_of_order")]
        assert faults == [0, 0, 0, 0], said
        assert farm.json("status")["totals"]["live"] == 0
        return said["iterations"] > 0 and said["updates"] > 0

    farm.until(beside, "sessions iterate")
    assert bench(farm, "--jobs", 20, "--subscribers", 2, "--topic", "job/")[1]["lost"] == 0
    done = farm.reeve("bench", "--jobs", 20, "--subscribers", 1, "--topic", "queue/no.such")
    assert done.returncode == 1 and "queue/no.such" in done.stderr, done


def test_a_farm_of_its_own(farm):
    """It comes and goes with the run; its folder too."""
    farm.env["TMPDIR"] = str(farm.folder)
    for words, class_of in ((["--workers", 2, "--slots", 2], "received"), (["--store", farm.folder / "kept"], "durable")):
        status, said = bench(farm, "--jobs", 300, *words)
        assert status == 0 and said["durability"] == class_of and said["executions_compared"], said
        assert (said["workers"], said["slots"]) == ((2, 2) if "--workers" in words else (1, 1)), said
    assert not list(farm.folder.glob("reeve-bench-*")) and (farm.folder / "kept").is_dir()
    assert farm.reeve("bench", "--workers", 1, "--broker", farm.address).returncode == 2
    (farm.folder / "file").touch()
    done = farm.reeve("bench", "--store", farm.folder / "file")
    assert done.returncode == 4 and "did not come up" in done.stderr, done
    assert not list(farm.folder.glob("reeve-bench-*"))


def test_knee(farm):
    """One slot and jobs of 10 ms: it cannot be above 100 a second."""
    farm.up("--slots", 1)
    words = ["--knee", "--rate", 20, "--seconds", 0.4, "--p99", 30, "--mix", "bench.sleep 10=1"]
    status, said = bench(farm, *words)
    knee = said["knee"]
    assert status == 0 and 0 < knee["rate"] <= 106 and said["kept_up"], said
    assert {step["held"] for step in knee["steps"]} == {True, False}, knee
    shares = [(step["rate"] / step["offered"], step["held"]) for step in knee["steps"]]
    assert all(held == (share >= 0.95) for share, held in shares if abs(share - 0.95) > 0.01), knee
    picture = farm.folder / "knee.svg"
    done = farm.reeve("bench", *words, "--svg", picture)
    assert "too much" in done.stdout and "knee  " in done.stdout and "p99 by rate offered" in picture.read_text(), done


def test_files_and_comparison(farm):
    farm.up()
    a, b, picture = (farm.folder / name for name in ("a.json", "b.json", "a.svg"))
    assert farm.reeve("bench", "--jobs", 500, "--out", a, "--svg", picture).returncode == 0
    assert farm.reeve("bench", "--jobs", 500, "--depth", 1, "--out", b).returncode == 0
    kept = json.loads(a.read_text())
    assert sum(count for _, count in kept["histogram_ns"]) == 500 and KEYS <= kept.keys(), kept
    assert sum(1 for _ in xml.etree.ElementTree.parse(picture).iter("{http://www.w3.org/2000/svg}path")) > 10
    done = farm.reeve("bench", "--compare", a, b)
    assert done.returncode == 0 and "rate, jobs/s" in done.stdout and "1000  |  1   (not alike)" in done.stdout, done
    b.write_text("{}")
    done = farm.reeve("bench", "--compare", a, b)
    assert done.returncode == 1 and "second" in done.stderr, done
    assert farm.reeve("bench", "--compare", a, farm.folder / "none").returncode == 1
    assert farm.reeve("bench", "--jobs", 5, "--out", farm.folder / "no" / "such").returncode == 1


def test_live_on_a_terminal_only(farm):
    farm.up()
    command = [farm_module.BUILD / "bin" / "reeve", "bench", "--seconds", "2", "--depth", "5"]
    ours, theirs = os.openpty()
    process = subprocess.Popen(command, env=farm.env, stdout=subprocess.PIPE, stderr=theirs, text=True)
    os.close(theirs)
    said = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while piece := os.read(ours, 4096):
            said += piece
    os.close(ours)
    assert process.communicate()[0].startswith("bench.noop: ") and process.returncode == 0
    assert b"/s  p99 " in said and said.endswith(b"\r\x1b[K"), said
    done = farm.reeve(*command[1:])
    assert done.returncode == 0 and done.stderr == "", done


def test_mistakes(farm):
    assert farm.reeve("bench", "--wait", "0.3", "--jobs", 5).returncode == 4
    for words in (["--jobs", "0"], ["--depth", "x"], ["--no-such"], ["bench.noop", "bench.echo"], ["noop"],
                  ["--mix", "bench.noop"], ["--mix", "bench.noop=1", "bench.echo"], ["--rate", "0"], ["--arrivals", "x"],
                  ["--compare", "a"], ["--knee", "--jobs", "5"]):
        done = farm.reeve("bench", *words)
        assert done.returncode == 2 and done.stderr, words


if __name__ == "__main__":
    farm_module.main(globals())
