#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A real worker and its handler processes against a broker that only the test knows: crashes, hangs, limits, large
values, lost connections, frozen workers, draining. The handler program is tests/handlers/misfit."""
import os
import resource
import signal
import socket
import time

import msgpack
import zmq

import farm as farm_module
import wire

MISFIT = farm_module.BUILD / "tests" / "handlers" / "misfit"
REASONS = wire.REASONS


class Broker:
    """A ROUTER for one worker; it welcomes, leases and acknowledges, and keeps what the worker says."""

    def __init__(self, farm):
        self.farm = farm
        self.socket = farm.context.socket(zmq.ROUTER)
        self.socket.linger = 0
        farm.until(self.bind, "the port is free again")
        self.route = None
        self.offers, self.holding, self.returned, self.started = [], [], [], set()
        self.results, self.slots, self.said, self.progress = {}, {}, [], []
        self.hellos = 0
        self.acknowledges = True
        self.pinged = 0.0

    def bind(self):
        """ZeroMQ gives a closed socket's port back a little later."""
        try:
            self.socket.bind(f"tcp://127.0.0.1:{self.farm.port + 1}")
            return True
        except zmq.ZMQError as error:
            assert error.errno == zmq.EADDRINUSE, error
            return False

    def start_worker(self, *words, slots=2):
        self.worker = self.farm.start("reeve-worker", "--broker", f"tcp://127.0.0.1:{self.farm.port + 1}", "--slots",
                                      slots, "--handler", MISFIT, *words)
        self.until(lambda: self.hellos == 1, "hello")
        return self.worker

    def send(self, *records):
        self.socket.send_multipart([self.route, b"".join(records)])

    def lease(self, number, method, *args, token=1, timeout_ms=0, attempt=1):
        return wire.record("lease", id=number, token=token, offer=self.offers.index(f"misfit.{method}"),
                           args=msgpack.packb(args, use_bin_type=True), timeout_ms=timeout_ms, attempt=attempt)

    def take(self, record):
        self.said.append(record.name)
        if record.name == "hello":
            self.offers, self.holding = [], []
        elif record.name == "offer":
            self.offers.append(record.queue)
        elif record.name == "holding":
            self.holding.append(record.id)
        elif record.name == "ready":
            self.hellos += 1
            self.send(wire.record("welcome", version=1, incarnation=5))
        elif record.name == "started":
            self.started.add(record.id)
        elif record.name == "returned":
            self.returned.append(record.id)
        elif record.name == "slot_state":
            self.slots[record.index] = record
        elif record.name == "progress":
            assert record.id not in self.results, f"progress of {record.id}, which is over"
            self.progress.append((time.monotonic(), record.id, record.token, msgpack.unpackb(record.value)))
        elif record.name == "result":
            self.results[record.id] = record
            if self.acknowledges:
                self.send(wire.record("result_ack", number=record.number))

    def turn(self, ms=20):
        """Takes what there is; pings twice a second, as brokers do."""
        if self.route and time.monotonic() - self.pinged > 0.5:
            self.pinged = time.monotonic()
            self.send(wire.record("ping"))
        while self.socket.poll(ms):
            self.route, body = self.socket.recv_multipart()
            for record in wire.decode(body):
                self.take(record)
            ms = 0

    def until(self, condition, what):
        end = time.monotonic() + farm_module.DEADLINE_S
        while not condition():
            assert time.monotonic() < end, f"not in time: {what}; results {len(self.results)}, {self.said[-20:]}"
            self.turn()

    def done(self, *numbers):
        self.until(lambda: all(n in self.results for n in numbers), f"results of {numbers[:5]}")
        return [self.results[n] for n in numbers]

    def run(self, number, method, *args, **fields):
        self.send(self.lease(number, method, *args, **fields))
        return self.done(number)[0]

    def close(self):
        self.socket.close()


def value(result):
    return msgpack.unpackb(result.value, raw=False, max_str_len=1 << 26, max_bin_len=1 << 26)


def test_jobs_in_bursts(farm):
    broker = Broker(farm)
    broker.start_worker()
    for number in range(1, 20001, 500):
        broker.send(*[broker.lease(n, "echo", n, "x") for n in range(number, number + 500)])
    results = broker.done(*range(1, 20001))
    assert [value(r) for r in results] == [[n, "x"] for n in range(1, 20001)]
    assert sorted(r.number for r in results) == list(range(1, 20001))


