#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The farm as a user meets it: `reeve up` and the command line, the pieces by hand, and what happens when some die."""
import json
import os
import signal

import msgpack
import zmq

import farm as farm_module
from wire import STATES

MANY = 20000


def fibonacci(count):
    values, a, b = [], 1, 1
    for _ in range(count):
        values.append(str(a))
        a, b = b, a + b
    return values


def start_map(farm, count=MANY):
    """`seq 1 COUNT | reeve map fibonacci_generator.calculate`, under way."""
    path = farm.folder / "numbers"
    path.write_text("".join(f"{n}\n" for n in range(1, count + 1)))
    process = farm.start("reeve", "map", "fibonacci_generator.calculate", stdin=path)
    process.wait_line(lambda line: True, count=10)
    return process


def check_map(process, count=MANY):
    assert process.wait() == 0, process.stderr()
    assert process.lines == fibonacci(count), f"{len(process.lines)} lines, not the {count} numbers in order"


def status(farm):
    return farm.json("status")


def test_first_minutes(farm):
    farm.up("--slots", 2)
    for words, value in ((("calculator.calculate", 2, "+", 2), "4"), (("calculator.calculate", 7, "/", 2), "3.5"),
                         (("calculator.calculate", 2, "^", 200), str(2 ** 200)),
                         (("calculator.calculate", -1, "-", -1), "0"),
                         (("fibonacci_generator.calculate", 100), "354224848179261915075"),
                         (("fibonacci_generator.calculate", 1000), fibonacci(1000)[-1]),
                         (("fibonacci_generator.calculate", 10000), fibonacci(10000)[-1])):
        done = farm.reeve("call", *words)
        assert (done.returncode, done.stdout) == (0, value + "\n"), (words, done)
    done = farm.reeve("call", "data_processing.calculate_cv", '{"model":"williams_otto","mvs":{"FB":4.787,"TR":89.70}}')
    assert done.returncode == 0 and "XA" in json.loads(done.stdout)["cvs"], done
    polarity = [float(farm.reeve("call", "neural_analyzer.polarity", *words.split()).stdout)
                for words in ("a wonderful and happy day", "not a wonderful day", "an awful boring film")]
    assert polarity[0] > 0 > polarity[2] >= -1 and polarity[1] < polarity[0] <= 1, polarity
    for words in (("--json", "neural_analyzer.polarity", "ужасный", "фильм"), ("neural_analyzer.polarity", "--json", "ужасный фильм")):
        told = json.loads(farm.reeve("call", *words).stdout)
        told = told.get("value", told)
        assert told.keys() == {"polarity", "label", "confidence", "language"}, told
        assert told["polarity"] < -0.3 and (told["label"], told["language"]) == ("negative", "ru") and told["confidence"] <= 1, told


def test_jobs_that_cannot_go_well(farm):
    farm.up("--slots", 1)
    for words in (("calculator.calculate", 1, "/", 0), ("calculator.calculate", 1, "+"), ("calculator.calculate", "one", "+", 1),
                  ("calculator.calculate", 10, "^", 10 ** 9), ("fibonacci_generator.calculate", -1),
                  ("fibonacci_generator.calculate", 0), ("fibonacci_generator.calculate", "abc"),
                  ("fibonacci_generator.calculate", 99999999999), ("fibonacci_generator.calculate",), ("neural_analyzer.polarity", ""), ("neural_analyzer.polarity", "--json", " "),
                  ("data_processing.calculate_cv", '{"model":"nosuch"}'), ("data_processing.calculate_cv", "text")):
        done = farm.reeve("call", *words)
        assert done.returncode == 1 and not done.stdout and len(done.stderr.splitlines()) == 1, (words, done)
    for words in (("nobody.home",), ("shell.run", "echo hi")):
        done = farm.reeve("call", *words)
        assert done.returncode == 3 and words[0] in done.stderr, done
    for words in (("call",), ("call", "nodot"), ("nosuchverb",), ("call", "--nosuch", "a.b"), ("map", "--priority", "x", "a.b")):
        assert farm.reeve(*words).returncode == 2, words
    client = farm.client()
    for args in (b"", b"\x05", b"\x90\x90", b"\xdd\xff\xff\xff\xff", b"\x91" * 40 + b"\xc0", b"\xc1"):
        number = client.submit("calculator.calculate", args)
        ended = client.receive("ended", "error", number=number)
        assert ended.name == "error" or (ended.state == STATES["JOB_FAILED"] and msgpack.unpackb(ended.value)), ended
    assert farm.reeve("call", "calculator.calculate", 2, "+", 2).stdout == "4\n"
    assert status(farm)["totals"]["lease_losses"] == 0


