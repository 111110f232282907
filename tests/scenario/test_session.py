#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Sessions from the command line and the menu. The service is played by the test, which says when an iteration may
end, so that a pause falls where it is meant to; the example that estimates pi runs on a real worker."""
import json
import signal
import threading

import msgpack

import farm as farm_module
import wire
from farm import BUILD, DEADLINE_S, Worker
from wire import REASONS

QUEUES = ("optimisation.session", "optimisation.models", "optimisation.cv", "plain.job")
VERDICTS = wire.read_list(wire.PROTO / "states.h", "VERDICTS")
UNKNOWN = "004hr3nnd9999"
PI = BUILD / "tests" / "examples" / "pi"


def check(done, code, out=None, err=None):
    """Exit code, the whole of standard output, and a text that stands in standard error."""
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    assert done.returncode == code, f"{done.args[1:]}: {done.returncode}, not {code}: {done.stdout!r} {done.stderr!r}"
    assert out is None or done.stdout == out, f"{done.args[1:]}: {done.stdout!r}"
    assert err is None or err in done.stderr, f"{done.args[1:]}: {done.stderr!r}"
    return done


class Refused(Exception):
    pass


class Service(threading.Thread):
    """optimisation.*, as the command line relies on it: iteration n of a session comes to 100 - 50 / n. An iteration
    of one that is under way waits until the test allows it."""

    def __init__(self, farm, allowed=0):
        super().__init__(daemon=True)
        self.worker = Worker(farm, *QUEUES, slots=4)
        self.lock, self.allowed, self.waiting, self.specs, self.stopping = threading.Lock(), allowed, [], [], False
        self.start()

    def allow(self, count=1 << 30):
        with self.lock:
            self.allowed += count

    def run(self):
        while not self.stopping:
            out = b""
            if self.worker.socket.poll(20):
                for record in wire.decode(self.worker.socket.recv()):
                    if record.name == "ping":
                        out += wire.record("pong")
                    if record.name == "lease":
                        out += wire.record("started", id=record.id, token=record.token)
                        self.waiting.append(record)
                    if record.name == "stop" and any(lease.id == record.id for lease in self.waiting):
                        self.waiting = [lease for lease in self.waiting if lease.id != record.id]
                        out += self.result(record, REASONS["REASON_CANCELLED"], b"")
            self.worker.send_bytes(out + self.answers() + wire.record("beat"))

    def answers(self):
        out, left = b"", []
        for lease in self.waiting:
            args = msgpack.unpackb(lease.args)
            session = QUEUES[lease.offer] == "optimisation.session"
            with self.lock:
                waits = session and args[0] and self.allowed == 0
                self.allowed -= bool(session and args[0]) and not waits
            if waits:
                left.append(lease)
            else:
                out += self.answer(lease, args)
        self.waiting = left
        return out

    def result(self, lease, reason, value):
        self.worker.result_number += 1
        return wire.record("result", number=self.worker.result_number, id=lease.id, token=lease.token, reason=reason,
                           value=value)

    def answer(self, lease, args):
        try:
            reason, value = {"optimisation.session": self.iterate, "optimisation.models": self.models,
                             "optimisation.cv": self.cv, "plain.job": lambda args: (0, args)}[QUEUES[lease.offer]](args)
        except Refused as why:
            reason, value = REASONS["REASON_ERROR"], str(why)
        return self.result(lease, reason, value if isinstance(value, bytes) else msgpack.packb(value))

    @staticmethod
    def verdict(kind, state, view, value=None):
        return REASONS["REASON_VERDICT"], wire.record(
            "verdict", kind=VERDICTS["VERDICT_" + kind], state=msgpack.packb(state), view=msgpack.packb(view),
            value=msgpack.packb(value) if kind == "DONE" else b"")

    def iterate(self, args):
        state, said = args
        if state is None:
            return self.begin(said[0])
        spec, view, n = state["spec"], state["view"], state["n"]
        if n == 0:
            state["start"] = said["mvs"].get("x", 0)
        elif spec.get("external"):
            state["objective"] = said["objective"]
            view["cvs"] = said["cvs"]
        state["n"] = n = n + 1
        objective = state.get("objective", 0) if spec.get("external") else 100 - 50 / n
        best = {"objective": objective, "mvs": {"x": state["start"] + n}, "cvs": {"y": 2 * n}, "violation": 0}
        view.update(objective=objective, best=best, mvs=best["mvs"], cvs=view.get("cvs", best["cvs"]), violation=0,
                    evaluations=n, history=view.get("history", []) + [objective], message="iteration %d" % n)
        done = n > view["max_iterations"] if spec.get("external") else n == view["max_iterations"]
        kind = "DONE" if done else "ASK" if spec.get("external") else "CONTINUE"
        return self.verdict(kind, state, view, {"best": best})

    def begin(self, spec):
        self.specs.append(spec)
        if spec.get("model", "williams_otto") != "williams_otto":
            raise Refused(f"unknown model {spec['model']!r}: williams_otto")
        method = spec.get("method", "Evolutionary")
        view = {"message": f"Session created with method {method}", "method": method, "maximize": True,
                "objective_text": spec.get("objective", "[profit]"), "model": spec.get("model", "none"),
                "max_iterations": spec.get("max_iterations", 4)}
        return self.verdict("ASK", {"spec": spec, "view": view, "n": 0}, view)

    def models(self, args):
        return 0, [{"id": "williams_otto", "title": "Williams-Otto reactor", "objective": "[profit]", "maximize": True,
                    "mvs": [{"name": "FB", "unit": "kg/s", "lower": 3, "upper": 6, "nominal": 4.8}],
                    "cvs": [{"name": "XA", "unit": ""}], "constraints": ["[XA] <= 0.12"]}]

    def cv(self, args):
        if "TR" not in args[0]["mvs"]:
            raise Refused("TR is missing")
        return 0, {"session": args[0]["session"], "cvs": {"XA": args[0]["mvs"]["TR"] / 1000}, "message": args[0]["model"]}

    def close(self):
        self.stopping = True
        self.join(DEADLINE_S)
        self.worker.close()


def session(farm, *words):
    return farm.reeve("session", *words)


def start(farm, *words):
    return check(session(farm, "start", "--quiet", "--model", "williams_otto", *words), 0, err="").stdout.strip()


def show(farm, id):
    return farm.json("session", "show", id)


def reach(farm, id, iteration):
    return farm.until(lambda: show(farm, id)["iteration"] >= iteration, f"iteration {iteration}")


# --- one session -----------------------------------------------------------------------------------


def test_a_session_from_start_to_stop(farm):
    farm.broker("--store", "memory")
    service = Service(farm)
    done = check(session(farm, "start", "--model", "williams_otto", "--method", "Genetic_Algo", "--mv", "FB=4:3..6",
                         "--constraint", "[XA] <= 0.12", "--max-iterations", 4, "--seed", 7, "--maximize"), 0,
                 err="Session created with method Genetic_Algo\n")
    id = done.stdout.strip()
    assert done.stdout == id + "\n" and len(id) == 13, done.stdout
    assert service.specs == [{"model": "williams_otto", "method": "Genetic_Algo", "maximize": True, "max_iterations": 4,
                              "seed": 7, "mvs": [{"name": "FB", "start": 4.0, "lower": 3.0, "upper": 6.0}],
                              "constraints": ["[XA] <= 0.12"]}], service.specs
    shown = show(farm, id)
    assert (shown["id"], shown["state"], shown["best"], shown["iteration"]) == (id, "created", None, 1), shown
    check(session(farm, "objective", id), 0, "[profit]\n")
    check(session(farm, "pause", id), 1, "", "err_optimization_not_running")

    watching = farm.start("reeve", "watch", f"session/{id}")
    watching.wait_line(lambda line: "snapshot" in line and line.endswith("state=created"))
    check(session(farm, "optimise", id, "--mv", "x=10"), 0, "msg_optimization_started\n")
    check(session(farm, "optimise", id), 1, "", "err_optimization_already_running")
    service.allow(2)
    reach(farm, id, 3)
    shown = show(farm, id)
    assert (shown["state"], shown["best"]) == (
        "running", {"objective": 75, "mvs": {"x": 12}, "cvs": {"y": 4}, "violation": 0}), shown
    told = session(farm, "optimise", id, "--json")
    told = json.loads(check(told, 1).stdout)
    assert (told["flag"], told["mvs"], told["message"]) == (2, {"x": 12}, "err_optimization_already_running"), told
    service.allow()
    assert watching.wait() == 0
    lines = [line.split(" ", 3)[3] for line in watching.lines]
    assert lines[-5:] == ["iteration=2 objective=50 best=50 violation=0 state=running",
                          "iteration=3 objective=75 best=75 violation=0 state=running",
                          "iteration=4 objective=83.33333333 best=83.33333333 violation=0 state=running",
                          "iteration=5 objective=87.5 best=87.5 violation=0 state=running",
                          "ended iteration=5 objective=87.5 best=87.5 violation=0 state=finished"], lines

    told = farm.json("session", "optimise", id)
    assert (told["flag"], told["mvs"], told["best"]["objective"]) == (3, {"x": 14}, 87.5), told
    check(session(farm, "optimise", id), 0, "msg_optimization_finished\nx = 14\n")
    check(session(farm, "pause", id), 1, "", "err_optimization_not_running: the session is finished")
    text = check(session(farm, "show", id), 0).stdout
    assert "state           finished\n" in text and "iteration       5\n" in text and "\nMV  x         14" in text, text
    assert "          87.5 ┤" in text and "╭─" in text and "            50 ┤──" in text, text
    assert [s["id"] for s in farm.json("session", "list")["sessions"]] == [id]
    check(session(farm, "list", "--quiet"), 0, id + "\n")
    check(session(farm, "stop", id), 0, "success: msg_session_stopped\n")
    check(session(farm, "stop", id), 3, "", "err_sessionNotFound")
    check(session(farm, "list", "--quiet"), 0, "")
    service.close()


def test_optimise_stays_for_the_end(farm):
    farm.broker("--store", "memory")
    service = Service(farm, allowed=1 << 30)
    for words in (["--wait"], ["--wait", 60]):
        text = check(session(farm, "optimise", start(farm), *words), 0).stdout
        assert text == ("msg_optimization_finished\nobjective  87.5\nviolation  0\nMV x       4\nCV y       8\n"), text
    told = json.loads(check(session(farm, "optimise", start(farm), "--json", "--wait"), 0).stdout)
    assert (told["flag"], told["state"], told["mvs"]) == (3, "finished", {"x": 4}), told
    service.allowed = 0
    id = start(farm)
    check(session(farm, "optimise", id, "--wait", "0.05"), 124, "", f"the session {id} goes on")
    staying = farm.start("reeve", "session", "optimise", id, "--wait")  # of one that runs already
    farm.until(lambda: staying.child.poll() is None and show(farm, id)["state"] == "running", "it stays")
    check(session(farm, "stop", id), 0)
    assert staying.wait() == 1 and not staying.lines and "msg_session_stopped" in staying.stderr()
    service.close()


def test_pause_keeps_what_was_reached(farm):
    farm.broker("--store", "memory")
    service = Service(farm)
    id = start(farm)
    check(session(farm, "optimise", id), 0)
    service.allow(1)
    reach(farm, id, 2)
    check(session(farm, "pause", id), 0, "msg_paused\n")
    check(session(farm, "pause", id), 0, "msg_already_paused\n")
    assert farm.json("session", "pause", id) == {"id": id, "is_paused": True, "message": "msg_already_paused"}
    service.allow(1)  # the one under way is kept
    reach(farm, id, 3)
    service.allow()
    assert (show(farm, id)["state"], show(farm, id)["iteration"]) == ("paused", 3)
    told = json.loads(check(session(farm, "optimise", id, "--json"), 0).stdout)
    assert (told["flag"], told["message"]) == (1, "msg_optimization_resumed"), told
    farm.until(lambda: show(farm, id)["state"] == "finished", "its end")
    assert show(farm, id)["best"]["objective"] == 87.5
    service.close()


def test_a_session_outlives_the_broker(farm):
    broker = farm.broker("--store", farm.folder / "store")
    service = Service(farm, allowed=3)
    id = start(farm, "--max-iterations", 6)
    other = start(farm)
    check(session(farm, "optimise", id, "--mv", "x=1"), 0)
    reach(farm, id, 4)
    check(session(farm, "pause", id), 0, "msg_paused\n")
    broker.kill(signal.SIGKILL)
    broker.wait()
    service.close()
    broker = farm.broker("--store", farm.folder / "store")
    service = Service(farm, allowed=2)
    shown = show(farm, id)
    assert shown["state"] == "paused" and shown["iteration"] in (4, 5), shown
    assert show(farm, other)["state"] == "created"
    check(session(farm, "optimise", id), 0, "msg_optimization_resumed\nx = %d\n" % shown["mvs"]["x"])
    reach(farm, id, 6)
    staying = farm.start("reeve", "session", "optimise", id, "--wait", "--json")
    broker.kill(signal.SIGKILL)
    broker.wait()
    service.close()
    farm.broker("--store", farm.folder / "store")
    service = Service(farm, allowed=1 << 30)
    assert staying.wait() == 0, staying.stderr()
    told = json.loads(staying.lines[0])
    assert told["iteration"] == 7 and told["best"]["mvs"] == {"x": 7}, told
    assert told["best"]["objective"] == 100 - 50 / 6, told
    service.close()


# --- mistakes --------------------------------------------------------------------------------------


def test_what_is_no_session(farm):
    farm.broker("--store", "memory")
    service = Service(farm)
    job = check(farm.reeve("submit", "plain.job", 1), 0).stdout.strip()
    check(farm.reeve("wait", job), 0)
    for id in (UNKNOWN, "../../etc/passwd", "", "session/../x", job, "0" * 13, "x" * 5000):
        for words in (["optimise"], ["optimise", "--wait"], ["pause"], ["stop"], ["show"], ["objective"], ["propose"],
                      ["cv", "a=1"], ["tell", "a=1", "--objective", 1]):
            check(session(farm, words[0], id, *words[1:]), 3, "", "err_sessionNotFound")
    check(farm.reeve("result", job), 0, "[1]\n")  # which it still is
    said = json.loads(check(session(farm, "stop", UNKNOWN, "--json"), 3).stdout)
    assert said["message"] == "err_sessionNotFound" and said["error"]["exit"] == 3, said
    check(farm.reeve("watch", "session/../x"), 3, "", "err_sessionNotFound")
    check(farm.reeve("watch", "session/" + UNKNOWN), 3, "")
    service.close()


def test_what_is_refused_leaves_nothing(farm):
    farm.broker("--store", "memory")
    check(session(farm, "start", "--model", "williams_otto"), 3, "", "no worker has ever offered this handler")
    service = Service(farm)
    check(session(farm, "start", "--model", "nowhere"), 1, "", "unknown model 'nowhere'")
    check(session(farm, "list", "--quiet"), 0, "")
    spec = farm.folder / "spec.json"
    for text, code, why in (("{", 7, "spec.json"), ("[1]", 7, "not one JSON object"), ("{}", 2, "what is it to do?")):
        spec.write_text(text)
        check(session(farm, "start", "--file", spec), code, "", why)
    check(session(farm, "start", "--file", farm.folder / "nothing"), 7, "", "No such file")
    check(session(farm, "start", "--file", farm.folder), 7, "", "directory")
    for words, why in ((["--mv", "x:5..1"], "crossed"), (["--mv", "x=nan:0..1"], "is no number"),
                       (["--mv", "x:0..1", "--mv", "x:0..2"], "x is given twice"), (["--mv", "=1:0..2"], "no variable"),
                       (["--maximize", "--minimize"], "not both"), (["--max-iterations", -1], "whole number"),
                       (["--islands", 0], "from 1 to"), (["--cv", "y=:0..1"], "expression is missing")):
        check(session(farm, "start", "--objective", "[x]", *words), 2, "", why)
    for words, why in ((["strat"], 'did you mean "start"?'), (["pause"], "pause ID"), (["show", "a", "b"], "show ID"),
                       (["start", "x"], "start"), (["tell", UNKNOWN], "err_sessionNotFound")):
        check(session(farm, *words), 3 if words[0] == "tell" else 2, "", why)
    id = start(farm)
    check(session(farm, "optimise", id, "--mv", "x"), 2, "", "NAME=VALUE")
    check(session(farm, "optimise", id, "--cv", "x=1", "--cv", "x=2"), 2, "", "given twice")
    assert show(farm, id)["state"] == "created" and len(service.specs) == 2
    spec.write_text('{"model": "williams_otto", "mvs": [{"name": "FB", "lower": 1}], "note": 1}')
    check(session(farm, "start", "--file", spec, "--mv", "FB:..5", "--seed", 3), 0)
    assert service.specs[-1] == {"model": "williams_otto", "mvs": [{"name": "FB", "lower": 1, "upper": 5}], "note": 1,
                                 "seed": 3}, service.specs[-1]
    service.close()


# --- questions, the client as the plant ------------------------------------------------------------


def test_models_cvs_and_status(farm):
    farm.broker("--store", "memory")
    check(session(farm, "status"), 3, "Stopped\n")
    service = Service(farm)
    check(session(farm, "status"), 0, "Running\n")
    assert farm.json("session", "status")["serviceType"] == "RtoService"
    check(session(farm, "models"), 0, "williams_otto: Williams-Otto reactor\n  MV FB 3..6 kg/s (4.8)\n  CV XA\n"
          "  maximize [profit]\n  with [XA] <= 0.12\n")
    assert farm.json("session", "models")["models"][0]["id"] == "williams_otto"
    id = start(farm)
    check(session(farm, "cv", id, "FB=4.8", "TR=90"), 0, "XA = 0.09\n", "williams_otto")
    assert farm.json("session", "cv", id, "TR=90") == {"id": id, "cvs": {"XA": 0.09}, "message": "williams_otto"}
    check(session(farm, "cv", id, "FB=4.8"), 1, "", "TR is missing")
    check(session(farm, "cv", id, "FB"), 2, "", "NAME=VALUE")
    check(session(farm, "cv", id), 2, "", "cv ID NAME=VALUE")
    service.close()


def test_the_client_is_the_plant(farm):
    farm.broker("--store", "memory")
    service = Service(farm, allowed=1 << 30)
    id = start(farm, "--external", "--max-iterations", 2)
    check(session(farm, "propose", id), 1, "", "err_optimization_not_running")
    check(session(farm, "tell", id, "y=1", "--objective", 5), 1, "", "err_optimization_not_running")
    check(session(farm, "optimise", id, "--mv", "x=10"), 0)
    check(session(farm, "propose", id), 0, "x = 11\n")
    proposed = farm.json("session", "propose", id)
    assert proposed["mvs"] == {"x": 11} and proposed["iteration"] == 2, proposed
    check(session(farm, "tell", id, "y=1"), 2, "", "--objective wants")
    check(session(farm, "tell", id, "y", "--objective", 5), 2, "", "NAME=VALUE")
    check(session(farm, "tell", id, "y=1", "--objective", 5, "--iteration", 2), 0, "msg_told\n")
    check(session(farm, "propose", id), 0, "x = 12\n")
    check(session(farm, "tell", id, "y=9", "--objective", 9, "--iteration", 2), 0)  # said again: it was said
    check(session(farm, "tell", id, "y=9", "--objective", 9, "--iteration", 4), 1, "", "does not wait for a word")
    assert show(farm, id)["cvs"] == {"y": 1}
    check(session(farm, "tell", id, "y=2", "--objective", "-6.5"), 0)
    farm.until(lambda: show(farm, id)["state"] == "finished", "its end")
    assert show(farm, id)["best"]["objective"] == -6.5
    check(session(farm, "propose", id), 1, "", "the session is finished")
    service.close()


# --- the menu --------------------------------------------------------------------------------------

MENU = ["Available methods:", "1. Start", "2. StartOptimise", "3. Stop", "4. Pause", "5. Exit"]


def menu(farm, *lines):
    done = check(farm.reeve("menu", text="".join(line + "\n" for line in lines)), 0, err="")
    assert done.stdout.splitlines()[:6] == MENU, done.stdout
    return done.stdout.splitlines()


def test_the_menu_from_a_script(farm):
    farm.broker("--store", "memory")
    service = Service(farm)
    said = menu(farm, "1", 'tagName="CV1", timeStamp=123456789, numericValue=10.5', "", 'tagName="MV1", timeStamp=1, '
                "numericValue=2, lowerBound=0, upperBound=5", "", "[CV1] <= 12; [MV1] >= 1", "[CV1]*2", "y",
                "GradientDescent", "4", "", "5")
    id = [line.split()[1] for line in said if line.startswith("session ")][0]
    assert "Session created with method GradientDescent" in said and said[-7:-1] == MENU, said
    assert service.specs == [{"objective": "[CV1]*2", "maximize": True, "method": "GradientDescent", "max_iterations": 4,
                              "mvs": [{"name": "MV1", "start": 2.0, "lower": 0.0, "upper": 5.0}],
                              "cvs": [{"name": "CV1", "expression": "10.5"}],
                              "constraints": ["[CV1] <= 12", "[MV1] >= 1"]}], service.specs
    said = menu(farm, "2", id, "", '{"x": 20}')  # the end of the input is Exit
    assert "msg_optimization_started" in said, said
    service.allow(1)
    reach(farm, id, 2)
    said = menu(farm, "StartOptimise", id, "", "", "4", id, "4", id, "Exit")
    assert [line for line in said if "_" in line and not line.endswith(":")] == [
        "err_optimization_already_running", "msg_paused", "msg_already_paused"], said
    assert "x = 21" in said
    service.allow()
    farm.until(lambda: show(farm, id)["iteration"] > 2, "the iteration under way")
    said = menu(farm, "2", id, 'tagName="CV1", numericValue=1', "", "x=1, z=2", "5")
    assert "msg_optimization_resumed" in said, said
    farm.until(lambda: show(farm, id)["state"] == "finished", "its end")
    said = menu(farm, "2", id, "", "", "3", id, "3", id)
    assert "x = 24" in said and "success: msg_session_stopped" in said and "err_sessionNotFound" in said, said
    service.close()


def test_the_menu_takes_what_is_typed(farm):
    farm.broker("--store", "memory")
    service = Service(farm)
    said = menu(farm, "0", "six", "", "9" * 5000, "3", "../../etc/passwd", "4", "", "2", UNKNOWN, "", "", "1",
                "nonsense", 'tagName="CV1', 'tagName="CV1", numericValue=ten', 'tagName="CV1", numericValue=1',
                'tagName="CV1", numericValue=1', "", "{}", "[CV1] <= 1", "[CV1] >= 0", "", "[CV1]", "perhaps", "n", "",
                "many", "-1", "1.5", "3", "nowhere")
    assert said.count("err_sessionNotFound") == 3, said
    assert "choose one of 1 to 5" in said and "CV1 is given twice" in said and "y or n" in said, said
    assert said.count("maxIterations is a whole number, such as 100") == 3, said
    assert any(line.startswith("unknown model 'nowhere'") for line in said), said
    assert service.specs[-1] == {"model": "nowhere", "objective": "[CV1]", "maximize": False, "max_iterations": 3,
                                 "cvs": [{"name": "CV1"}],
                                 "constraints": ["[CV1] <= 1", "[CV1] >= 0"]}, service.specs
    for cut in (["1"], ["1", "", ""], ["1", "", "", "", "[x]", "y", "", ""], ["2"], ["3"], [], ["\0\1\2", "\x1b[2J"]):
        menu(farm, *cut)
    assert len(service.specs) == 1
    check(farm.reeve("session", "list", "--quiet"), 0, "")
    check(farm.reeve("menu", "now"), 2, "", "too much")
    service.close()


# --- the service itself ----------------------------------------------------------------------------


def test_the_service_takes_what_is_said_here(farm):
    farm.broker("--store", "memory")
    farm.worker("--handler", BUILD / "libexec" / "reeve" / "optimisation")
    assert "williams_otto: " in check(session(farm, "models"), 0).stdout
    id = start(farm, "--max-iterations", 30, "--mv", "FB=4:3..6")
    told = json.loads(check(session(farm, "optimise", id, "--mv", "TR=80", "--wait", "--json"), 0).stdout)
    assert told["flag"] == 3 and abs(told["best"]["objective"] - 190.980) < 0.001, told
    assert " ┤" in check(session(farm, "show", id), 0).stdout
    cvs = farm.json("session", "cv", id, "FB=4.787", "TR=89.7")["cvs"]
    assert abs(cvs["XA"] - 0.087481) < 1e-6, cvs
    check(session(farm, "start", "--model", "nowhere"), 1, "", "nowhere")
    check(session(farm, "start", "--objective", "[x] + [z]", "--mv", "x:0..1"), 1, "", "z")
    plant = start(farm, "--external")
    check(session(farm, "optimise", plant), 0)
    assert set(farm.json("session", "propose", plant)["mvs"]) == {"FB", "TR"}
    said = menu(farm, "1", 'tagName="CV1", timeStamp=123456789, numericValue=10.5', "", 'tagName="MV1", timeStamp=1, '
                "numericValue=2, lowerBound=0, upperBound=4", "", "[MV1] <= 3", "[CV1] - ([MV1]-5)^2", "y", "", "20", "")
    id = [line.split()[1] for line in said if line.startswith("session ")][0]
    told = json.loads(check(session(farm, "optimise", id, "--wait", "--json"), 0).stdout)
    assert abs(told["best"]["objective"] - 6.5) < 1e-4 and abs(told["mvs"]["MV1"] - 3) < 1e-4, told


# --- a session of somebody else's ------------------------------------------------------------------


def pi(farm, rounds, darts):
    return check(farm.reeve("submit", "--session", "pi.estimate", rounds, darts), 0).stdout.strip()


def test_pi_is_the_same_however_often_it_is_disturbed(farm):
    rounds = 300

    def begin():
        return farm.broker("--store", farm.folder / "store"), farm.worker("--handler", PI)

    def kill(processes):
        for process in processes:
            process.kill(signal.SIGKILL)
            process.wait()

    alive = begin()
    calm = pi(farm, rounds, 1000)
    check(farm.reeve("wait", calm), 0)
    value = float(check(farm.reeve("result", calm), 0).stdout)
    assert 3.1 < value < 3.2, value
    check(farm.reeve("call", "pi.estimate", 0, 5), 1, "", "pi.estimate wants ROUNDS (from 1)")

    check(farm.reeve("hold", "pi.throw"), 0)  # so that it is still under way when it is paused
    disturbed = pi(farm, rounds, 1000)
    watching = farm.start("reeve", "watch", "--json", f"session/{disturbed}")
    watching.wait_line(lambda line: '"snapshot"' in line)
    reach(farm, disturbed, 1)
    check(session(farm, "pause", disturbed), 0, "msg_paused\n")
    kill(alive)
    alive = begin()
    assert (show(farm, disturbed)["state"], show(farm, disturbed)["iteration"]) == ("paused", 1)
    check(session(farm, "optimise", disturbed), 0, "msg_optimization_resumed\n")
    check(farm.reeve("release", "pi.throw"), 0)
    watching.wait_line(lambda line: json.loads(line)["iteration"] >= 5)
    kill(alive)
    begin()
    assert watching.wait() == 0, watching.stderr()
    updates = [json.loads(line) for line in watching.lines]
    assert (updates[-1]["state"], updates[-1]["iteration"]) == ("finished", rounds + 1), updates[-1]
    iterations = [update["iteration"] for update in updates if update["event"] == "iteration"]
    assert iterations == sorted(set(iterations)), iterations
    assert float(check(farm.reeve("result", disturbed), 0).stdout) == value


def test_help_and_completion(farm):
    text = check(farm.reeve("help", "session"), 0).stdout
    for verb in "start optimise pause stop show list objective cv models status propose tell".split():
        assert f"  reeve session {verb}" in text, verb
    assert text.count("--delay ") == 1, text
    assert "--session" in check(farm.reeve("help", "submit"), 0).stdout
    assert "menu" in check(farm.reeve("completion", "fish"), 0).stdout
    script = check(farm.reeve("completion", "bash"), 0).stdout
    assert "start optimise pause stop" in script and "reeve session list --quiet" in script
    check(farm.reeve("session", "pause", "--help"), 0, text)


if __name__ == "__main__":
    farm_module.main(globals())
