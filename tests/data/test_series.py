"""Reading: what is accepted, in which form it is given back, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tsdisentangle.data.series import as_series

FLOATS = st.floats(-1e6, 1e6, width=32)


def frame(lengths=(2, 3), columns=("a", "b")):
    index = pd.MultiIndex.from_tuples(
        [(f"series{i}", t) for i, length in enumerate(lengths) for t in range(length)]
    )
    values = np.arange(len(index) * len(columns), dtype=np.float32).reshape(len(index), -1)
    return pd.DataFrame(values, index=index, columns=list(columns))


@given(hnp.arrays(np.float32, hnp.array_shapes(min_dims=2, max_dims=3), elements=FLOATS))
def test_dense_arrays_come_back_as_they_were(X):
    series = as_series(X)
    np.testing.assert_array_equal(series.restore(series.values), X)
    assert series.values.ndim == 3
    assert (series.lengths == X.shape[1]).all()


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.integers(1, 3))
def test_lists_come_back_as_they_were(lengths, channels):
    X = [np.random.default_rng(n).normal(size=(n, channels)).astype("f4") for n in lengths]
    series = as_series(X)
    assert series.kind == "list"
    assert series.lengths.tolist() == lengths
    for given_back, x in zip(series.restore(series.values), X, strict=True):
        np.testing.assert_array_equal(given_back, x)


def test_list_of_univariate_series():
    series = as_series([np.array([1.0, 2.0]), np.array([3.0])])
    assert series.values.shape == (2, 2, 1)
    assert [x.tolist() for x in series.restore(series.values)] == [[1.0, 2.0], [3.0]]


def test_lists_of_univariate_series_are_of_one_kind_whatever_their_lengths():
    for lengths in ((2, 1), (2, 2)):
        series = as_series([np.ones(n) for n in lengths])
        assert series.kind == "2d"
        assert series.values.shape == (2, 2, 1)
        assert series.steps.tolist() == list(lengths)


def test_nested_lists_of_equal_length_are_a_dense_array():
    assert as_series([[1.0, 2.0], [3.0, 4.0]]).kind == "2d"
    assert as_series([[[1.0], [2.0]], [[3.0], [4.0]]]).kind == "3d"


def test_panel_keeps_order_of_appearance_and_sorts_time():
    X = frame()
    shuffled = X.iloc[[4, 0, 2, 3, 1]]
    series = as_series(shuffled)
    np.testing.assert_array_equal(series.values[0], X.loc["series1"])  # appears first
    np.testing.assert_array_equal(series.values[1, :2], X.loc["series0"])
    pd.testing.assert_frame_equal(series.restore(series.values), shuffled)


def test_panel_with_nullable_columns_and_a_third_level():
    X = frame().astype("Float64")
    X.iloc[1, 0] = pd.NA
    X.index = pd.MultiIndex.from_tuples([("ward", *key) for key in X.index])
    series = as_series(X, missing="mask")
    assert series.values.shape == (2, 3, 2)
    assert not series.observed[0, 1, 0]
    assert series.observed.sum() == 9


def test_input_is_never_modified():
    X = np.array([[1.0, np.nan, 3.0]], dtype=np.float32)
    X.setflags(write=False)
    series = as_series(X, missing="mask")
    assert series.values[0, :, 0].tolist() == [1.0, 0.0, 3.0]
    assert np.isnan(X[0, 1])


@pytest.mark.parametrize("parts", [("f4", "f8"), ("f4", "i4"), ("i2", "u1"), ("f2", "f4")], ids=str)
def test_a_list_is_read_in_the_precision_that_all_of_it_needs(parts):
    X = [np.array([[2**8 - 1]], kind) for kind in parts]
    expected = np.float64 if {"f8", "i4"} & set(parts) else np.float32
    assert as_series(X).values.dtype == expected


def test_length_ends_at_the_last_observed_step():
    X = np.full((2, 5, 2), np.nan)
    X[0, 1, 0] = X[1, 4, 1] = 1.0
    series = as_series(X, missing="mask")
    assert series.lengths.tolist() == [2, 5]
    assert series.steps.tolist() == [5, 5]


NAN, INF = np.nan, np.inf
BAD = {
    "one axis": (np.zeros(3), "Reshape your data"),
    "four axes": (np.zeros((2, 2, 2, 2)), "4 axes"),
    "no series": (np.zeros((0, 3)), "0 sample"),
    "no series in a list": ([], "X is an empty list: 0 series"),
    "no step": (np.zeros((2, 0)), "0 feature"),
    "no step in 3-D": (np.zeros((2, 0, 3)), "0 time steps or channels"),
    "no channel": (np.zeros((2, 3, 0)), "0 time steps or channels"),
    "words": (np.array([["a", "b"]]), "X holds text .* could not convert"),
    "complex": (np.ones((2, 2), complex), "Complex data not supported"),
    "empty series": ([np.zeros((2, 1)), np.zeros((0, 1))], "Series 1 is empty"),
    "unequal channels": ([np.zeros((2, 1)), np.zeros((2, 3))], "Series 1 has 3 channels"),
    "series of rank 3": ([np.zeros((2, 1, 1)), np.zeros((3, 1, 1))], "Series 0 has 3 axes"),
    "NaN": (
        [[0.0, NAN], [1.0, 1.0]],
        r"NaN at series 0, step 1, channel 0.*missing='mask'",
    ),
    "inf": ([[0.0, 1.0], [0.0, INF]], r"inf .*series 1, step 1, channel 0"),
    "beyond float32": ([[0.0, 1.0], [0.0, 1e300]], r"beyond the range of float32.*series 1"),
    "time twice": (pd.concat([frame(), frame()]), "twice"),
}


@pytest.mark.parametrize(("X", "message"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        as_series(X)


def test_series_without_any_observation_is_refused():
    with pytest.raises(ValueError, match="Series 1 has no observed value"):
        as_series([[0.0, 1.0], [NAN, NAN]], missing="mask")


def test_inf_is_refused_with_a_mask_too():
    with pytest.raises(ValueError, match="inf"):
        as_series([[0.0, INF]], missing="mask")


def test_message_counts_the_other_places():
    with pytest.raises(ValueError, match="series 0, step 0, channel 0 and 3 more places"):
        as_series(np.full((2, 2), NAN))


DATES = np.full((2, 3), np.datetime64("2020-01-01"))


@pytest.mark.parametrize(
    "X",
    [DATES, list(DATES[..., None]), DATES - DATES, pd.DataFrame(DATES), np.ma.array(DATES)],
    ids=["dates", "list", "durations", "frame", "masked"],
)
def test_dates_are_no_numbers(X):
    """Found by the property tests: they came through as nanoseconds since 1970."""
    with pytest.raises(ValueError, match=r"X holds dates or durations \((datetime|timedelta)64"):
        as_series(X)
