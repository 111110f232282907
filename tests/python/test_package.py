# SPDX-License-Identifier: Apache-2.0
"""The package by itself: its codec against the golden vectors, its tables against the headers, its pure parts, its types."""
import datetime
import decimal
import json
import math
import pathlib
import pickle
import subprocess
import sys

import msgpack
import numpy
import pytest
import reeve
import wire as theirs  # tests/scenario: what messages.def and the headers say
from reeve import core, errors, pending, results, values, verdicts, watching, wire

ROOT = pathlib.Path(__file__).resolve().parents[2]
VECTORS = sorted((ROOT / "proto" / "vectors").glob("*.json"))


# --- the wire ---------------------------------------------------------------------------------------

def test_the_tables_are_those_of_the_headers():
    kinds = {"UINT": "u", "INT": "i", "STR": "s", "BIN": "b", "ID": "#"}
    for name, (number, required, fields) in theirs.RECORDS.items():
        mine = wire.RECORDS[name]
        assert (mine.number, mine.required) == (number, required)
        assert list(zip(mine.kinds, mine.fields)) == [(kinds[kind], field) for kind, field in fields], name
    assert wire.RECORDS.keys() == theirs.RECORDS.keys()
    words = lambda table: [word.split("_", 1)[1].lower().replace("_", " ") for word in table]  # noqa: E731
    assert results.JOB_STATES[1:] == words(theirs.STATES)
    assert len(results.REASONS) == len(theirs.REASONS)
    text = (ROOT / "proto" / "states.h").read_text() + (ROOT / "proto" / "record.h").read_text()
    for names in (results.SESSION_STATES, results.REASONS, *results.STATES.values()):
        for number, name in enumerate(names):
            assert f', {number}, "{name}")' in text, name
    for name, number in theirs.ERRORS.items():
        kind = errors.REFUSALS.get(number)
        assert kind is None or kind.word == name[4:].lower().replace("_", "-"), name


def plain(kind, value):
    """A vector's field as the package has it."""
    if kind == "b":
        return bytes.fromhex(value)
    if kind == "#":
        return int(value, 16) if value else 0
    return value if kind == "s" else int(value)


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.stem)
def test_golden_vectors(path):
    vector = json.loads(path.read_text())
    layout = wire.RECORDS[vector["record"]]
    assert layout.number == vector["type"] and vector["cases"]
    for case in vector["cases"]:
        fields = {field: plain(kind, case["fields"][field]) for field, kind in zip(layout.fields, layout.kinds)}
        body = bytes.fromhex(case["hex"])
        assert wire.encode(layout.name, **fields) == body, case["name"]
        record, = wire.decode(body)
        assert dict(zip(layout.fields, record.values)) == fields and record.kind == layout.name


def test_what_is_not_known_is_passed_over_and_what_is_wrong_is_not():
    known = wire.encode("done", number=7)
    later = msgpack.packb([8, 7, "a field of tomorrow"])
    records = list(wire.decode(msgpack.packb([9999, 1]) + known + later))
    assert [(record.kind, record.number) for record in records] == [("done", 7)] * 2
    for bad in (b"\xc1", b"\x91", b"\x01", b"\x90", msgpack.packb([8]), msgpack.packb([8, "x"]), msgpack.packb([8, -1]),
                msgpack.packb([17, 1, b"short"]), known[:-1] + b"\xcf\0"):
        read = wire.decode(known + bad)
        assert next(read).number == 7  # records before it hold
        with pytest.raises(wire.Malformed):
            next(read)


def test_ids():
    for number in (1, 31, 32, 1 << 52, (1 << 64) - 1, 0x123456789ABCDEF):
        assert wire.job_text(number) == theirs.job_text(number) and wire.job_number(wire.job_text(number)) == number
    for text in ("", "0" * 13, "0" * 12, "u" * 13, "zzzzzzzzzzzzz", "0000000000001 "):
        with pytest.raises(ValueError):
            wire.job_number(text)


def test_times():
    assert [wire.milliseconds(s) for s in (None, 0, 0.0001, 1.5)] == [0, 0, 1, 1500]
    for bad in (-1, math.inf, math.nan):
        with pytest.raises(ValueError):
            wire.milliseconds(bad)


