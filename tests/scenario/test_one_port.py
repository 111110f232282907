#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Updates over the client's own connection: what watches does so as well when it may use the clients' port only, and
whoever reads slowly is told what it has missed. The first half are the tests of other files, run that way."""
import pathlib

import msgpack

import farm as farm_module
import test_cli
import test_session
import test_ticker
import test_todo
from farm import Farm

FOLLOW = 1 << 49
FEED = "ticker/AAPL/0.01"
LISTEN = "0A"


class OnePort(Farm):
    def __init__(self):
        super().__init__()
        self.env["REEVE_UPDATES"] = "connection"
        self.earlier = connections(self.port + 2)

    def check_sanitizers(self):
        """Also: nobody has come to the updates' port."""
        super().check_sanitizers()
        assert not subscribers(self), "somebody has connected to the updates' port"


def subscribers(farm):
    """Connections to the updates' port of this farm. The kernel still lists those of a farm that had the same port a
    minute ago."""
    return connections(farm.port + 2) - farm.earlier


def connections(port):
    """Both ends of each connection of this host to this port, or from it."""
    end = f":{port:04X}"
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return {(row[1], row[2]) for row in rows if row[3] != LISTEN and (row[1].endswith(end) or row[2].endswith(end))}


def as_elsewhere(module, *names):
    return {name: getattr(module, name) for name in names}


ELSEWHERE = {
    **as_elsewhere(test_cli, "test_watch_a_job", "test_watch_counts_and_stops"),
    **as_elsewhere(test_todo, "test_a_watch_tells_what_comes_and_nothing_else", "test_a_watch_goes_on_over_a_broker_restart"),
    **as_elsewhere(test_session, "test_optimise_stays_for_the_end", "test_a_session_outlives_the_broker"),
    **as_elsewhere(test_ticker, "test_lines_objects_and_counts", "test_no_worker_offers_it", "test_a_feed_that_fails_is_told",
                   "test_a_worker_that_dies_leaves_no_gap", "test_it_goes_on_over_a_broker_restart", "test_more_symbols_than_lines"),
}


def test_a_prefix_needs_the_other_port(farm):
    farm.broker()
    done = farm.reeve("watch", "worker/")
    assert done.returncode == 2 and "updates' port" in done.stderr, done


def update_of(record):
    return msgpack.unpackb(record.body)


def follow(client, topic, credit, **fields):
    client.send("follow", number=FOLLOW, topic=topic, credit=credit, **fields)
    return client.receive("snapshot", number=FOLLOW)


def numbers_until_silence(client):
    """Those of the updates that come before a question that was asked behind them is answered."""
    client.send("get_status", number=1)
    found = []
    while (record := client.receive("update", "status")).name == "update":
        found.append(update_of(record)["seq"])
    return found


def test_a_slow_reader_is_told_what_it_has_missed(farm):
    farm.broker()
    farm.worker()
    client = farm.client()
    snapshot = follow(client, FEED, 3)
    told = [update_of(client.receive("update", number=FOLLOW))["seq"] for _ in range(3)]
    assert told == [snapshot.seq + 1, snapshot.seq + 2, snapshot.seq + 3], (snapshot, told)

    def far_ahead():
        client.send("list_feeds", number=1)
        feed = client.receive("feed")
        client.receive("end")
        return feed.updates > told[-1] + 100

    farm.until(far_ahead, "the feed is a hundred updates further")
    assert numbers_until_silence(client) == [], "nothing comes without credit"
    client.send("follow_more", number=FOLLOW, count=1000)
    lost = client.receive("lost", number=FOLLOW)
    assert lost.first == told[-1] + 1 and lost.last >= lost.first, lost
    again = [update_of(client.receive("update", number=FOLLOW))["seq"] for _ in range(64)]
    assert again == list(range(lost.last + 1, lost.last + 65)), (lost, again)
    assert client.receive("snapshot", "update", number=FOLLOW).name == "snapshot", "the ring has 64"
    live = update_of(client.receive("update", number=FOLLOW))
    assert live["seq"] == again[-1] + 1 and live["event"] == "value", live


def test_the_last_follower_stops_a_feed(farm):
    farm.broker()
    farm.worker()
    one, other = farm.client(), farm.client()
    follow(one, FEED, 1 << 20)
    follow(other, FEED, 1 << 20)
    one.receive("update", number=FOLLOW)
    one.send("goodbye")
    other.receive("update", number=FOLLOW)
    assert FEED in test_ticker.feeds(farm)
    other.close()  # its connection, without a word
    farm.until(lambda: FEED not in test_ticker.feeds(farm), "nobody watches")
    farm.check_alive()


if __name__ == "__main__":
    farm_module.main({**ELSEWHERE, **{name: test for name, test in globals().items() if name.startswith("test_") and callable(test)}},
                     make=OnePort)
