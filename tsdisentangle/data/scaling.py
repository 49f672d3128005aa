"""Standardisation of each channel, by its observed values only."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from tsdisentangle.data.panel import CheckedPanel, Scaler, Series


@dataclass(frozen=True)
class ChannelScaler:
    """Mean and scale of each channel.

    Attributes
    ----------
    mean, scale : float64 arrays of shape (channel,)
        A constant channel has scale 1.
    """

    mean: np.ndarray
    scale: np.ndarray

    @property
    def n_channels(self) -> int:
        """Channels of the user's series."""
        return len(self.mean)

    @property
    def n_modelled(self) -> int:
        """Channels that the network sees."""
        return self.n_channels

    @property
    def n_marks(self) -> int:
        """Channels, the last of these, whose likelihood is that of marks."""
        return 0

    @classmethod
    def identity(cls, n_channels: int) -> Self:
        """Return the scaler that changes nothing."""
        return cls(np.zeros(n_channels), np.ones(n_channels))

    @classmethod
    def fit(cls, panel: CheckedPanel) -> Self:
        """Estimate mean and standard deviation from the observed values.

        Raises
        ------
        ValueError
            A channel was observed in no series.
        """
        moments = panel.moments
        assert moments is not None  # a panel without them has a scaler of its own
        count, mean = moments.count, moments.mean
        if (count == 0).any():
            raise ValueError(
                f"Channel {int((count == 0).argmax())} has no observed value in any series, so "
                "it cannot be standardised. Drop the channel."
            )
        scale = np.sqrt(moments.squares / count)
        # Rounding of a constant float32 channel is not variation.
        constant = scale <= 10 * np.finfo(np.float32).eps * np.abs(mean)
        return cls(mean, np.where(constant, 1.0, scale))

    def standardise(self, series: Series, rows: np.ndarray) -> Series:
        """Return standardised series; what is not observed stays zero.

        Parameters
        ----------
        series : Series
        rows : int array of shape (n,)
            Their numbers in the panel, for the message of an error.

        Raises
        ------
        ValueError
            A value is so far from the training values that it overflows.
        """
        with np.errstate(over="ignore"):
            scaled = ((series.values - self.mean) / self.scale).astype(np.float32)
        scaled[~series.observed] = 0
        if not np.isfinite(scaled).all():
            row, step, channel = np.argwhere(~np.isfinite(scaled))[0]
            raise ValueError(
                f"The value at series {rows[row]}, step {step}, channel {channel} overflows when "
                f"standardised (training scale {self.scale[channel]:.3g}). Remove it or mark it "
                "as missing."
            )
        return replace(series, values=scaled, scaler=self)

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """Return values in the user's units, as float32."""
        return (values * self.scale + self.mean).astype(np.float32)


@dataclass(frozen=True)
class IndicatingScaler(ChannelScaler):
    """A scaler that adds a channel for each channel: 1 where that one is missing, else 0.

    For data where what was measured says as much as the values do, such as the tests that a
    doctor asks for. The pattern is known up to each series' last observed step.

    Attributes
    ----------
    marks : {'bernoulli', 'gaussian'}
        Likelihood that these channels are modelled with; the latter in models that were fitted
        before there was the former.
    """

    marks: str = "bernoulli"

    @property
    def n_modelled(self) -> int:
        """Channels that the network sees."""
        return 2 * len(self.mean)

    @property
    def n_marks(self) -> int:
        """Channels, the last of these, whose likelihood is that of marks."""
        return len(self.mean) if self.marks == "bernoulli" else 0

    def standardise(self, series: Series, rows: np.ndarray) -> Series:
        """Return standardised series, and after their channels the missing pattern."""
        scaled = super().standardise(series, rows)
        inside = np.arange(series.values.shape[1]) < series.lengths[:, None]
        known = np.broadcast_to(inside[..., None], series.observed.shape)
        missing = (~series.observed & known).astype(np.float32)
        return replace(
            scaled,
            values=np.concatenate([scaled.values, missing], axis=2),
            observed=np.concatenate([series.observed, known], axis=2),
        )

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """Return values in the user's units, without the pattern."""
        return super().inverse(values[..., : len(self.mean)])


def fit_scaler(panel: CheckedPanel, standardize: bool, indicate: bool) -> Scaler:
    """Return what brings a training panel into the network's units, and back.

    Parameters
    ----------
    panel : CheckedPanel
        In the user's units.
    standardize : bool
        Whether to learn mean and scale of each channel, where the panel's units are not known.
    indicate : bool
        Whether to add a channel of marks for each channel: 1 where a value is missing.

    Raises
    ------
    ValueError
        A channel was observed in no series.
    """
    if panel.scaler is not None:
        return panel.scaler
    kind = IndicatingScaler if indicate else ChannelScaler
    return kind.fit(panel) if standardize else kind.identity(panel.n_channels)
