# SPDX-License-Identifier: Apache-2.0
"""dataframe.run at size, on a farm and on a farm with a Dask cluster: the results, the time beside plain Dask, the memory.

With --full ten million rows, and a base of a gigabyte; without, the same on a hundredth of it.
"""
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import reeve

from reeve.dataframe.child import PART_BYTES

SLOT_MIB = 1024
GROUPS = 1000
WIDE_COLUMNS = 10
ROUNDS = 3
WAIT_S = 600


@dataclass
class Size:
    rows: int  # of the base that is grouped
    wide_rows: int  # of the one that is added up: 80 bytes each, which cannot be packed
    row_group: int


@pytest.fixture(scope="module")
def size(request):
    if request.config.getoption("--full"):
        return Size(10_000_000, 12_500_000, 250_000)
    return Size(100_000, 125_000, 10_000)


@pytest.fixture(scope="module")
def root(tmp_path_factory, size):
    """A folder with base.parquet and wide.parquet, written row group by row group."""
    folder = tmp_path_factory.mktemp("root")
    random = np.random.default_rng(8)

    def write(name, rows, columns):
        writer = None
        for start in range(0, rows, size.row_group):
            table = pa.table(columns(min(size.row_group, rows - start)))
            writer = writer or pq.ParquetWriter(folder / name, table.schema)
            writer.write_table(table)
        writer.close()

    write("base.parquet", size.rows, lambda n: {"key": random.integers(0, GROUPS, n), "x": random.normal(size=n),
                                                "y": random.normal(1e6, 1, n)})
    write("wide.parquet", size.wide_rows, lambda n: {f"c{i}": random.random(n) for i in range(WIDE_COLUMNS)})
    yield folder
    shutil.rmtree(folder)  # gigabytes are not kept


@pytest.fixture
def client(bare):
    bare.farm.env["REEVE_PYTHON"] = sys.executable
    with reeve.Client(bare.address) as made:
        yield made


@pytest.fixture
def run(bare, root, client):
    """Runs a source on the farm; the answer's path. With no worker there it starts one."""
    workers = []

    def run(source, base="base.parquet", name="work", **options):
        if not workers:
            workers.append(bare.farm.worker("--dataframe", "--root", root, "--slot-memory", SLOT_MIB, slots=1))
        (root / f"{name}.py").write_text(source)
        said = client.call("dataframe.run", {"Directory": str(root), "Base": base, "File": f"{name}.py"}, timeout=WAIT_S,
                           **options)
        return root / said["File"]

    return run


@pytest.fixture
def say(capsys):
    """For people: what was measured."""

    def say(text):
        with capsys.disabled():
            print(f"\n{text}")

    return say


MEAN = "def main(ddf):\n    return ddf.groupby('key').mean()\n"
SPECTRUM = "import numpy as np\ndef main(ddf):\n    return np.fft.fft(ddf['x'].compute().to_numpy())\n"
SUMS = """
import pathlib

def main(ddf):
    sums = ddf.sum().compute()
    pathlib.Path("peak").write_text(pathlib.Path("/proc/self/status").read_text())
    return sums
"""
PLAIN = """
import sys, time
import dask, dask.dataframe as dd

started = time.monotonic()
with dask.config.set(scheduler="threads", num_workers=int(sys.argv[2])):
    frame = dd.read_parquet("base.parquet", blocksize=sys.argv[1])
    frame.groupby("key").mean().compute().to_parquet("plain.parquet")
print(time.monotonic() - started)
"""
# The first part waits for the end of the worker that computes it; the next that gets it goes on.
SLOW = """
import os, pathlib, signal

def slow(part, division=None, partition_info=None):
    if partition_info["number"] == 0:
        try:
            with open(r"{folder}/pid", "x") as file:
                file.write(f"{{os.getpid()}}\\n")
            signal.pause()
        except FileExistsError:
            pass
    return part

def main(ddf):
    return ddf.map_partitions(slow, meta=ddf._meta).groupby("key").mean()
"""


