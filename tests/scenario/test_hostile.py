#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Floods of garbage on both ROUTER ports, while jobs go round: the broker lives and keeps its promises."""
import farm as farm_module
from farm import BUILD, Process


def flood(farm, seed, rounds=25):
    process = Process([BUILD / "tests" / "hostile", seed, rounds, farm.address, f"tcp://127.0.0.1:{farm.port + 1}"],
                      farm.folder, farm.env)
    farm.processes.append(process)
    return process


def test_garbage_while_jobs_go_round(farm):
    broker = farm.broker()
    floods = [flood(farm, seed) for seed in (1, 2, 3)]
    rounds = 0
    while any(process.child.poll() is None for process in floods):
        farm.check_alive()
        rounds += 1
    for process in floods:
        assert process.wait() == 0, process.stderr()
        print(process.lines[-1])
    farm.check_alive()
    client = farm.client()
    client.send("get_status", number=1)
    status = client.receive("status", number=1)
    assert status.malformed > 100 and rounds > 0, (status, rounds)
    assert status.submitted >= rounds, (status, rounds)
    assert broker.stop() == 0


if __name__ == "__main__":
    farm_module.main(globals())
