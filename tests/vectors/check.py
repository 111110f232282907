#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""check.py PROTO: encodes every golden vector from its fields with python3-msgpack, and compares.

Knows of the protocol what messages.def says, and nothing of our codec: so the vectors hold for a
client in any language. The last line is `N passed, N failed`.
"""
import json
import pathlib
import sys

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "scenario"))
import wire


def value_of(kind, value):
    """A field of a vector's file as what msgpack packs."""
    if kind in ("UINT", "INT"):
        return int(value)
    if kind == "STR":
        return value
    return None if value is None else bytes.fromhex(value)


def encode(record, fields):
    number, required, layout = record
    return wire.pack_values(number, required,
                            [value_of(kind, fields[name]) for kind, name in layout if name in fields])


def check(proto):
    passed = failed = 0
    records = wire.read_records(proto / "messages.def")
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
