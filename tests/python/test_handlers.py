# SPDX-License-Identifier: Apache-2.0
"""Handlers in slots: the same isolation, limits and endings as programs in C, from the page and over the socket."""
import os
import pathlib
import re
import socket
import subprocess
import sys

import pytest
import reeve

FILE = pathlib.Path(__file__).with_name("handlers.py")
PACKAGE = pathlib.Path(reeve.__file__).parents[1]


def by_hand(*words, file=FILE, **env):
    return subprocess.run([sys.executable, str(PACKAGE), str(file), *words], capture_output=True, text=True,
                          env=dict(os.environ, **env))


# --- by hand --------------------------------------------------------------------------------------

def test_a_file_lists_and_runs_its_handlers():
    offers = by_hand("--offers").stdout.splitlines()
    assert "text.upper" in offers and "feed.count counting" in offers
    assert by_hand("--call", "text.upper", "hello").stdout == "HELLO\n"
    assert by_hand("--call", "num.pow", "2", "100").stdout == f"{2 ** 100}\n"
    failed = by_hand("--call", "num.divide", "1", "0")
    assert failed.returncode == 1 and "ZeroDivisionError: division by zero" in failed.stderr
    assert by_hand("--call", "no.such").returncode == 2


def test_a_file_that_is_run_by_itself_serves_too():
    done = subprocess.run([sys.executable, str(FILE), "--call", "text.upper", "x"], capture_output=True, text=True,
                          env=dict(os.environ, PYTHONPATH=str(PACKAGE)))
    assert (done.returncode, done.stdout) == (0, "X\n"), done.stderr


def test_without_msgpack_it_says_what_to_do():
    done = subprocess.run([sys.executable, "-S", "-E", str(PACKAGE), str(FILE), "--offers"], capture_output=True, text=True)
    assert done.returncode == 7 and "has no msgpack" in done.stderr and "REEVE_PYTHON" in done.stderr


def test_what_is_no_handler_is_refused_when_it_is_made():
    for name in ("upper", "", "a b.c", "x." + "y" * 100, ".x"):
        with pytest.raises(ValueError):
            reeve.handler(name)

    async def awaits():
        pass

    with pytest.raises(TypeError, match="plain function"):
        reeve.handler("some.thing")(awaits)
    with pytest.raises(ValueError, match="there already"):
        reeve.handler("twice.given")(lambda: 1)
        reeve.handler("twice.given")(lambda: 2)


def test_a_function_stays_one():
    @reeve.handler("plain.function")
    def double(x):
        return 2 * x

    assert double(4) == 8 and reeve.job().id == "" and not reeve.job().cancelled


@pytest.mark.parametrize("text, says", [("1 / 0", "ZeroDivisionError"), ("import no_such_module", "no_such_module"),
                                        ("x = 1", "offers nothing"), ("def (", "SyntaxError")])
def test_a_file_that_serves_nothing_ends_the_worker_with_a_reason(bare, text, says):
    process = bare.farm.start("reeve-worker", "--broker", f"tcp://127.0.0.1:{bare.farm.port + 1}", "--python",
                              bare.handlers(text))
    assert process.wait() == 7 and says in process.stderr()


def test_a_file_may_be_a_program_of_its_own(bare):
    path = bare.farm.folder / "program"
    path.write_text(f"#!{sys.executable}\n" + FILE.read_text())
    path.chmod(0o755)
    bare.farm.env["PYTHONPATH"] = str(PACKAGE)
    bare.farm.worker("--handler", path, slots=1)
    with reeve.Client(bare.address) as client:
        assert client.call("text.upper", "x") == "X" and len(list(client.map("num.pow", range(100), [2] * 100))) == 100


def test_a_missing_file_or_interpreter_is_named(bare):
    words = ["--broker", f"tcp://127.0.0.1:{bare.farm.port + 1}", "--python"]
    missing = bare.farm.start("reeve-worker", *words, "no_such.py")
    assert missing.wait() == 7 and "no_such.py: No such file" in missing.stderr()
    bare.farm.env["REEVE_PYTHON"] = "/no/such/python"
    homeless = bare.farm.start("reeve-worker", *words, FILE)
    assert homeless.wait() == 7 and "REEVE_PYTHON" in homeless.stderr()


# --- endings, whichever way jobs come ---------------------------------------------------------------

@pytest.fixture
def slots(bare, line):
    bare.process = bare.worker("--stop-flag", "0.2", "--slot-memory", "400", slots=1)
    with reeve.Client(bare.address) as made:
        bare.client = made
        yield bare


