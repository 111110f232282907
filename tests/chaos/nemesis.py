# SPDX-License-Identifier: Apache-2.0
"""nemesis: faults by name, and the storm that lets them loose.

A fault is a generator: it hurts, yields for how many seconds, heals; several may be under way at one
time if they want different things. Everything random comes from the run's seed.
"""
import contextlib
import os
import pathlib
import resource
import signal
import socket
import subprocess
import time

import zmq

import chaos
import warden
import wire

FAULTS = {}


def fault(*wants):
    """Registers a fault, with the things it needs for itself."""
    def register(function):
        FAULTS[function.__name__] = (function, frozenset(wants))
        return function
    return register


def pick_worker(run, rng):
    alive = [worker for worker in run.worker_list if worker.child.poll() is None]
    return rng.choice(alive)


def handler_pids(run, worker):
    """The processes of its slots."""
    parents = {}
    for pid in chaos.pids_of_session(worker.pid):
        with contextlib.suppress(OSError):
            parents[pid] = os.readlink(f"/proc/{pid}/exe")
    return sorted(pid for pid, program in parents.items() if program.endswith("/recorder"))


# --- the broker


@fault("broker")
def kill_broker(run, rng):
    run.kill_broker()
    yield rng.choice((0, 0, rng.uniform(0, 1.5)))
    run.start_broker()


@fault("broker")
def kill_broker_in_recovery(run, rng):
    run.kill_broker()
    for _ in range(rng.randint(1, 3)):
        run.start_broker(wait=False)
        yield rng.uniform(0.001, 0.4)
        run.end_broker()
    run.start_broker()


@fault("broker")
def stop_broker(run, rng):
    """As its operator would."""
    run.note_life()
    status = run.broker_process.stop()
    assert status == 0, f"the broker ended with {status}"
    run.end_broker()
    yield rng.uniform(0, 0.5)
    run.start_broker()


@fault("broker")
def freeze_broker(run, rng):
    run.broker_process.kill(signal.SIGSTOP)
    yield rng.uniform(0.5, 20 if run.full else 4)
    run.broker_process.kill(signal.SIGCONT)


# --- workers and handlers


@fault("worker")
def kill_worker(run, rng):
    """The agent alone, or its host with all it runs; another one comes."""
    worker = pick_worker(run, rng)
    run.allow(run.held_by(worker))
    if rng.random() < 0.5:
        run.kill_session(worker)
    worker.kill()
    worker.wait()
    yield rng.uniform(0, 2)
    run.start_worker(**worker.start_words)


@fault("worker")
def freeze_worker(run, rng):
    """The agent alone, or its whole host; longer or shorter than its leases last."""
    worker = pick_worker(run, rng)
    run.allow(run.held_by(worker))
    whole = rng.random() < 0.5
    if whole:
        run.kill_session(worker, signal.SIGSTOP)
    else:
        worker.kill(signal.SIGSTOP)
    yield rng.uniform(0.2, 8)
    if whole:
        run.kill_session(worker, signal.SIGCONT)
    else:
        worker.kill(signal.SIGCONT)


@fault("worker")
def drain_worker(run, rng):
    """An orderly leave in the middle of it all."""
    worker = pick_worker(run, rng)
    run.allow(run.held_by(worker))  # in case the broker goes before all is said
    worker.kill(signal.SIGTERM)
    yield rng.uniform(0.1, 1)
    run.start_worker(**worker.start_words)


@fault("handler")
def kill_handlers(run, rng):
    for _ in range(rng.randint(1, 4)):
        pids = handler_pids(run, pick_worker(run, rng))
        if pids:
            run.allow(1, counted=False)
            with contextlib.suppress(ProcessLookupError):
                os.kill(rng.choice(pids), signal.SIGKILL)
        yield rng.uniform(0.01, 0.2)


@fault("handler")
def freeze_handler(run, rng):
    pids = handler_pids(run, pick_worker(run, rng))
    if not pids:
        return
    pid = rng.choice(pids)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
    yield rng.uniform(0.2, 3)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


# --- the network


def spoil(run, rng, which, mode):
    """A link is bad in one way for a while."""
    amount = {"delay": rng.uniform(0.05, 1), "trickle": rng.randint(200, 20000)}.get(mode, 0)
    if which == "workers":
        for worker in run.worker_list:
            if worker.start_words["port"] and worker.child.poll() is None:
                run.allow(run.held_by(worker))
    run.proxies[which].set(mode, amount)
    yield rng.uniform(0.2, 8)
    run.proxies[which].set("good")


def register_links():
    for which in ("workers", "clients"):
        for mode in ("cut", "half_open", "blackhole", "clog", "delay", "trickle"):
            def spoiled(run, rng, which=which, mode=mode):
                return spoil(run, rng, which, mode)
            spoiled.__name__ = f"{mode}_{which}"
            fault(f"link {which}")(spoiled)


register_links()


# --- those who ask too much, or nonsense, or leave


@fault("port")
def flood(run, rng):
    """Garbage on both ports, as tests/scenario/hostile.c makes it."""
    run.flooded = True
    process = run.start(chaos.farm_module.BUILD / "tests" / "hostile", rng.randrange(10 ** 6), 6, run.address,
                        f"tcp://127.0.0.1:{run.port + 1}")
    yield rng.uniform(1, 3)
    process.clean()


