# SPDX-License-Identifier: Apache-2.0
"""What concurrent.futures asks of an Executor, on the farm; written after the ideas of CPython's own tests."""
import concurrent.futures as futures
import gc
import os
import pickle
import queue
import subprocess
import sys
import threading
import weakref

import numpy
import pytest
import reeve


@pytest.fixture
def pool(farm):
    with reeve.Executor(farm.address) as made:
        yield made


def test_it_is_an_executor(pool):
    assert isinstance(pool, futures.Executor)


def test_submit(pool):
    assert pool.submit("num.pow", 2, 8).result(60) == 256
    with pytest.raises(TypeError, match="keyword"):
        pool.submit("num.pow", base=2, exponent=8)
    with pytest.raises(TypeError):
        pool.submit()
    with pytest.raises(TypeError, match="no name on the farm"):
        pool.submit(pow, 2, 8)


def test_map(pool):
    assert list(pool.map("num.pow", range(10), [2] * 10)) == [n * n for n in range(10)]
    assert list(pool.map("num.pow", range(10), [2] * 10, chunksize=3)) == [n * n for n in range(10)]
    with pytest.raises(ValueError):
        pool.map("num.pow", range(10), chunksize=-1)


def test_map_raises_where_it_failed(pool):
    results = pool.map("num.divide", [1, 1, 1], [1, 2, 0])
    assert [next(results), next(results)] == [1, 0.5]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_map_has_a_timeout(pool):
    with pytest.raises(futures.TimeoutError):
        list(pool.map("wait.deafly", ["/dev/null"], timeout=0.1))


def test_wait_and_as_completed(pool):
    slow, quick = pool.submit("wait.politely"), pool.submit("num.pow", 2, 2)
    done, open_ = futures.wait([slow, quick], 60, futures.FIRST_COMPLETED)
    assert done == {quick} and open_ == {slow}
    with pytest.raises(futures.TimeoutError):
        list(futures.as_completed([slow], timeout=0.05))
    slow.cancel()
    failing = pool.submit("num.divide", 1, 0)
    done, _ = futures.wait([failing, pool.submit("num.pow", 2, 2)], 60, futures.FIRST_EXCEPTION)
    assert failing in done and isinstance(failing.exception(), ZeroDivisionError)
    assert {future.result() for future in futures.as_completed([pool.submit("num.pow", n, 1) for n in range(20)])} == set(
        range(20))


def test_callbacks(pool):
    called = threading.Event()
    got = []
    future = pool.submit("num.pow", 2, 5)
    future.add_done_callback(lambda done: (got.append(done.result()), called.set()))
    assert called.wait(60) and got == [32]
    future.add_done_callback(lambda done: got.append("late"))  # done already: at once
    assert got == [32, "late"]


def test_a_callback_that_raises_disturbs_nobody(pool):
    future = pool.submit("num.pow", 2, 5)

    def raises(_):
        raise ValueError("of a callback")

    future.add_done_callback(raises)
    assert future.result(60) == 32 and pool.submit("num.pow", 2, 6).result(60) == 64


def test_cancel_stops_what_waits_and_what_runs(pool):
    running = [pool.submit("wait.politely") for _ in range(2)]
    waiting = pool.submit("num.pow", 2, 2)
    assert waiting.cancel() and waiting.cancelled() and waiting.done()
    with pytest.raises(futures.CancelledError):
        waiting.result()
    for future in running:
        assert future.cancel()
    assert pool.submit("num.pow", 2, 3).result(60) == 8  # the slots are free again
    done = pool.submit("num.pow", 2, 3)
    done.result(60)
    assert not done.cancel() and not done.cancelled()


def test_shutdown(farm):
    pool = reeve.Executor(farm.address)
    open_ = [pool.submit("num.pow", n, 2) for n in range(50)]
    pool.shutdown()
    assert all(future.done() for future in open_) and [future.result() for future in open_] == [n * n for n in range(50)]
    with pytest.raises(RuntimeError):
        pool.submit("num.pow", 1, 1)
    pool.shutdown()


def test_shutdown_without_waiting_lets_jobs_end(farm):
    pool = reeve.Executor(farm.address)
    open_ = [pool.submit("num.pow", n, 2) for n in range(50)]
    pool.shutdown(wait=False)
    assert [future.result(60) for future in open_] == [n * n for n in range(50)]


def test_shutdown_may_cancel(farm):
    pool = reeve.Executor(farm.address)
    open_ = [pool.submit("wait.politely") for _ in range(5)]
    pool.shutdown(wait=True, cancel_futures=True)
    assert all(future.cancelled() for future in open_)


def test_a_client_is_shared_not_closed(client):
    with reeve.Executor(client, {"priority": 5}) as pool:
        future = pool.submit("num.pow", 2, 2)
        assert future.result(60) == 4
    assert client.job(future)["priority"] == 5


