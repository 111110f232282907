# SPDX-License-Identifier: Apache-2.0
"""A dataframe job from request to answer, and what users' files can do to their process."""
import contextlib
import os
import signal
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reeve.dataframe import processes
from reeve.dataframe.job import Cancelled, Failed, Runner
from reeve.dataframe.roots import Roots

LIMIT_BYTES = 1 << 30
DEADLINE_S = 30


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("root")
    random = np.random.default_rng(1)
    frame = pd.DataFrame({"key": random.integers(0, 5, 100_000), "x": random.normal(size=100_000)})
    frame.to_parquet(folder / "base.parquet", row_group_size=20_000)
    return folder


@pytest.fixture(scope="module")
def runner(folder):
    return Runner(Roots([folder]), LIMIT_BYTES)


def living():
    """Our children, without those that have ended and wait to be looked after."""
    found = []
    for pid in processes.children(os.getpid()):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/stat", encoding="ascii") as file:
            if file.read().rsplit(")", 1)[1].split()[0] not in "ZX":
                found.append(pid)
    return found


@pytest.fixture
def run(folder, runner):
    def run(source, base="base.parquet", progress=lambda *word: None, cancelled=lambda: False):
        (folder / "work.py").write_text(source)
        before = living()
        try:
            said = runner.run({"Directory": str(folder), "Base": base, "File": "work.py"}, progress, cancelled)
        finally:
            end = time.monotonic() + DEADLINE_S  # a server that was talked nonsense to takes a moment to end
            while len(after := living()) > max(len(before), 2):  # the fork server and its tracker, nothing else
                assert time.monotonic() < end, (before, after)
        assert said["Directory"] == str(folder)
        return folder / said["File"]

    return run


def fails(run, source, **options):
    with pytest.raises(Failed) as caught:
        run(source, **options)
    return caught.value


def test_a_mean_by_group(run, folder):
    words = []
    answer = run("def main(ddf):\n    return ddf.groupby('key').mean()\n", progress=lambda *word: words.append(word))
    assert answer.name == "work_ansver.parquet"
    wanted = pd.read_parquet(folder / "base.parquet").groupby("key").mean()
    pd.testing.assert_frame_equal(pd.read_parquet(answer).sort_index(), wanted, rtol=1e-9)
    assert words[0] == ("loading", 0, 0) and words[-1][0] == "computing" and words[-1][1] == words[-1][2] > 0, words


def test_a_spectrum_is_text(run):
    answer = run("import numpy as np\ndef main(ddf):\n    return np.fft.fft(ddf['x'].compute().to_numpy())\n")
    assert answer.name == "work_ansver.txt"
    assert len([complex(line) for line in answer.read_text().splitlines()]) == 100_000


def test_it_starts_in_its_folder_beside_its_modules_and_without_settings_of_ours(run, folder, monkeypatch):
    (folder / "beside.py").write_text("NUMBER = 7\n")
    monkeypatch.setenv("REEVE_SECRET", "x")
    answer = run("import os, beside, sys\ndef main(ddf):\n    return [os.getcwd(), beside.NUMBER, sys.stdin.read(), "
                 "[n for n in os.environ if n.startswith('REEVE')], ddf.npartitions > 0]\n")
    assert answer.read_text() == str([str(folder), 7, "", [], True])


@pytest.mark.parametrize("source, said", [
    ("def main(ddf):\n    return ddf['missing'].sum()\n", "work.py, line 2: KeyError: 'missing'"),
    ("def main(ddf):\n    raise RuntimeError\n", "work.py, line 2: RuntimeError"),
    ("def main(ddf)\n    pass\n", "work.py, line 1: SyntaxError: expected ':'"),
    ("import no_such_module\n", "work.py, line 1: ModuleNotFoundError: No module named 'no_such_module'"),
    ("main = 1\n", "work.py has no function main(ddf)"),
    ("def main():\n    pass\n", "work.py: TypeError: main() takes 0 positional arguments but 1 was given"),
    ("def part(p):\n    raise ValueError('in a part')\ndef main(ddf):\n    return ddf.map_partitions(part, meta=ddf._meta)\n",
     "work.py, line 2: ValueError: in a part"),
    ("import sys\ndef main(ddf):\n    sys.exit('enough')\n", "work.py, line 3: SystemExit: enough"),
    ("import os\ndef main(ddf):\n    os._exit(3)\n", "work.py ended its process before it had an answer (exit code 3)"),
    ("import os, signal\ndef main(ddf):\n    os.kill(os.getpid(), signal.SIGSEGV)\n",
     "work.py: its process was killed by SIGSEGV"),
    ("import numpy as np\ndef main(ddf):\n    kept = []\n    while True:\n        kept.append(np.ones(10_000_000))\n",
     "work.py needed more memory than its slot has, 1024 MiB"),
    ("import os, numpy as np\ndef main(ddf):\n    for _ in range(4):\n        if not os.fork():\n"
     "            kept = np.ones(50_000_000)\n            while True:\n                pass\n    os.wait()\n",
     "work.py needed more memory than its slot has, 1024 MiB"),
])
def test_files_that_fail(run, source, said):
    assert str(fails(run, source)) == said


