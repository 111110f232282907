#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The JSON API of reeve-gateway: the server against openapi.json, both ways; what each request does; and what it says
to requests that are not as they must be."""
import http.client
import json
import signal
import socket
import threading

import msgpack

import farm as farm_module
import gateway as gateway_module
import wire
from farm import DEADLINE_S, Worker
from gateway import DOCUMENT, Gateway
from raw import figures

UNKNOWN = "004hr3nnd9999"
PLAIN = "plain.job"
SLOW = {"model": "wood_berry", "max_iterations": 100000, "delay": 0.02}


def open_farm(farm, *words):
    farm.broker(*(words or ("--store", "memory")))
    return Gateway(farm)


def real_worker(farm, gateway):
    farm.start("reeve-worker", "--broker", f"tcp://127.0.0.1:{farm.port + 1}", "--slots", 2)

    def offered():
        return {q["name"]: q["workers"] for q in gateway.good("GET", "/v1/queues")["queues"]}.get("optimisation.session")

    farm.until(offered, "the worker joins")


def offer_once(farm, *queues):
    """What has been offered is known: its jobs are taken, and wait."""
    worker = Worker(farm, *queues)
    worker.send("goodbye")
    worker.close()
    farm.until(lambda: not farm.workers(), "it has gone")


def submit(gateway, *args, **fields):
    return gateway.good("POST", "/v1/jobs", {"method": PLAIN, "args": list(args), **fields}, status=202)["id"]


def later(function, *words, **named):
    """Runs it beside; what it returns is [0] of what this returns, once joined."""
    out = []
    thread = threading.Thread(target=lambda: out.append(function(*words, **named)), daemon=True)
    thread.start()
    return thread, out


def result_of(waiting):
    thread, out = waiting
    thread.join(DEADLINE_S)
    assert out, "no answer"
    return out[0]


def look(gateway, id):
    return gateway.good("GET", f"/v1/sessions/{id}")


def reach(farm, gateway, id, state):
    return farm.until(lambda: (now := look(gateway, id))["state"] == state and now, f"session is {state}")


# --- the document ------------------------------------------------------------------------------------


def first_event(gateway, topic):
    """Of a stream, which has no end of its own."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=DEADLINE_S)
    connection.request("GET", f"/v1/updates?topic={topic}", headers={"Authorization": f"Bearer {gateway.token}"})
    response = connection.getresponse()
    assert (response.status, response.headers["Content-Type"].split(";")[0]) == (200, "text/event-stream")
    while not (line := response.readline()).startswith(b"data:"):
        assert line, "the stream ended"
    connection.close()
    gateway.seen.setdefault(("GET", "/v1/updates"), set()).add(200)
    return json.loads(line[5:])


def use_jobs(gateway, worker):
    gateway.good("GET", "/v1/jobs")
    id = submit(gateway, 1)
    gateway.good("GET", f"/v1/jobs/{id}")
    gateway.good("GET", f"/v1/jobs/{id}/explain")
    worker.answer(worker.receive("lease"), msgpack.packb(7))
    gateway.good("GET", f"/v1/jobs/{id}/result?wait=30")
    again = gateway.good("POST", f"/v1/jobs/{id}/retry", status=202)["id"]
    gateway.good("POST", f"/v1/jobs/{again}/cancel", status=204)
    gateway.good("DELETE", f"/v1/jobs/{id}", status=204)


def use_sessions(farm, gateway):
    gateway.good("GET", "/v1/models")
    id = gateway.good("POST", "/v1/sessions", SLOW, status=201)["id"]
    gateway.good("GET", "/v1/sessions")
    gateway.good("GET", f"/v1/sessions/{id}/objective")
    gateway.good("POST", f"/v1/sessions/{id}/cv", {"mvs": {"R": 1.9, "S": 1.7, "F": 2.4}})
    gateway.good("POST", f"/v1/sessions/{id}/optimise")
    gateway.good("POST", f"/v1/sessions/{id}/pause")
    gateway.good("POST", f"/v1/sessions/{id}/resume")
    gateway.good("POST", f"/v1/sessions/{id}/stop")
    plant = gateway.good("POST", "/v1/sessions", {**SLOW, "external": True}, status=201)["id"]
    gateway.good("POST", f"/v1/sessions/{plant}/optimise", {"mvs": {}, "cvs": {}})
    gateway.good("GET", f"/v1/sessions/{plant}/proposal?wait=30")
    gateway.good("POST", f"/v1/sessions/{plant}/tell", {"objective": 1.5, "cvs": {"xD": 96, "xB": 0.4}})
    assert look(gateway, plant)["external"] is True