def test_a_worker_that_dies_is_an_exception(pool):
    with pytest.raises(reeve.JobDead):
        pool.submit("fail.os_exit").result(60)
    assert pool.submit("num.pow", 2, 2).result(60) == 4


# --- wait and as_completed ----------------------------------------------------------------------------

def test_wait_counts_a_future_once(pool):
    future = pool.submit("num.pow", 2, 2)
    done, open_ = futures.wait([future, future, future], 60)
    assert done == {future} and open_ == set()
    assert list(futures.as_completed([future, future])) == [future]


def test_wait_for_the_first_exception(pool):
    held = pool.submit("wait.politely")
    good, bad = pool.submit("num.pow", 2, 2), pool.submit("num.divide", 1, 0)
    done, open_ = futures.wait([held, good, bad], 60, futures.FIRST_EXCEPTION)
    assert bad in done and held in open_
    assert futures.wait([held, bad], 60, futures.FIRST_EXCEPTION) == ({bad}, {held})  # it had failed before
    held.cancel()


def test_wait_for_the_first_that_is_there_already(pool):
    held, done = pool.submit("wait.politely"), pool.submit("num.pow", 2, 2)
    done.result(60)
    assert futures.wait([done, held], 60, futures.FIRST_COMPLETED) == ({done}, {held})
    held.cancel()


def test_wait_for_all(pool):
    many = [pool.submit("num.pow", n, 2) for n in range(20)]
    bad, given_up = pool.submit("num.divide", 1, 0), pool.submit("wait.politely")
    given_up.cancel()
    done, open_ = futures.wait([*many, bad, given_up], 60, futures.ALL_COMPLETED)
    assert done == {*many, bad, given_up} and not open_
    assert given_up.cancelled() and futures.wait([]) == (set(), set())


def test_wait_gives_up_in_time(pool):
    held, quick = pool.submit("wait.politely"), pool.submit("num.pow", 2, 2)
    quick.result(60)
    assert futures.wait([held, quick], timeout=0.05) == ({quick}, {held})
    with pytest.raises(futures.TimeoutError, match=r"1 \(of 2\) futures unfinished"):
        list(futures.as_completed([held, quick], timeout=0))
    held.cancel()


def test_as_completed_lets_go_of_what_it_gave(pool):
    for future in futures.as_completed([pool.submit("num.pow", n, 2) for n in range(10)], timeout=60):
        left = weakref.ref(future)
        del future
        gone(left)


# --- map ----------------------------------------------------------------------------------------------

def test_map_ends_with_the_shortest(pool):
    assert list(pool.map("num.pow", range(100), [1, 2, 3])) == [0, 1, 8]
    assert list(pool.map("num.pow", [], [])) == []


def test_map_gives_what_is_there_before_a_slow_one(pool):
    results = pool.map("wait.unless", ["a", "b", "wait", "c"], timeout=1)
    assert [next(results), next(results)] == ["a", "b"]
    with pytest.raises(futures.TimeoutError):
        next(results)


def test_a_map_that_nobody_reads_on_is_cancelled(pool, client):
    results = pool.map("wait.unless", ["a", *["wait"] * 10])
    assert next(results) == "a"
    results.close()
    assert list(pool.map("num.pow", [2, 3], [2, 2])) == [4, 9]  # a slot is free again
    ends = {client.wait(job["id"], 60).state for job in client.jobs(queue="wait.unless")}
    assert ends == {"ok", "cancelled"}


# --- futures ------------------------------------------------------------------------------------------

def test_a_future_from_pending_to_done(pool):
    future = pool.submit("wait.politely")
    assert not future.done() and not future.cancelled() and "pending" in repr(future)
    with pytest.raises(futures.TimeoutError):
        future.result(0)
    with pytest.raises(futures.TimeoutError):
        future.exception(0.05)
    assert future.cancel() and future.cancel() and "cancelled" in repr(future)
    with pytest.raises(futures.CancelledError):
        future.exception()
    future = pool.submit("num.pow", 2, 2)
    assert future.exception(60) is None and future.result(0) == 4 and "finished returned int" in repr(future)
    with pytest.raises(futures.InvalidStateError):
        future.set_result(5)


def test_an_exception_tells_where_it_was_raised(pool):
    error = pool.submit("fail.chained").exception(60)
    assert isinstance(error, RuntimeError) and error.message == "lookup\nfailed"
    assert "handlers.py" in error.traceback and "KeyError: 'key'" in error.traceback
    with pytest.raises(RuntimeError) as caught:
        pool.submit("fail.chained").result(60)
    assert pickle.loads(pickle.dumps(caught.value)).traceback == caught.value.traceback


def test_callbacks_of_every_end(pool):
    ends = queue.SimpleQueue()
    for order in range(3):
        for method, *args in ("num.pow", 2, 2), ("num.divide", 1, 0), ("wait.politely",):
            future = pool.submit(method, *args)
            future.add_done_callback(lambda done, order=order, method=method: ends.put((method, order, done)))
            if method == "wait.politely":
                future.cancel()
    told = [ends.get(timeout=60) for _ in range(9)]
    for method, order, done in told:
        assert done.done() and done.cancelled() == (method == "wait.politely")
        if method == "num.divide":
            assert isinstance(done.exception(), ZeroDivisionError)
    with pytest.raises(queue.Empty):
        ends.get_nowait()  # each once


