# SPDX-License-Identifier: Apache-2.0
"""client: hand in jobs, wait for them, watch them.

    with reeve.Client() as farm:
        print(farm.call("calculator.calculate", 2, "+", 2))

A client may be used by any number of threads. A lost connection is made again by itself: what was not settled is
submitted again under its number, which makes no second job.
"""
from __future__ import annotations

import collections
import concurrent.futures
import contextlib
import itertools
import os
import queue
import re
import weakref
from typing import Any, Callable, Iterable, Iterator, Mapping, TypedDict, Unpack

from reeve import errors, wire
from reeve.core import WAIT_FOR_HANDLER, Ask, Core, Sink
from reeve.handlers import NAME, name_of
from reeve.identity import own
from reeve.link import Link
from reeve.pending import Submission
from reeve.results import JOB_STATES, Result, Session, Update, fields_of, moment
from reeve.values import VALUE_BYTES_MAX, pack, unpack
from reeve.watching import Shown

ADDRESS = "tcp://127.0.0.1:7710"
CONNECT_S = 5.0
AHEAD = 1000
SESSION_FLAG, ACCEPT_LAZILY = 4, 2  # beside WAIT_FOR_HANDLER
DURABILITY = {None: 0, "received": 1, "durable": 2}
TAG = re.compile(r"[A-Za-z0-9._-]{1,32}=[A-Za-z0-9._-]{0,32}")
UNREAD_MAX = 1000  # updates a watch holds for who does not read

Method = str | Callable[..., Any]  # handler.method, or the function that @reeve.handler gave that name


class Options(TypedDict, total=False):
    """How a job is to be run; all times in seconds."""

    priority: int  # -100 .. 100, higher first
    delay: float  # not before
    deadline: float  # ended by then, or expired
    time_limit: float  # of one attempt
    retries: int  # when the handler fails; not said: none, and 5 attempts when attempts are lost
    key: str  # same key, same body: the same job
    tags: Mapping[str, str]  # only a worker that has all of these runs it
    durability: str  # "received" or "durable"; not said: the best the broker has
    wait_for_handler: bool  # accept it although no worker has ever offered the handler
    refuse_busy: bool  # raise Busy, DiskFull or Quota; not said: it is handed in again until it is taken


def tags_text(tags: Mapping[str, str]) -> str:
    """As the broker wants them: `gpu=1,zone=eu`, by name."""
    wanted = [f"{name}={tags[name]}" for name in sorted(tags)]
    if len(wanted) > 8 or not all(map(TAG.fullmatch, wanted)):
        raise ValueError(f"{tags!r}: tags are at most 8, a name and a value of at most 32 letters, digits and . _ - each")
    return ",".join(wanted)


def submission_fields(method: str, args: tuple[Any, ...], options: Options) -> dict[str, Any]:
    """A submit record's; ValueError, TypeError or TooLarge for what no broker would take."""
    unknown = set(options) - Options.__annotations__.keys()
    if unknown:
        raise TypeError(f"no such option: {', '.join(sorted(unknown))}")
    if not NAME.fullmatch(method):
        raise ValueError(f"{method!r} is not a name like handler.method")
    if options.get("durability") not in DURABILITY:
        raise ValueError('durability is "received" or "durable"')
    packed = pack(list(args))
    if len(packed) > VALUE_BYTES_MAX:
        raise errors.TooLarge(f"arguments of {len(packed)} bytes, at most {VALUE_BYTES_MAX} are taken")
    priority, retries, key = options.get("priority", 0), options.get("retries"), options.get("key", "")
    if not -100 <= priority <= 100 or (retries or 0) < 0 or len(key.encode()) > 200:
        raise ValueError("priority is -100..100, retries are not negative, a key has at most 200 bytes")
    fields = {"queue": method, "args": packed, "priority": priority,
              "flags": WAIT_FOR_HANDLER if options.get("wait_for_handler") else 0,
              "delay_ms": wire.milliseconds(options.get("delay")),
              "deadline_ms": wire.milliseconds(options.get("deadline")),
              "timeout_ms": wire.milliseconds(options.get("time_limit")),
              "retries": 0 if retries is None else retries + 1, "key": key,
              "durability": DURABILITY[options.get("durability")], "tags": tags_text(options.get("tags", {}))}
    return {field: value for field, value in fields.items() if value or field in ("queue", "args")}


