#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Keys: reeve keys, and a farm whose broker asks for them, with every kind of peer, known and unknown."""
import json
import os
import pathlib
import re
import signal
import stat
import subprocess
import sys
import urllib.request

import farm as farm_module
from farm import BUILD, DEADLINE_S

SOURCE = pathlib.Path(__file__).resolve().parents[2]

CLIENT = """
import sys, reeve
with reeve.Client(identity=sys.argv[1], timeout=60) as farm:
    print(farm.call("fibonacci_generator.calculate", int(sys.argv[2]), timeout=60))
"""


class KeyFarm(farm_module.Farm):
    """A farm with a folder of keys; what it runs by itself is the admin."""

    def __init__(self):
        super().__init__()
        self.keys = self.folder / "keys"
        made = self.json("keys", "init", "--keys", self.keys)
        self.server_key = made["server_key"]
        self.env["REEVE_IDENTITY"] = str(self.keys / "admin.key")

    def key(self, role, name, *words):
        return self.json("keys", "new", role, name, "--keys", self.keys, *words)["file"]

    def revoke(self, name):
        return self.json("keys", "revoke", name, "--keys", self.keys)

    def broker(self, *words):
        return super().broker("--keys", self.keys, "--store", "memory", *words)

    def as_one(self, identity, verb, *words, **options):
        """The command line with another key."""
        return self.reeve(verb, "--identity", identity, *words, **options)

    def python(self, identity, number):
        return subprocess.run([sys.executable, "-c", CLIENT, identity, str(number)], capture_output=True, text=True,
                              env=dict(self.env, PYTHONPATH=str(SOURCE / "consumer/python")), timeout=DEADLINE_S)


def answer(done):
    return done.returncode, done.stdout, done.stderr


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def principals(farm):
    return {row["name"]: row for row in farm.json("keys", "list", "--keys", farm.keys)["principals"]}


def test_keys_are_made_listed_and_revoked(farm):
    assert mode(farm.keys) == 0o700
    assert sorted(path.name for path in farm.keys.iterdir()) == ["acl", "admin.key", "server.key"]
    worker = farm.key("worker", "rack-7", "--queues", "calculator.,bench.")
    client = farm.key("client", "web", "--out", farm.folder / "web.key")
    assert worker == str(farm.keys / "rack-7.key") and client == str(farm.folder / "web.key")
    for path in [farm.keys / "acl", farm.keys / "server.key", farm.keys / "admin.key", worker, client]:
        assert mode(path) == 0o600, path
    known = principals(farm)
    assert list(known) == ["admin", "rack-7", "web"]
    assert (known["rack-7"]["role"], known["rack-7"]["queues"]) == ("worker", "calculator.,bench.")
    text = pathlib.Path(worker).read_text()
    assert known["rack-7"]["public_key"] in text and farm.server_key in text
    assert text.split('secret-key = "')[1][:40] not in (farm.keys / "acl").read_text()
    farm.revoke("rack-7")
    assert principals(farm)["rack-7"]["role"] == "revoked"
    assert farm.reeve("keys", "list", "--keys", farm.keys, "--quiet").stdout == "admin\nweb\n"
    table = farm.reeve("keys", "list", "--keys", farm.keys).stdout.splitlines()
    assert table[0].split() == ["NAME", "ROLE", "QUEUES", "QUOTA", "KEY"] and len(table) == 4, table
    # The name may come back, with another key and in another file.
    again = farm.key("worker", "rack-7", "--out", farm.folder / "rack-7.key")
    assert known["rack-7"]["public_key"] not in pathlib.Path(again).read_text()


def test_nothing_is_written_over(farm):
    before = {path.name: path.read_bytes() for path in farm.keys.iterdir()}
    done = farm.reeve("keys", "init", "--keys", farm.keys)
    assert done.returncode == 7 and "is there already" in done.stderr, answer(done)
    done = farm.reeve("keys", "new", "client", "admin", "--keys", farm.keys)
    assert done.returncode == 7 and "admin already" in done.stderr, answer(done)
    done = farm.reeve("keys", "new", "client", "server", "--keys", farm.keys)  # its file would be the broker's
    assert done.returncode == 7 and "it stays" in done.stderr, answer(done)
    done = farm.reeve("keys", "new", "client", "c", "--keys", farm.keys, "--out", farm.folder / "no/such/c.key")
    assert done.returncode == 7 and "No such file" in done.stderr, answer(done)
    assert {path.name: path.read_bytes() for path in farm.keys.iterdir()} == before