def test_callbacks_come_in_order_and_may_submit(pool):
    told = queue.SimpleQueue()
    future = pool.submit("wait.unless", "go")
    for n in range(3):
        future.add_done_callback(lambda done, n=n: told.put(n))
    future.add_done_callback(lambda done: told.put(pool.submit("num.pow", 2, 2)))
    assert [told.get(timeout=60) for _ in range(3)] == [0, 1, 2]
    assert told.get(timeout=60).result(60) == 4


# --- what is wrong with one job is not wrong with the pool --------------------------------------------

def test_what_cannot_be_sent_harms_nobody(pool):
    with pytest.raises(TypeError, match="cannot be sent"):
        pool.submit("any.echo", object())
    with pytest.raises(TypeError, match="cannot be sent"):
        list(pool.map("any.echo", [1, object()]))
    with pytest.raises(TypeError, match="set cannot be sent"):
        pool.submit("fail.unsendable").result(60)
    with pytest.raises(reeve.JobFailed, match="too large"):
        pool.submit("fail.too_large").result(60)
    with pytest.raises(reeve.JobDead, match="exit 3"):
        pool.submit("fail.exit").result(60)
    assert pool.submit("num.pow", 2, 2).result(60) == 4


def test_an_unknown_function_is_an_exception_of_its_future(pool):
    assert isinstance(pool.submit("no.handler").exception(60), reeve.UnknownHandler)


def test_more_jobs_than_slots_by_far(pool):
    assert sum(pool.map("num.pow", range(5000), [1] * 5000)) == sum(range(5000))


# --- nothing is held longer than needed ---------------------------------------------------------------

def gone(reference):
    """Nobody holds it any more; the client's thread may be about to let go."""
    for _ in range(1000):
        gc.collect()
        if reference() is None:
            return
        threading.Event().wait(0.01)
    raise AssertionError(f"still held by {gc.get_referrers(reference())}")


def test_arguments_results_and_futures_are_let_go(pool):
    array = numpy.arange(1000)
    future = pool.submit("any.echo", array)
    argument, result, kept = weakref.ref(array), weakref.ref(future.result(60)[0]), weakref.ref(future)
    del array
    gone(argument)
    del future
    gone(result)
    gone(kept)


# --- the end ------------------------------------------------------------------------------------------

def test_the_end_of_with_waits_also_after_an_exception(farm):
    with pytest.raises(KeyError):
        with reeve.Executor(farm.address) as pool:
            open_ = [pool.submit("num.pow", n, 2) for n in range(50)]
            raise KeyError
    assert [future.result(0) for future in open_] == [n * n for n in range(50)]


def test_submitting_while_another_thread_shuts_down(farm):
    pool = reeve.Executor(farm.address)
    open_, refused = [], []

    def submit():
        try:
            while True:
                open_.append(pool.submit("num.pow", 2, 2))
        except RuntimeError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=submit) for _ in range(3)]
    for thread in threads:
        thread.start()
    pool.submit("num.pow", 2, 2).result(60)
    pool.shutdown()
    for thread in threads:
        thread.join(60)
    assert len(refused) == 3 and all("after shutdown" in text for text in refused)
    assert all(future.result(0) == 4 for future in open_)  # what was taken has ended


def test_shutting_down_twice_waits_the_second_time(farm):
    pool = reeve.Executor(farm.address)
    open_ = [pool.submit("num.pow", n, 2) for n in range(50)]
    pool.shutdown(wait=False)
    pool.shutdown(wait=True)
    assert [future.result(0) for future in open_] == [n * n for n in range(50)]


def test_a_pool_that_is_dropped_finishes_first(farm):
    pool = reeve.Executor(farm.address)
    thread = pool._client.link.thread
    open_ = [pool.submit("num.pow", n, 2) for n in range(50)]
    kept = weakref.ref(pool)
    del pool
    assert [future.result(60) for future in open_] == [n * n for n in range(50)]
    del open_
    gone(kept)
    thread.join(60)
    assert not thread.is_alive()


def test_a_program_that_ends_waits_for_its_jobs(farm):
    program = """
import sys, reeve
pool = reeve.Executor(sys.argv[1])
for n in range(200):
    pool.submit("num.pow", n, 2).add_done_callback(lambda done: print(done.result()))
"""
    done = subprocess.run([sys.executable, "-c", program, farm.address], capture_output=True, text=True, timeout=120,
                          env=farm.farm.env | {"PYTHONPATH": os.pathsep.join(sys.path)})
    assert sorted(map(int, done.stdout.split())) == [n * n for n in range(200)], done.stderr
