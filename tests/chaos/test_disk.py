#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A disk that is full, and one that fails: what was told as kept is kept, what cannot be kept is refused, and a broker
that could go on does so by itself when there is room again."""
import contextlib
import os
import pathlib
import resource
import shutil
import subprocess
import time

import msgpack

import chaos
import warden
import wire

DISK_MIB = 1024  # above any watermark; little of it is ever written
PROBE = 10 ** 8  # the serial number of jobs outside the histories
RECEIVED, DURABLE = 1, 2
SILENCE_S = 4  # a worker that hears nothing for so long takes its broker for gone
NOT_KEPT = 7  # the broker's exit code: its store cannot be read or written


def need_store(run):
    if not run.durable:
        raise chaos.farm_module.NotHere("the store is memory")


def small_disk(run, image=None):
    """A disk of its own for the store: an ext4 in a file, else a tmpfs."""
    need_store(run)
    image, mount = image or run.folder / "image", run.folder / "disk"
    mount.mkdir()
    with open(image, "wb") as file:
        file.truncate(DISK_MIB << 20)
    ways = [["mount", "-o", "loop", image, mount], ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "chaos", mount]]
    if not shutil.which("mkfs.ext4") or subprocess.run(["mkfs.ext4", "-q", "-m", "0", image], capture_output=True, check=False).returncode:
        ways.pop(0)
    for way in ways:
        run.warden.undo("umount", "-l", mount)
        done = subprocess.run(way, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            run.mounts.append(mount)
            run.say(f"a disk of {DISK_MIB} MiB: {way[2]}")
            run.store = mount / "store"
            return mount
        run.warden.undone()
    raise chaos.farm_module.NotHere(f"no disk can be mounted: {done.stderr.strip()}")


def fill(mount, left):
    """Leaves so many bytes free."""
    with open(mount / "filler", "ab") as file:
        while True:
            space = os.statvfs(mount)
            size = min(space.f_bavail * space.f_frsize - left, 16 << 20)
            if size <= 0:
                return
            try:
                os.posix_fallocate(file.fileno(), os.fstat(file.fileno()).st_size, size)
            except OSError:  # the last blocks, which are not all for us
                return


def empty(mount):
    (mount / "filler").unlink()


def submit(run, client):
    """One durable job; the refusal, or None when it was accepted."""
    number = client.submit("chaos.work", msgpack.packb([PROBE, 0]), flags=1)
    answer = client.receive("accepted", "error", number=number)
    return answer if answer.name == "error" else None


def refused_for_the_disk(run, client):
    def refused():
        answer = submit(run, client)
        assert not answer or answer.code in (wire.ERRORS["ERR_DISK_FULL"], wire.ERRORS["ERR_BUSY"]), answer
        return answer and answer.code == wire.ERRORS["ERR_DISK_FULL"] and answer
    answer = run.until(refused, "a submission is refused: disk full")
    assert answer.retry_ms > 0 and answer.text, answer
    return answer


def finish(run):
    for load in run.loads:
        load.stop()
    run.drain()
    return run.verdict(apart={PROBE})


def start_farm(run):
    run.start_broker()
    run.start_worker()
    run.wait_workers()
    load = run.start_load(10 ** 6, window=200, ms=1, size=2000)
    load.wait(1)
    run.start_hand(10 ** 6, window=20, ms=1)
    return run.client()


def test_a_full_disk(run):
    """Little room, no room, room again: refusals that say so, and the farm comes back by itself; no restart."""
    mount = small_disk(run)
    client = start_farm(run)
    broker = run.broker_process
    for left in (20 << 20, 0, 0):
        fill(mount, left)
        answer = refused_for_the_disk(run, client)
        run.say(f"{left >> 10} KiB left: {answer.text!r}, again in {answer.retry_ms} ms")
        run.pause(0.5)
        assert broker.child.poll() is None, "the broker has ended"
        empty(mount)
        run.until(lambda: submit(run, client) is None, "there is room again, and it takes jobs")
    assert broker.child.poll() is None, "the broker has ended"
    finish(run)


def test_a_broker_killed_while_its_disk_is_full(run):
    """And one that starts there: it serves or says why not; with room again nothing is missing."""
    mount = small_disk(run)
    client = start_farm(run)
    fill(mount, 0)
    refused_for_the_disk(run, client)
    for _ in range(2):
        run.kill_broker()
        run.start_broker(wait=False)
        ended = run.until(lambda: run.broker_process.child.poll() is not None or run.status(), "it serves or ends")
        if ended is True:
            assert run.broker_process.child.returncode == NOT_KEPT and run.broker_process.stderr(), "an end without a word"
            run.say("on a full disk it ends: " + run.broker_process.stderr().splitlines()[-1])
            empty(mount)
            run.start_broker()
            fill(mount, 0)
        else:
            run.say("on a full disk it serves")
    with contextlib.suppress(FileNotFoundError):
        empty(mount)
    finish(run)


@contextlib.contextmanager
def standing_still(run, mount):
    """Whatever writes there waits."""
    run.warden.undo("fsfreeze", "--unfreeze", mount)
    done = subprocess.run(["fsfreeze", "--freeze", mount], capture_output=True, text=True, check=False)
    if done.returncode:
        run.warden.undone()
        raise chaos.farm_module.NotHere(f"no disk can be made to stand still: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["fsfreeze", "--unfreeze", mount], check=True)
        run.warden.undone()


def call(client, durability):
    """One job, and its end."""
    number = client.submit("chaos.work", msgpack.packb([PROBE, 0]), durability=durability)
    client.receive("ended", number=number)


def test_a_disk_that_stands_still(run):
    """Longer than anybody is silent: what is to be kept waits for it, all else goes on, and nobody is lost."""
    quick = pathlib.Path("/dev/shm")  # so that the broker keeps a little itself
    image = (quick if quick.is_dir() else run.folder) / run.mark
    run.warden.undo("rm", "-f", image)
    mount = small_disk(run, image)
    run.start_broker()
    worker = run.start_worker()
    run.wait_workers()
    client, other = run.client(), run.client()
    for _ in range(300):
        call(client, DURABLE)
    with standing_still(run, mount):
        number = client.submit("chaos.work", msgpack.packb([PROBE, 0]), durability=DURABLE)
        end, calls = time.monotonic() + SILENCE_S + 2, 0
        while time.monotonic() < end:
            call(other, RECEIVED)
            calls += 1
        client.send("ping")
        client.receive("pong")
        status = run.status()
        assert status, "the broker says how it is to nobody"
        assert status.state == wire.BROKER_STATES["BROKER_STALLED"] and status.commit_us > SILENCE_S * 10 ** 6, status
        early = [record for record in client.waiting if record["number"] == number]
        assert not early, f"told while nothing could be kept: {early}"
    client.receive("accepted", number=number)
    client.receive("ended", number=number)
    relieved = "all else went on" in run.broker_process.stderr()
    run.say(f"{calls} calls meanwhile; who waited for the disk was " + ("the main thread" if relieved else "the store's thread"))
    assert sum("joined" in line for line in worker.stderr().splitlines()) == 1, worker.stderr()


FILES = ("reeve.db", "reeve.db-wal", "reeve.db-shm", "lock", "ballast", "")  # of the store; the last is the folder
CALLS = ("fdatasync", "fsync", "pwrite64", "pread64", "ftruncate", "fallocate", "openat", "mmap", "unlink")


def failing(run):
    """strace in front of the broker, so that the n-th call of a kind on the store's files fails, or all from then on."""
    rng = run.random
    # The first two are what a commit is made of.
    call = rng.choice(CALLS) if rng.random() < 0.5 else rng.choice(("fdatasync", "pwrite64"))
    n = rng.choice((1, 2, 3, 5, rng.randint(4, 30), rng.randint(4, 30), rng.randint(30, 300), rng.randint(30, 300)))
    what = f"{call}:error={rng.choice(('EIO', 'ENOSPC'))}:when={n}{rng.choice(('', '+'))}"
    paths = [word for name in FILES for word in ("-P", run.store / name)]
    return what, ["strace", "-f", "-D", "-qq", "-o", run.folder / "strace", *paths, "-e", f"trace={call}", "-e", f"inject={what}"]


