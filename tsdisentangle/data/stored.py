"""Series that lie in a file: checked in one pass, then read a batch at a time."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tsdisentangle.data.containers import in_form_of
from tsdisentangle.data.floats import float_dtype
from tsdisentangle.data.panel import (
    Block,
    Moments,
    Restore,
    Rows,
    Series,
    as_is,
    first_channel,
    observe,
)

# Rows of so many bytes, as floats, are looked at at once: enough to be fast, too few to be felt.
BLOCK_BYTES = 2**22


def is_stored(X: Any) -> bool:
    """Whether X is an array to be read piece by piece.

    A memory-mapped array, or an object that is no array in memory but has a ``shape``, a numpy
    ``dtype`` and slices of rows: a zarr array, an HDF5 data set, an
    :class:`~tsdisentangle.io.arrow.ArrowPanel`.

    Examples
    --------
    >>> is_stored(np.zeros(3)), is_stored([1.0, 2.0])
    (False, False)
    """
    if isinstance(X, np.memmap):
        return True
    in_memory = isinstance(X, np.ndarray | np.generic) or hasattr(X, "iloc") or _is_sparse(X)
    return (
        not in_memory
        and isinstance(getattr(X, "dtype", None), np.dtype)
        and hasattr(X, "shape")
        and hasattr(X, "__getitem__")
    )


def _is_sparse(X: Any) -> bool:
    return hasattr(X, "tocsr")


def read_rows(source: Any, rows: np.ndarray, dtype: Any) -> np.ndarray:
    """Copy some rows of a stored array, in as few reads as their order allows.

    Parameters
    ----------
    source : array-like
    rows : int array of shape (batch,)
        In any order.
    dtype : dtype
        Of the copy; what overflows becomes inf.

    Returns
    -------
    array of shape (batch, ...)

    Examples
    --------
    >>> read_rows(np.arange(10), np.array([7, 2, 3]), np.float32)
    array([7., 2., 3.], dtype=float32)
    """
    batch = np.empty((len(rows), *source.shape[1:]), dtype)
    order = np.argsort(rows, kind="stable")
    runs = np.split(order, np.flatnonzero(np.diff(rows[order]) != 1) + 1)
    with np.errstate(over="ignore"):
        if len(runs) > 1 and hasattr(source, "oindex"):  # zarr reads its chunks side by side
            batch[:] = source.oindex[rows]
            return batch
        for run in runs if len(rows) else []:
            first = int(rows[run[0]])
            batch[run] = source[first : first + len(run)]
    return batch


def blocks(n: int, row_size: int) -> list[np.ndarray]:
    """Cut ``n`` rows of ``row_size`` floats into runs that are looked at at once."""
    step = max(1, BLOCK_BYTES // (4 * max(1, row_size)))
    return [np.arange(start, min(start + step, n)) for start in range(0, n, step)]


@dataclass(frozen=True)
class StoredSeries:
    """A panel of series that stay where they are.

    Attributes
    ----------
    source : array-like of shape (n, time) or (n, time, channel)
        The user's own.
    lengths : int array of shape (n,)
        Steps up to the last one with an observed value.
    missing : {'error', 'mask', 'indicate'}
        Whether NaN is refused.
    moments : Moments
        Mean and variance of each channel.
    scaler : ChannelScaler or None
        Standardises what is read.
    """

    source: Any
    lengths: np.ndarray
    missing: str
    moments: Moments
    scaler: Any = None

    may_be_missing = True
    in_memory = False
    exact_scores = True

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return len(self.moments.count)

    @property
    def steps(self) -> np.ndarray:
        """Steps of each series, observed or not."""
        return np.broadcast_to(self.source.shape[1], len(self))

    @property
    def kind(self) -> str:
        """Rank of the user's array: '2d' or '3d'."""
        return f"{len(self.source.shape)}d"

    @property
    def restore(self) -> Restore:
        """Gives an array of shape ``(n, time, channel)`` the rank and dtype of the user's."""
        return self._restored

    def _restored(self, values: np.ndarray, observed: np.ndarray | None = None) -> np.ndarray:
        drop = first_channel if self.kind == "2d" else as_is
        if observed is None:
            return in_form_of(np.empty(0, self.source.dtype), drop(values))
        own = read_rows(self.source, np.arange(len(self)), self.source.dtype)
        return in_form_of(own, drop(values), drop(observed))

    def scaled_by(self, scaler: Any) -> "StoredSeries":
        """Return the panel as it is read through a scaler."""
        return replace(self, scaler=scaler.returning(float_dtype(self.source.dtype)))

    def cut(self, rows: Rows) -> Block:
        """Read some of the series, standardised if the panel is.

        Parameters
        ----------
        rows : int array of shape (batch,) or slice

        Returns
        -------
        Block
            A copy.
        """
        rows = np.arange(len(self))[rows]
        series = _read(self.source, rows, self.missing)
        if self.scaler is not None:
            series = self.scaler.standardise(series, rows)
        return series.cut(slice(None))


def _read(source: Any, rows: np.ndarray, missing: str) -> Series:
    """Read and check some series."""
    values = read_rows(source, rows, float_dtype(source.dtype))
    kind, restore = ("2d", first_channel) if values.ndim == 2 else ("3d", as_is)
    values = values[..., None] if kind == "2d" else values
    steps = np.full(len(values), values.shape[1])
    return observe(values, steps, missing, restore, kind, first=int(rows[0]))


def as_stored(X: Any, *, missing: str = "error") -> StoredSeries:
    """Check a stored panel in one pass, a block at a time.

    Parameters
    ----------
    X : array-like of shape (n, time) or (n, time, channel)
        With ``shape``, ``dtype`` and slices of rows.
    missing : {'error', 'mask', 'indicate'}, default='error'
        As in :func:`~tsdisentangle.data.series.as_series`.

    Returns
    -------
    StoredSeries

    Raises
    ------
    ValueError
        Wrong rank or dtype, no series, step or channel, inf, NaN with ``missing='error'``, or a
        series without any observed value.

    Examples
    --------
    >>> import tempfile
    >>> file = tempfile.TemporaryFile()
    >>> stored = as_stored(np.memmap(file, np.float32, shape=(4, 3, 2)))
    >>> stored.lengths, stored.cut(np.array([2, 0])).values.shape
    (array([3, 3, 3, 3]), (2, 3, 1, 2))
    """
    shape = tuple(X.shape)
    if len(shape) not in (2, 3):
        raise ValueError(
            f"X has {len(shape)} axes, shape {shape}; expected an array (n, time) or (n, time, "
            "channel). Merge or drop axes so that the last one holds the channels."
        )
    if 0 in shape:
        raise ValueError(
            f"X has shape {shape}: 0 series, time steps or channels; expected at least one of each."
        )
    if X.dtype.kind not in "fiub":
        raise ValueError(
            f"X has dtype {X.dtype}; expected numbers. Dates: subtract one and divide by a unit."
        )
    lengths = np.empty(shape[0], int)
    moments = Moments.none(shape[2] if len(shape) == 3 else 1)
    for rows in blocks(shape[0], int(np.prod(shape[1:]))):
        part = _read(X, rows, missing)
        lengths[rows] = part.lengths
        moments = moments.joined(part.moments)
    return StoredSeries(X, lengths, missing, moments)
