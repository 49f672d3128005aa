import importlib
import pickle
import sys

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet
import pytest
from helpers import small
from hypothesis import given, settings
from hypothesis import strategies as st

from tsdisentangle.io.arrow import ArrowPanel

X = np.random.default_rng(0).normal(size=(23, 5, 2)).astype(np.float32)
X[4, 2, 1] = X[9, 0, 0] = np.nan


def lists(channel, kind=None):
    nulls = [[None if np.isnan(v) else float(v) for v in row] for row in channel]
    return pa.array(nulls, kind or pa.list_(pa.float32(), channel.shape[1]))


def table(X=X, kind=None):
    names = ["hr", "rr"]
    columns = {name: lists(X[..., i], kind) for i, name in enumerate(names)}
    return pa.table({"patient": np.arange(len(X)), **columns})


def write(path, content, rows=4):
    if path.suffix == ".parquet":
        pa.parquet.write_table(content, path, row_group_size=rows)
    else:
        pa.feather.write_feather(content, path, compression="uncompressed", chunksize=rows)
    return path


@pytest.fixture(scope="module", params=["parquet", "arrow"])
def path(request, tmp_path_factory):
    return write(tmp_path_factory.mktemp("arrow") / f"panel.{request.param}", table())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 25), st.integers(0, 25))
def test_slices_are_those_of_the_array(path, start, stop):
    panel = ArrowPanel(path)
    assert (panel.shape, panel.channels, len(panel)) == (X.shape, ["hr", "rr"], 23)
    np.testing.assert_array_equal(panel[start:stop], X[start:stop])


@pytest.mark.parametrize("kind", [pa.list_(pa.float64()), pa.large_list(pa.float32())])
@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_lists_of_any_kind(kind, suffix, tmp_path):
    panel = ArrowPanel(write(tmp_path / f"x.{suffix}", table(kind=kind)))
    np.testing.assert_array_equal(panel[2:19], X[2:19])


def test_several_files_and_some_channels(tmp_path):
    paths = [
        write(tmp_path / "a.parquet", table(X[:9])),
        write(tmp_path / "b.arrow", table(X[9:9])),
        write(tmp_path / "c.arrow", table(X[9:])),
    ]
    panel = ArrowPanel(paths, ["rr"])
    np.testing.assert_array_equal(panel[3:20], X[3:20, :, 1:])
    swapped = pickle.loads(pickle.dumps(ArrowPanel(paths, ["rr", "hr"])))
    np.testing.assert_array_equal(swapped[:], X[..., ::-1])


def test_an_estimator_takes_it(path):
    fitted = small(missing="mask").fit(X)
    from_file = small(missing="mask").fit(ArrowPanel(path))
    np.testing.assert_array_equal(from_file.transform(ArrowPanel(path)), fitted.transform(X))


def ragged():
    short = [[0.0] * 5] * 6 + [[0.0] * 4]
    return pa.table({"hr": pa.array(short, pa.list_(pa.float32()))})


def absent():
    return pa.table({"hr": pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2))})


@pytest.mark.parametrize("content", [ragged(), absent()], ids=["ragged", "null"])
@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_unequal_series_are_refused(content, suffix, tmp_path):
    path = write(tmp_path / f"x.{suffix}", content)
    # Older releases of pyarrow refuse to open fixed lengths with a null themselves.
    message = "Column 'hr' has a list that is null or not of length|Expected all lists to be of"
    with pytest.raises(ValueError, match=message):
        ArrowPanel(path)[:]


def test_wrong_files_are_refused(path, tmp_path):
    with pytest.raises(ValueError, match="No file was given"):
        ArrowPanel([])
    (tmp_path / "x").write_bytes(b"something else")
    with pytest.raises(ValueError, match="neither a Parquet file nor an Arrow file"):
        ArrowPanel(tmp_path / "x")
    with pytest.raises(ValueError, match=r"columns \['hr', 'rr'\] of lists.*expected \['no'\]"):
        ArrowPanel(path, ["no"])
    with pytest.raises(ValueError, match="expected at least one"):
        ArrowPanel(write(tmp_path / "long.parquet", pa.table({"hr": [1.0, 2.0]})))
    with pytest.raises(ValueError, match="hold no series"):
        ArrowPanel(write(tmp_path / "empty.parquet", table(X[:0])))


def test_pyarrow_is_asked_for_by_name(monkeypatch):
    monkeypatch.delitem(sys.modules, "tsdisentangle.io.arrow")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install 'tsdisentangle\[arrow\]'"):
        importlib.import_module("tsdisentangle.io.arrow")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [(pa.float64(), "f8"), (pa.int32(), "f8"), (pa.int16(), "f4"), (pa.float16(), "f4")],
    ids=str,
)
def test_numbers_are_read_in_the_precision_that_holds_them(kind, expected, tmp_path):
    values = np.array([[2**24 + 1, 3]] if expected == "f8" else [[7, 3]])
    rows = pa.array([list(values[0].astype(kind.to_pandas_dtype()))], pa.list_(kind))
    path = tmp_path / "x.parquet"
    pyarrow.parquet.write_table(pa.table({"x": rows}), path)
    panel = ArrowPanel(path)
    assert panel.dtype == np.dtype(expected)
    np.testing.assert_array_equal(panel[0:1][..., 0], values)