def test_what_it_printed_last_is_kept(run):
    failed = fails(run, "def main(ddf):\n    for i in range(200_000):\n        print(i, 'x' * 1000)\n    raise ValueError('now')\n")
    assert failed.printed.endswith("ValueError: now\n") and len(failed.printed) < 5000


@pytest.mark.parametrize("base, content, said", [
    ("corrupt.parquet", b"PAR1" + bytes(1000) + b"PAR1", "Base corrupt.parquet cannot be read as Parquet: "),
    ("truncated.parquet", None, "Base truncated.parquet cannot be read as Parquet: "),
    ("empty.parquet", b"", "Base empty.parquet cannot be read as Parquet: "),
])
def test_a_base_that_is_none(run, folder, base, content, said):
    (folder / base).write_bytes((folder / "base.parquet").read_bytes()[:-100] if content is None else content)
    text = str(fails(run, "def main(ddf):\n    return ddf\n", base=base))
    assert text.startswith(said) and "\n" not in text and len(text) > len(said), text


def test_a_base_that_is_damaged_inside(run, folder):
    data = bytearray((folder / "base.parquet").read_bytes())
    data[2000:300_000] = bytes(298_000)
    (folder / "damaged.parquet").write_bytes(data)
    text = str(fails(run, "def main(ddf):\n    return ddf.x.sum().compute()\n", base="damaged.parquet"))
    assert text.startswith("work.py, line 2: Base damaged.parquet cannot be read as Parquet: "), text


def test_nested_columns_go_in_and_out(run, folder):
    rows = [{"n": i, "l": [i, i + 1], "s": {"a": i, "b": [str(i)]}} for i in range(3000)]
    pq.write_table(pa.Table.from_pylist(rows), folder / "nested.parquet", row_group_size=1000)
    answer = run("def main(ddf):\n    return ddf\n", base="nested.parquet")
    assert answer.suffix == ".parquet" and pq.read_table(answer).to_pylist() == rows
    answer = run("def main(ddf):\n    return ddf.n.sum()\n", base="nested.parquet")
    assert answer.read_text() == str(sum(range(3000)))


def test_a_result_that_is_no_data_is_its_text(run):
    assert run("def main(ddf):\n    return lambda: 1\n").read_text().startswith("<function ")


def test_children_of_its_own_do_not_outlive_it(run, folder):
    answer = run("import os, signal\n\ndef main(ddf):\n    pids = []\n    for _ in range(3):\n        pid = os.fork()\n"
                 "        if pid == 0:\n            os.setsid()\n            os.fork()\n            signal.pause()\n"
                 "        pids.append(pid)\n    return pids\n")
    for pid in eval(answer.read_text()):
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_file_that_ends_the_server_or_talks_nonsense(run):
    fails(run, "import os, signal\n\ndef main(ddf):\n    os.kill(os.getppid(), signal.SIGKILL)\n    signal.pause()\n")
    fails(run, "import os\n\ndef main(ddf):\n    for fd in range(3, 64):\n        try:\n"
               "            os.write(fd, b'nonsense' * 100)\n        except OSError:\n            pass\n    return 1\n")
    assert run("def main(ddf):\n    return 9\n").read_text() == "9"


def test_cancelled_while_it_works(run, folder):
    looks = []

    def cancelled():
        looks.append(1)
        return (folder / "here").exists()

    started = time.monotonic()
    with pytest.raises(Cancelled):
        run("import pathlib\ndef main(ddf):\n    pathlib.Path('here').touch()\n    while True:\n        pass\n",
            cancelled=cancelled)
    assert looks and time.monotonic() - started < 60
    assert not [path for path in folder.iterdir() if path.name.startswith(".work")]


def test_a_signal_that_the_file_ignores(run):
    assert run(f"import signal\nsignal.signal({int(signal.SIGTERM)}, signal.SIG_IGN)\ndef main(ddf):\n    return 1\n").read_text() == "1"