def use_the_rest(gateway, worker):
    for path in ("/livez", "/healthz", "/readyz", "/version", "/metrics", "/v1/openapi.json", "/v1/status", "/v1/queues",
                 "/v1/feeds"):
        gateway.good("GET", path)
    gateway.good("POST", f"/v1/queues/{PLAIN}/hold", status=204)
    gateway.good("POST", f"/v1/queues/{PLAIN}/release", status=204)
    task = gateway.good("POST", "/v1/todo", {"title": "milk"}, status=201)["task"]
    gateway.good("GET", "/v1/todo")
    gateway.good("POST", f"/v1/todo/{task}/complete", status=204)
    task = gateway.good("POST", "/v1/todo", {"title": "bread"}, status=201)["task"]
    gateway.good("DELETE", f"/v1/todo/{task}", status=204)
    assert first_event(gateway, "todo")["event"] == "snapshot"
    name = next(w["id"] for w in gateway.good("GET", "/v1/workers")["workers"] if w["id"].startswith("raw-"))
    gateway.good("POST", f"/v1/workers/{name}/drain", status=204)
    worker.receive("draining")


def test_the_document_and_the_server_say_the_same(farm):
    """Every operation of the document is asked for and answered well; every route of the server stands in it."""
    gateway = open_farm(farm)
    worker = Worker(farm, PLAIN)
    real_worker(farm, gateway)
    use_jobs(gateway, worker)
    use_sessions(farm, gateway)
    use_the_rest(gateway, worker)
    served = gateway_module.routes()
    assert set(served) == DOCUMENT.operations(), set(served) ^ DOCUMENT.operations()
    for (method, path), is_open in served.items():
        operation = DOCUMENT.document["paths"][path][method.lower()]
        assert (operation.get("security") == []) == is_open, path
        assert any(status < 300 for status in gateway.seen[method, path]), (method, path)
        if not is_open:
            assert gateway.ask(method, path.replace("{", "").replace("}", ""), Authorization="Bearer x").status == 401
    assert gateway.good("GET", "/v1/openapi.json") == DOCUMENT.document
    names = [operation["operationId"] for methods in DOCUMENT.document["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names), names


# --- jobs --------------------------------------------------------------------------------------------


def test_a_job_from_its_submission_to_its_result(farm):
    gateway = open_farm(farm)
    worker = Worker(farm, PLAIN)
    answer = gateway.post("/v1/jobs", {"method": PLAIN, "args": [1, "two", {"three": [None, 4.5]}], "priority": 7,
                                       "timeout_ms": 60000, "retries": 2, "durability": "received"})
    id = answer.json["id"]
    assert (answer.status, answer.headers["Location"]) == (202, f"/v1/jobs/{id}"), answer.headers
    lease = worker.receive("lease")
    assert msgpack.unpackb(lease.args) == [1, "two", {"three": [None, 4.5]}], lease
    assert lease.timeout_ms == 60000, lease
    gateway.refused(409, "not-ended", "GET", f"/v1/jobs/{id}/result")
    assert gateway.refused(504, "timeout", "GET", f"/v1/jobs/{id}/result?wait=0.05").json["error"]["id"] == id
    waiting = [later(gateway.good, "GET", f"/v1/jobs/{id}/result?wait=60") for _ in range(5)]
    reasons = gateway.good("GET", f"/v1/jobs/{id}/explain")
    assert (reasons["id"], [r["code"] for r in reasons["reasons"]]) in ((id, ["lent"]), (id, ["running"])), reasons
    worker.answer(lease, msgpack.packb({"a": [1, 2]}))
    for one in waiting:
        got = result_of(one)
        assert (got["id"], got["state"], got["value"], got["error"]) == (id, "ok", {"a": [1, 2]}, None), got
    assert gateway.good("GET", f"/v1/jobs/{id}/result")["value"] == {"a": [1, 2]}
    job = gateway.good("GET", f"/v1/jobs/{id}")
    assert (job["queue"], job["state"], job["priority"], job["attempts"]) == (PLAIN, "ok", 7, 1), job
    assert [a["reason"] for a in job["history"]] == [None] and job["history"][0]["ended_ms"] > 0, job


def test_waiting_for_the_end_with_the_submission(farm):
    gateway = open_farm(farm)
    worker = Worker(farm, PLAIN)
    waiting = later(gateway.good, "POST", "/v1/jobs?wait=60", {"method": PLAIN, "args": []})
    worker.answer(worker.receive("lease"), msgpack.packb("division by zero"), reason=wire.REASONS["REASON_ERROR"])
    got = result_of(waiting)
    assert (got["state"], got["value"], got["error"], got["reason"]) == ("failed", None, "division by zero", "error"), got
    late = gateway.refused(504, "timeout", "POST", "/v1/jobs?wait=0.05", {"method": PLAIN})
    id = late.json["error"]["id"]
    assert gateway.good("GET", f"/v1/jobs/{id}")["state"] == "running" # it goes on
    worker.answer(worker.receive("lease"), b"\xc0")
    assert gateway.good("GET", f"/v1/jobs/{id}/result?wait=60")["state"] == "ok"


def test_cancel_retry_and_forget(farm):
    gateway = open_farm(farm)
    worker = Worker(farm, PLAIN)
    gateway.good("POST", f"/v1/queues/{PLAIN}/hold", status=204)
    id = submit(gateway, 5)
    assert gateway.good("GET", f"/v1/jobs/{id}")["state"] == "held"
    assert gateway.good("GET", f"/v1/jobs/{id}/explain")["reasons"][0]["code"] == "held"
    gateway.refused(409, "not-ended", "POST", f"/v1/jobs/{id}/retry")
    gateway.refused(409, "not-ended", "DELETE", f"/v1/jobs/{id}")
    gateway.good("POST", f"/v1/jobs/{id}/cancel", status=204)
    gateway.refused(409, "ended", "POST", f"/v1/jobs/{id}/cancel")
    assert gateway.good("GET", f"/v1/jobs/{id}/result")["state"] == "cancelled"
    again = gateway.post(f"/v1/jobs/{id}/retry")
    assert (again.status, again.headers["Location"]) == (202, f"/v1/jobs/{again.json['id']}")
    gateway.good("POST", f"/v1/queues/{PLAIN}/release", status=204)
    lease = worker.receive("lease")
    assert msgpack.unpackb(lease.args) == [5], lease
    worker.answer(lease, b"\x01")
    done = gateway.good("GET", f"/v1/jobs/{again.json['id']}/result?wait=60")
    assert done["value"] == 1 and gateway.good("GET", f"/v1/jobs/{done['id']}")["retry_of"] == id
    gateway.good("DELETE", f"/v1/jobs/{id}", status=204)
    for method, path in (("GET", ""), ("GET", "/result"), ("GET", "/result?wait=5"), ("GET", "/explain"),
                         ("POST", "/cancel"), ("POST", "/retry"), ("DELETE", "")):
        gateway.refused(404, "unknown-job", method, f"/v1/jobs/{id}{path}")


def test_pages_of_jobs(farm):
    gateway = open_farm(farm)
    offer_once(farm, PLAIN, "other.job")
    client = farm.client()
    numbers = [client.submit("other.job" if i % 100 == 0 else PLAIN) for i in range(1250)]
    ids = [client.receive("accepted", number=numbers[0])]
    farm.until(lambda: gateway.good("GET", "/v1/status")["totals"]["submitted"] == 1250, "all are taken")
    seen, path = [], "/v1/jobs?limit=400"
    while path:
        page = gateway.good("GET", path)
        assert 0 < len(page["jobs"]) <= 400, len(page["jobs"])
        seen += [job["id"] for job in page["jobs"]]
        path = page["next"] and f"/v1/jobs?limit=400&cursor={page['next']}"
    assert len(seen) == len(set(seen)) == 1250 and seen == sorted(seen, reverse=True), ids
    assert len(gateway.good("GET", "/v1/jobs")["jobs"]) == 100
    assert len(gateway.good("GET", "/v1/jobs?limit=1000")["jobs"]) == 1000
    others = gateway.good("GET", "/v1/jobs?queue=other.job&state=waiting")
    assert len(others["jobs"]) == 13 and others["next"] is None, others["next"]
    assert gateway.good("GET", "/v1/jobs?state=dead") == {"jobs": [], "next": None}
    for query, text in (("limit=0", "1 to 1000"), ("limit=1001", "1 to 1000"), ("limit=99999999999999999999999", "limit"),
                        ("limit=-1", "limit"), ("limit=x", "limit"), ("limit=", "limit"), ("cursor=x", "cursor"),
                        ("cursor=" + "u" * 13, "cursor"), ("cursor=", "cursor"), ("state=asleep", "state"),
                        ("state=" + "x" * 5000, "state"), ("queue=%20", "queue"), ("sort=up", "sort")):
        gateway.refused(400, "invalid", "GET", f"/v1/jobs?{query}", text=text)


def test_a_key_is_one_job(farm):
    gateway = open_farm(farm)
    worker = Worker(farm, PLAIN)
    body = {"method": PLAIN, "args": [1]}
    id = gateway.good("POST", "/v1/jobs", body, status=202, Idempotency_Key="k 1")["id"]
    assert gateway.good("POST", "/v1/jobs", body, status=202, Idempotency_Key="k 1")["id"] == id
    gateway.refused(409, "key-taken", "POST", "/v1/jobs", {**body, "args": [2]}, Idempotency_Key="k 1")
    worker.answer(worker.receive("lease"), b"\x05")
    assert gateway.good("POST", "/v1/jobs?wait=60", body, Idempotency_Key="k 1")["value"] == 5
    assert gateway.good("GET", f"/v1/jobs/{id}")["key"] == "k 1"
    assert gateway.good("POST", "/v1/jobs", body, status=202, Idempotency_Key="k" * 200)["id"] != id
    gateway.refused(400, "invalid", "POST", "/v1/jobs", body, text="200 bytes", Idempotency_Key="k" * 201)
    first = gateway.good("POST", "/v1/todo", {"title": "milk"}, status=201, Idempotency_Key="t")
    assert gateway.good("POST", "/v1/todo", {"title": "milk"}, status=201, Idempotency_Key="t") == first
    gateway.refused(409, "key-taken", "POST", "/v1/todo", {"title": "bread"}, Idempotency_Key="t")
    assert len(gateway.good("GET", "/v1/todo")["tasks"]) == 1


def test_results_that_nobody_waited_for_are_there_and_count_as_fetched(farm):
    """A job of the gateway's own is fetched by the gateway, so nothing piles up; and its result can still be had."""
    gateway = open_farm(farm, "--store", str(farm.folder / "store"))
    ids = [submit(gateway, i, wait_for_handler=True) for i in range(200)]
    worker = Worker(farm, PLAIN, slots=8)
    for i in range(200):
        lease = worker.receive("lease")
        worker.answer(lease, msgpack.packb(msgpack.unpackb(lease.args)[0] * 10))
    farm.until(lambda: gateway.good("GET", "/v1/status")["totals"]["live"] == 0, "all are over")
    assert [gateway.good("GET", f"/v1/jobs/{id}/result")["value"] for id in ids] == [i * 10 for i in range(200)]


# --- the farm ----------------------------------------------------------------------------------------


def test_queues_and_workers(farm):
    gateway = open_farm(farm)
    assert gateway.good("GET", "/v1/workers") == {"workers": []}
    worker = Worker(farm, PLAIN, "other.job", slots=3)
    id = submit(gateway)
    lease = worker.receive("lease")
    queue = {q["name"]: q for q in gateway.good("GET", "/v1/queues")["queues"]}[PLAIN]
    assert (queue["running"], queue["workers"], queue["submitted"], queue["held"]) == (1, 1, 1, False), queue
    gateway.good("POST", "/v1/queues/other.job/hold", status=204)
    assert {q["name"]: q for q in gateway.good("GET", "/v1/queues")["queues"]}["other.job"]["held"] is True
    gateway.refused(404, "unknown-queue", "POST", "/v1/queues/no.queue/release")
    gateway.refused(400, "invalid", "POST", "/v1/queues/noqueue/hold")
    [shown] = gateway.good("GET", "/v1/workers")["workers"]
    assert (shown["host"], shown["state"], shown["leased"]) == ("test", "up", 1), shown
    gateway.good("POST", f"/v1/workers/{shown['id']}/drain", status=204)
    worker.receive("draining")
    gateway.refused(404, "unknown-worker", "POST", "/v1/workers/nobody/drain")
    worker.answer(lease, b"\xc0")
    status = gateway.good("GET", "/v1/status")
    assert status["broker"]["state"] == "serving" and status["totals"]["executions"] == 1, status
    assert status["queues"][PLAIN]["ok"] == 1 and gateway.good("GET", f"/v1/jobs/{id}")["state"] == "ok"


# --- sessions ----------------------------------------------------------------------------------------


def test_a_session_from_start_to_stop(farm):
    gateway = open_farm(farm)
    gateway.refused(404, "unknown-handler", "POST", "/v1/sessions", SLOW)
    real_worker(farm, gateway)
    answer = gateway.post("/v1/sessions", SLOW, Idempotency_Key="s")
    id = answer.json["id"]
    assert (answer.status, answer.headers["Location"]) == (201, f"/v1/sessions/{id}"), answer.body
    assert answer.json["message"] == "Session created with method auto" and answer.json["state"] == "created", answer.json
    assert gateway.post("/v1/sessions", SLOW, Idempotency_Key="s").json["id"] == id
    gateway.refused(409, "not-asking", "POST", f"/v1/sessions/{id}/pause", text="err_optimization_not_running")
    gateway.refused(409, "not-paused", "POST", f"/v1/sessions/{id}/resume")
    gateway.refused(409, "not-asking", "GET", f"/v1/sessions/{id}/proposal?wait=5")
    cvs = gateway.good("POST", f"/v1/sessions/{id}/cv", {"mvs": {"R": 1.9, "S": 1.7, "F": 2.4}})
    assert cvs["id"] == id and set(cvs["cvs"]) >= {"xD", "xB"}, cvs
    gateway.refused(400, "invalid", "POST", f"/v1/sessions/{id}/cv", {"mvs": {"nope": 1}}, text="nope")

    begun = gateway.good("POST", f"/v1/sessions/{id}/optimise", {"mvs": {"R": 1.95}})
    assert (begun["flag"], begun["message"]) == (0, "msg_optimization_started"), begun
    gateway.refused(409, "not-asking", "POST", f"/v1/sessions/{id}/optimise", text="err_optimization_already_running")
    farm.until(lambda: look(gateway, id)["iteration"] >= 3, "some iterations")
    assert gateway.good("POST", f"/v1/sessions/{id}/pause")["message"] == "msg_paused"
    assert gateway.good("POST", f"/v1/sessions/{id}/pause") == {"id": id, "is_paused": True, "message": "msg_already_paused"}
    assert look(gateway, id)["state"] == "paused"
    resumed = gateway.good("POST", f"/v1/sessions/{id}/optimise")
    assert (resumed["flag"], resumed["message"]) == (1, "msg_optimization_resumed"), resumed
    gateway.good("POST", f"/v1/sessions/{id}/pause")
    assert gateway.good("POST", f"/v1/sessions/{id}/resume")["message"] == "msg_optimization_resumed"
    shown = look(gateway, id)
    assert shown["best"]["mvs"] and shown["history"] and shown["model"] == "wood_berry", shown
    [listed] = gateway.good("GET", "/v1/sessions")["sessions"]
    assert listed["id"] == id and "history" not in listed, listed
    assert gateway.good("POST", f"/v1/sessions/{id}/stop")["message"] == "success: msg_session_stopped"
    for method, path in (("GET", ""), ("POST", "/stop"), ("POST", "/pause"), ("POST", "/resume"), ("POST", "/optimise"),
                         ("GET", "/objective"), ("GET", "/proposal")):
        gateway.refused(404, "unknown-job", method, f"/v1/sessions/{id}{path}", text="err_sessionNotFound")
    assert gateway.good("GET", "/v1/sessions")["sessions"] == []


def test_a_session_that_finishes(farm):
    gateway = open_farm(farm)
    real_worker(farm, gateway)
    id = gateway.good("POST", "/v1/sessions", {"objective": "([x] - 3)^2", "max_iterations": 50,
                                               "mvs": [{"name": "x", "lower": 0, "upper": 10, "start": 9}]}, status=201)["id"]
    assert gateway.good("GET", f"/v1/sessions/{id}/objective")["objective"] == "([x] - 3)^2"
    gateway.good("POST", f"/v1/sessions/{id}/optimise")
    shown = reach(farm, gateway, id, "finished")
    assert abs(shown["best"]["mvs"]["x"] - 3) < 1e-3, shown
    told = gateway.good("POST", f"/v1/sessions/{id}/optimise")
    assert (told["flag"], told["message"], told["mvs"]) == (3, "msg_optimization_finished", shown["best"]["mvs"]), told
    gateway.refused(409, "ended", "POST", f"/v1/sessions/{id}/pause", text="err_optimization_not_running")
    gateway.refused(409, "ended", "POST", f"/v1/sessions/{id}/resume")
    assert gateway.good("GET", f"/v1/jobs/{id}/result")["state"] == "ok"


def test_a_refused_session_leaves_none(farm):
    gateway = open_farm(farm)
    real_worker(farm, gateway)
    gateway.refused(400, "invalid", "POST", "/v1/sessions", {"model": "no_such"}, text="no_such")
    gateway.refused(400, "invalid", "POST", "/v1/sessions", {}, text="objective")
    gateway.refused(400, "invalid", "POST", "/v1/sessions", {**SLOW, "mvs": [{"name": "R", "colour": 1}]}, text="colour")
    gateway.refused(400, "invalid", "POST", "/v1/sessions", {**SLOW, "colour": 1}, text="colour")
    farm.until(lambda: gateway.good("GET", "/v1/sessions")["sessions"] == [], "none is left")


def test_the_client_as_plant(farm):
    gateway = open_farm(farm)
    real_worker(farm, gateway)
    spec = {"objective": "[y]", "external": True, "max_iterations": 6, "mvs": [{"name": "x", "lower": 0, "upper": 10}],
            "cvs": [{"name": "y"}]}
    id = gateway.good("POST", "/v1/sessions", spec, status=201)["id"]
    gateway.refused(409, "not-asking", "POST", f"/v1/sessions/{id}/tell", {"objective": 1})
    gateway.good("POST", f"/v1/sessions/{id}/optimise")
    told = 0
    while True:
        answer = gateway.get(f"/v1/sessions/{id}/proposal?wait=60")
        if answer.status == 409:
            assert answer.error == "ended", answer.body
            break
        proposal = answer.json
        x = proposal["mvs"]["x"]
        gateway.good("POST", f"/v1/sessions/{id}/tell",
                     {"objective": (x - 4) ** 2, "cvs": {"y": x}, "iteration": proposal["iteration"]})
        told += 1
    assert told >= 1 and look(gateway, id)["state"] == "finished", told


def test_a_job_is_no_session(farm):
    gateway = open_farm(farm)
    offer_once(farm, PLAIN)
    id = submit(gateway)
    for method, path in (("GET", ""), ("POST", "/stop"), ("POST", "/pause"), ("POST", "/optimise")):
        gateway.refused(404, "unknown-job", method, f"/v1/sessions/{id}{path}", text="err_sessionNotFound")
    assert gateway.good("GET", f"/v1/jobs/{id}")["state"] == "waiting"


# --- feeds -------------------------------------------------------------------------------------------


def test_feeds(farm):
    gateway = open_farm(farm)
    real_worker(farm, gateway)
    assert gateway.good("GET", "/v1/feeds") == {"feeds": []}
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=DEADLINE_S)
    connection.request("GET", "/v1/updates?topic=ticker/AAPL/0.1", headers={"Authorization": f"Bearer {gateway.token}"})
    stream = connection.getresponse()
    feed = farm.until(lambda: [f for f in gateway.good("GET", "/v1/feeds")["feeds"] if f["view"]], "the feed has a value")[0]
    assert (feed["topic"], feed["running"], feed["view"]["symbol"]) == ("ticker/AAPL/0.1", True, "AAPL"), feed
    stream.close()
    connection.close()


# --- what is not as it must be -----------------------------------------------------------------------


def test_bodies_that_do_not_fit(farm):
    gateway = open_farm(farm)
    offer_once(farm, PLAIN)
    job = {"method": PLAIN, "args": []}
    for raw, text in ((b"", "JSON"), (b"{", "not JSON"), (b"nonsense", "not JSON"), (b'"text"', "object"), (b"[]", "object"),
                      (b"null", "object"), (b'{"method":"a.b","method":"a.c"}', "not JSON"), (b"\xff\xfe{}", "not JSON"),
                      (b"{} {}", "not JSON"), (b"[" * 100000, "not JSON"),
                      (b'{"method":"a.b","args":' + b"[" * 40 + b"]" * 40 + b"}", "deep"),
                      (b'{"method":"a.b","args":[123456789012345678901234567890]}', "not JSON")):
        answer = gateway.ask("POST", "/v1/jobs", raw=raw)
        assert (answer.status, answer.error) == (400, "invalid") and text in answer.message, (raw[:60], answer.body)
    for fields, text in (({"args": 1}, "args"), ({"args": {}}, "args"), ({"method": 5}, "method"), ({"method": None}, "method"),
                         ({"method": "nodot"}, "nodot"), ({"method": "x" * 101}, "method"), ({"method": "a.b\0c"}, "method"),
                         ({"priority": "high"}, "priority"), ({"priority": 101}, "priority"), ({"priority": 1.5}, "priority"),
                         ({"delay_ms": -1}, "delay_ms"), ({"deadline_ms": "soon"}, "deadline_ms"),
                         ({"timeout_ms": 1 << 60}, "timeout_ms"), ({"retries": -1}, "retries"),
                         ({"durability": "eternal"}, "durability"), ({"durability": 2}, "durability"),
                         ({"tags": {"gpu": "1"}}, "tags"), ({"tags": "gpu"}, "tags"), ({"tags": "a=1,a=2"}, "once"),
                         ({"session": 1}, "session"), ({"prioritty": 1}, "prioritty"), ({"id": UNKNOWN}, "id"),
                         ({"<img onerror=alert(1)>": 1}, "<img onerror=alert(1)>")):
        gateway.refused(400, "invalid", "POST", "/v1/jobs", {**job, **fields}, text=text)
    gateway.refused(404, "unknown-handler", "POST", "/v1/jobs", {"method": "never.offered"})
    gateway.refused(400, "not-durable", "POST", "/v1/jobs", {**job, "durability": "durable"})
    assert gateway.good("POST", "/v1/jobs", {"method": "never.offered", "wait_for_handler": True}, status=202)
    for path, body, text in (("/v1/todo", {}, "title"), ("/v1/todo", {"title": 1}, "title"),
                             ("/v1/todo", {"title": "x", "task": 4}, "task"), ("/v1/sessions", {"mvs": {}}, "mvs"),
                             ("/v1/sessions", {"maximize": "yes"}, "maximize"), ("/v1/sessions", {"delay": "1"}, "delay"),
                             (f"/v1/sessions/{UNKNOWN}/optimise", {"mvs": [1]}, "mvs"),
                             (f"/v1/sessions/{UNKNOWN}/optimise", {"mvs": {"a": "1"}}, '"a" in "mvs"'),
                             (f"/v1/sessions/{UNKNOWN}/tell", {"cvs": {}}, "objective"),
                             (f"/v1/sessions/{UNKNOWN}/cv", {}, "mvs")):
        gateway.refused(400, "invalid", "POST", path, body, text=text)
    assert gateway.good("GET", "/v1/status")["totals"]["submitted"] == 1


def test_ids_paths_and_parameters_that_do_not_fit(farm):
    gateway = open_farm(farm)
    for id in ("x", "0", "004hr3nnd999", "004hr3nnd99990", "U" * 13, "%00", "%F0%9F%98%80", "..%2f..", "a" * 3000):
        for method, path in (("GET", ""), ("GET", "/result"), ("POST", "/cancel"), ("DELETE", "")):
            gateway.refused(400, "invalid", method, f"/v1/jobs/{id}{path}")
        gateway.refused(400, "invalid", "GET", f"/v1/sessions/{id}")
    for wait in ("", "-1", "x", "301", "1e3", "1.", ".5", "1.5.5", "nan"):
        gateway.refused(400, "invalid", "GET", f"/v1/jobs/{UNKNOWN}/result?wait={wait}", text="wait")
    gateway.refused(400, "invalid", "GET", "/v1/status?verbose=1", text="verbose")
    gateway.refused(400, "invalid", "POST", f"/v1/jobs/{UNKNOWN}/cancel?now=1", text="now")
    for method, path in (("GET", f"/v1/jobs/{UNKNOWN}"), ("GET", f"/v1/jobs/{UNKNOWN}/result?wait=0")):
        gateway.refused(404, "unknown-job", method, path)


HOSTILE = ("<img src=x onerror=alert(1)>", "\u202egnp.exe", "\x1b[2J\x1b[31mred", "💥" * 100, "a\0b", "'; DROP TABLE jobs; --",
           "\r\nSet-Cookie: x=1", "\ufeff\u200b", "x" * 500000)


def test_hostile_texts_come_back_as_they_went(farm):
    gateway = open_farm(farm)
    worker = Worker(farm, PLAIN)
    for text in HOSTILE:
        id = submit(gateway, text, {text[:200].replace("\0", ""): text})
        lease = worker.receive("lease")
        worker.answer(lease, lease.args)
        got = gateway.good("GET", f"/v1/jobs/{id}/result?wait=60")
        assert got["value"] == [text, {text[:200].replace("\0", ""): text}], text[:40]
    for i, text in enumerate([text for text in HOSTILE if "\0" not in text and len(text) < 60000], 1):
        assert gateway.good("POST", "/v1/todo", {"title": text}, status=201) | {"id": 0} == {
            "task": i, "id": 0, "title": text, "completed": False}
    gateway.refused(400, "invalid", "POST", "/v1/todo", {"title": "x" * 60001}, text="title")
    gateway.refused(400, "invalid", "POST", "/v1/todo", {"title": "a\0b"}, text="title")


def test_results_that_cannot_be_shown(farm):
    """What a handler answers may be anything: too deep to be shown, no msgpack at all, of a kind JSON has none for."""
    gateway = open_farm(farm)
    worker = Worker(farm, PLAIN)
    for value, shown in ((b"\x91" * 31 + b"\xc0", None), (b"\x91" * 200000 + b"\xc0", None), (b"\xc1", None), (b"\xdd\xff\xff\xff\xff", None),
                         (b"", None), (b"\xc4\x03abc", "YWJj"), (b"\xcb\x7f\xf8\0\0\0\0\0\0", None),
                         (b"\x91" * 30 + b"\x01", "deep"), (b"\xa3\xff\xfe\xfd", "\ufffd" * 3), (b"\x81\x91\x01\x02", {"[...]": 2})):
        id = submit(gateway)
        worker.answer(worker.receive("lease"), value)
        got = gateway.good("GET", f"/v1/jobs/{id}/result?wait=60")
        if shown == "deep":
            assert json.dumps(got["value"]).startswith("[" * 30 + "1"), got
        else:
            assert got["value"] == shown, (value[:20], got)
    gateway.good("GET", "/v1/jobs")


def test_too_many_waits_are_told_to_come_later(farm):
    """Who asks and leaves is waited for no longer than the broker has to; what may pile up by it has an end."""
    gateway = open_farm(farm)
    offer_once(farm, PLAIN)
    ids = [submit(gateway) for _ in range(1001)]
    for id in ids[:1000]:
        with socket.create_connection(("127.0.0.1", gateway.port)) as one:
            one.sendall(f"GET /v1/jobs/{id}/result?wait=300 HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n"
                        f"Authorization: Bearer {gateway.token}\r\n\r\n".encode())
    refused = farm.until(lambda: (answer := gateway.get(f"/v1/jobs/{ids[1000]}/result?wait=0.01")).status == 429 and answer,
                         "the waits are full")
    assert refused.error == "busy", refused.body
    gateway.refused(504, "timeout", "GET", f"/v1/jobs/{ids[0]}/result?wait=0.01") # asked already: one more costs nothing
    for id in ids[:50]:
        gateway.good("POST", f"/v1/jobs/{id}/cancel", status=204)
    gateway.refused(504, "timeout", "GET", f"/v1/jobs/{ids[1000]}/result?wait=0.01")


def test_a_broker_that_is_away(farm):
    broker = farm.broker("--store", str(farm.folder / "store"))
    gateway = Gateway(farm)
    worker = Worker(farm, PLAIN)
    id = submit(gateway)
    lease = worker.receive("lease")
    waiting = later(gateway.good, "GET", f"/v1/jobs/{id}/result?wait=60")
    farm.until(lambda: figures(gateway)["reeve_gateway_waiting"] == 2, "it is asked for, and the figures are")
    assert gateway.get(f"/v1/jobs/{id}/result?wait=0").status == 504  # asked after it, so it is waited for by now
    broker.kill(signal.SIGKILL)
    broker.wait()
    farm.until(lambda: gateway.get("/v1/status").status == 503, "the gateway has seen it")
    for method, path, body in (("GET", "/v1/jobs", None), ("POST", "/v1/jobs", {"method": PLAIN}), ("GET", "/v1/todo", None),
                               ("POST", "/v1/todo", {"title": "x"}), ("GET", "/v1/sessions", None),
                               ("POST", f"/v1/jobs/{id}/cancel", None), ("GET", "/v1/feeds", None)):
        gateway.refused(503, "unreachable", method, path, body)
    assert gateway.get("/livez").status == 200
    farm.broker("--store", str(farm.folder / "store"))
    farm.until(lambda: gateway.get("/v1/status").status == 200, "the gateway is back")
    worker.send("hello", version_min=1, version_max=1, role=2, peer_id=worker.peer_id, slots=1, name="raw-back", host="test", pid=1)
    worker.send("offer", queue=PLAIN)
    worker.send("holding", id=lease.id, token=lease.token)
    worker.send("ready")
    worker.receive("welcome")
    worker.answer(lease, b"\x2a")
    assert result_of(waiting)["value"] == 42
    assert len(gateway.good("GET", "/v1/jobs")["jobs"]) == 1


def test_a_gateway_that_ends_answers_what_is_under_way(farm):
    gateway = open_farm(farm)
    offer_once(farm, PLAIN)
    id = submit(gateway)
    waiting = [later(gateway.get, f"/v1/jobs/{id}/result?wait=300") for _ in range(2)]
    farm.until(lambda: figures(gateway)["reeve_gateway_waiting"] == 3, "both are asked for, and the figures are")
    assert gateway.process.stop() == 0
    assert [result_of(one).status for one in waiting] == [503, 503]


if __name__ == "__main__":
    farm_module.main(globals())
