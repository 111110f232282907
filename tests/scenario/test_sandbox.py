#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a handler can and cannot do in each level of the sandbox, with tests/handlers/prisoner, which tries; and that
the handlers there are go on working."""
import errno
import json
import os
import pathlib
import pwd
import signal
import subprocess

import farm as farm_module
from farm import BUILD, NotHere

PRISONER = BUILD / "tests" / "handlers" / "prisoner"
# A leak sanitizer traces its own process, and is let: what it needs cannot be refused in such a build.
SANITIZED = b"__asan_init" in (BUILD / "bin" / "reeve-worker").read_bytes()
ROOT = os.geteuid() == 0


def start(farm, *words, slots=1):
    """A farm whose worker keeps its temporary folders in the farm's own."""
    farm.env["TMPDIR"] = str(farm.folder)
    farm.broker("--store", "memory")
    return farm.worker(*words, slots=slots)


def start_with_key(farm, *words):
    """The same, of a broker that asks for keys; the worker has one, and a variable leads to the admin's. Returns it, too."""
    keys = farm.folder / "keys"
    farm.json("keys", "init", "--keys", keys)
    key = farm.json("keys", "new", "worker", "prison", "--keys", keys)["file"]
    farm.env |= {"TMPDIR": str(farm.folder), "REEVE_IDENTITY": str(keys / "admin.key")}
    farm.broker("--store", "memory", "--keys", keys)
    return farm.worker("--identity", key, *words, slots=1), key


def call(farm, *words):
    done = farm.reeve("call", "--json", *words)
    assert done.returncode == 0, done
    return json.loads(done.stdout)["value"]


def tries(farm, *words):
    """How an attempt went: the name of the errno, or ok."""
    code = call(farm, "prisoner." + words[0], *words[1:])
    return errno.errorcode[code] if code else "ok"


def variables(farm):
    return dict(line.split("=", 1) for line in call(farm, "prisoner.variables").splitlines())


def folders(farm):
    return list(farm.folder.glob("reeve-slots-*"))


def landlock(farm):
    """Does this kernel have it? As the worker has found."""
    done = farm.start("reeve-worker", "--check-sandbox")
    assert done.wait() == 0
    return "strict files ok no files but those opened to it" in done.lines


def strict(farm, *words, slots=1):
    if not landlock(farm):
        raise NotHere("this kernel has no Landlock")
    return start(farm, "--sandbox", "strict", *words, slots=slots)


def test_basic_is_the_default(farm):
    farm.env |= {"DATABASE_URL": "secret", "NAMED": "yes", "LC_TIME": "C"}
    worker, _ = start_with_key(farm, "--handler", PRISONER, "--env", "NAMED")
    seen = variables(farm)
    assert "DATABASE_URL" not in seen and "REEVE_IDENTITY" not in seen, seen
    assert seen["NAMED"] == "yes" and seen["LC_TIME"] == "C" and seen["PATH"] == farm.env["PATH"], seen

    temporary = pathlib.Path(seen["TMPDIR"])
    assert temporary.parent.parent == farm.folder and temporary.stat().st_mode & 0o777 == 0o700
    assert tries(farm, "write", temporary / "file") == "ok"

    me = call(farm, "prisoner.self")
    assert me["umask"] == 0o77 and me["core"] == 0 and me["no_new_privs"] == 1, me
    assert me["descriptors"] <= 5, me  # the three standard ones, its bell and its page
    assert me["user"] == os.geteuid()
    for way in ("namespace", "mount", *([] if SANITIZED else ["trace"])):
        assert tries(farm, way) == "EPERM", way
    assert tries(farm, "network") == "ok"
    assert call(farm, "prisoner.multiply", 3) == 3

    assert worker.stop() == 0
    assert folders(farm) == []
    assert ("sandbox=basic without worker" in worker.stderr()) == ROOT or SANITIZED, worker.stderr()


def test_a_worker_that_is_not_roots_cannot_be_looked_into(farm):
    if ROOT or SANITIZED:
        raise NotHere("for another user than root, without a sanitizer")
    start(farm, "--handler", PRISONER)
    assert tries(farm, "memory") == "EACCES"


def test_off_leaves_all_but_keys(farm):
    farm.env["DATABASE_URL"] = "secret"
    worker, _ = start_with_key(farm, "--handler", PRISONER, "--sandbox", "off")
    seen = variables(farm)
    assert seen["DATABASE_URL"] == "secret" and "REEVE_IDENTITY" not in seen, seen
    assert seen["TMPDIR"] == str(farm.folder)
    me = call(farm, "prisoner.self")
    assert me["no_new_privs"] == 1 and me["descriptors"] <= 5, me
    assert "without" not in worker.stderr(), worker.stderr()


