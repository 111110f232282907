# SPDX-License-Identifier: Apache-2.0
"""guide: a page of docs/guides is run: files are written, workers started, programs run, and what they print is what the
page says."""
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
        named = re.match(r"# (\S+\.py)\n", text)
        if named:
            (self.farm.folder / named[1]).write_text(text)
            return None
        return self.run([sys.executable, "-c", text])

    def shell(self, lines):
        printed = [self.command(shlex.split(line, comments=True)) for line in lines.splitlines()]
        return None if printed.count(None) == len(printed) else "".join(filter(None, printed))

    def command(self, words):
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
                raise AssertionError(f"who runs {words}?")


def follow(page, folder=None):
    """Runs a page of docs/guides; how many of its blocks have printed. folder: one that the page names, and for which one
    of ours stands."""
    text = (ROOT / "docs" / "guides" / page).read_text()
    made = scenario.Farm()
    reader = Reader(made)
    try:
        if folder:
            (made.folder / "named").mkdir()
            text = text.replace(folder, str(made.folder / "named"))
        ran = 0
        for kind, body, wanted in steps(text):
            printed = reader.python(body) if kind == "python" else reader.shell(body)
            assert wanted is None or printed == wanted, body
            ran += printed is not None
        made.check_sanitizers()
        return ran
    except BaseException:
        made.report()
        raise
    finally:
        made.close()
