# SPDX-License-Identifier: Apache-2.0
"""Which files a dataframe job may name."""
import pytest

from reeve.dataframe.roots import BadRequest, Roots


@pytest.fixture
def root(tmp_path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "out").mkdir()
    for name in ("in/base.parquet", "in/work.py", "in/sub/work.py", "out/base.parquet", "out/work.py"):
        (tmp_path / name).touch()
    (tmp_path / "in" / "link.py").symlink_to("../out/work.py")
    (tmp_path / "in" / "good.py").symlink_to("sub/work.py")
    (tmp_path / "in" / "away").symlink_to("../out")
    (tmp_path / "in" / "circle.py").symlink_to("circle.py")
    return tmp_path


def request(directory, base="base.parquet", file="work.py"):
    return {"Directory": str(directory), "Base": base, "File": file}


def test_what_lies_below_a_root(root):
    here = root / "in"
    place = Roots([root / "out", here]).place(request(here))
    assert (place.directory, place.base, place.file) == (here, here / "base.parquet", here / "work.py")
    assert (place.answer, place.name) == (here / "work_ansver", "work_ansver")
    place = Roots([here]).place(request(".", "sub/../base.parquet", "sub/work.py"))  # from the first root
    assert (place.answer, place.name) == (here / "sub" / "work_ansver", "sub/work_ansver")
    place = Roots([here]).place(request(here, file="good.py"))  # a link that stays inside: the answer lies beside it
    assert (place.file, place.answer) == (here / "sub" / "work.py", here / "good_ansver")
    assert Roots([here]).place(request(here, base="sub")).base == here / "sub"


@pytest.mark.parametrize("words, said", [
    (request("../out"), "Directory ../out is outside the roots of this worker"),
    (request("/"), "Directory / is outside the roots of this worker"),
    (request("away"), "Directory away is outside the roots of this worker"),
    (request("C:/your_folder/"), "Directory C:/your_folder/: No such file or directory"),
    (request("work.py"), "Directory work.py is no folder"),
    (request(".", "../out/base.parquet"), "Base ../out/base.parquet is outside the roots of this worker"),
    (request(".", "away/base.parquet"), "Base away/base.parquet is outside the roots of this worker"),
    (request(".", "/etc/passwd"), "Base /etc/passwd is outside the roots of this worker"),
    (request(".", "no.parquet"), "Base no.parquet: No such file or directory"),
    (request(".", file="link.py"), "File link.py is outside the roots of this worker"),
    (request(".", file="no.py"), "File no.py: No such file or directory"),
    (request(".", file="base.parquet"), "File base.parquet is no Python file"),
    (request(".", file="nul\0.py"), "File nul\0.py: "),
    (request(".", file="circle.py"), "File circle.py: "),
    (request(".", file="x" * 5000 + ".py"), "File xxx"),
    ({"Directory": ".", "Base": "base.parquet"}, "a dataframe job wants the texts Directory, Base and File"),
    ({"Directory": ".", "Base": "", "File": 1}, "a dataframe job wants the texts Directory, Base and File"),
    (None, "a dataframe job wants the texts Directory, Base and File"),
    ([1], "a dataframe job wants the texts Directory, Base and File"),
])
def test_what_does_not(root, words, said):
    with pytest.raises(BadRequest) as caught:
        Roots([root / "in"]).place(words)
    assert str(caught.value).startswith(said)


def test_a_folder_of_parquet_with_a_file_of_elsewhere(root):
    (root / "in" / "sub" / "part.parquet").symlink_to("../../out/base.parquet")
    with pytest.raises(BadRequest, match="outside the roots"):
        Roots([root / "in"]).place(request(root / "in", base="sub"))


def test_roots_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError):
        Roots([tmp_path / "no"])
    with pytest.raises(ValueError):
        Roots([])
