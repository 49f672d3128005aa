"""Rows at any times, brought to steps of one length; what is absent becomes missing."""

from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.frequencies import to_offset

# A grid of more steps is the wrong frequency, or a wrong year in one row.
MOST_STEPS = 10**7


def regrid(
    values: np.ndarray, owner: np.ndarray, times: pd.Index, freq: Any
) -> tuple[np.ndarray, np.ndarray, pd.Index]:
    """Bring rows to the steps of a frequency, from the first to the last one of each series.

    Parameters
    ----------
    values : float array of shape (rows, channel)
    owner : int array of shape (rows,)
        Number of the series of each row.
    times : Index of shape (rows,)
    freq : str, offset, timedelta or number
        Of pandas for dates and durations; a number where the times are numbers.

    Returns
    -------
    values : float array of shape (steps, channel)
        Of all series, one after the other. The mean of the rows within a step, which ends where
        the next one starts; NaN where there is none.
    owner : int array of shape (steps,)
    times : Index of shape (steps,)
        Start of each step.

    Raises
    ------
    ValueError
        A frequency that does not fit the times, or too many steps.

    Examples
    --------
    >>> values, owner, times = regrid(
    ...     np.array([[1.0], [3.0], [5.0]]), np.array([0, 0, 0]), pd.Index([0.0, 0.4, 2.0]), 1
    ... )
    >>> values.ravel(), times.tolist()
    (array([ 2., nan,  5.]), [0.0, 1.0, 2.0])
    """
    place, grid = _numbers(times, freq) if times.dtype.kind in "iuf" else _calendar(times, freq)
    n = int(owner.max()) + 1
    first, last = np.full(n, len(grid)), np.zeros(n, int)
    np.minimum.at(first, owner, place)
    np.maximum.at(last, owner, place)
    steps = last - first + 1
    starts = np.cumsum(steps) - steps
    if steps.sum() > max(MOST_STEPS, 1000 * len(values)):
        raise ValueError(_too_many(int(steps.sum()), freq))
    rows = starts[owner] + place - first[owner]
    means = pd.DataFrame(values).groupby(rows).mean()
    full = np.full((int(steps.sum()), values.shape[1]), np.nan, values.dtype)
    full[means.index] = means
    new_owner = np.repeat(np.arange(n), steps)
    return full, new_owner, grid[first[new_owner] + np.arange(len(full)) - starts[new_owner]]


def _numbers(times: pd.Index, freq: Any) -> tuple[np.ndarray, pd.Index]:
    """Step of each time, and the grid."""
    if not _is_number(freq) or not 0 < freq < np.inf:
        raise ValueError(
            f"freq is {freq!r}, but the times are numbers; expected the length of a step in their "
            "unit, such as freq=1."
        )
    # What is on the grid but for rounding, as 0.3 on one of 0.1, is on it.
    place = np.floor(times.to_numpy() / freq + 1e-6)
    first, count = place.min(), place.max() - place.min() + 1
    if count > MOST_STEPS:
        raise ValueError(_too_many(int(count), freq))
    whole = times.dtype.kind in "iu" and isinstance(freq, Integral)
    grid = (int(first) + np.arange(int(count))) * (int(freq) if whole else float(freq))
    return (place - first).astype(int), pd.Index(grid, name=times.name)


def _calendar(times: Any, freq: Any) -> tuple[np.ndarray, pd.Index]:
    """Step of each date or duration, and the grid."""
    if isinstance(times, pd.PeriodIndex):
        times = times.to_timestamp()
    try:
        offset = to_offset(freq)
        if _is_number(freq) or offset is None or offset.n < 1:
            raise ValueError(f"{freq!r} is not a positive step")
        start = _start(times.min(), offset)
        if (times.max() - start) / MOST_STEPS > start + offset - start:
            count = (times.max() - start) // (start + offset - start)
            raise OverflowError(_too_many(int(count), freq))
        make: Any = pd.timedelta_range if isinstance(times, pd.TimedeltaIndex) else pd.date_range
        grid = make(start, times.max(), freq=offset, name=times.name)
    except OverflowError as error:
        raise ValueError(str(error)) from error
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"freq is {freq!r}, which is no frequency for times of type {times.dtype}: {error}. "
            "Expected one of pandas, such as 'h', '15min', 'D', 'W' or 'MS'."
        ) from error
    place = grid.as_unit("ns").searchsorted(times.as_unit("ns"), side="right") - 1
    if len(place) and place.min() < 0:
        raise ValueError(
            f"freq is {freq!r}, which has no step for {times.min()}. Choose one that covers all "
            "times, such as 'h' or 'D'."
        )
    return place, grid


def _start(first: Any, offset: Any) -> Any:
    """Start of the step that the first time is in."""
    if isinstance(first, pd.Timedelta):
        return first.floor(offset)
    if isinstance(offset, pd.offsets.Day):
        return first.normalize()
    if isinstance(offset, pd.offsets.Tick):  # hours of a summer's end are told apart by UTC
        zone = first.tzinfo
        utc = first.tz_convert("UTC") if zone else first
        return utc.floor(offset).tz_convert(zone) if zone else utc.floor(offset)
    return offset.rollback(first).normalize()


def _is_number(freq: Any) -> bool:
    return isinstance(freq, Real) and not isinstance(freq, bool)


def _too_many(steps: int, freq: Any) -> str:
    return (
        f"freq={freq!r} makes {steps:,} steps between the first and the last time. Choose a "
        "longer step, or look for a wrong time among the rows."
    )
