# SPDX-License-Identifier: Apache-2.0
"""processes: what a process has started, as /proc tells it: how much memory, and an end to it."""
from __future__ import annotations

import contextlib
import ctypes
import os
import signal

PAGE = os.sysconf("SC_PAGE_SIZE")
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def die_with_parent() -> None:
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def adopt_orphans() -> None:
    """From now on what our children leave behind becomes our child, whatever session it has made for itself."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):  # it has ended while we look
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", encoding="ascii") as file:
                found += map(int, file.read().split())
    return found


def tree(pid: int) -> list[int]:
    """It and all below it."""
    found = [pid]
    for each in found:
        found += children(each)
    return found


def resident_bytes(pid: int) -> int:
    """In memory now; a page that it shares with others counts in full. Quick."""
    with contextlib.suppress(OSError, IndexError), open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * PAGE
    return 0


def own_bytes(pid: int) -> int:
    """The same, but a page that n processes share counts as an n-th. Looks at all its pages, and waits while it forks."""
    with contextlib.suppress(OSError, IndexError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return int(file.read().partition("\nPss:")[2].split()[0]) * 1024
    return 0


def end(pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def end_orphans(keep: set[int]) -> None:
    """Ends all children of ours but these, and what they leave to us in turn."""
    while orphans := [pid for pid in children(os.getpid()) if pid not in keep]:
        end([pid for orphan in orphans for pid in tree(orphan)])
        for pid in orphans:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
