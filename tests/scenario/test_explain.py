#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What became of a job, and why it waits: explain, the attempts of job, the dead, and the doctor's look at it all. The
worker is the test itself, so that each attempt ends as it wants."""
import json
import os
import pty
import socket
import subprocess

import msgpack

import farm as farm_module
from farm import BUILD, DEADLINE_S, Worker
from wire import REASONS

REEVE = BUILD / "bin" / "reeve"


def check(done, code, out=None, err=None):
    """Exit code, the whole of standard output, and a text that stands in standard error."""
    assert done.returncode == code, f"{done.args[1:]}: {done.returncode}, not {code}: {done.stdout!r} {done.stderr!r}"
    assert out is None or done.stdout == out, f"{done.args[1:]}: {done.stdout!r}"
    assert err is None or err in done.stderr, f"{done.args[1:]}: {done.stderr!r}"
    return done


def submit(farm, *words):
    return check(farm.reeve("submit", *words), 0).stdout.strip()


def codes(farm, job):
    """The reasons that hold a job up; each has a text for people."""
    rows = farm.json("explain", job)
    assert rows["id"] == job and all(reason["text"] for reason in rows["reasons"]), rows
    return [reason["code"] for reason in rows["reasons"]]


def end(worker, lease, reason, **fields):
    """How an attempt ended, as a worker tells it."""
    worker.result_number += 1
    worker.send("result", number=worker.result_number, id=lease.id, token=lease.token, reason=REASONS[reason],
                **{"value": b"", **fields})
    worker.receive("result_ack", number=worker.result_number)


def die(farm, worker, *words):
    """A job whose five attempts were lost to signal 11."""
    job = submit(farm, *words)
    for _ in range(5):
        end(worker, worker.receive("lease"), "REASON_SIGNAL", detail=11)
    check(farm.reeve("wait", job), 1)
    return job


# --- explain -------------------------------------------------------------------------------------------


def test_why_a_job_waits(farm):
    farm.broker()
    check(farm.reeve("explain", "0000000000zzz"), 3, "", "no such job")
    check(farm.reeve("explain"), 2, "", "missing")
    orphan = submit(farm, "--wait-for-handler", "test.orphan", 1)
    assert codes(farm, orphan) == ["no-worker"]
    check(farm.reeve("explain", orphan), 0, "no-worker: no worker offers test.orphan, none ever has\n")
    worker = Worker(farm, "test.echo")
    running = submit(farm, "test.echo", 1)
    lease = worker.receive("lease")
    assert codes(farm, running) == ["lent"]
    worker.send("started", id=lease.id, token=lease.token)
    farm.until(lambda: codes(farm, running) == ["running"], "the broker hears that it runs")
    assert "attempt 1" in farm.json("explain", running)["reasons"][0]["text"]
    first, second = submit(farm, "test.echo", 2), submit(farm, "test.echo", 3)
    assert codes(farm, first) == ["slots-busy"], farm.json("explain", first)
    assert codes(farm, second) == ["slots-busy", "behind"]
    check(farm.reeve("hold", "test.echo"), 0)
    assert codes(farm, first)[0] == "held"
    delayed = submit(farm, "--delay", 3600, "test.echo", 4)
    assert codes(farm, delayed) == ["delayed"]
    check(farm.reeve("cancel", running), 0)
    worker.receive("stop", id=lease.id)
    assert codes(farm, running) == ["running", "stopping"]
    end(worker, lease, "REASON_CANCELLED")
    check(farm.reeve("wait", running), 1)
    assert codes(farm, running) == ["ended"]


def test_several_at_once(farm):
    farm.broker()
    first = submit(farm, "--wait-for-handler", "test.echo", 1)
    second = submit(farm, "--wait-for-handler", "test.echo", 2)
    lines = check(farm.reeve("explain", first, second), 0).stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"{first} no-worker", f"{second} no-worker", f"{second} behind"], lines
    rows = [json.loads(line) for line in check(farm.reeve("explain", "--json", first, second), 0).stdout.splitlines()]
    assert [row["id"] for row in rows] == [first, second], rows
    done = check(farm.reeve("explain", "0000000000zzz", second), 3, None, "0000000000zzz: no such job")
    assert done.stdout.startswith(f"{second} no-worker"), "the others are told all the same"
    check(farm.reeve("explain", first, "nonsense"), 2, "", "is no job id")


# --- attempts ------------------------------------------------------------------------------------------


def test_every_attempt_is_told(farm):
    farm.broker()
    worker = Worker(farm, "test.echo")
    job = submit(farm, "--retries", 3, "test.echo", 1)
    end(worker, worker.receive("lease"), "REASON_ERROR", value=msgpack.packb("no\x1b good"), run_us=2500, peak_kib=2048)
    end(worker, worker.receive("lease"), "REASON_SIGNAL", detail=11, run_us=7, last_lines="one\n\n\ttwo\n")
    lease = worker.receive("lease")
    shown = farm.json("job", job)["jobs"][0]
    assert shown["state"] == "running" and shown["attempts"] == 3 and len(shown["history"]) == 2, shown
    assert "ended" not in check(farm.reeve("job", job), 0).stdout
    end(worker, lease, "REASON_NONE", value=msgpack.packb("well"), run_us=1500000, peak_kib=4096)
    check(farm.reeve("wait", job), 0)
    shown = farm.json("job", job)["jobs"][0]
    assert shown["attempts"] == 3 and shown["state"] == "ok" and shown["peak_kib"] == 4096, shown
    name = farm.workers()[0]["id"]
    keys = ("attempt", "worker", "reason", "run_us", "peak_kib", "error", "last_lines")
    assert [tuple(row[key] for key in keys) for row in shown["history"]] == [
        (1, name, "error", 2500, 2048, "no\x1b good", None),
        (2, name, "signal 11", 7, 0, None, "one\n\n\ttwo\n"),
        (3, name, None, 1500000, 4096, None, None)], shown
    ended = [row["ended"] for row in shown["history"]]
    assert ended == sorted(ended) and all(len(text) == 24 and text.endswith("Z") for text in ended), ended
    text = check(farm.reeve("job", job), 0, err="").stdout
    tail = text[text.index("attempt 1:"):].splitlines()
    assert [line.split(", ran")[0] for line in tail] == [
        f"attempt 1: error on {name}", "    no? good", f"attempt 2: signal 11 on {name}", "    | one", "    | \ttwo",
        f"attempt 3: ok on {name}", tail[-1]] and tail[-1].startswith("ended ok, "), text
    assert tail[0].startswith(f"attempt 1: error on {name}, ran 2.5 ms, peak memory 2 MiB, "), text
    assert "\033" not in text
    listed = farm.json("jobs")["jobs"][0]
    assert "history" not in listed and listed["peak_kib"] == 4096, listed


def test_attempts_of_jobs_that_were_stopped(farm):
    farm.broker()
    worker = Worker(farm, "test.echo")
    running = submit(farm, "test.echo", 1)
    lease = worker.receive("lease")
    worker.send("started", id=lease.id, token=lease.token)
    waiting = submit(farm, "test.echo", 2)
    check(farm.reeve("cancel", waiting, running), 0)
    worker.receive("stop", id=lease.id)
    end(worker, lease, "REASON_CANCELLED", run_us=5)
    check(farm.reeve("wait", waiting, running), 1)
    shown = farm.json("job", waiting, running)["jobs"]
    assert [job["history"] for job in shown][0] == [] and shown[0]["state"] == "cancelled", shown
    assert [row["reason"] for row in shown[1]["history"]] == ["cancelled"], shown
    text = check(farm.reeve("job", waiting, running), 0).stdout
    assert text.count("ended cancelled, ") == 2 and text.count("attempt 1: cancelled on ") == 1, text


# --- the dead ------------------------------------------------------------------------------------------


def test_the_dead(farm):
    farm.broker()
    worker = Worker(farm, "test.echo")
    check(farm.reeve("dead", "list", "--quiet"), 0, "")
    check(farm.reeve("dead", "drop", "--all"), 0, "")
    old, young = die(farm, worker, "test.echo", 1), die(farm, worker, "test.echo", 2)
    well = submit(farm, "test.echo", 3)
    worker.answer(worker.receive("lease"))
    check(farm.reeve("dead", "list", "--quiet"), 0, f"{young}\n{old}\n")
    check(farm.reeve("dead", "list", "--quiet", "--limit", 1), 0, f"{young}\n")
    listed = farm.json("dead", "list")["jobs"]
    assert [(job["id"], job["reason"], job["attempts"]) for job in listed] == [(young, "signal 11", 5), (old, "signal 11", 5)]
    assert [job["id"] for job in farm.json("jobs", "--state", "dead")["jobs"]] == [young, old]
    row = check(farm.reeve("dead", "list"), 0, err="").stdout.splitlines()[1]
    assert row.startswith(young) and "signal 11" in row, row
    # What is not dead is not touched, and told.
    check(farm.reeve("dead", "retry", well), 1, "", "not dead, it is ok")
    check(farm.reeve("dead", "drop", well), 1, "", "not dead, it is ok")
    check(farm.reeve("dead", "drop", "0000000000zzz"), 3, "", "no such job")
    assert farm.json("job", well)["jobs"][0]["state"] == "ok"
    # Looking on changes nothing.
    check(farm.reeve("dead", "retry", "--all", "--dry-run"), 0, f"{young} would be retried\n{old} would be retried\n")
    check(farm.reeve("dead", "drop", "--dry-run", old), 0, f"{old} would be dropped\n")
    check(farm.reeve("dead", "drop", "--dry-run", "--quiet", old), 0, f"{old}\n")
    check(farm.reeve("dead", "retry", "--dry-run", "--quiet", old), 0, f"{old}\n")
    assert json.loads(farm.reeve("dead", "drop", "--dry-run", "--json", old).stdout) == {"id": old, "dropped": False}
    assert len(farm.json("dead", "list")["jobs"]) == 2
    # Again, as a new job; the old one stays until it is dropped.
    again = check(farm.reeve("dead", "retry", old), 0).stdout.strip()
    worker.answer(worker.receive("lease"))
    check(farm.reeve("wait", again), 0)
    assert farm.json("job", again)["jobs"][0]["retry_of"] == old
    done = json.loads(check(farm.reeve("dead", "retry", "--drop", "--json", young), 0).stdout)
    assert done["retry_of"] == young and farm.json("job", done["id"])["jobs"][0]["retry_of"] == young, done
    worker.answer(worker.receive("lease"))
    check(farm.reeve("dead", "list", "--quiet"), 0, f"{old}\n")
    check(farm.reeve("job", young), 3, "", "no such job")
    check(farm.reeve("dead", "drop", old), 0, f"{old} dropped\n")
    check(farm.reeve("dead", "drop", old), 3, "", "no such job")
    check(farm.reeve("dead", "list", "--quiet"), 0, "")


def test_mistakes_with_the_dead(farm):
    for words, err in ((["dead"], "missing"), (["dead", "bury"], "none of list, retry, drop"),
                       (["dead", "list", "x"], "is too much"), (["dead", "drop"], "either ids or --all"),
                       (["dead", "retry", "--all", "0000000000zzz"], "either ids or --all"),
                       (["dead", "drop", "nonsense"], "is no job id")):
        check(farm.reeve(*words), 2, "", err)


def test_a_person_is_asked(farm):
    farm.broker()
    worker = Worker(farm, "test.echo")
    first, second = die(farm, worker, "test.echo", 1), die(farm, worker, "test.echo", 2)

    def drop(*words, answer=None):
        """On a terminal, which gives the answer."""
        try:
            ours, theirs = pty.openpty()
        except OSError as error:
            raise farm_module.NotHere(error) from None
        if answer:
            os.write(ours, answer)
        done = subprocess.run([REEVE, "dead", "drop", *words], env=farm.env, stdin=theirs, capture_output=True, text=True,
                              timeout=DEADLINE_S, check=False)
        os.close(theirs)
        os.close(ours)
        return done

    check(drop("--all", answer=b"n\n"), 1, "", "Drop 2 dead jobs with what is known of them? [y/N] ")
    check(drop(first, answer=b"\n"), 1, "", "Nothing is dropped.")
    assert len(farm.json("dead", "list")["jobs"]) == 2
    check(drop(first, answer=b"yes\n"), 0, f"{first} dropped\n", "Drop 1 dead job with what is known of it?")
    check(drop("--all", "--yes"), 0, f"{second} dropped\n", "")
    assert farm.json("dead", "list")["jobs"] == []


# --- the doctor ----------------------------------------------------------------------------------------


def examine(farm, code, *words):
    """{name: (state, text)}, the same for people and for programs; the times in the texts differ."""
    done = check(farm.reeve("doctor", *words), code, err="")
    for line in done.stdout.splitlines():
        assert line.split()[0] in ("ok", "warn", "fail") and ": " in line and "\033" not in line, line
    shown = json.loads(check(farm.reeve("doctor", "--json", *words), code).stdout)
    assert shown["ok"] == (code == 0), shown
    assert [f"{row['state']} {row['name']}" for row in shown["checks"]] == [line.split(":")[0] for line in
                                                                          done.stdout.splitlines()], done.stdout
    return {row["name"]: (row["state"], row["text"]) for row in shown["checks"]}


def files_of(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_farm_in_good_health(farm):
    farm.broker()
    state = farm.folder / "state" / "reeve"
    # A broker that has written something: its files grow by themselves, but it makes no others.
    submit(farm, "--wait-for-handler", "test.echo", 1)
    before = files_of(state)
    found = examine(farm, 0)
    assert files_of(state) == before, "the doctor leaves nothing behind"
    for name in ("release", "broker", "store", "ports", "files", "processes", "memory", "state", "store-folder", "disk",
                 "clock", "libraries", "kernel"):
        assert name in found, found
    for name in ("release", "broker", "ports", "state", "store-folder", "libraries", "kernel"):
        assert found[name][0] == "ok", found[name]
    pid = farm.processes[0].pid
    assert found["broker"][1].startswith(f"pid {pid} at {farm.address}, up for ") and "serving" in found["broker"][1], found
    assert found["ports"][1] == ", ".join(f"{farm.port + i} held by the broker" for i in range(3)), found
    assert "mode 0700" in found["state"][1] and "mode 0700" in found["store-folder"][1], found
    assert "a sync of 4 KiB takes " in found["disk"][1] and str(state / "store") in found["disk"][1], found
    assert found["release"][1].count(farm.json("version")["version"]) == 2, found


def test_the_doctor_needs_no_broker(farm):
    found = examine(farm, 0, "--wait", 0.3)
    assert found["broker"] == ("warn", f"none answers at {farm.address}") and "store" not in found, found
    assert found["ports"] == ("ok", ", ".join(f"{farm.port + i} free" for i in range(3))), found
    assert "not there yet" in found["state"][1] and files_of(farm.folder) == sorted(
        path.name for path in farm.folder.glob("*.stderr")), files_of(farm.folder)
    assert "disk" not in examine(farm, 0, "--wait", 0.3, "--store", "memory")
    farm.broker("--store", "memory")
    assert examine(farm, 0)["store"][0] == "warn"


def test_what_the_doctor_finds(farm):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", farm.port + 1))
        taken.listen()
        state, text = examine(farm, 7, "--wait", 0.3)["ports"]
        assert state == "fail" and f"{farm.port + 1} held by " in text and f"(pid {os.getpid()})" in text, text
    store = farm.folder / "open"
    store.mkdir()
    store.chmod(0o755)
    state, text = examine(farm, 0, "--wait", 0.3, "--store", store)["store-folder"]
    assert state == "warn" and "mode 0755" in text, text
    store.chmod(0o777)
    assert examine(farm, 7, "--wait", 0.3, "--store", store)["store-folder"][0] == "fail"
    assert files_of(store) == [], "nor in a folder of the user's"
    store.rmdir()
    store.touch()
    found = examine(farm, 7, "--wait", 0.3, "--store", store)
    assert found["store-folder"] == ("fail", f"{store} is no folder") and found["disk"][0] == "fail", found
    assert examine(farm, 7, "--wait", 0.3, "--broker", "udp://x")["broker"][0] == "fail"


if __name__ == "__main__":
    farm_module.main(globals())
