#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Bad input at the broker: each gets a clear refusal, changes nothing, and a normal job still goes round."""
import random
import secrets
import socket

import msgpack

import farm as farm_module
import wire
from farm import Peer, Worker
from wire import ERRORS, REASONS, STATES, record

BOMB = b"\xdd\xff\xff\xff\xff"  # five bytes that claim 4 G elements


def refused(peer, code, **fields):
    """The next error record; it must have this code and say something."""
    error = peer.receive("error", **fields)
    assert error.code == ERRORS[code], f"{error} is not {code}"
    assert error.text, error
    return error


def counts(client):
    client.send("get_status", number=999)
    return client.receive("status", number=999)


def test_bodies_that_do_not_decode(farm):
    farm.broker()
    bodies = [b"\xc1", b"hello world", b"\x00", BOMB, b"\x91" * 1000, b"\xdf\xff\xff\xff\xff" * 10,
              b"\x91\xa4ping", b"\x90", b"\xc9\xff\xff\xff\xff\x01", b"GET / HTTP/1.1\r\n\r\n"]
    for peer in (farm.client(), Worker(farm)):
        for body in bodies:
            peer.send_bytes(body)
            refused(peer, "ERR_MALFORMED")
    client = farm.client()
    assert counts(client).malformed >= 2 * len(bodies)
    farm.check_alive()


def test_a_record_cut_at_each_byte(farm):
    farm.broker()
    client = farm.client()
    whole = record("submit", number=1, queue="echo.echo", args=b"\x91\xa5hello", priority=-5, flags=1, key="k" * 40)
    for size in range(1, len(whole)):
        client.send_bytes(whole[:size])
        refused(client, "ERR_MALFORMED")
    assert counts(client).submitted == 0
    client.send_bytes(whole)
    assert client.receive("accepted").number == 1
    farm.check_alive()


def test_records_before_a_bad_byte_hold(farm):
    farm.broker()
    client = farm.client()
    client.send_bytes(record("submit", number=1, queue="echo.echo", args=b"\x90", flags=1) + b"\xc1" +
                      record("submit", number=2, queue="echo.echo", args=b"\x90", flags=1))
    client.receive("accepted", number=1)
    refused(client, "ERR_MALFORMED")
    assert counts(client).submitted == 1
    farm.check_alive()


def test_what_a_newer_peer_may_say_is_ignored(farm):
    farm.broker()
    client = farm.client()
    later = msgpack.packb([127, "later", {"a": [1, 2]}]) + msgpack.packb([10 ** 6]) + msgpack.packb([0])
    client.send_bytes(later + msgpack.packb([27, 5, "a field more", {}]))
    assert client.receive().name == "status"
    farm.check_alive()


def test_hello_comes_first(farm):
    farm.broker()
    for port in (farm.port, farm.port + 1):
        peer = Peer(farm, hello=False, port=port)
        peer.send("get_status", number=1)
        assert peer.receive().name == "hello_wanted"
        peer.send_bytes(record("get_status", number=1) * 5)
        assert peer.receive().name == "hello_wanted"
        peer.send_bytes(b"\xc1")
        assert peer.receive().name in ("hello_wanted", "error")
    farm.check_alive()


def test_versions_we_do_not_speak(farm):
    farm.broker()
    for role in (1, 2):
        for least, most in ((99, 99), (2, 100), (0, 0)):
            peer = Peer(farm, role=role, hello=False)
            peer.send("hello", version_min=least, version_max=most, role=role, peer_id=secrets.token_bytes(16))
            assert "1" in refused(peer, "ERR_VERSION").text
            peer.send("hello", version_min=1, version_max=99, role=role, peer_id=secrets.token_bytes(16),
                      name=f"w{least}", slots=1)
            assert peer.receive("welcome").version == 1
    farm.check_alive()


