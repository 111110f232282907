# SPDX-License-Identifier: Apache-2.0
"""`reeve todo`: tasks that people complete, and the lines of those who watch; and the same over HTTP."""
import json
import signal

from farm import main
from gateway import Gateway


def todo(farm, *words):
    return farm.reeve("todo", *words)


def add(farm, *words):
    done = todo(farm, "add", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def watch(farm, *words):
    """A watch that has begun: a task added and removed again is seen."""
    process = farm.start("reeve", "todo", "watch", *words)
    def begins():
        """Told of nothing that was before: so it is asked for until something is told."""
        number = add(farm, "watched yet?").strip()
        assert todo(farm, "remove", number).returncode == 0
        return any(number in line for line in process.lines)
    for _ in range(3):  # the list that it compares with at its beginning has come by then, too
        farm.until(begins, "the watch begins")
    return process


def test_a_task_from_beginning_to_end(farm):
    farm.broker()
    assert todo(farm, "list").stdout == ""
    assert farm.json("todo", "list") == {"tasks": []}
    assert add(farm, "water", "the  plants") == "1\n"
    assert add(farm, "--json", "second") == json.dumps(
        {"task": 2, "id": farm.json("todo", "list")["tasks"][1]["id"], "title": "second", "completed": False},
        separators=(",", ":")) + "\n"
    assert todo(farm, "list").stdout == "  1: water the  plants\n  2: second\n"
    done = todo(farm, "complete", "1")
    assert (done.returncode, done.stdout) == (0, "Task 1 completed\n")
    assert todo(farm, "list").stdout == "✓ 1: water the  plants\n  2: second\n"
    assert todo(farm, "complete", "1").returncode == 0  # it is completed
    assert json.loads(todo(farm, "complete", "2", "--json").stdout) == {"task": 2, "completed": True}
    first, second = farm.json("todo", "list")["tasks"]
    assert first["completed"] and first["title"] == "water the  plants" and first["added_ms"] <= first["completed_ms"]
    assert farm.json("session", "show", second["id"])["state"] == "finished"


def test_what_is_not_there_is_not_found(farm):
    farm.broker()
    add(farm, "one")
    done = todo(farm, "complete", "99")
    assert done.returncode == 3 and "Task not found" in done.stderr and done.stdout == "", done
    done = todo(farm, "complete", "99", "1", "98")
    assert done.returncode == 3 and done.stdout == "Task 1 completed\n" and done.stderr.count("Task not found") == 2, done
    done = todo(farm, "complete", "99", "--json")
    assert json.loads(done.stdout)["error"]["exit"] == 3
    done = todo(farm, "remove", "7")
    assert done.returncode == 3 and "Task not found" in done.stderr
    done = todo(farm, "remove", "1")
    assert done.returncode == 1 and "completed" in done.stderr


def test_removed_is_gone_and_its_number_is_not_used_again(farm):
    farm.broker()
    for title in ("a", "b", "c"):
        add(farm, title)
    done = todo(farm, "remove", "2", "3")
    assert (done.returncode, done.stdout) == (0, "Task 2 removed\nTask 3 removed\n")
    assert todo(farm, "list").stdout == "  1: a\n"
    assert todo(farm, "complete", "2").returncode == 3
    assert add(farm, "d") == "4\n"
    assert todo(farm, "list", "--quiet").stdout == "1\n4\n"


def test_mistakes_are_told(farm):
    farm.broker()
    for words, text in ((["add"], "add TITLE"), (["add", ""], "needs a title"), (["add", "  "], "needs a title"),
                        (["add", "a\nb"], "one line"), (["add", "x" * 1001], "1,000 bytes"),
                        (["add", b"\xff".decode(errors="surrogateescape")], "UTF-8"), (["complete", "x"], "no number"),
                        (["complete", "1", "-2"], "-2"), (["complete"], "complete N"), (["lst"], 'did you mean "list"'),
                        (["list", "more"], "reeve todo list"), (["watch", "--count", "0"], "count")):
        done = todo(farm, *words)
        assert done.returncode == 2 and text in done.stderr, (words, done)
    assert todo(farm, "list").stdout == ""  # none of it has done anything
    assert add(farm, "x" * 1000) == "1\n"
    done = farm.reeve("todo", "list", "--broker", "tcp://127.0.0.1:1", "--wait", "0.2")
    assert done.returncode == 4


def test_hostile_titles_are_only_text(farm):
    farm.broker()
    title = "<img onerror=alert(1)> \x1b[2J\u202eevil\x07 '; DROP"
    add(farm, "--", title)
    listed = todo(farm, "list").stdout
    assert listed == "  1: <img onerror=alert(1)> ?[2J?evil? '; DROP\n", listed
    assert farm.json("todo", "list")["tasks"][0]["title"] == title


def test_a_watch_tells_what_comes_and_nothing_else(farm):
    farm.broker()
    add(farm, "before")
    lines = watch(farm)
    objects = watch(farm, "--json")
    number = add(farm, "now").strip()
    todo(farm, "complete", "1", number)
    other = add(farm, "never").strip()
    todo(farm, "remove", other)
    lines.wait_line(f"[Update] Task {other}: REMOVED")
    assert lines.lines[-5:] == [f"[Update] Task {number}: ADDED", "[Update] Task 1: COMPLETED",
                                f"[Update] Task {number}: COMPLETED", f"[Update] Task {other}: ADDED",
                                f"[Update] Task {other}: REMOVED"], lines.lines
    assert "[Update] Task 1: ADDED" not in lines.lines
    objects.wait_line(lambda line: json.loads(line)["event"] == "removed" and json.loads(line)["task"] == int(other))
    told = [json.loads(line) for line in objects.lines[-5:]]
    assert [update["event"] for update in told] == ["added", "completed", "completed", "added", "removed"]
    assert told[0]["topic"] == "todo" and told[0]["title"] == "now" and told[0]["task"] == int(number)
    assert [update["seq"] for update in told] == list(range(told[0]["seq"], told[0]["seq"] + 5)), told
    lines.kill(signal.SIGINT)
    assert lines.wait() == 0
    assert todo(farm, "watch", "--wait", "0.2").returncode == 124


def test_a_watch_goes_on_over_a_broker_restart(farm):
    broker = farm.broker()
    add(farm, "stays"), add(farm, "is completed meanwhile"), add(farm, "is removed meanwhile")
    lines = watch(farm)
    seen = len(lines.lines)
    last = int(add(farm, "last before").strip())
    lines.wait_line(f"[Update] Task {last}: ADDED")
    lines.kill(signal.SIGSTOP)  # whatever happens now it has to find out later
    broker.kill()
    broker.wait()
    farm.broker()
    todo(farm, "complete", "2"), todo(farm, "remove", "3")
    new = int(add(farm, "new").strip())
    assert new == last + 1
    todo(farm, "complete", str(new))
    lines.kill(signal.SIGCONT)
    lines.wait_line(f"[Update] Task {new}: COMPLETED")
    assert sorted(lines.lines[seen + 1:]) == sorted(
        [f"[Update] Task {new}: ADDED", f"[Update] Task {new}: COMPLETED", "[Update] Task 2: COMPLETED",
         "[Update] Task 3: REMOVED"]), lines.lines
    todo(farm, "complete", "1")
    lines.wait_line("[Update] Task 1: COMPLETED")
    assert len(lines.lines) == len(set(lines.lines)), lines.lines


def test_a_watch_of_a_broker_that_keeps_nothing(farm):
    broker = farm.broker("--store", "memory")
    lines = watch(farm)
    number = int(add(farm, "open").strip())
    done = int(add(farm, "done").strip())
    todo(farm, "complete", str(done))
    lines.wait_line(f"[Update] Task {done}: COMPLETED")
    broker.kill()
    broker.wait()
    farm.broker("--store", "memory")
    lines.wait_line(f"[Update] Task {number}: REMOVED")
    told = len(lines.lines)
    for _ in range(done):
        add(farm, "counted from 1 again")
    lines.wait_line(f"[Update] Task {done}: ADDED", 2)
    assert lines.lines[told:] == [f"[Update] Task {i + 1}: ADDED" for i in range(done)], lines.lines


def test_many_tasks(farm):
    farm.broker()
    client = farm.client()
    count = 2500
    for i in range(count):
        title = f"task {i}".encode()
        client.submit("todo.task", b"\x91" + bytes([0xa0 + len(title)]) + title, flags=4)
    client.receive("accepted", number=count)
    tasks = farm.json("todo", "list")["tasks"]
    assert [task["task"] for task in tasks] == list(range(1, count + 1))
    assert tasks[-1]["title"] == f"task {count - 1}"


def test_the_list_over_http(farm):
    farm.broker("--store", "memory")
    gateway = Gateway(farm)
    assert gateway.good("GET", "/v1/todo") == {"tasks": [], "next": None}
    titles = [f"task {i}" for i in range(1, 8)]
    for i, title in enumerate(titles, 1):
        added = gateway.good("POST", "/v1/todo", {"title": title}, status=201)
        assert (added["task"], added["title"], added["completed"]) == (i, title, False), added
    gateway.good("POST", "/v1/todo/3/complete", status=204)
    gateway.good("POST", "/v1/todo/3/complete", status=204) # nothing new
    gateway.refused(404, "unknown-task", "POST", "/v1/todo/99/complete", text="Task not found")
    for part in ("x", "0", "-1", "1.5", "99999999999999999999999"):
        gateway.refused(400, "invalid", "POST", f"/v1/todo/{part}/complete")
        gateway.refused(400, "invalid", "DELETE", f"/v1/todo/{part}")
    seen, path = [], "/v1/todo?limit=3"
    while path:
        page = gateway.good("GET", path)
        seen += page["tasks"]
        path = page["next"] and f"/v1/todo?limit=3&cursor={page['next']}"
    assert [t["title"] for t in seen] == titles and [t["task"] for t in seen if t["completed"]] == [3], seen
    gateway.refused(400, "invalid", "GET", "/v1/todo?cursor=x", text="cursor")
    gateway.refused(400, "invalid", "POST", "/v1/todo", {"title": ""}, text="title")
    gateway.good("POST", f"/v1/jobs/{seen[0]['id']}/cancel", status=204)
    assert [t["task"] for t in gateway.good("GET", "/v1/todo")["tasks"]] == [2, 3, 4, 5, 6, 7]


def test_a_task_is_removed_over_http(farm):
    farm.broker("--store", "memory")
    gateway = Gateway(farm)

    def left():
        return [t["task"] for t in gateway.good("GET", "/v1/todo")["tasks"]]

    ids = [gateway.good("POST", "/v1/todo", {"title": f"task {i}"}, status=201)["id"] for i in range(1, 5)]
    gateway.good("POST", "/v1/todo/3/complete", status=204)
    gateway.good("DELETE", "/v1/todo/2", status=204)
    assert left() == [1, 3, 4]
    assert gateway.good("GET", f"/v1/jobs/{ids[1]}")["state"] == "cancelled"
    for gone in (2, 5, 99): # removed, never added; the one behind it is left alone
        gateway.refused(404, "unknown-task", "DELETE", f"/v1/todo/{gone}", text="Task not found")
    gateway.refused(409, "ended", "DELETE", "/v1/todo/3", text="stays on the list")
    gateway.refused(404, "unknown-task", "POST", "/v1/todo/2/complete", text="Task not found")
    assert left() == [1, 3, 4]


if __name__ == "__main__":
    main(globals())