class JobFuture(concurrent.futures.Future[Any]):
    """A job on its way: `result()` is its value, or raises what it ended with. cancel() also stops a job that runs;
    callbacks run in the client's thread and must not wait for the client."""

    def __init__(self, link: Link, method: str):
        super().__init__()
        self.method = method
        self.ended: Result | None = None
        self._link = link
        self._accepted: concurrent.futures.Future[int] = concurrent.futures.Future()

    def id(self, timeout: float | None = None) -> str:
        """The job's id, once the broker has accepted it. Raises what it was refused with."""
        return wire.job_text(self._accepted.result(timeout))

    def cancel(self) -> bool:
        if not super().cancel():
            return self.cancelled()
        self._accepted.add_done_callback(self._cancel_job)
        return True

    def _cancel_job(self, accepted: concurrent.futures.Future[int]) -> None:
        if accepted.exception() is None:
            with contextlib.suppress(errors.Closed):
                ask(self._link, "cancel", id=accepted.result())  # that it has ended by then is as good

    def on_accepted(self, job: int) -> None:
        if self._accepted.done():  # the broker had to be given it anew, and it has another id
            self._accepted = concurrent.futures.Future()
        self._accepted.set_result(job)

    def on_ended(self, m: wire.Record) -> None:
        result = self.ended = Result.of(m, self.method)
        if not self.set_running_or_notify_cancel():
            return
        try:
            self.set_result(result.value)
        except Exception as error:  # the job's, or of a value that is none
            self.set_exception(error)

    def on_error(self, error: Exception) -> None:
        if not self._accepted.done():
            self._accepted.set_exception(error)
        if self.set_running_or_notify_cancel():
            self.set_exception(error)


Answer = concurrent.futures.Future[list[wire.Record]]


def ask(link: Link, name: str, /, **fields: Any) -> Answer:
    """A request; its answers."""
    answer: Answer = concurrent.futures.Future()

    def done(records: list[wire.Record]) -> None:
        if answer.set_running_or_notify_cancel():
            answer.set_result(records)

    def failed(error: Exception) -> None:
        if answer.set_running_or_notify_cancel():
            answer.set_exception(error)

    link.do(lambda core, now: core.ask(Ask(name, fields, done, failed, [])))
    return answer


def submit(link: Link, method: Method, args: tuple[Any, ...], options: Options, flags: int = 0) -> JobFuture:
    name = name_of(method)
    fields = submission_fields(name, args, options)
    fields["flags"] = fields.get("flags", 0) | ACCEPT_LAZILY | flags
    future = JobFuture(link, name)
    submission = Submission(fields, future.on_accepted, future.on_ended, future.on_error,
                            bool(options.get("refuse_busy")))
    link.do(lambda core, now: core.submit(submission))
    return future


def job_of(job: str | JobFuture | Session) -> int:
    if isinstance(job, JobFuture):
        return wire.job_number(job.id())
    return wire.job_number(job if isinstance(job, str) else job.id)


def begin_watch(link: Link, topic: str, sink: Sink) -> None:
    """The sink is told what comes, in the link's thread."""
    if not 0 < len(topic.encode()) <= 200:
        raise ValueError("a topic has 1 to 200 bytes")

    def begin(core: Core, now: float) -> None:
        if topic in core.watched:
            sink.fail(ValueError(f"this client watches {topic} already"))
        else:
            core.watch(topic, sink, now)

    link.do(begin)


def end_watch(link: Link, topic: str, sink: Sink) -> None:
    def end(core: Core, now: float) -> None:
        if topic in core.watched and core.watched[topic].sink is sink:
            core.unwatch(topic)

    with contextlib.suppress(errors.Closed):
        link.do(end)
    sink.fail(errors.Closed("the watch was closed"))


class Watch(Iterator[Update]):
    """The updates of a topic, in order and without gaps; blocks until the next one comes. Close it when done."""

    def __init__(self, link: Link, topic: str):
        self.topic = topic
        self._link = link
        self._queue: queue.SimpleQueue[tuple[str, Shown] | Exception] = queue.SimpleQueue()
        self._over: Exception | None = None
        begin_watch(link, topic, self)

    # Called by the link's thread.
    def room(self) -> bool:
        return self._queue.qsize() < UNREAD_MAX

    def show(self, topic: str, shown: Shown) -> None:
        self._queue.put((topic, shown))

    def fail(self, error: Exception) -> None:
        self._queue.put(error)

    def next(self, timeout: float | None = None) -> Update:
        """The next one; TimeoutError when it does not come in time, the reason when none will come any more."""
        if self._over:
            raise self._over
        full = not self.room()
        try:
            item = self._queue.get(timeout=timeout)
        except queue.Empty:
            raise TimeoutError(f"{self.topic}: no update within {timeout} s") from None
        if isinstance(item, Exception):
            self._over = item
            raise item
        if full:
            self._link.nudge()  # there is room again
        return update_of(*item)

    def __next__(self) -> Update:
        try:
            return self.next()
        except errors.Closed:
            raise StopIteration from None

    def close(self) -> None:
        """Ends it, also for who waits in another thread."""
        end_watch(self._link, self.topic, self)

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def update_of(topic: str, shown: Shown) -> Update:
    if shown.event == "lost":
        return Update(topic, "lost", shown.incarnation, shown.seq, None, {"first": shown.first, "last": shown.seq})
    fields = unpack(shown.body) if shown.body else {}
    own = {field: value for field, value in fields.items() if field not in ("seq", "incarnation", "time", "event")}
    return Update(topic, shown.event or fields.get("event", ""), shown.incarnation, shown.seq,
                  moment(fields.get("time", 0)), own)


