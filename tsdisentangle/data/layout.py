"""Which rows of a frame in long form are which series, and in which order of time."""

import re
import warnings
from typing import NamedTuple, Self

import numpy as np
import pandas as pd

# Text with this start is a date of ISO 8601, whose order is that of its text.
ISO_DATE = re.compile(r"\d{4}-\d{2}")
# Steps whose lengths differ by less are of one length: months, days of 23 hours, jitter.
EVEN = 1.5


class Layout(NamedTuple):
    """Rows of a frame as series.

    Attributes
    ----------
    ids : Index of shape (n,)
        Id of each series, in the order of their first rows.
    owner : int array of shape (rows,)
        Number of the series that each row belongs to.
    order : int array of shape (rows,)
        The rows by series, and by time in each.
    """

    ids: pd.Index
    owner: np.ndarray
    order: np.ndarray

    @classmethod
    def of(cls, index: pd.MultiIndex) -> Self:
        """Read the index of a frame; its last level is the time, those before it name the series.

        Series stand in the order of their first rows.

        Raises
        ------
        ValueError
            A missing id or time, text whose order is not that of time, swapped levels, or a step
            that stands twice.

        Examples
        --------
        >>> layout = Layout.of(pd.MultiIndex.from_tuples([("b", 2), ("b", 1), ("a", 1)]))
        >>> layout.ids.tolist(), layout.owner, layout.order
        (['b', 'a'], array([0, 0, 1]), array([1, 0, 2]))
        """
        _refuse_missing(index)
        _refuse_swapped(index)
        owner, ids = pd.factorize(index.droplevel(-1))
        times = pd.Index(level_times(index))
        rank, _ = pd.factorize(times, sort=True)
        order = np.lexsort((rank, owner))
        _refuse_twice(index, owner[order], rank[order], order)
        _warn_uneven(times[order], owner[order], ids)
        return cls(ids.set_names(index.names[:-1]), owner, order)


def level_times(index: pd.MultiIndex) -> pd.Index:
    """Times of the rows: numbers, dates, durations or periods.

    Raises
    ------
    ValueError
        Text that is no date of ISO 8601, or values of mixed kinds.
    """
    codes, level = np.asarray(index.codes[-1]), index.levels[-1]
    used = np.unique(codes)  # a frame that was cut keeps the values of the others
    name = index.names[-1]
    times = _as_times(
        level.take(used), f"The last level{f' {name!r}' if name else ''} of the index"
    )
    return times.take(np.searchsorted(used, codes))


def as_times(values: pd.Series, name: str) -> pd.Index:
    """As :func:`level_times`, of the column of that name, without missing values."""
    return _as_times(pd.Index(values), f"time={name!r}")


def _as_times(values: pd.Index, what: str) -> pd.Index:
    if isinstance(values, pd.CategoricalIndex):
        if values.ordered:
            return pd.Index(np.asarray(values.codes))
        values = pd.Index(np.asarray(values))
    kind = pd.api.types.infer_dtype(values, skipna=False)
    try:
        if kind in ("date", "datetime", "datetime64"):
            return pd.to_datetime(values)
        if kind in ("integer", "floating", "mixed-integer-float", "decimal"):
            numbers = pd.Index(values.astype("int64" if kind == "integer" else "float64"))
            if np.isfinite(numbers).all():
                return numbers
            kind = "infinite"
        if kind in ("timedelta", "timedelta64"):
            return pd.to_timedelta(values)
        if kind == "period":
            return pd.PeriodIndex(values)
        if kind == "string" and all(ISO_DATE.match(value) for value in values):
            return pd.to_datetime(values, format="ISO8601")
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{what} holds times that do not compare: {error}") from error
    example = ", ".join(repr(value) for value in values[:2])
    raise ValueError(
        f"{what} is the time, but holds {kind} values, such as {example}; expected dates, numbers "
        "or durations, because text sorts as text ('week 10' before 'week 2'). Convert it: "
        "pd.to_datetime(values, format=...), or values.str.extract(r'(\\d+)')[0].astype(int)."
    )


def _refuse_missing(index: pd.MultiIndex) -> None:
    for number, codes in enumerate(index.codes):
        absent = np.asarray(codes) < 0
        if absent.any():
            what = "time" if number == index.nlevels - 1 else "series id"
            raise ValueError(
                f"{absent.sum()} rows of X have no {what} (NaN, NaT or None in level {number} of "
                f"the index), the first one row {absent.argmax()}. Drop them: "
                f"X[X.index.get_level_values({number}).notna()]."
            )


def _refuse_swapped(index: pd.MultiIndex) -> None:
    """Refuse (date, asset): dates as ids, and as time what names something."""
    ids, last = index.levels[:-1], index.levels[-1]
    dates = [isinstance(level, pd.DatetimeIndex | pd.PeriodIndex) for level in ids]
    named = str(index.names[-1] or "").lower().endswith("id")
    text = pd.api.types.infer_dtype(last, skipna=True) in ("string", "categorical")
    if any(dates) and (named or (text and not all(map(ISO_DATE.match, last.astype(str))))):
        raise ValueError(
            f"The index of X has the levels {list(index.names)}: dates, and last {last[0]!r}, "
            "which would be read as the time. The last level is the time, those before it name "
            "the series: X.reorder_levels(...), with two levels X.swaplevel()."
        )


def _refuse_twice(
    index: pd.MultiIndex, owner: np.ndarray, rank: np.ndarray, order: np.ndarray
) -> None:
    again = (np.diff(owner) == 0) & (np.diff(rank) == 0)
    if again.any():
        where = ", ".join(map(str, index[order[int(again.argmax()) + 1]]))
        raise ValueError(
            f"The index of X holds ({where}) twice; each (series, time) may stand once. Keep one, "
            "X[~X.index.duplicated()], or join them, X.groupby(level=[0, 1]).mean()."
        )


def _warn_uneven(times: pd.Index, owner: np.ndarray, ids: pd.Index) -> None:
    """Warn of gaps: rows that follow each other are read as steps of one length."""
    if isinstance(times, pd.PeriodIndex):
        times = times.to_timestamp()
    numbers = times.to_numpy() if times.dtype.kind in "iuf" else np.asarray(times.astype("int64"))
    elapsed = np.diff(numbers)
    same = np.diff(owner) == 0
    if not same.any():
        return
    inside = np.where(same, elapsed, elapsed[same][0])
    if inside.max() < EVEN * inside.min():
        return
    where = int(inside.argmax())
    warnings.warn(
        f"Steps of X are not of one length: that of series {ids[owner[where]]} from "
        f"{times[where]} to {times[where + 1]} is {inside.max() / inside.min():.3g} times the "
        "shortest one. Rows are read as steps of equal length. "
        "Panel.from_long(df, id=..., time=..., freq=...) marks gaps as missing. If a splitter "
        "has cut the series by rows, split a Panel instead: Panel(X).",
        UserWarning,
        stacklevel=5,
    )
