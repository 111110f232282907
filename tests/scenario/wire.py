# SPDX-License-Identifier: Apache-2.0
"""wire: records as PROTOCOL.md tells them, from messages.def and python3-msgpack. Knows nothing of our codec."""
import pathlib
import re

import msgpack

PROTO = pathlib.Path(__file__).resolve().parents[2] / "proto"


def read_records(path=PROTO / "messages.def"):
    """{name: (number, required, [(kind, field), ...])}"""
    records = {}
    text = path.read_text()
    for name, number, required in re.findall(r"^RECORD\((\w+), (\d+), (\d+)\)", text, re.M):
        records[name] = (int(number), int(required), [])
    for record, kind, name in re.findall(r"^FIELD\((\w+), (\w+), (\w+)\)", text, re.M):
        records[record][2].append((kind, name))
    return records


def read_list(path, macro):
    """{name: number} from the X(NAME, number, ...) lines of a list in a header."""
    text = path.read_text()
    body = re.search(rf"#define {macro}\(X\)(.*?)\n\n", text, re.S)[1]
    return {name: int(number) for name, number in re.findall(r"X\((\w+), (\d+),", body)}


RECORDS = read_records()
NAMES = {number: name for name, (number, _, _) in RECORDS.items()}
ERRORS = read_list(PROTO / "errors.h", "ERRORS")
STATES = read_list(PROTO / "states.h", "JOB_STATES_LIST")
REASONS = read_list(PROTO / "states.h", "REASONS")
BROKER_STATES = read_list(PROTO / "record.h", "BROKER_STATES_LIST")
EMPTY = {"UINT": 0, "INT": 0, "STR": "", "BIN": b"", "ID": 0}


def is_empty(value):
    return value in (0, "", b"", None)


def pack_values(number, required, values):
    values = list(values)
    while len(values) > required and is_empty(values[-1]):
        values.pop()
    return msgpack.packb([number] + values, use_bin_type=True)


def record(name, /, **fields):
    """The bytes of one record; ids are integers."""
    number, required, layout = RECORDS[name]
    unknown = set(fields) - {field for _, field in layout}
    if unknown:
        raise KeyError(f"{name} has no {unknown}")
    values = []
    for kind, field in layout:
        value = fields.get(field, EMPTY[kind])
        if kind == "ID":
            value = value.to_bytes(8, "big") if value else None
        values.append(value)
    return pack_values(number, required, values)


class Record(dict):
    """A decoded record: its fields by name, and .name."""

    __getattr__ = dict.__getitem__


def decode(body):
    """The records of a body."""
    unpacker = msgpack.Unpacker(raw=False, max_buffer_size=64 << 20, max_bin_len=64 << 20, max_str_len=64 << 20)
    unpacker.feed(body)
    for number, *values in unpacker:
        name = NAMES[number]
        out = Record(name=name)
        for i, (kind, field) in enumerate(RECORDS[name][2]):
            value = values[i] if i < len(values) else EMPTY[kind]
            if kind == "ID":
                value = int.from_bytes(value, "big") if value else 0
            # The worker record has an id of its own; a job's is an ID. `name` stays the record's.
            out["label" if field == "name" else field] = value
        yield out


def job_text(number):
    """A job's id as people see it: 13 characters of Crockford's base32 (PROTOCOL.md, section 1)."""
    return "".join("0123456789abcdefghjkmnpqrstvwxyz"[number >> 5 * i & 31] for i in reversed(range(13)))
