"""Series with their mask, and what they may not hold."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


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
    # The blocks behind this one have not been read.
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
