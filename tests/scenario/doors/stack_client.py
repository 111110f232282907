# SPDX-License-Identifier: Apache-2.0
"""stack_client: a client of the gRPC doors in another language, driven line by line. What the scenario is stands in
Python, once; the clients only call.

To them, an object a line (call: a number of the scenario's choice, on: a connection's name):
    {do: open, on, target, keepalive_ms?, gzip?}
    {do: start, call, on, method: "todo.TodoService/AddTask", message?, path?, deadline_ms?, wait_for_ready?, metadata?}
    {do: send, call, message}    {do: half_close, call}    {do: cancel, call}
From them:
    {call, headers: true}    {call, message}    {call, code, text}, which is the call's last
"""
import contextlib
import fcntl
import itertools
import json
import os
import pathlib
import queue
import shutil
import subprocess
import sys

from farm import DEADLINE_S, Process

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
SKIPPED = 77
PROTOS = {"fin": "fin.proto", "todo": "todo.proto", "rto": "rto.proto", "health": "grpc/health/v1/health.proto",
          "reflection": "grpc/reflection/v1/reflection.proto",
          "reflectionalpha": "grpc/reflection/v1alpha/reflection.proto"}
GOCODE = pathlib.Path("/usr/share/gocode")                   # where Debian's packages of Go are
GO, PROTOC_GEN_GO = "/usr/bin/go", "/usr/bin/protoc-gen-go"  # Debian's too; others may be before them in PATH


# --- making them ---------------------------------------------------------------------------------


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)


def make_node(home):
    packages = ROOT / "tests" / "web" / "packages.sh"
    if subprocess.run([packages, home, HERE]).returncode:
        skip("@grpc/grpc-js is not here and cannot be fetched")
    return ["node", HERE / "client.mjs", home, ROOT / "proto", *PROTOS.values()]


def make_go(home):
    """Debian's packages alone, in the old manner: a folder of sources, no modules."""
    if not pathlib.Path(GO).exists() or not (GOCODE / "src/google.golang.org/grpc").is_dir():
        skip("Go and its gRPC are not here: deploy/setup.sh --tests")
    stubs = home / "src" / "stubs"
    shutil.rmtree(stubs, ignore_errors=True)
    for name, file in PROTOS.items():
        (stubs / name).mkdir(parents=True)
        subprocess.run(["protoc", f"--plugin={PROTOC_GEN_GO}", f"--go_out=import_path={name}:{stubs / name}", file],
                       cwd=ROOT / "proto", check=True)
    env = dict(os.environ, GO111MODULE="off", GOENV="off", GOFLAGS="", GOROOT="", GOPATH=f"{home}:{GOCODE}",
               GOCACHE=str(home / "cache"))
    subprocess.run([GO, "build", "-o", home / "client", HERE / "client.go"], env=env, check=True)
    return [home / "client"]


def made(language):
    """The words that run the client of that language; made in the build folder, once for all who ask."""
    home = ROOT / "build" / f"grpc-{language}"
    home.mkdir(parents=True, exist_ok=True)
    with open(home / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return {"node": make_node, "go": make_go}[language](home)


# --- driving them --------------------------------------------------------------------------------


class Call:
    """A call under way. greeted: headers have come before its status; an answer that is a status alone has none."""

    def __init__(self, client, number):
        self.client, self.number = client, number
        self.events = queue.Queue()
        self.greeted = False

    def event(self):
        found = self.events.get(timeout=DEADLINE_S)
        assert found is not None, f"the client has ended: {self.client.stderr()[-2000:]}"
        self.greeted |= "headers" in found
        return found

    def headers(self):
        """When they have come, the call stands."""
        assert "headers" in self.event()

    def value(self):
        """The next event that is no headers."""
        found = self.event()
        return self.event() if "headers" in found else found

    def message(self):
        found = self.value()
        assert "message" in found, found
        return found["message"]

    def end(self):
        """(code, text)"""
        found = self.value()
        assert "code" in found, found
        return found["code"], found["text"]

    def rest(self):
        """The messages until it has ended well."""
        messages = []
        while "message" in (found := self.value()):
            messages.append(found["message"])
        assert found["code"] == 0, found
        return messages

    def send(self, **message):
        self.client.tell(do="send", call=self.number, message=message)

    def half_close(self):
        self.client.tell(do="half_close", call=self.number)

    def cancel(self):
        self.client.tell(do="cancel", call=self.number)


class Client(Process):
    """A client and what it says. Connections have the names that open() gives them."""

    def __init__(self, farm, words):
        reader, writer = os.pipe()
        self.calls, self.numbers = {}, itertools.count(1)
        super().__init__(words, farm.folder, farm.env, stdin=reader)  # which it closes
        self.commands = open(writer, "w")
        farm.processes.append(self)

    def read(self):
        for line in self.child.stdout:
            event = json.loads(line)
            self.calls[event["call"]].events.put(event)
        for call in list(self.calls.values()):
            call.events.put(None)

    def tell(self, **command):
        self.commands.write(json.dumps(command) + "\n")
        self.commands.flush()

    def open(self, on, port, **options):
        self.tell(do="open", on=on, target=f"localhost:{port}", **options)

    def start(self, on, method, message=None, **options):
        number = next(self.numbers)
        call = self.calls[number] = Call(self, number)
        self.tell(do="start", call=number, on=on, method=method, message=message or {}, **options)
        return call

    def ask(self, on, method, message=None, **options):
        """The answer of a unary call that ends well."""
        call = self.start(on, method, message, **options)
        found = call.value()
        assert "message" in found, found
        assert call.end()[0] == 0
        return found["message"]

    def fails(self, code, on, method, message=None, text="", **options):
        """The call, which has ended so."""
        call = self.start(on, method, message, **options)
        found = call.end()
        assert found[0] == code and text in found[1], found
        return call

    def clean(self):
        with contextlib.suppress(BrokenPipeError):  # it may be gone
            self.commands.close()
        super().clean()
