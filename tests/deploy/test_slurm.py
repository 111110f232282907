# SPDX-License-Identifier: Apache-2.0
"""deploy/slurm/workers.sbatch, with a stand-in for srun that starts a task for each node of the allocation on this host, gives
each what Slurm would in its environment, and hands signals on: workers join, work, and are drained by the batch's TERM."""
import os
import pathlib
import signal
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "deploy" / "slurm" / "workers.sbatch"
sys.path.insert(0, str(ROOT / "tests" / "scenario"))

import farm as farms  # noqa: E402

SRUN = """#!/bin/bash
# Options stand before the command.
while [ "${1#--}" != "$1" ]; do shift; done
tasks=() signals=0 worst=0
trap 'signals=$((signals + 1)); kill -TERM "${tasks[@]}"' TERM
for node in $NODES; do
    SLURMD_NODENAME=$node "$@" &
    tasks+=($!)
done
for task in "${tasks[@]}"; do
    seen=-1
    while [ $signals -ne $seen ]; do seen=$signals; wait "$task"; status=$?; done
    [ $status -eq 0 ] || worst=$status
done
exit $worst
"""


def batch(farm, nodes, *words):
    path = farm.folder / "path"
    path.mkdir()
    (path / "srun").write_text(SRUN)
    (path / "srun").chmod(0o755)
    (path / "reeve-worker").symlink_to(farms.BUILD / "bin" / "reeve-worker")
    env = dict(farm.env, PATH=f"{path}:{os.environ['PATH']}", NODES=" ".join(nodes), SLURM_JOB_ID="77", SLURM_CPUS_PER_TASK="2")
    process = farms.Process([SCRIPT, "--broker", f"tcp://127.0.0.1:{farm.port + 1}", *words], farm.folder, env)
    farm.processes.append(process)
    return process


def test_workers_come_work_and_go(farm):
    farm.broker("--store", "memory")
    nodes = ["n1", "n2", "n3"]
    process = batch(farm, nodes)
    workers = farm.until(lambda: (w := farm.workers()) and len(w) == 3 and w, "a worker a node")
    assert sorted(worker["id"] for worker in workers) == [f"slurm-77-{node}" for node in nodes]
    assert all(len(worker["slots"]) == 2 for worker in workers), workers
    done = farm.reeve("map", "fibonacci_generator.calculate", text="".join(f"{n}\n" for n in range(1, 201)))
    assert done.returncode == 0 and done.stdout.split()[99] == "354224848179261915075", done
    # What runs when the time is over may finish.
    ids = farm.reeve("submit", "--lines", "bench.sleep", text="2000\n" * 6).stdout.split()
    farm.until(lambda: farm.json("status")["busy"] == 6, "each slot has one")
    process.kill(signal.SIGTERM)
    assert process.wait() == 0
    process.wait_line("workers: gone, status 0")
    assert farm.workers() == []
    assert farm.reeve("wait", *ids).returncode == 0
    assert all(farm.json("job", one)["jobs"][0]["attempts"] == 1 for one in ids)


farms.main(globals())