def test_no_broker(farm):
    for words in (("call", "calculator.calculate", 1, "+", 1), ("status",), ("map", "a.b"), ("watch", "worker/")):
        done = farm.reeve(*words)
        assert done.returncode == 4 and farm.address in done.stderr, done


def test_a_taken_port(farm):
    farm.up()
    second = farm.start("reeve", "up", "--port-base", farm.port, "--store", "memory")
    assert second.wait() == 7
    assert str(farm.port) in second.stderr(), second.stderr()
    assert farm.reeve("call", "calculator.calculate", 2, "+", 2).stdout == "4\n"


def test_map_keeps_the_order(farm):
    farm.up("--workers", 2, "--slots", 2)
    check_map(start_map(farm))
    totals = status(farm)["totals"]
    assert totals["submitted"] == totals["executions"] == MANY and totals["lease_losses"] == 0, totals


class Updates:
    """A plain SUB socket, as anybody can write in ten lines."""

    def __init__(self, farm, topic):
        self.socket = farm.context.socket(zmq.SUB)
        self.socket.linger = 0
        self.socket.rcvhwm = 0
        self.socket.subscribe(topic)
        self.socket.connect(f"tcp://127.0.0.1:{farm.port + 2}")
        # The subscription is there when a nonce that the broker is asked to publish arrives.
        client, nonce = farm.client(), os.urandom(8).hex()
        self.socket.subscribe(f"sync/{nonce}")
        for _ in range(100000):
            client.send("sync", nonce=nonce)
            if self.socket.poll(20):
                assert self.socket.recv_multipart()[0].startswith(b"sync/")
                break
        else:
            raise AssertionError("the nonce does not arrive")
        client.close()

    def next(self):
        while True:
            assert self.socket.poll(farm_module.DEADLINE_S * 1000), "no update comes"
            topic, body = self.socket.recv_multipart()
            if not topic.startswith(b"sync/"):
                return topic.rstrip(b"\0").decode(), msgpack.unpackb(body)


def test_the_pieces_by_hand(farm):
    """A third worker joins during a map and takes jobs, one is drained; nothing fails."""
    farm.broker()
    first, second = farm.worker(), farm.worker()
    updates = Updates(farm, "job/")
    process = start_map(farm)
    third = farm.worker()
    done = farm.reeve("drain", first.id)
    assert done.returncode == 0, done
    assert first.wait() == 0, first.stderr()
    check_map(process)
    ran = {}
    while sum(ran.values()) < MANY:
        _, update = updates.next()
        assert update["state"] not in ("failed", "dead", "cancelled", "expired"), update
        if update["state"] == "ok":
            ran[update["worker"]] = ran.get(update["worker"], 0) + 1
    assert set(ran) == {first.id, second.id, third.id}, ran
    assert {worker["id"] for worker in farm.workers()} == {second.id, third.id}
    assert status(farm)["totals"]["lease_losses"] == 0


def test_updates_of_a_job_are_numbered_without_a_gap(farm):
    farm.up("--slots", 1)
    assert farm.reeve("hold", "bench.echo").returncode == 0
    job = farm.reeve("submit", "bench.echo", "hello").stdout.strip()
    updates = Updates(farm, f"job/{job}\0")
    watch = farm.start("reeve", "watch", f"job/{job}", "--json")
    snapshot = json.loads(watch.wait_line(lambda line: True))
    assert snapshot["topic"] == f"job/{job}" and snapshot["event"] == "snapshot", snapshot
    assert farm.reeve("release", "bench.echo").returncode == 0
    assert farm.reeve("wait", job).returncode == 0
    watch.wait_line(lambda line: json.loads(line).get("state") == "ok")
    seen = []
    while not seen or seen[-1]["state"] != "ok":
        topic, update = updates.next()
        assert topic == f"job/{job}"
        seen.append(update)
    first = seen[0]["seq"]
    assert [update["seq"] for update in seen] == list(range(first, first + len(seen))), seen
    assert [update["state"] for update in seen if update["state"] != "waiting"] == ["running", "ok"], seen
    watched = [json.loads(line)["seq"] for line in watch.lines[1:]]
    assert watched == list(range(snapshot["seq"] + 1, snapshot["seq"] + 1 + len(watched))), watch.lines
    assert watched[-1] == seen[-1]["seq"]


