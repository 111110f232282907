#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A broker that asks for keys: who is let in where, what each role may do, what a new list does, and what does not
bring it down."""
import os
import resource
import signal
import socket
import time

import zmq

import farm as farm_module
import wire
from farm import DEADLINE_S, Farm, Process, BUILD
from guarded import GuardedFarm, Identity, status, write_private
from wire import ERRORS, STATES

HANDSHAKE_REFUSED = zmq.EVENT_HANDSHAKE_FAILED_AUTH
# Of a peer that shows no key the broker hangs up: with a word or without.
HUNG_UP = (zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL, zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL, zmq.EVENT_HANDSHAKE_FAILED_AUTH)


def handshake(farm, port, identity, kind=zmq.DEALER):
    """How the first handshake of a connection ends: an event of libzmq's monitor."""
    own = farm.context.socket(kind)
    own.linger = 0
    if identity:
        identity.shown_by(own)
    monitor = own.get_monitor_socket(zmq.EVENT_HANDSHAKE_SUCCEEDED | HANDSHAKE_REFUSED | HUNG_UP[0] | HUNG_UP[1])
    own.connect(f"tcp://127.0.0.1:{port}")
    try:
        assert monitor.poll(DEADLINE_S * 1000), "the handshake does not end"
        return int.from_bytes(monitor.recv_multipart()[0][:2], "little")
    finally:
        own.disable_monitor()
        own.close()


def denied(peer, number=0):
    error = peer.receive("error", number=number)
    assert error.code == ERRORS["ERR_DENIED"] and error.text, error


def test_who_is_let_in_where(farm):
    ports = {"clients": farm.port, "workers": farm.port + 1, "updates": farm.port + 2}
    people = {role: farm.know(role, f"a-{role}") for role in ("client", "worker", "watcher", "gateway", "admin")}
    wanted = {"client": {"clients"}, "worker": {"workers"}, **{role: {"clients", "updates"} for role in ("watcher", "gateway", "admin")}}
    stranger = farm.stranger()
    revoked = farm.stranger("admin", "revoked")
    farm.lines["revoked"] = f"revoked revoked {revoked.public_key.decode()}\n"
    farm.write_list()
    broker = farm.broker()
    for name, port in ports.items():
        kind = zmq.SUB if name == "updates" else zmq.DEALER
        for role, identity in people.items():
            event = handshake(farm, port, identity, kind)
            assert event == (zmq.EVENT_HANDSHAKE_SUCCEEDED if name in wanted[role] else HANDSHAKE_REFUSED), (role, name, event)
        assert handshake(farm, port, stranger, kind) == HANDSHAKE_REFUSED
        assert handshake(farm, port, revoked, kind) == HANDSHAKE_REFUSED
        assert handshake(farm, port, None, kind) in HUNG_UP
    text = broker.stderr()
    for why in ("why=unknown-key", "why=wrong-port principal=a-client", "why=revoked principal=revoked"):
        assert why in text, why
    farm.check_alive()
    for identity in (*people.values(), farm.server, farm.admin):
        assert identity.secret_key.decode() not in broker.stderr()


def test_a_broker_that_is_not_the_one_meant(farm):
    """The identity names another broker's key: the handshake does not come to an end."""
    farm.broker()
    farm.admin.server_key = farm.stranger().public_key
    assert handshake(farm, farm.port, farm.admin) in HUNG_UP


def test_jobs_are_their_owners(farm):
    alice, bob = farm.know("client", "alice"), farm.know("client", "bob", "bench.,calculator.")
    worker_key = farm.know("worker", "w")
    farm.broker("--store", "memory")
    worker = farm.raw_worker(worker_key, "echo.echo", "bench.sleep")
    a, b = farm.client(alice), farm.client(bob)
    number = a.submit("echo.echo")
    job = a.receive("accepted", number=number).id
    for verb in ("wait", "cancel", "get_job", "explain", "drop", "pause", "resume", "get_session"):
        b.number += 1
        b.send(verb, number=1000 + b.number, id=job)
        denied(b, 1000 + b.number)
    b.send("tell", number=5000, id=job, iteration=0, value=b"\xc0")
    denied(b, 5000)
    own = farm.client(bob)
    denied(own, own.submit("echo.echo"))
    number_bench = own.submit("bench.sleep")
    assert own.receive("accepted", number=number_bench)
    own.send("list_jobs", number=77)
    assert own.receive("job", number=77).queue == "bench.sleep"
    assert own.receive("end", number=77)
    assert not [record for record in own.waiting if record.name == "job"]
    for verb in ("list_workers", "get_figures"):
        own.send(verb, number=78)
        denied(own, 78)
    own.send("hold", number=79, queue="bench.sleep")
    denied(own, 79)
    own.send("drain", number=80, worker="w")
    denied(own, 80)
    worker.answer(worker.receive("lease", id=job), b"\x01")
    assert a.receive("ended", number=number).state == STATES["JOB_OK"]
    again = farm.client(alice)  # another client id, the same principal
    again.send("wait", number=1, id=job)
    assert again.receive("ended", number=1).value == b"\x01"
    b.send("get_job", number=6000, id=job)  # it has ended: only the store knows whose it was
    denied(b, 6000)
    assert status(farm).denied >= 14


