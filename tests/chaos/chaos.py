# SPDX-License-Identifier: Apache-2.0
"""chaos: a farm that can be hurt: real processes, loads with histories, faults, healing, a verdict.

A scenario is a function test_*(run) in a file that ends with chaos.main(globals()). What it starts
carries a mark in its environment; a warden process ends all that is marked when the test is over, or
dies. Options of every test file:

    --full           the long form: the promise's numbers, and its times are asserted
    --seed N         of what is chosen at random; printed by each run
    --store memory   a broker without a store: nothing is durable, and accordingly less is promised
    test_NAME...     only these
"""
import contextlib
import json
import os
import pathlib
import random
import secrets
import select
import signal
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "scenario"))

import zmq

import checker
import farm as farm_module
import warden
import wire
from history import History
from proxy import Proxy

TOOLS = farm_module.BUILD / "tests" / "chaos"
ASK_S = 2  # a question to the broker that is not answered by then is not answered
UNTOLD_S = 20  # a fault of ours is over by then, and the broker has counted what it cost
PACE_S = 0.02  # between two looks at something that tells nobody when it changes
LENT_MAX = 9   # jobs of 1 ms and more that a slot has: the one it does, and 8 ms ahead (ahead_us_max of the broker)


class Options:
    full = False
    seed = None
    store = None


options = Options()


def pids_of_session(session):
    """A program we started, and whatever it has started: all are of its session."""
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError, ValueError):
                fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
                if int(fields[3]) == session and fields[0] != "Z":
                    yield int(folder.name)


class Warden:
    """The other end of warden.py."""

    def __init__(self, mark):
        self.child = subprocess.Popen(["/usr/bin/python3", HERE / "warden.py", mark], stdin=subprocess.PIPE, text=True,
                                      start_new_session=True)

    def undo(self, *command):
        """To be done at the end; contextmanager: or when the block is left."""
        self.child.stdin.write(json.dumps([str(word) for word in command]) + "\n")
        self.child.stdin.flush()

    def undone(self):
        self.child.stdin.write("done\n")
        self.child.stdin.flush()

    def close(self):
        self.child.stdin.close()
        self.child.wait(farm_module.DEADLINE_S)


class Load:
    """A client process and its history."""

    def __init__(self, process, history, count, words):
        self.process, self.history, self.count, self.words = process, history, count, words

    def wait(self, ended):
        """Until at least so many of its jobs have ended; it may be over."""
        def there(line):
            return line == "done" or (line.startswith("ended ") and int(line.split()[1]) >= ended)
        self.process.wait_line(there)

    def stop(self):
        """It hands in no more, and ends when what it has handed in has ended."""
        self.process.wait_line("up")
        self.process.kill(signal.SIGTERM)

    def done(self):
        return "done" in self.process.lines