def test_values_and_errors(farm):
    broker = Broker(farm)
    broker.start_worker()
    assert value(broker.run(1, "none")) is None
    assert len(value(broker.run(2, "id"))) == 13
    failed = broker.run(3, "fail", "no way")
    assert (failed.reason, value(failed)) == (REASONS["REASON_ERROR"], "no way")
    assert value(broker.run(4, "sleep", "x")) == "argument 1: expected an integer, got text"
    assert value(broker.run(5, "sleep")) == "argument 1 is missing: got 0"
    assert value(broker.run(6, "large", 2_000_000)) == "x" * 2_000_000
    largest = (16 << 20) - 5
    assert len(value(broker.run(7, "large", largest))) == largest
    assert broker.run(8, "large", largest + 1).reason == REASONS["REASON_TOO_LARGE"]
    assert value(broker.run(9, "echo", "y" * 3_000_000)) == ["y" * 3_000_000]
    # After the large ones the small ones find their way again.
    assert [value(broker.run(n, "echo", n)) for n in range(10, 20)] == [[n] for n in range(10, 20)]
    assert not broker.returned


def test_a_crash_costs_one_attempt(farm):
    broker = Broker(farm)
    broker.start_worker()
    crash = broker.run(1, "crash")
    assert (crash.reason, crash.detail) == (REASONS["REASON_SIGNAL"], signal.SIGSEGV)
    left = broker.run(2, "exit", 3)
    assert (left.reason, left.detail) == (REASONS["REASON_EXIT"], 3)
    # A process that is killed in the middle of a stream: one job pays.
    pid = value(broker.run(3, "pid"))
    broker.send(*[broker.lease(n, "sleep", 2) for n in range(100, 400)])
    broker.until(lambda: len(broker.results) > 30, "some results")
    os.kill(pid, signal.SIGKILL)
    results = broker.done(*range(100, 400))
    lost = [r for r in results if r.reason]
    assert len(lost) <= 1 and all((r.reason, r.detail) == (REASONS["REASON_SIGNAL"], 9) for r in lost), lost


def test_limits_and_stops(farm):
    broker = Broker(farm)
    broker.start_worker()
    assert broker.run(1, "patient", timeout_ms=200).reason == REASONS["REASON_TIMEOUT"]
    assert broker.run(2, "hang", timeout_ms=200).reason == REASONS["REASON_TIMEOUT"]
    broker.send(broker.lease(3, "hang"), broker.lease(4, "hang"), broker.lease(5, "none"))
    broker.until(lambda: {3, 4} <= broker.started, "both run")
    broker.send(*[wire.record("stop", id=n, token=1, reason=REASONS["REASON_CANCELLED"]) for n in (3, 4)])
    assert [r.reason for r in broker.done(3, 4)] == [REASONS["REASON_CANCELLED"]] * 2
    assert broker.done(5)[0].reason == 0


def test_nothing_waits_behind_a_long_one(farm):
    broker = Broker(farm)
    broker.start_worker()
    broker.send(broker.lease(1, "patient"), *[broker.lease(n, "sleep", 2) for n in range(2, 30)])
    broker.done(*range(2, 30))
    assert 1 not in broker.results
    broker.send(wire.record("stop", id=1, token=1, reason=REASONS["REASON_CANCELLED"]))
    broker.done(1)


def test_recall_gives_back_what_has_not_started(farm):
    broker = Broker(farm)
    broker.start_worker(slots=1)
    broker.send(*[broker.lease(n, "patient") for n in (1, 2, 3)])
    broker.until(lambda: 1 in broker.started, "the first runs")
    broker.send(*[wire.record("recall", id=n, token=1) for n in (1, 2, 3)])
    broker.until(lambda: sorted(broker.returned) == [2, 3], "the others come back")
    broker.send(wire.record("stop", id=1, token=1, reason=REASONS["REASON_CANCELLED"]))
    broker.done(1)
    assert sorted(broker.returned) == [2, 3]


def test_results_survive_a_lost_broker(farm):
    broker = Broker(farm)
    broker.start_worker(slots=1)
    broker.acknowledges = False
    broker.send(broker.lease(1, "echo", "kept"), broker.lease(2, "sleep", 1500), broker.lease(3, "none"))
    broker.until(lambda: 1 in broker.results and 2 in broker.started, "one done, one runs")
    broker.close()
    again = Broker(farm)
    again.until(lambda: again.hellos == 1, "hello again")
    assert sorted(again.holding) == [1, 2]
    assert value(again.done(1)[0]) == ["kept"]
    assert value(again.done(2)[0]) == 1500
    assert 3 not in again.results
    assert [again.results[n].number for n in (1, 2)] == [1, 2]
    assert again.hellos == 1


