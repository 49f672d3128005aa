"""The way back: containers, dtypes, names; observed values to the last bit."""

import numpy as np
import pandas as pd
import polars as pl
import polars.testing
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tsdisentangle.data.containers import cast, in_form_of
from tsdisentangle.data.series import as_series

GUESS = np.array([[0.25, 0.5], [0.75, 1.25]])
LARGE = 2**53 - 1


@given(
    hnp.arrays(np.float64, (4, 3), elements=st.floats(-1e30, 1e30)),
    hnp.arrays(bool, (4, 3)),
    st.sampled_from(["f2", "f4", "f8", ">f4"]),
)
def test_observed_floats_are_kept_bit_for_bit(X, observed, kind):
    with np.errstate(over="ignore"):
        X = np.where(observed, X, np.nan).astype(kind)
    guess = np.full((4, 3), 0.5)
    found = in_form_of(X, guess, observed)
    assert found.dtype == X.dtype
    assert found[observed].tobytes() == X[observed].tobytes()
    assert (found[~observed] == 0.5).all()
    assert not np.shares_memory(found, X)


def test_integers_of_which_nothing_is_missing_stay_as_they_are():
    X = np.array([[2**62 + 1, 1], [2, 3]])
    found = in_form_of(X, GUESS, np.ones((2, 2), bool))
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, X)
    assert in_form_of(X, GUESS).dtype == np.float64


@given(hnp.arrays(np.float64, 5), st.sampled_from([np.float16, np.float32, np.float64]))
def test_a_cast_is_finite_where_the_value_is(values, kind):
    with np.errstate(over="ignore"):
        found, plain = cast(values, kind), values.astype(kind)
    assert found.dtype == kind
    inside = np.abs(values) <= np.finfo(kind).max
    np.testing.assert_array_equal(found[inside], plain[inside])
    assert np.isfinite(found[np.isfinite(values)]).all()


def test_what_is_beyond_a_small_dtype_is_its_largest_number():
    assert in_form_of(np.zeros((1, 2), "f2"), np.array([[1e6, -1e6]])).tolist() == [[65504, -65504]]
    assert cast(np.array([1e300]), np.float32) == np.finfo(np.float32).max


def test_masked_arrays_come_back_without_a_mask():
    X = np.ma.array([[LARGE, 9], [3, 4]], mask=[[0, 1], [0, 0]])
    found = in_form_of(X, GUESS, ~X.mask)
    assert isinstance(found, np.ma.MaskedArray)
    assert not found.mask.any()
    assert found.tolist() == [[LARGE, 0.5], [3, 4]]


@pytest.mark.parametrize(
    "kind", [torch.float64, torch.float32, torch.bfloat16, torch.float16], ids=str
)
def test_tensors(kind):
    X = torch.tensor([[1.0, torch.nan], [3.0, 4.0]], dtype=kind, requires_grad=True)
    found = in_form_of(X, GUESS, ~torch.isnan(X).numpy())
    assert found.dtype == kind
    assert not found.requires_grad
    assert found.tolist() == [[1.0, 0.5], [3.0, 4.0]]


def test_tensors_of_integers():
    X = torch.tensor([[1, 2], [3, 4]])
    assert torch.equal(in_form_of(X, GUESS, np.ones((2, 2), bool)), X)
    assert torch.equal(in_form_of(X, GUESS), torch.from_numpy(GUESS))


def gappy(column):
    """The dtype of a column of pandas with a gap, and what it is after the gap is filled."""
    return pd.DataFrame({"x": pd.array([LARGE, None], dtype=column), "y": [1, 2]}, index=[7, 7])


FILLED = {
    "Int64": "Float64",
    "UInt64": "Float64",
    "Float64": "Float64",
    "int64[pyarrow]": "Float64",
    "double[pyarrow]": "double[pyarrow]",
    "float64": "float64",
    "object": "float64",
}


@pytest.mark.parametrize("kind", FILLED)
def test_columns_of_frames(kind):
    X = gappy(kind)
    found = in_form_of(X, GUESS, X.notna().to_numpy())
    expected = {"x": pd.array([LARGE, 0.75], dtype=FILLED[kind]), "y": [1, 2]}
    pd.testing.assert_frame_equal(found, pd.DataFrame(expected, index=[7, 7]), check_exact=True)
    whole = X.iloc[:1]
    found = in_form_of(whole, GUESS[:1], np.ones((1, 2), bool))
    pd.testing.assert_frame_equal(found, whole)


