# SPDX-License-Identifier: Apache-2.0
"""wire: records as bytes, and bytes as records (PROTOCOL.md, section 2)."""
from __future__ import annotations

import math
from typing import Any, Iterator

import msgpack

from reeve.records import TABLE

VERSION = 1
EMPTY: dict[str, Any] = {"u": 0, "i": 0, "s": "", "b": b"", "#": 0}
BODY_BYTES_MAX = 17 << 20


class Layout:
    """What a record is made of."""

    __slots__ = ("name", "number", "required", "fields", "kinds", "empty", "places")

    def __init__(self, name: str, number: int, required: int, fields: str):
        pairs = [field.split(":") for field in fields.split()]
        self.name, self.number, self.required = name, number, required
        self.fields = [field for field, _ in pairs]
        self.kinds = [kind for _, kind in pairs]
        self.empty = [EMPTY[kind] for kind in self.kinds]
        self.places = {field: place for place, field in enumerate(self.fields)}


RECORDS = {name: Layout(name, *rest) for name, rest in TABLE.items()}
LAYOUTS = {layout.number: layout for layout in RECORDS.values()}


class Malformed(ValueError):
    """Bytes that are no run of records."""


class Record:
    """A record that came: its fields as attributes, missing ones empty. Ids are integers, 0 for none."""

    __slots__ = ("layout", "values")

    def __init__(self, layout: Layout, values: list[Any]):
        self.layout, self.values = layout, values

    @property
    def kind(self) -> str:
        return self.layout.name

    def __getattr__(self, field: str) -> Any:
        try:
            return self.values[self.layout.places[field]]
        except KeyError:
            raise AttributeError(f"{self.layout.name} has no {field}") from None

    def __repr__(self) -> str:
        return f"{self.kind}({', '.join(f'{f}={v!r}' for f, v in zip(self.layout.fields, self.values))})"


def encode(name: str, /, **fields: Any) -> bytes:
    """The bytes of one record; what is not said is empty, and left out at the end."""
    layout = RECORDS[name]
    values: list[Any] = list(layout.empty)
    for field, value in fields.items():
        values[layout.places[field]] = value
    while len(values) > layout.required and not values[-1]:
        values.pop()
    for place, kind in enumerate(layout.kinds[:len(values)]):
        if kind == "#":
            values[place] = values[place].to_bytes(8, "big") if values[place] else None
    return msgpack.packb([layout.number, *values])  # type: ignore[no-any-return]


_FITS = {"u": lambda v: type(v) is int and v >= 0, "i": lambda v: type(v) is int, "s": lambda v: type(v) is str,
         "b": lambda v: type(v) is bytes, "#": lambda v: v is None or (type(v) is bytes and len(v) == 8)}


def _read(array: Any) -> Record | None:
    if type(array) is not list or not array or type(array[0]) is not int:
        raise Malformed("not a record")
    layout = LAYOUTS.get(array[0])
    if layout is None:
        return None  # a newer peer knows more
    values = array[1:len(layout.fields) + 1]
    if len(values) < layout.required:
        raise Malformed(f"{layout.name} has {len(values)} of {layout.required} fields")
    for place, value in enumerate(values):
        kind = layout.kinds[place]
        if not _FITS[kind](value):
            raise Malformed(f"{layout.name}.{layout.fields[place]} is {value!r:.40}")
        if kind == "#":
            values[place] = int.from_bytes(value, "big") if value else 0
    return Record(layout, values + layout.empty[len(values):])


def decode(body: bytes) -> Iterator[Record]:
    """The records of a body, those of unknown types passed over. Malformed at the first bad byte; records before it
    hold."""
    unpacker = msgpack.Unpacker(None, max_buffer_size=len(body) or 1, strict_map_key=False)
    unpacker.feed(body)
    while unpacker.tell() < len(body):
        try:
            array = unpacker.unpack()
        except (ValueError, RecursionError, msgpack.OutOfData, msgpack.UnpackException) as error:
            raise Malformed(str(error) or "cut short") from error
        record = _read(array)
        if record is not None:
            yield record


def milliseconds(seconds: float | None) -> int:
    """Durations are seconds in Python, milliseconds on the wire; None: 0, not said."""
    if seconds is None:
        return 0
    if not 0 <= seconds < math.inf:
        raise ValueError(f"a time of {seconds} s")
    return max(1, round(seconds * 1000)) if seconds else 0


_DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def job_text(number: int) -> str:
    """A job's id as people see it: 13 characters of Crockford's base32."""
    return "".join(_DIGITS[number >> 5 * place & 31] for place in reversed(range(13)))


def job_number(text: str) -> int:
    """The number behind such an id; ValueError when it is none."""
    folded = text.lower().replace("o", "0").replace("i", "1").replace("l", "1")
    number = 0
    for digit in folded:
        place = _DIGITS.find(digit)
        if place < 0:
            raise ValueError(f"{text!r} is no job's id")
        number = number << 5 | place
    if len(text) != 13 or not 0 < number < 1 << 64:
        raise ValueError(f"{text!r} is no job's id")
    return number
