# SPDX-License-Identifier: Apache-2.0
"""`reeve ticker`: prices as lines, as objects, as a table in a terminal; symbols that come and go."""
import json
import os
import re
import signal
import subprocess

import farm as farm_module
import wire
from farm import BUILD, main
from terminal import Terminal

LINE = re.compile(r"[A-Z.]+ \d+\.\d\d [+-]\d+\.\d\d \([+-]\d+\.\d\d%\) volume \d+ \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def feeds(farm):
    """What runs now, from the broker."""
    client = farm.client()
    client.send("list_feeds", number=1 << 48)
    found = []
    while (record := client.receive("feed", "end")).name == "feed":
        found.append(record)
    client.send("goodbye")
    client.close()
    return {feed.topic: feed for feed in found if feed.running}


def ticker(farm, *words):
    """With an open standard input."""
    reader, writer = os.pipe()
    process = farm.start("reeve", "ticker", *words, stdin=f"/dev/fd/{reader}")
    os.close(reader)
    return process, os.fdopen(writer, "w", buffering=1)


def test_lines_objects_and_counts(farm):
    farm.broker()
    farm.worker()
    done = farm.reeve("ticker", "aapl", "GOOGL", "--interval", "0.05", "--count", "8")
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == 8 and all(LINE.fullmatch(line) for line in lines), done
    assert {line.split()[0] for line in lines} == {"AAPL", "GOOGL"}
    done = farm.reeve("ticker", "AAPL", "--interval", "50ms", "--count", "5", "--json")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and len(told) == 5
    assert all(update["topic"] == "ticker/AAPL/0.05" and 100 <= update["price"] <= 500 for update in told), told
    assert [update["seq"] for update in told] == list(range(told[0]["seq"], told[0]["seq"] + 5))
    assert set(told[-1]) >= {"seq", "incarnation", "time", "event", "symbol", "price", "change", "change_percent",
                             "volume", "timestamp"}
    farm.until(lambda: not feeds(farm), "the feeds end with who has watched them")


def test_bad_symbols_are_told_and_skipped(farm):
    farm.broker()
    farm.worker()
    done = farm.reeve("ticker", "BAD!", "AAPL", "x" * 13, "--interval", "0.05", "--count", "2")
    assert done.returncode == 0 and len(done.stdout.splitlines()) == 2
    assert done.stderr.count("is no symbol") == 2, done.stderr
    done = farm.reeve("ticker", "BAD!")
    assert done.returncode == 2 and "is no symbol" in done.stderr
    for interval in ("0.001", "2h", "x"):
        assert farm.reeve("ticker", "AAPL", "--interval", interval).returncode == 2
    assert farm.reeve("ticker").returncode == 2


def test_no_worker_offers_it(farm):
    farm.broker()
    done = farm.reeve("ticker", "AAPL")
    assert done.returncode == 3 and "AAPL" in done.stderr, done
    assert farm.reeve("ticker", "AAPL", "--broker", "tcp://127.0.0.1:1", "--wait", "0.2").returncode == 4


def test_a_feed_that_fails_is_told(farm):
    farm.broker()
    peer = farm_module.Peer(farm, role=2, hello=False)
    peer.send_bytes(wire.record("hello", version_min=1, version_max=1, role=2, peer_id=peer.peer_id, slots=1, name="raw",
                                host="test", pid=1)
                    + wire.record("offer", queue="bad.stream", feed="ticker") + wire.record("ready"))
    peer.receive("welcome")
    process = farm.start("reeve", "ticker", "AAPL")
    lease = peer.receive("lease")
    peer.send("result", number=1, id=lease.id, token=lease.token, reason=wire.REASONS["REASON_ERROR"], value=b"\xa2no")
    assert process.wait() == 1
    assert "AAPL: the feed has ended" in process.stderr(), process.stderr()


def test_a_worker_that_dies_leaves_no_gap(farm):
    farm.broker()
    first, second = farm.worker(slots=1), farm.worker(slots=1)
    process, _ = ticker(farm, "AAPL", "--interval", "0.05", "--json")
    process.wait_line(lambda line: json.loads(line)["event"] == "value", 3)
    first.kill()
    first.wait()
    told = len(process.lines)
    process.wait_line(lambda line: json.loads(line)["event"] == "value", told + 5)
    third = farm.worker(slots=1)
    second.kill()
    second.wait()
    told = len(process.lines)
    process.wait_line(lambda line: json.loads(line)["event"] == "value", told + 5)
    numbers = [json.loads(line)["seq"] for line in process.lines]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), numbers
    assert third.child.poll() is None