# --- values -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("value", [
    None, True, False, 0, -1, 2 ** 64 - 1, -2 ** 63, 1.5, math.inf, "", "текст", b"", b"\0\xff", [], [1, [2, [3]]], {},
    {"a": 1, "b": [{"c": None}]}, {1: "a", b"k": 2},
    datetime.datetime(2026, 5, 6, 7, 8, 9, 123456, datetime.timezone.utc)])
def test_values_survive(value):
    back = values.unpack(values.pack(value))
    assert back == value and type(back) is type(value)


def test_what_changes_on_the_way_changes_as_documented():
    assert values.unpack(values.pack((1, 2))) == [1, 2]
    assert values.unpack(values.pack([2 ** 64, -2 ** 63 - 1])) == [str(2 ** 64), str(-2 ** 63 - 1)]
    assert values.unpack(values.pack(bytearray(b"x"))) == b"x" == values.unpack(values.pack(memoryview(b"x")))
    east = datetime.datetime(2026, 1, 1, 3, tzinfo=datetime.timezone(datetime.timedelta(hours=3)))
    assert values.unpack(values.pack(east)) == east and values.unpack(values.pack(east)).tzinfo is datetime.timezone.utc


@pytest.mark.parametrize("array", [
    numpy.arange(12).reshape(3, 4), numpy.zeros((0, 3)), numpy.array(5.5), numpy.array([1 + 2j]), numpy.array(["a", "бв"]),
    numpy.arange(6, dtype=">i2").reshape(2, 3).T, numpy.array([True, False]),
    numpy.array(["2026-01-01"], dtype="datetime64[D]")], ids=lambda array: str(array.dtype))
def test_numpy_arrays_survive(array):
    back, = values.unpack(values.pack([array]))
    assert back.dtype == array.dtype and back.shape == array.shape and (back == array).all()
    if back.size:
        back.flat[0] = back.flat[0]  # it is the receiver's own
    assert values.unpack(values.pack([numpy.float64(1.5), numpy.int32(7), numpy.bool_(True)])) == [1.5, 7, True]


def test_what_is_no_value_is_refused():
    loop = []
    loop.append(loop)
    for bad in ({1, 2}, object(), decimal.Decimal(1), lambda: 1, datetime.date(2026, 1, 1), numpy.array([object()]),
                numpy.zeros(1, [("a", "i4")])):
        with pytest.raises(TypeError, match="cannot be sent"):
            values.pack(bad)
    with pytest.raises(TypeError, match="time zone"):
        values.pack(datetime.datetime(2026, 1, 1))
    with pytest.raises(ValueError):
        values.pack(loop)
    with pytest.raises(ValueError):
        values.pack("\ud800")
    evil = msgpack.packb(["O", [1], b"\0" * 8])
    for bad in (b"", b"\x01\x02", b"\xc1", b"\xa1\xff", b"\x91" * 10000, b"\xdd\xff\xff\xff\xff",
                msgpack.packb(msgpack.ExtType(values.NUMPY, evil)), msgpack.packb(msgpack.ExtType(values.NUMPY, b"\xc1")),
                msgpack.packb(msgpack.ExtType(values.NUMPY, msgpack.packb(["<f8", [9], b"short"])))):
        with pytest.raises(ValueError):
            values.unpack(bad)


# --- errors -----------------------------------------------------------------------------------------

def test_a_failure_is_of_python_s_own_kind_where_there_is_one():
    text = "KeyError: 'x'\n\nTraceback (most recent call last):\n  File ...\nKeyError: 'x'"
    error = errors.job_error("id", "a.b", "failed", "error", text, 1)
    assert isinstance(error, KeyError) and isinstance(error, reeve.JobFailed) and error.message == "'x'"
    assert str(error).startswith("a.b id failed: KeyError")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error) and (again.text, again.traceback) == (error.text, error.traceback)
    for kind in ("SystemExit", "print", "NoSuch", "UnicodeDecodeError", "mine.ValueError", ""):
        error = errors.job_error("id", "a.b", "failed", "error", text.replace("KeyError", kind), 1)
        assert type(error) is reeve.JobFailed, kind
    plain_error = errors.job_error("id", "a.b", "failed", "error", "no such customer", 1)
    assert (plain_error.type, plain_error.message, plain_error.traceback) == ("", "no such customer", "")
    assert isinstance(errors.job_error("id", "a.b", "dead", "oom", "", 5), reeve.JobDead)


