"""What every panel of sequences can do, and the panel of series that lie in memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import pandas as pd

Rows = np.ndarray | slice


class Block(NamedTuple):
    """Some sequences of a panel, as the networks take their values.

    Attributes
    ----------
    values : float32 array of shape (batch, time, entry, channel)
        An entry is a pixel of a frame; a step of a tabular series has one. Zero if not observed.
    observed : bool array of the shape of ``values``, or None
        None: everything up to each sequence's length.
    lengths : int array of shape (batch,)
        Steps up to the last one with an observed value.
    """

    values: np.ndarray
    observed: np.ndarray | None
    lengths: np.ndarray


class Scaler(Protocol):
    """What brings values into the units that a network computes in, and back.

    Attributes
    ----------
    n_channels, n_modelled : int
        Channels of the user's sequences, and of those that the network sees.
    scale : float64 array of shape (n_channels,)
        Size of the network's unit, in the user's.
    """

    @property
    def n_channels(self) -> int: ...  # noqa: D102
    @property
    def n_modelled(self) -> int: ...  # noqa: D102
    @property
    def scale(self) -> np.ndarray: ...  # noqa: D102

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """Return ``(n, time, channel)`` or ``(n, time, entry, channel)`` in the user's units."""
        ...


class CheckedPanel(Protocol):
    """A checked panel: what an encoder's ``read`` returns, and all that the package asks of it.

    Attributes
    ----------
    kind : str
        The container of the user's panel, such as '3d' or 'clips'.
    lengths, steps : int arrays of shape (n,)
        Steps of each sequence: up to the last observed one, and all.
    n_channels : int
    scaler : Scaler or None
        What the values are, or will be, scaled by. A panel whose units are known beforehand, such
        as pixels, has one from the start; of others, it is learned from :attr:`moments`.
    moments : Moments or None
        Of the values of each channel; None where the scaler is known beforehand.
    may_be_missing : bool
        Whether single values can be missing, so that they can be imputed.
    in_memory : bool
        Whether all values lie in memory as floats, so that they are cut into windows once; others
        are read a batch at a time.
    exact_scores : bool
        Whether scores are summed in float64. Not of images: convolutions have no fast form there,
        and every draw is decoded to a whole clip, so that fewer are scored at a time.

    A panel whose sequences have names also has ``index``, their ids; see
    :func:`~tsdisentangle.data.codes.ids_of`.
    """

    def __len__(self) -> int: ...

    @property
    def kind(self) -> str: ...  # noqa: D102
    @property
    def may_be_missing(self) -> bool: ...  # noqa: D102
    @property
    def in_memory(self) -> bool: ...  # noqa: D102
    @property
    def exact_scores(self) -> bool: ...  # noqa: D102
    @property
    def lengths(self) -> np.ndarray: ...  # noqa: D102
    @property
    def steps(self) -> np.ndarray: ...  # noqa: D102
    @property
    def n_channels(self) -> int: ...  # noqa: D102
    @property
    def scaler(self) -> Scaler | None: ...  # noqa: D102
    @property
    def moments(self) -> "Moments | None": ...  # noqa: D102

    def scaled_by(self, scaler: Any) -> "CheckedPanel":
        """Return the panel in the units of a fitted scaler."""
        ...

    def cut(self, rows: Rows) -> Block:
        """Return the values of some sequences, read now if they lie in a file."""
        ...

    @property
    def restore(self) -> Callable[[np.ndarray], Any]:
        """Gives values in the user's units the container of the user's panel."""
        ...


@dataclass(frozen=True)
class Moments:
    """Moments of the observed values of each channel.

    Attributes
    ----------
    count : int array of shape (channel,)
        Observed values.
    mean : float64 array of shape (channel,)
        0 where nothing was observed.
    squares : float64 array of shape (channel,)
        Sum of the squared deviations from the mean.
    """

    count: np.ndarray
    mean: np.ndarray
    squares: np.ndarray

    @classmethod
    def none(cls, n_channels: int) -> Self:
        """Return the moments of no values."""
        return cls(np.zeros(n_channels, int), np.zeros(n_channels), np.zeros(n_channels))

    @classmethod
    def of(cls, values: np.ndarray, observed: np.ndarray) -> Self:
        """Return the moments of ``(n, time, channel)``, by their mean first; 0 if not observed."""
        count = observed.sum(axis=(0, 1))
        mean = values.sum(axis=(0, 1), dtype=np.float64) / np.maximum(count, 1)
        deviation = np.where(observed, values - mean, 0.0)
        return cls(count, mean, np.square(deviation).sum(axis=(0, 1)))

    def joined(self, other: "Moments") -> "Moments":
        """Moments of both samples together, without cancellation (Chan et al. 1979).

        Examples
        --------
        >>> one = Moments(np.array([1]), np.array([2.0]), np.array([0.0]))
        >>> two = Moments(np.array([1]), np.array([6.0]), np.array([0.0]))
        >>> one.joined(two)
        Moments(count=array([2]), mean=array([4.]), squares=array([8.]))
        """
        count = self.count + other.count
        share = other.count / np.maximum(count, 1)
        apart = other.mean - self.mean
        mean = self.mean + apart * share
        squares = self.squares + other.squares + np.square(apart) * self.count * share
        return Moments(count, mean, squares)


