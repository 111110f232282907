# SPDX-License-Identifier: Apache-2.0
"""The file polarity.weights; weights.h says what stands in it."""
import struct

import numpy as np

VERSION, BUCKETS = 2, 65536
LEXICON, BEGINS, KNOWN = 0x08, 0x10, 0x20
_MASK = (1 << 64) - 1


def key(name):
    value = 0xcbf29ce484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001b3 & _MASK
    return (value ^ value >> 32) * 0x9e3779b97f4a7c15 & _MASK


def _crc32c_table():
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82f63b78 if byte & 1 else 0)
        yield byte


_CRC32C = tuple(_crc32c_table())


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ _CRC32C[(crc ^ byte) & 0xff]
    return crc ^ 0xffffffff


def packed(names, places, values, kinds, steps, networks):
    """places: int8, a row a name; values: in steps of the lexicon; networks: arrays in the order of the file."""
    keys = [key(name) for name in names]
    if len({k >> 48 << 32 | k >> 16 & 0xffffffff for k in keys}) != len(keys):
        raise ValueError("two names share a mark: say them otherwise")
    order = sorted(range(len(names)), key=lambda i: (keys[i] >> 48, keys[i] >> 16 & 0xffffffff))
    counts = np.bincount([k >> 48 for k in keys], minlength=BUCKETS)
    starts = np.concatenate([[0], np.cumsum(counts)]).astype("<u4")
    marks = np.array([keys[i] >> 16 & 0xffffffff for i in order], "<u4")
    tones, hidden = networks[0].shape[0] - places.shape[1], networks[0].shape[1]
    body = struct.pack("<4I", len(names), places.shape[1], tones, hidden)
    body += b"".join(np.asarray(a).astype("<f4").tobytes() for a in (steps, *networks))
    body += starts.tobytes() + marks.tobytes() + places[order].tobytes()
    body += np.array(values)[order].astype(np.int8).tobytes() + np.array(kinds)[order].astype(np.uint8).tobytes()
    return struct.pack("<8s2I", b"reevepol", VERSION, crc32c(body)) + body
