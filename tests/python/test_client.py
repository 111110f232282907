# SPDX-License-Identifier: Apache-2.0
"""The client against a real farm: calls, refusals, sessions, watches, and brokers that go and come back."""
import asyncio
import collections
import datetime
import gc
import os
import signal
import socket
import threading

import numpy
import pytest
import reeve
import zmq
from reeve import link


# --- jobs -------------------------------------------------------------------------------------------

def test_call_submit_wait(client):
    assert client.call("text.upper", "a") == "A"
    future = client.submit("num.pow", 2, 10)
    assert future.result(60) == 1024
    result = client.wait(future, 60)
    assert (result.id, result.state, result.value, result.attempts) == (future.id(), "ok", 1024, 0) and result.worker
    job = client.job(future)
    assert job["state"] == "ok" and job["queue"] == "num.pow" and isinstance(job["submitted"], datetime.datetime)
    assert client.retry(future) != future.id()


def test_map_keeps_the_order_and_takes_endless_input(client):
    assert list(client.map("num.pow", [1, 2, 3], [2, 2, 2])) == [1, 4, 9]
    numbers = iter(range(10 ** 9))
    squares = client.map("num.pow", numbers, iter(lambda: 2, 0), ahead=10)
    assert [next(squares) for _ in range(50)] == [n * n for n in range(50)]
    squares.close()
    assert next(numbers) < 100  # no more was taken than was to be under way
    assert sorted(client.map("num.pow", range(200), [2] * 200, ordered=False)) == [n * n for n in range(200)]
    with pytest.raises(ZeroDivisionError):
        list(client.map("num.divide", [1, 2], [1, 0]))


def test_options_are_said(client):
    assert client.call("job.about", time_limit=3.5)["time_limit"] == 3.5
    late = client.submit("text.upper", "x", delay=60, deadline=0.2)
    with pytest.raises(reeve.JobExpired):
        late.result(60)
    first = client.submit("text.upper", "x", key="once")
    assert client.submit("text.upper", "x", key="once").id() == first.id()
    with pytest.raises(reeve.KeyTaken):
        client.submit("text.upper", "y", key="once").result(60)
    with pytest.raises(reeve.NotDurable):
        client.call("text.upper", "x", durability="durable", timeout=60)
    with pytest.raises(reeve.JobFailed) as caught:
        client.call("fail.plainly", retries=2)
    assert caught.value.attempts == 3 or len(client.job(caught.value.job)["attempt_list"]) == 3


def test_what_no_broker_would_take_is_refused_here(client):
    for wrong in (dict(priority=101), dict(delay=-1), dict(retries=-1), dict(durability="eternal"), dict(key="x" * 201)):
        with pytest.raises(ValueError):
            client.submit("text.upper", "x", **wrong)
    with pytest.raises(TypeError, match="no such option: text"):
        client.submit("text.upper", text="x")
    with pytest.raises(ValueError, match="handler.method"):
        client.call("upper")
    with pytest.raises(TypeError, match="builtins.object cannot be sent"):
        client.call("text.upper", object())
    with pytest.raises(reeve.TooLarge):
        client.call("text.upper", "x" * (17 << 20))
    with pytest.raises(TypeError, match="no name on the farm"):
        client.call(len, "x")


def test_refusals_are_exceptions_of_their_own(client):
    with pytest.raises(reeve.UnknownHandler):
        client.call("no.handler")
    with pytest.raises(reeve.UnknownJob):
        client.job("0000000000001")
    with pytest.raises(ValueError, match="no job's id"):
        client.job("what?")
    future = client.submit("text.upper", "x")
    future.result(60)
    with pytest.raises(reeve.Ended):
        client.cancel(future)
    with pytest.raises(reeve.NoSession):
        client.session(future.id()).show()


