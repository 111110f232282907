# SPDX-License-Identifier: Apache-2.0
"""`reeve top` in a real terminal: what it shows, what its keys do, that it gives the terminal back."""
import signal

import farm as farm_module
import wire
from farm import main
from terminal import Terminal

HOME, DOWN, BACK_TAB = "\x1b[1~", "\x1b[B", "\x1b\t"


def choose(terminal, text):
    """Moves down until the line with this text is the chosen one."""
    terminal.press(HOME + "?")
    terminal.until("hold or release the queue")
    terminal.press(" ")  # so all keys before have been taken
    terminal.until("q quit  ?")
    for _ in range(60):
        before = terminal.until(lambda s: s.chosen(), "a row is chosen")
        if any(text in line for line in before):
            return
        terminal.press(DOWN)
        terminal.until(lambda s: s.chosen() and s.chosen() != before, "the next row is chosen")
    raise AssertionError(f"{text} was not found")


def start_session(farm, *words):
    session = farm.reeve("session", "start", "--model", "williams_otto", "--quiet", *words).stdout.strip()
    assert farm.reeve("session", "optimise", session).returncode == 0
    return session


def state_of(farm, session):
    return farm.json("session", "show", session)["state"]


def test_it_shows_the_farm_and_leaves_nothing_behind(farm):
    farm.broker()
    worker = farm.worker(slots=2)
    top = Terminal(farm, "top")
    top.until("serving")
    top.until("calculator.calculate")
    top.until(worker.id)
    top.until("slot 1")
    top.until(lambda s: any(line.startswith("SESSIONS 0") for line in s.lines()), "no sessions")
    job = farm.reeve("submit", "bench.sleep", 600000).stdout.strip()
    assert "bench.sleep" in top.until(job)  # the slot that runs it
    top.until("1 of 2 busy")
    top.until(lambda s: "bench.sleep" in s.lines()[3], "the busy queue stands first")
    top.press("?")
    top.until("hold or release the queue")
    top.press(" ")
    top.until("QUEUES")
    top.press("q")
    assert top.wait() == 0, top.stderr()
    top.check_restored()
    assert top.stderr() == "", top.stderr()
    assert "\x1b[?25h" in top.screen.seen, "the cursor is to be seen again"


def test_rates_are_those_of_the_farm(farm):
    farm.broker("--store", "memory")
    farm.worker()
    top = Terminal(farm, "top")
    top.until(lambda s: "submitted 0/s  finished 0/s" in s.lines()[1], "nothing happens")
    farm.reeve("map", "calculator.calculate", text="1 + 1\n" * 200)
    top.until(lambda s: s.lines()[1].startswith("submitted ") and "submitted 0/s" not in s.lines()[1]
              and "finished 0/s" not in s.lines()[1], "rates")
    top.until(lambda s: "submitted 0/s  finished 0/s" in s.lines()[1], "it is over")
    top.press("q")
    assert top.wait() == 0


def test_keys_hold_release_filter_and_sort(farm):
    farm.broker()
    farm.worker()
    top = Terminal(farm, "top")
    choose(top, "fibonacci_generator")
    top.press("h")
    top.until("queue fibonacci_generator.calculate is held")
    assert farm.json("queues")["queues"]["fibonacci_generator.calculate"]["held"]
    top.until(lambda s: " held" in s.lines()[3] and "fibonacci" in s.lines()[3], "held ones stand first")
    assert any("fibonacci" in line for line in top.screen.chosen()), "it stays chosen"
    top.press("h")
    top.until("queue fibonacci_generator.calculate is released")
    assert not farm.json("queues")["queues"]["fibonacci_generator.calculate"]["held"]
    top.press("s")
    top.until("queues: name")
    top.press("/calculator")
    top.until("filter: calculator_")
    shown = top.until(lambda s: [line for line in s.lines() if line.startswith("QUEUES ")], "heads")[0]
    assert " of " in shown, shown
    top.until_gone("fibonacci_generator")
    top.press("\x1b")
    top.until("fibonacci_generator")
    top.press("q")
    assert top.wait() == 0
    top.check_restored()


def test_jobs_are_cancelled_and_workers_drained(farm):
    farm.broker()
    worker = farm.worker(slots=2)
    job = farm.reeve("submit", "bench.sleep", 600000).stdout.strip()
    top = Terminal(farm, "top")
    top.until(job)
    top.press("\t")
    choose(top, job)
    top.press("c")
    top.until(f"cancel job {job}?")
    top.press("n")
    top.until("nothing was done")
    assert farm.json("job", job)["jobs"][0]["state"] == "running"
    top.press("cy")
    top.until(f"job {job} is cancelled")
    assert farm.reeve("wait", job).returncode == 1
    assert farm.json("job", job)["jobs"][0]["state"] == "cancelled"
    choose(top, worker.id)
    top.press("d")
    top.until(f"drain worker {worker.id}")
    top.press("y")
    assert worker.wait() == 0
    top.until("WORKERS 0")
    top.press("q")
    assert top.wait() == 0


