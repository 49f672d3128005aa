"""Names of columns: channels of a series, or steps of a wide frame."""

import re
from collections.abc import Sequence
from typing import Any

import pandas as pd

from tsdisentangle.data.floats import DATES

# What columns that are no channel are called in long tables.
KEYS = {"id", "unique_id", "item_id", "series_id", "series", "case_id"} | {
    *("time", "timestamp", "date", "datetime", "ds"),
}
TIMES = pd.DatetimeIndex | pd.PeriodIndex | pd.TimedeltaIndex


def is_frame(X: Any) -> bool:
    """Whether X has named columns."""
    return hasattr(X, "columns")


def first_frame(X: Any) -> Any:
    """Return what names the channels: a frame, or the first of a list of frames; else None."""
    if isinstance(X, list | tuple) and len(X):
        X = X[0]
    return X if is_frame(X) else None


def in_common_order(X: Sequence[Any]) -> Sequence[Any]:
    """Return a list of series; if they are frames, with the columns in the order of the first.

    Raises
    ------
    ValueError
        Frames with other columns than the first, or beside series without names.

    Examples
    --------
    >>> one = pd.DataFrame({"pulse": [80.0], "temperature": [37.0]})
    >>> [list(frame) for frame in in_common_order([one, one[["temperature", "pulse"]]])]
    [['pulse', 'temperature'], ['pulse', 'temperature']]
    """
    if not any(is_frame(x) for x in X):
        return X
    unnamed = [i for i, x in enumerate(X) if not is_frame(x)]
    if unnamed:
        raise ValueError(
            f"X mixes frames and series without names (series {unnamed[0]} is a "
            f"{type(X[unnamed[0]]).__name__}), so channels cannot be matched. Pass frames only, or "
            "arrays only: [x.to_numpy() for x in frames]."
        )
    names = list(X[0].columns)
    result = []
    for i, x in enumerate(X):
        own = list(x.columns)
        if own == names:
            result.append(x)
        elif len(own) == len(names) and set(own) == set(names) and len(set(own)) == len(own):
            result.append(x[names])
        else:
            raise ValueError(
                f"Series {i} has the columns {own} where series 0 has {names}; all frames of a "
                "list need the same channels by name. Rename them, or pass arrays: "
                "[x.to_numpy() for x in X]."
            )
    return result


def are_times(columns: Any) -> bool:
    """Whether the columns of a wide frame are dates, as objects or as text with a year.

    Examples
    --------
    >>> are_times(["2024-01-01", "2024-01-02"]), are_times(["t0", "t1"]), are_times([0, 1])
    (True, False, False)
    """
    names = list(columns)
    if not names:
        return False
    if all(isinstance(name, DATES) for name in names):
        return True
    if not all(isinstance(name, str) and re.search(r"\b(1[89]|20)\d\d", name) for name in names):
        return False
    return bool(pd.to_datetime(names, errors="coerce", format="mixed", utc=True).notna().all())


def refuse_long_table(X: Any) -> None:
    """Refuse a frame whose rows are steps and not series, but whose index does not say so.

    Parameters
    ----------
    X : frame
        Without a two-level index, so that each row would be a series.

    Raises
    ------
    ValueError
    """
    names = list(X.columns)
    keys = [name for name in names if isinstance(name, str) and name.lower() in KEYS]
    index = getattr(X, "index", None)
    if keys or (isinstance(index, pd.Index) and _repeats_series(X)):
        found = f"a column {keys[0]!r}" if keys else "an index that repeats the names of series"
        raise ValueError(
            f"X is a long table, with {found}: its rows are steps, but without an index (series, "
            "time) each would be a series. Pass tsdisentangle.Panel.from_long(df, id=..., "
            "time=...). If each row is a series, rename the columns and reset the index."
        )
    if isinstance(index, TIMES) and names and not any(map(_may_be_step, names)):
        raise ValueError(
            f"X is one series: its index holds times, its columns are {names}. Pass a list of such "
            "frames, [X] for one. If each row is a series, pass X.to_numpy()."
        )


def _repeats_series(X: pd.DataFrame) -> bool:
    """Whether labels of rows stand more often than there are columns, for rows that differ.

    Rows that a bootstrap has drawn twice are equal.
    """
    if X.index.is_unique or len(X) <= X.shape[1] * X.index.nunique():
        return False
    rows = X.set_axis(range(X.shape[1]), axis=1).assign(label=pd.factorize(X.index)[0])
    return len(rows.drop_duplicates()) > X.index.nunique()


def _may_be_step(name: Any) -> bool:
    return not isinstance(name, str) or any(sign.isdigit() for sign in name)
