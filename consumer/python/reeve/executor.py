# SPDX-License-Identifier: Apache-2.0
"""executor: the farm as a concurrent.futures.Executor, for code that was written for ProcessPoolExecutor.

    with reeve.Executor() as pool:
        print(list(pool.map(resize, names)))

`resize` is a function that @reeve.handler gave a name (or the name itself), because functions are not sent, only
called: a worker must serve the file it stands in. Beyond what an Executor promises: cancel() also stops a job that
runs already; what a handler raises arrives as JobFailed, which is also of the kind of Python's own exception that it
was; keyword arguments are refused.
"""
from __future__ import annotations

import concurrent.futures
import os
import threading
import weakref
from typing import Any, Callable, Iterable, Iterator

from reeve.client import Client, JobFuture, Options, submit


class Executor(concurrent.futures.Executor):
    """client: an address, or a client to share, which is then not closed. options: for all its jobs. identity: as a
    client's, when it makes its own."""

    def __init__(self, client: str | Client | None = None, options: Options | None = None, *,
                 identity: str | os.PathLike[str] | None = None):
        self._owned = not isinstance(client, Client)
        self._client = client if isinstance(client, Client) else Client(client, identity=identity)
        self._options: Options = options or {}
        self._lock = threading.Lock()
        self._open: set[JobFuture] = set()
        self._shutdown = False
        # A program that ends waits for its jobs, as with every executor. Made after the client's own, so it comes before.
        weakref.finalize(self, concurrent.futures.wait, self._open)

    def submit(self, fn: str | Callable[..., Any], /, *args: Any, **kwargs: Any) -> JobFuture:
        if kwargs:
            raise TypeError("keyword arguments are not sent: pass them by position, or in a dict")
        with self._lock:
            if self._shutdown:
                raise RuntimeError("cannot schedule new futures after shutdown")
            future = submit(self._client.link, fn, args, self._options)
            self._open.add(future)
        future.add_done_callback(self._settled)
        return future

    def _settled(self, future: Any) -> None:
        with self._lock:
            self._open.discard(future)

    def map(self, fn: str | Callable[..., Any], *iterables: Iterable[Any],
            timeout: float | None = None, chunksize: int = 1) -> Iterator[Any]:
        """chunksize is taken and means nothing: jobs travel together anyway."""
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        return super().map(fn, *iterables, timeout=timeout)  # type: ignore[arg-type]

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        with self._lock:
            self._shutdown = True
            under_way = set(self._open)
        if cancel_futures:
            for future in under_way:
                future.cancel()
        if wait:
            concurrent.futures.wait(under_way)
            self._close()
        else:
            self._close_after(under_way)

    def _close_after(self, under_way: set[JobFuture]) -> None:
        """Closes with the last job's end, without keeping anybody."""
        left = len(under_way)
        if not left:
            return self._close()
        lock = threading.Lock()

        def one_less(_: object) -> None:
            nonlocal left
            with lock:
                left -= 1
                last = left == 0
            if last:
                self._close()

        for future in under_way:
            future.add_done_callback(one_less)

    def _close(self) -> None:
        if self._owned:
            self._client.close()
