#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""deploy/run.sh: a farm and its load in one command, and nothing left behind however it ends."""
import pathlib
import signal

import farm as farm_module

DEPLOY = pathlib.Path(__file__).resolve().parents[2] / "deploy"


def checkout(farm):
    """What run.sh sees of a tree: itself, a setup that has nothing to do, and this build."""
    (farm.folder / "deploy").mkdir()
    for name, text in (("run.sh", (DEPLOY / "run.sh").read_text()), ("setup.sh", "#!/bin/sh\n")):
        path = farm.folder / "deploy" / name
        path.write_text(text)
        path.chmod(0o755)
    (farm.folder / "build").symlink_to(farm_module.BUILD)


def run(farm, *words):
    if not (farm.folder / "deploy").exists():
        checkout(farm)
    process = farm_module.Process([farm.folder / "deploy" / "run.sh", "--port-base", farm.port, *words], farm.folder,
                                  farm.env)
    farm.processes.append(process)
    return process


def check_gone(farm):
    """Nobody listens any more: the farm is over, not just the script."""
    farm.until(lambda: all(farm.ports.is_free(farm.port + i) for i in range(3)), "the ports are free")


def test_so_many_tasks(farm):
    process = run(farm, "--tasks", 200, "--seed", 1)
    assert process.wait() == 0, process.stderr()
    assert process.lines[-1].startswith("tasks=200 ok=200 failed=0 "), process.lines[-5:]
    assert sum(line.startswith("task ") for line in process.lines) == 200
    assert sum(line.startswith("result ") and " ok " in line for line in process.lines) == 200
    check_gone(farm)


def test_until_interrupted(farm):
    process = run(farm, "--interval", "0.01")
    process.wait_line(lambda line: line.startswith("result "), count=10)
    process.kill(signal.SIGINT)
    assert process.wait() == 0, process.stderr()
    assert process.lines[-1].startswith("tasks=") and " failed=0 " in process.lines[-1], process.lines[-5:]
    check_gone(farm)


def test_the_script_is_killed(farm):
    process = run(farm, "--interval", "0.01")
    process.wait_line(lambda line: line.startswith("result "), count=10)
    process.kill(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    check_gone(farm)


def test_the_port_is_taken(farm):
    farm.broker()
    process = run(farm, "--tasks", 5)
    assert process.wait() == 7
    assert str(farm.port) in process.stderr(), process.stderr()
    assert process.lines == []
    farm.check_alive()


def test_options_it_does_not_know(farm):
    process = run(farm, "--no-such-option")
    assert process.wait() == 2
    assert "--no-such-option" in process.stderr(), process.stderr()
    check_gone(farm)


if __name__ == "__main__":
    farm_module.main(globals())
