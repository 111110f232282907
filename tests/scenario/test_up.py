#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""reeve up: a whole farm on one host, what it prints, that it keeps its programs alive, and that it leaves none."""
import os
import pathlib
import signal
import socket
import subprocess
import urllib.request

import farm as farm_module
from farm import BUILD, DEADLINE_S


def fibonacci(count):
    a, b = 0, 1
    for _ in range(count):
        a, b = b, a + b
        yield a


def children(pid):
    return [int(word) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
            for word in (task / "children").read_text().split()]


def descendants(pid):
    found = []
    for child in children(pid):
        found += [child] + descendants(child)
    return found


def gone(pid):
    """Ended, also when nobody has asked for its status yet."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def program(pid):
    return pathlib.Path(f"/proc/{pid}/cmdline").read_text().split("\0")[0]


def page_answers(farm):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{farm.port + 3}/livez", timeout=DEADLINE_S) as reply:
            return reply.status == 200
    except OSError:
        return False


def answer(done):
    return done.returncode, done.stdout, done.stderr


def test_it_prints_addresses_and_serves(farm):
    up = farm.up("--workers", 2, "--slots", 2)
    assert up.lines == [f"clients tcp://127.0.0.1:{farm.port}", f"workers tcp://127.0.0.1:{farm.port + 1}",
                        f"updates tcp://127.0.0.1:{farm.port + 2}", f"page http://127.0.0.1:{farm.port + 3}/",
                        *[f"{door} tcp://127.0.0.1:{farm.port + place}" for door, place in
                          (("text", 4), ("rto", 5), ("rto", 6), ("ticker", 7), ("todo", 7), ("dask", 8))], "ready"], up.lines
    assert [len(worker["slots"]) for worker in farm.workers()] == [2, 2]
    for words, out in (("2 + 2", "4\n"), ("7 / 2", "3.5\n"), ("2 ^ 200", f"{2 ** 200}\n")):
        assert answer(farm.reeve("call", "calculator.calculate", *words.split())) == (0, out, "")
    code, out, err = answer(farm.reeve("call", "calculator.calculate", 1, "/", 0))
    assert (code, out) == (1, "") and "division by zero" in err and err.count("\n") == 1, (code, out, err)
    assert answer(farm.reeve("call", "fibonacci_generator.calculate", 100)) == (0, "354224848179261915075\n", "")
    for n, digits in ((1000, 209), (10000, 2090)):
        assert len(farm.reeve("call", "fibonacci_generator.calculate", n).stdout.strip()) == digits
    for wrong in ("-1", "abc", "99999999999", "0"):
        code, out, err = answer(farm.reeve("call", "fibonacci_generator.calculate", wrong))
        assert (code, out) == (1, "") and wrong in err, (wrong, code, out, err)
    assert farm.reeve("call", "no.such_handler").returncode == 3
    assert up.stop() == 0


def test_map_in_order(farm):
    farm.up("--workers", 2, "--slots", 2)
    done = farm.reeve("map", "fibonacci_generator.calculate", text="".join(f"{n}\n" for n in range(1, 2001)))
    assert answer(done) == (0, "".join(f"{f}\n" for f in fibonacci(2000)), "")


def test_commands_only_where_allowed(farm):
    up = farm.up("--slots", 1)
    code, out, err = answer(farm.reeve("run", "--", "echo", "hi"))
    assert (code, out) == (3, "") and "--allow-shell" in err, (code, out, err)
    assert up.stop() == 0
    farm.up("--slots", 1, "--allow-shell")
    assert answer(farm.reeve("run", "--", "sh", "-c", "echo out; echo err >&2; exit 7")) == (7, "out\n", "err\n")
    assert answer(farm.reeve("map", "--run", "printf %s-%s {} x", text="a b\nc\n")) == (0, "a b-x\nc-x\n", "")


def test_a_taken_port_is_named(farm):
    for port in range(farm.port, farm.port + 4):
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()
            second = farm.start("reeve", "up", "--port-base", farm.port, "--slots", 1)
            assert second.wait() == 7 and "ready" not in second.lines
            assert str(port) in second.stderr(), second.stderr()


def test_a_second_farm_on_the_same_ports(farm):
    farm.up("--slots", 1)
    second = farm.start("reeve", "up", "--port-base", farm.port)
    assert second.wait() == 7 and str(farm.port) in second.stderr(), second.stderr()
    assert farm.reeve("call", "calculator.calculate", 1, "+", 1).stdout == "2\n", "the first one lives on"


def said(port, request):
    with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as s:
        s.sendall(request)
        return b"".join(iter(lambda: s.recv(4096), b""))


def test_doors(farm):
    up = farm.up("--doors", "dask,todo,text", "--dask-port", farm.port + 5, "--todo-port", farm.port + 6)
    assert up.lines[3:] == [f"page http://127.0.0.1:{farm.port + 3}/", f"text tcp://127.0.0.1:{farm.port + 4}",
                            f"todo tcp://127.0.0.1:{farm.port + 6}", f"dask tcp://127.0.0.1:{farm.port + 5}", "ready"], up.lines
    assert said(farm.port + 4, b"calculator calculate 2 + 2") == b"4"
    assert b"Status: Ready" in said(farm.port + 5, b'{"Header":"Info","Request":"Status"}')
    assert up.stop() == 0
    up = farm.up("--doors", "none")
    assert up.lines[3:] == [f"page http://127.0.0.1:{farm.port + 3}/", "ready"], up.lines
    assert up.stop() == 0
    wrong = farm.reeve("up", "--port-base", farm.port, "--store", "memory", "--doors", "http")
    assert wrong.returncode == 2 and 'no door "http"' in wrong.stderr, wrong
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", farm.port + 4))
        taken.listen()
        done = farm.reeve("up", "--port-base", farm.port, "--store", "memory")
        assert done.returncode == 7 and f"door text: cannot listen on 127.0.0.1 port {farm.port + 4}: " in done.stderr, done


def test_the_help_says_where_doors_are(farm):
    said = farm.reeve("help", "up").stdout
    for port, place in ((7714, 4), (5081, 5), (5089, 6), (50051, 7), (27700, 8)):
        assert f"({port}, or P+{place})" in said, said


def test_what_dies_comes_back(farm):
    up = farm.up("--workers", 2, "--slots", 1)
    before = {worker["pid"] for worker in farm.workers()}
    victim = min(before)
    os.kill(victim, signal.SIGKILL)
    farm.until(lambda: len({w["pid"] for w in farm.workers() if w["state"] == "up"} - {victim}) == 2,
               "another worker joins")
    broker = farm.json("status")["broker"]["pid"]
    os.kill(broker, signal.SIGKILL)
    farm.until(lambda: farm.reeve("workers", "--json", "--wait", 1).returncode == 0 and
               len([w for w in farm.workers() if w["state"] == "up"]) == 2, "both workers are back")
    assert farm.json("status")["broker"]["pid"] != broker
    assert farm.reeve("call", "calculator.calculate", 2, "+", 3).stdout == "5\n"
    gateway = next(pid for pid in children(up.pid) if "reeve-gateway" in program(pid))
    os.kill(gateway, signal.SIGKILL)
    farm.until(lambda: page_answers(farm), "the page is back")
    assert gateway not in children(up.pid) and up.lines.count(f"page http://127.0.0.1:{farm.port + 3}/") == 1, up.lines
    assert up.stop() == 0


def up_on(farm, *words):
    """As farm.up, but on the store it chooses by itself."""
    up = farm.start("reeve", "up", "--slots", 1, "--port-base", farm.port, *words)
    up.wait_line("ready")
    return up


def modes(farm):
    return {name: (farm.folder / name).stat().st_mode & 0o777 for name in ("state", "state/reeve", "state/reeve/store")}


def test_jobs_outlive_the_broker(farm):
    up = up_on(farm)
    job = farm.reeve("submit", "--delay", 3600, "calculator.calculate", 2, "+", 3).stdout.strip()
    done = farm.reeve("submit", "calculator.calculate", 2, "+", 3).stdout.strip()
    assert farm.reeve("wait", done).returncode == 0
    before = farm.json("status")["broker"]
    assert before["durability"] == "durable" and before["store_bytes"] > 0, before
    os.kill(before["pid"], signal.SIGKILL)
    farm.until(lambda: farm.reeve("workers", "--json", "--wait", 1).returncode == 0 and
               [w for w in farm.workers() if w["state"] == "up"], "broker and worker are back")
    assert farm.json("status")["broker"]["pid"] != before["pid"]
    assert set(modes(farm).values()) == {0o700}, modes(farm)
    for again in (False, True):
        if again:
            assert up.stop() == 0
            up = up_on(farm)
        assert {j["id"]: j["state"] for j in farm.json("jobs")["jobs"]} == {job: "delayed", done: "ok"}
        assert answer(farm.reeve("result", done)) == (0, "5\n", "")
    assert up.stop() == 0


def test_a_store_is_one_brokers(farm):
    up = up_on(farm, "--store", "kept")
    assert (farm.folder / "kept").stat().st_mode & 0o777 == 0o700
    assert os.listdir(farm.folder / "state/reeve") == ["token"], "nothing else lies where the default store would"
    second = farm.start("reeve", "up", "--port-base", farm.port + 5, "--store", "kept")
    assert second.wait() == 7 and second.lines == [] and "kept is in use" in second.stderr(), second.stderr()
    assert farm.reeve("call", "calculator.calculate", 1, "+", 1).stdout == "2\n", "the first one lives on"
    assert up.stop() == 0
    for store, status, err in (("no/such", 7, "no/such"), ("", 2, "--store")):
        refused = farm.start("reeve", "up", "--port-base", farm.port, "--store", store)
        assert refused.wait() == status and err in refused.stderr(), refused.stderr()


def test_a_drained_worker_leaves_for_good(farm):
    up = farm.up("--workers", 2, "--slots", 1)
    first, second = farm.workers()
    assert farm.reeve("drain", first["id"]).returncode == 0
    farm.until(lambda: "has left, drained" in up.stderr(), "the supervisor sees it leave")
    assert [worker["id"] for worker in farm.workers()] == [second["id"]] and gone(first["pid"])
    assert farm.reeve("call", "calculator.calculate", 2, "+", 3).stdout == "5\n"
    assert up.stop() == 0


def test_workers_and_handlers_die_during_a_map(farm):
    farm.up("--workers", 2, "--slots", 2)
    lines = "".join(f"{n}\n" for n in range(1, 20001))
    out = farm.folder / "out"
    with open(out, "w", encoding="ascii") as stdout:
        run = subprocess.Popen([BUILD / "bin" / "reeve", "map", "fibonacci_generator.calculate"], env=farm.env,
                               text=True, stdin=subprocess.PIPE, stdout=stdout, stderr=subprocess.PIPE)
    half = lines.index("10001\n")
    run.stdin.write(lines[:half])
    run.stdin.flush()
    farm.until(lambda: out.stat().st_size > 0, "the map is under way")
    first, second = farm.workers()

    def handler():
        """A handler of the second worker; a slot whose handler is only starting has none (and 0 would be all of us)."""
        slots = next(worker for worker in farm.workers() if worker["id"] == second["id"])["slots"]
        return next((slot["pid"] for slot in slots if slot["pid"]), None)

    victim = farm.until(handler, "a handler runs")
    os.kill(first["pid"], signal.SIGKILL)
    os.kill(victim, signal.SIGKILL)
    err = run.communicate(lines[half:], timeout=DEADLINE_S)[1]
    assert run.returncode == 0 and err == "", err
    answers = out.read_text().splitlines()
    assert len(answers) == 20000, len(answers)
    for n, (is_, want) in enumerate(zip(answers, fibonacci(20000)), 1):
        assert is_ == str(want), f"line {n}: {is_}"


def test_it_leaves_nothing_behind(farm):
    for number, status in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGKILL, -signal.SIGKILL)):
        up = farm.up("--workers", 2, "--slots", 1)
        pids = descendants(up.pid)
        assert len(pids) >= 5, pids
        up.kill(number)
        assert up.wait() == status
        farm.until(lambda: all(gone(pid) for pid in pids), "all its processes are gone")


def has_begun(farm):
    """One that is lent and has not begun is given back by a worker that drains."""
    jobs = farm.json("jobs", "--state", "running")["jobs"]
    return jobs and [r["code"] for r in farm.json("explain", jobs[0]["id"])["reasons"]] == ["running"]


def test_ctrl_c_lets_jobs_finish_and_a_second_one_does_not(farm):
    for again, status in ((False, 0), (True, 130)):
        up = farm.up("--workers", 1, "--slots", 1)
        call = subprocess.Popen([BUILD / "bin" / "reeve", "call", "bench.sleep", "4000" if not again else "600000"],
                                env=farm.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        farm.until(lambda: has_begun(farm), "the job has begun")
        up.kill(signal.SIGINT)
        if again:
            farm.until(lambda: "finish what they run" in up.stderr(), "the first Ctrl-C is heard")
            up.kill(signal.SIGINT)
        assert up.wait() == status
        if not again:
            assert call.wait(DEADLINE_S) == 0
        call.kill()
        call.communicate()


def test_a_handler_of_the_users_own(farm):
    check = farm.start("reeve", "up", "--port-base", farm.port, "--handler", "/no/such/program")
    assert check.wait() == 7 and "/no/such/program" in check.stderr()


if __name__ == "__main__":
    farm_module.main(globals())
