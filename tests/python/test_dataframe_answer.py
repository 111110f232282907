# SPDX-License-Identifier: Apache-2.0
"""What main() returned, as a file."""
import dask
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from reeve.dataframe.answer import store

FRAME = pd.DataFrame({"key": list("abcab") * 40, "x": np.arange(200) / 7, "n": range(200)})


@pytest.fixture(autouse=True)
def threads():
    with dask.config.set(scheduler="threads"):
        yield


def kept(folder, value, ending=".parquet"):
    assert store(value, folder / "work_ansver") == ending
    assert [path.name for path in folder.iterdir()] == ["work_ansver" + ending]  # and no draft
    path = folder / ("work_ansver" + ending)
    return pd.read_parquet(path) if ending == ".parquet" else path.read_text()


@pytest.mark.parametrize("parts", [1, 7])
def test_frames(tmp_path, parts):
    frame = dd.from_pandas(FRAME, npartitions=parts)
    pd.testing.assert_frame_equal(kept(tmp_path, frame), FRAME, check_dtype=False)
    wanted = FRAME.groupby("key").agg({"x": ["mean", "std"], "n": "sum"})
    got = kept(tmp_path, frame.groupby("key").agg({"x": ["mean", "std"], "n": "sum"}))
    assert got.columns.tolist() == wanted.columns.tolist()
    np.testing.assert_allclose(got.sort_index().to_numpy(), wanted.to_numpy(), rtol=1e-12)


def test_many_parts_keep_their_order_and_groups(tmp_path):
    kept(tmp_path, dd.from_pandas(FRAME, npartitions=8).x * 2)
    file = pq.ParquetFile(tmp_path / "work_ansver.parquet")
    assert file.num_row_groups == 8
    assert file.read()["x"].to_pylist() == (FRAME.x * 2).tolist()


@pytest.mark.parametrize("value, wanted", [
    (FRAME, FRAME),
    (FRAME.x, FRAME[["x"]]),
    (pd.Index([3, 1], name="k"), pd.DataFrame({"k": [3, 1]})),
    (np.arange(6.0).reshape(3, 2), pd.DataFrame(np.arange(6.0).reshape(3, 2), columns=[0, 1])),
    (dask.delayed(FRAME), FRAME),
])
def test_other_tables(tmp_path, value, wanted):
    got = kept(tmp_path, value)
    got.columns = wanted.columns if [str(name) for name in wanted.columns] == [str(name) for name in got.columns] else got.columns
    pd.testing.assert_frame_equal(got, wanted, check_dtype=False)


@pytest.mark.parametrize("value, wanted", [
    (42, "42"),
    ({"a": [1]}, "{'a': [1]}"),
    (None, "None"),
    ("grüße \udc80", "grüße \\udc80"),
    (np.fft.fft(np.arange(4.0)), str(np.fft.fft(np.arange(4.0)))),
    (pd.DataFrame({"z": [1 + 2j]}), pd.DataFrame({"z": [1 + 2j]}).to_string()),
    (pd.DataFrame({"mixed": [1, "a", [2]]}), pd.DataFrame({"mixed": [1, "a", [2]]}).to_string()),
    (pd.DataFrame([[1, 2]], columns=["a", "a"]), pd.DataFrame([[1, 2]], columns=["a", "a"]).to_string()),
])
def test_what_parquet_cannot_hold(tmp_path, value, wanted):
    assert kept(tmp_path, value, ".txt") == wanted


def test_long_texts_are_whole(tmp_path):
    spectrum = np.fft.fft(np.sin(np.arange(100_000)))
    lines = kept(tmp_path, spectrum, ".txt").splitlines()
    assert [complex(line) for line in lines] == spectrum.tolist()
    (tmp_path / "work_ansver.txt").unlink()
    frame = dd.from_pandas(pd.DataFrame({"z": spectrum}), npartitions=3)
    lines = kept(tmp_path, frame, ".txt").splitlines()
    assert lines[0] == "\tz" and lines[-1].startswith("99999\t(") and len(lines) == 100_001


def test_parts_that_differ(tmp_path):
    def part(frame):
        return frame.assign(note=None if frame.n.iloc[0] == 0 else "text")

    frame = dd.from_pandas(FRAME, npartitions=2).map_partitions(part, meta={**FRAME.dtypes, "note": object})
    assert kept(tmp_path, frame)["note"].isna().sum() == 100


def test_an_error_of_the_computation_is_raised_and_nothing_is_left(tmp_path):
    def bad(part):
        if part.n.iloc[0]:
            raise ValueError("in the second part")
        return part

    (tmp_path / "work_ansver.parquet").write_text("of before")
    with pytest.raises(ValueError, match="in the second part"):
        store(dd.from_pandas(FRAME, npartitions=2).map_partitions(bad, meta=FRAME), tmp_path / "work_ansver")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["of before"]


def test_a_folder_that_cannot_be_written(tmp_path):
    with pytest.raises(OSError):
        store(FRAME, tmp_path / "no" / "work_ansver")