def test_a_watcher_changes_nothing(farm):
    watcher_key, worker_key = farm.know("watcher", "wall"), farm.know("worker", "w")
    farm.broker()
    worker = farm.raw_worker(worker_key)
    watcher, client = farm.client(watcher_key), farm.client()
    denied(watcher, watcher.submit())
    number = client.submit()
    job = client.receive("accepted", number=number).id
    for verb in ("cancel", "retry", "drop", "pause"):
        watcher.send(verb, number=10, id=job)
        denied(watcher, 10)
    watcher.send("get_job", number=11, id=job)
    assert watcher.receive("job", number=11).state == STATES["JOB_RUNNING"]
    watcher.send("list_workers", number=12)
    assert watcher.receive("worker", number=12)
    worker.answer(worker.receive("lease"))
    assert client.receive("ended", number=number).state == STATES["JOB_OK"]


def test_a_worker_keeps_to_its_queues_and_leases(farm):
    near, far = farm.know("worker", "near", "echo."), farm.know("worker", "far", "other.")
    farm.broker()
    client = farm.client()
    thief = farm.raw_worker(far, "echo.echo", "other.thing")
    denied(thief)
    error = client.receive("error", number=client.submit("echo.echo"))
    assert error.code == ERRORS["ERR_UNKNOWN_HANDLER"], error
    worker = farm.raw_worker(near, "echo.echo")
    client = farm.client()
    number = client.submit("echo.echo")
    lease = worker.receive("lease")
    thief.send("holding", id=lease.id, token=lease.token)
    assert thief.receive("stop").id == lease.id
    thief.answer(lease, b"\x66")  # acknowledged as any result, and of no effect
    thief.send("submit", number=1, queue="echo.echo", args=b"\x90")
    denied(thief)
    worker.answer(lease, b"\x07")
    assert client.receive("ended", number=number).value == b"\x07"


def test_a_worker_that_is_struck_off(farm):
    """Its session ends, its job runs elsewhere, and what it says then is worth nothing."""
    gone, stays = farm.know("worker", "gone"), farm.know("worker", "stays")
    broker = farm.broker()
    struck, client = farm.raw_worker(gone), farm.client()
    number = client.submit()
    lease = struck.receive("lease")
    struck.send("started", id=lease.id, token=lease.token)
    other = farm.raw_worker(stays)
    farm.strike("gone")
    denied(struck)
    second = other.receive("lease", id=lease.id)
    assert second.token > lease.token
    struck.send("result", number=1, id=lease.id, token=lease.token, reason=0, value=b"\x66")
    denied(struck)
    other.answer(second, b"\x07")
    ended = client.receive("ended", number=number)
    assert (ended.value, ended.attempts) == (b"\x07", 2), ended
    assert handshake(farm, farm.port + 1, gone) == HANDSHAKE_REFUSED
    assert "why=unknown-key" in broker.stderr()


def test_a_client_that_is_struck_off(farm):
    alice, worker_key = farm.know("client", "alice"), farm.know("worker", "w")
    farm.broker()
    worker, client = farm.raw_worker(worker_key), farm.client(alice)
    client.submit()
    lease = worker.receive("lease")
    farm.strike("alice")
    denied(client)
    worker.answer(lease)
    client.send("get_status", number=9)
    denied(client)
    assert not [record for record in client.waiting if record.name == "ended"]
    farm.lines["alice"] = alice.line()
    farm.take()
    client.send("get_status", number=10)  # the same connection, let in again
    assert client.receive("hello_wanted")