def test_watch_follows_feeds_as_well(farm):
    farm.broker()
    farm.worker()
    done = farm.reeve("watch", "ticker/AAPL/0.05", "--count", "4", "--json")
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and told[0]["event"] == "snapshot" and "price" in told[-1], done
    done = farm.reeve("watch", "nobody/feeds/this")
    assert done.returncode == 3 and "nobody/feeds/this" in done.stderr, done


def test_symbols_come_and_go_while_it_runs(farm):
    farm.broker()
    farm.worker()
    process, typed = ticker(farm, "AAPL", "--interval", "0.05")
    process.wait_line(lambda line: line.startswith("AAPL "))
    typed.write("tsla\n")
    process.wait_line(lambda line: line.startswith("TSLA "))
    assert set(feeds(farm)) == {"ticker/AAPL/0.05", "ticker/TSLA/0.05"}
    typed.write("-aapl\nwhat?\n")
    farm.until(lambda: set(feeds(farm)) == {"ticker/TSLA/0.05"}, "nobody watches AAPL")
    farm.until(lambda: "is no symbol" in process.stderr(), "what is no symbol is told")
    typed.write("MSFT")  # without an end
    typed.close()
    process.wait_line(lambda line: line.startswith("MSFT "))
    count = sum(line.startswith("TSLA ") for line in process.lines)
    process.wait_line(lambda line: line.startswith("TSLA "), count + 2)  # the end of input is no end
    process.kill(signal.SIGINT)
    assert process.wait() == 0
    farm.until(lambda: not feeds(farm), "nobody watches")


def test_it_ends_when_its_reader_has_had_enough(farm):
    farm.broker()
    farm.worker()
    done = subprocess.run(f"{BUILD}/bin/reeve ticker AAPL --interval 0.05 | head -2", shell=True, env=farm.env,
                          capture_output=True, text=True, timeout=60)
    assert len(done.stdout.splitlines()) == 2 and done.stderr == "", done
    assert farm.reeve("ticker", "AAPL", "--interval", "3600", "--wait", "0.5").returncode == 124


def test_it_goes_on_over_a_broker_restart(farm):
    broker = farm.broker()
    farm.worker()
    process, _ = ticker(farm, "AAPL", "--interval", "0.05", "--json")
    process.wait_line(lambda line: json.loads(line)["event"] == "value", 3)
    broker.kill()
    broker.wait()
    before = json.loads(process.lines[-1])["incarnation"]
    farm.broker()
    process.wait_line(lambda line: json.loads(line)["incarnation"] != before and json.loads(line)["event"] == "value", 3)


def test_a_table_is_drawn_in_its_place(farm):
    farm.broker()
    farm.worker()
    table = Terminal(farm, "ticker", "AAPL", "--interval", "0.05")
    table.until(lambda s: s.lines()[0].startswith("SYMBOL") and s.lines()[1].startswith("AAPL "), "head and line")
    table.until(lambda s: re.search(r"[▁▂▃▄▅▆▇█]{10}", s.lines()[1]), "the way of the price")
    table.press("tsx\x7fla")
    table.until("> tsla")
    table.press("\r")
    table.until(lambda s: s.lines()[2].startswith("TSLA ") and re.search(r"\d\.\d\d", s.lines()[2]), "another line")
    assert table.screen.lines()[0].startswith("SYMBOL") and table.screen.lines()[1].startswith("AAPL ")
    table.press("no way!\r")
    table.until("is no symbol")
    table.press("-aapl\r")
    table.until(lambda s: s.lines()[1].startswith("TSLA ") and s.lines()[2].startswith("NO "), "AAPL is taken off")
    table.resize(24, 30)
    table.until(lambda s: s.lines()[-1] == "" and any(line.startswith("TSLA") for line in s.lines()), "a narrow one")
    table.press("\x03")
    assert table.wait() == 0, table.stderr()
    table.check_restored()
    assert table.stderr() == "", table.stderr()


def test_more_symbols_than_lines(farm):
    farm.broker()
    farm.worker()
    table = Terminal(farm, "ticker", *[f"S{i}" for i in range(30)], "--interval", "0.5", rows=12)
    table.until(lambda s: s.lines()[0].startswith("SYMBOL"), "the head")
    table.until("23 more")
    table.kill(signal.SIGTERM)
    assert table.wait() == 0
    table.check_restored()


if __name__ == "__main__":
    main(globals())