def test_the_wrong_port_for_the_role(farm):
    farm.broker()
    for role, port in ((2, farm.port), (1, farm.port + 1), (0, farm.port), (77, farm.port), (3, farm.port + 1)):
        peer = Peer(farm, hello=False, port=port)
        peer.send("hello", version_min=1, version_max=1, role=role, peer_id=secrets.token_bytes(16))
        error = peer.receive("error")
        assert error.code in (ERRORS["ERR_UNEXPECTED"], ERRORS["ERR_INVALID"]) and error.text, error
    for size in (0, 1, 15, 17, 1000):
        peer = Peer(farm, hello=False)
        peer.send("hello", version_min=1, version_max=1, role=1, peer_id=b"x" * size)
        refused(peer, "ERR_INVALID")
    farm.check_alive()


def test_records_that_are_not_for_this_port(farm):
    farm.broker()
    client, worker = farm.client(), Worker(farm)
    for body in (record("result", number=1, id=5, token=6, reason=0), record("offer", queue="a.b"), record("ready"),
                 record("lease", id=1, token=1, offer=0, args=b"\x90"), record("welcome", version=1, incarnation=1)):
        client.send_bytes(body)
        refused(client, "ERR_UNEXPECTED")
    for body in (record("submit", number=1, queue="a.b", args=b"\x90"), record("get_status", number=1),
                 record("lease", id=1, token=1, offer=0, args=b"\x90")):
        worker.send_bytes(body)
        refused(worker, "ERR_UNEXPECTED")
    farm.check_alive()


def test_fields_of_the_wrong_kind(farm):
    farm.broker()
    client = farm.client()
    for values in ([16, "one", "a.b", b"\x90"], [16, 1, 7, b"\x90"], [16, 1, "a.b", "text"], [16, 1, "a.b"],
                   [16, -1, "a.b", b"\x90"], [16, 1, "a.b", b"\x90", "high"], [16, 1, "a.b", b"\x90", 2 ** 64 - 1],
                   [20, 1, b"short"], [20, 1, 5], [30, 1, [1]], [16, 1.5, "a.b", b"\x90"], [32, 1, {"topic": 1}]):
        client.send_bytes(msgpack.packb(values, use_bin_type=True))
        refused(client, "ERR_MALFORMED")
    assert counts(client).submitted == 0
    farm.check_alive()


def test_fields_beyond_their_limits(farm):
    farm.broker()
    client = farm.client()
    wrong = [dict(queue="nodot"), dict(queue=""), dict(queue="a.b c"), dict(queue="a." + "b" * 200), dict(queue="a\0.b"),
             dict(priority=101), dict(priority=-101), dict(priority=-2 ** 63), dict(key="k" * 201),
             dict(durability=3), dict(durability=2 ** 63), dict(tags="x"), dict(tags="gpu=1,"), dict(tags="b=1,a=1"),
             dict(tags="k" * 33 + "=1"), dict(tags=",".join(f"k{i}=1" for i in range(9)))]
    for fields in wrong:
        number = client.submit(**{"queue": "a.b", "flags": 1, **fields})
        refused(client, "ERR_INVALID", number=number)
    for name, value in (("session", "s"), ("tenant", "t"), ("after", b"12345678"), ("schedule", "* *"),
                        ("content_type", "text/plain")):
        number = client.submit("a.b", flags=1, **{name: value})
        refused(client, "ERR_RESERVED", number=number)
    refused(client, "ERR_UNKNOWN_HANDLER", number=client.submit("a.b"))
    assert counts(client).submitted == 0
    farm.check_alive()


def test_ids_that_nobody_has(farm):
    farm.broker()
    client = farm.client()
    for number, name in enumerate(("wait", "cancel", "retry", "get_job"), 1):
        client.send(name, number=number, id=2 ** 52 + number)
        refused(client, "ERR_UNKNOWN_JOB", number=number)
    client.send("hold", number=7, queue="no.such")
    refused(client, "ERR_UNKNOWN_QUEUE", number=7)
    client.send("drain", number=8, worker="nobody")
    refused(client, "ERR_UNKNOWN_WORKER", number=8)
    client.send("watch", number=9, topic="x" * 300)
    assert client.receive("error", number=9).text
    farm.check_alive()