def test_a_subscriber_that_is_struck_off(farm):
    """The port of the updates is bound anew: who may still watch comes back by itself, who may not does not."""
    watcher, worker_key = farm.know("watcher", "wall"), farm.know("worker", "w")
    farm.broker()
    subscribers = {}
    for name, identity in (("struck", watcher), ("stays", farm.admin)):
        subscribers[name] = farm.context.socket(zmq.SUB)
        subscribers[name].linger = 0
        identity.shown_by(subscribers[name])
        subscribers[name].subscribe(b"")
        subscribers[name].connect(f"tcp://127.0.0.1:{farm.port + 2}")
    client = farm.client()

    def heard(name):
        """The topics that have come."""
        topics = []
        while subscribers[name].poll(100 if not topics else 0):
            topics.append(subscribers[name].recv_multipart()[0])
        return topics

    def hears(name, nonce):
        client.send("sync", nonce=nonce)
        return b"sync/" + nonce.encode() + b"\0" in heard(name)

    for name in subscribers:
        farm.until(lambda: hears(name, "before"), f"{name} hears")
    farm.strike("wall")
    farm.until(lambda: hears("stays", "after"), "who may watch hears again")
    assert b"sync/after\0" not in heard("struck")
    assert handshake(farm, farm.port + 2, watcher, zmq.SUB) == HANDSHAKE_REFUSED
    worker = farm.raw_worker(worker_key)
    worker.send("goodbye")


def test_a_routing_id_is_nobody(farm):
    """Who claims the routing id of one that has just gone has not its rights."""
    alice = farm.know("client", "alice")
    farm.broker()

    def claims(identity):
        one = farm.context.socket(zmq.DEALER)
        one.linger = 0
        one.routing_id = b"claimed"
        identity.shown_by(one)
        one.connect(farm.address)
        return one

    def answers(one, body):
        """The names of the next records but pings; none: the broker does not listen to two of one routing id."""
        one.send(body)
        names = []
        while not names and one.poll(200):
            names = [record.name for record in wire.decode(one.recv()) if record.name != "ping"]
        return names

    hello = wire.record("hello", version_min=1, version_max=1, role=1, peer_id=bytes(16), pid=os.getpid())
    admin = claims(farm.admin)
    assert farm.until(lambda: answers(admin, hello), "the admin is welcomed")[0] == "welcome"
    admin.close()

    def comes_in():
        with claims(alice) as one:
            return answers(one, wire.record("get_figures", number=1))

    assert farm.until(comes_in, "the broker has noticed")[0] == "hello_wanted"


def test_a_list_with_an_error_stays_out(farm):
    alice = farm.know("client", "alice")
    broker = farm.broker()
    client = farm.client(alice)
    farm.write_list(farm.admin.line() + "client nobody\n")
    farm.hang_up("the list of principals stays as it was")
    assert "acl: line 2: it reads: ROLE NAME PUBLIC-KEY QUEUES [QUOTAS]" in broker.stderr()
    client.send("get_status", number=1)
    assert client.receive("status", number=1)
    assert handshake(farm, farm.port, alice) == zmq.EVENT_HANDSHAKE_SUCCEEDED
    os.chmod(farm.keys / "acl", 0o644)
    farm.hang_up("the list of principals stays as it was")
    os.unlink(farm.keys / "acl")
    farm.hang_up("the list of principals stays as it was")
    client.send("get_status", number=2)
    assert client.receive("status", number=2)
    farm.take()
    farm.check_alive()


def test_what_a_broker_does_not_start_with(farm):
    """Each: exit 7 and a sentence that names the file, and no port is open for a moment."""
    good = (farm.keys / "server.key").read_text()

    def refuses(*words, says):
        done = Process([BUILD / "bin" / "reeve-broker", "--bind", farm.address, *words], farm.folder, farm.env)
        farm.processes.append(done)
        assert done.wait() == 7, done.stderr()
        assert says in done.stderr(), done.stderr()
        assert "listening" not in done.stderr()

    for host in ("0.0.0.0", "192.0.2.1", "[::]"):
        refuses("--bind", f"tcp://{host}:{farm.port}", says="reeve keys init")
    refuses("--keys", farm.folder / "nowhere", says="nowhere/server.key")
    os.chmod(farm.keys / "server.key", 0o640)
    refuses("--keys", farm.keys, says="server.key")
    os.chmod(farm.keys / "server.key", 0o600)
    write_private(farm.keys / "server.key", good[:-30])
    refuses("--keys", farm.keys, says="server.key")
    write_private(farm.keys / "server.key", good)
    farm.write_list("client\n")
    refuses("--keys", farm.keys, says="acl: line 1: ")
    os.unlink(farm.keys / "acl")
    refuses("--keys", farm.keys, says="acl")
    os.symlink("server.key", farm.keys / "acl")
    refuses("--keys", farm.keys, says="acl")
    os.unlink(farm.keys / "acl")
    farm.write_list()
    first = farm.broker()
    assert int((farm.keys / "broker.pid").read_text().split()[0]) == first.pid
    refuses("--keys", farm.keys, "--store", "memory", says="another broker has these keys")
    assert first.stop() == 0
    assert not (farm.keys / "broker.pid").exists()


def test_keys_let_it_out_of_loopback(farm):
    broker = farm.broker("--bind", f"tcp://0.0.0.0:{farm.port}")
    assert "host=0.0.0.0" in broker.stderr()
    farm.check_alive()


