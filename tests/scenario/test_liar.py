#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Workers that are let in and lie: about leases they do not hold, about who they are, about how much they take. Nothing
of it changes what becomes of a job. What a worker may offer at all is in test_acl.py."""
import os
import secrets

import farm as farm_module
import wire
from guarded import GuardedFarm
from wire import ERRORS, REASONS, STATES, record

VALUE_BYTES_MAX = 16 << 20


def told(peer, code):
    error = peer.receive("error")
    assert error.code == ERRORS[code] and error.text, error


def hello(peer, peer_id, name, slots=1):
    peer.send("hello", version_min=1, version_max=1, role=2, peer_id=peer_id, slots=slots, name=name, host="test",
              pid=os.getpid())


def takes(farm, identity, peer_id, name, slots=1):
    """A connection that says it is this worker."""
    peer = farm_module.Peer(farm, role=2, hello=False, identity=identity)
    hello(peer, peer_id, name, slots)
    return peer


def leased(farm, name):
    client = farm.client()
    client.send("list_workers", number=1)
    count = client.receive("worker", number=1, id=name).leased
    client.close()
    return count


def raw_name(worker):
    return "raw-" + worker.peer_id.hex()[:8]


def test_results_of_leases_that_are_not_its_own(farm):
    honest, liar_key = farm.know("worker", "honest"), farm.know("worker", "liar")
    farm.broker()
    worker, client = farm.raw_worker(honest), farm.client()
    number = client.submit()
    lease = worker.receive("lease")
    liar = farm.raw_worker(liar_key)
    forged = [lease, wire.Record(lease, token=lease.token + 1), wire.Record(lease, token=0),
              wire.Record(lease, id=lease.id + 1), wire.Record(lease, id=2 ** 63), wire.Record(lease, token=2 ** 64 - 1)]
    for one in forged:
        liar.answer(one, b"\x66")  # acknowledged, so that it is not said for ever
        for name in ("started", "returned", "holding"):
            liar.send(name, id=one.id, token=one.token)
    liar.answer(lease, b"\x66", REASONS["REASON_ERROR"])
    client.send("get_job", number=1, id=lease.id)
    assert client.receive("job", number=1).state == STATES["JOB_RUNNING"]
    worker.answer(lease, b"\x07")
    ended = client.receive("ended", number=number)
    assert (ended.state, ended.value, ended.attempts) == (STATES["JOB_OK"], b"\x07", 0), ended
    for liar_or_not in (liar, worker):  # once more, when it is over
        liar_or_not.answer(lease, b"\x66")
    client.send("wait", number=2, id=lease.id)
    assert client.receive("ended", number=2).value == b"\x07"
    assert leased(farm, raw_name(worker)) == 0
    farm.check_alive()


def test_a_result_under_an_old_token(farm):
    key = farm.know("worker", "w")
    farm.broker()
    worker, client = farm.raw_worker(key), farm.client()
    number = client.submit(retries=2)
    old = worker.receive("lease")
    worker.answer(old, b"\xa3bad", REASONS["REASON_ERROR"])
    new = worker.receive("lease", id=old.id)
    assert new.token > old.token
    worker.answer(old, b"\x66")
    worker.answer(new, b"\x07")
    assert client.receive("ended", number=number).value == b"\x07"
    farm.check_alive()


def test_more_than_it_may_take(farm):
    """Slots beyond the limit, other slots later on, and room that is made up by results nobody asked for."""
    key = farm.know("worker", "w")
    farm.broker()
    for slots in (0, 1025, 2 ** 32 + 1, 2 ** 64 - 1):
        told(takes(farm, key, secrets.token_bytes(16), "greedy", slots), "ERR_INVALID")
    worker, client = farm.raw_worker(key, slots=2), farm.client()
    for _ in range(50):
        client.submit()
    leases = [worker.receive("lease"), worker.receive("lease")]
    for i in range(100):  # of leases it never had
        worker.answer(wire.Record(leases[0], id=leases[0].id + 1000 + i))
        worker.send("returned", id=leases[0].id + 1000 + i, token=leases[0].token)
        worker.send("ready")
    assert leased(farm, raw_name(worker)) == 2
    assert not [r for r in worker.waiting if r.name == "lease"]
    told(takes(farm, key, worker.peer_id, raw_name(worker), 1000), "ERR_INVALID")
    assert leased(farm, raw_name(worker)) == 2
    worker.send("result", number=101, id=leases[0].id, token=leases[0].token, reason=0, value=b"\xc0", run_us=10 ** 6)
    worker.receive("lease")  # one is over, and was no short one: there is room for one
    assert leased(farm, raw_name(worker)) == 2


def test_a_result_that_is_too_large(farm):
    key = farm.know("worker", "w")
    farm.broker()
    worker, client = farm.raw_worker(key), farm.client()
    largest = b"\xc6" + (VALUE_BYTES_MAX - 5).to_bytes(4, "big") + bytes(VALUE_BYTES_MAX - 5)
    for value, state, reason in ((largest + b"\x00", "JOB_FAILED", "REASON_TOO_LARGE"), (largest, "JOB_OK", "REASON_NONE")):
        number = client.submit()
        worker.answer(worker.receive("lease"), value)
        ended = client.receive("ended", number=number)
        assert (ended.state, ended.reason) == (STATES[state], REASONS[reason]), (ended.state, ended.reason)
        assert len(ended.value) <= VALUE_BYTES_MAX
    number = client.submit()
    lease = worker.receive("lease")
    worker.send("started", id=lease.id, token=lease.token)
    worker.send_bytes(record("result", number=3, id=lease.id, token=lease.token, reason=0, value=bytes(VALUE_BYTES_MAX + (2 << 20))))
    again = farm.raw_worker(key)  # nobody reads that much: its connection is cut, and its job goes elsewhere
    second = again.receive("lease", id=lease.id)
    again.answer(second, b"\x07")
    ended = client.receive("ended", number=number)
    assert (ended.value, ended.attempts) == (b"\x07", 2), ended
    farm.check_alive()


def test_it_is_nobody_else(farm):
    """A worker id is its principal's; the name of a worker is the first one's that has it."""
    honest, thief_key = farm.know("worker", "honest"), farm.know("worker", "thief")
    farm.broker()
    worker, client = farm.raw_worker(honest), farm.client()
    number = client.submit()
    lease = worker.receive("lease")
    thief = takes(farm, thief_key, worker.peer_id, raw_name(worker))
    told(thief, "ERR_DENIED")
    thief.send("result", number=1, id=lease.id, token=lease.token, reason=0, value=b"\x66")
    assert thief.receive("hello_wanted")
    told(takes(farm, thief_key, secrets.token_bytes(16), raw_name(worker)), "ERR_BUSY")
    worker.answer(lease, b"\x07")
    assert client.receive("ended", number=number).value == b"\x07"
    farm.check_alive()


def test_it_is_nobody_else_after_a_restart(farm):
    """The broker remembers whose worker may hold leases: who comes first under that id does not get them."""
    honest, thief_key = farm.know("worker", "honest"), farm.know("worker", "thief")
    broker = farm.broker()
    worker, client = farm.raw_worker(honest), farm.client()
    job = client.receive("accepted", number=client.submit()).id
    lease = worker.receive("lease", id=job)
    broker.kill()
    broker.wait()
    farm.broker()
    thief = takes(farm, thief_key, worker.peer_id, raw_name(worker))
    told(thief, "ERR_DENIED")
    thief.send("holding", id=job, token=lease.token)
    assert thief.receive("hello_wanted")
    back = farm.raw_worker(honest, peer_id=worker.peer_id, holds=[lease])
    back.answer(lease, b"\x07")
    again = farm.client()
    again.send("wait", number=1, id=job)
    assert again.receive("ended", number=1).value == b"\x07"
    farm.check_alive()


if __name__ == "__main__":
    farm_module.main(globals(), GuardedFarm)
