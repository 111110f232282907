#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Files of settings: which of the places that say something counts, what the programs make of them, and what is said
of a file that is wrong."""
import json
import os
import pathlib
import subprocess

import farm as farm_module
from farm import BUILD, NotHere

SAMPLE = pathlib.Path(__file__).resolve().parents[2] / "deploy" / "reeve.conf.sample"
PROGRAMS = ("broker", "worker", "gateway")
ONCE = {"--config", "--help", "--ready-fd", "--check-sandbox"}  # a command line only


def settle(farm, text=None):
    """From now on files are read; the user's one says this."""
    for name in ("REEVE_CONFIG", "REEVE_BROKER", "XDG_CONFIG_HOME"):
        farm.env.pop(name, None)
    if text is not None:
        path = farm.folder / ".config" / "reeve" / "reeve.conf"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path
    return None


def write(farm, text, name="named.conf"):
    path = farm.folder / name
    path.write_text(text)
    return path


def shown(farm, section, *words):
    """{name: (values, where the first one was said)} of what was said."""
    found = {}
    for row in farm.json("config", "show", section, *words)["settings"]:
        assert row["section"] == section, row
        assert (row["value"] is None) == (row["origin"] == "default"), row
        if row["value"] is not None:
            values, _ = found.setdefault(row["name"], ([], row["origin"]))
            values.append(row["value"])
    return found


def check_refused(farm, text, error, sections=PROGRAMS):
    """Programs whose section it is do not start with it; `config check` says the same; nothing is on standard output."""
    path = write(farm, text)
    for section in sections:
        done = subprocess.run([BUILD / "bin" / f"reeve-{section}", "--config", path], env=farm.env, cwd=farm.folder,
                              capture_output=True, text=True, timeout=farm_module.DEADLINE_S)
        assert (done.returncode, done.stdout) == (7, ""), done
        assert done.stderr == f"reeve-{section}: {path}{error}\n", done.stderr
    done = farm.reeve("config", "check", path)
    assert (done.returncode, done.stdout) == (7, "") and f"{path}{error}\n" in done.stderr, done


def test_each_place_gives_way_to_those_before_it(farm):
    user = settle(farm, "worker\n    slots = 2\n    name = user\n    root = /user\n    recycle-age = 1h\n")
    named = write(farm, "worker\n    name = named\n    slots = 3\n    root = /a\n    root = /b\n    allow-shell = true\n")
    assert shown(farm, "worker") == {"slots": (["2"], f"{user}:2"), "name": (["user"], f"{user}:3"),
                                     "root": (["/user"], f"{user}:4"), "recycle-age": (["1h"], f"{user}:5")}
    both = shown(farm, "worker", "--config", named)
    assert both == {"slots": (["3"], f"{named}:3"), "name": (["named"], f"{named}:2"), "root": (["/a", "/b"], f"{named}:4"),
                    "recycle-age": (["1h"], f"{user}:5"), "allow-shell": (["true"], f"{named}:6")}
    farm.env["REEVE_CONFIG"] = str(named)
    assert shown(farm, "worker") == both
    farm.env["REEVE_WORKER_BROKER"] = "tcp://10.0.0.1:7711"
    assert shown(farm, "worker")["broker"] == (["tcp://10.0.0.1:7711"], "$REEVE_WORKER_BROKER")
    assert shown(farm, "worker", "--config", "none") == {"broker": (["tcp://10.0.0.1:7711"], "$REEVE_WORKER_BROKER")}


def test_what_is_shown_can_be_read_again(farm):
    settle(farm, "worker\n    name = \"a # b\"\n    handler = 'say \"no\"'\n    root = \"\"\ngateway\n    doors = text,dask\n")
    first = farm.reeve("config", "show", "--origin")
    assert first.returncode == 0 and '    name = "a # b"                      # ' in first.stdout, first
    settle(farm, first.stdout)
    again = farm.reeve("config", "show")
    assert again.returncode == 0 and again.stdout == farm.reeve("config", "show").stdout, again
    assert shown(farm, "worker")["name"][0] == ["a # b"]
    assert shown(farm, "worker")["handler"][0] == ['say "no"']
    assert shown(farm, "worker")["root"][0] == [""]


def test_programs_do_what_files_say(farm):
    settle(farm)
    path = write(farm, f"broker\n    bind = {farm.address}\n    store = memory\n"
                       f"worker\n    broker = tcp://127.0.0.1:{farm.port + 1}\n    slots = 3\n    name = from-file\n"
                       f"gateway\n    http = 127.0.0.1:{farm.port + 3}\n    broker = {farm.address}\n    doors = text\n"
                       f"    text-port = {farm.port + 4}\n"
                       f"client\n    broker = {farm.address}\n    json = true\n")
    farm.env["REEVE_CONFIG"] = str(path)
    farm.broker()
    worker = farm.worker(slots=1)  # what the command line says counts more
    found = json.loads(farm.reeve("workers").stdout)["workers"]
    assert [(one["id"], len(one["slots"])) for one in found] == [("from-file", 1)], found
    reader, writer = os.pipe()
    farm.start("reeve-gateway", "--ready-fd", writer, keep=[writer])
    os.close(writer)
    with open(reader) as pipe:
        assert [pipe.readline(), pipe.readline()] == [f"text tcp://127.0.0.1:{farm.port + 4}\n", "\n"]
    assert worker.stop() == 0