def test_mistakes_are_told(farm):
    for words, status, told in [
            (("new", "clint", "c"), 2, "did you mean client?"),
            (("new", "client", "a b"), 7, "is no name"),
            (("new", "client", "x" * 65), 7, "is no name"),
            (("new", "client"), 2, "new ROLE NAME"),
            (("new", "worker", "w", "--queues", "a b"), 2, "--queues"),
            (("revoke", "nobody"), 3, 'no principal "nobody"'),
            (("revok", "nobody"), 2, 'did you mean "revoke"?')]:
        done = farm.reeve("keys", *words, "--keys", farm.keys)
        assert done.returncode == status and told in done.stderr, (words, answer(done))
    done = farm.reeve("keys", "list", "--keys", farm.folder / "none")
    assert done.returncode == 7 and "reeve keys init" in done.stderr, answer(done)
    with open(farm.keys / "acl", "a") as acl:
        acl.write("client someone tooshort *\n")
    done = farm.reeve("keys", "new", "client", "c", "--keys", farm.keys)
    assert done.returncode == 7 and "line 4" in done.stderr, answer(done)
    assert not (farm.keys / "c.key").exists()


def test_two_at_once_lose_nothing(farm):
    names = [f"client-{i}" for i in range(12)]
    running = [farm.start("reeve", "keys", "new", "client", name, "--keys", farm.keys) for name in names]
    assert [process.wait() for process in running] == [0] * len(names)
    assert sorted(principals(farm)) == ["admin", *sorted(names)]


def test_everybody_with_a_key_works(farm):
    farm.broker()
    worker, gateway = farm.key("worker", "w"), farm.key("gateway", "g")
    client, watcher = farm.key("client", "c"), farm.key("watcher", "v")
    farm.worker("--identity", worker)
    done = farm.as_one(client, "call", "fibonacci_generator.calculate", 40)
    assert done.stdout == "102334155\n", answer(done)
    assert farm.reeve("call", "calculator.calculate", 2, "+", 2).stdout == "4\n"
    assert farm.as_one(watcher, "status").returncode == 0
    done = farm.python(client, 50)
    assert (done.returncode, done.stdout) == (0, "12586269025\n"), answer(done)
    mapped = farm.as_one(client, "map", "fibonacci_generator.calculate", text="1\n2\n3\n10\n")
    assert mapped.stdout == "1\n1\n2\n55\n", answer(mapped)
    farm.env.pop("REEVE_IDENTITY")
    done = farm.as_one(client, "bench", "--jobs", 10, "--depth", 2, "--subscribers", 1)
    assert done.returncode == 0 and "10 jobs" in done.stdout, answer(done)
    done = farm.as_one(client, "load", "--tasks", 3, "--reactor", 0)
    assert done.returncode == 0, answer(done)
    assert farm.reeve("load", "--tasks", 1).returncode == 5
    done = farm.as_one(client, "bench", "--workers", 1)
    assert done.returncode == 2 and "--identity" in done.stderr, answer(done)
    reader, writer = os.pipe()
    farm.start("reeve-gateway", "--http", f"127.0.0.1:{farm.port + 3}", "--identity", gateway, "--ready-fd", writer,
               keep=[writer])
    os.close(writer)
    with open(reader, "rb") as pipe:
        assert pipe.readline() == b"\n"

    def page_is_ready():
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{farm.port + 3}/readyz", timeout=DEADLINE_S) as reply:
                return reply.status == 200
        except OSError:
            return False

    farm.until(page_is_ready, "the gateway is let in")