def plain_dask(root):
    """Seconds that a program with Dask alone takes for the same: without its imports, and in all."""
    started = time.monotonic()
    words = [sys.executable, "-c", PLAIN, PART_BYTES, str(len(os.sched_getaffinity(0)))]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, timeout=WAIT_S, check=True)
    return float(done.stdout), time.monotonic() - started


def test_a_mean_by_group(root, run, say, size):
    run(MEAN)  # the slot has loaded what it loads
    plain, programs, ours = [], [], []
    for _ in range(ROUNDS):
        started = time.monotonic()
        answer = run(MEAN)
        ours.append(time.monotonic() - started)
        alone, program = plain_dask(root)
        plain.append(alone)
        programs.append(program)
    wanted = pd.read_parquet(root / "base.parquet").groupby("key").mean()
    assert len(wanted) == GROUPS
    for path in answer, root / "plain.parquet":
        pd.testing.assert_frame_equal(pd.read_parquet(path).sort_index(), wanted, rtol=1e-9, atol=0)
    ours, plain, program = map(statistics.median, (ours, plain, programs))
    say(f"mean by group of {size.rows:,} rows: dataframe.run {ours:.2f} s; a program with plain Dask {plain:.2f} s, {program:.2f} s "
        f"with its imports; ratio {ours / plain:.2f}, {ours / program:.2f}")


def test_a_spectrum_is_text(root, run, say, size):
    started = time.monotonic()
    answer = run(SPECTRUM)
    took = time.monotonic() - started
    assert answer.name == "work_ansver.txt"
    wanted = np.fft.fft(pd.read_parquet(root / "base.parquet", columns=["x"]).x.to_numpy())
    with open(answer, encoding="ascii") as lines:
        for count, (line, value) in enumerate(zip(lines, wanted, strict=True), 1):
            assert complex(line) == value
    assert count == size.rows
    say(f"spectrum of {size.rows:,} values: {answer.stat().st_size / 1e6:,.0f} MB of text in {took:.1f} s")


def peak_mib(status):
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def test_a_plain_aggregation_fits_into_its_slot(root, run, client, say, size):
    """The worker would have ended it beyond its limit; how far it was from there is the process' own figure."""
    answer = run(SUMS, base="wide.parquet")
    wanted = pq.read_table(root / "wide.parquet", columns=["c3"])["c3"].to_numpy().sum()
    assert abs(pd.read_parquet(answer).iloc[3, 0] / wanted - 1) < 1e-9
    peak = peak_mib((root / "peak").read_text())
    assert peak < SLOT_MIB
    say(f"sums of a base of {(root / 'wide.parquet').stat().st_size / 1e9:.2f} GB: at most {peak:.0f} MiB of {SLOT_MIB}")


def test_the_same_on_a_cluster_also_when_a_worker_dies(root, run, bare, cluster, say):
    alone = {source: run(source).read_bytes() for source in (MEAN, SPECTRUM)}
    bare.farm.processes[-1].stop()
    bare.farm.env["REEVE_DASK_SCHEDULER"] = cluster[0]
    bare.farm.worker("--dataframe", "--root", root, "--slot-memory", SLOT_MIB, slots=1)
    for source, wanted in alone.items():
        assert run(source).read_bytes() == wanted
    (root / "slow.py").write_text(SLOW.format(folder=root))
    with reeve.Client(bare.address) as client:
        job = client.submit("dataframe.run", {"Directory": str(root), "Base": "base.parquet", "File": "slow.py"})
        bare.farm.until(lambda: (root / "pid").exists() and (root / "pid").read_text().endswith("\n"), "it is in the middle")
        pid = int((root / "pid").read_text())
        assert pid in [worker.pid for worker in cluster[1]]
        os.kill(pid, signal.SIGKILL)
        answer = root / job.result(WAIT_S)["File"]
    assert answer.read_bytes() == alone[MEAN]
    say("on a cluster of two: the same bytes, also after one of them was killed")
