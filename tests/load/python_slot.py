#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""python_slot.py [ROUNDS]: how many jobs a second one slot does with a handler that does nothing, in C and in Python, in
turns; Python's with jobs from the page, and over the socket. $REEVE_BUILD: a release build; $REEVE_PYTHON as for a worker.
Ends 1 when Python from the page does less than 20,000 a second."""
import json
import os
import pathlib
import statistics
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("REEVE_BUILD", str(ROOT / "build"))
sys.path.insert(0, str(ROOT / "tests" / "scenario"))
import farm as scenario  # noqa: E402

WANTED = 20000
HANDLER = """import reeve


@reeve.handler("python.noop")
def noop(*args):
    return None
"""


def rate(farm, method, jobs):
    told = json.loads(farm.reeve("bench", "--json", "--jobs", jobs, "--depth", 1000, method).stdout)
    assert told["lost"] == told["duplicated"] == 0, told
    return told["rate"]


def main(rounds):
    farm = scenario.Farm()
    rates = {"C": [], "Python, page": [], "Python, socket": []}
    try:
        farm.broker("--store", "memory")
        handler = farm.folder / "noop.py"
        handler.write_text(HANDLER)
        for page in ("page.so", "none"):
            farm.env["REEVE_PYTHON_PAGE"] = page
            worker = farm.worker("--python", handler, "--handlers", scenario.BUILD / "libexec" / "reeve", slots=1)
            for _ in range(rounds):
                if page == "none":
                    rates["Python, socket"].append(rate(farm, "python.noop", 10000))
                else:
                    rates["C"].append(rate(farm, "bench.noop", 200000))
                    rates["Python, page"].append(rate(farm, "python.noop", 100000))
            worker.stop()
    finally:
        farm.close()
    for name, figures in rates.items():
        print(f"{name:15} {statistics.median(figures):10,.0f} jobs/s ({min(figures):,.0f}-{max(figures):,.0f})")
    of_c = statistics.median(rates["Python, page"]) / statistics.median(rates["C"])
    print(f"Python / C      {of_c:10.2f}")
    return statistics.median(rates["Python, page"]) < WANTED


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if sys.argv[1:] else 3))