# --- verdicts ---------------------------------------------------------------------------------------

def test_verdicts_are_records():
    record, = wire.decode(reeve.Continue([1], delay=0.25, view={"x": 1}, lines=["one\ntwo", "three"]).record())
    assert (record.values[0], record.delay_ms, record.lines) == (verdicts.CONTINUE, 250, "one two\nthree\n")
    assert values.unpack(record.state) == [1] and values.unpack(record.view) == {"x": 1}
    record, = wire.decode(reeve.Fork([("a.b", 1), ("c.d",)], state=None).record())
    children = list(wire.decode(record.children))
    assert [(child.queue, values.unpack(child.args)) for child in children] == [("a.b", [1]), ("c.d", [])]
    for wrong in (reeve.Fork([]), reeve.Fork([("no name",)]), reeve.Fork([("a.b",)] * 1025), reeve.Continue(b"x" * (1 << 20)),
                  reeve.Done(1, view={"x": b"y" * (64 << 10)}), reeve.Ask(lines=["x" * (64 << 10)])):
        with pytest.raises(ValueError):
            wrong.record()
    with pytest.raises(TypeError):
        reeve.Ask(view=[1]).record()


# --- submissions --------------------------------------------------------------------------------------

def submission():
    return pending.Submission({"queue": "a.b", "args": b"\x90"}, print, print, print)


def numbers(p):
    return [record.number for body in p.unsent() for record in wire.decode(body)]


def test_everything_unsettled_is_said_again():
    p = pending.Pending()
    assert [p.add(submission()) for _ in range(5)] == [1, 2, 3, 4, 5]
    assert numbers(p) == [1, 2, 3, 4, 5] and numbers(p) == []
    p.settle(1)
    p.settle(3)
    assert (p.floor, list(p.settled())) == (2, [(1, 1), (3, 1)])
    p.resume(4)
    assert numbers(p) == [2, 4, 5]
    assert p.settle(3) is None


def test_a_broker_that_knows_less_gets_new_numbers():
    p = pending.Pending()
    kept = [submission() for _ in range(6)]
    for one in kept:
        p.add(one)
    p.settle(2)
    p.settle(5)
    assert p.gapped(0) and p.gapped(3) and not p.gapped(5) and not p.gapped(6)
    p.resume(0)
    assert numbers(p) == [1, 2, 3, 4] and list(p.open.values()) == [kept[0], kept[2], kept[3], kept[5]]
    p.resume(10)  # it knows more than we do: numbers begin behind that
    assert p.add(submission()) == 11


def test_a_refused_one_that_is_tried_again_has_another_number():
    p = pending.Pending()
    for _ in range(3):
        p.add(submission())
    assert numbers(p) == [1, 2, 3]
    p.again(2)
    assert numbers(p) == [4] and list(p.open) == [1, 3, 4]


def test_acknowledgements_are_runs():
    acks = pending.Acks()
    for number in (1, 2, 3, 7, 8, 5):
        acks.add(number)
    taken = [record for body in acks.take(9) for record in wire.decode(body)]
    assert [(ack.number, ack.count, ack.floor) for ack in taken] == [(1, 3, 9), (7, 2, 9), (5, 1, 9)] and not acks.take(9)


# --- watches ------------------------------------------------------------------------------------------

def shown(w):
    out = []
    while (one := w.next()) is not None:
        out.append((one.event, one.seq) if one.event != "lost" else ("lost", one.first, one.seq))
    return out


def live(at=5):
    w = watching.Watch()
    w.start(0)
    assert w.wish(0) == ("sync", {"nonce": w.nonce}) and w.wish(0) is None
    assert not w.took_nonce("another", 0) and w.took_nonce(w.nonce, 0)
    assert w.wish(0) == ("watch", {"incarnation": 0, "after": 0})
    w.took_update((1, at + 1), b"early", 0)  # SUB may be ahead of the answer
    w.took_snapshot((1, at), b"", 0)
    assert shown(w) == [("snapshot", at), (None, at + 1)]
    return w