def test_waiting_has_an_end_and_the_job_goes_on(client):
    future = client.submit("wait.politely")
    with pytest.raises(TimeoutError):
        future.result(0.05)
    with pytest.raises(TimeoutError):
        client.wait(future, timeout=0.05)
    assert not future.done() and future.cancel() and future.cancelled()
    assert client.wait(future.id(), 60).state == "cancelled"


def test_a_function_with_a_name_may_stand_for_it(client):
    @reeve.handler("text.upper")
    def upper(text):
        raise AssertionError("runs on the farm, not here")

    assert client.call(upper, "x") == "X"


def test_arrays_and_moments_travel(client):
    array, now = numpy.arange(6.0).reshape(2, 3), datetime.datetime.now(datetime.timezone.utc)
    back, moment = client.call("any.echo", array, now)
    assert (back == array).all() and back.dtype == array.dtype and moment == now
    large = numpy.random.default_rng(1).random(1 << 20)
    assert (client.call("any.echo", large)[0] == large).all()


def test_many_threads_share_a_client(client):
    results = {}

    def work(me):
        results[me] = [client.call("num.pow", me, n) for n in range(20)]

    threads = [threading.Thread(target=work, args=[me]) for me in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {me: [me ** n for n in range(20)] for me in range(8)}


def test_the_farm_is_shown(client):
    assert client.status()["workers"] == 1 and client.status()["state"] == "serving"
    worker, = client.workers()
    assert worker["state"] == "up" and len(worker["slot_list"]) == 2
    assert "text.upper" in [queue["name"] for queue in client.queues()]
    ids = {client.submit("any.echo", n).id() for n in range(1500)}
    waiting = client.submit("text.upper", "x", delay=60)
    assert "delay" in " ".join(client.explain(waiting))
    assert {job["id"] for job in client.jobs(queue="any.echo")} == ids
    assert [job["id"] for job in client.jobs("delayed")] == [waiting.id()]
    with pytest.raises(ValueError):
        next(client.jobs("no such state"))


# --- connections --------------------------------------------------------------------------------------

def test_without_a_broker_it_says_so():
    with pytest.raises(reeve.Unreachable):
        reeve.Client("tcp://127.0.0.1:1", timeout=0.3)
    with pytest.raises(ValueError):
        reeve.Client("nonsense://x", timeout=0.3)


@pytest.fixture
def rude():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(60)
        yield server


def hang_up(server, times):
    """In the middle of the handshake."""
    for _ in range(times):
        peer, _ = server.accept()
        with peer:
            peer.recv(64)


def test_who_is_hung_up_on_may_have_no_key(rude):
    one = link.Link("tcp://127.0.0.1:{}".format(rude.getsockname()[1]))
    told = []  # after each time
    while not one.hint:
        told.append(one.hint)
        hang_up(rude, 1)
    one.close()
    assert len(told) > 1 and "it may ask for a key" in one.hint


def test_who_closes_while_it_is_hung_up_on_stops_nobody_else(rude):
    """All clients of a process share the thread that libzmq has for them."""
    for number in range(40):
        one = link.Link("tcp://127.0.0.1:{}".format(rude.getsockname()[1]))
        hang_up(rude, 1 + number % 2)
        one.close()
    context = zmq.Context.instance()
    with context.socket(zmq.PAIR) as here, context.socket(zmq.PAIR) as there:
        there.connect("tcp://127.0.0.1:{}".format(here.bind_to_random_port("tcp://127.0.0.1")))
        here.send(b"word")
        assert there.poll(60_000)


def test_closed_is_closed(farm):
    client = reeve.Client(farm.address)
    future = client.submit("wait.politely")
    job = future.id()
    client.close()
    client.close()
    with pytest.raises(reeve.Closed):
        future.result(60)
    with pytest.raises(reeve.Closed):
        client.call("text.upper", "x")
    with reeve.Client(farm.address) as other:  # the job goes on
        other.cancel(job)
        assert other.wait(job, 60).state == "cancelled"


def test_what_is_ordered_while_another_thread_closes_is_refused(farm):
    client = reeve.Client(farm.address)
    link = client.link

    class Late(collections.deque):
        """Between the question whether the link is closed and the order, it is."""

        def append(self, order):
            client.close()
            super().append(order)

    link.orders = Late()
    with pytest.raises(reeve.Closed):
        client.submit("text.upper", "x")
    assert not link.orders
    link.nudge()  # who was about to meets no strange descriptor


def test_a_client_belongs_to_the_process_that_made_it(client):
    reader, writer = os.pipe()
    if os.fork() == 0:
        try:
            client.submit("text.upper", "x")
        except RuntimeError as error:
            os.write(writer, str(error).encode())
        os._exit(0)
    os.close(writer)
    with open(reader) as pipe:
        assert "belongs to the process that made it" in pipe.read()
    os.wait()
    assert client.call("text.upper", "x") == "X"


def test_one_that_nobody_holds_any_more_leaves(farm):
    client = reeve.Client(farm.address)
    link = client.link
    client.call("text.upper", "x")
    del client
    gc.collect()
    link.thread.join(60)
    assert not link.thread.is_alive()


def test_a_broker_that_is_killed_loses_nothing_durable(bare, tmp_path):
    made = bare.farm
    made.processes[0].stop()
    broker = made.broker("--store", str(tmp_path / "store"))
    bare.worker(slots=1)
    with reeve.Client(bare.address) as client, client.watch("queue/any.echo") as watch:
        futures = [client.submit("any.echo", n) for n in range(300)]
        futures[0].result(60)
        first = watch.next(60)
        broker.kill(signal.SIGKILL)
        broker.wait()
        futures += [client.submit("any.echo", n) for n in range(300, 400)]
        with pytest.raises((TimeoutError, reeve.Unreachable)):
            client.status(timeout=0.3)
        made.broker("--store", str(tmp_path / "store"))
        assert [future.result(60) for future in futures] == [[n] for n in range(400)]
        ids = {future.id() for future in futures}
        assert len(ids) == 400  # each became one job
        while (update := watch.next(60)).incarnation == first.incarnation:
            pass
        assert (first.event, update.event) == ("snapshot", "snapshot")  # where another life of the broker begins


def test_a_broker_that_forgot_everything_gets_it_anew(bare):
    with reeve.Client(bare.address) as client:
        futures = [client.submit("any.echo", n, wait_for_handler=True) for n in range(50)]
        first = futures[0].id()
        bare.farm.processes[0].kill(signal.SIGKILL)
        bare.farm.processes[0].wait()
        bare.farm.broker("--store", "memory")
        bare.worker(slots=1)
        assert [future.result(60) for future in futures] == [[n] for n in range(50)]
        assert futures[0].id() != first


def test_a_job_goes_to_a_worker_that_has_its_tags(farm):
    with reeve.Client(farm.address) as client:
        future = client.submit("text.upper", "a", tags={"zone": "eu", "gpu": "1"})
        future.id()
        process = farm.worker("--tag", "gpu=1", "--tag", "zone=eu")
        assert future.result(60) == "A" and client.wait(future, 60).worker == process.id
        for wrong in ({"": "1"}, {"a b": "1"}, {"a": "x,b=1"}, {str(n): "" for n in range(9)}):
            with pytest.raises(ValueError, match="tags"):
                client.submit("text.upper", "a", tags=wrong)


# --- watches ------------------------------------------------------------------------------------------

def test_updates_come_in_order_and_without_gaps(client):
    with client.watch("queue/any.echo") as watch:
        place = None
        list(client.map("any.echo", range(500)))
        while True:
            update = watch.next(60)
            assert place is None or (update.incarnation, update.seq) == (place[0], place[1] + 1), (place, update)
            place = update.incarnation, update.seq
            if update.fields["ok"] == 500:
                break
        assert watch.topic == update.topic and update.fields["failed"] == 0


def test_a_watch_that_sees_nothing_says_so(client):
    with client.watch("queue/wait.politely") as watch:
        assert watch.next(60).event == "snapshot"
        with pytest.raises(TimeoutError):
            watch.next(0.05)


def test_a_watch_ends_for_who_waits(client):
    watch = client.watch("queue/any.echo")
    assert next(watch).event == "snapshot"
    ended = threading.Event()

    def wait():
        for _ in watch:
            pass
        ended.set()

    thread = threading.Thread(target=wait)
    thread.start()
    watch.close()
    thread.join(60)
    assert ended.is_set()
    with client.watch("queue/any.echo") as again:  # its name is free again
        assert again.next(60).event == "snapshot"
    with pytest.raises(reeve.Refused):
        client.watch("job/0000000000001").next(60)


def test_two_watches_of_one_topic_are_one_too_many(client):
    with client.watch("queue/any.echo"), pytest.raises(ValueError, match="already"):
        client.watch("queue/any.echo").next(60)


def test_updates_over_the_one_connection(farm, monkeypatch):
    monkeypatch.setenv("REEVE_UPDATES", "connection")
    with reeve.Client(farm.address) as client, client.watch("queue/any.echo") as watch:
        seqs = []
        list(client.map("any.echo", range(100)))
        while (update := watch.next(60)).fields["ok"] < 100:
            seqs.append(update.seq)
        assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
        with pytest.raises(reeve.Refused, match="updates' port"):
            client.watch("job/").next(60)
        with pytest.raises(reeve.Refused):
            client.watch("job/0000000000001").next(60)


def test_everything_below_a_prefix(client):
    with client.watch("job/") as watch:
        ids = set()
        while not ids:  # subscribing takes its time, and there is no snapshot
            future = client.submit("text.upper", "x")
            future.result(60)
            try:
                ids.add(watch.next(0.2).topic)
            except TimeoutError:
                continue
        assert ids.pop().startswith("job/")


# --- sessions -----------------------------------------------------------------------------------------

def test_a_session_is_steered(client):
    session = client.start_session("ask.name")
    with session.watch() as watch:
        while watch.next(60).fields.get("question") != "who?":
            pass
    same = client.session(session.id)
    same.pause()
    with pytest.raises(reeve.Paused):
        same.pause()
    assert same.show().state == "paused"
    same.resume()
    with pytest.raises(reeve.NotPaused):
        same.resume()
    same.tell("Ada")
    assert session.result(60) == "hello Ada"
    other = client.start_session("ask.name")
    other.stop()
    with pytest.raises(reeve.JobCancelled):
        other.result(60)


# --- asyncio ------------------------------------------------------------------------------------------

def test_asyncio(farm):
    async def play():
        async with reeve.aio.Client(farm.address) as client:
            assert await client.call("text.upper", "x") == "X"
            assert await asyncio.gather(*(client.call("num.pow", n, 2) for n in range(100))) == [n * n for n in range(100)]
            assert [value async for value in client.map("num.pow", range(50), [2] * 50, ahead=7)] == [
                n * n for n in range(50)]
            with pytest.raises(ZeroDivisionError):
                await client.call("num.divide", 1, 0)
            with pytest.raises(reeve.UnknownHandler):
                await client.call("no.handler")
            async with client.watch("queue/any.echo") as watch:
                await client.call("any.echo", 1)
                async for update in watch:
                    if update.fields["ok"] == 1:
                        break
            session = await client.start_session("ask.name")
            async with session.watch() as watch:
                async for update in watch:
                    if update.fields.get("question"):
                        break
            await session.tell("Ada")
            assert await session.result() == "hello Ada"
            assert (await client.status())["workers"] == 1

    asyncio.run(play())


def test_what_asyncio_gives_up_stops_on_the_farm(farm):
    async def play():
        async with reeve.aio.Client(farm.address) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.call("wait.politely")
            async with client.watch("queue/wait.politely") as watch:
                async for update in watch:
                    if update.fields["running"] == 0 and update.fields["submitted"] == 1:
                        return

    asyncio.run(asyncio.wait_for(play(), 60))