def test_a_submission_out_of_turn(farm):
    farm.broker()
    client = farm.client()
    first = client.submit("a.b", flags=1)
    job = client.receive("accepted", number=first).id
    client.send("submit", number=10, queue="a.b", args=b"\x90", flags=1)
    refused(client, "ERR_UNEXPECTED", number=10)
    client.send("submit", number=first, queue="a.b", args=b"\x90", flags=1)  # said twice: the same job
    assert client.receive("accepted", number=first).id == job
    assert counts(client).submitted == 1
    farm.check_alive()


def test_values_and_messages_that_are_too_large(farm):
    farm.broker()
    client = farm.client()
    size = 16 * 1024 * 1024
    args = b"\x91" + msgpack.packb(b"x" * size, use_bin_type=True)
    refused(client, "ERR_TOO_LARGE", number=client.submit("a.b", args, flags=1))
    # Beyond what a socket takes the connection is cut: nobody reads the message. The same client is
    # welcomed again on its next one.
    for message in (b"\x00" * (17 * 1024 * 1024 + 1), record("submit", number=9, queue="a.b", args=b"x" * 2 * size)):
        victim = farm.client()
        victim.send_bytes(message)
        again = farm.client(peer_id=victim.peer_id)
        assert again.welcome.last_number == 0
        victim.close()
    assert counts(client).submitted == 0
    farm.check_alive()


def test_messages_of_many_frames(farm):
    farm.broker()
    peer = farm.client()
    peer.send_bytes(*[record("get_status", number=1)] * 50)
    peer.send_bytes(b"", record("get_status", number=2))
    peer.send_bytes(b"")
    peer.send("get_status", number=3)
    assert peer.receive("status", number=3)
    farm.check_alive()


def test_a_result_from_a_lease_that_ended(farm):
    farm.broker()
    client, worker = farm.client(), Worker(farm, "echo.echo")
    number = client.submit("echo.echo", retries=2)
    old = worker.receive("lease")
    worker.send("started", id=old.id, token=old.token)
    worker.answer(old, msgpack.packb("first try"), REASONS["REASON_ERROR"])
    new = worker.receive("lease")  # after its backoff
    assert new.id == old.id and new.token > old.token, (old, new)
    worker.answer(old, msgpack.packb("late"))  # acknowledged, so that the worker forgets it
    for token in (new.token + 1, 0, 2 ** 64 - 1):
        worker.answer(wire.Record(new, token=token), msgpack.packb("forged"))
    worker.send("returned", id=old.id, token=old.token)
    worker.send("started", id=old.id, token=old.token)
    client.send("get_job", number=1, id=new.id)
    assert client.receive("job").state == STATES["JOB_RUNNING"]
    worker.answer(new, msgpack.packb("right"))
    ended = client.receive("ended", number=number)
    assert (ended.state, ended.value) == (STATES["JOB_OK"], msgpack.packb("right")), ended
    worker.answer(new, msgpack.packb("twice"))
    client.send("wait", number=2, id=new.id)
    assert client.receive("ended", number=2).value == msgpack.packb("right")
    farm.check_alive()


def test_a_worker_that_lies(farm):
    farm.broker()
    client, worker = farm.client(), Worker(farm, "echo.echo")
    number = client.submit("echo.echo")
    lease = worker.receive("lease")
    worker.answer(wire.Record(lease, id=lease.id + 7), b"\xc0")  # a job nobody has
    for body in (record("slot_state", index=2 ** 40, pid=1, state=99), record("slot_state", index=0, pid=1, state=99),
                 record("holding", id=5, token=5), record("recall", id=lease.id, token=lease.token),
                 record("beat", time_ms=2 ** 64 - 1), record("offer", queue="not a name"), record("ready")):
        worker.send_bytes(body)
    worker.answer(lease, b"\x01")
    assert client.receive("ended", number=number).value == b"\x01"
    farm.check_alive()


