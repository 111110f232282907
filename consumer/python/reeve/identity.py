# SPDX-License-Identifier: Apache-2.0
"""identity: the file with a client's key, for a broker that asks for one; `reeve keys new` makes it. The same file and
the same rules as common/identity.h: it is its owner's alone, whole, and names the broker's key.
"""
from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field

import zmq
from zmq.utils import z85

from reeve import errors

FILE_MAX = 4096
PROPERTY = re.compile(r'    ([A-Za-z0-9._-]+) = "([^"]*)"')
FIELDS = {("metadata", "role"): "role", ("metadata", "name"): "name", ("metadata", "server"): "server_key",
          ("curve", "public-key"): "public_key", ("curve", "secret-key"): "secret_key"}


@dataclass(frozen=True, slots=True)
class Identity:
    role: str
    name: str
    public_key: str  # keys are 40 characters of Z85
    secret_key: str = field(repr=False)
    server_key: str

    def show(self, socket: zmq.Socket[bytes]) -> None:
        """Before it connects."""
        socket.setsockopt(zmq.CURVE_SECRETKEY, self.secret_key.encode())
        socket.setsockopt(zmq.CURVE_PUBLICKEY, self.public_key.encode())
        socket.setsockopt(zmq.CURVE_SERVERKEY, self.server_key.encode())


def own(said: str | os.PathLike[str] | None = None) -> Identity | None:
    """From the file that was said, else $REEVE_IDENTITY, else identity in systemd's $CREDENTIALS_DIRECTORY when it is
    there; "" says none. Denied when the file cannot be believed."""
    path = os.environ.get("REEVE_IDENTITY") if said is None else os.fspath(said)
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if path is None and credentials and os.path.exists(os.path.join(credentials, "identity")):
        path = os.path.join(credentials, "identity")
    return read(path) if path else None


def read(path: str) -> Identity:
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise errors.Denied(f"{path}: {error.strerror}") from None
    try:
        wrong, text = exposed(os.fstat(fd)), b""
        if not wrong:
            text = os.read(fd, FILE_MAX + 1)
    finally:
        os.close(fd)
    if wrong:
        raise errors.Denied(f"{path}: {wrong}")
    wrong, fields = parse(text)
    if wrong:
        raise errors.Denied(f"{path}: {wrong}")
    return Identity(**fields)


def exposed(state: os.stat_result) -> str:
    """"", or why the file is not its owner's alone. What root lets a group read is root's decision."""
    if not stat.S_ISREG(state.st_mode):
        return "is not a file"
    if state.st_uid not in (os.geteuid(), 0):
        return "belongs to another user"
    others = 0o077 if state.st_uid == os.geteuid() else 0o037
    return "others may read or write it: chmod 600, if they have not" if state.st_mode & others else ""


def parse(text: bytes) -> tuple[str, dict[str, str]]:
    """What is wrong, or "", and the fields of an Identity. What is wrong repeats nothing of the text."""
    fields: dict[str, str] = {}
    section = ""
    if len(text) > FILE_MAX:
        return "is too long to be what it should be", {}
    for number, line in enumerate(text.decode("utf-8", "replace").split("\n"), 1):
        if not line or line.startswith("#"):
            continue
        if not line.startswith("    "):
            section = line
            continue
        found = PROPERTY.fullmatch(line)
        name = FIELDS.get((section, found[1])) if found else None
        if not found or name in fields:
            return f"line {number} is not one of an identity", {}
        if name:
            fields[name] = found[2]
    for name in FIELDS.values():
        if name not in fields:
            return f"has no {name.replace('_', ' ')}", {}
        if name.endswith("key") and not is_key(fields[name]):
            return f"its {name.replace('_', ' ')} is none", {}
    if zmq.curve_public(fields["secret_key"].encode()) != fields["public_key"].encode():
        return "its two keys do not belong together", {}
    return "", fields


def is_key(text: str) -> bool:
    try:
        return len(text) == 40 and len(z85.decode(text.encode())) == 32
    except (KeyError, ValueError, UnicodeError):
        return False
