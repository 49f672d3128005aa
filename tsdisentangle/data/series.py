"""Reading of series: any panel to the package's form, or a clear ``ValueError``."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_array

from tsdisentangle.data.frames import Panel, layout_of, panel_restorer, series_ids
from tsdisentangle.data.layout import Layout
from tsdisentangle.data.panel import Series, as_is, first_channel, observe
from tsdisentangle.data.stored import StoredSeries, as_stored, is_stored

ACCEPTED = (
    "a 2-D array (n, time), a 3-D array (n, time, channel), a list of arrays (time_i, channel), "
    "a DataFrame with a two-level index (series, time), or a Panel"
)


def as_series(X: Any, *, missing: str = "error") -> Series | StoredSeries:
    """Check a panel and bring it into the package's form.

    Parameters
    ----------
    X : array, list of arrays, DataFrame or Panel
        ``(n, time)``, ``(n, time, channel)``, a list of ``(time_i, channel)`` or ``(time_i,)``,
        a DataFrame whose index has the levels (series, time), or a Panel. A numpy masked array has
        NaN where it is masked. An array that lies in a file (numpy memmap, zarr, HDF5) is not
        loaded.
    missing : {'error', 'mask', 'indicate'}, default='error'
        Whether NaN is refused or means "not observed". The estimators' 'indicate' reads as
        'mask'.

    Returns
    -------
    Series or StoredSeries

    Raises
    ------
    ValueError
        Wrong rank or dtype, no series, an empty series, unequal channel counts, inf, NaN with
        ``missing='error'``, or a series without any observed value.

    Examples
    --------
    >>> series = as_series([[[1.0], [2.0], [3.0]], [[4.0]]])
    >>> series.values.shape, series.lengths
    ((2, 3, 1), array([3, 1]))
    """
    if is_stored(X):
        return as_stored(X, missing=missing)
    if isinstance(X, list | tuple) and not len(X):
        raise ValueError(f"X is an empty list: 0 series; expected at least one, as {ACCEPTED}.")
    restore: Callable[[np.ndarray], Any]
    if isinstance(X, Panel):
        values, steps, restore = _read_panel(X.to_frame(), layout_of(X))
        restore, kind = panel_restorer(X, restore), "panel"
    elif isinstance(X, pd.DataFrame) and isinstance(X.index, pd.MultiIndex):
        values, steps, restore = _read_panel(X, layout_of(X))
        kind = "panel"
    elif _is_ragged(X):
        values, steps = _read_list(X)
        restore, kind = _list_restorer(X, steps), "list"
    else:
        array = _check_dense(X)
        kind = f"{array.ndim}d"
        values = array[..., None] if array.ndim == 2 else array
        steps = np.full(len(values), values.shape[1])
        restore = first_channel if array.ndim == 2 else as_is
    return replace(observe(values, steps, missing, restore, kind), index=series_ids(X))


def _check_dense(X: Any, **options: Any) -> np.ndarray:
    """Dense array in float32; what overflows becomes inf, which the caller refuses."""
    for dtype in X.dtypes if hasattr(X, "columns") else [getattr(X, "dtype", None)]:
        if getattr(dtype, "kind", None) in ("m", "M"):  # numpy makes nanoseconds of them
            raise ValueError(
                f"X holds dates or durations ({dtype}); expected numbers, which become float32. "
                "Subtract a date and divide by a unit, or leave them out."
            )
    if isinstance(X, np.ma.MaskedArray):  # check_array would read the values under the mask
        X = np.ma.filled(X.astype(np.float64), np.nan)
    with np.errstate(over="ignore"):
        array = check_array(
            X, dtype=np.float32, allow_nd=True, ensure_all_finite=False, order="C", **options
        )
    if array.ndim > 3:
        raise ValueError(
            f"X has {array.ndim} axes, shape {array.shape}; expected {ACCEPTED}. "
            "Merge or drop axes so that the last one holds the channels."
        )
    if array.ndim == 3 and 0 in array.shape:
        raise ValueError(
            f"X has shape {array.shape}: 0 time steps or channels; expected at least one of each."
        )
    return array


def _is_ragged(X: Any) -> bool:
    """Whether X is a list of series rather than the rows of one dense array."""
    if not isinstance(X, list | tuple):
        return False
    if all(np.ndim(x) == 2 for x in X if isinstance(x, np.ndarray | pd.DataFrame)) and any(
        isinstance(x, np.ndarray | pd.DataFrame) and np.ndim(x) == 2 for x in X
    ):
        return True
    if not all(hasattr(x, "__len__") and not isinstance(x, str | dict) for x in X):
        return False
    return len({len(x) for x in X}) > 1


def _read_list(X: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Pad a list of series to one array; also return each one's own number of steps."""
    arrays = []
    for i, x in enumerate(X):
        if len(x) == 0:
            raise ValueError(
                f"Series {i} is empty: it has no time step. Every series needs at least one; "
                "drop the empty ones."
            )
        array = _check_dense(x, ensure_2d=False)
        if array.ndim not in (1, 2):
            raise ValueError(
                f"Series {i} has {array.ndim} axes, shape {array.shape}; expected (time, channel) "
                "or (time,)."
            )
        arrays.append(array[:, None] if array.ndim == 1 else array)
    channels = [array.shape[1] for array in arrays]
    for i, count in enumerate(channels):
        if count != channels[0] or count == 0:
            raise ValueError(
                f"Series {i} has {count} channels where series 0 has {channels[0]}; all series of "
                "a panel need the same channels, at least one, in the last axis."
            )
    steps = np.array([len(array) for array in arrays])
    values = np.full((len(arrays), steps.max(), channels[0]), np.nan, dtype=np.float32)
    values[np.arange(steps.max()) < steps[:, None]] = np.concatenate(arrays)
    return values, steps


def _list_restorer(X: Sequence[Any], steps: np.ndarray) -> Callable[[np.ndarray], Any]:
    flat = np.ndim(X[0]) == 1

    def restore(values: np.ndarray) -> list[np.ndarray]:
        return [v[:s, 0] if flat else v[:s] for v, s in zip(values, steps, strict=True)]

    return restore


def _read_panel(
    frame: pd.DataFrame, layout: Layout
) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], pd.DataFrame]]:
    """Pad a frame in long form, series as they are laid out, steps sorted by time."""
    rows = _check_dense(frame)
    owner, order = layout.owner, layout.order
    steps = np.bincount(owner)
    starts = np.concatenate([[0], np.cumsum(steps)[:-1]])
    place = owner[order], np.arange(len(order)) - np.repeat(starts, steps)
    values = np.full((len(steps), steps.max(), rows.shape[1]), np.nan, dtype=np.float32)
    values[place] = rows[order]
    index, columns = frame.index, frame.columns

    def restore(dense: np.ndarray) -> pd.DataFrame:
        data = np.empty((len(order), dense.shape[2]), dtype=dense.dtype)
        data[order] = dense[place]
        return pd.DataFrame(data, index=index, columns=columns)

    return values, steps, restore