def slot_pids(farm, state=None):
    return [slot["pid"] for worker in farm.workers() for slot in worker["slots"]
            if slot["pid"] and (state is None or slot["state"] == state)]


def test_handlers_killed_during_a_map(farm):
    farm.broker()
    worker = farm.worker(slots=2)
    process = start_map(farm)
    killed = 0
    while process.child.poll() is None and killed < 5:
        for pid in slot_pids(farm)[:1]:
            try:
                os.kill(pid, signal.SIGKILL)
                killed += 1
            except ProcessLookupError:
                pass  # replaced since we asked
    check_map(process)
    assert killed > 0
    totals = status(farm)["totals"]
    assert MANY <= totals["executions"] <= MANY + totals["lease_losses"] + killed, (totals, killed)
    assert worker.stop() == 0


def test_a_worker_killed_during_a_map(farm):
    farm.broker()
    victim, survivor = farm.worker(), farm.worker()
    process = start_map(farm)
    handlers = [slot["pid"] for worker in farm.workers() if worker["id"] == victim.id for slot in worker["slots"]]
    victim.kill()
    assert victim.wait() == -signal.SIGKILL
    check_map(process)
    farm.until(lambda: [worker["id"] for worker in farm.workers()] == [survivor.id], "the dead worker is off the list")
    # Its slots die with it.
    farm.until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in handlers if pid), "its handlers are gone")
    totals = status(farm)["totals"]
    assert totals["executions"] <= MANY + totals["lease_losses"], totals


def test_a_running_job_of_a_killed_worker_runs_elsewhere(farm):
    farm.broker()
    first = farm.worker(slots=1)
    job = farm.reeve("submit", "bench.sleep", 600000).stdout.strip()
    updates = Updates(farm, f"job/{job}\0")
    farm.until(lambda: farm.json("job", job)["jobs"][0]["state"] == "running", "the job runs")
    second = farm.worker(slots=1)
    first.kill()
    while True:
        _, update = updates.next()
        if update["state"] == "running" and update["worker"] == second.id:
            break
    assert farm.json("job", job)["jobs"][0]["attempts"] == 2
    assert farm.reeve("cancel", job).returncode == 0
    farm.until(lambda: status(farm)["totals"]["executions"] == 2, "the second attempt is over as well")
    assert status(farm)["totals"]["lease_losses"] == 1


def test_ctrl_c_in_the_middle_of_a_map(farm):
    farm.up("--slots", 2)
    process = start_map(farm)
    process.kill(signal.SIGINT)
    assert process.wait() in (130, -signal.SIGINT), process.child.returncode
    assert process.lines == fibonacci(MANY)[:len(process.lines)]
    assert farm.reeve("call", "calculator.calculate", 2, "+", 2).stdout == "4\n"


def test_a_full_disk_for_logs(farm):
    """Standard error is a full disk: everything goes on, in silence."""
    script = farm.folder / "quiet-up"
    script.write_text(f'#!/bin/sh\nexec "{farm_module.BUILD}/bin/reeve" up --port-base {farm.port} --store memory 2>/dev/full\n')
    script.chmod(0o755)
    process = farm_module.Process([script], farm.folder, farm.env)
    farm.processes.append(process)
    process.wait_line("ready")
    assert farm.reeve("call", "calculator.calculate", 1, "/", 0).returncode == 1
    assert farm.reeve("call", "calculator.calculate", 2, "+", 2).stdout == "4\n"
    assert process.stop() == 0


def test_a_broker_that_dies_is_started_again(farm):
    up = farm.up("--slots", 1)
    before = status(farm)["broker"]["pid"]
    os.kill(before, signal.SIGKILL)

    def answered():
        done = farm.reeve("call", "calculator.calculate", 2, "+", 2)
        return done.returncode == 0 and done.stdout == "4\n"

    farm.until(answered, "the farm works again")
    assert status(farm)["broker"]["pid"] != before
    assert up.stop() == 0


if __name__ == "__main__":
    farm_module.main(globals())
