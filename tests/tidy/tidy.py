#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""tidy.py rules|format ROOT: the house rules that a program can check, over all files of the tree.

Prints file:line and what is wrong; the last line is `N passed, N failed` (files).
"""
import ast
import pathlib
import re
import subprocess
import sys

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 80

# What may be larger than the limits, and why. An entry that is no longer needed is an error too.
LARGE_FILES = {
    "tests/unit/test_agent.c": "the agent's whole behaviour, a paragraph a case, on one harness",
    "tests/unit/test_broker.c": "the broker's whole behaviour, a paragraph a case, on one harness",
}
LARGE_FUNCTIONS = {}

# Bytes that are as they must be, and other people's words.
FOREIGN = ("proto/vectors/", "LICENSES/", "consumer/handlers/polarity/data/")

# The marks are put together so that this file does not hold them.
LEFTOVERS = re.compile(r"\b(" + "|".join(a + b for a, b in
                       [("TO", "DO"), ("FIX", "ME"), ("XX", "X"), ("HA", "CK")]) + r")\b")
BANNED_CALLS = re.compile(r"(?<![\w.>])(strcpy|strcat|sprintf|vsprintf|gets|strtok|tmpnam|mktemp)\s*\(")
SLEEPS = re.compile(r"\b(sleep|usleep|nanosleep|clock_nanosleep)\s*\(|^\s*sleep\s")
# The one pace at which tests ask again for what they wait for.
PACE = "tests/scenario/farm.py", "time.sleep(ASK_S)"
# A core knows the floor's data structures and the contract; no socket, clock, log or option.
CORE_INCLUDE = re.compile(r'"(common/(?!conn|log|clock|options)[\w/]+\.h|proto/[\w/]+\.(h|def)|(producer|consumer)/core/\w+\.h)"')
# Of errno.h and signal.h it takes the numbers.
CORE_SYSTEM_INCLUDE = {"<" + name + ".h>" for name in
                       ("stdarg", "stdbool", "stddef", "stdint", "stdio", "stdlib", "string", "limits", "inttypes",
                        "math", "errno", "signal")}
SPDX = "SPDX-License-Identifier: Apache-2.0"


def tree_files(root):
    out = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                         cwd=root, check=True, capture_output=True).stdout.decode()
    return sorted(name for name in set(out.split("\0")) if name and (root / name).is_file())


def is_c(name):
    return name.endswith((".c", ".h"))


def is_script(name, lines):
    return name.endswith((".sh", ".py")) or (lines and lines[0].startswith("#!"))


def check_licence(name, lines):
    if is_c(name) and not (lines and lines[0].startswith("/* " + SPDX)):
        yield 1, "the first line is not /* " + SPDX
    elif is_script(name, lines) and not any(SPDX in line for line in lines[:3]):
        yield 1, "no " + SPDX + " in the first three lines"


def check_header(name, lines):
    if not name.endswith(".h"):
        return
    path = pathlib.PurePath(name)
    guard = re.sub(r"\W", "_", f"{path.parent.name}_{path.stem}_H").upper()
    text = [line for line in lines if line.strip()]
    if f"#ifndef {guard}" not in lines or f"#define {guard}" not in lines:
        yield 1, f"no guard {guard}"
    elif lines.index(f"#define {guard}") != lines.index(f"#ifndef {guard}") + 1 or text[-1] != "#endif":
        yield 1, f"guard {guard} does not open at the top and close at the end"
    if lines[0].rstrip().endswith("*/"):
        yield 1, "no head comment that says what this is"


def check_text(name, lines):
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield number, "space at the end of the line"
        if "\t" in line and not name.endswith(("Makefile", ".tsv", ".go")):
            yield number, "a tab"
        if LEFTOVERS.search(line):
            yield number, "leftover mark"


def check_calls(name, lines):
    if is_c(name):
        for number, line in enumerate(lines, 1):
            if BANNED_CALLS.search(line):
                yield number, "call that cannot be bounded"
    # Handler programs of tests are jobs: hanging is what some of them are for.
    if name.startswith("tests/") and not name.startswith(("tests/tidy/", "tests/handlers/")):
        for number, line in enumerate(lines, 1):
            if SLEEPS.search(line) and not (name == PACE[0] and PACE[1] in line):
                yield number, "a test waits for an event, not for a time"


def functions(lines):
    """(name, first line, length) of each function body: in this style it opens and closes in column 0."""
    opened = None
    for number, line in enumerate(lines, 1):
        if line == "{" and number > 1:
            opened = number
        elif line == "}" and opened:
            head = " ".join(lines[max(0, opened - 6):opened - 1])
            name = re.findall(r"(\w+)\s*\(", head.rsplit("}", 1)[-1])
            yield (name[0] if name else "?"), opened, number - opened + 1
            opened = None


def check_sizes(name, lines, used):
    if not is_c(name) and not name.endswith(".py"):
        return
    if name in LARGE_FILES:
        used.add(name)
    elif len(lines) > FILE_LINES_MAX:
        yield 1, f"{len(lines)} lines, above {FILE_LINES_MAX}: what is it two of?"
    if not is_c(name):
        return
    for function, number, length in functions(lines):
        if length <= FUNCTION_LINES_MAX:
            continue
        if (name, function) in LARGE_FUNCTIONS:
            used.add((name, function))
        else:
            yield number, f"{function}: {length} lines, above {FUNCTION_LINES_MAX}: what is it two of?"


def check_core(name, lines):
    if not name.startswith(("producer/core/", "consumer/core/")):
        return
    for number, line in enumerate(lines, 1):
        found = re.match(r'#\s*include\s+(["<].*[">])', line)
        if found and found[1] not in CORE_SYSTEM_INCLUDE and not CORE_INCLUDE.fullmatch(found[1]):
            yield number, f"a core does not include {found[1]}"


def check_scripts(name, root, lines):
    if name.endswith(".py"):
        try:
            ast.parse("\n".join(lines))
        except SyntaxError as error:
            yield error.lineno, str(error)
    elif lines and re.match(r"#!.*\b(ba)?sh\b", lines[0]):
        done = subprocess.run(["bash", "-n", str(root / name)], capture_output=True, text=True)
        if done.returncode:
            yield 1, done.stderr.strip()


def rules(root):
    failed = 0
    used = set()
    names = tree_files(root)
    checked = 0
    for name in names:
        data = (root / name).read_bytes()
        if b"\0" in data or name == "LICENSE" or name.startswith(FOREIGN):
            continue
        checked += 1
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            print(f"{name}: {error}")
            failed += 1
            continue
        lines = text.split("\n")
        wrong = [] if lines[-1] == "" or not text else [(len(lines), "no newline at the end")]
        lines = lines[:-1] if lines[-1] == "" else lines
        for check in (check_licence(name, lines), check_header(name, lines), check_text(name, lines),
                      check_calls(name, lines), check_sizes(name, lines, used), check_core(name, lines),
                      check_scripts(name, root, lines)):
            wrong += check
        for number, what in wrong:
            print(f"{name}:{number}: {what}")
        failed += bool(wrong)
    for entry in (set(LARGE_FILES) | set(LARGE_FUNCTIONS)) - used:
        print(f"tests/tidy/tidy.py: {entry} is allowed to be large and need not be")
        failed += 1
    return checked - failed, failed


def check_format(root):
    failed = 0
    names = [name for name in tree_files(root) if is_c(name)]
    for name in names:
        done = subprocess.run(["clang-format", "--dry-run", "-Werror", name], cwd=root, capture_output=True, text=True)
        if done.returncode:
            print(done.stderr.splitlines()[0])
            failed += 1
    return len(names) - failed, failed


if __name__ == "__main__":
    run = {"rules": rules, "format": check_format}[sys.argv[1]]
    good, bad = run(pathlib.Path(sys.argv[2]))
    print(f"{good} passed, {bad} failed")
    sys.exit(1 if bad or not good else 0)
