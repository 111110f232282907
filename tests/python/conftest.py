# SPDX-License-Identifier: Apache-2.0
"""Farms for the tests of the Python package: those of tests/scenario, whose processes are ended with the test; and a Dask
cluster. --full: tests that have a long form take it."""
import os
import pathlib
import re
import select
import subprocess
import sys
import textwrap
import time

import farm as scenario
import pytest

HANDLERS = pathlib.Path(__file__).with_name("handlers.py")


def pytest_addoption(parser):
    parser.addoption("--full", action="store_true")


class PythonFarm:
    """A broker with a worker that runs Python handlers."""

    def __init__(self, farm):
        self.farm = farm
        self.address = farm.address
        farm.env["REEVE_PYTHON"] = sys.executable

    def handlers(self, text):
        """A file of handlers with this text."""
        path = self.farm.folder / f"handlers_{len(list(self.farm.folder.glob('handlers_*')))}.py"
        path.write_text(textwrap.dedent(text))
        return path

    def worker(self, *words, python=HANDLERS, slots=1):
        return self.farm.worker("--python", python, *words, slots=slots)


@pytest.fixture
def bare():
    """A farm with a broker in memory, no worker."""
    made = scenario.Farm()
    try:
        made.broker("--store", "memory")
        yield PythonFarm(made)
        made.check_sanitizers()
    except BaseException:
        made.report()
        raise
    finally:
        made.close()


@pytest.fixture
def farm(bare):
    """The same with one worker of handlers.py, two slots."""
    bare.process = bare.worker("--stop-flag", "0.2", slots=2)
    return bare


@pytest.fixture(params=["page", "socket"])
def line(request, bare):
    """How jobs come: from the page, or over the socket, as where its library is missing."""
    if request.param == "socket":
        bare.farm.env["REEVE_PYTHON_PAGE"] = "none"
    return request.param


@pytest.fixture
def client(farm):
    import reeve

    with reeve.Client(farm.address) as made:
        yield made


@pytest.fixture
def root(bare):
    """A folder with a base, for the worker of start()."""
    import numpy as np
    import pandas as pd

    folder = bare.farm.folder / "root"
    folder.mkdir()
    random = np.random.default_rng(3)
    frame = pd.DataFrame({"key": random.integers(0, 4, 50_000), "x": random.normal(size=50_000)})
    frame.to_parquet(folder / "base.parquet", row_group_size=10_000)
    return folder


@pytest.fixture
def start(bare, root):
    """Starts a worker that may use root: start(WORD...)."""
    bare.farm.env["REEVE_PYTHON"] = sys.executable
    return lambda *words: bare.farm.worker("--dataframe", "--root", root, *words, slots=1)


def told(process, pattern):
    """The first line it prints that has the pattern, as a match."""
    end = time.monotonic() + scenario.DEADLINE_S
    seen = ""
    while time.monotonic() < end and select.select([process.stderr], [], [], end - time.monotonic())[0]:
        data = os.read(process.stderr.fileno(), 65536).decode()
        seen += data
        if match := re.search(pattern, seen):
            return match
        if not data:
            break
    raise AssertionError(f"{process.args}: no {pattern}: {seen}")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """The scheduler's address and its workers; DASK_ settings keep all of it on loopback."""
    started = []

    def start(*words):
        process = subprocess.Popen([sys.executable, "-m", "dask", *words], stderr=subprocess.PIPE,
                                   cwd=tmp_path_factory.mktemp(words[0]))
        started.append(process)
        return process

    scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    address = told(scheduler, r"Scheduler at:\s*(tcp://127\.0\.0\.1:\d+)")[1]
    workers = [start("worker", address, "--host", "127.0.0.1", "--no-nanny", "--nthreads", "1", "--no-dashboard")
               for _ in range(2)]
    for worker in workers:
        told(worker, r"Registered to:")
    yield address, workers
    for process in started[::-1]:
        process.terminate()
        process.wait(scenario.DEADLINE_S)
        process.stderr.close()


os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
