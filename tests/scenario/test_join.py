#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Invitations: a line from the broker's host makes another one a worker, once; what does not, and what it leaves behind."""
import json
import os
import signal

import farm as farm_module
import wire
import zmq
from zmq.utils import z85
from farm import Peer
from guarded import GuardedFarm, Identity

Z85_NOBODY = zmq.curve_keypair()


class JoinFarm(GuardedFarm):
    def invite(self, *words):
        """What is printed, as words of a command line."""
        done = self.reeve("invite", "worker", "--keys", self.keys, "--address", f"tcp://127.0.0.1:{self.port + 1}", *words)
        assert done.returncode == 0, done
        line = done.stdout.split()
        assert line[:2] == ["reeve", "join"] and done.stdout.count("\n") == 1, done.stdout
        return line[2:]

    def list(self):
        return {line.split()[1]: line.split() for line in (self.keys / "acl").read_text().splitlines() if line[:1] != "#"}

    def other_host(self, name):
        """Where a command runs that shares nothing with the broker's host but the network."""
        folder = self.folder / name
        folder.mkdir()
        return folder

    def join(self, host, line, *words):
        """A process that becomes a worker, or ends."""
        sanitizers = {name: value for name, value in os.environ.items() if name.endswith("SAN_OPTIONS")}
        saved, self.env = self.env, {"PATH": os.environ["PATH"], "HOME": str(host), "XDG_STATE_HOME": str(host / "state"), **sanitizers}
        try:
            return self.start("reeve", "join", *line, "--slots", 1, "--name", host.name, *words)
        finally:
            self.env = saved

    def wait_worker(self, name):
        return self.until(lambda: [w for w in self.workers() if w["id"] == name and w["state"] == "up"], f"{name} joins")[0]

    def refused(self, host, line, code, says):
        process = self.join(host, line)
        assert process.wait() == code and says in process.stderr(), (process.child.returncode, process.stderr())

    def know_too(self, role, name):
        """Besides those that `reeve invite` has put into the list."""
        identity = self.stranger(role, name)
        self.write_list((self.keys / "acl").read_text() + identity.line())
        self.hang_up("another list of principals is in force")
        return identity

    def raw(self, line):
        """A connection that shows the invitation's key, without a word yet."""
        digits = "0123456789abcdefghjkmnpqrstvwxyz"
        number = 0
        for digit in line[1].rsplit(".", 1)[1]:
            number = number << 5 | digits.index(digit)
        secret = (number >> 3).to_bytes(64, "big")[32:]
        identity = Identity.__new__(Identity)
        identity.secret_key = z85.encode(secret)
        identity.public_key = zmq.curve_public(identity.secret_key)
        identity.server_key = self.server.public_key
        return Peer(self, role=2, hello=False, identity=identity)


def test_a_host_joins(farm):
    farm.broker()
    line = farm.invite("--name", "rack-7", "--queues", "calculator.")
    assert farm.list()["rack-7"][0] == "invited"
    host = farm.other_host("there")
    worker = farm.join(host, line)
    farm.wait_worker("there")
    role, _, public, queues = farm.list()["rack-7"]
    assert (role, queues) == ("worker", "calculator."), role
    key = host / "state" / "reeve" / "worker.key"
    text = key.read_text()
    assert public in text and key.stat().st_mode & 0o777 == 0o600
    assert text.split("secret-key")[1].split('"')[1] not in (farm.keys / "acl").read_text() + farm.process.stderr() + worker.stderr()
    assert farm.reeve("call", "calculator.calculate", "2", "+", "2").stdout == "4\n"
    assert farm.reeve("call", "fibonacci_generator.calculate", "9").returncode == 3  # not one of its queues
    worker.stop()
    # The same line again, on this host and on another one.
    farm.join(host, line)
    farm.wait_worker("there")
    farm.refused(farm.other_host("elsewhere"), line, 5, "has expired, or was used")
    assert not (farm.folder / "elsewhere" / "state" / "reeve" / "worker.key").exists()
    # Its line in the list is a worker's as any other.
    assert farm.reeve("keys", "revoke", "rack-7", "--keys", farm.keys).returncode == 0
    farm.until(lambda: not [w for w in farm.workers() if w["id"] == "there" and w["state"] == "up"], "it is let go")