def test_values_go_there_and_back(slots):
    call = slots.client.call
    assert call("text.upper", "grüße") == "GRÜSSE"
    assert call("any.echo", 1, "two", None, [3.5, True], {"four": b"\x05"}) == [1, "two", None, [3.5, True], {"four": b"\x05"}]
    large = os.urandom(10 << 20)
    assert call("any.echo", large) == [large]
    assert [call("any.echo", b"x" * size) for size in (0, 65535, 65536, 65537)] == [
        [b"x" * size] for size in (0, 65535, 65536, 65537)]
    assert list(slots.client.map("num.pow", range(3000), [2] * 3000)) == [n * n for n in range(3000)]


def test_a_job_knows_itself(slots, line):
    future = slots.client.submit("job.about", time_limit=20)
    told = future.result(30)
    assert told["id"] == future.id() and told["method"] == "job.about" and told["attempt"] == 1
    assert told["time_limit"] == 20 and told["cancelled"] is False
    assert told["page"] is (line == "page")  # it came the way that is tested


def test_an_exception_is_type_message_and_traceback(slots):
    with pytest.raises(reeve.JobFailed) as caught:
        slots.client.call("num.divide", 1, 0)
    error = caught.value
    assert isinstance(error, ZeroDivisionError) and not isinstance(error, reeve.JobDead)
    assert (error.type, error.message, error.reason, error.state) == ("ZeroDivisionError", "division by zero", "error", "failed")
    assert "handlers.py" in error.traceback and "return a / b" in error.traceback
    assert "slot.py" not in error.traceback  # frames of the package are nobody's business
    attempt, = slots.client.job(error.job)["attempt_list"]
    assert "dividing 1" in attempt["last_lines"] and attempt["error"] == error.text


def test_other_failures_say_what_is_wrong(slots):
    call = slots.client.call
    with pytest.raises(reeve.JobFailed) as caught:
        call("fail.plainly")
    assert caught.value.text == "no such customer" and caught.value.traceback == ""
    with pytest.raises(RuntimeError) as caught:
        call("fail.chained")
    assert caught.value.message == "lookup\nfailed" and "KeyError: 'key'" in caught.value.traceback
    with pytest.raises(RecursionError):
        call("fail.deeply")
    with pytest.raises(TypeError, match="builtins.set cannot be sent"):
        call("fail.unsendable")
    with pytest.raises(TypeError, match="positional argument"):
        call("text.upper")
    with pytest.raises(reeve.JobFailed, match="result too large"):
        call("fail.too_large")
    assert call("text.upper", "still here") == "STILL HERE"


def test_a_process_that_ends_costs_its_job_an_attempt(slots):
    for method, reason in (("fail.exit", "exit 3"), ("fail.os_exit", "exit 5"), ("fail.signal", "signal 11")):
        future = slots.client.submit(method, retries=0)
        with pytest.raises((reeve.JobDead, reeve.JobFailed)) as caught:
            future.result(30)
        assert caught.value.reason == reason
    attempt = slots.client.job(future)["attempt_list"][-1]
    assert "ERROR fail: about to die" in attempt["last_lines"]
    assert slots.client.call("text.upper", "x") == "X"


def test_a_child_that_comes_back_answers_nothing(slots):
    assert slots.client.call("fail.fork") == "parent"
    assert slots.client.call("text.upper", "x") == "X"


def test_memory_has_its_limit(slots):
    with pytest.raises((reeve.JobDead, reeve.JobFailed)) as caught:
        slots.client.call("fail.eat", retries=0)
    assert caught.value.reason == "oom" or caught.value.type == "MemoryError"
    assert slots.client.call("text.upper", "x") == "X"


def running(client, method, *args, **options):
    """A job that is known to run."""
    future = client.submit(method, *args, **options)
    with client.watch(f"job/{future.id()}") as watch:
        while watch.next(60).fields.get("state") != "running":
            pass
    return future


def test_who_looks_at_the_flag_is_let_end_by_itself(slots):
    before = slots.client.call("job.about")["pid"]
    future = running(slots.client, "wait.politely")
    slots.client.cancel(future)
    assert slots.client.wait(future, 60).state == "cancelled"
    assert slots.client.call("job.about")["pid"] == before  # nobody was killed