def test_who_is_not_known_is_told_so(farm):
    farm.broker()
    other = farm.folder / "other"
    farm.json("keys", "init", "--keys", other)
    # Another farm's admin: that broker has another key.
    done = farm.as_one(other / "admin.key", "status", "--wait", 2)
    assert done.returncode == 5 and "not be the one of this identity" in done.stderr, answer(done)
    # A key that is not known, made for this broker: by a list that was put back.
    before = (farm.keys / "acl").read_bytes()
    stranger = farm.key("client", "stranger")
    (farm.keys / "acl").write_bytes(before)
    os.chmod(farm.keys / "acl", 0o600)
    assert farm.as_one(farm.key("client", "known"), "status").returncode == 0  # by then the broker has read it
    done = farm.as_one(stranger, "status")
    assert done.returncode == 5 and "does not know this key" in done.stderr, answer(done)
    assert json.loads(farm.as_one(stranger, "status", "--json").stdout)["error"]["exit"] == 5
    done = farm.python(stranger, 1)
    assert done.returncode == 1 and "Denied" in done.stderr and "does not know this key" in done.stderr, answer(done)
    # None at all. That it asks for a key it says only if it does not hang up before that has left.
    done = farm.as_one("", "status")
    assert done.returncode == 5 and re.search("asks? for a key: --identity", done.stderr), answer(done)
    done = farm.python("", 1)
    assert done.returncode == 1 and re.search("Denied.*asks? for a key", done.stderr), answer(done)
    done = farm.as_one(stranger, "doctor")
    assert done.returncode == 7 and "does not know this key" in done.stdout, answer(done)


def test_a_key_where_none_is_asked_for_is_told(farm):
    farm_module.Farm.broker(farm, "--store", "memory")
    done = farm.reeve("status")
    assert done.returncode == 5 and "no key" in done.stderr, answer(done)
    assert farm.as_one("", "status").returncode == 0


def test_the_right_key_at_the_wrong_port(farm):
    farm.broker()
    worker = farm.start("reeve-worker", "--broker", f"tcp://127.0.0.1:{farm.port + 1}", "--identity",
                        farm.key("client", "c"))
    farm.until(lambda: "does not know this key, or not for this port" in worker.stderr(), "the worker says why")
    done = farm.as_one(farm.key("worker", "w"), "status")
    assert done.returncode == 5 and "not for this port" in done.stderr, answer(done)
    assert farm.workers() == [] and worker.child.poll() is None


def test_a_worker_that_came_too_early_is_let_in_later(farm):
    farm.broker()
    key = farm.key("worker", "early")
    lines = (farm.keys / "acl").read_text()
    (farm.keys / "acl").write_text("".join(line for line in lines.splitlines(True) if " early " not in line))
    os.kill(farm.processes[0].pid, signal.SIGHUP)
    worker = farm.start("reeve-worker", "--broker", f"tcp://127.0.0.1:{farm.port + 1}", "--identity", key)
    farm.until(lambda: "does not know this key" in worker.stderr(), "it is refused")
    assert farm.workers() == []
    (farm.keys / "acl").write_text(lines)
    os.kill(farm.processes[0].pid, signal.SIGHUP)
    farm.until(lambda: [w["pid"] for w in farm.workers()] == [worker.pid], "it is let in")


def test_who_is_revoked_goes_and_does_not_come_back(farm):
    broker = farm.broker()
    worker = farm.worker("--identity", farm.key("worker", "w"))
    client = farm.key("client", "c")
    assert farm.as_one(client, "status").returncode == 0
    assert farm.revoke("c")["broker"] == broker.pid
    assert farm.as_one(client, "status").returncode == 5
    farm.revoke("w")
    farm.until(lambda: not [w for w in farm.workers() if w["state"] == "up"], "the worker is let go")
    farm.until(lambda: "does not know this key" in worker.stderr() or worker.child.poll() is not None,
               "it hears that it may not come back, or leaves")


def test_peers_come_back_after_the_broker(farm):
    broker = farm.broker()
    worker = farm.worker("--identity", farm.key("worker", "w"))
    broker.kill()
    broker.wait()
    farm.broker()
    farm.until(lambda: [w["pid"] for w in farm.workers() if w["state"] == "up"] == [worker.pid], "it is back")
    assert farm.reeve("call", "calculator.calculate", 2, "+", 3).stdout == "5\n"


def test_files_that_others_can_read_are_refused(farm):
    farm.broker()
    key = farm.key("client", "c")
    os.chmod(key, 0o640)
    done = farm.as_one(key, "status")
    assert done.returncode == 5 and f"{key}: others may read or write it" in done.stderr, answer(done)
    done = farm.python(key, 1)
    assert done.returncode == 1 and "others may read or write it" in done.stderr, answer(done)
    secret = pathlib.Path(key).read_text().split('secret-key = "')[1][:40]
    for program, words in [("reeve-worker", ["--broker", f"tcp://127.0.0.1:{farm.port + 1}"]),
                           ("reeve-gateway", ["--http", f"127.0.0.1:{farm.port + 3}"])]:
        process = farm.start(program, *words, "--identity", key)
        assert process.wait() == 7 and "others may read or write it" in process.stderr(), process.stderr()
        assert secret not in process.stderr()
    os.chmod(key, 0o600)
    assert farm.as_one(key, "status").returncode == 0
    link = farm.folder / "link.key"
    link.symlink_to(key)
    assert "symbolic link" in farm.as_one(link, "status").stderr
    pathlib.Path(key).write_text(pathlib.Path(key).read_text().replace(secret, secret[:-1]))
    done = farm.as_one(key, "status")
    assert done.returncode == 5 and "holds no key pair" in done.stderr and secret[:-1] not in done.stderr, answer(done)
    os.chmod(farm.keys, 0o770)
    done = farm.reeve("keys", "list", "--keys", farm.keys)
    assert done.returncode == 7 and "others may write there" in done.stderr, answer(done)