def test_a_watch_begins_with_the_snapshot_and_skips_nothing():
    w = live()
    w.took_update((1, 8), b"", 1)
    assert shown(w) == [] and w.wish(1) == ("watch", {"incarnation": 1, "after": 6})
    w.took_update((1, 7), b"", 1)
    w.took_update((1, 7), b"", 1)
    assert shown(w) == [(None, 7), (None, 8)]
    assert w.wish(2) is None and w.wish(4)[0] == "watch"  # silence is asked about


def test_what_is_gone_is_told_and_a_snapshot_follows():
    w = live()
    w.took_update((1, 10), b"", 1)
    w.wish(1)
    w.took_lost(8)
    w.took_update((1, 9), b"", 1)
    w.took_snapshot((1, 10), b"", 1)
    assert shown(w) == [("lost", 7, 8), (None, 9), (None, 10), ("snapshot", 10)]
    w.wish(4)
    w.took_snapshot((1, 10), b"", 4)
    assert shown(w) == []  # nothing of it is news


def test_another_life_of_the_broker_begins_with_a_snapshot():
    w = live()
    w.start(1)
    w.took_nonce(w.nonce, 1)
    w.wish(1)
    w.took_update((2, 3), b"", 1)
    w.took_snapshot((2, 2), b"", 1)
    assert shown(w) == [("snapshot", 2), (None, 3)]
    w.took_update((1, 99), b"", 1)
    assert shown(w) == []


# --- the core -------------------------------------------------------------------------------------------

def said(c):
    body, c.out = b"".join(c.out), []
    return list(wire.decode(body))


def welcomed(last=0, incarnation=1):
    c = core.Core()
    c.tick(0)
    assert [record.kind for record in said(c)] == ["hello"]
    c.take(wire.encode("welcome", version=1, incarnation=incarnation, last_number=last, updates_port=7712), 0)
    assert c.up
    return c


def test_hello_comes_first_and_again_when_it_is_wanted():
    c = core.Core()
    c.submit(submission())
    c.tick(0)
    c.pump(0)
    assert [record.kind for record in said(c)] == ["hello"]
    c.take(wire.encode("welcome", version=1, incarnation=1), 0.1)
    c.pump(0.1)
    assert [record.kind for record in said(c)] == ["submit"]
    c.take(wire.encode("ping"), 0.2)
    assert [record.kind for record in said(c)] == ["pong"]
    c.take(wire.encode("hello_wanted"), 0.3)
    c.tick(0.3)
    assert [record.kind for record in said(c)] == ["hello"]
    c.take(wire.encode("error", number=0, code=2, text="speaks 2..3"), 0.4)
    assert isinstance(c.fatal, reeve.VersionRefused)


def test_a_silent_broker_is_asked_and_then_left():
    c = welcomed()
    c.tick(0.5)
    assert said(c) == []
    c.tick(0.9)
    assert [record.kind for record in said(c)] == ["ping"]
    c.tick(3.1)
    assert not c.up and [record.kind for record in said(c)] == ["hello"]


class Reader:
    """A sink that holds two updates."""

    def __init__(self):
        self.items = []

    def room(self):
        return len(self.items) < 2

    def show(self, topic, shown):
        self.items.append((topic, shown.event, shown.first, shown.seq))

    def read(self):
        items, self.items = self.items, []
        return items


def test_what_a_watch_of_a_prefix_dropped_is_said():
    c, reader = welcomed(), Reader()
    c.watch("job/", reader, 0)
    for seq in range(1, 6):
        c.update(b"job/x\0", msgpack.packb({"seq": seq, "incarnation": 1}), 0)
    assert reader.read() == [("job/x", None, 0, 1), ("job/x", None, 0, 2)]
    c.tick(0.1)  # there is room again
    assert reader.read() == [("job/", "lost", 3, 5)]
    for seq in range(6, 9):
        c.update(b"job/x\0", msgpack.packb({"seq": seq, "incarnation": 1}), 0.1)
    assert reader.read() == [("job/x", None, 0, 6), ("job/x", None, 0, 7)]
    c.update(b"job/x\0", msgpack.packb({"seq": 9, "incarnation": 1}), 0.1)  # before the next tick
    assert reader.read() == [("job/", "lost", 8, 8), ("job/x", None, 0, 9)]


