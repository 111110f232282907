# SPDX-License-Identifier: Apache-2.0
"""farm: real processes for a scenario, and raw peers that speak PROTOCOL.md.

A scenario is a function test_*(farm) in a file that ends with farm.main(globals()). Each gets a Farm
of its own: a free block of ports, a folder, and whatever it starts; at the end all of that is ended
by process id. What the processes said on standard error is part of a failure's message. Nothing here
waits for a time: it waits for a line, a record or a state, and DEADLINE_S is only there so that a
test that would hang fails.
"""
import contextlib
import json
import os
import pathlib
import secrets
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import zmq

import wire

BUILD = pathlib.Path(os.environ.get("REEVE_BUILD", pathlib.Path(__file__).resolve().parents[2] / "build"))
DEADLINE_S = int(os.environ.get("REEVE_DEADLINE_S", 60))
ASK_S = 0.01  # between two questions
PORTS = 10  # a block: clients, workers, updates, page, doors


class Ports:
    """A block of free loopback ports below the ephemeral range; a name that only one test can have keeps the others out
    of it."""

    def __init__(self):
        for i in range(1000):
            base = 12000 + (os.getpid() * 7 + i) % 1900 * PORTS
            self.name = socket.socket(socket.AF_UNIX)
            try:
                self.name.bind(f"\0reeve-test-ports-{base}")
                if all(self.is_free(base + k) for k in range(PORTS)):
                    self.base = base
                    return
            except OSError:  # another test has it
                pass
            self.name.close()
        raise RuntimeError("no free block of ports")

    @staticmethod
    def is_free(port):
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                return False
        return True

    def close(self):
        self.name.close()


