#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Quotas: a principal that floods the broker is refused, others are served, and who may be patient is."""
import pathlib

import farm as farm_module
from guarded import GuardedFarm, status
from wire import ERRORS, STATES, record

QUOTA = ERRORS["ERR_QUOTA"]
MIB = 1 << 20


def flood(peer, count, args, first=1):
    """Submissions as fast as they can be sent; nobody waits for an answer in between."""
    for start in range(first, first + count, 500):
        peer.send_bytes(b"".join(record("submit", number=n, queue="echo.echo", args=args, flags=1)
                                 for n in range(start, min(start + 500, first + count))))


def answers(peer, count):
    """How many of so many submissions were accepted, and the errors of the others."""
    accepted, errors = 0, []
    while accepted + len(errors) < count:
        answer = peer.receive()
        if answer.name == "accepted":
            accepted += max(answer.count, 1)
        elif answer.name == "error":
            errors.append(answer)
    return accepted, errors


def test_a_flood_is_refused_and_others_are_served(farm):
    flooder = farm.know("client", "flood", "* jobs=200,bytes=1M")
    calm, worker_key = farm.know("client", "calm"), farm.know("worker", "w")
    broker = farm.broker("--store", "memory")
    peer, other = farm.client(flooder), farm.client(calm)
    worker = farm.raw_worker(worker_key, "echo.echo", "calm.work", slots=4)
    args, total = b"\xc5\x04\x00" + bytes(1024), 10000
    flood(peer, total, args)
    numbers = [other.submit("calm.work", flags=1) for _ in range(50)]
    accepted, errors = answers(peer, total)
    assert accepted == 200, accepted
    assert {error.code for error in errors} == {QUOTA}
    assert all(error.retry_ms and "jobs=200" in error.text for error in errors), errors[0]
    assert status(farm).args_bytes <= MIB
    done = set()
    while len(done) < len(numbers):  # its jobs take turns with the 200 that were accepted
        worker.answer(worker.receive("lease"), b"\x07")
        other.send("ping")
        other.receive("pong")  # behind what became of that
        done |= {r.number for r in other.waiting if r.name == "ended"}
    assert done == set(numbers)
    assert "over quota principal=flood jobs=200" in broker.stderr()
    assert broker.stderr().count("over quota") == 1
    farm.check_alive()


def test_bytes_have_a_limit(farm):
    flooder = farm.know("client", "flood", "* bytes=1M")
    farm.broker("--store", "memory")
    peer = farm.client(flooder)
    flood(peer, 1000, b"\xc5\x20\x00" + bytes(8192))
    accepted, errors = answers(peer, 1000)
    assert accepted == MIB // 8195 and {error.code for error in errors} == {QUOTA}, accepted
    assert status(farm).args_bytes <= MIB
    number = 1001
    peer.send("submit", number=number, queue="echo.echo", args=b"\xc6" + MIB.to_bytes(4, "big") + bytes(MIB), flags=1)
    error = peer.receive("error", number=number)
    assert (error.code, error.retry_ms) == (QUOTA, 0), error  # alone it is too much: no use in waiting
    farm.check_alive()


def test_a_map_waits_for_its_rate(farm):
    hasty = farm.know("client", "hasty", "calculator. rate=40")
    worker_key = farm.know("worker", "w")
    broker = farm.broker()
    farm.worker("--identity", worker_key.path)
    farm.env["REEVE_IDENTITY"] = str(hasty.path)
    lines = "".join(f"{n} + 1\n" for n in range(100))
    done = farm.reeve("map", "calculator.calculate", text=lines)
    assert done.returncode == 0, done
    assert done.stdout.split() == [str(n + 1) for n in range(100)]
    assert "over quota principal=hasty rate=40" in broker.stderr()


