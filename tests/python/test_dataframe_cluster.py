# SPDX-License-Identifier: Apache-2.0
"""The same jobs on a Dask cluster: a real scheduler and two workers, one of which is killed in the middle."""
import os
import signal

import numpy as np
import pandas as pd
import pytest

from reeve.dataframe.job import Failed, Runner
from reeve.dataframe.roots import Roots

@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(2)
    frame = pd.DataFrame({"key": random.integers(0, 5, 60_000), "x": random.normal(size=60_000)})
    for part in range(6):
        (tmp_path / "base").mkdir(exist_ok=True)
        frame[part * 10_000 : (part + 1) * 10_000].to_parquet(tmp_path / "base" / f"{part}.parquet")
    return tmp_path


def run(folder, source, scheduler="", look=lambda: False):
    (folder / "work.py").write_text(source)
    said = Runner(Roots([folder]), scheduler=scheduler).run(
        {"Directory": str(folder), "Base": "base", "File": "work.py"}, lambda *word: None, look)
    return folder / said["File"]


@pytest.mark.parametrize("source", [
    "def main(ddf):\n    return ddf.groupby('key').mean()\n",
    "def twice(part):\n    return part * 2\ndef main(ddf):\n    return ddf.map_partitions(twice)\n",
    "import numpy as np\ndef main(ddf):\n    return np.fft.fft(ddf['x'].compute().to_numpy())\n",
    "def main(ddf):\n    return ddf.x.sum()\n",
])
def test_the_same_file_as_without(folder, cluster, source):
    alone = run(folder, source).read_bytes()
    assert run(folder, source, cluster[0]).read_bytes() == alone


def test_it_is_computed_there(folder, cluster):
    source = "import os\ndef main(ddf):\n    return ddf.map_partitions(lambda part: part.assign(pid=os.getpid())).pid.unique()\n"
    pids = set(pd.read_parquet(run(folder, source, cluster[0]))["pid"])
    assert pids and pids <= {worker.pid for worker in cluster[1]}


SLOW = """
import os, signal

def slow(part, first):
    if part.index[0] == 0 and part.x.iloc[0] == first:
        try:
            with open("{folder}/pid", "x") as file:  # only the first time
                file.write(str(os.getpid()))
            signal.pause()
        except FileExistsError:
            pass
    return part

def main(ddf):
    first = ddf.x.head(1).iloc[0]
    return ddf.map_partitions(slow, first, meta=ddf._meta).groupby("key").mean()
"""


def test_a_worker_is_killed_in_the_middle(folder, cluster):
    killed = []

    def look():
        path = folder / "pid"
        if not killed and path.exists() and path.read_text():
            killed.append(int(path.read_text()))
            os.kill(killed[0], signal.SIGKILL)
        return False

    answer = run(folder, SLOW.format(folder=folder), cluster[0], look)
    assert killed and killed[0] in [worker.pid for worker in cluster[1]], killed
    wanted = pd.concat([pd.read_parquet(path) for path in sorted((folder / "base").iterdir())]).groupby("key").mean()
    pd.testing.assert_frame_equal(pd.read_parquet(answer).sort_index(), wanted, rtol=1e-9)


def test_no_scheduler_there(folder):
    with pytest.raises(Failed, match="^the Dask scheduler tcp://127.0.0.1:9 does not answer: "):
        run(folder, "def main(ddf):\n    return ddf\n", "tcp://127.0.0.1:9")
