# SPDX-License-Identifier: Apache-2.0
"""The file with a client's key: what is believed of it, and what is not. tests/unit/test_identity.c has the same of C."""
import os

import pytest
import zmq
from reeve import errors, identity


def text_of(**changed):
    public, secret = (key.decode() for key in zmq.curve_keypair())
    fields = dict(role="client", name="c-1", server=zmq.curve_keypair()[0].decode(), public=public, secret=secret) | changed
    return ('# A secret key.\n\nmetadata\n    role = "{role}"\n    name = "{name}"\n    server = "{server}"\n'
            '    note = "somebody else\'s"\ncurve\n    public-key = "{public}"\n    secret-key = "{secret}"\n').format(**fields)


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "some.key"
    path.write_text(text_of())
    path.chmod(0o600)
    return path


def refusal(path):
    with pytest.raises(errors.Denied) as raised:
        identity.read(str(path))
    assert str(path) in str(raised.value)
    return str(raised.value)


def test_a_whole_file_is_read(file):
    read = identity.read(str(file))
    assert (read.role, read.name) == ("client", "c-1")
    assert f'secret-key = "{read.secret_key}"' in file.read_text()
    assert read.secret_key not in repr(read)
    file.chmod(0o400)
    assert identity.read(str(file)) == read


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o666])
def test_a_file_that_others_reach_is_refused(file, mode):
    file.chmod(mode)
    assert "others may read or write it" in refusal(file)


def test_what_is_no_file_of_ones_own_is_refused(file, tmp_path):
    link = tmp_path / "link.key"
    link.symlink_to(file)
    refusal(link)
    assert "is not a file" in refusal(tmp_path)
    os.mkfifo(tmp_path / "pipe.key", 0o600)
    assert "is not a file" in refusal(tmp_path / "pipe.key")  # and nobody waits for a writer
    refusal(tmp_path / "not.there")


def test_a_file_that_is_cut_off_is_refused_wherever_it_ends(file):
    text = file.read_text()
    secret = identity.read(str(file)).secret_key
    for size in range(len(text) - 1):  # only the last newline can be missed
        file.write_text(text[:size])
        assert secret not in refusal(file)


def test_what_does_not_fit_is_refused(file):
    for wrong in [text_of(public=zmq.curve_keypair()[0].decode()), text_of(server="x"), text_of(secret="~" * 40),
                  text_of() + '    secret-key = "again"\n', text_of() + "curve = 1\n    x\n", "#" * 5000, ""]:
        file.write_text(wrong)
        refusal(file)


def test_ones_own_is_said_or_in_the_environment_or_a_credential(file, tmp_path, monkeypatch):
    monkeypatch.delenv("REEVE_IDENTITY", raising=False)
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    assert identity.own() is None
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert identity.own() is None  # a unit may have others than ours
    (tmp_path / "identity").write_text(text_of(name="credential"))
    (tmp_path / "identity").chmod(0o400)
    named = identity.own()
    assert named and named.name == "credential"
    monkeypatch.setenv("REEVE_IDENTITY", str(file))
    named = identity.own()
    assert named and named.name == "c-1"
    said = identity.own(tmp_path / "identity")
    assert said and said.name == "credential"
    assert identity.own("") is None