def runbook_block(number):
    """The lines of a block behind `Replace the broker's own` in the runbook, without their comments."""
    text = (SOURCE / "deploy/RUNBOOK.md").read_text().split("**Replace the broker's own**")[1]
    return [line.split("#")[0].strip() for line in text.split("```sh\n")[number].split("```")[0].splitlines()]


def test_the_brokers_own_key_is_replaced_as_the_runbook_says(farm):
    elsewhere = {name: farm.folder / f"{name}.identity" for name in ("worker", "gateway")}
    for role, path in elsewhere.items():
        farm.key(role, role, "--out", path)
    client = farm.key("client", "c")
    running = {"broker": farm.broker(), "worker": farm.worker("--identity", elsewhere["worker"])}
    lists = (farm.keys / "acl").read_bytes()
    line, = runbook_block(1)
    assert line == "runuser -u reeve -- reeve keys rotate --keys /var/lib/reeve/keys", line
    made = farm.json("keys", "rotate", "--keys", farm.keys)
    new_key = made["server_key"]
    assert new_key != farm.server_key and made["identities"] == 2, made  # the admin's and the client's
    assert (farm.keys / "acl").read_bytes() == lists and mode(farm.keys / "server.key") == 0o600
    assert new_key in pathlib.Path(client).read_text() and farm.server_key in elsewhere["worker"].read_text()

    def restarted(what):
        if what == "broker":
            running["broker"].stop()
            running["broker"] = farm.broker()
            done = farm.as_one(elsewhere["gateway"], "status")
            assert done.returncode == 5, answer(done)  # it still has the old one

    steps = {"systemctl stop 'reeve-worker@*'": lambda: running["worker"].stop(),
             "systemctl restart reeve-broker": lambda: restarted("broker"),
             "systemctl start reeve-worker@main": lambda: running.update(worker=farm.worker("--identity", elsewhere["worker"])),
             "systemctl restart reeve-gateway": lambda: restarted("gateway")}
    for line in runbook_block(2):
        if line in steps:
            steps.pop(line)()
            continue
        words = line.replace("NEW-KEY", new_key).split()
        path = elsewhere[words[-1].split("reeve-")[1].split(".")[0]]
        assert words[:3] == ["reeve", "keys", "server"], line
        done = farm.reeve(*words[1:-1], path)
        assert done.returncode == 0 and mode(path) == 0o600, answer(done)
    assert not steps, steps
    assert farm.as_one(client, "call", "calculator.calculate", 2, "+", 3).stdout == "5\n"
    assert farm.as_one(elsewhere["gateway"], "status").returncode == 0
    for words, status, told in [(("short", client), 2, "is no public key"), ((new_key, farm.keys / "server.key"), 7, "the broker's own"),
                                ((new_key, farm.folder / "none"), 7, "No such file")]:
        done = farm.reeve("keys", "server", *words)
        assert done.returncode == status and told in done.stderr, answer(done)


def test_up_with_keys(farm):
    up = farm.up("--keys", farm.keys, "--doors", "none", "--slots", 1)
    assert farm.reeve("call", "calculator.calculate", 2, "+", 4).stdout == "6\n"
    assert {"admin", "up-worker", "up-gateway"} == set(principals(farm))
    done = farm.as_one("", "status")
    assert done.returncode == 5, answer(done)
    assert up.stop() == 0
    up = farm.up("--keys", farm.keys, "--doors", "none", "--slots", 1)  # with the keys that are there
    assert farm.reeve("call", "calculator.calculate", 2, "+", 5).stdout == "7\n"
    assert up.stop() == 0


if __name__ == "__main__":
    farm_module.main(globals(), KeyFarm)