def test_nothing_of_it_can_be_looked_into(farm):
    broker = farm.broker()
    assert resource.prlimit(broker.pid, resource.RLIMIT_CORE) == (0, 0)
    assert os.stat(f"/proc/{broker.pid}/mem").st_uid == 0  # what is not dumpable is root's
    assert os.stat(f"/proc/{broker.pid}/environ").st_uid == 0


def test_a_killed_broker_leaves_no_lock(farm):
    broker = farm.broker()
    broker.kill()
    broker.wait()
    assert (farm.keys / "broker.pid").exists()
    farm.broker()
    farm.check_alive()


def test_connections_that_never_finish(farm):
    """A thousand that say nothing, part of a greeting, or garbage: the farm goes on, and they are hung up on."""
    broker = farm.broker()
    worker_key = farm.know("worker", "w")
    farm.take()
    worker, client = farm.raw_worker(worker_key), farm.client()
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x01CURVE" + bytes(15) + b"\x00" + bytes(31)
    says = (b"", greeting[:12], greeting, greeting + b"\x04\x05READY", b"GET / HTTP/1.1\r\n\r\n", os.urandom(300),
            greeting + b"\x04\xc8" + b"\x05HELLO" + os.urandom(194), greeting + b"\x06" + b"\xff" * 8)
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit[1], limit[1]))
    flood = []
    for i in range(1000):
        one = socket.create_connection(("127.0.0.1", farm.port + i % 3), timeout=DEADLINE_S)
        try:
            one.sendall(says[i % len(says)])
        except OSError:
            pass  # it hangs up on some at once
        flood.append(one)
        if i % 100 == 99:  # jobs go round meanwhile
            number = client.submit()
            worker.answer(worker.receive("lease"), b"\x07")
            assert client.receive("ended", number=number).value == b"\x07"
    for one in flood:  # each is hung up on: no handshake may take for ever
        one.settimeout(DEADLINE_S)
        try:
            while one.recv(1 << 16):
                pass
        except ConnectionError:
            pass
        one.close()
    farm.check_alive()
    assert status(farm).malformed == 0
    assert broker.child.poll() is None


def test_the_log_of_refusals_has_a_limit(farm):
    broker = farm.broker()
    stranger = farm.stranger()
    for _ in range(60):
        assert handshake(farm, farm.port, stranger) == HANDSHAKE_REFUSED
    lines = [line for line in broker.stderr().splitlines() if "why=unknown-key" in line]
    assert 1 <= len(lines) <= 60
    by_second = {}
    for line in lines:
        by_second[line[:19]] = by_second.get(line[:19], 0) + 1
    assert max(by_second.values()) <= 20, by_second  # ten of a second of the clock that counts


def test_who_shows_no_key_is_told_of_once_a_minute(farm):
    """At each port, with the address; also at the port of the updates when it was bound anew."""
    watcher = farm.know("watcher", "wall")
    broker = farm.broker()

    def lines():
        return [line.split("refused ")[1] for line in broker.stderr().splitlines() if "why=no-key" in line]

    def knocks(port, name):
        handshake(farm, port, None, zmq.SUB if name == "updates" else zmq.DEALER)
        return [line for line in lines() if line.startswith(f"address=127.0.0.1 port={name} why=no-key times=")]

    for i, name in enumerate(("clients", "workers", "updates")):
        farm.until(lambda: knocks(farm.port + i, name), "the log names it")
        began = time.monotonic()
        for _ in range(10):
            told = knocks(farm.port + i, name)
            assert len(told) <= 2 + (time.monotonic() - began) / 60, told
    farm.strike("wall")
    farm.until(lambda: len(knocks(farm.port + 2, "updates")) >= 2, "the log names who comes to the new one")
    assert handshake(farm, farm.port, watcher) == HANDSHAKE_REFUSED
    farm.check_alive()


def test_a_real_worker_and_command_line(farm):
    worker_key = farm.know("worker", "w")
    farm.broker()
    farm.worker("--identity", worker_key.path)
    assert farm.reeve("call", "calculator.calculate", "2", "+", "2").stdout == "4\n"
    alice = farm.know("client", "alice", "calculator.")
    farm.take()
    farm.env["REEVE_IDENTITY"] = str(alice.path)
    assert farm.reeve("call", "calculator.calculate", "2", "+", "3").stdout == "5\n"
    done = farm.reeve("call", "fibonacci_generator.calculate", "10")
    assert done.returncode == 5 and "no right" in done.stderr, done
    done = farm.reeve("workers")
    assert done.returncode == 5, done
    assert farm.json("jobs")["jobs"], "its own jobs are listed"


if __name__ == "__main__":
    farm_module.main(globals(), GuardedFarm)
