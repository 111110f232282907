#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The command line against a broker and workers that the test plays itself: what it prints, how it exits, and what
it leaves behind when it is stopped in the middle."""
import json
import os
import pty
import signal
import subprocess
import threading
import time

import msgpack

import farm as farm_module
import wire
from farm import BUILD, DEADLINE_S, Worker
from wire import REASONS

REEVE = BUILD / "bin" / "reeve"


def check(done, code, out=None, err=None):
    """Exit code, the whole of standard output, and a text that stands in standard error."""
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    assert done.returncode == code, f"{done.args[1:]}: {done.returncode}, not {code}: {done.stdout!r} {done.stderr!r}"
    assert out is None or done.stdout == out, f"{done.args[1:]}: {done.stdout!r}"
    assert err is None or err in done.stderr, f"{done.args[1:]}: {done.stderr!r}"
    return done


class Echo(threading.Thread):
    """A worker that answers by itself, in a thread: the method decides from (args, nth) what; (reason, value)."""

    def __init__(self, farm, methods, slots=4):
        super().__init__(daemon=True)
        self.worker = Worker(farm, *methods, slots=slots)
        self.methods, self.names, self.nth, self.stopping = methods, list(methods), 0, False
        self.worker.socket.rcvtimeo = 100
        self.start()

    def run(self):
        w = self.worker
        while not self.stopping:
            if not w.socket.poll(50):
                w.send("beat")
                continue
            out = b""
            for record in wire.decode(w.socket.recv()):
                if record.name == "ping":
                    out += wire.record("pong")
                if record.name == "recall":
                    out += wire.record("returned", id=record.id, token=record.token)
                if record.name != "lease":
                    continue
                self.nth += 1
                w.result_number += 1
                reason, value = self.methods[self.names[record.offer]](msgpack.unpackb(record.args), self.nth)
                out += wire.record("started", id=record.id, token=record.token)
                out += wire.record("result", number=w.result_number, id=record.id, token=record.token, reason=reason,
                                   value=msgpack.packb(value))
            if out:
                w.send_bytes(out)

    def close(self):
        self.stopping = True
        self.join(DEADLINE_S)
        self.worker.close()


def echo(args, nth):
    return (0, args[0]) if args and args[0] != "bad" else (REASONS["REASON_ERROR"], "no good: bad")


def start(farm, *words, **files):
    """The command line, still running."""
    return subprocess.Popen([REEVE, *map(str, words)], env=farm.env, cwd=farm.folder, text=True,
                            **dict({"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}, **files))


# --- the command line itself -----------------------------------------------------------------------


def test_help_and_mistakes(farm):
    check(farm.reeve(), 2, "", "usage: reeve VERB")
    verbs = [line.split()[0] for line in farm.reeve("help").stdout.splitlines() if line.startswith("  ")]
    assert {"up", "call", "map", "watch", "completion"} <= set(verbs), verbs
    for verb in verbs:
        text = check(farm.reeve("help", verb), 0, err="").stdout
        assert "Example:\n  " in text and "Exit codes: 0 " in text and f"reeve {verb}" in text, text
    assert farm.reeve("map", "--help").stdout == farm.reeve("help", "map").stdout
    check(farm.reeve("mpa"), 2, "", 'did you mean "map"?')
    check(farm.reeve("help", "mpa"), 2, "", 'did you mean "map"?')
    check(farm.reeve("call", "--prioriy", 3, "a.b"), 2, "", "did you mean --priority?")
    check(farm.reeve("call", "--priority", 101, "a.b"), 2, "", "--priority wants a whole number from -100 to 100")
    check(farm.reeve("call", "no_dot"), 2, "", '"no_dot" is no HANDLER.METHOD')
    check(farm.reeve("call"), 2, "", "missing")
    check(farm.reeve("status", "now"), 2, "", '"now" is too much')
    check(farm.reeve("wait", "nonsense"), 2, "", "is no job id")
    check(farm.reeve("map"), 2, "", "HANDLER.METHOD is missing")
    check(farm.reeve("map", "--run", "echo 'open"), 2, "", "is a quote open?")
    check(farm.reeve("map", "--key", "k", "a.b"), 2, "", "--key would make all lines one job")
    check(farm.reeve("call", "--durability", "forever", "a.b"), 2, "", "received or durable")
    check(farm.reeve("jobs", "--state", "happy"), 2, "", 'no state "happy"')
    check(farm.reeve("status", "--broker", "udp://x"), 2, "", "is no address")
    assert json.loads(check(farm.reeve("version", "--json"), 0).stdout)["version"]


def test_completion(farm):
    for shell in ("bash", "zsh"):
        script = check(farm.reeve("completion", shell), 0).stdout
        subprocess.run(["bash", "-n"], input=script, text=True, check=True)
        assert "--keep-going" in script
    # What bash itself makes of it.
    text = check(farm.reeve("completion", "bash"), 0).stdout + (
        "COMP_WORDS=(reeve map --keep); COMP_CWORD=2; _reeve; echo \"${COMPREPLY[@]}\"\n"
        "COMP_WORDS=(reeve wor); COMP_CWORD=1; _reeve; echo \"${COMPREPLY[@]}\"\n"
        "COMP_WORDS=(reeve dead r); COMP_CWORD=2; _reeve; echo \"${COMPREPLY[@]}\"\n"
        "COMP_WORDS=(reeve dead --d); COMP_CWORD=2; _reeve; echo \"${COMPREPLY[@]}\"\n"
        "COMP_WORDS=(reeve do); COMP_CWORD=1; _reeve; echo \"${COMPREPLY[@]}\"\n")
    done = subprocess.run(["bash"], input=text, capture_output=True, text=True, check=True)
    assert done.stdout == "--keep-going\nworker workers\nretry\n--drop --dry-run\ndoctor\n", done.stdout
    assert "complete -c reeve" in check(farm.reeve("completion", "fish"), 0).stdout
    check(farm.reeve("completion", "tcsh"), 2, "", "bash, zsh or fish")


def test_no_broker(farm):
    started = time.monotonic()
    check(farm.reeve("call", "calculator.calculate", 1, "+", 1), 4, "", f"no broker answers at {farm.address}")
    assert 4 < time.monotonic() - started < 30
    for words in (["status"], ["map", "a.b"], ["submit", "a.b"], ["watch", "worker/"]):
        done = check(farm.reeve(words[0], "--wait", 0.2, *words[1:]), 4, "", farm.address)
        assert done.stderr.count("\n") == 1, done.stderr
    done = check(farm.reeve("status", "--wait", 0.2, "--json"), 4)
    assert json.loads(done.stdout)["error"]["exit"] == 4


# --- one job -----------------------------------------------------------------------------------------


def test_call(farm):
    farm.broker()
    worker = Echo(farm, {"test.echo": echo, "neural_analyzer.polarity": echo})
    for words, out in ((["2"], "2\n"), (["-1"], "-1\n"), (["text"], "text\n"), (["two words"], "two words\n"),
                       (['{"a":[1,2.5,true]}'], '{"a":[1,2.5,true]}\n'), (["--json"], "--json\n"),
                       (["a\nb"], "a\nb\n"), (["99999999999999999999"], "99999999999999999999\n"), ([""], "\n")):
        check(farm.reeve("call", "test.echo", *words), 0, out, "")
    check(farm.reeve("call", "neural_analyzer.polarity", "not", "3", "good"), 0, "not 3 good\n")
    check(farm.reeve("call", "test.echo", "bad"), 1, "", "failed: no good: bad\n")
    answer = json.loads(check(farm.reeve("call", "--json", "test.echo", 7), 0).stdout)
    assert answer["state"] == "ok" and answer["value"] == 7 and answer["error"] is None and len(answer["id"]) == 13, answer
    answer = json.loads(check(farm.reeve("call", "--json", "test.echo", "bad"), 1).stdout)
    assert answer["state"] == "failed" and answer["value"] is None and answer["error"] == "no good: bad", answer
    check(farm.reeve("call", "never.offered", 1), 3, "", "no worker has ever offered this handler")
    worker.close()


def test_durability(farm):
    broker = farm.broker("--store", "memory")
    worker = Echo(farm, {"test.echo": echo})
    check(farm.reeve("call", "--durability", "durable", "test.echo", 1), 7, "", "cannot give durability")
    assert farm.json("status")["broker"]["durability"] == "received"
    worker.close()
    assert broker.stop() == 0
    farm.broker()
    worker = Echo(farm, {"test.echo": echo})
    for word in ("received", "durable"):
        check(farm.reeve("call", "--durability", word, "test.echo", 1), 0, "1\n")
        job = farm.reeve("submit", "--durability", word, "test.echo", 1).stdout.strip()
        assert farm.json("job", job)["jobs"][0]["durability"] == word
    worker.close()


def test_wait_passes(farm):
    farm.broker()
    Worker(farm, "test.echo")  # takes jobs and does nothing
    check(farm.reeve("call", "--wait", 0.3, "test.echo", 1), 124, "", "goes on")
    job = farm.reeve("submit", "test.echo", 2).stdout.strip()
    check(farm.reeve("wait", "--wait", 0.3, job), 124, "", job)
    check(farm.reeve("watch", "--wait", 0.3, "job/" + job), 124, None, "the time to wait has passed")
    done = check(farm.reeve("map", "--wait", 0.3, "test.echo", text="1\n2\n"), 124, "", "the time to wait has passed")
    assert "2 of 2 jobs that were out are cancelled" in done.stderr, done.stderr


def test_a_job_by_its_id(farm):
    farm.broker()
    worker = Worker(farm, "test.echo")
    job = check(farm.reeve("submit", "--priority", 5, "test.echo", 1), 0).stdout.strip()
    lease = worker.receive("lease")
    check(farm.reeve("result", job), 1, "", "not ended yet, it is running")
    check(farm.reeve("retry", job), 1, "", "not ended yet")
    waiter = start(farm, "wait", job)
    worker.answer(lease, msgpack.packb([1, "x"]))
    assert waiter.communicate(timeout=DEADLINE_S) == ("", "") and waiter.returncode == 0
    check(farm.reeve("result", job), 0, '[1,"x"]\n')
    check(farm.reeve("cancel", job), 1, "", "ended already")
    shown = farm.json("job", job)["jobs"]
    assert len(shown) == 1 and shown[0].items() >= {"id": job, "queue": "test.echo", "state": "ok", "key": None,
                                                    "reason": None, "attempts": 1, "priority": 5}.items(), shown
    again = check(farm.reeve("retry", job), 0).stdout.strip()
    assert again != job and farm.json("job", again)["jobs"][0]["retry_of"] == job
    check(farm.reeve("cancel", again), 0, "")
    check(farm.reeve("wait", again), 1, "", "")
    check(farm.reeve("result", again), 1, "", "cancelled")
    listed = farm.json("jobs", "--queue", "test.echo")["jobs"]
    assert [j["id"] for j in listed] == [again, job], listed
    assert [j["id"] for j in farm.json("jobs", "--state", "ok")["jobs"]] == [job]
    assert job in check(farm.reeve("job", job), 0).stdout
    for verb in ("wait", "result", "cancel", "retry", "job"):
        check(farm.reeve(verb, "0000000000zzz"), 3, "", "no such job")
    check(farm.reeve("watch", "job/0000000000zzz"), 3, "", "no such job")


def test_same_key_same_job(farm):
    farm.broker()
    Worker(farm, "test.echo")
    first = check(farm.reeve("submit", "--key", "k", "test.echo", 1), 0).stdout
    check(farm.reeve("submit", "--key", "k", "test.echo", 1), 0, first)
    check(farm.reeve("submit", "--key", "k", "test.echo", 2), 1, "", "key")


def test_interrupted_call_cancels(farm):
    farm.broker()
    worker = Worker(farm, "test.echo")
    call = start(farm, "call", "test.echo", 1)
    lease = worker.receive("lease")
    call.send_signal(signal.SIGINT)
    stop = worker.receive("stop", id=lease.id)
    assert stop.reason == REASONS["REASON_CANCELLED"]
    out, err = call.communicate(timeout=DEADLINE_S)
    assert call.returncode == 130 and "is cancelled" in err, (call.returncode, err)


# --- submit --------------------------------------------------------------------------------------------


def test_many_lines_with_no_worker(farm):
    farm.broker()
    count = 100000
    lines = "".join(f"{n}\n" for n in range(count))
    check(farm.reeve("submit", "--lines", "no.handler", text=lines), 3, "", "line 1: no worker has ever offered")
    done = check(farm.reeve("submit", "--lines", "--wait-for-handler", "no.handler", text=lines), 0, err="")
    ids = done.stdout.split()
    assert len(ids) == count and ids == sorted(set(ids)), "the ids come in the order of the lines, each once"
    status = farm.json("status")
    assert status["queues"]["no.handler"]["ready"] == count and status["totals"]["submitted"] == count, status
    farm.check_alive()


# --- map -----------------------------------------------------------------------------------------------


def test_map_keeps_the_order(farm):
    farm.broker()
    worker = Worker(farm, "test.echo", slots=3)
    run = start(farm, "map", "test.echo", stdin=subprocess.PIPE)
    run.stdin.write("a b\nc d\ne f\n")
    run.stdin.flush()
    leases = [worker.receive("lease") for _ in range(3)]
    assert [msgpack.unpackb(lease.args) for lease in leases] == [["a", "b"], ["c", "d"], ["e", "f"]]
    worker.answer(leases[2], msgpack.packb("third"))
    worker.answer(leases[0], msgpack.packb("first\nof all"))
    assert run.stdout.readline() == "first\\nof all\n", "a result is printed as soon as it has its turn"
    worker.answer(leases[1], msgpack.packb(2))
    assert run.stdout.readline() == "2\n" and run.stdout.readline() == "third\n"
    run.stdin.close()
    assert run.wait(DEADLINE_S) == 0 and run.stderr.read() == ""


def test_map_unordered(farm):
    farm.broker()
    worker = Worker(farm, "test.echo", slots=2)
    run = start(farm, "map", "--unordered", "--text", "test.echo", stdin=subprocess.PIPE)
    run.stdin.write("a b\nc d")
    run.stdin.close()
    leases = [worker.receive("lease") for _ in range(2)]
    assert [msgpack.unpackb(lease.args) for lease in leases] == [["a b"], ["c d"]]
    worker.answer(leases[1], msgpack.packb("second"))
    assert run.stdout.readline() == "second\n"
    worker.answer(leases[0], msgpack.packb("first"))
    assert run.stdout.readline() == "first\n" and run.wait(DEADLINE_S) == 0


def test_map_failures(farm):
    farm.broker()
    worker = Echo(farm, {"test.echo": echo})
    text = "1\n2\nbad\n4\n"
    check(farm.reeve("map", "test.echo", text=text), 1, "1\n2\n", "line 3: no good: bad\n")
    check(farm.reeve("map", "--keep-going", "test.echo", text=text), 1, "1\n2\n\n4\n", "line 3: no good: bad\n")
    rows = [json.loads(line) for line in
            check(farm.reeve("map", "--keep-going", "--json", "test.echo", text=text), 1).stdout.splitlines()]
    assert [(row["line"], row["state"], row["value"]) for row in rows] == [
        (1, "ok", 1), (2, "ok", 2), (3, "failed", None), (4, "ok", 4)], rows
    check(farm.reeve("map", "never.offered", text=text), 3, "", "line 1: no worker has ever offered")
    check(farm.reeve("map", "test.echo", text=""), 0, "", "")
    check(farm.reeve("map", "test.echo", text="1\0\n"), 2, "", "line 1: a zero byte in the line")
    worker.close()


def test_map_of_many_lines(farm):
    farm.broker()
    worker = Echo(farm, {"test.echo": echo}, slots=8)
    lines = "".join(f"{n}\n" for n in range(50000))
    check(farm.reeve("map", "test.echo", text=lines), 0, lines, "")
    out = check(farm.reeve("map", "--unordered", "test.echo", text=lines), 0, err="").stdout
    assert sorted(map(int, out.split())) == list(range(50000))
    worker.close()


def test_map_is_interrupted(farm):
    farm.broker()
    worker = Worker(farm, "test.echo", slots=2)
    run = start(farm, "map", "test.echo", stdin=subprocess.PIPE)
    run.stdin.write("1\n2\n3\n")
    run.stdin.flush()
    first = worker.receive("lease")
    second = worker.receive("lease")
    worker.answer(first, msgpack.packb("one"))
    assert run.stdout.readline() == "one\n"
    run.send_signal(signal.SIGINT)
    assert worker.receive("stop", id=second.id).reason == REASONS["REASON_CANCELLED"]
    out, err = run.communicate(timeout=DEADLINE_S)
    assert run.returncode == 130 and "interrupted after 1 lines" in err and "2 of 2 jobs" in err, (run.returncode, err)
    assert farm.json("jobs", "--state", "waiting")["jobs"] == []
    farm.check_alive()


def test_map_reader_goes_away(farm):
    farm.broker()
    worker = Echo(farm, {"test.echo": echo})
    lines = "".join(f"{n}\n" for n in range(200000))
    (farm.folder / "lines").write_text(lines)
    script = f"'{REEVE}' map test.echo < lines | head -3; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], env=farm.env, cwd=farm.folder, capture_output=True, text=True,
                          timeout=DEADLINE_S, check=True)
    assert (done.stdout, done.stderr) == ("0\n1\n2\n0\n", ""), (done.stdout, done.stderr)
    assert farm.json("status")["totals"]["submitted"] < 200000
    worker.close()


def test_full_disk(farm):
    farm.broker()
    worker = Echo(farm, {"test.echo": echo})
    with open("/dev/full", "w", encoding="ascii") as full:
        for words, text in ((["map", "test.echo"], "1\n"), (["call", "test.echo", "1"], ""), (["status"], ""),
                            (["submit", "--lines", "test.echo"], "1\n")):
            done = subprocess.run([REEVE, *words], input=text, text=True, stdout=full, stderr=subprocess.PIPE,
                                  env=farm.env, timeout=DEADLINE_S, check=False)
            assert done.returncode == 8 and "cannot write" in done.stderr, (words, done)
    worker.close()


def test_closed_descriptors(farm):
    farm.broker()
    worker = Echo(farm, {"test.echo": echo})
    for redirect, code, err in (("<&-", 7, "standard input: Bad file descriptor"), (">&-", 8, "cannot write")):
        done = subprocess.run(["bash", "-c", f"echo 1 | '{REEVE}' map test.echo {redirect}"], env=farm.env,
                              capture_output=True, text=True, timeout=DEADLINE_S, check=False)
        check(done, code, "", err)
    worker.close()


def test_map_shows_progress_on_a_terminal_only(farm):
    farm.broker()
    worker = Echo(farm, {"test.echo": echo})
    (farm.folder / "lines").write_text("".join(f"{n}\n" for n in range(3000)))

    def shown(*words):
        try:
            ours, theirs = pty.openpty()
        except OSError as error:
            raise farm_module.NotHere(error) from None
        with open(farm.folder / "lines", encoding="ascii") as lines, open(farm.folder / "out", "w", encoding="ascii") as out:
            run = subprocess.Popen([REEVE, "map", *words, "test.echo"], env=dict(farm.env, TERM="xterm"), stdin=lines,
                                   stdout=out, stderr=theirs)
        os.close(theirs)
        text = b""
        try:
            while part := os.read(ours, 4096):
                text += part
        except OSError:
            pass  # how a terminal ends
        os.close(ours)
        assert run.wait(DEADLINE_S) == 0
        assert (farm.folder / "out").read_text() == (farm.folder / "lines").read_text()
        return text.decode()

    assert "/s" in shown()
    assert shown("--no-progress") == ""
    worker.close()


def test_run_and_map_of_commands(farm):
    farm.broker()
    check(farm.reeve("run", "--", "true"), 3, "", "--allow-shell")

    def shell(args, nth):
        if args[0] == "fail":
            return 0, {"status": 7, "stdout": b"out\n", "stderr": b"err\n"}
        return 0, {"status": 0, "stdout": (" ".join(args) + "\n").encode(), "stderr": b""}

    worker = Echo(farm, {"shell.run": shell})
    check(farm.reeve("run", "--", "echo", "-1", "two words"), 0, "echo -1 two words\n", "")
    check(farm.reeve("run", "fail"), 7, "out\n", "err\n")
    check(farm.reeve("map", "--run", "show '<{}>' x", text="a b\nc\n"), 0, "show <a b> x\nshow <c> x\n", "")
    check(farm.reeve("map", "--run", "fail", text="a\n"), 1, "", "line 1: exit 7")
    worker.close()


# --- looking on and holding ----------------------------------------------------------------------------


def test_watch_a_job(farm):
    farm.broker()
    worker = Worker(farm, "test.echo")
    check(farm.reeve("hold", "test.echo"), 0)
    job = farm.reeve("submit", "test.echo", 1).stdout.strip()
    watch = start(farm, "watch", "job/" + job, "--json")
    first = json.loads(watch.stdout.readline())
    assert first["event"] == "snapshot" and first["state"] == "held" and first["topic"] == "job/" + job, first
    check(farm.reeve("release", "test.echo"), 0)
    worker.answer(worker.receive("lease"), msgpack.packb(1))
    out, err = watch.communicate(timeout=DEADLINE_S)  # it ends by itself
    rows = [first] + [json.loads(line) for line in out.splitlines()]
    assert watch.returncode == 0 and err == "", err
    assert [row["seq"] for row in rows] == list(range(rows[0]["seq"], rows[0]["seq"] + len(rows))), rows
    assert rows[-1]["state"] == "ok" and "running" in [row["state"] for row in rows], rows
    assert all(row.keys() >= {"topic", "seq", "time", "event"} for row in rows)
    check(farm.reeve("watch", "job/" + job), 0, err="")  # over already: says so and ends
    check(farm.reeve("watch", "job/" + job, "--since", rows[-1]["seq"]), 0, "", "")


def test_watch_counts_and_stops(farm):
    farm.broker()
    worker = Worker(farm, "test.echo")
    watch = start(farm, "watch", "queue/test.echo", "--json", "--count", 2)
    assert json.loads(watch.stdout.readline())["event"] == "snapshot"
    check(farm.reeve("hold", "test.echo"), 0)
    assert json.loads(watch.communicate(timeout=DEADLINE_S)[0])["event"] == "held" and watch.returncode == 0
    watch = start(farm, "watch", "worker/" + farm.workers()[0]["id"])
    line = watch.stdout.readline()
    assert "snapshot" in line, (line, watch.stderr.read())
    watch.send_signal(signal.SIGINT)
    assert watch.wait(DEADLINE_S) == 0, "Ctrl-C is how a watch ends"
    worker.send("goodbye")


def test_queues_workers_status(farm):
    farm.broker()
    worker = Worker(farm, "test.echo", slots=3)
    check(farm.reeve("hold", "no.such"), 3, "", "no such queue")
    check(farm.reeve("drain", "nobody"), 3, "", "no such worker")
    check(farm.reeve("hold", "test.echo"), 0)
    farm.reeve("submit", "test.echo", 1)
    farm.reeve("submit", "--delay", 3600, "test.echo", 1)
    status = farm.json("status")
    assert status["broker"]["pid"] == farm.processes[0].pid
    assert status["broker"].items() >= {"state": "serving", "awaited": 0, "durability": "durable"}.items(), status
    assert status["broker"]["memory_bytes"] > 0 and status["broker"]["args_bytes"] > 0, status
    assert status["broker"].keys() >= {"store_bytes", "commit_us", "release", "incarnation", "uptime_ms"}, status
    assert status["totals"].items() >= {"submitted": 2, "executions": 0, "lease_losses": 0}.items(), status
    assert status["queues"]["test.echo"].items() >= {"ready": 1, "running": 0, "delayed": 1}.items(), status
    assert farm.json("queues")["queues"].keys() == status["queues"].keys()
    check(farm.reeve("release", "test.echo"), 0)
    lease = worker.receive("lease")
    seen = farm.json("workers")["workers"]
    assert len(seen) == 1 and seen[0].items() >= {"host": "test", "pid": os.getpid(), "state": "up"}.items(), seen
    assert [slot.keys() >= {"pid", "state", "job"} for slot in seen[0]["slots"]] == [True] * 3
    check(farm.reeve("workers", "--quiet"), 0, seen[0]["id"] + "\n")
    check(farm.reeve("queues", "--quiet"), 0, "test.echo\n")
    for verb in ("workers", "queues", "status", "jobs"):
        text = check(farm.reeve(verb), 0, err="").stdout
        assert text and "\033" not in text and all(line == line.rstrip() for line in text.splitlines()), text
    check(farm.reeve("drain", seen[0]["id"]), 0)
    worker.receive("draining")
    worker.answer(lease)


if __name__ == "__main__":
    farm_module.main(globals())