class Chaos(farm_module.Farm):
    def __init__(self):
        super().__init__()
        self.mark = secrets.token_hex(8)
        self.warden = Warden(self.mark)
        self.warden.undo("rm", "-rf", self.folder)
        self.runs = self.folder / "runs"
        self.env.update(REEVE_CHAOS_MARK=self.mark, REEVE_CHAOS_RUNS=str(self.runs))
        self.full = options.full
        self.seed = options.seed if options.seed is not None else secrets.randbelow(10 ** 9)
        self.random = random.Random(self.seed)
        self.store = options.store or self.folder / "store"
        self.durable = self.store != "memory"
        self.start_s = time.monotonic()
        self.broker_process = None
        self.broker_words, self.broker_options = [], {}
        self.deaths = []      # of the broker, when
        self.lives = {}       # incarnation: the last status it told
        self.worker_list = []
        self.loads = []
        self.proxies = {}
        self.watchers = []
        self.mounts = []      # to be taken down again
        self.allowances = []  # (when, executions too many that a fault of ours may have caused, does the broker count them)
        self.serial = 1
        self.flooded = False  # somebody has handed in jobs that nobody is going to do
        self.never = threading.Event()
        print(f"seed {self.seed}", flush=True)

    # --- telling and waiting

    def say(self, text):
        print(f"{time.monotonic() - self.start_s:8.3f} s  {text}", flush=True)

    def pause(self, seconds):
        """A fault lasts; a moment is chosen at random."""
        self.never.wait(seconds)

    def until(self, condition, what, seconds=None):
        end = time.monotonic() + (seconds or farm_module.DEADLINE_S)
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            self.pause(PACE_S)
        raise AssertionError(f"not within {seconds or farm_module.DEADLINE_S} s: {what}")

    # --- the broker

    def start_broker(self, wait=True, before=(), env=None, words=()):
        """Starts it on the store of this run. With wait it is returned once its ports are bound."""
        with contextlib.suppress(AttributeError):
            self.ready.close()
        reader, writer = os.pipe()
        saved, self.env = self.env, dict(self.env, **(env or {}))
        try:
            self.broker_process = self.start("reeve-broker", "--bind", self.address, "--store", self.store, "--ready-fd",
                                             writer, *words, keep=[writer], before=before)
        finally:
            self.env = saved
            os.close(writer)
        self.ready = open(reader, "rb")
        if wait:
            self.wait_broker()
        return self.broker_process

    def wait_broker(self):
        with self.ready as pipe:
            assert select.select([pipe], [], [], farm_module.DEADLINE_S)[0], "the broker is not ready"
            assert pipe.read(1), "the broker has ended before it was ready"

    def kill_broker(self):
        """As a power cut for the process; what it knows of lost leases is asked for before."""
        self.note_life()
        self.end_broker()

    def end_broker(self):
        """The same without asking, at whatever it is doing; also for one that has ended by itself."""
        self.broker_process.kill()
        self.broker_process.wait()
        self.deaths.append(time.monotonic())

    def restart_broker(self):
        self.kill_broker()
        self.start_broker()

    def ask(self, request, last, seconds=ASK_S, **fields):
        """The records that answer, up to the one named `last`; None when they do not come in time."""
        socket = self.context.socket(zmq.DEALER)
        socket.linger = 0
        self.show_key(socket)
        try:
            socket.connect(self.address)
            socket.send(wire.record("hello", version_min=1, version_max=1, role=1, peer_id=secrets.token_bytes(16)) +
                        wire.record(request, number=1 << 48, **fields))
            end, found = time.monotonic() + seconds, []
            while (left := end - time.monotonic()) > 0 and socket.poll(left * 1000):
                for record in wire.decode(socket.recv()):
                    if record.name == last or record.name == "error":
                        socket.send(wire.record("goodbye"))
                        return found + [record]
                    if record.name not in ("welcome", "ping"):
                        found.append(record)
            return None
        finally:
            socket.close()

    def show_key(self, socket):
        """Of a run whose broker asks for one; hosts.py has them."""

    def status(self):
        """The broker's status record; None when it does not answer."""
        answer = self.ask("get_status", "status")
        return answer[-1] if answer else None

    def note_life(self):
        status = self.status()
        if status:
            self.lives[status.incarnation] = status
        return status

    def lease_losses(self):
        return sum(status.lease_losses for status in self.lives.values())

    # --- workers

    def start_worker(self, slots=2, port=None, address=None, before=(), words=()):
        broker = address or f"tcp://127.0.0.1:{port or self.port + 1}"
        process = self.start("reeve-worker", "--broker", broker, "--slots", slots, "--handler", TOOLS / "recorder",
                             "--name", f"w{len(self.worker_list) + 1}", *words, before=before)
        process.label, process.slots = f"w{len(self.worker_list) + 1}", slots
        process.start_words = dict(slots=slots, port=port, address=address, before=before, words=words)
        self.worker_list.append(process)
        return process

    def worker_records(self):
        """{name: (worker record, [slot record, ...])}, of the broker that answers now; else empty."""
        found, answer = {}, self.ask("list_workers", "end") or []
        for record in answer:
            if record.name == "worker":
                found[record.id] = (record, [])
            elif record.name == "slot" and record.worker in found:
                found[record.worker][1].append(record)
        return found

    def wait_workers(self, *processes):
        """Until the broker counts on these."""
        wanted = {process.label for process in processes or self.worker_list if process.child.poll() is None}

        def joined():
            return wanted <= {name for name, (worker, _) in self.worker_records().items() if worker.state == 1}

        self.until(joined, f"{wanted} join")

    def kill_session(self, process, number=signal.SIGKILL):
        """A program and all it has started, as when their host goes; or stops."""
        for pid in list(pids_of_session(process.pid)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def held_by(self, process):
        """How many leases this worker has at most: as the broker says now, which may count some twice; when there is none
        that answers, or it waits for this worker to come back, as many as a worker can have."""
        known = self.worker_records().get(process.label)
        return known[0].leased + len(known[1]) if known else process.slots * LENT_MAX

    def allow(self, count, counted=True):
        """A fault is about to cost up to so many leases; counted: the broker is going to say so in lease_losses, unless
        it dies before."""
        self.allowances.append((time.monotonic(), count, counted))

    def allowed(self):
        """Executions too many that no broker has counted."""
        return sum(count for when, count, counted in self.allowances
                   if not counted or any(-1 < death - when < UNTOLD_S for death in self.deaths))

    # --- the way between

    def proxy(self, name, target):
        """A link to one of the broker's ports, on a port of its own."""
        port = self.port + 4 + len(self.proxies)
        self.proxies[name] = Proxy(port, target)
        return port

    # --- loads

    def start_load(self, count, window=1000, ms=0, size=0, queue="chaos.work", port=None, address=None):
        name = f"load{len(self.loads) + 1}"
        history = self.folder / f"history-{name}"
        words = ["--broker", address or f"tcp://127.0.0.1:{port or self.port}", "--history", history, "--client", name, "--queue", queue,
                 "--first", self.serial, "--count", count, "--window", window, "--ms", ms, "--size", size]
        process = self.start(TOOLS / "chaos-load", *words, *(["--durable"] if self.durable else []))
        return self.add_load(process, history, count, words, size)

    def start_hand(self, count, window=50, ms=0, port=None):
        name = f"hand{len(self.loads) + 1}"
        history = self.folder / f"history-{name}"
        words = [HERE / "hand.py", port or self.port, history, name, self.serial, count, window, ms, secrets.token_hex(16)]
        return self.add_load(self.start("/usr/bin/python3", *words), history, count, words)

    def add_load(self, process, history, count, words, size=0):
        load = Load(process, history, count, words)
        load.first, load.size = self.serial, size
        self.serial += count
        self.loads.append(load)
        return load

    def restart_hand(self, load):
        """One that was killed goes on where it was."""
        load.process = self.start("/usr/bin/python3", *load.words)

    def watch(self, topic):
        """Of a topic that is there: a broker that was killed before it was asked would not know it yet."""
        process = self.start("reeve", "watch", topic, "--json")
        process.topic = topic
        process.wait_line(lambda line: True)
        self.watchers.append(process)
        return process

    def drain(self):
        """Until every load says that all its jobs are over. It may take long; it may not stand still."""
        for load in self.loads:
            while not load.done():
                said = len(load.process.lines)
                load.process.wait_line(lambda line: True, count=said + 1)
        self.say("drained")

    def alive(self):
        """Nothing that should run has ended by itself."""
        for load in self.loads:
            status = load.process.child.poll()
            assert status in (None, 0, -signal.SIGKILL), f"{load.process.name} ended with {status}"

    # --- the verdict

    def history(self):
        history = History().read(self.runs)
        for load in self.loads:
            history.read(load.history)
        return history

    def losses(self):
        """What the broker counted in all its lives; and what our faults may have cost where nobody was left to count."""
        if not self.durable and self.deaths:
            return None
        return self.lease_losses() + self.allowed()

    def expected(self, serial):
        """The value of a job, as the history shows it."""
        return checker.value_of(serial, next(load.size for load in self.loads if load.first <= serial < load.first + load.count))

    def verdict(self, exact=False, apart=(), **more):
        """Judges the run after a drain, prints what it saw and fails unless it is as promised. exact: no execution too
        many, whatever was lost. apart: serials of jobs that no history tells of."""
        if self.note_life() is None:
            raise AssertionError("the broker does not answer after the drain")
        losses = 0 if exact else self.losses()
        history = self.history()
        for serial in apart:
            history.runs.pop(serial, None)
        report = checker.check(history, self.expected, losses, one_job=self.durable, **more)
        self.say(f"broker died {len(self.deaths)} times, lives known {len(self.lives)}, lease losses told "
                 f"{self.lease_losses()}, not told but caused by us up to {self.allowed()}")
        for process in self.watchers:
            assert process.lines, f"nothing was said of {process.topic}"
            checker.check_updates([json.loads(line) for line in process.lines], report)
            self.say(f"{len(process.lines)} updates of {process.topic}")
        self.say(str(report))
        assert report.valid, report
        self.until(lambda: (status := self.status()) and (status.live == 0 or self.flooded), "no job is open")
        return history

    def close(self):
        for proxy in self.proxies.values():
            proxy.close()
        with contextlib.suppress(AttributeError):
            self.ready.close()
        if not warden.end_marked(self.mark):
            print("processes of this run do not go", flush=True)
        for process in self.processes:
            process.clean()  # a disk is busy until the last of them is reaped
        for mount in self.mounts:
            subprocess.run(["umount", mount], check=True)
        super().close()
        self.warden.close()


def parse(words):
    wanted = []
    words = iter(words)
    for word in words:
        if word == "--full":
            options.full = True
        elif word == "--seed":
            options.seed = int(next(words))
        elif word == "--store":
            options.store = next(words)
        elif word.startswith("-"):
            sys.exit(f"no option {word}; there are --full, --seed N, --store memory")
        else:
            wanted.append(word)
    options.store = options.store or os.environ.get("REEVE_CHAOS_STORE")
    return wanted


def main(names):
    farm_module.main(names, Chaos, parse(sys.argv[1:]))
