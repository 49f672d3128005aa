"""The door: any panel of series to one form, or a clear ``ValueError``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_array

ACCEPTED = (
    "a 2-D array (n, time), a 3-D array (n, time, channel), a list of arrays (time_i, channel), "
    "or a DataFrame with a two-level index (series, time)"
)


@dataclass(frozen=True)
class Series:
    """A panel of series in the package's own form.

    Attributes
    ----------
    values : float32 array of shape (n, time, channel)
        Zero where not observed.
    observed : bool array of shape (n, time, channel)
    lengths : int array of shape (n,)
        Steps up to the last one with an observed value.
    steps : int array of shape (n,)
        Steps of the user's series, observed or not.
    restore : callable
        Gives an array of the shape of ``values`` the container of the user's panel.
    kind : {'2d', '3d', 'list', 'panel'}
        That container.
    """

    values: np.ndarray
    observed: np.ndarray
    lengths: np.ndarray
    steps: np.ndarray
    restore: Callable[[np.ndarray], Any]
    kind: str

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.values.shape[2]


def as_series(X: Any, *, missing: str = "error") -> Series:
    """Check a panel and bring it into the package's form.

    Parameters
    ----------
    X : array, list of arrays or DataFrame
        ``(n, time)``, ``(n, time, channel)``, a list of ``(time_i, channel)`` or ``(time_i,)``,
        or a DataFrame whose index has the levels (series, time). A numpy masked array has NaN
        where it is masked.
    missing : {'error', 'mask', 'indicate'}, default='error'
        Whether NaN is refused or means "not observed". The estimators' 'indicate' reads as
        'mask'.

    Returns
    -------
    Series

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
    restore: Callable[[np.ndarray], Any]
    if isinstance(X, pd.DataFrame) and isinstance(X.index, pd.MultiIndex):
        values, steps, restore = _read_panel(X, X.index)
        kind = "panel"
    elif _is_ragged(X):
        values, steps = _read_list(X)
        restore, kind = _list_restorer(X, steps), "list"
    else:
        array = _check_dense(X)
        kind = f"{array.ndim}d"
        values = array[..., None] if array.ndim == 2 else array
        steps = np.full(len(values), values.shape[1])
        restore = _first_channel if array.ndim == 2 else _as_is
    return _observe(values, steps, missing, restore, kind)


def _as_is(values: np.ndarray) -> np.ndarray:
    return values


def _first_channel(values: np.ndarray) -> np.ndarray:
    return values[..., 0]


def _check_dense(X: Any, **options: Any) -> np.ndarray:
    """Dense array in float32; what overflows becomes inf, which the caller refuses."""
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
    if not isinstance(X, list | tuple) or not len(X):
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
    frame: pd.DataFrame, index: pd.MultiIndex
) -> tuple[np.ndarray, np.ndarray, Callable[[np.ndarray], pd.DataFrame]]:
    """Pad a frame with index (..., time), series in order of appearance, steps sorted by time."""
    if index.has_duplicates:
        where = index[index.duplicated()][0]
        raise ValueError(f"The index of X holds {where} twice; each (series, time) may stand once.")
    rows = _check_dense(frame)
    owner, _ = pd.factorize(index.droplevel(-1))
    time, _ = pd.factorize(index.get_level_values(-1), sort=True)
    order = np.lexsort((time, owner))
    steps = np.bincount(owner)
    starts = np.concatenate([[0], np.cumsum(steps)[:-1]])
    place = owner[order], np.arange(len(order)) - np.repeat(starts, steps)
    values = np.full((len(steps), steps.max(), rows.shape[1]), np.nan, dtype=np.float32)
    values[place] = rows[order]
    columns = frame.columns

    def restore(dense: np.ndarray) -> pd.DataFrame:
        data = np.empty((len(order), dense.shape[2]), dtype=dense.dtype)
        data[order] = dense[place]
        return pd.DataFrame(data, index=index, columns=columns)

    return values, steps, restore


def _where(flags: np.ndarray) -> str:
    """Name the first flagged entry and the number of the others."""
    first = np.unravel_index(int(flags.argmax()), flags.shape)
    text = f"series {first[0]}, step {first[1]}, channel {first[2]}"
    others = int(flags.sum()) - 1
    return f"{text} and {others} more places" if others else text


def _observe(
    values: np.ndarray,
    steps: np.ndarray,
    missing: str,
    restore: Callable[[np.ndarray], Any],
    kind: str,
) -> Series:
    """Separate values and mask; refuse what may not be there."""
    infinite = np.isinf(values)
    if infinite.any():
        raise ValueError(
            f"X holds inf (infinity, or a value beyond the range of float32) at "
            f"{_where(infinite)}. Remove it, or mark it as missing with NaN and pass "
            "missing='mask'."
        )
    observed = ~np.isnan(values)
    inside = np.arange(values.shape[1]) < steps[:, None]
    gaps = ~observed & inside[..., None]
    if missing == "error" and gaps.any():
        raise ValueError(
            f"X holds NaN at {_where(gaps)}. Pass missing='mask' to treat NaN as not observed, "
            "or fill the gaps."
        )
    seen = observed.any(axis=2)
    if not seen.any(axis=1).all():
        nothing = int((~seen.any(axis=1)).argmax())
        raise ValueError(
            f"Series {nothing} has no observed value: every entry is NaN. Drop it; a code needs "
            "at least one observed value."
        )
    lengths = values.shape[1] - seen[:, ::-1].argmax(axis=1)
    if not observed.all():
        values = np.where(observed, values, np.float32(0))
    return Series(values, observed, lengths, steps, restore, kind)
