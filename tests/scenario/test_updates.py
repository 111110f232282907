#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Live updates of reeve-gateway, /v1/updates: what a watcher is told, where it goes on, and that neither many nor slow
ones cost anything."""
import json

import farm as farm_module
from farm import Worker
from gateway import Gateway
from raw import Stream, ask, figures, open_farm, real_worker, resident_mib, untouched

STREAMS_MAX = 600


def test_topics_that_are_none(farm):
    gateway = open_farm(farm)
    before = farm.json("status")
    stream = Stream(gateway, "topic=nonsense&topic=job/004hr3nnd9999&topic=job/&topic=queue/no.such&topic=todo&topic=%ff%22%3Cb%3E")
    errors = {event["topic"]: event["error"] for event in (stream.next(event="error") for _ in range(4))}
    assert errors["job/004hr3nnd9999"] == "unknown-job" and errors["queue/no.such"] == "unknown-queue", errors
    assert len(errors) == 4 and "nonsense" in errors, errors
    for query in ("", "topic=", "topic=sync/x", "topic=elsewhere/", "topic=/", "after=1.2", "topic=a&topic=a", "topic=a&more=1",
                  "topic=a&after=x", "topic=a&after=0.1", "topic=job/&after=1.2", "topic=" + "a" * 201,
                  "&".join(f"topic=t{i}" for i in range(65))):
        assert Stream(gateway, query).status == 400, query
    for wrong in ("x", "1.2,3.4", "", "1.2.3"):
        assert Stream(gateway, "topic=a", f"Last-Event-ID: {wrong}").status == (400 if wrong else 200), wrong
    most = Stream(gateway, "&".join(f"topic=job/004hr3nnd{i:04}" for i in range(64)))
    assert len({most.next(event="error")["topic"] for _ in range(64)}) == 64
    untouched(farm, before)


def test_a_watcher_sees_every_update_once(farm):
    gateway = open_farm(farm)
    worker, client = Worker(farm, "a.b"), farm.client()
    stream = Stream(gateway, "topic=job/")
    farm.until(lambda: figures(gateway)["reeve_gateway_streams"] == 1, "it is there")
    number = client.submit("a.b", b"\x90")
    worker.answer(worker.receive("lease"))
    client.receive("ended", number=number)
    event = stream.next(state="ok")
    late = Stream(gateway, f"topic={event['topic']}")
    assert late.next()["event"] == "snapshot"
    assert event["event"] == "state" and event["incarnation"] == client.welcome.incarnation, event


def queue_events(client, worker, count):
    """As many changes of the queue as are wanted: it is held and released."""
    for i in range(count):
        client.number += 1
        client.send("hold" if i % 2 == 0 else "release", number=(1 << 48) + client.number, queue="a.b")
        client.receive("done", number=(1 << 48) + client.number)


def test_going_on_where_it_was_cut_off(farm):
    gateway = open_farm(farm)
    worker, client = Worker(farm, "a.b"), farm.client()
    stream, other = Stream(gateway, "topic=queue/a.b&topic=worker/"), Stream(gateway, "topic=queue/a.b")
    first = stream.next(event="snapshot")
    other.next(event="snapshot")
    queue_events(client, worker, 4)
    seqs = [stream.next(topic="queue/a.b")["seq"] for _ in range(2)]
    assert seqs == [first["seq"] + 1, first["seq"] + 2], seqs
    stream.close()
    queue_events(client, worker, 6)
    again = Stream(gateway, "topic=queue/a.b&topic=worker/", f"Last-Event-ID: {stream.id}")
    events = [again.next(topic="queue/a.b") for _ in range(8)]
    assert [e["seq"] for e in events] == list(range(seqs[-1] + 1, seqs[-1] + 9)), events
    assert {e["event"] for e in events} <= {"held", "released", "counts"}, events
    by_query = Stream(gateway, f"topic=queue/a.b&after={first['incarnation']}.{seqs[0]}")
    assert by_query.next()["seq"] == seqs[1]
    # The gateway is started anew: what happened meanwhile, when nobody watched at all, is not lost either.
    assert gateway.process.stop() == 0
    queue_events(client, worker, 4)
    gateway = Gateway(farm)
    last = events[-1]["seq"]
    resumed = Stream(gateway, "topic=queue/a.b&topic=worker/", f"Last-Event-ID: {again.id}")
    events = [resumed.next(topic="queue/a.b") for _ in range(4)]
    assert [e["seq"] for e in events] == list(range(last + 1, last + 5)), (events, last)
    assert {e["event"] for e in events} <= {"held", "released", "counts"}, events


def test_the_broker_is_started_anew(farm):
    broker = farm.broker("--store", "memory")
    gateway = Gateway(farm)
    stream = Stream(gateway, "topic=todo")
    first = stream.next(event="snapshot")
    broker.kill()
    broker.wait()
    farm.until(lambda: ask(gateway, "GET", "/readyz")[0] == 503, "it is seen to be away")
    status, headers, body = ask(gateway, "GET", "/readyz")
    assert json.loads(body)["checks"]["broker"] == "away", body
    assert Stream(gateway, "topic=todo").status == 503
    status, headers, body = ask(gateway, "GET", "/v1/status")
    assert status == 503 and int(headers["Retry-After"]) >= 1
    assert figures(gateway)["reeve_up"] == 0
    assert ask(gateway, "GET", "/livez")[0] == 200
    farm.broker("--store", "memory")
    farm.until(lambda: ask(gateway, "GET", "/readyz")[0] == 200, "it is back")
    second = stream.next(event="snapshot")
    assert second["incarnation"] > first["incarnation"], (first, second)
    assert figures(gateway)["reeve_up"] == 1


def test_five_hundred_streams_at_once(farm):
    gateway = open_farm(farm)
    before, memory = farm.json("status"), resident_mib(gateway)
    worker, client = Worker(farm, "a.b"), farm.client()
    streams = [Stream(gateway, "topic=queue/a.b&topic=todo") for _ in range(500)]
    assert all(stream.status == 200 for stream in streams)
    for stream in streams:
        stream.next(topic="queue/a.b", event="snapshot")
    queue_events(client, worker, 1)
    for stream in streams:
        assert stream.next(topic="queue/a.b", event="held")["held"]
    assert ask(gateway, "GET", "/v1/status")[0] == 200
    streams += [Stream(gateway, "topic=todo") for _ in range(STREAMS_MAX - 500)]
    over = Stream(gateway, "topic=todo")
    assert over.status == 503 and int(over.headers["Retry-After"]) >= 1, over.headers
    assert resident_mib(gateway) < memory + 150, (resident_mib(gateway), memory)  # most of it a sanitizer's
    for stream in streams:
        stream.close()
    farm.until(lambda: figures(gateway)["reeve_gateway_streams"] == 0, "all are gone")
    assert Stream(gateway, "topic=todo").status == 200
    untouched(farm, before)


def test_the_last_watcher_of_a_feed_stops_it(farm):
    gateway = open_farm(farm)
    real_worker(farm)

    def running():
        return [feed["topic"] for feed in gateway.good("GET", "/v1/feeds")["feeds"] if feed["running"]]

    farm.until(lambda: gateway.good("GET", "/v1/queues")["queues"], "the worker has said what it offers")
    first, second = Stream(gateway, "topic=ticker/AAPL/0.05"), Stream(gateway, "topic=ticker/AAPL/0.05")
    values = [first.next(event="value") for _ in range(3)]
    assert [v["seq"] - values[0]["seq"] for v in values] == [0, 1, 2] and values[0]["symbol"] == "AAPL", values
    assert second.next(event="value")["symbol"] == "AAPL"
    assert running() == ["ticker/AAPL/0.05"]
    first.close()
    assert second.next(event="value") and running(), "one is left"
    second.close()
    farm.until(lambda: not running(), "nobody watches")


def test_a_slow_reader_costs_nothing(farm):
    gateway = open_farm(farm)
    before = farm.json("status")
    real_worker(farm)
    farm.until(lambda: gateway.good("GET", "/v1/queues")["queues"], "the worker has said what it offers")
    symbols = "&".join(f"topic=ticker/S{i}/0.01" for i in range(20))
    slow = Stream(gateway, symbols, receive_bytes=4096)
    fast = Stream(gateway, "topic=ticker/S0/0.01")
    memory = resident_mib(gateway)
    seqs = [fast.next(topic="ticker/S0/0.01", event="value")["seq"] for _ in range(1200)]
    assert seqs == list(range(seqs[0], seqs[0] + 1200)), "who reads misses nothing"
    assert resident_mib(gateway) < memory + 32, (resident_mib(gateway), memory)
    lost = slow.next(event="lost")
    assert lost["last"] >= lost["first"] > 0, lost
    after = slow.next(topic=lost["topic"])
    assert after["seq"] == lost["last"] + 1, (lost, after)
    slow.close()
    fast.close()
    farm.until(lambda: figures(gateway)["reeve_gateway_streams"] == 0, "both are gone")
    now = farm.json("status")
    assert now["broker"]["pid"] == before["broker"]["pid"] and now["totals"]["malformed"] == 0
    farm.check_alive()


if __name__ == "__main__":
    farm_module.main(globals())