def test_sessions_are_paused_resumed_and_stopped(farm):
    farm.broker()
    farm.worker()
    session = start_session(farm, "--delay", "0.2", "--max-iterations", "100000")
    top = Terminal(farm, "top", rows=30, columns=120)
    # It runs before the end of its first iteration shows what its model is.
    words = (session, "running", "williams_otto")
    top.until(lambda s: any(all(word in line for word in words) for line in s.lines()), words)
    top.press(BACK_TAB)  # from the queues to the last pane
    choose(top, session)
    top.press("p")
    top.until(f"session {session} is paused")
    top.until(lambda s: any(session in line and " paused " in line for line in s.lines()), "paused")
    assert state_of(farm, session) == "paused"
    top.press("p")
    top.until(f"session {session} goes on")
    top.press("c")
    top.until(f"stop session {session} for good?")
    top.press("y")
    top.until(f"session {session} is stopped")
    top.until("SESSIONS 0")
    assert farm.reeve("session", "show", session).returncode == 3
    top.press("q")
    assert top.wait() == 0


def test_a_screen_of_any_size(farm):
    farm.broker()
    farm.worker()
    top = Terminal(farm, "top")
    top.until("DELAYED")
    top.resize(30, 120)
    top.until("JOINED")
    top.resize(10, 40)
    top.until(lambda s: s.lines()[2].startswith("QUEUES") and "DELAYED" not in s.lines()[2], "fewer columns")
    top.until(lambda s: s.lines()[9].startswith("q quit"), "the keys in the last line")
    top.resize(9, 40)
    top.until("40x9 is too small")
    top.resize(1, 1)
    top.resize(24, 80)
    top.until("DELAYED")
    top.press("q")
    assert top.wait() == 0
    top.check_restored()


def test_signals_end_it_and_the_terminal_is_as_it_was(farm):
    farm.broker()
    for end in (lambda top: top.press("\x03"), lambda top: top.kill(signal.SIGTERM)):
        top = Terminal(farm, "top")
        top.until("serving")
        end(top)
        assert top.wait() == 0, top.stderr()
        top.check_restored()
    top = Terminal(farm, "top", "--wait", "1")
    top.until("serving")
    assert top.wait() == 124
    top.check_restored()


def test_a_lost_broker_is_waited_for(farm):
    broker = farm.broker()
    top = Terminal(farm, "top")
    top.until("serving")
    broker.kill()
    broker.wait()
    top.until("connection lost, trying")
    farm.broker()
    top.until_gone("connection lost")
    top.until("serving")
    job = farm.reeve("submit", "--wait-for-handler", "late.one").stdout.strip()
    assert job
    top.until("late.one")
    top.press("q")
    assert top.wait() == 0
    top.check_restored()


def test_what_it_needs_is_told(farm):
    farm.broker()
    done = farm.reeve("top")
    assert done.returncode == 2 and "reeve status" in done.stderr, done.stderr
    done = farm.reeve("top", "--json")
    assert done.returncode == 2 and "reeve status --json" in done.stderr, done.stderr
    for term in ("dumb", "no-such-terminal"):
        top = Terminal(farm, "top", term=term)
        assert top.wait() == 2
        assert "reeve status" in top.stderr(), top.stderr()
        top.check_restored()
    top = Terminal(farm, "top", "--broker", "tcp://127.0.0.1:1", "--wait", "0.3")
    assert top.wait() == 4
    top.check_restored()


def test_hostile_names_do_nothing_to_the_terminal(farm):
    farm.broker()
    peer = farm_module.Peer(farm, role=2, hello=False)
    peer.send_bytes(wire.record("hello", version_min=1, version_max=1, role=2, peer_id=peer.peer_id, slots=1,
                                name="evil\x1b[2J\u202ereversed", host="<img onerror=x>\x9b31m", pid=1)
                    + wire.record("offer", queue="evil.queue") + wire.record("ready"))
    peer.receive("welcome")
    top = Terminal(farm, "top", columns=140)
    top.until("evil?[2J?reversed")
    top.until("<img onerror=x>"[:14])
    assert "\u202e" not in top.screen.seen and "\x1b[2Jre" not in top.screen.seen
    top.press("q")
    assert top.wait() == 0


if __name__ == "__main__":
    main(globals())
