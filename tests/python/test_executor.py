# SPDX-License-Identifier: Apache-2.0
"""What concurrent.futures asks of an Executor, on the farm; written after the ideas of CPython's own tests."""
import concurrent.futures as futures
import threading

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
