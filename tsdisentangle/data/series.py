"""Reading of series: any panel to the package's form, or a clear ``ValueError``."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_array

from tsdisentangle.data.columns import in_common_order, is_frame, refuse_long_table
from tsdisentangle.data.containers import in_form_of
from tsdisentangle.data.floats import ACCEPTED, as_floats, refuse_other_containers
from tsdisentangle.data.frames import Panel, layout_of, panel_restorer, series_ids
from tsdisentangle.data.layout import Layout
from tsdisentangle.data.panel import Restore, Series, first_channel, observe
from tsdisentangle.data.stored import StoredSeries, as_stored, is_stored


def as_series(X: Any, *, missing: str = "error") -> Series | StoredSeries:
    """Check a panel and bring it into the package's form.

    Parameters
    ----------
    X : array, list of arrays, DataFrame or Panel
        ``(n, time)``, ``(n, time, channel)``, a list of ``(time_i, channel)`` or ``(time_i,)``,
        a DataFrame whose index has the levels (series, time), or a Panel. A list may hold
        DataFrames; their columns are matched by name. A DataFrame without such an index has a
        series per row. A numpy masked array has NaN where it is masked. An array that lies in a
        file (numpy memmap, zarr, HDF5) is not loaded.
    missing : {'error', 'mask', 'indicate'}, default='error'
        Whether NaN is refused or means "not observed". The estimators' 'indicate' reads as
        'mask'.

    Returns
    -------
    Series or StoredSeries
        float32 where that holds the values of ``X`` exactly, else float64: before they are
        standardised, nothing is rounded.

    Raises
    ------
    ValueError
        Wrong rank or dtype, no series, an empty series, unequal channel counts or names, inf, NaN
        with ``missing='error'``, a series without any observed value, or a long table without a
        two-level index.

    Examples
    --------
    >>> series = as_series([[[1.0], [2.0], [3.0]], [[4.0]]])
    >>> series.values.shape, series.lengths
    ((2, 3, 1), array([3, 1]))
    """
    if is_stored(X):
        return as_stored(X, missing=missing)
    refuse_other_containers(X)
    if isinstance(X, list | tuple) and not len(X):
        raise ValueError(f"X is an empty list: 0 series; expected at least one, as {ACCEPTED}.")
    values, steps, restore, kind = _read(X)
    return replace(observe(values, steps, missing, restore, kind), index=series_ids(X))


def _read(X: Any) -> tuple[np.ndarray, np.ndarray, Restore, str]:
    """Values, NaN where missing, steps of each series, the way back, and the kind of container."""
    if isinstance(X, Panel):
        values, steps, restore = _read_panel(X.to_frame(), layout_of(X))
        return values, steps, panel_restorer(X, restore), "panel"
    if isinstance(X, pd.DataFrame) and isinstance(X.index, pd.MultiIndex):
        return *_read_panel(X, layout_of(X)), "panel"
    if _is_list_of_series(X):
        return _read_list(X)
    array = _check_dense(as_floats(X))
    if is_frame(X):
        refuse_long_table(X)
    flat = array.ndim == 2
    values = array[..., None] if flat else array
    steps = np.full(len(values), values.shape[1])
    return values, steps, _dense_restorer(X, flat), f"{array.ndim}d"


def _check_dense(array: np.ndarray) -> np.ndarray:
    """Refuse what is no panel; in C order, as windows are cut from it."""
    if array.ndim < 2:
        raise ValueError(
            f"X has {array.ndim} axes, shape {array.shape}; expected {ACCEPTED}. Reshape your "
            "data: one series is X[None], or [X]."
        )
    if array.ndim > 3:
        raise ValueError(
            f"X has {array.ndim} axes, shape {array.shape}; expected {ACCEPTED}. "
            "Merge or drop axes so that the last one holds the channels."
        )
    if array.ndim == 3 and 0 in array.shape[1:]:
        raise ValueError(
            f"X has shape {array.shape}: 0 time steps or channels; expected at least one of each."
        )
    return check_array(array, dtype=None, allow_nd=True, ensure_all_finite=False, order="C")


def _dense_restorer(X: Any, flat: bool) -> Restore:
    def restore(values: np.ndarray, observed: np.ndarray | None = None) -> Any:
        if flat:
            values = first_channel(values)
            observed = None if observed is None else first_channel(observed)
        own = in_form_of(X, values, observed)
        return _same_sequence(X, list(own)) if isinstance(X, list | tuple) else own

    return restore


def _same_sequence(X: Sequence[Any], series: list[Any]) -> Sequence[Any]:
    return tuple(series) if isinstance(X, tuple) else series


# -- lists --------------------------------------------------------------------------------------


def _is_list_of_series(X: Any) -> bool:
    """Whether X is a list of series rather than the rows of numbers of one dense array."""
    if not isinstance(X, list | tuple):
        return False
    if isinstance(X[0], dict):
        key = "target" if "target" in X[0] else next(iter(X[0]), "...")
        raise ValueError(
            f"X is a list of dicts with the keys {list(X[0])}; expected {ACCEPTED}. Pass the "
            f"series alone, such as [each[{key!r}] for each in X]."
        )
    if any(getattr(x, "ndim", 0) or is_frame(x) for x in X):
        return True
    if not all(hasattr(x, "__len__") and not isinstance(x, str | bytes) for x in X):
        return False
    return len({len(x) for x in X}) > 1


def _read_list(X: Sequence[Any]) -> tuple[np.ndarray, np.ndarray, Restore, str]:
    """Pad a list of series to one array; also return each one's own number of steps."""
    matched = in_common_order(X)
    arrays = [_read_one(x, i) for i, x in enumerate(matched)]
    flat = [array.ndim == 1 for array in arrays]
    arrays = [array[:, None] if array.ndim == 1 else array for array in arrays]
    channels = arrays[0].shape[1]
    for i, array in enumerate(arrays):
        if array.shape[1] != channels or channels == 0:
            raise ValueError(
                f"Series {i} has {array.shape[1]} channels where series 0 has {channels}; all "
                "series of a panel need the same channels, at least one, in the last axis. If "
                "time is the last axis: [x.T for x in X]."
            )
    steps = np.array([len(array) for array in arrays])
    dtype = np.result_type(*{array.dtype for array in arrays})
    values = np.full((len(arrays), steps.max(), channels), np.nan, dtype)
    for row, array in zip(values, arrays, strict=True):
        row[: len(array)] = array

    def restore(values: np.ndarray, observed: np.ndarray | None = None) -> Sequence[Any]:
        series = []
        for i, (x, n) in enumerate(zip(matched, steps, strict=True)):
            place = (i, slice(n), 0) if flat[i] else (i, slice(n))
            own = in_form_of(x, values[place], None if observed is None else observed[place])
            series.append(own if x is X[i] else own[list(X[i].columns)])
        return _same_sequence(X, series)

    return values, steps, restore, "2d" if all(flat) else "list"


