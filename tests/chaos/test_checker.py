#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The checker against made-up histories: each planted fault must be found, and only that one."""
import sys
import traceback

import checker
from history import History

GOOD = """
invoke 1 100 a
invoke 2 110 a
invoke 3 120 b
ok 1 200 a 1 0g01 2
ok 2 210 a 2 0g02 2
ok 3 220 b 1 0g03 2
run 1 300 50 1 0g01
run 2 310 50 1 0g02
run 3 320 51 1 0g03
end 1 400 a 1 0g01 ok 1 4
end 2 410 a 2 0g02 ok 1 7
end 3 420 b 1 0g03 ok 1 10
"""


def report_of(text, **options):
    history = History()
    for line in text.strip().split("\n"):
        history.add(line)
    return checker.check(history, **options)


def without(*starts):
    return "\n".join(line for line in GOOD.strip().split("\n") if not line.startswith(starts))


def found(report, *rules):
    assert set(report.problems) == set(rules), f"found {dict(report.problems)}, wanted {rules}"


def test_a_good_run():
    report = report_of(GOOD)
    found(report)
    assert report.valid and report.counts["executions"] == 3 and report.counts["duplicated"] == 0, report


def test_lost():
    found(report_of(without("end 2")), "lost")
    assert "1" in str(report_of(without("end 2")))
    found(report_of(without("end 2") + "\ninfo 2 500 a"), "lost")  # that its client left is no excuse


def test_unexpected():
    found(report_of(GOOD + "run 9 300 50 1 0g09\n"), "unexpected")
    found(report_of(GOOD + "ok 9 300 a 9 0g09 2\nend 9 310 a 9 0g09 failed 1 no\n", states=("ok", "failed")), "unexpected")
    found(report_of(GOOD + "invoke 9 300 a\nfail 9 310 a 3 10\nrun 9 320 50 1 0g09\n"), "unexpected")
    found(report_of(GOOD + "invoke 9 300 a\nfail 9 310 a 3 10\n"))


def test_unknown_outcomes():
    found(report_of(GOOD + "invoke 9 300 a\ninfo 9 310 a\n"))
    found(report_of(GOOD + "invoke 9 300 a\ninfo 9 310 a\nrun 9 305 50 1 0g09\n"))


def test_two_jobs_of_one_submission():
    again = GOOD + "ok 2 500 a 2 0g09 2\n"
    found(report_of(again), "two-jobs")
    found(report_of(again, one_job=False))
    found(report_of(GOOD + "ok 2 500 a 2 0g02 2\n"))  # said twice
    found(report_of(without("ok 2", "end 2") + "\nok 2 500 a 2 0g03 2\nend 2 600 a 2 0g03 ok 1 7"), "shared")


def test_ended_twice():
    found(report_of(GOOD + "end 2 500 a 2 0g02 ok 1 7\n"))  # told again, because its acknowledgement was lost
    found(report_of(GOOD + "end 2 500 a 2 0g02 failed 1 no\n"), "twice")
    found(report_of(GOOD + "end 2 500 a 2 0g02 ok 1 8\n"), "twice")


def test_wrong_results():
    found(report_of(without("end 2") + "\nend 2 410 a 2 0g02 ok 1 8"), "wrong")
    found(report_of(without("end 2") + "\nend 2 410 a 2 0g02 dead 5 worker lost"), "state")
    found(report_of(without("end 2") + "\nend 2 410 a 2 0g02 dead 5 worker lost", states=("ok", "dead")))
    found(report_of(without("run 2")), "not-run")
    found(report_of(without("end 2") + "\nend 2 410 a 2 0g02 ok 1 7:500",
                    expected=lambda serial: checker.value_of(serial, 500 if serial == 2 else 0)))


def test_executions():
    once_more = GOOD + "run 2 330 52 2 0g02\n"
    found(report_of(once_more), "duplicated")
    found(report_of(once_more, losses=1))
    found(report_of(once_more, losses=None))
    found(report_of(once_more + "run 3 340 52 2 0g03\n", losses=1), "duplicated")
    found(report_of(GOOD + "run 2 330 52 2 0g02\n" * 5, losses=5), "attempts")


def test_a_number_forgotten():
    found(report_of(GOOD + "forgot 0 500 a 17 3\n"), "forgot")
    found(report_of(GOOD + "forgot 0 500 a 17 3\n", one_job=False))


def test_lines_that_are_none():
    found(report_of(GOOD + "end 2\n"), "malformed")
    found(report_of(GOOD + "bend 2 1 a\n"), "malformed")
    found(report_of(GOOD + "run 2 x 50 1 0g02\n"), "malformed")


def updates(*list_of):
    return [dict(incarnation=life, seq=seq, event=event, **more) for life, seq, event, more in
            [(*update, {})[:4] if len(update) == 3 else update for update in list_of]]


def test_updates():
    good = [(7, 5, "snapshot"), (7, 6, "counts"), (7, 7, "counts")]
    found(checker.check_updates(updates(*good)))
    found(checker.check_updates(updates(*good, (7, 9, "counts"))), "gap")
    found(checker.check_updates(updates(*good, (7, 9, "lost", {"first": 8, "last": 9}), (7, 10, "counts"))))
    found(checker.check_updates(updates(*good, (7, 8, "lost", {"first": 8, "last": 8}), (7, 10, "counts"))), "gap")
    found(checker.check_updates(updates(*good, (7, 7, "counts"))), "order")
    found(checker.check_updates(updates(*good, (7, 6, "snapshot"))), "order")
    found(checker.check_updates(updates(*good, (8, 1, "counts"))), "order")
    found(checker.check_updates(updates(*good, (8, 0, "snapshot"), (8, 1, "counts"))))
    found(checker.check_updates(updates((7, 1, "counts"))), "order")


def main():
    passed = failed = 0
    for name, test in list(globals().items()):
        if not name.startswith("test_"):
            continue
        try:
            test()
            passed += 1
        except AssertionError:
            traceback.print_exc(file=sys.stdout)
            print(f"failed: {name}")
            failed += 1
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
