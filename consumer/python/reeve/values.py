# SPDX-License-Identifier: Apache-2.0
"""values: Python objects as msgpack, the form in which arguments and results travel.

    None, bool, float, str, bytes     as they are (bytearray and memoryview as bytes)
    int                               as it is; beyond 64 bits as text of its digits, as everywhere in Reeve
    list, tuple                       an array: comes back as a list
    dict                              a map; keys may be text, numbers or bytes
    datetime                          msgpack's timestamp: an instant, comes back in UTC. One without a time zone is
                                      refused: nobody could say which instant it is
    numpy.ndarray                     the extension of section "numpy" below; numpy's scalars as plain numbers

Anything else is refused with a TypeError: no pickle, so what comes in cannot run code.

numpy: extension type 78, whose data is one msgpack array [dtype, shape, bytes]: the dtype as numpy writes it ("<f8"),
the shape as integers, the elements in C order. Object arrays are refused. Only who has numpy imported or installed gets
arrays back; others get a msgpack.ExtType.
"""
from __future__ import annotations

import datetime
import sys
from typing import Any

import msgpack

NUMPY = 78
VALUE_BYTES_MAX = 16 << 20


def _numpy_out(array: Any) -> msgpack.ExtType:
    if array.dtype.hasobject:
        raise TypeError("a numpy array of objects cannot be sent")
    if array.dtype.fields:
        raise TypeError("a numpy array of records cannot be sent")
    return msgpack.ExtType(NUMPY, msgpack.packb([array.dtype.str, array.shape, array.tobytes()]))


def _numpy_in(data: bytes) -> Any:
    import numpy

    kind, shape, elements = msgpack.unpackb(data)
    dtype = numpy.dtype(kind)
    if dtype.hasobject:
        raise ValueError("a numpy array of objects is refused")
    return numpy.frombuffer(elements, dtype).reshape(shape).copy()


def _out(value: Any) -> Any:
    """What msgpack does not know by itself."""
    if isinstance(value, int):
        return str(value)  # beyond 64 bits
    if isinstance(value, datetime.datetime):
        if value.tzinfo is not None:
            return msgpack.Timestamp.from_datetime(value)  # of a class of its own, as that of pandas
        raise TypeError("a datetime without a time zone cannot be sent: use datetime.now(timezone.utc) or astimezone()")
    numpy = sys.modules.get("numpy")  # who has none imported has no arrays
    if numpy is not None:
        if isinstance(value, numpy.ndarray):
            return _numpy_out(value)
        if isinstance(value, numpy.generic):
            return value.item()
    raise TypeError(f"{type(value).__module__}.{type(value).__qualname__} cannot be sent: values are None, bool, int, "
                    "float, str, bytes, list, tuple, dict, datetime and numpy arrays")


def _in(kind: int, data: bytes) -> Any:
    if kind == NUMPY:
        try:
            return _numpy_in(data)
        except ImportError:
            pass
    return msgpack.ExtType(kind, data)


def pack(value: Any) -> bytes:
    """The value's bytes. TypeError when it cannot be sent, ValueError when it is nested too deep."""
    return msgpack.packb(value, default=_out, datetime=True)  # type: ignore[no-any-return]


def unpack(data: bytes) -> Any:
    """The value of these bytes; ValueError when they are not one."""
    try:
        return msgpack.unpackb(data, ext_hook=_in, timestamp=3, strict_map_key=False)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ValueError(f"not a value: {error}") from error