class Process:
    """A program we started: its lines as they come, its standard error in a file."""

    def __init__(self, words, folder, env, keep=(), stdin=None, before=()):
        """before: words that run it, `strace -D` for one."""
        self.words = [str(word) for word in (*before, *words)]
        self.name = pathlib.Path(words[0]).name
        self.stderr_path = folder / f"{self.name}-{secrets.token_hex(4)}.stderr"
        self.lines = []
        self.changed = threading.Condition()
        self.closed = False
        with open(self.stderr_path, "wb") as stderr, open(stdin or os.devnull, "rb") as source:
            self.child = subprocess.Popen(self.words, stdin=source, stdout=subprocess.PIPE, stderr=stderr,
                                          text=True, env=env, cwd=folder, start_new_session=True, pass_fds=keep)
        self.pid = self.child.pid
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.child.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def wait_line(self, wanted, count=1):
        """The first line that wanted(line) is true of; a text stands for the whole line. With count, the count-th."""
        is_it = wanted if callable(wanted) else wanted.__eq__
        end = time.monotonic() + DEADLINE_S
        with self.changed:
            while True:
                found = [line for line in self.lines if is_it(line)]
                if len(found) >= count:
                    return found[count - 1]
                left = end - time.monotonic()
                if self.closed or left <= 0:
                    raise AssertionError(f"{self.name} did not say {wanted}; it said {self.lines[-20:]}")
                self.changed.wait(left)

    def wait(self):
        """Its exit status, when it has ended by itself."""
        status = self.child.wait(DEADLINE_S)
        self.reader.join(DEADLINE_S)
        return status

    def kill(self, number=signal.SIGKILL):
        self.child.send_signal(number)

    def stop(self):
        """Ends it as a user would; it must obey."""
        if self.child.poll() is None:
            self.child.terminate()
        return self.wait()

    def clean(self):
        """Ends it and whatever it has left behind; the session is ours, so nothing else is met."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()

    def stderr(self):
        return self.stderr_path.read_text(errors="replace")


class Peer:
    """A raw DEALER. Says hello unless told not to; answers pings by itself. With an identity (guarded.py) it shows its key."""

    def __init__(self, farm, role=1, port=None, hello=True, peer_id=None, identity=None, **fields):
        self.farm = farm
        self.socket = farm.context.socket(zmq.DEALER)
        self.socket.linger = 0
        if identity:
            identity.shown_by(self.socket)
        self.socket.connect(f"tcp://127.0.0.1:{port or farm.port + role - 1}")
        self.peer_id = peer_id or secrets.token_bytes(16)
        self.waiting = []  # records that came while another was waited for
        self.number = self.result_number = 0
        if hello:
            self.hello(role, **fields)

    def hello(self, role, **fields):
        self.send("hello", version_min=1, version_max=1, role=role, peer_id=self.peer_id, pid=os.getpid(), **fields)
        if role == 1:
            self.welcome = self.receive("welcome")

    def send(self, name, /, **fields):
        self.send_bytes(wire.record(name, **fields))

    def send_bytes(self, *frames):
        """One message; a program that takes none for DEADLINE_S is stuck."""
        if not self.socket.poll(DEADLINE_S * 1000, zmq.POLLOUT):
            raise AssertionError("nobody takes the message")
        self.socket.send_multipart(frames)

    def receive(self, *names, **fields):
        """The next record of one of these names (any, when none is given) with these fields. Others wait their turn."""
        end = time.monotonic() + DEADLINE_S

        def fits(record):
            return (not names or record.name in names) and all(record[k] == v for k, v in fields.items())

        while True:
            for i, record in enumerate(self.waiting):
                if fits(record):
                    return self.waiting.pop(i)
            left = end - time.monotonic()
            if left <= 0 or not self.socket.poll(left * 1000):
                raise AssertionError(f"no {names or 'record'} {fields or ''} came; these did: {self.waiting[-5:]}")
            for record in wire.decode(self.socket.recv()):
                if record.name == "ping":
                    self.send("pong")
                elif record.name != "pong" or "pong" in names:
                    self.waiting.append(record)

    def submit(self, queue="echo.echo", args=b"\x90", **fields):
        """Sends a submission; its number."""
        self.number += 1
        self.send("submit", number=self.number, queue=queue, args=args, **fields)
        return self.number

    def close(self):
        self.socket.close()


class Worker(Peer):
    """A raw worker: offers queues, does what the test tells it to."""

    def __init__(self, farm, *queues, slots=1, peer_id=None, holds=(), identity=None, **fields):
        super().__init__(farm, role=2, hello=False, peer_id=peer_id, identity=identity)
        body = wire.record("hello", version_min=1, version_max=1, role=2, peer_id=self.peer_id, slots=slots,
                           name="raw-" + self.peer_id.hex()[:8], host="test", pid=os.getpid(), **fields)
        for queue in queues or ("echo.echo",):
            body += wire.record("offer", queue=queue)
        for lease in holds:
            body += wire.record("holding", id=lease.id, token=lease.token)
        self.send_bytes(body + wire.record("ready"))
        self.welcome = self.receive("welcome")

    def answer(self, lease, value=b"\xc0", reason=0):
        self.result_number += 1
        self.send("result", number=self.result_number, id=lease.id, token=lease.token, reason=reason, value=value)
        return self.receive("result_ack", number=self.result_number)


class Farm:
    def __init__(self):
        self.ports = Ports()
        self.port = self.ports.base
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.context = zmq.Context()
        self.processes = []
        self.folder_object = tempfile.TemporaryDirectory(prefix="reeve-test-")
        self.folder = pathlib.Path(self.folder_object.name)
        self.env = dict(os.environ, REEVE_BROKER=self.address, XDG_STATE_HOME=str(self.folder / "state"),
                        HOME=str(self.folder), REEVE_CONFIG="none")

    def start(self, program, *words, **options):
        process = Process([BUILD / "bin" / program, *words], self.folder, self.env, **options)
        self.processes.append(process)
        return process

    def broker(self, *words):
        """A broker, once its ports are bound: it writes a line into the pipe, or ends and so closes it."""
        reader, writer = os.pipe()
        process = self.start("reeve-broker", "--bind", self.address, "--ready-fd", writer, *words, keep=[writer])
        os.close(writer)
        with open(reader, "rb") as pipe:
            assert select.select([pipe], [], [], DEADLINE_S)[0] and pipe.read(1), "the broker does not listen"
        return process

    def worker(self, *words, slots=2):
        """A real worker, once the broker knows it and its slots."""
        known = {worker["id"] for worker in self.workers()}
        process = self.start("reeve-worker", "--broker", f"tcp://127.0.0.1:{self.port + 1}", "--slots", slots, *words)

        def joined():
            return [worker for worker in self.workers() if worker["id"] not in known and worker["pid"] == process.pid]

        process.id = self.until(joined, f"worker {process.pid} joins")[0]["id"]
        return process

    def up(self, *words):
        process = self.start("reeve", "up", "--port-base", self.port, "--store", "memory", *words)
        process.wait_line("ready")
        return process

    def reeve(self, *words, text=None, timeout=DEADLINE_S):
        """Runs the command line to its end."""
        return subprocess.run([BUILD / "bin" / "reeve", *map(str, words)], input=text, env=self.env, cwd=self.folder,
                              capture_output=True, text=True, timeout=timeout)

    def json(self, *words):
        done = self.reeve(*words, "--json")
        assert done.returncode == 0, f"reeve {words}: {done.returncode}: {done.stderr}"
        return json.loads(done.stdout)

    def workers(self):
        return self.json("workers")["workers"]

    def until(self, condition, what):
        """Asks again until the condition gives something true, and returns that."""
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            found = condition()
            if found:
                return found
            time.sleep(ASK_S)  # for those it waits for, who need the processor
        raise AssertionError(f"not within {DEADLINE_S} s: {what}")

    def client(self, **fields):
        return Peer(self, **fields)

    def check_alive(self):
        """A job still goes all the way round, through a client and a worker of this moment."""
        worker, client = Worker(self, "alive.check"), self.client()
        number = client.submit("alive.check", b"\x91\x07")
        lease = worker.receive("lease")
        assert lease.args == b"\x91\x07", lease
        worker.answer(lease, b"\x08")
        ended = client.receive("ended", number=number)
        assert (ended.state, ended.value) == (wire.STATES["JOB_OK"], b"\x08"), ended
        worker.send("goodbye")
        client.send("goodbye")
        worker.close()
        client.close()

    def close(self):
        self.context.destroy(linger=0)
        for process in reversed(self.processes):
            process.clean()
        self.folder_object.cleanup()
        self.ports.close()

    def report(self):
        for process in self.processes:
            text = process.stderr()
            print(f"--- {' '.join(process.words)} (status {process.child.poll()})\n{text[-6000:]}", end="")

    def check_sanitizers(self):
        for process in self.processes:
            text = process.stderr()
            for mark in ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", "runtime error:", "bug: "):
                assert mark not in text, f"{process.name}: {mark}"


class NotHere(Exception):
    """This machine lacks what the test needs, and Reeve does not."""


def run(test, make):
    farm = make()
    try:
        test(farm)
        farm.check_sanitizers()
        return True
    except NotHere as reason:
        print(f"not run: {test.__name__}: {reason}")
        return True
    except Exception:
        traceback.print_exc(file=sys.stdout)
        farm.report()
        return False
    finally:
        farm.close()


def main(names, make=Farm, wanted=None):
    """Runs the test_* functions in their order, or those named on the command line, each with what make() makes."""
    wanted = sys.argv[1:] if wanted is None else wanted
    passed = failed = 0
    for name, test in list(names.items()):
        if not name.startswith("test_") or (wanted and name not in wanted):
            continue
        if run(test, make):
            passed += 1
        else:
            failed += 1
            print(f"failed: {name}")
        sys.stdout.flush()
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)
