# SPDX-License-Identifier: Apache-2.0
"""verdicts: how an iteration of a session ends (PROTOCOL.md, section 8).

A session is a handler that is called again and again with two arguments, the state that it left and an input, and
returns one of these. None of them holds the slot, and none of them loses what it says: that is a checkpoint.

    @reeve.handler("sum.slowly")
    def slowly(state, input):
        done, total = state or (0, 0)
        if done == 10:
            return reeve.Done(total)
        return reeve.Continue([done + 1, total + done], view={"done": done + 1})
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Mapping, Sequence

from reeve import wire
from reeve.handlers import NAME
from reeve.values import pack

DONE, CONTINUE, ASK, FORK = 1, 2, 3, 4
STATE_BYTES_MAX = 1 << 20
VIEW_BYTES_MAX = 64 << 10
CHILDREN_MAX = 1024


def _limited(value: Any, limit: int, what: str) -> bytes:
    data = pack(value)
    if len(data) > limit:
        raise ValueError(f"{what} has {len(data)} bytes, at most {limit} are taken")
    return data


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """view: a dict that watchers see; None: as before. lines: for the session's file."""

    view: Mapping[str, Any] | None = None
    lines: Sequence[str] = ()

    def record(self) -> bytes:
        """The verdict as the broker wants it."""
        if self.view is not None and not isinstance(self.view, Mapping):
            raise TypeError("what a session shows is a dict")
        view = b"" if self.view is None else _limited(self.view, VIEW_BYTES_MAX, "what the session shows")
        lines = "".join(line.replace("\n", " ").replace("\r", " ") + "\n" for line in self.lines)
        if len(lines.encode()) > VIEW_BYTES_MAX:
            raise ValueError(f"the session writes more than {VIEW_BYTES_MAX} bytes of lines in one iteration")
        return wire.encode("verdict", view=view, lines=lines, **self._fields())

    def _fields(self) -> dict[str, Any]:
        raise NotImplementedError


def _state(state: Any) -> bytes:
    return _limited(state, STATE_BYTES_MAX, "the session's state")


@dataclass(frozen=True)
class Done(Verdict):
    """There is no further iteration: the session has this value."""

    value: Any = None

    def _fields(self) -> dict[str, Any]:
        return {"kind": DONE, "value": pack(self.value)}


@dataclass(frozen=True)
class Continue(Verdict):
    """The next iteration comes after so many seconds, with this state and the input None."""

    state: Any = None
    delay: float = 0.0

    def _fields(self) -> dict[str, Any]:
        return {"kind": CONTINUE, "state": _state(self.state), "delay_ms": wire.milliseconds(self.delay)}


@dataclass(frozen=True)
class Ask(Verdict):
    """The next iteration comes when a client says something (`Session.tell`), which is its input."""

    state: Any = None

    def _fields(self) -> dict[str, Any]:
        return {"kind": ASK, "state": _state(self.state)}


@dataclass(frozen=True)
class Fork(Verdict):
    """The next iteration comes when all children have ended; its input is a list of their [state, value], state being 6
    when it went well. children: a (method, arguments...) each, at most 1,024."""

    children: Sequence[Sequence[Any]] = ()
    state: Any = None

    def _fields(self) -> dict[str, Any]:
        if not 0 < len(self.children) <= CHILDREN_MAX:
            raise ValueError(f"a session forks into 1 to {CHILDREN_MAX} children")
        for method, *_ in self.children:
            if not NAME.fullmatch(method):
                raise ValueError(f"a child's method is a name like handler.method, not {method!r}")
        children = b"".join(wire.encode("child", queue=method, args=pack(list(args)))
                            for method, *args in self.children)
        return {"kind": FORK, "state": _state(self.state), "children": children}