def test_a_disk_that_fails(run):
    """The n-th call fails, once or from then on, n at random: the broker ends or goes on; the next one has it all."""
    need_store(run)
    if not warden.can_trace():
        raise chaos.farm_module.NotHere("no strace, or it may not look")
    run.start_broker()
    run.start_worker()
    run.start_worker()
    run.wait_workers()
    run.start_load(10 ** 6, window=100, ms=1, size=100)
    run.start_hand(10 ** 6, window=20, ms=1)
    env = {"ASAN_OPTIONS": "detect_leaks=0:" + os.environ.get("ASAN_OPTIONS", "")}
    ends = {}
    for _ in range(60 if run.full else 8):
        what, before = failing(run)
        run.kill_broker()
        run.start_broker(wait=False, env=env, before=before)
        run.pause(run.random.uniform(0.3, 1.2))
        status = run.broker_process.child.poll()
        run.say(f"{what}: " + (f"it ended with {status}: {(run.broker_process.stderr().splitlines() or ['?'])[-1][:150]}"
                               if status is not None else "it goes on"))
        assert status in (None, NOT_KEPT), f"{what}: {run.broker_process.stderr()}"
        ends[status] = ends.get(status, 0) + 1
        if status is None:
            run.note_life()
        run.end_broker()
        run.start_broker()
        run.wait_workers()
    run.say(f"ended: {ends.get(NOT_KEPT, 0)}, went on: {ends.get(None, 0)}")
    finish(run)


def test_a_file_size_limit(run):
    """RLIMIT_FSIZE, for a while: no file may grow."""
    need_store(run)
    client = start_farm(run)
    largest = max(path.stat().st_size for path in pathlib.Path(run.store).iterdir())
    broker = run.broker_process
    run.note_life()
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(broker.pid, resource.RLIMIT_FSIZE, (largest // 4 + 4096, resource.RLIM_INFINITY))
    run.pause(1)
    if broker.child.poll() is None:
        answer = submit(run, client)
        run.say(f"it goes on and says {answer.text!r}" if answer else "it goes on")
        resource.prlimit(broker.pid, resource.RLIMIT_FSIZE, unlimited)
        run.until(lambda: submit(run, client) is None, "it takes jobs again")
    else:
        run.say(f"it ended with {broker.child.returncode}: {broker.stderr().splitlines()[-1]}")
        assert broker.child.returncode == NOT_KEPT
        run.end_broker()
        run.start_broker()
    finish(run)


if __name__ == "__main__":
    chaos.main(globals())
