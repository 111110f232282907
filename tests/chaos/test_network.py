#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Packets that are dropped, which no proxy can do: the whole test runs in a network namespace of its own, where nftables
drops what comes from or goes to the address a peer speaks from. Where that cannot be had it says so and is not run."""
import os
import pathlib
import shutil
import subprocess
import sys

import chaos
from test_faults import SILENT_S, moved, promised

INSIDE = "REEVE_CHAOS_NAMESPACE"
AWAY = "127.0.0.9"  # where the peer that is cut off speaks from
ALONE = ["unshare", "-n"] if os.geteuid() == 0 else ["unshare", "-rn"]


def missing():
    """Why it cannot be done here; None when it can."""
    for program in ("unshare", "nft", "ip"):
        if not shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            return f"no program {program}"
    rules = "ip link set lo up && nft add table inet probe"
    done = subprocess.run([*ALONE, "sh", "-c", f"PATH=$PATH:/usr/sbin:/sbin; {rules}"], capture_output=True, text=True, check=False)
    return done.stderr.strip() if done.returncode else None


def nft(*words):
    subprocess.run(["nft", *words], check=True, env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin"))


def drop(*rules):
    """Only these rules hold from now on; none: all passes."""
    nft("flush chain inet chaos input")
    for rule in rules:
        nft(f"add rule inet chaos input {rule} drop")


FROM, TO = f"ip saddr {AWAY}", f"ip daddr {AWAY}"
CUTS = {"both ways": (FROM, TO), "from it": (FROM,), "to it": (TO,)}


def start(run):
    if os.environ.get(INSIDE) != "yes":
        raise chaos.farm_module.NotHere(f"no namespace with nftables: {os.environ.get(INSIDE)}")
    nft("add table inet chaos; flush table inet chaos; add chain inet chaos input { type filter hook input priority 0; }")


def cut_off(run, how):
    start(run)
    address = f"tcp://{AWAY}:0;127.0.0.1:{run.port + 1}"
    took = moved(run, lambda worker: drop(*CUTS[how]), lambda worker: drop(), address=address)
    promised(run, f"packets dropped {how}", took, SILENT_S)


def test_a_worker_is_cut_off_both_ways(run):
    cut_off(run, "both ways")


def test_a_worker_is_not_heard(run):
    cut_off(run, "from it")


def test_a_worker_does_not_hear(run):
    cut_off(run, "to it")


def test_packets_get_lost(run):
    """A fifth of them, then half, then nearly all; for a worker and for a client, under load."""
    start(run)
    run.start_broker()
    run.start_worker()
    run.start_worker(address=f"tcp://{AWAY}:0;127.0.0.1:{run.port + 1}")
    run.wait_workers()
    run.start_load(10 ** 6, window=100, ms=1)
    far = run.start_load(10 ** 6, window=100, ms=1, address=f"tcp://{AWAY}:0;127.0.0.1:{run.port}")
    far.wait(100)
    for percent in (20, 50, 99):
        run.say(f"{percent} % of the packets")
        drop(f"{FROM} numgen random mod 100 < {percent}", f"{TO} numgen random mod 100 < {percent}")
        run.pause(20 if run.full else 2.5)
        drop()
        run.pause(run.random.uniform(0, 1))
    for load in run.loads:
        load.stop()
    run.drain()
    run.verdict()


def enter():
    """Again, in a namespace."""
    reason = missing()
    os.environ[INSIDE] = reason or "yes"
    words = [sys.executable, str(pathlib.Path(__file__).resolve()), *sys.argv[1:]]
    if not reason:
        words = [*ALONE, "sh", "-c", 'PATH=$PATH:/usr/sbin:/sbin ip link set lo up && exec "$0" "$@"', *words]
    os.execvp(words[0], words)


if __name__ == "__main__":
    if INSIDE not in os.environ:
        enter()
    chaos.main(globals())