def test_durability_is_refused_by_a_store_that_cannot_give_it(farm):
    farm.broker("--store", "memory")
    client = farm.client()
    refused(client, "ERR_NOT_DURABLE", number=client.submit("a.b", flags=1, durability=2))
    assert client.receive("accepted", number=client.submit("a.b", flags=1)).durability == 1


def test_two_brokers_on_one_store(farm):
    first = farm.broker()
    second = farm.start("reeve-broker", "--bind", f"tcp://127.0.0.1:{farm.port + 3}")
    assert second.wait() == 7
    assert "in use by another broker" in second.stderr() and str(first.pid) in second.stderr(), second.stderr()
    farm.check_alive()


def test_two_brokers_on_one_port(farm):
    first = farm.broker()
    second = farm.start("reeve-broker", "--bind", farm.address, "--store", "memory")
    assert second.wait() == 7
    assert str(farm.port) in second.stderr(), second.stderr()
    third = farm.start("reeve-broker", "--bind", f"tcp://127.0.0.1:{farm.port - 1}",
                       "--store", "memory")  # its workers' port is taken
    assert third.wait() == 7
    assert str(farm.port) in third.stderr(), third.stderr()
    farm.check_alive()
    assert first.stop() == 0


def test_addresses_no_broker_can_have(farm):
    for address in ("tcp://0.0.0.0:7710", "tcp://*:7710", "nonsense", "udp://127.0.0.1:7710", "tcp://127.0.0.1:99999", ""):
        process = farm.start("reeve-broker", "--bind", address)
        assert process.wait() in (2, 7), address
        assert process.stderr(), address
    process = farm.start("reeve-broker", "--no-such-option")
    assert process.wait() == 2 and "no-such-option" in process.stderr()


def test_noise_on_the_ports(farm):
    """Bytes that are no ZeroMQ at all, on all three ports."""
    farm.broker()
    noise = random.Random(5)
    for port in (farm.port, farm.port + 1, farm.port + 2):
        for data in (b"GET / HTTP/1.0\r\n\r\n", noise.randbytes(5000), b"\xff" * 64, b"\xff\0\0\0\0\0\0\0\x01\x7f\x03"):
            with socket.create_connection(("127.0.0.1", port)) as s:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
    farm.check_alive()


def test_100000_jobs_without_a_worker(farm):
    farm.broker()
    client = farm.client()
    total, batch = 100000, 500
    accepted = 0
    for first in range(1, total + 1, batch):
        client.send_bytes(b"".join(record("submit", number=n, queue="sum.up", args=b"\x91" + msgpack.packb(n), flags=1)
                                   for n in range(first, first + batch)))
        while accepted < first:  # a window, as the library keeps one
            accepted += max(client.receive("accepted").count, 1)
    while accepted < total:
        accepted += max(client.receive("accepted").count, 1)
    client.send("list_queues", number=1)
    assert client.receive("queue", label="sum.up").ready == total
    farm.check_alive()
    # A worker comes: every job is done once, in the order they were handed in.
    worker = Worker(farm, "sum.up", slots=64)
    order, done = [], 0
    while len(order) < total:
        answers, lease = b"", worker.receive("lease")
        worker.waiting.insert(0, lease)
        leases = [r for r in worker.waiting if r.name == "lease"]
        worker.waiting = [r for r in worker.waiting if r.name != "lease"]
        for lease in leases:
            order.append(msgpack.unpackb(lease.args)[0])
            worker.result_number += 1
            answers += record("result", number=worker.result_number, id=lease.id, token=lease.token, reason=0, value=lease.args[1:])
        worker.send_bytes(answers)
        worker.waiting.clear()
    assert order == list(range(1, total + 1))
    while done < total:
        ended = client.receive("ended")
        assert ended.state == STATES["JOB_OK"] and msgpack.unpackb(ended.value) == ended.number, ended
        done += 1
        if done % 1000 == 0:
            client.send("ack", number=done - 999, count=1000, floor=done + 1)
    status = counts(client)
    assert status.executions == total + 1, status


if __name__ == "__main__":
    farm_module.main(globals())
