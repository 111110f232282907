# SPDX-License-Identifier: Apache-2.0
"""Alert rules and the dashboard, against the figures of a running farm: every name and label they ask for is there, the
rules are Prometheus's, they come when they should, and the runbook knows each of them."""
import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
sys.path.insert(0, str(ROOT / "tests" / "scenario"))

import yaml  # noqa: E402

import farm as farms  # noqa: E402
from gateway import Gateway  # noqa: E402

NAME = re.compile(r"\b(?:reeve_|process_)\w+")
SELECTOR = re.compile(r"\b((?:reeve_|process_)\w+)(?:\{([^}]*)\})?")
LABEL = re.compile(r'(\w+)(=~|!=|=)"([^"]*)"')
FROM_PROMETHEUS = {"instance", "job"}  # labels of the scrape, not of the figure


def promtool(*words):
    done = subprocess.run(["promtool", *words], cwd=DEPLOY / "prometheus", capture_output=True, text=True,
                          timeout=farms.DEADLINE_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def figures(gateway):
    """{name: [{label: value}, ...]} of what a farm that has worked says."""
    found = {}
    answer = gateway.ask("GET", "/metrics")
    assert answer.status == 200
    for line in answer.body.decode().splitlines():
        if not line.startswith("#"):
            name, labels = re.match(r"(\w+)(?:\{(.*)\})? ", line).groups()
            found.setdefault(name, []).append(dict(re.findall(r'(\w+)="([^"]*)"', labels or "")))
    return found


def dashboard():
    """Every expression of it, with the title of its panel."""
    board = json.loads((DEPLOY / "grafana" / "reeve.json").read_text())
    for note in board["annotations"]["list"]:
        yield note["name"], note["expr"]
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            yield panel["title"], target["expr"]


def rules():
    document = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def fits(label, how, wanted, rows):
    values = {row[label] for row in rows if label in row}
    if how == "=~":
        return all(one in values for one in wanted.split("|"))
    return wanted in values


def check(where, expression, known):
    """The names and labels of one expression."""
    for name, labels in SELECTOR.findall(expression):
        assert name in known, f"{where}: no figure {name}"
        for label, how, wanted in LABEL.findall(labels):
            assert label in FROM_PROMETHEUS or fits(label, how, wanted, known[name]), f"{where}: no {name}{{{label}{how}{wanted}}}"
    for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression):
        for label in re.split(r",\s*", labels):
            assert label in FROM_PROMETHEUS or label == "le" or any(
                label in row for name in NAME.findall(expression) for row in known[name]), f"{where}: nothing has {label}"


def test_names(farm):
    farm.broker("--store", "memory")
    farm.worker()
    gateway = Gateway(farm)
    assert farm.reeve("call", "calculator.calculate", 2, "+", 2).stdout == "4\n"
    known = farm.until(lambda: (f := figures(gateway)).get("reeve_job_run_seconds_count") and f, "a job is in the figures")
    count = 0
    for title, expression in dashboard():
        check(f"dashboard, {title}", expression.replace("$instance", "any"), known)
        count += 1
    for rule in rules():
        check(rule.get("alert") or rule["record"], rule["expr"], known)
        count += 1
    used = {name for text in [e for _, e in dashboard()] + [r["expr"] for r in rules()] for name in NAME.findall(text)}
    for name in ("reeve_up", "reeve_jobs_finished_total", "reeve_slots", "reeve_log_commit_seconds"):
        assert name in used, name
    print(f"{count} expressions, {len(used)} figures")


def test_rules(farm):
    del farm
    promtool("check", "rules", "alerts.yml")
    promtool("check", "config", "--syntax-only", "scrape.yml")
    promtool("test", "rules", "alerts_test.yml")
    tested = (DEPLOY / "prometheus" / "alerts_test.yml").read_text()
    runbook = (DEPLOY / "RUNBOOK.md").read_text()
    for rule in rules():
        if "alert" in rule:
            assert f"alertname: {rule['alert']}\n" in tested, f"{rule['alert']} is not tested"
            assert f"**{rule['alert']}**" in runbook, f"the runbook does not know {rule['alert']}"


def test_dashboard(farm):
    del farm
    board = json.loads((DEPLOY / "grafana" / "reeve.json").read_text())
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    places = [panel["gridPos"] for panel in board["panels"]]
    for i, a in enumerate(places):
        assert a["x"] + a["w"] <= 24, a
        for b in places[:i]:
            assert a["x"] >= b["x"] + b["w"] or b["x"] >= a["x"] + a["w"] or a["y"] >= b["y"] + b["h"] or b["y"] >= a["y"] + a["h"], \
                f"panels lie over each other: {a} {b}"
    # What Grafana fills in, Prometheus reads: as rules, because promtool has no other way to say that it can.
    rules_of = {"groups": [{"name": "dashboard", "rules": [
        {"record": f"panel:{i}", "expr": expression.replace("$__rate_interval", "1m").replace("$instance", "any")}
        for i, (_, expression) in enumerate(dashboard())]}]}
    done = subprocess.run(["promtool", "check", "rules", "/dev/stdin"], input=yaml.safe_dump(rules_of), capture_output=True,
                          text=True, timeout=farms.DEADLINE_S, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


farms.main(globals())
