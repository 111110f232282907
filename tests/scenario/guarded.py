# SPDX-License-Identifier: Apache-2.0
"""guarded: a farm whose broker asks for keys. The folder of keys is written here, by hand and by the documented
format, so that what `reeve keys` makes is not what these tests believe in."""
import os
import pathlib
import signal

import zmq

from farm import Farm, Peer, Worker


def write_private(path, text):
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:
        file.write(text)


class Identity:
    """A key pair of a role and a name, in a file."""

    def __init__(self, folder, role, name, server_key=None):
        self.role, self.name, self.server_key = role, name, server_key
        self.public_key, self.secret_key = zmq.curve_keypair()
        self.path = folder / f"{name}.key"
        server = f'    server = "{server_key.decode()}"\n' if server_key else ""
        write_private(self.path, f'metadata\n    role = "{role}"\n    name = "{name}"\n{server}'
                                 f'curve\n    public-key = "{self.public_key.decode()}"\n'
                                 f'    secret-key = "{self.secret_key.decode()}"\n')

    def shown_by(self, socket):
        socket.curve_publickey, socket.curve_secretkey, socket.curve_serverkey = \
            self.public_key, self.secret_key, self.server_key

    def line(self, queues="*"):
        return f"{self.role} {self.name} {self.public_key.decode()} {queues}\n"


class GuardedFarm(Farm):
    """Its principals: an admin, who is also whom the command line comes as; what a test adds with know()."""

    def __init__(self):
        super().__init__()
        self.keys = pathlib.Path(self.folder) / "keys"
        self.keys.mkdir(mode=0o700)
        self.server = Identity(self.keys, "broker", "server")
        self.lines = {}
        self.admin = self.know("admin", "admin")
        self.env["REEVE_IDENTITY"] = str(self.admin.path)

    def stranger(self, role="client", name="stranger"):
        """Somebody with a key of his own, of whom the broker knows nothing."""
        return Identity(self.keys, role, name, self.server.public_key)

    def know(self, role, name, queues="*"):
        identity = self.stranger(role, name)
        self.lines[name] = identity.line(queues)
        self.write_list()
        return identity

    def write_list(self, text=None):
        write_private(self.keys / "acl", "".join(self.lines.values()) if text is None else text)

    def broker(self, *words):
        self.process = super().broker("--keys", self.keys, *words)
        return self.process

    def hang_up(self, says):
        """Tells the broker that the list is another one; when it has said so, or that it has not taken it."""
        seen = self.process.stderr().count(says)
        self.process.kill(signal.SIGHUP)
        self.until(lambda: self.process.stderr().count(says) > seen, f"the broker says {says}")

    def strike(self, *names):
        """They are no longer on the list that is in force."""
        for name in names:
            del self.lines[name]
        self.take()

    def take(self):
        self.write_list()
        self.hang_up("another list of principals is in force")

    def client(self, identity=None, **fields):
        return Peer(self, identity=identity or self.admin, **fields)

    def raw_worker(self, identity, *queues, **fields):
        return Worker(self, *queues, identity=identity, **fields)

    def check_alive(self):
        name = f"alive-{len(self.lines)}"
        worker = self.know("worker", name)
        self.take()
        super_worker, client = self.raw_worker(worker, "alive.check"), self.client()
        number = client.submit("alive.check", b"\x91\x07")
        lease = super_worker.receive("lease")
        super_worker.answer(lease, b"\x08")
        assert client.receive("ended", number=number).value == b"\x08"
        for peer in (super_worker, client):
            peer.send("goodbye")
            peer.close()


def status(farm):
    """As the administrator sees it."""
    client = farm.client()
    client.send("get_status", number=1)
    answer = client.receive("status", number=1)
    client.close()
    return answer