def test_strict_opens_only_what_it_must(farm):
    inside, outside = farm.folder / "inside", farm.folder / "outside"
    for folder in (inside, outside):
        folder.mkdir()
        (folder / "file").write_text("text")
    if not landlock(farm):
        raise NotHere("this kernel has no Landlock")
    _, key = start_with_key(farm, "--sandbox", "strict", "--handler", PRISONER, "--read", inside)
    assert tries(farm, "read", key) == "EACCES"
    assert tries(farm, "read", outside / "file") == "EACCES"
    assert tries(farm, "read", "/etc/shadow") == "EACCES"
    assert tries(farm, "read", inside / "file") == "ok"
    assert tries(farm, "write", inside / "file") == "EACCES"
    assert tries(farm, "write", inside / "other") == "EACCES"
    assert tries(farm, "write", pathlib.Path(variables(farm)["TMPDIR"]) / "file") == "ok"
    assert tries(farm, "memory") == "EACCES"
    for way in ("network", "namespace", "mount"):
        assert tries(farm, way) == "EPERM", way
    assert 100 < call(farm, "prisoner.hoard") < 256
    if not SANITIZED:
        assert tries(farm, "trace") == "EPERM" and tries(farm, "signal") == "EPERM"
        assert call(farm, "prisoner.multiply", 3) == 0


def test_what_the_operator_opens_can_be_written(farm):
    inside = farm.folder / "inside"
    inside.mkdir()
    strict(farm, "--handler", PRISONER, "--write", inside)
    assert tries(farm, "write", inside / "file") == "ok"
    assert (inside / "file").stat().st_mode & 0o777 == 0o600


def test_a_key_where_handlers_read_is_refused(farm):
    if not landlock(farm):
        raise NotHere("this kernel has no Landlock")
    key = farm.folder / "worker.key"
    key.write_text("secret")
    farm.env["REEVE_IDENTITY"] = str(key)
    worker = farm.start("reeve-worker", "--broker", "none", "--handler", PRISONER, "--sandbox", "strict",
                        "--read", farm.folder)
    assert worker.wait() == 7 and f"keeps {key} from handlers" in worker.stderr(), worker.stderr()


def test_built_in_handlers_in_strict(farm):
    strict(farm, slots=2)
    assert call(farm, "calculator.calculate", "2", "^", "100") == str(2**100)
    assert call(farm, "fibonacci_generator.calculate", "10") == 55
    assert call(farm, "neural_analyzer.polarity", "A wonderful day")["polarity"] > 0
    cvs = call(farm, "data_processing.calculate_cv", '{"model": "williams_otto", "mvs": {"FB": 4.5, "TR": 90}}')["cvs"]
    assert cvs
    linear = '{"model": "linear", "model_file": "wood_berry.json", "mvs": {"R": 2.0, "S": 1.7}}'
    assert call(farm, "data_processing.calculate_cv", linear)["cvs"]
    session = farm.reeve("session", "start", "--model", "williams_otto", "--max-iterations", "5", "--seed", "1", "--quiet")
    assert session.returncode == 0, session.stderr
    done = farm.reeve("session", "optimise", session.stdout.strip(), "--wait")
    assert done.returncode == 0, done.stderr
    assert farm.json("session", "show", session.stdout.strip())["best"]["objective"] > 0
    prices = farm.reeve("ticker", "AAPL", "--interval", "0.05", "--count", "2")
    assert prices.returncode == 0, prices.stderr


def test_commands_in_basic(farm):
    farm.env["DATABASE_URL"] = "secret"
    start(farm, "--allow-shell")
    done = farm.reeve("run", "--", "sh", "-c", "echo $HOME $DATABASE_URL; touch $TMPDIR/x && ls $TMPDIR; exit 3")
    assert (done.returncode, done.stdout) == (3, f"{farm.folder}\nx\n"), done


HANDLERS = """
import os, socket, subprocess, tempfile, threading
import reeve

@reeve.handler("my.thread")
def thread():
    seen = []
    one = threading.Thread(target=lambda: seen.append(1))
    one.start()
    one.join()
    return seen

@reeve.handler("my.command")
def command():
    return subprocess.run(["/bin/echo", "done"], capture_output=True, text=True).stdout

@reeve.handler("my.file")
def file(folder):
    with tempfile.NamedTemporaryFile(dir=folder or None) as made:
        return made.name

@reeve.handler("my.network")
def network():
    socket.socket().close()
"""


def python(farm):
    farm.env["REEVE_PYTHON"] = "/usr/bin/python3"
    path = farm.folder / "handlers" / "my.py"
    path.parent.mkdir()
    path.write_text(HANDLERS)
    return path


