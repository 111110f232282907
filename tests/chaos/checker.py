# SPDX-License-Identifier: Apache-2.0
"""checker: judges a run from its history. Starts nothing and asks nobody.

    lost        accepted and never ended
    unexpected  executed, accepted or ended though nobody handed it in, or though it was refused
    two-jobs    one submission became two jobs (with a durable store)
    shared      two submissions became one job
    twice       a job ended in two ways: another state, another value
    state       ended in a state that nothing of the run explains
    wrong       ended well with another value than the handler makes
    not-run     ended well and no handler began it
    attempts    began more often than a job's attempts allow
    duplicated  more executions too many, over all jobs, than leases were lost
    forgot      the broker did not know a client's number any more (with a durable store)
    malformed   a line of the history that is none
    gap, order  of updates: a number left out without a word, or not in order

What is left over is counted and told: duplicates within the bound, jobs nobody knows about.
"""
import collections

ATTEMPTS_MAX = 5
SHOWN = 5


def value_of(serial, size=0):
    """What recorder answers, as the history shows it."""
    number = str(3 * serial + 1)
    return f"{number}:{size}" if size > 40 else number


class Report:
    def __init__(self):
        self.problems = collections.defaultdict(list)
        self.counts = {}

    def say(self, rule, text):
        self.problems[rule].append(text)

    @property
    def valid(self):
        return not self.problems

    def __str__(self):
        text = ", ".join(f"{name} {count}" for name, count in self.counts.items())
        for rule, found in sorted(self.problems.items()):
            text += f"\n  {rule}: {len(found)}: " + "; ".join(found[:SHOWN])
        return text


def check_terminal(history, report, serial, one_job):
    """S3, S4: one submission, one job, one end."""
    ends = history.ended.get(serial, ())
    jobs = {told.job for told in history.accepted.get(serial, ())} | {end.job for end in ends}
    if one_job and len(jobs) > 1:
        report.say("two-jobs", f"{serial} is {sorted(jobs)}")
    for job in {end.job for end in ends}:
        ways = {(end.state, end.value) for end in ends if end.job == job}
        if len(ways) > 1:
            report.say("twice", f"{serial} {job} ended {sorted(ways)}")
    return jobs


def check_results(history, report, expected, states):
    for serial, ends in history.ended.items():
        end = ends[0]
        if end.state not in states:
            report.say("state", f"{serial} {end.job} {end.state} {end.value}")
        elif end.state == "ok" and expected and end.value != expected(serial):
            report.say("wrong", f"{serial} {end.job} {end.value}, not {expected(serial)}")
        if end.state == "ok" and serial not in history.runs:
            report.say("not-run", f"{serial} {end.job}")


def check_executions(history, report, losses):
    """S6: with losses None the class of the jobs promises no bound."""
    extra = 0
    for serial, runs in history.runs.items():
        extra += len(runs) - 1
        if len(runs) > ATTEMPTS_MAX and losses is not None:
            report.say("attempts", f"{serial} began {len(runs)} times")
    if losses is not None and extra > losses:
        twice = [str(serial) for serial, runs in history.runs.items() if len(runs) > 1]
        report.say("duplicated", f"{extra} executions too many, {losses} leases lost: " + " ".join(twice[:20]))
    return extra


def check(history, expected=value_of, losses=0, one_job=True, states=("ok",)):
    """The report of a run that has been healed and drained. losses: leases lost, as the broker counted them or as
    the faults allow; None: unbounded. one_job: a submission never becomes two jobs (durable)."""
    report = Report()
    owners = {}
    for serial in history.accepted.keys() | history.ended.keys() | history.runs.keys():
        if serial not in history.invoked:
            report.say("unexpected", f"{serial} was never handed in")
        elif serial in history.refused:
            report.say("unexpected", f"{serial} was refused with {history.refused[serial]}")
        for job in check_terminal(history, report, serial, one_job):
            if owners.setdefault(job, serial) != serial:
                report.say("shared", f"{job} is {owners[job]} and {serial}")
    for serial, told in history.accepted.items():
        if serial not in history.ended:
            report.say("lost", f"{serial} {told[0].job}" + (" (its client left)" if serial in history.unknown else ""))
    check_results(history, report, expected, states)
    extra = check_executions(history, report, losses)
    for told in history.forgot if one_job else ():
        report.say("forgot", told)
    if history.malformed:
        report.say("malformed", f"{history.malformed} lines")
    report.counts = {"invoked": len(history.invoked), "accepted": len(history.accepted), "ended": len(history.ended),
                     "refused": len(history.refused), "executions": sum(map(len, history.runs.values())),
                     "lost": len(report.problems.get("lost", ())),
                     "unexpected": len(report.problems.get("unexpected", ())),
                     "duplicated": extra, "lease losses": "unbounded" if losses is None else losses}
    return report


def check_updates(updates, report=None):
    """S13, of one topic as `reeve watch --json` tells it: after a snapshot at N comes N + 1, or `lost` says what does
    not; a new incarnation begins with a snapshot. Returns the report."""
    report = report or Report()
    life = number = None
    gone = (0, 0)
    for update in updates:
        if "event" not in update:
            report.say("watch", f"it says {update}")
            continue
        event, seq = update["event"], update["seq"]
        if event == "snapshot":
            if life == update["incarnation"] and seq < number:
                report.say("order", f"a snapshot at {seq} after {number}")
            life, number = update["incarnation"], seq
        elif event == "lost":
            gone = (update["first"], update["last"])
        elif life != update["incarnation"]:
            report.say("order", f"update {seq} of incarnation {update['incarnation']} without a snapshot")
            life, number = update["incarnation"], seq
        elif seq <= number:
            report.say("order", f"{seq} after {number}")
        elif seq != number + 1 and not (gone[0] <= number + 1 and seq - 1 <= gone[1]):
            report.say("gap", f"{seq} after {number}, told lost: {gone[0]}..{gone[1]}")
            number = seq
        else:
            number = seq
    return report
