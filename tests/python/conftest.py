# SPDX-License-Identifier: Apache-2.0
"""Farms for the tests of the Python package: those of tests/scenario, whose processes are ended with the test."""
import os
import pathlib
import sys
import textwrap

import pytest

HANDLERS = pathlib.Path(__file__).with_name("handlers.py")


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
    import farm as scenario

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


os.environ.setdefault("PYTHONDONTWRITEBYTECODE", "1")
