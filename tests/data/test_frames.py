"""The public panel: whole series under their ids, however it is cut."""

import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import KFold, train_test_split

from tsdisentangle import Panel
from tsdisentangle.data.codes import ids_of
from tsdisentangle.data.frames import is_default, layout_of, panel_restorer, series_ids
from tsdisentangle.data.layout import as_times, level_times
from tsdisentangle.data.series import as_series

LENGTHS = {"d": 3, "a": 1, "c": 4, "b": 2}


def table():
    """Rows of all series in turn, as a logger writes them."""
    rows = [
        {
            "machine": name,
            "day": pd.Timestamp("2024-01-01") + pd.Timedelta(days=t),
            "load": 10 * i + t,
        }
        for i, (name, length) in enumerate(LENGTHS.items())
        for t in range(length)
    ]
    return pd.DataFrame(rows).assign(heat=lambda df: -df["load"]).sort_values("day", kind="stable")


@pytest.fixture(name="panel")
def make_panel():
    return Panel.from_long(table(), id="machine", time="day")


def test_what_a_panel_knows(panel):
    assert len(panel) == 4
    assert panel.shape == (4,)
    assert dict(zip(panel.index, panel.steps, strict=True)) == LENGTHS
    assert panel.index.name == "machine"
    assert panel.channels == ["load", "heat"]
    assert repr(panel) == "Panel(4 series of 1 to 4 steps; 'load', 'heat')"
    frame = table().set_index(["machine", "day"])
    pd.testing.assert_frame_equal(panel.to_frame().loc[frame.index], frame)
    assert [one["load"].tolist() for one in panel] == [[0, 1, 2], [10], [20, 21, 22, 23], [30, 31]]


@given(st.lists(st.integers(-4, 3), max_size=6))
def test_rows_are_series(rows):
    panel = Panel.from_long(table(), id="machine", time="day")
    picked = panel[rows]
    assert picked.index.tolist() == [list(LENGTHS)[i] for i in rows]
    for one, i in zip(picked, rows, strict=True):
        pd.testing.assert_frame_equal(one, panel[i])
    if rows:
        read = as_series(picked)
        assert read.index.equals(picked.index)
        assert read.steps.tolist() == [list(LENGTHS.values())[i] for i in rows]


FORMS = {
    "slice": slice(None, None, -2),
    "mask": np.array([False, True, False, True]),
    "list of flags": [False, True, False, True],
    "array": np.array([3, 1]),
    "small ints": np.array([3, 1], np.uint8),
    "scikit-learn's": (np.array([3, 1]), Ellipsis),
}


@pytest.mark.parametrize("rows", FORMS.values(), ids=FORMS)
def test_forms_of_rows(panel, rows):
    assert set(panel[rows].index) == {"a", "b"}


def test_mask_of_a_series_is_that_of_the_index(panel):
    mask = pd.Series(panel.steps > 2, index=panel.index)
    assert panel[mask].index.tolist() == ["d", "c"]
    with pytest.raises(IndexError, match=r"rows.loc\[panel.index\]"):
        panel[mask.sort_index()]


@pytest.mark.parametrize("rows", ["a", ["a", "b"], 1.0, [1.0], True, [[0]], None, [True]])
def test_what_is_no_row(panel, rows):
    with pytest.raises(IndexError, match=r"panel is indexed|mask has"):
        panel[rows]


def test_splits_and_pickles_keep_series_whole(panel):
    y = pd.Series(range(4), index=panel.index)
    train, test, y_train, y_test = train_test_split(panel, y, random_state=0)
    assert train.index.equals(y_train.index)
    assert test.index.equals(y_test.index)
    assert not set(train.index) & set(test.index)
    for fold in KFold(2).split(panel):
        assert sum(panel[rows].steps.sum() for rows in fold) == len(table())
    again = pickle.loads(pickle.dumps(panel))
    pd.testing.assert_frame_equal(again.to_frame(), panel.to_frame())


def test_restored_values_are_a_panel(panel):
    read = as_series(panel[[2, 0, 2]])
    again = read.restore(read.values)
    assert again.index.tolist() == ["c", "d", "c"]
    assert again[2]["load"].tolist() == [20, 21, 22, 23]


def test_panel_and_frame_are_read_alike(panel):
    frame = table().set_index(["machine", "day"])
    one, other = as_series(panel), as_series(frame)
    np.testing.assert_array_equal(one.values, other.values)
    assert one.index.equals(other.index)
    assert series_ids(frame).equals(series_ids(panel))
    pd.testing.assert_frame_equal(Panel(frame).to_frame(), panel.to_frame())


def test_grid_of_unequal_series_with_gaps():
    df = table().drop(index=[1, 5])  # the second day of d, and of c
    panel = Panel.from_long(df, id="machine", time="day", freq="D", channels=["load"])
    expected = [[0, None, 2], [10], [20, None, 22, 23], [30, 31]]
    for one, values in zip(panel, expected, strict=True):
        np.testing.assert_array_equal(one["load"], np.array(values, float))
        assert (one.index == pd.date_range("2024-01-01", periods=len(values))).all()
    read = as_series(panel, missing="mask")
    assert read.observed.sum() == len(df)


