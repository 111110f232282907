# SPDX-License-Identifier: Apache-2.0
"""Feeds with real processes, watched through plain SUB sockets: stock_ticker.stream behind ticker/SYMBOL."""
import signal

import msgpack
import zmq

import farm
import wire

FAST = "0.02"  # seconds between two prices of a feed under test


class Watcher:
    """A plain SUB socket that knows nothing of the library."""

    def __init__(self, here, *topics):
        self.socket = here.context.socket(zmq.SUB)
        self.socket.linger = 0
        self.socket.rcvhwm = 0
        self.socket.connect(f"tcp://127.0.0.1:{here.port + 2}")
        for topic in topics:
            self.watch(topic)

    def watch(self, topic):
        self.socket.subscribe(topic.encode() + b"\0")

    def leave(self, topic):
        self.socket.unsubscribe(topic.encode() + b"\0")

    def next(self, topic=None, event=None):
        """The next update, of this topic and of this kind."""
        while True:
            assert self.socket.poll(farm.DEADLINE_S * 1000), f"no update of {topic or 'anything'}"
            name, body = self.socket.recv_multipart()
            update = msgpack.unpackb(body) | {"topic": name[:-1].decode()}
            if topic in (None, update["topic"]) and event in (None, update["event"]):
                return update

    def nothing_left(self):
        while self.socket.poll(0):
            self.socket.recv_multipart()


def executions(here):
    return here.json("status")["totals"]["executions"]


def feeds(client):
    """{topic: record} as the broker lists them."""
    client.asked = getattr(client, "asked", 1 << 48) + 1
    client.send("list_feeds", number=client.asked)
    found = {}
    while True:
        record = client.receive("feed", "end", number=client.asked)
        if record.name == "end":
            return found
        found[record.topic] = record


def check_quote(update, symbol):
    """contracts: what a price may be."""
    before = round(update["price"] - update["change"], 2)
    assert update["symbol"] == symbol and 100 <= before <= 500, update
    assert update["change_percent"] == round(100 * update["change"] / before, 2) or abs(
        update["change_percent"] - 100 * update["change"] / before) <= 0.00501, update
    assert 1000 <= update["volume"] <= 100000 and update["timestamp"] > 1.7e9, update


def test_the_first_subscriber_starts_it_and_the_last_one_stops_it(here):
    here.broker("--store", "memory")
    here.worker()
    client = here.client()
    assert not feeds(client)
    one, two = Watcher(here, f"ticker/AAPL/{FAST}"), Watcher(here)
    first = one.next()
    assert first["seq"] == 1 and first["event"] == "value", first
    check_quote(first, "AAPL")
    two.watch(f"ticker/AAPL/{FAST}")
    joined = two.next()
    assert len(feeds(client)) == 1, feeds(client)  # one chain, however many watch
    for seq in range(2, joined["seq"] + 20):
        update = one.next()
        check_quote(update, "AAPL")
        assert update["seq"] == seq, (update, seq)
    one.leave(f"ticker/AAPL/{FAST}")
    two.next()
    two.leave(f"ticker/AAPL/{FAST}")
    topic = f"ticker/AAPL/{FAST}"
    here.until(lambda: not feeds(client)[topic].running, "nobody watches")
    here.until(lambda: here.json("queues")["queues"]["stock_ticker.stream"]["running"] == 0, "the last price is done")
    ran = executions(here)
    last = feeds(client)[topic].updates
    one.nothing_left()
    assert executions(here) == ran  # it rests
    one.watch(topic)
    assert one.next()["seq"] == last + 1


def test_a_new_subscriber_gets_the_last_value_at_once(here):
    here.broker("--store", "memory")
    here.worker()
    watcher = Watcher(here, "ticker/MSFT/3600")
    value = watcher.next()
    client = here.client()
    client.send("watch", number=1 << 49, topic="ticker/MSFT/3600")
    snapshot = client.receive("snapshot")
    body = msgpack.unpackb(snapshot.body)
    assert snapshot.seq == 1 and body["price"] == value["price"], (value, body)


def test_a_feed_goes_on_elsewhere_with_its_numbers(here):
    here.broker("--store", "memory")
    workers = [here.worker(slots=1), here.worker(slots=1)]
    topic = f"ticker/TSLA/{FAST}"
    watcher = Watcher(here, topic)
    for seq in range(1, 11):
        assert watcher.next()["seq"] == seq
    workers[0].kill(signal.SIGKILL)
    for seq in range(11, 60):
        assert watcher.next()["seq"] == seq
    workers.append(here.worker(slots=1))
    workers[1].kill(signal.SIGKILL)
    for seq in range(60, 110):
        assert watcher.next()["seq"] == seq


def test_a_hundred_symbols_on_two_slots_beside_other_work(here):
    here.broker("--store", "memory")
    here.worker(slots=2)
    topics = [f"ticker/S{i}/0.1" for i in range(100)]
    watcher = Watcher(here, *topics)
    client = here.client()
    numbers = [client.submit("calculator.calculate", msgpack.packb([i, "+", 1])) for i in range(2000)]
    seen = dict.fromkeys(topics, 0)
    while min(seen.values()) < 10:
        update = watcher.next()
        seen[update["topic"]] += 1
        assert update["seq"] == seen[update["topic"]], update
    for number in numbers:
        assert client.receive("ended", number=number).state == wire.STATES["JOB_OK"]


def test_a_bad_symbol_ends_the_feed_and_says_why(here):
    here.broker("--store", "memory")
    here.worker()
    watcher = Watcher(here, "ticker/<img src=x>")
    ended = watcher.next(event="ended")
    assert (ended["state"], ended["reason"]) == ("failed", "error"), ended
    here.check_alive()


def test_feeds_begin_again_after_a_restart_of_the_broker(here):
    folder = here.folder / "store"
    broker = here.broker("--store", folder)
    here.worker()
    topic = f"ticker/AAPL/{FAST}"
    watcher = Watcher(here, topic)
    before = watcher.next()["incarnation"]
    broker.kill()
    broker.wait()
    here.broker("--store", folder)
    while True:
        update = watcher.next()
        if update["incarnation"] != before:
            break
    assert update["seq"] == 1 and update["event"] == "value", update


farm.main(globals())
