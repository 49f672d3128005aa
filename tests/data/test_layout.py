"""Ids and times of frames in long form: their order, and what is refused."""

import datetime
import decimal
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdisentangle.data.layout import Layout

DAYS = pd.to_datetime(["2024-01-01", "2024-01-02", "2024-01-03"])


def index(ids, times, names=(None, None)):
    return pd.MultiIndex.from_arrays([ids, times], names=names)


@given(st.permutations([(name, time) for name in "cab" for time in (3, 10, 2)]))
def test_series_by_first_row_and_steps_by_time(rows):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # 2, 3, 10 is uneven
        layout = Layout.of(pd.MultiIndex.from_tuples(rows))
    ids = list(dict.fromkeys(name for name, _ in rows))
    assert layout.ids.tolist() == ids
    assert [rows[i] for i in layout.order] == [(name, t) for name in ids for t in (2, 3, 10)]


ORDERED = {
    "dates": DAYS,
    "ISO text": ["2024-01-09", "2024-01-10T00:00", "2024-01-11 00:00:00"],
    "date objects": [datetime.date(2024, 1, day) for day in (9, 10, 11)],
    "time zone": DAYS.tz_localize("Europe/Berlin"),
    "periods": pd.period_range("2024-01", periods=3, freq="M"),
    "durations": pd.to_timedelta([1, 2, 3], unit="h"),
    "decimals": [decimal.Decimal(9), decimal.Decimal(10), decimal.Decimal(11)],
    "object numbers": pd.Index([9, 10, 11], dtype=object),
    "nullable": pd.array([9, 10, 11], dtype="Int64"),
    "ordered": pd.Categorical(["low", "mid", "high"], ["low", "mid", "high"], ordered=True),
    "months": pd.date_range("2023-12-01", periods=3, freq="MS"),
}


@pytest.mark.parametrize("times", ORDERED.values(), ids=ORDERED)
def test_every_kind_of_time_sorts_as_time(times, recwarn):
    shuffled = index(["a"] * 3, times)[[2, 0, 1]]
    assert Layout.of(shuffled).order.tolist() == [1, 2, 0]
    assert not recwarn.list


WEEKS = [f"week {i}" for i in range(1, 4)]
REFUSED = {
    "text": (index(["a"] * 3, WEEKS), "'week 10' before 'week 2'"),
    "text of numbers": (index(["a"] * 3, ["1", "10", "2"]), "text sorts as text"),
    "half a date": (index(["a"] * 3, ["2024-01 x", "2024-02", "2024-03"]), "do not compare"),
    "unordered": (index(["a"] * 3, pd.Categorical(WEEKS)), "text sorts as text"),
    "mixed": (index(["a"] * 3, [1, "b", 2]), "mixed-integer"),
    "mixed zones": (
        index(["a"] * 2, ["2024-01-01T00:00+01:00", "2024-01-02T00:00+02:00"]),
        "do not compare",
    ),
    "flags": (index(["a"] * 2, [True, False]), "boolean"),
    "infinite": (index(["a"] * 2, [np.inf, 1.0]), "infinite"),
    "no time": (index(["a"] * 3, [DAYS[0], None, DAYS[1]]), r"1 rows .* no time .* row 1.*notna"),
    "NaN as time": (index(["a"] * 2, [np.nan, 1.0]), "no time"),
    "no id": (index(["a", None, np.nan], [1, 2, 3]), r"2 rows .* no series id .*level 0"),
    "swapped": (index([*DAYS, *DAYS], ["x"] * 3 + ["y"] * 3), r"X.swaplevel\(\)"),
    "swapped numbers": (index([*DAYS], [7, 8, 9], ["date", "asset_id"]), r"X.swaplevel\(\)"),
    "twice": (index(["a", "b", "a"], [1, 1, 1]), r"\(a, 1\) twice"),
    "one date in two forms": (index(["a"] * 2, ["2024-01-01", "2024-01-01T00:00"]), "twice"),
}


@pytest.mark.parametrize(("rows", "message"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_order_is_refused(rows, message):
    with pytest.raises(ValueError, match=message):
        Layout.of(rows)


def test_days_as_series_and_hours_as_time_are_no_swap():
    rows = pd.MultiIndex.from_product([DAYS, range(24)], names=["day", "hour"])
    assert Layout.of(rows).ids.equals(DAYS.rename("day"))


def test_levels_of_the_ids_keep_their_names():
    rows = pd.MultiIndex.from_product([["p", "q"], [1, 2], range(2)], names=["plant", "no", "t"])
    assert Layout.of(rows).ids.equals(rows.droplevel(-1).unique())
    assert Layout.of(rows).ids.names == ["plant", "no"]


def test_times_that_only_other_rows_had_do_not_count():
    """A frame that was cut keeps the level's values of all rows."""
    rows = pd.MultiIndex.from_tuples([("a", 1), ("a", 2), ("b", "later")])
    assert Layout.of(rows[:2]).order.tolist() == [0, 1]


@pytest.mark.parametrize(
    "times", [[0, 1, 2, 9], [0.0, 0.5, 1.0, 4.0], pd.to_datetime([0, 1, 2, 9], unit="D")]
)
def test_gaps_are_told(times):
    with pytest.warns(UserWarning, match=r"series b from .* is (7|6) times .*freq"):
        Layout.of(index(["b"] * 4, times))