def word_of(value: Any) -> bytes:
    word = pack(value)
    if len(word) > 1 << 20:
        raise errors.TooLarge(f"a word of {len(word)} bytes, at most {1 << 20} are taken")
    return word


class SessionHandle:
    """A session on the farm: steer it, watch it, wait for its value."""

    def __init__(self, client: Client, session: str):
        self.client, self.id = client, session

    def show(self, timeout: float | None = None) -> Session:
        return Session.of(self.client.answer("get_session", timeout, id=wire.job_number(self.id))[0])

    def tell(self, value: Any, iteration: int | None = None, timeout: float | None = None) -> None:
        """Answers a session that asks. iteration: how many were over when it asked, so that a word said twice counts
        once; not said: as it is now. NotAsking."""
        if iteration is None:
            iteration = self.show(timeout).iteration
        self.client.answer("tell", timeout, id=wire.job_number(self.id), iteration=iteration, value=word_of(value))

    def pause(self, timeout: float | None = None) -> None:
        """No further iteration begins; the one under way is kept."""
        self.client.answer("pause", timeout, id=wire.job_number(self.id))

    def resume(self, timeout: float | None = None) -> None:
        self.client.answer("resume", timeout, id=wire.job_number(self.id))

    def stop(self, timeout: float | None = None) -> None:
        """Ends it, with its children."""
        self.client.cancel(self.id, timeout)

    def watch(self) -> Watch:
        return self.client.watch(f"session/{self.id}")

    def result(self, timeout: float | None = None) -> Any:
        """Its value, once it is over."""
        return self.client.wait(self.id, timeout).value


