#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""run.py [PYTEST-ARGUMENT...]: the tests of the Python package, in an environment of their own; without the network and
without it made before they are skipped. $REEVE_BUILD: the programs."""
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[:0] = [str(ROOT / "tests" / "scenario")]
import pypi  # noqa: E402

PACKAGES = ["msgpack==1.*", "pyzmq>=24", "numpy>=1.24", "pytest==8.*", "mypy==1.*"]
DASK = ["dask[dataframe]>=2026.8", "distributed>=2026.8", "pyarrow>=20"]  # as deploy/setup.sh --python has them

if any("dataframe" in word for word in sys.argv[1:]):
    pypi.enter("dataframe-tests", PACKAGES + DASK)
else:
    pypi.enter("python-tests", PACKAGES)

import pytest  # noqa: E402

sys.dont_write_bytecode = True
sys.path[:0] = [str(ROOT / "consumer" / "python")]


class Counts:
    """The last line is as of all test programs here."""

    def __init__(self):
        self.passed = self.failed = 0

    def pytest_runtest_logreport(self, report):
        self.passed += report.when == "call" and report.passed
        self.failed += report.failed

    def pytest_collectreport(self, report):
        self.failed += report.failed

    def pytest_unconfigure(self):
        print(f"{self.passed} passed, {self.failed} failed")


def main(words):
    # A test_*.py stands for the one here.
    arguments = [str(HERE / word) if word.startswith("test_") else word for word in words] or [str(HERE)]
    return pytest.main(["-q", "--tb=short", "--no-header", "-p", "no:cacheprovider", f"--rootdir={HERE}", *arguments],
                       plugins=[Counts()])


if __name__ == "__main__":  # not in processes that a test forks from a server
    sys.exit(main(sys.argv[1:]))