def test_what_is_wrong_is_said_with_its_line(farm):
    settle(farm)
    check_refused(farm, "broker\n    store = memory\n  x = 1\n", ":3: lines are indented by four blanks")
    check_refused(farm, "worker\n    slots = 4\nbrokr\n", ":3: unknown section brokr; did you mean broker?")
    check_refused(farm, "worker\n    sluts = 4\n", ":2: unknown setting sluts; did you mean slots?", ["worker"])
    check_refused(farm, "worker\n    slots = 0\n",
                  ":2: slots wants a whole number from 1 to 1024, not \"0\"", ["worker"])
    check_refused(farm, "broker\n    ready-fd = 3\n", ":2: unknown setting ready-fd", ["broker"])
    check_refused(farm, "gateway\n    behind-proxy = yes\n", ":2: behind-proxy wants true or false, not \"yes\"", ["gateway"])
    check_refused(farm, "client\n    brocker = x\n", ":2: unknown setting brocker; did you mean broker?", [])
    # What only the program can judge.
    path = write(farm, "broker\n    bind = nowhere\n")
    broker = farm.start("reeve-broker", "--config", path)
    assert broker.wait() == 7 and f"{path}:2: bind wants tcp://HOST:PORT, not \"nowhere\"" in broker.stderr(), broker.stderr()
    done = farm.reeve("workers", "--config", write(farm, "client\n    josn = true\n"))
    assert done.returncode == 7 and "did you mean json?" in done.stderr, done
    # What needs no settings goes on.
    farm.env["REEVE_CONFIG"] = str(path)
    assert farm.reeve("version").returncode == 0 and farm.reeve("help").returncode == 0


def test_files_that_cannot_be_read(farm):
    settle(farm)
    check_refused(farm, "x" * 1025 + "\n", ":1: longer than 1024 bytes")
    check_refused(farm, "#\n" * 40000, ": larger than 64 KiB")
    (farm.folder / "folder").mkdir()
    for path, why in (("folder", "Is a directory"), ("no-such", "No such file or directory"), (os.devnull, "Invalid argument")):
        done = farm.reeve("config", "check", path)
        assert done.returncode == 7 and f"{path}: {why}" in done.stderr, done
    user = settle(farm, "client\n    json = true\n")
    assert farm.reeve("config", "check").returncode == 0
    if os.geteuid() != 0:
        user.chmod(0)
        done = farm.reeve("config", "check")
        assert done.returncode == 7 and f"{user}: Permission denied" in done.stderr, done
    user.unlink()
    assert farm.reeve("config", "check").returncode == 0, "a user need not have one"


def test_a_host_has_a_file_too(farm):
    """In a namespace whose /etc is ours."""
    user = settle(farm, "worker\n    slots = 2\n")
    host = write(farm, "worker\n    slots = 7\n    name = host\n")
    script = 'mount -t tmpfs none /etc && mkdir /etc/reeve && cp "$0" /etc/reeve/reeve.conf && exec "$@"'
    inside = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, host]
    if subprocess.run([*inside, "true"], capture_output=True, env=farm.env).returncode:
        raise NotHere("no mount namespace")
    done = subprocess.run([*inside, BUILD / "bin" / "reeve", "config", "show", "worker", "--origin"], env=farm.env,
                          cwd=farm.folder, capture_output=True, text=True, timeout=farm_module.DEADLINE_S)
    assert done.returncode == 0, done
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert lines == ["worker", f"slots = 2 # {user}:2", "name = host # /etc/reeve/reeve.conf:3"], lines


def test_a_farm_of_its_own_takes_only_the_file_it_is_given(farm):
    settle(farm, "broker\n    bind = nowhere\nworker\n    name = user\n")
    up = farm.up("--workers", 1, "--slots", 2)
    found = farm.json("workers", "--broker", farm.address, "--config", "none")["workers"]
    assert [len(one["slots"]) for one in found] == [2] and found[0]["id"] != "user", found
    assert up.stop() == 0
    settle(farm, "")
    farm.env["REEVE_CONFIG"] = str(write(farm, "worker\n    name = given\n"))
    farm.up("--workers", 1)
    found = farm.json("workers", "--broker", farm.address)["workers"]
    assert [one["id"] for one in found] == ["given"], found


def test_the_sample_names_every_option(farm):
    done = farm.reeve("config", "sample")
    assert done.returncode == 0 and done.stderr == "", done
    assert done.stdout == SAMPLE.read_text(), "deploy/reeve.conf.sample is not what `reeve config sample` prints"
    path = write(farm, done.stdout)
    assert farm.reeve("config", "check", path).returncode == 0
    for section in PROGRAMS:
        names = [line[5:].split(" = ")[0] for line in done.stdout.split(f"\n{section}\n")[1].split("\n\n")[0].splitlines()
                 if line.startswith("#    ")]
        told = subprocess.run([BUILD / "bin" / f"reeve-{section}", "--help"], capture_output=True, text=True, env=farm.env).stdout
        options = {line.split()[0].replace("[no-]", "") for line in told.splitlines() if line.startswith("  --")}
        assert options - {f"--{name}" for name in names} == options & ONCE, section
        assert {f"--{name}" for name in names} <= options and len(names) > 1, section


def test_mistakes_in_the_command_line(farm):
    for words, error in ((["show", "wroker"], "no section \"wroker\"; did you mean"), (["sample", "x"], "\"x\" is too much"),
                         (["check", "a", "b"], "\"b\" is too much"), (["list"], "none of show, check, sample")):
        done = farm.reeve("config", *words)
        assert done.returncode == 2 and error in done.stderr, done
    done = farm.reeve("config", "check", "no-such", "--json")
    assert done.returncode == 7 and json.loads(done.stdout)["error"]["exit"] == 7, done
    assert "config) options=\"--origin " in farm.reeve("completion", "bash").stdout


if __name__ == "__main__":
    farm_module.main(globals())
