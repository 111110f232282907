# SPDX-License-Identifier: Apache-2.0
"""hosts: several hosts on one wire, each a network namespace with an address of its own, and what happens to hosts: the
cable is pulled and put back, the power goes. The farm between them has keys, for its ports are no loopback.

    main(globals())    ends a test file, as chaos.main does; the tests get a HostsRun, in a namespace that is thrown away
"""
import os
import pathlib
import shutil
import subprocess
import sys

import chaos
import farm as farm_module

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "consumer" / "python"))
from reeve import identity  # noqa: E402

INSIDE = "REEVE_CHAOS_HOSTS"
PORT = 7710
NETWORK = "10.77.0."
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"


def missing():
    """Why it cannot be done here; None when it can."""
    for program in ("unshare", "nsenter", "ip"):
        if not shutil.which(program, path=PATH):
            return f"no program {program}"
    if os.geteuid() != 0:
        return "not root"
    done = subprocess.run(["unshare", "-n", "ip", "link", "add", "wire", "type", "bridge"], capture_output=True, text=True,
                          env=dict(os.environ, PATH=PATH), check=False)
    return done.stderr.strip() if done.returncode else None


def ip(*words, inside=()):
    subprocess.run([*inside, "ip", *map(str, words)], check=True, env=dict(os.environ, PATH=PATH))


class Host:
    """A namespace that a sleeping process holds, and its cable to the bridge."""

    def __init__(self, run, name, number):
        self.run, self.name = run, name
        self.address = f"{NETWORK}{number}"
        self.cable = f"cable{number}"
        holder = farm_module.Process(["unshare", "-n", "sleep", "infinity"], run.folder, run.env)
        run.processes.append(holder)
        here = os.readlink("/proc/self/ns/net")
        run.until(lambda: os.readlink(f"/proc/{holder.pid}/ns/net") != here, f"{name} has a namespace")
        self.enter = ["nsenter", f"--net=/proc/{holder.pid}/ns/net"]
        ip("link", "add", self.cable, "type", "veth", "peer", "name", "eth0", "netns", holder.pid)
        ip("link", "set", self.cable, "master", "wire", "up")
        ip("addr", "add", f"{self.address}/24", "dev", "eth0", inside=self.enter)
        ip("link", "set", "eth0", "up", inside=self.enter)
        ip("link", "set", "lo", "up", inside=self.enter)
        self.worker = None

    def pull(self):
        """The cable: nothing comes in or goes out, and nobody is told."""
        ip("link", "set", self.cable, "down")

    def plug(self):
        ip("link", "set", self.cable, "up")

    def power_cut(self):
        """All that ran there is gone, and none of it could say so."""
        self.pull()
        self.run.kill_session(self.worker)


class HostsRun(chaos.Chaos):
    def __init__(self):
        if os.environ.get(INSIDE) != "yes":
            raise farm_module.NotHere(f"no hosts here: {os.environ.get(INSIDE)}")
        super().__init__()
        self.port = PORT  # nobody else is on this network
        self.hosts = {}
        ip("link", "add", "wire", "type", "bridge")
        ip("addr", "add", f"{NETWORK}1/24", "dev", "wire")
        ip("link", "set", "wire", "up")
        self.broker_host = self.add_host("broker")
        self.address = f"tcp://{self.broker_host.address}:{PORT}"
        self.keys = self.folder / "keys"
        self.env.update(REEVE_BROKER=self.address)
        self.reeve_ok("keys", "init", "--keys", self.keys)
        self.identity = identity.read(str(self.keys / "admin.key"))
        self.env.update(REEVE_IDENTITY=str(self.keys / "admin.key"))
        self.start_broker()

    def add_host(self, name):
        self.hosts[name] = Host(self, name, 10 + len(self.hosts))
        return self.hosts[name]

    def reeve_ok(self, *words):
        done = self.reeve(*words)
        assert done.returncode == 0, f"reeve {words}: {done.returncode}: {done.stderr}"
        return done.stdout

    def show_key(self, socket):
        self.identity.show(socket)

    def start_broker(self, **options):
        return super().start_broker(before=self.broker_host.enter, words=("--keys", self.keys), **options)

    def start_worker_at(self, host, slots=2):
        """The worker of a host that has none yet joins, by an invitation."""
        line = self.reeve_ok("invite", "worker", "--name", host.name, "--queues", "chaos.", "--keys", self.keys,
                             "--address", f"tcp://{self.broker_host.address}:{PORT + 1}").split()
        label = f"w{len(self.worker_list) + 1}"
        host.worker = self.start("reeve", "join", "--identity", self.folder / f"{host.name}.key", *line[2:], "--slots", slots,
                                 "--handler", chaos.TOOLS / "recorder", "--name", label, before=host.enter)
        host.worker.label, host.worker.slots = label, slots
        self.worker_list.append(host.worker)
        return host.worker

    def close(self):
        super().close()
        ip("link", "del", "wire")


def main(names):
    """In a network of its own, where the wire may have any name and any address."""
    if INSIDE not in os.environ:
        reason = missing()
        os.environ[INSIDE] = reason or "yes"
        words = [sys.executable, str(pathlib.Path(sys.argv[0]).resolve()), *sys.argv[1:]]
        if not reason:
            words = ["unshare", "-n", *words]
        os.execvp(words[0], words)
    ip("link", "set", "lo", "up")
    farm_module.main(names, HostsRun, chaos.parse(sys.argv[1:]))