class Client:
    """address: the broker's port for clients; not said: $REEVE_BROKER, else tcp://127.0.0.1:7710. timeout: how long to
    wait for the broker's welcome, in seconds; None: for ever. Unreachable when it does not come. identity: the file with
    our key, for a broker that asks for one; not said: $REEVE_IDENTITY, else identity in $CREDENTIALS_DIRECTORY when it
    is there, else none; "": none. Denied when the file cannot be believed, or the broker does not know the key."""

    def __init__(self, address: str | None = None, *, timeout: float | None = CONNECT_S,
                 identity: str | os.PathLike[str] | None = None):
        self.address = address or os.environ.get("REEVE_BROKER") or ADDRESS
        self.link = Link(self.address, own(identity))
        self._finalizer = weakref.finalize(self, self.link.close)
        try:
            if not self.link.wait_up(timeout):
                if self.link.hint:
                    raise errors.Denied(f"{self.address}: {self.link.hint}")
                raise errors.Unreachable(f"no broker answers at {self.address}")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Says goodbye. Jobs go on; who waits for one gets Closed."""
        self._finalizer()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def connected(self) -> bool:
        """False while the broker is looked for."""
        return self.link.up

    # --- jobs -------------------------------------------------------------------------------------

    def submit(self, method: Method, *args: Any, **options: Unpack[Options]) -> JobFuture:
        """Hands in a job; returns at once."""
        return submit(self.link, method, args, options)

    def call(self, method: Method, *args: Any, timeout: float | None = None, **options: Unpack[Options]) -> Any:
        """Submits, waits, returns the value. TimeoutError or Unreachable after so many seconds: the job goes on."""
        return self._await(submit(self.link, method, args, options), timeout)

    def map(self, method: Method, *iterables: Iterable[Any], timeout: float | None = None, ahead: int = AHEAD,
            ordered: bool = True, **options: Unpack[Options]) -> Iterator[Any]:
        """The values of method(*args) for the args that zip(*iterables) gives, as they are asked for: `ahead` jobs are
        under way, so the input may be endless. ordered=False: as they come. The first that fails raises. timeout: of
        each wait."""
        words = zip(*iterables)
        if ordered:
            yield from self._map_ordered(method, words, timeout, ahead, options)
        else:
            yield from self._map_as_they_come(method, words, timeout, ahead, options)

    def _map_ordered(self, method: Method, words: Iterator[tuple[Any, ...]], timeout: float | None, ahead: int,
                     options: Options) -> Iterator[Any]:
        under_way: collections.deque[JobFuture] = collections.deque()
        try:
            for args in words:
                under_way.append(submit(self.link, method, args, options))
                if len(under_way) >= ahead:
                    yield self._await(under_way.popleft(), timeout)
            while under_way:
                yield self._await(under_way.popleft(), timeout)
        finally:
            for future in under_way:
                future.cancel()

    def _map_as_they_come(self, method: Method, words: Iterator[tuple[Any, ...]], timeout: float | None, ahead: int,
                          options: Options) -> Iterator[Any]:
        done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        under_way: set[JobFuture] = set()
        try:
            while True:
                for args in itertools.islice(words, ahead - len(under_way)):
                    future = submit(self.link, method, args, options)
                    under_way.add(future)
                    future.add_done_callback(done.put)
                if not under_way:
                    return
                try:
                    future = done.get(timeout=timeout)
                except queue.Empty:
                    raise TimeoutError(f"no result within {timeout} s") from None
                under_way.discard(future)
                yield future.result()
        finally:
            for future in under_way:
                future.cancel()

    def wait(self, job: str | JobFuture | Session, timeout: float | None = None) -> Result:
        """How any job ended, once it has."""
        return Result.of(self.answer("wait", timeout, id=job_of(job))[-1], "")

    def cancel(self, job: str | JobFuture | Session, timeout: float | None = None) -> None:
        """Stops it, running or not; after this it never becomes ok. Ended when it was over."""
        self.answer("cancel", timeout, id=job_of(job))

    def retry(self, job: str | JobFuture, timeout: float | None = None) -> str:
        """The id of a new job like this ended one."""
        return wire.job_text(self.answer("retry", timeout, id=job_of(job))[-1].id)

    def job(self, job: str | JobFuture, timeout: float | None = None) -> dict[str, Any]:
        """All that is known of it; under "attempt_list" those attempts that did not end well."""
        *attempts, last = self.answer("get_job", timeout, id=job_of(job))
        told = [fields_of(attempt) for attempt in attempts]
        for attempt in told:
            attempt["error"] = unpack(attempt.pop("value")) if attempt["value"] else ""
        return fields_of(last) | {"attempt_list": told}

    def jobs(self, state: str = "", queue: str = "", timeout: float | None = CONNECT_S) -> Iterator[dict[str, Any]]:
        """The jobs there are, of this state ("ok", "running", ...) and queue, or all."""
        wanted = JOB_STATES.index(state) if state else 0
        after = 0
        while True:
            *jobs, end = self.answer("list_jobs", timeout, state=wanted, queue=queue, after=after, limit=1000)
            yield from map(fields_of, jobs)
            after = end.next
            if not after:
                return

    def explain(self, job: str | JobFuture, timeout: float | None = CONNECT_S) -> list[str]:
        """What holds the job up now, or what became of it."""
        return [m.text for m in self.answer("explain", timeout, id=job_of(job))[:-1]]

    # --- sessions ---------------------------------------------------------------------------------

    def start_session(self, method: Method, *args: Any, timeout: float | None = CONNECT_S,
                      **options: Unpack[Options]) -> SessionHandle:
        """Starts one; the arguments are its first input."""
        future = submit(self.link, method, args, options, SESSION_FLAG)
        return SessionHandle(self, future.id(timeout))

    def session(self, session: str) -> SessionHandle:
        """One that is there already, by its id."""
        wire.job_number(session)
        return SessionHandle(self, session)

    # --- the farm ---------------------------------------------------------------------------------

    def watch(self, topic: str) -> Watch:
        """job/ID, session/ID, queue/NAME, worker/ID, todo, or a feed's; everything below a prefix that ends in / (then
        without snapshot and replay; `lost` counts what came below it, from 1, and was dropped while much was unread)."""
        return Watch(self.link, topic)

    def status(self, timeout: float | None = CONNECT_S) -> dict[str, Any]:
        """The broker's figures."""
        return fields_of(self.answer("get_status", timeout)[0])

    def queues(self, timeout: float | None = CONNECT_S) -> list[dict[str, Any]]:
        return [fields_of(m) for m in self.answer("list_queues", timeout)[:-1]]

    def workers(self, timeout: float | None = CONNECT_S) -> list[dict[str, Any]]:
        """Each with its slots."""
        workers: list[dict[str, Any]] = []
        for m in self.answer("list_workers", timeout)[:-1]:
            if m.kind == "worker":
                workers.append(fields_of(m) | {"slot_list": []})
            else:
                workers[-1]["slot_list"].append(fields_of(m))
        return workers

    # --- waiting ----------------------------------------------------------------------------------

    def answer(self, name: str, timeout: float | None, /, **fields: Any) -> list[wire.Record]:
        """The answers to a request of the protocol (PROTOCOL.md, section 5)."""
        records: list[wire.Record] = self._await(ask(self.link, name, **fields), timeout)
        return records

    def _await(self, future: concurrent.futures.Future[Any], timeout: float | None) -> Any:
        try:
            return future.result(timeout)
        except TimeoutError:
            if future.done() or self.link.up:
                raise
            raise errors.Unreachable(f"no broker answers at {self.address}") from None