def test_progress_is_the_latest_and_not_too_often(farm):
    broker = Broker(farm)
    broker.start_worker(slots=1)
    steps, told = 200000, broker.progress
    begun = time.monotonic()
    broker.send(broker.lease(1, "progress", steps, token=7))
    broker.until(lambda: told and told[-1][3]["done"] == steps, "the last step is told")
    assert {(number, token, step["of"]) for _, number, token, step in told} == {(1, 7, steps)}, told
    assert [step["done"] for *_, step in told] == sorted({step["done"] for *_, step in told}), told
    assert len(told) <= 2 + (told[-1][0] - begun) / 0.1, (len(told), told[-1][0] - begun)
    broker.close()  # whoever says hello next may not have heard of it
    again = Broker(farm)
    again.until(lambda: again.hellos == 1 and again.progress, "it is told again")
    assert again.holding == [1] and again.progress[0][1:] == (1, 7, {"done": steps, "of": steps}), again.progress
    again.send(wire.record("stop", id=1, token=7, reason=REASONS["REASON_CANCELLED"]))
    assert again.done(1)[0].reason == REASONS["REASON_CANCELLED"]
    # What is no map of texts, or above 4 KiB, is refused where it is told.
    wrong = (5, [], {1: 2}, {"x": "y" * 4096})
    assert [value(again.run(2 + i, "tell", what)) for i, what in enumerate(wrong)] == [-1] * 4
    assert value(again.run(9, "tell", {"stage": "mixing", "at": [1, 2]})) == 0


def test_a_frozen_worker_starts_nothing_old(farm):
    broker = Broker(farm)
    worker = broker.start_worker(slots=1)
    broker.run(1, "none")
    worker.kill(signal.SIGSTOP)
    broker.until(lambda: states(worker.pid) == {"T"}, "all of it is stopped")
    broker.send(*[broker.lease(n, "none") for n in range(2, 10)])
    frozen = time.monotonic()
    while time.monotonic() - frozen < 5:  # longer than a lease stands
        broker.turn(200)
    worker.kill(signal.SIGCONT)
    broker.until(lambda: broker.hellos == 2, "hello again")
    broker.turn(200)
    # The acknowledgement of the first may have come too late for it; what it had not started is not its own.
    assert set(broker.holding) <= {1} and list(broker.results) == [1], (broker.holding, broker.results)
    assert value(broker.run(20, "echo", 1)) == [1]


def test_drain_by_signal_and_by_broker(farm):
    for how in ("signal", "broker"):
        broker = Broker(farm)
        worker = broker.start_worker(slots=1)
        broker.send(*[broker.lease(n, "sleep", 300) for n in range(1, 6)])
        broker.until(lambda: 1 in broker.started, "the first runs")
        if how == "signal":
            worker.kill(signal.SIGTERM)
        else:
            broker.send(wire.record("draining"))
        broker.until(lambda: "goodbye" in broker.said, "goodbye")
        assert worker.wait() == 0
        assert sorted(broker.returned + list(broker.results)) == [1, 2, 3, 4, 5]
        assert value(broker.results[1]) == 300
        broker.close()


def test_a_drained_worker_answers_its_text_command_first(farm):
    port = farm.port + 5
    worker = farm.start("reeve-worker", "--broker", "none", "--slots", 1, "--handler", MISFIT, "--text-port", port)
    connection = farm.until(lambda: connect(port), "the text port listens")
    connection.sendall(b"misfit large 3000000\n")
    connection.recv(1, socket.MSG_PEEK)  # it is being written, and nobody reads on
    with connect(port) as second:
        second.sendall(f"misfit mark {farm.folder}/runs 300\n".encode())
        farm.until(lambda: (farm.folder / "runs").exists(), "the second runs")
        worker.kill(signal.SIGTERM)
        assert second.makefile("rb").read() == b"300"
    assert connection.makefile("rb").read() == b"x" * 3_000_000
    assert worker.wait() == 0


def connect(port):
    try:
        return socket.create_connection(("127.0.0.1", port), farm_module.DEADLINE_S)
    except ConnectionRefusedError:
        return None


def test_a_second_signal_stops_at_once(farm):
    broker = Broker(farm)
    worker = broker.start_worker(slots=1)
    broker.send(broker.lease(1, "hang"))
    broker.until(lambda: 1 in broker.started, "it runs")
    worker.kill(signal.SIGINT)
    broker.until(lambda: "draining" in broker.said, "draining")
    worker.kill(signal.SIGINT)
    broker.until(lambda: "goodbye" in broker.said, "goodbye")
    assert worker.wait() == 0


