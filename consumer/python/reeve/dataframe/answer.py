# SPDX-License-Identifier: Apache-2.0
"""answer: what a job's main() returned becomes a file beside it: Parquet, or text where Parquet cannot hold it.

A file appears whole or not at all: it is written under another name, synced and renamed. A result of many partitions is
written partition by partition, in order, so that it need not fit into memory.
"""
from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

PRINTED_ROWS = 60  # up to here pandas prints all of them
PRINTED_ELEMENTS = 1000  # and numpy
ROWS_AT_ONCE = 1 << 16
READABLE = 0o644


class Unfit(Exception):
    """Parquet cannot hold it."""


@contextlib.contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """A name to write to, that becomes path when all went well."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield draft
        with open(draft, "rb") as written:
            # A slot makes files for its owner only; an answer is for whoever may read the folder it was asked for in.
            os.fchmod(written.fileno(), path.parent.stat().st_mode & READABLE)
            os.fsync(written.fileno())
        os.replace(draft, path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        draft.unlink(missing_ok=True)


# --- Parquet -------------------------------------------------------------------------------------


def _table(frame: pd.DataFrame, schema: pa.Schema | None = None) -> pa.Table:
    try:
        return pa.Table.from_pandas(frame, schema)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise Unfit(str(error)) from error


def frame_of(value: Any) -> pd.DataFrame | None:
    """What Parquet may hold: tables, columns, and arrays of one or two dimensions."""
    if isinstance(value, pd.DataFrame):
        return value
    if isinstance(value, pd.Series):
        return value.to_frame()
    if isinstance(value, pd.Index):
        return value.to_frame(index=False)
    if isinstance(value, np.ndarray) and value.ndim in (1, 2) and not value.dtype.hasobject:
        return pd.DataFrame(value)
    return None


class _Rows:
    """A Parquet file that grows by a partition at a time."""

    def __init__(self, path: Path):
        self._path = path
        self._writer: pq.ParquetWriter | None = None
        self._one = threading.Lock()  # the parts come in order, but from any thread

    def put(self, part: Any, before: None) -> None:
        """before: the put of the partition before, which has to be over."""
        del before
        frame = frame_of(part)
        assert frame is not None
        with self._one:
            table = _table(frame, self._writer.schema if self._writer else None)
            if self._writer is None:
                self._writer = pq.ParquetWriter(self._path, table.schema)
            self._writer.write_table(table)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _write_frame(frame: pd.DataFrame, path: Path) -> None:
    table = _table(frame)
    with _whole(path) as draft:
        pq.write_table(table, draft)


def _write_parts(value: Any, path: Path) -> None:
    """Each partition is let go when it is written: the puts are a chain in the graph itself."""
    with _whole(path) as draft:
        rows = _Rows(draft)
        put = None
        try:
            for part in value.to_delayed():
                put = dask.delayed(rows.put, pure=False)(part, put)
            dask.compute(put)
        finally:
            rows.close()


def _gather_parts(value: Any, path: Path, client: Any) -> None:
    """Of a cluster, whose memory holds the parts while they come over one by one."""
    with _whole(path) as draft:
        rows = _Rows(draft)
        try:
            for part in client.compute(value.to_delayed()):
                rows.put(part.result(), None)
        finally:
            rows.close()


def _holds(value: Any) -> bool:
    """Can Parquet hold columns of these types? What is in columns of objects shows when it is written."""
    try:
        _table(frame_of(value._meta))
    except Unfit:
        return False
    return True


# --- text ----------------------------------------------------------------------------------------


def _lines(value: Any) -> Iterator[str]:
    """A row a line: what is too long to be printed whole."""
    if isinstance(value, np.ndarray):
        for start in range(0, len(value), ROWS_AT_ONCE):
            for row in value[start : start + ROWS_AT_ONCE].tolist():
                yield str(row) + "\n"
    else:
        for start in range(0, len(value), ROWS_AT_ONCE):
            yield value.iloc[start : start + ROWS_AT_ONCE].to_csv(sep="\t", header=start == 0)


def _text(value: Any) -> Iterator[str]:
    if isinstance(value, (pd.DataFrame, pd.Series)):
        return _lines(value) if len(value) > PRINTED_ROWS else iter([value.to_string()])
    if isinstance(value, np.ndarray) and value.ndim and value.size > PRINTED_ELEMENTS:
        return _lines(value)
    return iter([str(value)])


def _write_text(value: Any, path: Path) -> None:
    with _whole(path) as draft, open(draft, "w", encoding="utf-8", errors="backslashreplace") as out:
        out.writelines(_text(value))


# --- either --------------------------------------------------------------------------------------


def store(value: Any, answer: Path, client: Any = None) -> str:
    """Computes what is lazy and writes it. answer: without its ending, which is returned.

    client: of the cluster that computes; None: Dask in this process. Errors of the computation are raised as they are,
    and OSError when nothing can be written.
    """
    parquet, text = answer.with_name(answer.name + ".parquet"), answer.with_name(answer.name + ".txt")
    if isinstance(value, (dd.DataFrame, dd.Series, dd.Index)) and value.npartitions > 1 and _holds(value):
        try:
            _gather_parts(value, parquet, client) if client else _write_parts(value, parquet)
            return ".parquet"
        except Unfit:
            pass  # parts that differ may still fit together
    if dask.is_dask_collection(value):
        (value,) = dask.compute(value)
    frame = frame_of(value)
    if frame is not None:
        try:
            _write_frame(frame, parquet)
            return ".parquet"
        except Unfit:
            pass
    _write_text(value, text)
    return ".txt"