def test_names_of_frames():
    columns = pd.MultiIndex.from_tuples([("a", 1), ("a", 1)], names=["sensor", None])
    index = pd.Index(["x", "y"], name="series")
    X = pd.DataFrame([[1.0, np.nan], [3.0, 4.0]], index, columns)
    for each in (X, X.astype("Float32"), X.astype("float32")):
        found = in_form_of(each, GUESS, each.notna().to_numpy())
        expected = pd.DataFrame([[1.0, 0.5], [3.0, 4.0]], index, columns)
        pd.testing.assert_frame_equal(found, expected.astype(each.dtypes.iloc[0]))
        pd.testing.assert_frame_equal(
            in_form_of(each, GUESS),
            pd.DataFrame(GUESS, index, columns).astype(found.dtypes.iloc[0]),
        )


def test_columns_of_pandas():
    X = pd.Series([LARGE, pd.NA], dtype="Int64", name="x", index=[3, 5])
    expected = pd.Series([LARGE, 0.5], dtype="Float64", name="x", index=[3, 5])
    found = in_form_of(X, GUESS[0], X.notna().to_numpy())
    pd.testing.assert_series_equal(found, expected, check_exact=True)


def test_frames_of_polars():
    X = pl.DataFrame({"x": [LARGE, None], "y": [1, 2], "z": [1.5, None]})
    X = X.with_columns(pl.col("z").cast(pl.Float32))
    guess = np.column_stack([GUESS, [3.0, 4.0]])
    found = in_form_of(X, guess, ~np.isnan(X.to_numpy()))
    expected = pl.DataFrame(
        {"x": [LARGE, 0.75], "y": [1, 2], "z": [1.5, 4.0]},
        {"x": pl.Float64, "y": pl.Int64, "z": pl.Float32},
    )
    polars.testing.assert_frame_equal(found, expected, check_exact=True)
    assert in_form_of(X, guess).to_numpy().tolist() == guess.tolist()


# -- panels -------------------------------------------------------------------------------------


def frames():
    one = pd.DataFrame({"a": [1.0, np.nan], "b": [3, 4]}, index=pd.Index([5, 6], name="t"))
    return [one, one.iloc[:1][["b", "a"]]]


INDEX = pd.MultiIndex.from_tuples([("y", 2), ("x", 1), ("y", 1)], names=["id", "t"])
PANELS = {
    "2-D": np.array([[1.0, np.nan], [3.0, 4.0]]),
    "3-D": np.array([[[1.0, np.nan], [3.0, 4.0]]]),
    "list": [np.array([[1.0, np.nan]]), np.array([[3.0, 4.0], [5.0, 6.0]])],
    "tuple": (np.array([1.0, np.nan]), np.array([1.0, 2.0])),
    "flat": [np.array([1.0, np.nan], "f4"), np.array([1.0, 2.0, 3.0])],
    "integers": [np.array([2**62 + 1, 2]), np.array([1.0, np.nan, 3.0])],
    "frames": frames(),
    "columns": [pd.Series([1.0, np.nan], name="x"), pd.Series([1, 2, 3], name="y")],
    "wide": pd.DataFrame([[1.0, np.nan], [3.0, 4.0]], index=["x", "y"], columns=["a", "b"]),
    "panel": pd.DataFrame({"a": [1.0, np.nan, 3.0], "b": [4, 5, 6]}, index=INDEX),
}


def pieces(X):
    return list(X) if isinstance(X, list | tuple) else [X]


def numbers(x):
    return x.to_numpy(float) if isinstance(x, pd.DataFrame | pd.Series) else np.asarray(x)


@pytest.mark.parametrize("X", PANELS.values(), ids=PANELS.keys())
def test_a_panel_comes_back_as_what_it_was(X):
    series = as_series(X, missing="mask")
    guess = np.full(series.values.shape, 0.5)
    filled, predicted = series.restore(guess, series.observed), series.restore(guess)
    assert type(filled) is type(predicted) is type(X)
    for x, full, guessed in zip(pieces(X), pieces(filled), pieces(predicted), strict=True):
        assert type(full) is type(guessed) is type(x)
        np.testing.assert_array_equal(numbers(guessed), 0.5)
        seen = np.isfinite(numbers(x))
        np.testing.assert_array_equal(numbers(full)[seen], numbers(x)[seen])
        assert (numbers(full)[~seen] == 0.5).all()
        if isinstance(x, pd.DataFrame):
            pd.testing.assert_index_equal(full.columns, x.columns)
            assert full.dtypes.tolist() == x.dtypes.tolist()
        if isinstance(x, pd.DataFrame | pd.Series):
            pd.testing.assert_index_equal(full.index, x.index)
        else:
            assert full.dtype == x.dtype


def test_nested_lists_come_back_as_lists_of_arrays():
    for X in ([[1.0, None], [3.0, 4.0]], [[1.0, None], [3.0]]):
        series = as_series(X, missing="mask")
        found = series.restore(np.full(series.values.shape, 0.5), series.observed)
        assert isinstance(found, list)
        assert [x.tolist() for x in found] == [[1.0, 0.5], X[1]]