def state(stat_path):
    """R, S, T (stopped), Z, ...; Z when it is not there any more."""
    try:
        with open(stat_path) as stat:
            return stat.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "Z"


def states(pid):
    """Of all threads."""
    return {state(f"/proc/{pid}/task/{thread}/stat") for thread in os.listdir(f"/proc/{pid}/task")}


def gone(pid):
    return state(f"/proc/{pid}/stat") == "Z"


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def test_nothing_outlives_its_worker(farm):
    broker = Broker(farm)
    worker = broker.start_worker()
    broker.until(lambda: len(broker.slots) == 2 and all(s.pid for s in broker.slots.values()), "slots")
    spawner, = children(worker.pid)
    pids = [spawner] + children(spawner)
    assert len(pids) == 3
    worker.kill()
    worker.wait()
    broker.until(lambda: all(gone(pid) for pid in pids), "spawner and runners are gone")


def descriptors(pid):
    """What a process has open, without the numbers: pipes and sockets have a new one each time. The worker has a look
    at its runners' memory at any time."""
    links = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{fd}").split(":")[0])
        except FileNotFoundError:
            pass
    return sorted(link for link in links if not link.startswith("/proc/"))


def test_processes_that_come_and_go_leave_no_descriptor(farm):
    broker = Broker(farm)
    worker = broker.start_worker(slots=1)
    spawner, = children(worker.pid)
    runner = value(broker.run(1, "pid"))
    before = [descriptors(pid) for pid in (worker.pid, spawner, runner)]
    assert before[2] == ["/dev/null", "pipe", "pipe", "socket"], before[2]  # 0, 1 and 2, the bell
    for number in range(2, 22, 2):
        broker.run(number, "crash")
        runner = value(broker.run(number + 1, "pid"))
    assert [descriptors(pid) for pid in (worker.pid, spawner, runner)] == before


def test_a_spawner_without_room_for_descriptors_keeps_none(farm):
    broker = Broker(farm)
    worker = broker.start_worker(slots=1)
    broker.run(1, "none")
    spawner, = children(worker.pid)
    before, limits = descriptors(spawner), resource.prlimit(spawner, resource.RLIMIT_NOFILE)
    used = {int(fd) for fd in os.listdir(f"/proc/{spawner}/fd")}
    free = [fd for fd in range(100) if fd not in used]
    resource.prlimit(spawner, resource.RLIMIT_NOFILE, (free[2], limits[1]))  # two of the three it is sent
    broker.run(2, "crash")
    assert broker.run(3, "none").reason == REASONS["REASON_NO_HANDLER"]
    resource.prlimit(spawner, resource.RLIMIT_NOFILE, limits)
    assert broker.run(4, "none").reason == 0
    assert descriptors(spawner) == before


def test_a_worker_without_spawner_says_goodbye(farm):
    broker = Broker(farm)
    worker = broker.start_worker()
    spawner, = children(worker.pid)
    runners = children(spawner)
    os.kill(spawner, signal.SIGKILL)
    broker.until(lambda: "goodbye" in broker.said, "goodbye")
    assert worker.wait() == 8
    broker.until(lambda: all(gone(pid) for pid in runners), "runners are gone")


def test_another_version_is_the_end(farm):
    broker = Broker(farm)
    worker = broker.start_worker()
    broker.send(wire.record("error", number=0, code=wire.ERRORS["ERR_VERSION"], text="this broker speaks 2..3"))
    assert worker.wait() == 7
    assert "2..3" in worker.stderr()


def test_bad_command_lines(farm):
    for words, status, text in (
        (["--tag", "a"], 2, "--tag"),
        (["--slots", "0"], 2, "--slots"),
        (["--broker", "nonsense"], 2, "--broker"),
        (["word"], 2, "options"),
        (["--handler", "/bin/false"], 7, "/bin/false"),
        (["--handler", "/nonexistent"], 7, "/nonexistent"),
        (["--handlers", "/nonexistent"], 7, "/nonexistent"),
        (["--handler", MISFIT, "--handler", MISFIT], 7, "misfit.echo"),
    ):
        process = farm.start("reeve-worker", *words)
        assert process.wait() == status, (words, process.stderr())
        assert text in process.stderr(), process.stderr()


if __name__ == "__main__":
    farm_module.main(globals())
