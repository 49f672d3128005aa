"""Parameter objects for video."""

from numbers import Integral
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval, Options
from torch import nn

from tsdisentangle.data.clips import Clips, as_clips
from tsdisentangle.nn.element_encoder import ElementEncoder, require_single_steps
from tsdisentangle.nn.video_networks import ClipDecoder, ClipEncoder

SIZES = {2**k for k in range(4, 13)}


class VideoEncoder(BaseEstimator):
    """Encoder of clips of square frames; an element of the sequence is a frame.

    The convolutions of the released code of Berman et al. (2024), with its static head, its
    two-layer dynamic LSTM and the size of its prior. Clips are ``(n, frames, size, size,
    channels)`` or ``(n, frames, channels, size, size)``, in uint8 or floats in [0, 1]; a list
    holds clips of unequal length. They are never copied: a batch is converted at a time, so a
    memory-mapped file may be larger than the memory. ``standardize`` and ``missing`` of the
    estimator do not apply.

    Parameters
    ----------
    size : int, default=64
        Side of a frame: a power of two from 16 on. 64 is that of the published data sets.
    channels : {1, 3}, default=3
        Colours of a frame.
    width : int, default=64
        Channels of the first layer; the next ones have 2, 4 and 8 times as many. 64 is the
        released network; 16 trains about seven times faster on a processor.
    out_features : int, default=256
        Size of the features of a frame (the paper's 256 for Sprites, 128 for MUG).
    hidden : int, default=64
        Width of the static head and of the recurrent prior (64 for Sprites, 256 for MUG).

    See Also
    --------
    VideoDecoder : The decoder that goes with it.

    Notes
    -----
    Batch normalisation runs over the frames of a batch in training, and uses its running averages
    afterwards: a code depends on nothing but its clip.

    References
    ----------
    .. [1] Berman, N., Naiman, I., Arbiv, I., Fadlon, G. and Azencot, O. (2024). Sequential
       Disentanglement by Extracting Static Information From A Single Sequence Element. ICML.

    Examples
    --------
    >>> import numpy as np
    >>> from tsdisentangle import StaticDynamicVAE, VideoEncoder
    >>> clips = np.random.default_rng(0).integers(0, 256, (6, 4, 16, 16, 3), dtype=np.uint8)
    >>> encoder = VideoEncoder(size=16, width=4, out_features=8, hidden=8)
    >>> estimator = StaticDynamicVAE(encoder, max_epochs=1, random_state=0).fit(clips)
    >>> estimator.encode(clips).dynamic.shape
    (6, 4, 24)
    >>> X12, X21 = estimator.swap(clips[:1], clips[1:2])
    >>> X12.shape, X12.dtype
    ((1, 4, 16, 16, 3), dtype('uint8'))
    """

    _parameter_constraints = {
        "size": [Options(Integral, SIZES)],
        "channels": [Options(Integral, {1, 3})],
        "width": [Interval(Integral, 1, None, closed="left")],
        "out_features": [Interval(Integral, 1, None, closed="left")],
        "hidden": [Interval(Integral, 1, None, closed="left")],
    }

    # Steps of an element with the estimator's window='auto': an element is a frame.
    auto_window = 1

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        width: int = 64,
        *,
        out_features: int = 256,
        hidden: int = 64,
    ):
        self.size = size
        self.channels = channels
        self.width = width
        self.out_features = out_features
        self.hidden = hidden

    def read(self, X: Any, *, missing: str = "error") -> Clips:
        """Check clips, without copying them.

        Parameters
        ----------
        X : array or list of arrays
            Clips in uint8, or in floats within [0, 1].
        missing : str
            Not used: NaN is refused in any case.

        Returns
        -------
        Clips

        Raises
        ------
        ValueError
            Wrong rank, frame size, channels, dtype or range; no clip, or an empty one.
        """
        self._validate_params()
        return as_clips(X, size=self.size, channels=self.channels)

    def build(self, n_channels: int, window: int) -> ElementEncoder:
        """Make the network.

        Parameters
        ----------
        n_channels, window : int
            Number of channels, and of frames of an element, which must be 1.

        Returns
        -------
        ElementEncoder
        """
        self._validate_params()
        require_single_steps(window)
        return ClipEncoder(self.size, self.channels, self.width, self.out_features, self.hidden)

    def decoder(self) -> "VideoDecoder":
        """Return the decoder of the same size."""
        return VideoDecoder(self.size, self.channels, self.width)


class VideoDecoder(BaseEstimator):
    """Decoder of codes to square frames: transposed convolutions, each frame on its own.

    Its likelihood is a Gaussian of variance 1/2, so that ``-log p`` is the summed squared error of
    the paper plus a constant, and the paper's weights hold as they are.

    Parameters
    ----------
    size : int, default=64
        Side of a frame, as in :class:`VideoEncoder`.
    channels : {1, 3}, default=3
        Colours of a frame.
    width : int, default=64
        Channels of the last layer but one, as in :class:`VideoEncoder`.

    Examples
    --------
    >>> from tsdisentangle import VideoDecoder, VideoEncoder
    >>> VideoEncoder(size=32, width=16).decoder()
    VideoDecoder(size=32, width=16)
    """

    _parameter_constraints = {
        name: VideoEncoder._parameter_constraints[name] for name in ("size", "channels", "width")
    }

    def __init__(self, size: int = 64, channels: int = 3, width: int = 64):
        self.size = size
        self.channels = channels
        self.width = width

    def build(self, code_dim: int, n_channels: int, window: int) -> nn.Module:
        """Make the network.

        Parameters
        ----------
        code_dim : int
            Size of a dynamic and the static code together.
        n_channels, window : int
            Number of channels, and of frames of an element, which must be 1.

        Returns
        -------
        nn.Module
            Called with codes and a noise source, it returns a ``Gaussian``.
        """
        self._validate_params()
        require_single_steps(window)
        return ClipDecoder(code_dim, self.size, self.channels, self.width)
