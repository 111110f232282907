# SPDX-License-Identifier: Apache-2.0
"""aio: the client for asyncio.

    async with reeve.aio.Client() as farm:
        print(await farm.call("calculator.calculate", 2, "+", 2))
        async for update in farm.watch("queue/calculator.calculate"):
            print(update)

The connection is the same as that of reeve.Client, with its thread; nothing here waits in the event loop. Options are
those of reeve.Client; what is cancelled (a task that awaits a job, or asyncio.timeout) is cancelled on the farm too.
"""
from __future__ import annotations

import asyncio
import collections
import contextlib
import os
from typing import Any, AsyncIterator, Iterable, Unpack

from reeve import client, errors, wire
from reeve.client import (AHEAD, CONNECT_S, SESSION_FLAG, UNREAD_MAX, JobFuture, Method, Options, ask, begin_watch,
                          end_watch, job_of, submit, update_of, word_of)
from reeve.link import Link
from reeve.results import Result, Session, Update, fields_of
from reeve.watching import Shown


class Watch:
    """The updates of a topic: `async for`. Close it when done, or use it in `async with`."""

    def __init__(self, link: Link, topic: str):
        self.topic = topic
        self._link = link
        self._loop = asyncio.get_running_loop()
        self._items: collections.deque[tuple[str, Shown] | Exception] = collections.deque()
        self._came = asyncio.Event()
        begin_watch(link, topic, self)

    # Called by the link's thread.
    def room(self) -> bool:
        return len(self._items) < UNREAD_MAX

    def show(self, topic: str, shown: Shown) -> None:
        self._put((topic, shown))

    def fail(self, error: Exception) -> None:
        self._put(error)

    def _put(self, item: tuple[str, Shown] | Exception) -> None:
        self._items.append(item)
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(self._came.set)

    def __aiter__(self) -> Watch:
        return self

    async def next(self) -> Update:
        """The next one, or the reason when none will come any more."""
        while not self._items:
            self._came.clear()
            await self._came.wait()
        item = self._items[0]
        if isinstance(item, Exception):  # the last, also for who asks again
            raise item
        full = not self.room()
        self._items.popleft()
        if full:
            self._link.nudge()  # there is room again
        return update_of(*item)

    async def __anext__(self) -> Update:
        try:
            return await self.next()
        except errors.Closed:
            raise StopAsyncIteration from None

    def close(self) -> None:
        end_watch(self._link, self.topic, self)

    async def __aenter__(self) -> Watch:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class SessionHandle:
    """A session on the farm: steer it, watch it, wait for its value."""

    def __init__(self, farm: Client, session: str):
        self.farm, self.id = farm, session
        self.number = wire.job_number(session)

    async def show(self) -> Session:
        return Session.of((await self.farm.answer("get_session", id=self.number))[0])

    async def tell(self, value: Any, iteration: int | None = None) -> None:
        """As reeve.SessionHandle.tell."""
        if iteration is None:
            iteration = (await self.show()).iteration
        await self.farm.answer("tell", id=self.number, iteration=iteration, value=word_of(value))

    async def pause(self) -> None:
        await self.farm.answer("pause", id=self.number)

    async def resume(self) -> None:
        await self.farm.answer("resume", id=self.number)

    async def stop(self) -> None:
        await self.farm.answer("cancel", id=self.number)

    def watch(self) -> Watch:
        return self.farm.watch(f"session/{self.id}")

    async def result(self) -> Any:
        return (await self.farm.wait(self.id)).value


class Client:
    """Connected by `async with`, or by `await client.open()`."""

    def __init__(self, address: str | None = None, *, timeout: float | None = CONNECT_S,
                 identity: str | os.PathLike[str] | None = None):
        self.address, self.timeout, self.identity = address, timeout, identity
        self._client: client.Client | None = None

    async def open(self) -> Client:
        self._client = await asyncio.to_thread(client.Client, self.address, timeout=self.timeout,
                                               identity=self.identity)
        return self

    async def close(self) -> None:
        if self._client is not None:
            await asyncio.to_thread(self._client.close)

    async def __aenter__(self) -> Client:
        return await self.open()

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def sync(self) -> client.Client:
        """The client below."""
        if self._client is None:
            raise RuntimeError("the client is not open: use async with")
        return self._client

    async def answer(self, name: str, /, **fields: Any) -> list[wire.Record]:
        return await asyncio.wrap_future(ask(self.sync.link, name, **fields))

    # --- jobs -------------------------------------------------------------------------------------

    def submit(self, method: Method, *args: Any, **options: Unpack[Options]) -> asyncio.Future[Any]:
        """Hands in a job; awaiting what this gives waits for its value, cancelling it cancels the job."""
        return asyncio.wrap_future(submit(self.sync.link, method, args, options))

    async def call(self, method: Method, *args: Any, **options: Unpack[Options]) -> Any:
        return await self.submit(method, *args, **options)

    async def map(self, method: Method, *iterables: Iterable[Any], ahead: int = AHEAD,
                  **options: Unpack[Options]) -> AsyncIterator[Any]:
        """The values in order, `ahead` jobs being under way. The first that fails raises."""
        under_way: collections.deque[asyncio.Future[Any]] = collections.deque()
        try:
            for args in zip(*iterables):
                under_way.append(self.submit(method, *args, **options))
                if len(under_way) >= ahead:
                    yield await under_way.popleft()
            while under_way:
                yield await under_way.popleft()
        finally:
            for future in under_way:
                future.cancel()

    async def wait(self, job: str | Session) -> Result:
        return Result.of((await self.answer("wait", id=job_of(job)))[-1], "")

    async def cancel(self, job: str | Session) -> None:
        await self.answer("cancel", id=job_of(job))

    # --- sessions and the farm --------------------------------------------------------------------

    async def start_session(self, method: Method, *args: Any, **options: Unpack[Options]) -> SessionHandle:
        future: JobFuture = submit(self.sync.link, method, args, options, SESSION_FLAG)
        return SessionHandle(self, await asyncio.to_thread(future.id))

    def session(self, session: str) -> SessionHandle:
        return SessionHandle(self, session)

    def watch(self, topic: str) -> Watch:
        return Watch(self.sync.link, topic)

    async def status(self) -> dict[str, Any]:
        return fields_of((await self.answer("get_status"))[0])
