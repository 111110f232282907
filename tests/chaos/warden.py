#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""warden MARK: cleans up after a chaos run, however the run ended.

The run holds the other end of our standard input. When that closes - also because the run was killed -
every process with REEVE_CHAOS_MARK=MARK in its environment is ended, stopped ones too, by its own
pid, and what was said on standard input is undone, last first. A line there is a command as JSON:
["umount", "/path"]; a line "done" takes the last one back.
"""
import contextlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys

ROUNDS_MAX = 1000


def marked(mark):
    """The pids whose environment has the mark, without our own."""
    wanted = b"REEVE_CHAOS_MARK=" + mark.encode()
    for folder in pathlib.Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with contextlib.suppress(OSError):
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    yield int(folder.name)


def end_marked(mark):
    """Until none is left: what dies may have had a child that we had not seen. False: some stay."""
    for _ in range(ROUNDS_MAX):
        pids = list(marked(mark))
        if not pids:
            return True
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    return False


def can_trace():
    """Is there strace, and may it look at processes that are not its children?"""
    scope = pathlib.Path("/proc/sys/kernel/yama/ptrace_scope")
    return bool(shutil.which("strace")) and (os.geteuid() == 0 or not scope.exists() or scope.read_text().strip() == "0")


def main():
    mark, undo = sys.argv[1], []
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for line in sys.stdin:
        if line == "done\n":
            undo.pop()
        else:
            undo.append(json.loads(line))
    end_marked(mark)
    for command in reversed(undo):
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    main()