def test_a_map_waits_for_its_jobs(farm):
    narrow = farm.know("client", "narrow", "* jobs=30,bytes=100K")
    worker_key = farm.know("worker", "w")
    broker = farm.broker()
    farm.worker("--identity", worker_key.path)
    farm.env["REEVE_IDENTITY"] = str(narrow.path)
    done = farm.reeve("map", "calculator.calculate", text="2 * 3\n" * 100)
    assert done.returncode == 0 and done.stdout == "6\n" * 100, done
    assert "over quota principal=narrow jobs=30" in broker.stderr()


def test_what_is_of_no_use_to_wait_for_is_told(farm):
    mute = farm.know("client", "mute", "* jobs=0")
    farm.broker()
    farm.env["REEVE_IDENTITY"] = str(mute.path)
    done = farm.reeve("call", "calculator.calculate", "2", "+", "2")
    assert done.returncode == 6 and "beyond what its key allows: jobs=0" in done.stderr, done


def test_what_is_followed_has_a_limit(farm):
    watcher, worker_key = farm.know("client", "watcher", "* follows=3"), farm.know("worker", "w")
    farm.broker()
    farm.raw_worker(worker_key)
    peers = [farm.client(watcher), farm.client(watcher)]

    def follows(peer, number):
        peer.send("follow", number=number, topic="queue/echo.echo", credit=10)
        return peer.receive("snapshot", "error", number=number)

    for i in range(3):
        assert follows(peers[i % 2], 10 + i).name == "snapshot"
    for i in range(3, 5):
        assert follows(peers[i % 2], 10 + i).code == QUOTA
    peers[0].send("unfollow", number=10)
    assert follows(peers[0], 15).name == "snapshot"
    farm.check_alive()


def test_what_it_has_counts_after_a_restart(farm):
    careful = farm.know("client", "careful", "* jobs=3,sessions=1")
    broker = farm.broker()
    peer = farm.client(careful)
    numbers = [peer.submit("echo.echo", flags=flags) for flags in (1, 1, 5)]
    for number in numbers:
        assert peer.receive("accepted", number=number)
    broker.kill()
    broker.wait()
    farm.broker()
    again = farm.client(careful)
    assert again.receive("error", number=again.submit("echo.echo", flags=1)).code == QUOTA
    farm.lines["careful"] = careful.line("* jobs=10,sessions=1")
    farm.take()
    assert again.receive("accepted", number=again.submit("echo.echo", flags=1))
    assert "sessions=1" in again.receive("error", number=again.submit("echo.echo", flags=5)).text


def test_keys_are_made_with_quotas_and_listed_with_them(farm):
    keys = pathlib.Path(farm.folder) / "made"
    assert farm.reeve("keys", "init", "--keys", keys).returncode == 0
    made = farm.json("keys", "new", "client", "web", "--keys", keys, "--quota", "bytes=65536K,jobs=10")
    assert made["quota"] == "jobs=10,bytes=64M", made
    assert farm.json("keys", "new", "client", "free", "--keys", keys)["quota"] == ""
    table = [line.split() for line in farm.reeve("keys", "list", "--keys", keys).stdout.splitlines()]
    assert table[0] == ["NAME", "ROLE", "QUEUES", "QUOTA", "KEY"], table
    assert [row[:4] for row in table[1:]] == [["admin", "admin", "*", "-"], ["web", "client", "*", "jobs=10,bytes=64M"],
                                              ["free", "client", "*", "-"]], table
    line, = [line for line in (keys / "acl").read_text().splitlines() if " web " in line]
    assert line.endswith(" * jobs=10,bytes=64M"), line
    for words, told in ((("client", "x", "--quota", "jobs=many"), "quotas are like"),
                        (("worker", "x", "--quota", "jobs=1"), "not for workers")):
        done = farm.reeve("keys", "new", *words, "--keys", keys)
        assert done.returncode == 2 and told in done.stderr, done
    assert farm.reeve("keys", "revoke", "web", "--keys", keys).returncode == 0
    assert farm.json("keys", "list", "--keys", keys)["principals"][1]["quota"] == ""


if __name__ == "__main__":
    farm_module.main(globals(), GuardedFarm)
