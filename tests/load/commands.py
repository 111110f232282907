#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""commands.py [ROUNDS [COMMANDS]]: how many commands a second two slots run, in turns: posix_spawn and wait, two at a
time (peers/spawn.c; `cmake --build build --target peers`), `reeve map --run` on a farm of two slots, and GNU parallel -j2
where it is installed, with a tenth of the commands. The command is /bin/true, and its environment is empty but for PATH: one
with a locale would make it load that. $REEVE_BUILD names the build (default: build)."""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "scenario"))
import farm as scenario  # noqa: E402

SLOTS = 2
TRUE = "/bin/true"


def lines(count):
    return "".join(f"{i}\n" for i in range(count))


def measure_spawn(farm, count):
    return json.loads(subprocess.run([scenario.BUILD / "bin" / "peers" / "spawn", str(count), str(SLOTS), TRUE], capture_output=True,
                                     text=True, env=farm.env, check=True).stdout)["rate"]


def measure_map(farm, count):
    start = time.monotonic()
    done = farm.reeve("map", "--run", TRUE + " {}", text=lines(count))
    assert done.returncode == 0 and done.stdout == "\n" * count, (done.returncode, done.stderr)
    return count / (time.monotonic() - start)


def measure_parallel(farm, count):
    count //= 10
    start = time.monotonic()
    subprocess.run(["parallel", "--will-cite", f"-j{SLOTS}", TRUE], input=lines(count), text=True, env=farm.env, check=True)
    return count / (time.monotonic() - start)


def main(rounds=5, count=3000):
    measures = {"posix_spawn": measure_spawn, "reeve map": measure_map}
    if shutil.which("parallel"):
        measures["GNU parallel"] = measure_parallel
    farm = scenario.Farm()
    rates = {name: [] for name in measures}
    try:
        farm.env = {name: farm.env[name] for name in ("REEVE_BROKER", "XDG_STATE_HOME", "HOME")} | {"PATH": "/usr/bin:/bin"}
        farm.broker("--store", "memory")
        farm.worker("--allow-shell", slots=SLOTS)
        for _ in range(rounds):
            for name, measure in measures.items():
                rates[name].append(measure(farm, count))
    finally:
        farm.close()
    median = {name: statistics.median(of) for name, of in rates.items()}
    for name, of in rates.items():
        print(f"{name:12} {median[name]:7,.0f} commands/s ({min(of):,.0f}-{max(of):,.0f})")
    ratios = (f"reeve map / {name} {median['reeve map'] / median[name]:.2f}" for name in median if name != "reeve map")
    print(f"{', '.join(ratios)}; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
