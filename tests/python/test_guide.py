# SPDX-License-Identifier: Apache-2.0
"""docs/guides/python.md is run: files are written, workers started, programs run, and what they print is what the page
says."""
import os
import pathlib
import re
import shlex
import subprocess
import sys

import farm as scenario

ROOT = pathlib.Path(__file__).resolve().parents[2]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)


def steps(text):
    """(kind, text, what it prints or None) of the page's blocks, in order; a block without a kind is what the one before
    it prints."""
    found = []
    for kind, body in BLOCK.findall(text):
        if kind:
            found.append([kind, body, None])
        else:
            found[-1][2] = body
    return found


class Reader:
    """Does what the page says, in a folder of its own."""

    def __init__(self, farm):
        self.farm = farm
        farm.env |= {"REEVE_PYTHON": sys.executable, "PYTHONPATH": str(ROOT / "consumer" / "python")}

    def run(self, words):
        done = subprocess.run(words, cwd=self.farm.folder, env=self.farm.env, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    def python(self, text):
        named = re.match(r"# (\w+\.py)\n", text)
        if named:
            (self.farm.folder / named[1]).write_text(text)
            return None
        return self.run([sys.executable, "-c", text])

    def shell(self, line):
        words = shlex.split(line, comments=True)
        match words:
            case ["deploy/setup.sh", *_]:
                assert os.access(ROOT / words[0], os.X_OK) and "--python" in (ROOT / words[0]).read_text()
            case ["build/venv/bin/python", folder, *rest]:
                return self.run([sys.executable, str(scenario.BUILD / folder.removeprefix("build/")), *rest])
            case ["reeve", "up", *rest]:
                self.farm.up("--doors", "none", *rest)
            case ["reeve", "worker", *rest]:
                self.farm.worker(*rest)
            case ["reeve", *rest]:
                return self.farm.reeve(*rest).stdout
            case _:
                raise AssertionError(f"who runs {line}?")


def test_the_page_says_what_happens():
    text = (ROOT / "docs" / "guides" / "python.md").read_text()
    made = scenario.Farm()
    reader = Reader(made)
    try:
        ran = 0
        for kind, body, wanted in steps(text):
            printed = reader.python(body) if kind == "python" else reader.shell(body)
            assert wanted is None or printed == wanted, body
            ran += printed is not None
        assert ran >= 8
        made.check_sanitizers()
    except BaseException:
        made.report()
        raise
    finally:
        made.close()
