"""Mean and variance of each channel, in one pass over the data."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from tsdisentangle.data.panel import Series


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
    def of(cls, series: Series) -> Self:
        """Return the moments of series, by their mean first."""
        count = series.observed.sum(axis=(0, 1))
        mean = series.values.sum(axis=(0, 1), dtype=np.float64) / np.maximum(count, 1)
        deviation = np.where(series.observed, series.values - mean, 0.0)
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