def test_the_broker_dies_before_and_after(farm):
    """An invitation is as durable as the list; a worker that joined comes back."""
    line = farm.invite()
    farm.broker()
    host = farm.other_host("there")
    farm.join(host, line)
    farm.wait_worker("there")
    farm.process.kill()
    farm.process.wait()
    farm.broker()
    farm.wait_worker("there")


def test_an_invitation_that_has_expired(farm):
    farm.broker()
    line = farm.invite("--name", "late")
    text = (farm.keys / "acl").read_text().splitlines()
    words = text[-1].split()
    farm.write_list("\n".join(text[:-1] + [" ".join(words[:-1] + ["1"])]) + "\n")
    farm.hang_up("another list of principals is in force")
    farm.refused(farm.other_host("there"), line, 5, "has expired, or was used")
    assert farm.list()["late"][0] == "invited"
    farm.invite("--name", "next")
    assert "late" not in farm.list()


def test_who_is_invited_may_do_one_thing(farm):
    farm.broker()
    line = farm.invite("--name", "curious", "--queues", "calculator.")
    for record in (wire.record("hello", version_min=1, version_max=1, role=2, peer_id=b"x" * 16, slots=1, name="x"),
                   wire.record("offer", queue="calculator.calculate"), wire.record("result", number=1, id=1, token=1),
                   wire.record("get_status", number=1)):
        peer = farm.raw(line)
        peer.send_bytes(record)
        assert peer.receive("error").code == wire.ERRORS["ERR_DENIED"]
        peer.close()
    for key in ("", "x", "#" * 40, farm.admin.public_key.decode()):
        peer = farm.raw(line)
        peer.send("enrol", public_key=key)
        assert peer.receive("error").code == wire.ERRORS["ERR_INVALID"], key
        peer.close()
    assert farm.list()["curious"][0] == "invited"
    # And nobody else may do that one.
    for identity in (farm.admin, farm.know_too("worker", "honest")):
        peer = Peer(farm, role=1 if identity is farm.admin else 2, hello=False, identity=identity)
        peer.send("enrol", public_key=Z85_NOBODY[0].decode())
        assert peer.receive("error").code == wire.ERRORS["ERR_DENIED"]
        peer.close()
    assert "denied principal=curious" in farm.process.stderr()


def test_words_that_are_no_invitation(farm):
    farm.broker()
    address, token = farm.invite("--name", "n")
    host = farm.other_host("there")
    for word in ("x", "n.", token[:-1], token + "0", token[1:], token.replace("n.", "n/."), token[:-1] + "z", "n" * 65 + token[1:]):
        farm.refused(host, [address, word], 2, "no invitation")
    farm.refused(host, ["tcp://127.0.0.1", token], 4, "no broker")
    # A key of another farm is where ours would be.
    path = host / "state" / "reeve" / "worker.key"
    path.parent.mkdir(parents=True, exist_ok=True)
    os.rename(farm.stranger("worker", "somebody").path, path)
    farm.refused(host, [address, token], 7, "another worker")
    assert farm.list()["n"][0] == "invited"
    for words, code in ((["client"], 2), (["worker", "--for", "90d"], 2), (["worker", "--name", "a b"], 7),
                        (["worker", "--queues", ","], 2), (["worker", "--name", "admin"], 7)):
        done = farm.reeve("invite", *words, "--keys", farm.keys)
        assert done.returncode == code and done.stderr, (words, done)


def test_programs_read_it(farm):
    farm.broker()
    made = farm.json("invite", "worker", "--keys", farm.keys)
    assert made["broker"] == farm.process.pid and made["name"].startswith("worker-") and made["token"].startswith(made["name"])
    assert made["address"].endswith(f":{farm.port + 1}")
    assert json.loads(farm.reeve("keys", "list", "--json", "--keys", farm.keys).stdout)["principals"][-1]["role"] == "invited"


if __name__ == "__main__":
    farm_module.main(globals(), JoinFarm)
