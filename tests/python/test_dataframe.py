# SPDX-License-Identifier: Apache-2.0
"""dataframe.run on a farm: from the client, the command line and the JSON door, inside its slot's limits and roots."""
import json
import re
import sys

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import reeve
from dataframe_farm import MEAN, failed, request
from plain_door import begin, reply

from gateway import Gateway

WAITS = """
import pathlib, signal
def main(ddf):
    pathlib.Path("begun").touch()
    while not pathlib.Path("go").exists():
        signal.sigtimedwait([signal.SIGUSR1], 0.01)
"""


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
    with reeve.Client(bare.address) as client:
        job = client.submit("dataframe.run", request(root, WAITS))
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


def test_cancelled(bare, root, start):
    start()
    with reeve.Client(bare.address) as client:
        ever = "def main(ddf):\n    while True:\n        pass\n"
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


# --- bad input: a reason that a person understands, and nobody else notices ----------------------------

PRINTS = """
import os
def main(ddf):
    line = b"x" * (1 << 20)
    for _ in range(1024):
        os.write(1, line)
    raise ValueError("that was a gigabyte")
"""
EATS = "def main(ddf):\n    kept = []\n    while True:\n        kept.append(bytearray(50_000_000))\n"
FORKS = """
import os, signal
def main(ddf):
    for _ in range(20):
        if os.fork() == 0:
            signal.pause()
    return 1 / 0
"""
FORKS_AND_EATS = """
import os
def main(ddf):
    for _ in range(4):
        if os.fork() == 0:
            kept = []
            while True:
                kept.append(bytearray(50_000_000))
    os.wait()
"""
FORKS_ON = """
import os, signal
def main(ddf):
    for _ in range(7):  # each of them goes on, too
        os.fork()
    signal.pause()
"""
SHY = "class Shy:\n    def __str__(self):\n        raise ValueError('I will not be written down')\ndef main(ddf):\n    return Shy()\n"
RETURNS = "def main(ddf):\n    return ddf\n"
ADDS = "def main(ddf):\n    return ddf.x.sum().compute()\n"
NESTED = "def main(ddf):\n    return ddf.inner.sum().compute()\n"

NONE = "cannot be read as Parquet: "
LIMIT_MIB = 700
# Whether the allocation itself fails first is the system's affair.
TOO_MUCH = f"work.py(, line \\d+: MemoryError: its slot has no more memory| needed more memory than its slot has, {LIMIT_MIB} MiB)"

BAD = {  # what the request says otherwise, the file, and the whole reason as a pattern
    "raises": ({}, "def main(ddf):\n    raise RuntimeError('no more')\n", "work.py, line 2: RuntimeError: no more"),
    "prints a gigabyte": ({}, PRINTS, "work.py, line 7: ValueError: that was a gigabyte"),
    "allocates without bound": ({}, EATS, TOO_MUCH),
    "forks": ({}, FORKS, "work.py, line 7: ZeroDivisionError: division by zero"),
    "forks and allocates": ({}, FORKS_AND_EATS, TOO_MUCH),
    "forks without end": ({}, FORKS_ON, "work.py started more than 64 processes"),
    "ends itself": ({}, "import os\ndef main(ddf):\n    os._exit(0)\n",
                    r"work.py ended its process before it had an answer \(exit code 0\)"),
    "aborts": ({}, "import os\ndef main(ddf):\n    os.abort()\n", "work.py: its process was killed by SIGABRT"),
    "returns what has no text": ({}, SHY, "work.py, line 3: ValueError: I will not be written down"),
    "has no main": ({}, "x = 1\n", r"work.py has no function main\(ddf\)"),
    "is no Python": ({}, "\0\1", "work.py: ValueError: source code string cannot contain null bytes"),
    "wants a column that is not there": ({}, "def main(ddf):\n    return ddf['price'].sum()\n", "work.py, line 2: KeyError: 'price'"),
    "adds up structs": ({"Base": "nested.parquet"}, NESTED, "work.py, line 2: TypeError: .*"),
    "corrupt": ({"Base": "corrupt.parquet"}, RETURNS, f"Base corrupt.parquet {NONE}Couldn't deserialize thrift: .*"),
    "truncated": ({"Base": "truncated.parquet"}, RETURNS, f"Base truncated.parquet {NONE}Parquet magic bytes not found in footer. .*"),
    "empty": ({"Base": "empty.parquet"}, RETURNS, f"Base empty.parquet {NONE}Parquet file size is 0 bytes"),
    "no Parquet": ({"Base": "work.py"}, RETURNS, f"Base work.py {NONE}Parquet .*"),
    "an empty folder": ({"Base": "nothing"}, RETURNS, f"Base nothing {NONE}No files satisfy .*"),
    "damaged inside": ({"Base": "damaged.parquet"}, ADDS, f"work.py, line 2: Base damaged.parquet {NONE}.*"),
    "outside": ({"Base": "../outside.parquet"}, RETURNS, "Base ../outside.parquet is outside the roots of this worker"),
    "a link out": ({"Base": "link.parquet"}, RETURNS, "Base link.parquet is outside the roots of this worker"),
    "a file that is a link out": ({"File": "link.py"}, RETURNS, "File link.py is outside the roots of this worker"),
    "not there": ({"Base": "no.parquet"}, RETURNS, "Base no.parquet: No such file or directory"),
}


@pytest.fixture
def bases(root):
    """Such as no job can use, and links out of the root."""
    whole = (root / "base.parquet").read_bytes()
    (root / "corrupt.parquet").write_bytes(b"PAR1" + bytes(1000) + b"PAR1")
    (root / "truncated.parquet").write_bytes(whole[: len(whole) // 2])
    (root / "empty.parquet").touch()
    (root / "nothing").mkdir()
    (root / "damaged.parquet").write_bytes(whole[:2000] + bytes(100_000) + whole[102_000:])
    rows = [{"n": i, "inner": {"a": i, "b": [str(i)]}} for i in range(3000)]
    pq.write_table(pa.Table.from_pylist(rows), root / "nested.parquet")
    (root.parent / "outside.parquet").write_bytes(whole)
    (root / "link.parquet").symlink_to("../outside.parquet")
    (root.parent / "outside.py").write_text(MEAN)
    (root / "link.py").symlink_to("../outside.py")


def test_bad_jobs_fail_with_a_reason_and_nobody_else_notices(bare, root, bases):
    bare.farm.env["REEVE_PYTHON"] = sys.executable
    bare.farm.worker("--dataframe", "--root", root, "--slot-memory", LIMIT_MIB, slots=2)
    (root / "beside.py").write_text(WAITS)
    with reeve.Client(bare.address) as client:
        beside = client.submit("dataframe.run", {"Directory": str(root), "Base": "base.parquet", "File": "beside.py"})
        bare.farm.until((root / "begun").exists, "the job beside runs")
        for name, (changed, source, said) in BAD.items():
            text = failed(client, request(root, source, **changed))
            assert re.fullmatch(said, text), f"{name}: {text}"
        assert failed(client, request(root, "def main(ddf):\n    while True:\n        pass\n"), time_limit=6) == (
            "it had not ended when its time limit, 6 s, was over")
        assert client.call("dataframe.run", request(root))["File"] == "work_ansver.parquet"
        (root / "go").touch()
        assert beside.result(60)["File"] == "beside_ansver.txt" and not client.job(beside)["attempt_list"]
