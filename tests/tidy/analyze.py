#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""analyze.py BUILD: the clang analyzer over every C file of ours that BUILD compiles; no finding is
allowed. Not over the tests: those run, all of them, under the sanitizers.

Nobody waits for one file: it runs beside the tests, on what they leave of the processors.

The last line is `N passed, N failed` (files).
"""
import concurrent.futures
import json
import os
import pathlib
import shlex
import subprocess
import sys


def command_of(entry):
    words = shlex.split(entry["command"])
    keep = []
    for i, word in enumerate(words):
        if word == "-isystem":
            keep += [word, words[i + 1]]
        elif word.startswith(("-I", "-D", "-std=")):
            keep.append(word)
    return ["clang", "--analyze", "-Xclang", "-analyzer-werror", "-Xclang", "-analyzer-output=text",
            "-Wno-unused-command-line-argument", *keep, "-o", os.devnull, entry["file"]]


def analyze(entry):
    done = subprocess.run(command_of(entry), cwd=entry["directory"], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def main(build):
    tests = str(pathlib.Path(__file__).resolve().parents[1]) + "/"
    entries = {entry["file"]: entry for entry in json.loads((build / "compile_commands.json").read_text())
               if not entry["file"].startswith(tests)}
    os.nice(19)
    longest_first = sorted(entries.values(), key=lambda entry: -os.path.getsize(entry["file"]))
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for status, output in pool.map(analyze, longest_first):
            if status:
                print(output)
                failed += 1
    print(f"{len(entries) - failed} passed, {failed} failed")
    return failed or not entries


if __name__ == "__main__":
    sys.exit(1 if main(pathlib.Path(sys.argv[1])) else 0)
