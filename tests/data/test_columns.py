"""Names of columns: matched among frames, told from dates, and from the keys of long tables."""

import datetime as dt

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdisentangle.data.columns import (
    KEYS,
    are_times,
    first_frame,
    in_common_order,
    is_frame,
    refuse_long_table,
)
from tsdisentangle.data.series import as_series


def frame(**columns):
    return pd.DataFrame({name: np.arange(3.0) + value for name, value in columns.items()})


NAMES = st.lists(st.text(min_size=1), min_size=1, max_size=5, unique=True)


@given(NAMES, st.randoms(use_true_random=False))
def test_any_order_is_that_of_the_first(names, random):
    one = pd.DataFrame([range(len(names))], columns=names)
    other = one[random.sample(names, len(names))]
    assert is_frame(one)
    assert first_frame([one, other]) is one
    for found in in_common_order([one, other]):
        pd.testing.assert_frame_equal(found, one)


@given(st.lists(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2099, 1, 1)), min_size=1))
def test_dates_are_seen_as_objects_and_as_text(dates):
    assert are_times(dates)
    assert are_times([date.isoformat() for date in dates])
    assert not are_times([f"t{i}" for i, _ in enumerate(dates)])


@given(st.sampled_from(sorted(KEYS)), st.sampled_from([str.lower, str.upper, str.title]))
def test_keys_of_long_tables(key, change):
    with pytest.raises(ValueError, match="X is a long table, with a column"):
        refuse_long_table(pd.DataFrame({change(key): [1.0], "x": [2.0]}))
    refuse_long_table(pd.DataFrame({f"{key} of something": [1.0], "x": [2.0]}))


def test_what_names_channels():
    one = frame(pulse=80)
    assert is_frame(one)
    assert first_frame(one) is one
    assert first_frame([one, one]) is one
    assert first_frame([one["pulse"]]) is None
    assert first_frame([]) is None


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_frames_of_a_list_are_matched_by_name(make):
    one, other = frame(pulse=80, warmth=37), frame(warmth=36, pulse=60)
    found = as_series([make(x.to_dict("list")) for x in (one, other)])
    expected = as_series([one.to_numpy(), other[["pulse", "warmth"]].to_numpy()])
    np.testing.assert_array_equal(found.values, expected.values)
    back = found.restore(found.values)
    assert [list(x.columns) for x in back] == [["pulse", "warmth"], ["warmth", "pulse"]]
    np.testing.assert_array_equal(back[1].to_numpy(), other.to_numpy())


MIXED = {
    "other names": ([frame(a=0, b=1), frame(a=0, c=1)], r"Series 1 has the columns \['a', 'c'\]"),
    "fewer": ([frame(a=0, b=1), frame(a=0)], "Series 1 has the columns"),
    "numbers": ([pd.DataFrame(np.ones((2, 2))), frame(a=0, b=1)], r"where series 0 has \[0, 1\]"),
    "twice": ([frame(a=0, b=1), frame(a=0, b=1)[["a", "a"]]], "Series 1 has the columns"),
    "without names": ([frame(a=0), np.ones((2, 1))], r"series 1 is a ndarray.*x.to_numpy\(\)"),
}


@pytest.mark.parametrize(("X", "message"), MIXED.values(), ids=MIXED.keys())
def test_frames_that_cannot_be_matched(X, message):
    with pytest.raises(ValueError, match=message):
        in_common_order(X)


DAYS = pd.date_range("2024-01-01", periods=3)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (DAYS, True),
        (DAYS.to_period("M"), True),
        (DAYS - DAYS[0], True),
        ([dt.date(2024, 1, 1)], True),
        (DAYS.astype(str), True),
        (["2024Q1", "2024Q2"], True),
        (["Jan 2024", "Feb 2024"], True),
        (["2024-01-01 03:00", "2024-01-01 04:00"], True),
        (["00:00", "01:00"], False),
        (["feature 2001", "feature 2002"], False),
        (["2024-01-01", "label"], False),
        (["1", "2"], False),
        ([1, 2], False),
        ([], False),
    ],
    ids=str,
)
def test_dates_as_columns(columns, expected):
    assert are_times(columns) is expected


LONG = pd.DataFrame({"unit": np.repeat([1, 2], 6), "x": np.arange(12.0), "y": np.arange(12.0)})
TIMED = pd.DataFrame(np.ones((3, 2)), index=DAYS, columns=["pulse", "warmth"])
LONG_TABLES = {
    "id": (LONG.rename(columns={"unit": "id"}), r"column 'id'.*Panel.from_long"),
    "time": (LONG.assign(Time=1), r"column 'Time'.*Panel.from_long"),
    "polars": (pl.DataFrame({"unique_id": [1, 1], "y": [1.0, 2.0]}), "column 'unique_id'"),
    "ids in the index": (LONG.set_index("unit"), "index that repeats.*Panel.from_long"),
    "times in the index": (TIMED, r"X is one series.*\[X\] for one"),
}


@pytest.mark.parametrize(("X", "message"), LONG_TABLES.values(), ids=LONG_TABLES.keys())
def test_long_tables_are_refused_with_the_line_to_write(X, message):
    with pytest.raises(ValueError, match=message):
        as_series(X)


WIDE = pd.DataFrame(np.arange(12.0).reshape(3, 4))
WIDE_FRAMES = {
    "numbers": WIDE,
    "drawn with replacement": WIDE.iloc[[0, 0, 0, 0, 0, 0, 1, 1, 2]],
    "labels in the index": WIDE.set_axis(["a", "a", "b"]),
    "a day per row": WIDE.set_axis(DAYS),
    "a day per row, hours by name": WIDE.set_axis(DAYS).add_prefix("h"),
    "dates as columns": WIDE.T.set_axis(["a", "b", "c", "d"]).set_axis(DAYS, axis=1),
}


@pytest.mark.parametrize("X", WIDE_FRAMES.values(), ids=WIDE_FRAMES.keys())
def test_wide_frames_have_a_series_per_row(X):
    series = as_series(X)
    assert series.kind == "2d"
    np.testing.assert_array_equal(series.values[..., 0], X.to_numpy())
    pd.testing.assert_frame_equal(series.restore(series.values), X)