def test_python_in_basic(farm):
    start(farm, "--python", python(farm))
    assert call(farm, "my.thread") == [1] and call(farm, "my.command") == "done\n"
    assert call(farm, "my.file", "").startswith(str(farm.folder) + "/reeve-slots-")
    assert call(farm, "my.network") is None


def test_python_in_strict(farm):
    strict(farm, "--python", python(farm))
    assert call(farm, "my.thread") == [1] and call(farm, "my.command") == "done\n"
    assert call(farm, "my.file", "").startswith(str(farm.folder) + "/reeve-slots-")
    for words in (["my.file", farm.folder], ["my.network"]):
        failed = farm.reeve("call", *words)
        assert failed.returncode == 1 and "PermissionError" in failed.stderr, failed


def test_another_user(farm):
    if not ROOT:
        raise NotHere("only root can become another user")
    nobody = pwd.getpwnam("nobody")
    if subprocess.run(["test", "-x", PRISONER], user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[]).returncode:
        raise NotHere(f"nobody cannot reach {PRISONER}")
    farm.folder.chmod(0o711)
    secret = farm.folder / "secret"
    secret.write_text("text")
    secret.chmod(0o600)
    worker = start(farm, "--handler", PRISONER, "--slot-user", "nobody", "--slot-processes", "20")
    me = call(farm, "prisoner.self")
    assert me["user"] == nobody.pw_uid and me["groups"] == 0, me
    assert tries(farm, "read", secret) == "EACCES"
    assert tries(farm, "memory") == "EACCES"
    assert tries(farm, "signal") == "EPERM"
    seen = variables(farm)
    assert seen["USER"] == "nobody" and seen["HOME"] == nobody.pw_dir, seen
    assert tries(farm, "write", pathlib.Path(seen["TMPDIR"]) / "file") == "ok"
    assert tries(farm, "write", "/dev/stderr") == "ok"
    # By a cgroup 20, with the one that asks; by the kernel's count of a user as many a runner, and there are few.
    assert call(farm, "prisoner.multiply", 300) < 300
    assert "without worker" not in worker.stderr(), worker.stderr()


def test_folders_of_a_killed_worker_go_too(farm):
    worker = start(farm, "--handler", PRISONER)
    temporary = pathlib.Path(variables(farm)["TMPDIR"])
    assert tries(farm, "write", temporary / "file") == "ok"
    worker.kill(signal.SIGKILL)
    farm.until(lambda: not folders(farm), "the spawner has removed what its worker left")


def test_a_new_process_has_a_new_folder(farm):
    start(farm, "--handler", PRISONER, "--recycle-jobs", "1")
    first = pathlib.Path(variables(farm)["TMPDIR"])
    farm.until(lambda: variables(farm)["TMPDIR"] != str(first), "another process")
    farm.until(lambda: not first.exists(), "its folder is gone")


def test_limits_without_a_cgroup_are_said(farm):
    done = farm.start("reeve-worker", "--check-sandbox")
    assert done.wait() == 0
    if "limits cgroup ok" in "\n".join(done.lines):
        raise NotHere("this host has delegated a cgroup")
    worker = start(farm, "--handler", PRISONER, "--slot-cpu", "0.5", "--slot-files", "64")
    assert call(farm, "prisoner.hoard") < 64
    assert "slot-cpu is not kept: " in worker.stderr(), worker.stderr()


def test_bad_words(farm):
    for status, says, *words in ((2, "--sandbox wants off, basic or strict", "--sandbox", "tight"),
                                 (2, "--allow-shell wants basic", "--sandbox", "strict", "--allow-shell"),
                                 (7, "REEVE_IDENTITY: that leads to a key", "--env", "REEVE_IDENTITY"),
                                 (7, "--read /not/there: No such file", "--read", "/not/there")):
        worker = farm.start("reeve-worker", "--broker", "none", *words)
        assert worker.wait() == status and says in worker.stderr(), (words, worker.stderr())
    user = farm.start("reeve-worker", "--broker", "none", "--slot-user", "no-such-user")
    assert user.wait() == (7 if ROOT else 2), user.stderr()


def test_up_and_doctor(farm):
    farm.env["DATABASE_URL"] = "url"
    farm.up("--slots", "1", "--workers", "1", "--doors", "none", "--handler", PRISONER, "--sandbox", "basic",
            "--env", "DATABASE_URL")
    assert variables(farm)["DATABASE_URL"] == "url"
    checks = {check["name"]: check for check in farm.json("doctor")["checks"]}
    assert checks["sandbox"]["text"].startswith("basic: "), checks["sandbox"]


if __name__ == "__main__":
    farm_module.main(globals())