def test_whoever_watches_sees_how_far_a_job_is(slots):
    future = running(slots.client, "wait.step_by_step")
    with slots.client.watch(f"job/{future.id()}") as watch:
        while watch.next(60).fields.get("progress") != {"done": 3, "of": 3, "stage": "last"}:
            pass
        assert slots.client.job(future)["progress"] == {"done": 3, "of": 3, "stage": "last"}
    slots.client.cancel(future)
    assert slots.client.wait(future, 60).state == "cancelled"


def test_a_progress_is_at_most_4_kib():
    reeve.job().progress(1, 2, note="x" * 4000)  # by hand: to nobody
    with pytest.raises(ValueError, match="4096"):
        reeve.job().progress(note="x" * 4097)


def test_who_does_not_is_ended_and_may_clean_up(slots, tmp_path):
    path = tmp_path / "cleaned"
    future = slots.client.submit("wait.deafly", str(path))
    slots.farm.until(lambda: ": deaf" in slots.process.stderr(), "it is in the middle")
    slots.client.cancel(future)
    assert slots.client.wait(future, 60).state == "cancelled"
    assert slots.client.call("text.upper", "x") == "X"  # in another process
    assert path.read_text() == "cleaned up"


def test_an_attempt_has_its_time(slots, tmp_path):
    with pytest.raises((reeve.JobFailed, reeve.JobDead)) as caught:
        slots.client.call("wait.deafly", str(tmp_path / "x"), time_limit=0.2, retries=0)
    assert caught.value.reason == "timeout"


def test_the_text_port_says_type_and_message(bare):
    worker = bare.farm.start("reeve-worker", "--broker", "none", "--slots", 1, "--python", FILE, "--text-port",
                             bare.farm.port + 4)
    bare.farm.until(lambda: "text_port" in worker.stderr(), "it listens")
    for command, answer in ((b"text upper hello\n", b"HELLO"), (b"num divide 1 0\n", b"error: ZeroDivisionError: division by zero")):
        with socket.create_connection(("127.0.0.1", bare.farm.port + 4), 60) as connection:
            connection.sendall(command)
            assert connection.makefile("rb").read() == answer


def test_jobs_that_wait_behind_a_long_one_go_elsewhere(slots):
    long = running(slots.client, "wait.politely")
    others = [slots.client.submit("text.upper", "x") for _ in range(50)]
    slots.worker(slots=1)
    assert [other.result(60) for other in others] == ["X"] * 50
    assert not long.done()
    long.cancel()


def test_a_worker_that_drains_finishes_what_runs(slots):
    futures = [slots.client.submit("num.pow", n, 2, wait_for_handler=True) for n in range(200)]
    slots.process.kill(15)
    assert slots.process.wait() == 0
    slots.worker(slots=1)
    assert [future.result(60) for future in futures] == [n * n for n in range(200)]


# --- sessions ---------------------------------------------------------------------------------------

def test_sessions_continue_ask_and_fork(slots):
    client = slots.client
    session = client.start_session("sum.slowly", 300)
    assert session.result(60) == sum(range(300))
    shown = session.show()
    assert (shown.state, shown.iteration, shown.view, shown.value) == ("finished", 301, {"done": 300}, sum(range(300)))
    with pytest.raises(reeve.Ended):
        session.pause()
    asking = client.start_session("ask.name")
    with asking.watch() as watch:
        while watch.next(60).fields.get("question") != "who?":
            pass
    assert asking.show().job_state == "asking" and asking.show().view == {"question": "who?"}
    asking.tell("Ada")
    assert asking.result(30) == "hello Ada"
    assert client.start_session("fork.squares", [1, 2, 3]).result(30) == [1, 4, 9]


def test_a_feed_runs_while_it_is_watched(slots):
    with slots.client.watch("counting/stars") as watch:
        counts = []
        while len(counts) < 5:
            update = watch.next(60)
            if update.event == "value":
                counts.append(update.fields["count"])
    assert counts == list(range(counts[0], counts[0] + 5))


def test_reeve_up_takes_python_files(tmp_path):
    import farm as scenario

    made = scenario.Farm()
    try:
        made.env["REEVE_PYTHON"] = sys.executable
        made.up("--workers", "1", "--slots", "1", "--doors", "none", "--python", FILE)
        assert made.reeve("call", "text.upper", "hello").stdout == "HELLO\n"
        assert made.reeve("call", "calculator.calculate", 2, "+", 2).stdout == "4\n"  # ours are there too
        failed = made.reeve("call", "num.divide", 1, 0)
        assert failed.returncode == 1 and re.search("ZeroDivisionError: division by zero", failed.stderr)
    finally:
        made.close()
