# SPDX-License-Identifier: Apache-2.0
"""dataframe.run on a farm: from the client, the command line and the JSON door, inside its slot's limits and roots."""
import json
import sys

import numpy as np
import pandas as pd
import pytest
import reeve
from plain_door import begin, reply

from gateway import Gateway

MEAN = "def main(ddf):\n    return ddf.groupby('key').mean()\n"


@pytest.fixture
def root(bare):
    """A folder with a base, and the worker that may use it."""
    folder = bare.farm.folder / "root"
    folder.mkdir()
    random = np.random.default_rng(3)
    frame = pd.DataFrame({"key": random.integers(0, 4, 50_000), "x": random.normal(size=50_000)})
    frame.to_parquet(folder / "base.parquet", row_group_size=10_000)
    return folder


@pytest.fixture
def start(bare, root):
    bare.farm.env["REEVE_PYTHON"] = sys.executable
    return lambda *words: bare.farm.worker("--dataframe", "--root", root, *words, slots=1)


def request(root, source=MEAN, **changed):
    (root / "work.py").write_text(source)
    return {"Directory": str(root), "Base": "base.parquet", "File": "work.py"} | changed


def failed(client, files, **options):
    with pytest.raises(reeve.JobFailed) as caught:
        client.call("dataframe.run", files, **options)
    return caught.value.text


def open_doors(farm):
    """A gateway, and its JSON door: door(header, request) gives status and answer."""
    port = farm.port + 4
    gateway = Gateway(farm, "--doors", "dask", "--dask-port", port)

    def door(header, asked):
        response = json.loads(reply(begin(port, json.dumps({"Header": header, "Request": asked}).encode())))["Response"]
        return response["Status"], response["Discription"]

    return gateway, door


def test_client_command_line_and_door(bare, root, start):
    start()
    files = request(root)
    said = {"Directory": str(root), "File": "work_ansver.parquet"}
    wanted = pd.read_parquet(root / "base.parquet").groupby("key").mean()
    with reeve.Client(bare.address) as client:
        assert client.call("dataframe.run", files) == said
    pd.testing.assert_frame_equal(pd.read_parquet(root / "work_ansver.parquet").sort_index(), wanted, rtol=1e-9)
    assert json.loads(bare.farm.reeve("call", "dataframe.run", json.dumps(files)).stdout) == said
    gateway, door = open_doors(bare.farm)
    assert door("Dask", files) == ("complete", said)
    assert door("Dask", request(root, "def main(ddf):\n    return ddf.nothing\n"))[0] == "error"
    assert door("Info", "All statistic") == ("complete", "All statistic: Status: Ready Dask process: 0 All process: 2")
    for status in bare.farm.json("status"), gateway.get("/v1/status").json:
        assert status["processes"] == {"all": 2, "dask": 0} and status["farm"]["busy"] == 0, status


def test_what_runs_is_counted(bare, root, start):
    start()
    gateway, door = open_doors(bare.farm)
    source = "import pathlib\ndef main(ddf):\n    while not pathlib.Path('go').exists():\n        pass\n"
    with reeve.Client(bare.address) as client:
        job = client.submit("dataframe.run", request(root, source))
        bare.farm.until(lambda: bare.farm.json("status")["processes"] == {"all": 3, "dask": 1}, "the job is counted")
        bare.farm.until(lambda: bare.farm.json("job", job.id())["jobs"][0].get("progress"), "it says how far it is")
        assert "1 dataframe jobs run" in bare.farm.reeve("status").stdout
        assert gateway.get("/v1/status").json["processes"] == {"all": 3, "dask": 1}
        assert door("Info", "Dask process") == ("complete", "Dask process: 1")
        assert door("Info", "All statistic") == ("complete", "All statistic: Status: Work Dask process: 1 All process: 3")
        (root / "go").touch()
        assert job.result()["File"] == "work_ansver.txt"


def test_inside_its_roots_only(bare, root, start):
    start()
    with reeve.Client(bare.address) as client:
        assert failed(client, request(root, Directory="/")) == "Directory / is outside the roots of this worker"
        (root / "link").symlink_to("/etc")
        assert "outside the roots" in failed(client, request(root, Base="link/passwd"))
        assert failed(client, [1]) == "a dataframe job wants the texts Directory, Base and File"
    wrong = bare.farm.start("reeve-worker", "--broker", "none", "--dataframe", "--root", root / "base.parquet")
    assert wrong.wait() == 7 and "base.parquet" in wrong.stderr(), wrong.stderr()


def test_inside_its_limits(bare, root, start):
    start("--slot-memory", 700)
    with reeve.Client(bare.address) as client:
        eats = "import numpy as np\ndef main(ddf):\n    kept = []\n    while True:\n        kept.append(np.ones(5_000_000))\n"
        text = failed(client, request(root, eats))
        assert "memory" in text.lower() or "SIGKILL" in text, text
        ever = "def main(ddf):\n    while True:\n        pass\n"
        assert failed(client, request(root, ever), time_limit=2) == "it had not ended when its time limit, 2 s, was over"
        job = client.submit("dataframe.run", request(root, ever))
        bare.farm.until(lambda: bare.farm.json("job", job.id())["jobs"][0]["state"] == "running", "it runs")
        job.cancel()
        bare.farm.until(lambda: bare.farm.json("job", job.id())["jobs"][0]["state"] == "cancelled", "it is cancelled")
        assert client.call("dataframe.run", request(root))["File"] == "work_ansver.parquet"  # the slot is as it was


def test_a_worker_that_is_killed_leaves_nothing(bare, root, start):
    worker = start()
    source = "import os, pathlib\ndef main(ddf):\n    pathlib.Path('pid').write_text(str(os.getpid()))\n" \
             "    while not pathlib.Path('go').exists():\n        pass\n    return 5\n"
    with reeve.Client(bare.address) as client:
        job = client.submit("dataframe.run", request(root, source))
        bare.farm.until(lambda: (root / "pid").exists() and (root / "pid").read_text(), "it runs")
        pid = int((root / "pid").read_text())
        worker.kill()
        worker.wait()
        bare.farm.until(lambda: gone(pid), "its process has gone, too")
        (root / "go").touch()
        start()
        assert job.result()["File"] == "work_ansver.txt"


def gone(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] == "Z"
    except FileNotFoundError:
        return True