def test_several_columns_name_a_series():
    df = table().assign(plant=lambda df: np.where(df["machine"] < "c", "x", "y"))
    panel = Panel.from_long(df, id=["plant", "machine"], time="day", freq="D")
    assert panel.index.tolist() == [("y", "d"), ("x", "a"), ("y", "c"), ("x", "b")]
    assert panel.index.names == ["plant", "machine"]
    assert panel[panel.index.get_level_values("plant") == "x"].steps.tolist() == [1, 2]


@pytest.mark.parametrize(("kind", "expected"), [("float32", "float32"), ("Int64", "float64")])
def test_floats_of_a_grid(kind, expected):
    df = table().astype({"load": kind, "heat": kind})
    frame = Panel.from_long(df, id="machine", time="day", freq="D").to_frame()
    assert (frame.dtypes == expected).all()


def without(column, row=2):
    df = table().reset_index(drop=True)
    df.loc[row, column] = None
    return df


REFUSED = {
    "no frame": (table().to_numpy(), {}, "ndarray; expected a pandas DataFrame"),
    "no row": (table().iloc[:0], {}, "empty frame"),
    "no such column": (table(), {"id": "unit"}, "no column 'unit'"),
    "no such channel": (table(), {"channels": ["volt"]}, "no column 'volt'"),
    "in the index": (table().set_index("machine"), {}, r"df.reset_index\(\)"),
    "text as channel": (table().assign(note="ok"), {}, r"\['note'\] are not"),
    "no channel": (table()[["machine", "day"]], {}, "no column of values"),
    "no id": (without("machine"), {}, r"1 rows of df have no 'machine'.* row 2\. .*dropna"),
    "no time": (without("day"), {}, r"no 'day' \(NaN, NaT"),
    "text as time": (table().assign(day="week 1"), {}, "time='day' is the time.*'week 1'"),
    "twice": (pd.concat([table(), table()]), {}, "twice"),
    "wrong frequency": (table(), {"freq": "often"}, "freq is 'often'"),
}


@pytest.mark.parametrize(("df", "options", "message"), REFUSED.values(), ids=REFUSED)
def test_tables_that_are_refused(df, options, message):
    with pytest.raises(ValueError, match=message):
        Panel.from_long(df, **{"id": "machine", "time": "day", **options})


@pytest.mark.parametrize("X", [np.zeros((2, 3)), table(), table().set_index("day")])
def test_panel_of_something_else(X):
    with pytest.raises(ValueError, match=r"Panel.from_long\(df, id=..., time=...\)"):
        Panel(X)
    with pytest.raises(ValueError, match="0 series"):
        Panel(table().set_index(["machine", "day"]).iloc[:0])


# -- properties ---------------------------------------------------------------------------------


@given(st.permutations([(name, time) for name in "cab" for time in range(3)]))
def test_ids_and_rows_of_frames_and_panels_agree(rows):
    index = pd.MultiIndex.from_tuples(rows, names=["machine", "step"])
    frame = pd.DataFrame({"a": np.arange(9.0)}, index)
    panel = Panel(frame)
    first_rows = list(dict.fromkeys(name for name, _ in rows))
    assert series_ids(frame).tolist() == series_ids(panel).tolist() == first_rows
    assert ids_of(as_series(frame, missing="error")).tolist() == first_rows
    for X in (frame, panel):
        layout = layout_of(X)
        assert layout.ids.tolist() == first_rows
        assert [first_rows[i] for i in layout.owner[layout.order]] == np.repeat(
            first_rows, 3
        ).tolist()
    doubled = panel_restorer(panel, lambda values: values * 2)(panel.to_frame())
    np.testing.assert_array_equal(doubled.to_frame(), 2 * panel.to_frame())
    assert doubled.index.equals(panel.index)


@given(st.integers(0, 5), st.integers(1, 3), st.integers(0, 9))
def test_an_index_that_nobody_gave(start, step, n):
    index = pd.RangeIndex(start, start + n * step, step)
    assert is_default(index) == ((start, step) == (0, 1))
    assert not is_default(pd.Index(list("abc")))


@given(
    st.lists(st.integers(0, 10**6), min_size=1, max_size=9, unique=True), st.sampled_from("nsdp")
)
def test_times_of_any_kind_sort_as_their_numbers(numbers, kind):
    dates = pd.to_datetime(numbers, unit="h")
    times = {"n": pd.Index(numbers), "s": dates.strftime("%Y-%m-%dT%H:%M"), "d": dates}
    times["p"] = dates.to_period("h")
    of_column = as_times(pd.Series(times[kind]), "t")
    index = pd.MultiIndex.from_arrays([["x"] * len(numbers), times[kind]])
    assert of_column.equals(level_times(index))
    assert of_column.argsort().tolist() == np.argsort(numbers, kind="stable").tolist()
