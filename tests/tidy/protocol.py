#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""protocol.py PROTO: PROTOCOL.md names every record of messages.def, and where it lists a record's
fields they are the ones, in order. The last line is `N passed, N failed` (records).
"""
import pathlib
import re
import sys


def listed(page, record):
    """Field lists of the record in the page's tables: rows `| record | a, b |` under `| record | fields |`,
    calls `record(a, b)` under `| request |`."""
    head = ""
    for line in page.splitlines():
        if not line.startswith("|"):
            head = ""
        elif not head:
            head = line
        elif head.startswith("| record |") and line.startswith(f"| {record} |"):
            cell = line.split("|")[2].replace("reserved:", "")
            yield [word.strip() for word in cell.split(",") if word.strip()]
        elif head.startswith("| request |"):
            for call in re.findall(rf"\b{record}\(([^)]*)\)", line.split("|")[1]):
                yield [word.strip() for word in call.split(",")]


def main(proto):
    definition = (proto / "messages.def").read_text()
    page = (proto / "PROTOCOL.md").read_text()
    passed = failed = 0
    for record, number, required in re.findall(r"^RECORD\((\w+), (\d+), (\d+)\)", definition, re.M):
        fields = re.findall(rf"^FIELD\({record}, \w+, (\w+)\)", definition, re.M)
        wrong = []
        if not re.search(rf"\b{record}\b", page):
            wrong.append("is not on the page")
        for names in listed(page, record):
            if names != fields:
                wrong.append(f"is listed with {', '.join(names)}; its fields are {', '.join(fields)}")
        for what in wrong:
            print(f"PROTOCOL.md: {record} {what}")
        failed += bool(wrong)
        passed += not wrong
    print(f"{passed} passed, {failed} failed")
    return failed or not passed


if __name__ == "__main__":
    sys.exit(1 if main(pathlib.Path(sys.argv[1])) else 0)