@dataclass(frozen=True)
class Series:
    """A panel of series in memory.

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
    scaler : Scaler or None
        What the values were scaled by.
    index : Index of shape (n,), default=None
        Ids of the series, where they have names.
    """

    values: np.ndarray
    observed: np.ndarray
    lengths: np.ndarray
    steps: np.ndarray
    restore: Callable[[np.ndarray], Any]
    kind: str
    scaler: Any = None
    index: pd.Index | None = None

    may_be_missing = True
    in_memory = True
    exact_scores = True

    def __len__(self) -> int:
        return len(self.values)

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return self.values.shape[2]

    @property
    def moments(self) -> Moments:
        """Moments of the observed values."""
        return Moments.of(self.values, self.observed)

    def scaled_by(self, scaler: Any) -> "Series":
        """Return the series standardised by a :class:`~tsdisentangle.data.scaling.ChannelScaler`.

        Raises
        ------
        ValueError
            A value is so far from the training values that it overflows.
        """
        return scaler.standardise(self, np.arange(len(self)))

    def cut(self, rows: Rows) -> Block:
        """Return some of the series; views for a slice."""
        values, observed = self.values[rows], self.observed[rows]
        return Block(values[:, :, None], observed[:, :, None], self.lengths[rows])


def as_is(values: np.ndarray) -> np.ndarray:
    """Return the array: the container of a 3-D panel."""
    return values


def first_channel(values: np.ndarray) -> np.ndarray:
    """Return the array without its channel axis: the container of a 2-D panel."""
    return values[..., 0]


def _where(flags: np.ndarray, first: int | None) -> str:
    """Name the first flagged entry and the number of the others."""
    place = np.unravel_index(int(flags.argmax()), flags.shape)
    text = f"series {place[0] + (first or 0)}, step {place[1]}, channel {place[2]}"
    others = int(flags.sum()) - 1
    # The blocks after this one have not been read.
    known = "" if first is None else "at least "
    return f"{text} and {known}{others} more places" if others else text


def observe(
    values: np.ndarray,
    steps: np.ndarray,
    missing: str,
    restore: Callable[[np.ndarray], Any],
    kind: str,
    first: int | None = None,
) -> Series:
    """Separate values and mask; refuse what may not be there.

    Parameters
    ----------
    values : float32 array of shape (n, time, channel)
    steps, missing, restore, kind
        As in :class:`Series` and :func:`~tsdisentangle.data.series.as_series`.
    first : int, default=None
        Number of the first series where these are a part of a panel.

    Returns
    -------
    Series

    Raises
    ------
    ValueError
        Inf, NaN with ``missing='error'``, or a series without any observed value.
    """
    infinite = np.isinf(values)
    if infinite.any():
        raise ValueError(
            f"X holds inf (infinity, or a value beyond the range of float32) at "
            f"{_where(infinite, first)}. Remove it, or mark it as missing with NaN and pass "
            "missing='mask'."
        )
    observed = ~np.isnan(values)
    inside = np.arange(values.shape[1]) < steps[:, None]
    gaps = ~observed & inside[..., None]
    if missing == "error" and gaps.any():
        raise ValueError(
            f"X holds NaN at {_where(gaps, first)}. Pass missing='mask' to treat NaN as not "
            "observed, or fill the gaps."
        )
    seen = observed.any(axis=2)
    if not seen.any(axis=1).all():
        nothing = int((~seen.any(axis=1)).argmax()) + (first or 0)
        raise ValueError(
            f"Series {nothing} has no observed value: every entry is NaN. Drop it; a code needs "
            "at least one observed value."
        )
    lengths = values.shape[1] - seen[:, ::-1].argmax(axis=1)
    if not observed.all():
        values = np.where(observed, values, np.float32(0))
    return Series(values, observed, lengths, steps, restore, kind)
