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
from sklearn.model_selection import cross_val_score, train_test_split

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


def arrow_file(path, content):
    """Write a file that Feather, which wants names apart, does not."""
    with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, content.schema) as writer:
        writer.write_table(content)
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


ENDS = st.none() | st.integers(-30, 30)
NUMBERS = st.integers(-23, 22)
KEYS = st.one_of(
    NUMBERS,
    NUMBERS.map(np.int64),
    st.builds(slice, ENDS, ENDS, st.none() | st.sampled_from([-3, -2, -1, 1, 2, 5])),
    st.lists(NUMBERS, max_size=8),
    st.lists(NUMBERS, min_size=1, max_size=8).map(np.array),
    st.lists(st.booleans(), min_size=23, max_size=23),
    st.lists(st.booleans(), min_size=23, max_size=23).map(np.array),
    st.just(...),
)
STEPS = st.sampled_from([2, slice(None, None, -1), slice(1, 4), ..., [0, 1]])


@settings(max_examples=150, deadline=None)
@given(key=KEYS, steps=st.none() | STEPS)
def test_it_is_indexed_as_the_array(path, key, steps):
    key = key if steps is None or key is ... else (key, steps)
    try:
        expected = X[key]
    except IndexError:  # arrays of two lengths for two axes
        with pytest.raises(IndexError):
            ArrowPanel(path)[key]
        return
    found = ArrowPanel(path)[key]
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


AS_NUMPY = [(), (..., 1), (slice(2, 9), slice(None), 0), (3, 1, 1), ([1, 4], [0, 2], [1, 1])]


@pytest.mark.parametrize("key", AS_NUMPY)
def test_tuples(path, key):
    np.testing.assert_array_equal(ArrowPanel(path)[key], X[key])


@pytest.mark.parametrize("key", [23, -24, [0, 23], [True], "hr", 1.0, (0, 0, 0, 0), (0, None)])
def test_what_arrays_refuse(path, key):
    with pytest.raises(IndexError):
        ArrowPanel(path)[key]


def test_only_the_series_that_are_asked_for_are_read(tmp_path, monkeypatch):
    panel = ArrowPanel(write(tmp_path / "panel.arrow", table()))
    read = []
    usual = ArrowPanel._read

    def note(self, piece, first, values):
        read.extend(range(self._starts[piece] + first, self._starts[piece] + first + len(values)))
        usual(self, piece, first, values)

    monkeypatch.setattr(ArrowPanel, "_read", note)
    panel[[9, 2, 9, -1]]
    assert read == [2, 9, 9, 22]


def test_it_can_be_split(path):
    train, test = train_test_split(ArrowPanel(path), random_state=0)
    expected = train_test_split(X, random_state=0)
    for found, rows in zip((train, test), expected, strict=True):
        np.testing.assert_array_equal(found, rows)
    scores = cross_val_score(small(max_epochs=1, missing="mask"), ArrowPanel(path), cv=2)
    np.testing.assert_array_equal(
        scores, cross_val_score(small(max_epochs=1, missing="mask"), X, cv=2)
    )


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
    message = "Column 'hr' has, for series [16], a list that (is null|has length 4); expected [52]"
    with pytest.raises(ValueError, match=f"{message}|Expected all lists to be of"):
        ArrowPanel(path)[:]


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
@pytest.mark.parametrize("lists", [[None, [1.0, 2.0]], [[], []]], ids=["null", "no steps"])
def test_a_first_series_without_steps_is_refused(lists, suffix, tmp_path):
    content = pa.table({"hr": pa.array(lists, pa.list_(pa.float32()))})
    with pytest.raises(ValueError, match=r"Column 'hr' .* list that is null or has no steps"):
        ArrowPanel(write(tmp_path / f"x.{suffix}", content))


@pytest.mark.parametrize("channels", [None, ["hr"]])
def test_two_columns_of_one_name_are_refused(channels, tmp_path):
    column = pa.array([[1.0, 2.0]], pa.list_(pa.float32()))
    path = write(tmp_path / "x.arrow", pa.table([column, column], names=["rr", "hr"]))
    twice = pa.table([column, column], names=["hr", "hr"])
    with pytest.raises(ValueError, match="the column 'hr' twice"):
        ArrowPanel(arrow_file(tmp_path / "twice.arrow", twice), channels)
    with pytest.raises(ValueError, match="the column 'hr' twice"):
        ArrowPanel(path, ["hr", "rr", "hr"])
    with pytest.raises(ValueError, match=r"pass a list: \['hr'\]"):
        ArrowPanel(path, "hr")


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
