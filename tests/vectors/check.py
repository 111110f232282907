#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check.py PROTO: encodes every golden vector from its fields with python3-msgpack, and compares.

Knows of the protocol what messages.def says, and nothing of our codec: so the vectors hold for a
client in any language. The last line is `N passed, N failed`.
"""
import json
import pathlib
import re
import sys

import msgpack


def read_records(path):
    """{name: (number, required, [(kind, field), ...])} from messages.def."""
    records = {}
    text = path.read_text()
    for name, number, required in re.findall(r"^RECORD\((\w+), (\d+), (\d+)\)", text, re.M):
        records[name] = (int(number), int(required), [])
    for record, kind, name in re.findall(r"^FIELD\((\w+), (\w+), (\w+)\)", text, re.M):
        records[record][2].append((kind, name))
    return records


def value_of(kind, value):
    """A field of a vector's file as what msgpack packs."""
    if kind in ("UINT", "INT"):
        return int(value)
    if kind == "STR":
        return value
    return None if value is None else bytes.fromhex(value)


def is_empty(value):
    return value in (0, "", b"", None)


def encode(record, fields):
    number, required, layout = record
    values = [value_of(kind, fields[name]) for kind, name in layout if name in fields]
    while len(values) > required and is_empty(values[-1]):
        values.pop()
    return msgpack.packb([number] + values, use_bin_type=True)


def check(proto):
    passed = failed = 0
    records = read_records(proto / "messages.def")
    for name, record in records.items():
        path = proto / "vectors" / (name + ".json")
        for case in json.loads(path.read_text())["cases"]:
            unknown = set(case["fields"]) - {field for _, field in record[2]}
            again = encode(record, case["fields"])
            if unknown or again.hex() != case["hex"]:
                print(f"{path.name} {case['name']}: {again.hex()} is not {case['hex']} {unknown or ''}")
                failed += 1
            else:
                passed += 1
    return passed, failed


if __name__ == "__main__":
    good, bad = check(pathlib.Path(sys.argv[1]))
    print(f"{good} passed, {bad} failed")
    sys.exit(1 if bad or not good else 0)