@fault("port")
def slowloris(run, rng):
    """Connections that never finish their greeting, a byte now and then, on all three ports."""
    peers = []
    greeting = b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL" + bytes(44)
    for i in range(150):
        with contextlib.suppress(OSError):
            peers.append(socket.create_connection(("127.0.0.1", run.port + i % 3), timeout=1))
    for at in range(rng.randint(5, 20)):
        for peer in peers:
            with contextlib.suppress(OSError):
                peer.send(greeting[at:at + 1])
        yield 0.1
    for peer in peers:
        peer.close()


@fault("port")
def endless_message(run, rng):
    """A message of very many frames that is never finished; bounded by us: 8 MiB in 8,000 frames."""
    run.flooded = True
    peer = run.context.socket(zmq.DEALER)
    peer.linger = 0
    peer.sndhwm = 20000
    peer.connect(f"tcp://127.0.0.1:{run.port + rng.randint(0, 1)}")
    for _ in range(8):
        with contextlib.suppress(zmq.Again):
            for _ in range(1000):
                peer.send(bytes(1024), zmq.SNDMORE | zmq.DONTWAIT)
        yield 0.1
    peer.close()


@fault("port")
def noise(run, rng):
    for _ in range(30):
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", run.port + rng.randint(0, 2)), timeout=1) as peer:
                peer.sendall(rng.randbytes(rng.randint(1, 3000)))
        yield 0.02


@fault("watcher")
def watchers_come_and_go(run, rng):
    """One that stops reading, one that vanishes; neither is our business later."""
    watchers = [run.start("reeve", "watch", "queue/chaos.work", "job/", "worker/", "--json") for _ in range(2)]
    yield rng.uniform(0.2, 1)
    watchers[0].kill(signal.SIGSTOP)
    watchers[1].kill()
    yield rng.uniform(0.5, 4)
    watchers[0].kill()


@fault("client")
def kill_client(run, rng):
    """The client by hand is killed, and comes back under its name."""
    load = next(load for load in run.loads if "hand" in str(load.history))
    if load.done():
        return
    load.process.kill()
    load.process.wait()
    yield rng.uniform(0, 2)
    run.restart_hand(load)


# --- the store


@fault("broker")
def file_limit(run, rng):
    """No file of the broker may grow: it says so and waits, or it ends; either way it comes back."""
    broker = run.broker_process
    largest = max((path.stat().st_size for path in pathlib.Path(run.store).iterdir()), default=0)
    run.note_life()
    resource.prlimit(broker.pid, resource.RLIMIT_FSIZE, (largest // 2 + 4096, resource.RLIM_INFINITY))
    yield rng.uniform(0.2, 2)
    with contextlib.suppress(ProcessLookupError):
        resource.prlimit(broker.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    yield 0.5
    if broker.child.poll() is not None:
        run.say(f"           it ended with {broker.child.returncode}")
        run.end_broker()
        run.start_broker()


def inject(run, what):
    """strace on the broker that runs; None when that cannot be."""
    tracer = subprocess.Popen(["strace", "-f", "-qq", "-o", run.folder / "strace", "-e", f"inject={what}", "-p",
                               str(run.broker_process.pid)], env=run.env, stderr=subprocess.PIPE, text=True,
                              start_new_session=True)

    def traced():
        with contextlib.suppress(OSError):
            text = pathlib.Path(f"/proc/{run.broker_process.pid}/status").read_text()
            return tracer.poll() is not None or "TracerPid:\t0\n" not in text
        return True

    run.until(traced, "strace attaches")
    return tracer


def end_tracer(tracer):
    if tracer.poll() is None:
        tracer.terminate()
    tracer.wait()
    tracer.stderr.close()


@fault("broker")
def disk_error(run, rng):
    """The disk fails: from then on nothing is told as kept. The broker ends, and finds all that was told."""
    run.note_life()
    what = rng.choice(("fdatasync:error=EIO:when=1+", "pwrite64:error=EIO:when=3+", "pwrite64:error=ENOSPC:when=1..40"))
    tracer = inject(run, f"{what}")
    run.say(f"           {what}")
    yield rng.uniform(0.5, 2)
    end_tracer(tracer)
    yield 0.5
    if run.broker_process.child.poll() is not None:
        run.say(f"           it ended with {run.broker_process.child.returncode}")
        run.end_broker()
        run.start_broker()


# --- the storm


def available(run):
    """The faults this run can bear, by name."""
    found = dict(FAULTS)
    if not run.durable:
        found.pop("file_limit")
        found.pop("disk_error")
    for which in ("workers", "clients"):
        if which not in run.proxies:
            found = {name: entry for name, entry in found.items() if f"link {which}" not in entry[1]}
    if not warden.can_trace():
        found.pop("disk_error", None)
    return found


def storm(run, seconds, names=None, at_once=2):
    """Lets faults loose for so long, then heals them all."""
    faults = available(run)
    names = [name for name in names or faults if name in faults]
    end = time.monotonic() + seconds
    under_way = []  # [when it goes on, name, wants, generator]
    next_fault = time.monotonic()
    while time.monotonic() < end or under_way:
        now = time.monotonic()
        run.alive()
        for entry in [entry for entry in under_way if entry[0] <= now]:
            try:
                entry[0] = time.monotonic() + next(entry[3])
            except StopIteration:
                under_way.remove(entry)
                run.say(f"  {entry[1]} is over")
        busy = frozenset().union(*(entry[2] for entry in under_way))
        if now >= next_fault and now < end and len(under_way) < at_once:
            free = [name for name in names if not faults[name][1] & busy]
            if free:
                name = run.random.choice(free)
                run.say(name)
                under_way.append([0, name, faults[name][1], faults[name][0](run, run.random)])
            next_fault = now + run.random.expovariate(1 / 0.7)
        else:
            run.pause(0.01)
    run.say("healed")
