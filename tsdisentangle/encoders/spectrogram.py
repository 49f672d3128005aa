"""Parameter objects for spectrograms."""

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any, cast

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, StrOptions
from torch import nn

from tsdisentangle.data.panel import Series
from tsdisentangle.data.series import as_series
from tsdisentangle.data.stored import StoredSeries
from tsdisentangle.nn.element_encoder import ElementEncoder, require_single_steps
from tsdisentangle.nn.spectrogram_networks import (
    RecurrentSpectrumDecoder,
    RecurrentSpectrumEncoder,
    SpectrumDecoder,
    SpectrumEncoder,
)


class SpectrogramEncoder(BaseEstimator):
    """Encoder of spectrograms; an element of the sequence is a frame.

    Spectrograms are ``(n, frames, bins)``, or a list of ``(frames_i, bins)`` of unequal length;
    or what :class:`tsdisentangle.io.audio.Spectrogram` returns, so that it goes before an estimator
    in a pipeline.
    Missing values and standardisation are those of tabular series, a bin being a channel.

    Parameters
    ----------
    kind : {'frame', 'recurrent'}, default='frame'
        ``'frame'`` reads every frame with its mask through an MLP, so the static code comes from
        a single frame. ``'recurrent'`` is the released code of Berman et al. (2024) for TIMIT: a
        bidirectional LSTM runs over the frames first, so the "single element" has seen them all.
    hidden : int, default=256
        Width of the static head, of the recurrent prior (both as in the released code), and of
        the MLPs of ``'frame'``.
    out_features : int, default=201
        Size of the features of a frame (as in the released code), and of the LSTM's state.

    See Also
    --------
    SpectrogramDecoder : The decoder that goes with it.

    References
    ----------
    .. [1] Berman, N., Naiman, I., Arbiv, I., Fadlon, G. and Azencot, O. (2024). Sequential
       Disentanglement by Extracting Static Information From A Single Sequence Element. ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from tsdisentangle import SpectrogramEncoder, StaticDynamicVAE
    >>> rng = np.random.default_rng(0)
    >>> spectrograms = [rng.random((frames, 20)) for frames in (12, 9, 15)]
    >>> encoder = SpectrogramEncoder(hidden=16, out_features=8)
    >>> estimator = StaticDynamicVAE(encoder, max_epochs=1, random_state=0).fit(spectrograms)
    >>> estimator.encode(spectrograms).lengths
    array([12,  9, 15])
    """

    _parameter_constraints = {
        "kind": [StrOptions({"frame", "recurrent"})],
        "hidden": [Interval(Integral, 1, None, closed="left")],
        "out_features": [Interval(Integral, 1, None, closed="left")],
    }

    # Steps of an element with the estimator's window='auto': an element is a frame.
    auto_window = 1

    def __init__(self, kind: str = "frame", *, hidden: int = 256, out_features: int = 201):
        self.kind = kind
        self.hidden = hidden
        self.out_features = out_features

    def read(self, X: Any, *, missing: str = "error") -> Series | StoredSeries:
        """Check spectrograms and bring them into the package's form.

        Parameters
        ----------
        X : array, list of arrays or DataFrame
            ``(n, frames, bins)`` or a list of ``(frames_i, bins)``; or the segments of recordings,
            as a list of ``(segments_i, frames, bins)`` or a DataFrame, of which each is a series.
        missing : {'error', 'mask', 'indicate'}, default='error'
            Whether NaN is refused or means "not observed".

        Returns
        -------
        Series or StoredSeries

        Raises
        ------
        ValueError
            As for tabular series, and for an array without an axis of bins.
        """
        if isinstance(X, list | tuple) and X and all(np.ndim(each) == 3 for each in X):
            return _join(X, missing)
        series = as_series(X, missing=missing)
        if series.kind == "2d":
            shape = len(series), int(series.steps.max())
            raise ValueError(
                f"X has shape {shape}; expected spectrograms (n, frames, bins) or a list of "
                "(frames_i, bins). Pass X[None] if X is a single spectrogram."
            )
        return series

    def build(self, n_channels: int, window: int) -> ElementEncoder:
        """Make the network.

        Parameters
        ----------
        n_channels, window : int
            Number of bins, and of frames of an element, which must be 1.

        Returns
        -------
        ElementEncoder
        """
        self._validate_params()
        require_single_steps(window)
        network = SpectrumEncoder if self.kind == "frame" else RecurrentSpectrumEncoder
        return network(n_channels, self.hidden, self.out_features)

    def decoder(self) -> "SpectrogramDecoder":
        """Return the decoder of the same kind and size."""
        return SpectrogramDecoder(self.kind, hidden=self.hidden, out_features=self.out_features)


def _join(recordings: Sequence[Any], missing: str) -> Series:
    """Read the segments of all recordings as one panel, which is given back in the same pieces."""
    shapes = sorted({np.shape(each)[1:] for each in recordings})
    if len(shapes) > 1:
        raise ValueError(
            f"X holds segments of {shapes[0]} and of {shapes[1]} frames and bins; expected one "
            "shape for all recordings. Make them with one Spectrogram."
        )
    series = as_series(np.concatenate(recordings), missing=missing)
    ends = np.cumsum([len(each) for each in recordings])[:-1]
    return replace(cast(Series, series), restore=lambda values: np.split(values, ends))


class SpectrogramDecoder(BaseEstimator):
    """Decoder of codes to spectrograms.

    Its likelihood is a Gaussian of variance 1/2, so that ``-log p`` is the summed squared error of
    the paper plus a constant.

    Parameters
    ----------
    kind : {'frame', 'recurrent'}, default='frame'
        ``'frame'`` is an MLP to every frame, ``'recurrent'`` the LSTM decoder of the released code
        of Berman et al. (2024), which runs over the codes of a sequence.
    hidden : int, default=256
        Width of the MLP's hidden layers; ``'recurrent'`` has none and ignores it.
    out_features : int, default=201
        Size of the LSTM's state; ``'frame'`` has none and ignores it.

    Examples
    --------
    >>> from tsdisentangle import SpectrogramDecoder, SpectrogramEncoder
    >>> SpectrogramEncoder("recurrent").decoder()
    SpectrogramDecoder(kind='recurrent')
    """

    _parameter_constraints = SpectrogramEncoder._parameter_constraints

    def __init__(self, kind: str = "frame", *, hidden: int = 256, out_features: int = 201):
        self.kind = kind
        self.hidden = hidden
        self.out_features = out_features

    def build(self, code_dim: int, n_channels: int, window: int) -> nn.Module:
        """Make the network.

        Parameters
        ----------
        code_dim : int
            Size of a dynamic and the static code together.
        n_channels, window : int
            Number of bins, and of frames of an element, which must be 1.

        Returns
        -------
        nn.Module
            Called with codes and a noise source, it returns a ``Gaussian``.
        """
        self._validate_params()
        require_single_steps(window)
        if self.kind == "frame":
            return SpectrumDecoder(code_dim, n_channels, self.hidden)
        return RecurrentSpectrumDecoder(code_dim, n_channels, self.out_features)
