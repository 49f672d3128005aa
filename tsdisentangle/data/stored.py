"""The door for series that lie in a file: checked in one pass, then read a batch at a time."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from tsdisentangle.data.moments import Moments
from tsdisentangle.data.panel import Series, as_is, first_channel, observe
from tsdisentangle.data.rows import blocks, read_rows


class Standardiser(Protocol):
    """What brings the series of a batch into the network's units."""

    def standardise(self, series: Series, rows: np.ndarray) -> Series:
        """Return standardised series; ``rows`` are their numbers in the panel."""
        ...


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
    scaler : Standardiser or None
        Applied to what is read.
    """

    source: Any
    lengths: np.ndarray
    missing: str
    moments: Moments
    scaler: Standardiser | None = None

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
    def restore(self) -> Callable[[np.ndarray], Any]:
        """Gives an array of shape ``(n, time, channel)`` the rank of the user's."""
        return first_channel if self.kind == "2d" else as_is

    def scaled_by(self, scaler: Standardiser) -> "StoredSeries":
        """Return the panel as it is read through a scaler."""
        return replace(self, scaler=scaler)

    def cut(self, rows: np.ndarray) -> Series:
        """Read some of the series, standardised if the panel is.

        Parameters
        ----------
        rows : int array of shape (batch,)

        Returns
        -------
        Series
            A copy.
        """
        series = _read(self.source, rows, self.missing)
        return series if self.scaler is None else self.scaler.standardise(series, rows)

    def load(self) -> Series:
        """Read all of the series, as they are in the file."""
        return _read(self.source, np.arange(len(self)), self.missing)


def _read(source: Any, rows: np.ndarray, missing: str) -> Series:
    """Read and check some series."""
    values = read_rows(source, rows, np.float32)
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
    (array([3, 3, 3, 3]), (2, 3, 2))
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
        raise ValueError(f"X has dtype {X.dtype}; expected numbers, which become float32.")
    lengths = np.empty(shape[0], int)
    moments = Moments.none(shape[2] if len(shape) == 3 else 1)
    for rows in blocks(shape[0], int(np.prod(shape[1:]))):
        part = _read(X, rows, missing)
        lengths[rows] = part.lengths
        moments = moments.joined(Moments.of(part))
    return StoredSeries(X, lengths, missing, moments)