def test_busy_is_waited_for():
    c, told = welcomed(), []
    c.submit(pending.Submission({"queue": "a.b", "args": b"\x90"}, told.append, told.append, told.append))
    c.pump(0)
    said(c)
    c.take(wire.encode("error", number=1, code=10, retry_ms=500), 1.0)
    c.pump(1.4)
    assert said(c) == [] and told == []
    c.pump(1.6)
    again, = said(c)
    assert (again.kind, again.number) == ("submit", 2)
    c.take(wire.encode("ended", number=2, id=77, state=6, value=b"\x01"), 2.0)
    assert told[0] == 77 and told[1].value == b"\x01"
    c.pump(2.0)
    assert said(c) == [] and 2.0 < c.deadline(2.0) < 2.1  # nobody waits for the acknowledgement
    c.pump(c.deadline(2.0))
    ack, = said(c)
    assert (ack.kind, ack.number, ack.floor) == ("ack", 2, 3)


def test_acknowledgements_leave_with_what_is_said_next():
    c = welcomed()
    c.submit(submission())
    c.pump(0)
    said(c)
    c.take(wire.encode("ended", number=1, id=1, state=6), 1)
    c.submit(submission())
    c.pump(1)
    assert [(record.kind, record.number) for record in said(c)] == [("ack", 1), ("submit", 2)]
    c.take(wire.encode("ended", number=2, id=2, state=6), 1)
    c.part()
    assert [record.kind for record in said(c)] == ["ack", "goodbye"]


def test_a_quota_is_waited_for_when_that_is_of_use():
    c, told = welcomed(), []
    for _ in range(2):
        c.submit(pending.Submission({"queue": "a.b", "args": b"\x90"}, told.append, told.append, told.append))
    c.pump(0)
    said(c)
    c.take(wire.encode("error", number=1, code=30, retry_ms=500), 1.0)
    c.take(wire.encode("error", number=2, code=30, text="too much"), 1.0)
    error, = told
    assert type(error) is errors.Quota and str(error) == "too much" and error.retry_ms == 0
    c.pump(1.6)
    again, = said(c)
    assert (again.kind, again.number) == ("submit", 3)


def test_a_broker_that_lost_its_memory_is_met_on_a_new_connection():
    c = welcomed()
    for _ in range(3):
        c.submit(submission())
    c.pump(0)
    c.take(wire.encode("ended", number=2, id=2, state=6), 0)
    c.take(wire.encode("hello_wanted"), 0)
    c.tick(1)
    c.take(wire.encode("welcome", version=1, incarnation=2, last_number=0), 1)
    assert c.reopen and not c.up  # answers to old numbers may still lie in the old one
    c.tick(1)
    said(c)
    c.take(wire.encode("welcome", version=1, incarnation=2, last_number=0), 1)
    c.pump(1)
    assert [record.number for record in said(c) if record.kind == "submit"] == [1, 2]


def test_a_request_that_meets_what_it_has_done_itself_is_done():
    c, done, failed = welcomed(), [], []
    c.ask(core.Ask("pause", {"id": 5}, done.append, failed.append, []))
    first, = said(c)
    c.take(wire.encode("hello_wanted"), 1)
    c.tick(1)
    c.take(wire.encode("welcome", version=1, incarnation=1), 1)
    c.take(wire.encode("error", number=first.number, code=24), 1)
    assert done == [[]] and not failed
    c.ask(core.Ask("pause", {"id": 5}, done.append, failed.append, []))
    c.take(wire.encode("error", number=first.number + 1, code=24), 1)
    assert isinstance(failed[0], reeve.Paused)


# --- the package as such --------------------------------------------------------------------------------

def test_handlers_load_without_zeromq():
    text = "import sys, reeve; assert 'zmq' not in sys.modules and 'numpy' not in sys.modules"
    subprocess.run([sys.executable, "-c", text], check=True, env={"PYTHONPATH": str(ROOT / "consumer" / "python")})


def test_all_is_typed():
    done = subprocess.run([sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "--cache-dir",
                           str(ROOT / "build" / "mypy")], cwd=ROOT / "consumer" / "python", capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
