# SPDX-License-Identifier: Apache-2.0
"""Backup and restore as the runbook has them, with its own command: taken while the broker works, put back in another life, after
which every job that was accepted before it ends, and those that had ended have their values."""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "scenario"))

import farm as farms  # noqa: E402

HELD = "fibonacci_generator.calculate"


def backup_command(store, copy):
    """The line of the runbook, for another folder."""
    text = (ROOT / "deploy" / "RUNBOOK.md").read_text()
    line, = re.findall(r"^runuser -u reeve -- (sqlite3 /var/lib/reeve/store/reeve.db .*)$", text, re.M)
    assert line.count("/var/lib/reeve/backup.db") == 1
    return line.replace("/var/lib/reeve/store", str(store)).replace("/var/lib/reeve/backup.db", str(copy))


def test_backup_while_it_works(farm):
    store, copy = farm.folder / "store", farm.folder / "backup.db"
    broker = farm.broker("--store", store)
    worker = farm.worker()
    assert farm.reeve("call", "calculator.calculate", 6, "*", 7).stdout == "42\n"
    assert farm.reeve("hold", HELD).returncode == 0
    waiting = farm.reeve("submit", "--lines", HELD, text="".join(f"{n}\n" for n in range(1, 501))).stdout.split()
    assert len(waiting) == 500
    ended = farm.reeve("submit", "calculator.calculate", 20, "+", 3).stdout.strip()
    assert farm.reeve("wait", ended).returncode == 0

    load = farm.start("reeve-bench", "--seconds", 60, "--depth", 50, "--durability", "durable")  # it writes meanwhile
    farm.until(lambda: farm.json("status")["totals"]["submitted"] > 2000, "the load is under way")
    before = farm.json("status")["totals"]["submitted"]
    subprocess.run(["bash", "-ec", backup_command(store, copy)], check=True, timeout=farms.DEADLINE_S)
    farm.until(lambda: farm.json("status")["totals"]["submitted"] > before, "the load goes on after it")
    checked = subprocess.run(["sqlite3", copy, "PRAGMA integrity_check"], capture_output=True, text=True, check=True,
                             timeout=farms.DEADLINE_S)
    assert checked.stdout == "ok\n", checked
    load.kill()
    load.wait()
    later = farm.reeve("submit", HELD, 90).stdout.strip()
    worker.stop()
    broker.stop()

    store.rename(farm.folder / "store.before")
    store.mkdir(0o700)
    copy.rename(store / "reeve.db")
    farm.broker("--store", store)
    assert farm.reeve("job", later).returncode == 3, "what came later is not known"
    assert farm.json("job", ended)["jobs"][0]["state"] == "ok"
    status = farm.json("status")
    assert status["queues"][HELD]["held"] and status["totals"]["live"] >= 500, status
    farm.worker()
    assert farm.reeve("release", HELD).returncode == 0
    assert farm.reeve("wait", *waiting).returncode == 0
    values = [farm.reeve("result", one).stdout for one in (waiting[0], waiting[99])]
    assert values == ["1\n", "354224848179261915075\n"], values
    assert all(job["attempts"] == 1 for job in farm.json("job", *waiting[:20])["jobs"])


farms.main(globals())
