#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What broker, worker and gateway tell a service manager, which the test plays: a datagram socket as $NOTIFY_SOCKET."""
import os
import re
import signal
import socket
import time

import farm as farm_module
from farm import BUILD, DEADLINE_S, Worker


class Manager:
    """Starts a service as systemd would, and hears what it says."""

    def __init__(self, farm, watchdog_us=None):
        self.farm, self.path = farm, farm.folder / "notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.path))
        self.socket.settimeout(DEADLINE_S)
        self.heard = []
        self.env = {"NOTIFY_SOCKET": str(self.path)}
        if watchdog_us:
            self.env["WATCHDOG_USEC"] = str(watchdog_us)

    def start(self, program, *words):
        before = dict(self.farm.env)
        self.farm.env.update(self.env)
        try:
            return self.farm.start(program, *words)
        finally:
            self.farm.env.clear()
            self.farm.env.update(before)

    def wait(self, wanted):
        """The next message that is wanted (a text, or a pattern that matches whole); what came before it was heard too."""
        end = time.monotonic() + DEADLINE_S
        while time.monotonic() < end:
            text = self.socket.recv(4096).decode()
            self.heard.append(text)
            if re.fullmatch(wanted, text):
                return text
        raise AssertionError(f"not heard: {wanted}; heard {self.heard[-20:]}")

    def close(self):
        self.socket.close()
        os.unlink(self.path)


def check_reload(manager, process):
    """HUP is answered and changes nothing."""
    process.kill(signal.SIGHUP)
    told = manager.wait(r"RELOADING=1\nMONOTONIC_USEC=\d+")
    assert int(told.rsplit("=", 1)[1]) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000, told
    manager.wait("READY=1")


def check_stop(manager, process):
    process.kill(signal.SIGTERM)
    manager.wait("STOPPING=1")
    assert process.wait() == 0
    manager.close()


def test_a_broker(farm):
    manager = Manager(farm, watchdog_us=200_000)
    broker = manager.start("reeve-broker", "--bind", farm.address, "--store", farm.folder / "store")
    manager.wait("READY=1")
    assert re.fullmatch(r"EXTEND_TIMEOUT_USEC=\d+", manager.heard[0]) and "READY=1" not in manager.heard[:-1], manager.heard
    with socket.create_connection(("127.0.0.1", farm.port), DEADLINE_S):
        pass  # who is ready can be reached
    manager.wait("STATUS=jobs 0, running 0, ready 0, delayed 0")
    worker, client = Worker(farm, "hangs.on"), farm.client()
    number = client.submit("hangs.on", b"\x90")
    worker.receive("lease")
    manager.wait("STATUS=jobs 1, running 1, ready 0, delayed 0")
    assert client.receive("accepted", number=number)
    for _ in range(3):
        manager.wait("WATCHDOG=1")
    check_stop(manager, broker)


def test_a_broker_reads_its_principals_again(farm):
    keys = farm.folder / "keys"
    assert farm.reeve("keys", "init", "--keys", keys).returncode == 0
    manager = Manager(farm)
    broker = manager.start("reeve-broker", "--bind", farm.address, "--store", "memory", "--keys", keys)
    manager.wait("READY=1")
    check_reload(manager, broker)
    (keys / "acl").write_text("nonsense\n")  # the list before stays in force, and so does the service
    check_reload(manager, broker)
    check_stop(manager, broker)


def test_a_worker_and_its_handlers(farm):
    farm.broker("--store", "memory")
    manager = Manager(farm, watchdog_us=200_000)
    worker = manager.start("reeve-worker", "--broker", f"tcp://127.0.0.1:{farm.port + 1}", "--slots", 2, "--allow-shell",
                           "--handler", BUILD / "libexec" / "reeve" / "shell")
    manager.wait("READY=1")
    manager.wait("STATUS=slots 2, busy 0")
    # Who runs a job is not the service.
    said = farm.reeve("run", "--wait", DEADLINE_S, "--", "sh", "-c", "echo ${NOTIFY_SOCKET-none} ${WATCHDOG_USEC-none}")
    assert said.stdout == "none none\n", said
    for _ in range(3):
        manager.wait("WATCHDOG=1")
    check_reload(manager, worker)
    said = farm.reeve("run", "--wait", DEADLINE_S, "--", "echo", "after")
    assert said.stdout == "after\n", said
    check_stop(manager, worker)


def test_a_gateway(farm):
    manager = Manager(farm, watchdog_us=200_000)
    gateway = manager.start("reeve-gateway", "--http", f"127.0.0.1:{farm.port + 3}")
    manager.wait("READY=1")
    with socket.create_connection(("127.0.0.1", farm.port + 3), DEADLINE_S):
        manager.wait("STATUS=broker is away, connections 1, streams 0")
    farm.broker("--store", "memory")
    manager.wait("STATUS=broker answers, connections 0, streams 0")
    for _ in range(3):
        manager.wait("WATCHDOG=1")
    check_reload(manager, gateway)
    manager.wait("WATCHDOG=1")
    check_stop(manager, gateway)


def test_who_is_stuck_is_not_said_to_live(farm):
    manager = Manager(farm, watchdog_us=200_000)
    broker = manager.start("reeve-broker", "--bind", farm.address, "--store", "memory")
    manager.wait("WATCHDOG=1")
    broker.kill(signal.SIGSTOP)
    farm.until(lambda: open(f"/proc/{broker.pid}/stat").read().rsplit(")", 1)[1].split()[0] == "T", "it is stopped")
    manager.socket.setblocking(False)
    try:
        while manager.socket.recv(4096):
            pass
    except BlockingIOError:
        pass
    manager.socket.settimeout(1)  # ten times what it should feed at
    try:
        raise AssertionError(f"heard {manager.socket.recv(4096)}")
    except TimeoutError:
        pass
    manager.socket.settimeout(DEADLINE_S)
    broker.kill(signal.SIGCONT)
    manager.wait("WATCHDOG=1")
    check_stop(manager, broker)


if __name__ == "__main__":
    farm_module.main(globals())