def _read_one(x: Any, i: int) -> np.ndarray:
    """Floats of a series of a list, of one or two axes."""
    array = as_floats(x, f" in series {i}")
    if array.ndim not in (1, 2):
        raise ValueError(
            f"Series {i} has {array.ndim} axes, shape {array.shape}; expected (time, channel) "
            "or (time,)."
        )
    if not len(array):
        raise ValueError(
            f"Series {i} is empty: it has no time step. Every series needs at least one; "
            "drop the empty ones."
        )
    return array


# -- frames -------------------------------------------------------------------------------------


def _read_panel(frame: pd.DataFrame, layout: Layout) -> tuple[np.ndarray, np.ndarray, Restore]:
    """Pad a frame in long form, series as they are laid out, steps sorted by time."""
    rows = check_array(as_floats(frame), dtype=None, ensure_all_finite=False)
    owner, order = layout.owner, layout.order
    steps = np.bincount(owner)
    starts = np.concatenate([[0], np.cumsum(steps)[:-1]])
    place = owner[order], np.arange(len(order)) - np.repeat(starts, steps)
    values = np.full((len(steps), steps.max(), rows.shape[1]), np.nan, rows.dtype)
    values[place] = rows[order]

    def as_rows(dense: np.ndarray) -> np.ndarray:
        data = np.empty((len(order), dense.shape[2]), dense.dtype)
        data[order] = dense[place]
        return data

    def restore(values: np.ndarray, observed: np.ndarray | None = None) -> pd.DataFrame:
        return in_form_of(frame, as_rows(values), None if observed is None else as_rows(observed))

    return values, steps, restore
