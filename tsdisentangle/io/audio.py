"""The audio front end: recordings to spectrogram segments, block by block, and back to sound.

Needs soundfile and librosa (extra ``audio``).
"""

from collections.abc import Iterable, Iterator
from numbers import Integral
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils._set_output import _get_output_config

from tsdisentangle.io.recordings import Recording, Waveform, is_single, read_blocks

try:
    import librosa
except ImportError as error:
    raise ImportError(
        "tsdisentangle.io.audio needs librosa: pip install 'tsdisentangle[audio]'."
    ) from error

KINDS = ("linear", "log-mel")
FLOOR = 1e-5  # what silence becomes before the logarithm; -100 dB of full scale


class Spectrogram(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Cut recordings into segments, and turn each into a spectrogram.

    A recording, a file or samples, is resampled to ``rate`` and cut into consecutive segments; the
    last one is filled up with zeros. Each segment becomes magnitudes of a short-time Fourier
    transform, as they are or in mel bands as logarithms.

    Parameters
    ----------
    rate : int, default=16000
        Samples per second of what is analysed.
    input_rate : int or None, default=None
        Samples per second of arrays; None means ``rate``. Files have a rate of their own.
    segment : int or None, default=3200
        Samples of a segment, 200 ms by default. None makes each whole recording one segment, which
        must then fit into memory.
    n_fft : int, default=400
        Samples of a Fourier transform, so ``1 + n_fft // 2`` frequencies.
    window : int, default=320
        Samples of the Hann window, 20 ms by default.
    hop : int, default=165
        Samples from frame to frame. By default a segment has exactly 20 frames.
    kind : {'linear', 'log-mel'}, default='linear'
        Magnitudes per frequency, or natural logarithms of magnitudes per mel band.
    n_mels : int, default=40
        Mel bands; without effect if ``kind='linear'``.

    See Also
    --------
    tsdisentangle.datasets.fetch_fsdd : Recordings to start with, at 8000 Hz.

    Notes
    -----
    The defaults are the front end of the speech experiment of [1]_, in its released code: 16 kHz,
    segments of 200 ms, magnitudes without logarithm, and a hop of 165 samples. Frames are centred,
    and a segment is mirrored at its ends, so no segment sees its neighbours, and it makes no
    difference in which blocks a recording was read. All lengths are samples at ``rate``: change
    them together with it.

    In a pipeline, :class:`~tsdisentangle.SpectrogramEncoder` takes what `transform` returns, and
    a segment is a series, so there are more codes than recordings unless ``segment=None``. After
    ``set_output(transform="pandas")``, segments are a DataFrame whose index has the levels
    (recording, segment, frame), and every estimator of the package takes it: a series is a
    segment, and carries its recording's number, counted from 0.

    References
    ----------
    .. [1] N. Berman et al., "Sequential Disentanglement by Extracting Static Information From A
       Single Sequence Element", ICML 2024.

    Examples
    --------
    >>> import numpy as np
    >>> from tsdisentangle.io.audio import Spectrogram
    >>> tone = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)
    >>> segments = Spectrogram(input_rate=8000).fit_transform([tone])
    >>> segments[0].shape
    (5, 20, 201)
    >>> front = Spectrogram().set_output(transform="pandas")
    >>> frame = front.fit_transform([(tone, 8000), (tone[:4000], 8000)])
    >>> frame.index.names, frame.shape  # 5 + 3 segments of 20 frames
    (FrozenList(['recording', 'segment', 'frame']), (160, 201))
    """

    def __init__(
        self,
        rate: int = 16000,
        *,
        input_rate: int | None = None,
        segment: int | None = 3200,
        n_fft: int = 400,
        window: int = 320,
        hop: int = 165,
        kind: Literal["linear", "log-mel"] = "linear",
        n_mels: int = 40,
    ) -> None:
        self.rate = rate
        self.input_rate = input_rate
        self.segment = segment
        self.n_fft = n_fft
        self.window = window
        self.hop = hop
        self.kind = kind
        self.n_mels = n_mels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags

    def fit(self, X: Any = None, y: Any = None) -> "Spectrogram":
        """Check the parameters; nothing is learnt.

        Raises
        ------
        ValueError
            A parameter that is not a positive whole number, an unknown kind, a window longer than
            the Fourier transform, or a segment too short for it.
        """
        self._check_parameters()
        return self

    def transform(self, X: Iterable[Recording]) -> list[NDArray[np.float32]] | pd.DataFrame:
        """Return the segments of each recording.

        Parameters
        ----------
        X : iterable of recordings
            Each as in `stream`.

        Returns
        -------
        list of float32 arrays of shape (segments, frames, bins)
            One per recording; (frames, bins) if ``segment=None``. After
            ``set_output(transform="pandas")`` a DataFrame with a row per frame and a column per
            bin, whose index has the levels (recording, segment, frame), or (recording, frame).

        Raises
        ------
        OSError, ValueError
            As in `stream`; the message begins with the recording's number. No recording at all.
        """
        if is_single(X):
            raise ValueError(
                "X is a single recording; expected several. Put it into a list, as [recording]."
            )
        recordings = [self._read(recording, i) for i, recording in enumerate(X)]
        if not recordings:
            raise ValueError("X holds no recording; expected at least one.")
        form = _get_output_config("transform", self)["dense"]
        if form == "default":
            return [r[0] for r in recordings] if self.segment is None else recordings
        if form != "pandas":
            raise ValueError(
                f"set_output(transform={form!r}) has no place for the number of the recording; use "
                "set_output(transform='pandas') or 'default'."
            )
        return self._to_frame(recordings)

    def stream(self, recording: Recording) -> Iterator[NDArray[np.float32]]:
        """Yield the spectrograms of a recording's segments; only a block of it is in memory.

        Parameters
        ----------
        recording : path, file, bytes, array of shape (samples,), pair or dict
            A file that libsndfile reads (WAV, FLAC, OGG, MP3 and others), whose channels are
            averaged: its path, or, read as a whole, a file open in binary mode or bytes. Or one
            channel: floats of about -1 to 1, or 16-bit integers, also with its rate, as
            ``(array, rate)``. Or a dict, as data sets of a hub have it: ``{"array": ...,
            "sampling_rate": ...}`` or ``{"bytes": ..., "path": ...}``.

        Yields
        ------
        float32 array of shape (frames, bins)

        Raises
        ------
        OSError
            There is no such file.
        ValueError
            A file that holds no sound; a recording without samples, with NaN or inf, or, known
            only at its end, with nothing but zeros or with channels that cancel each other; an
            array of another shape or type; a whole recording that is too short for one Fourier
            transform.

        Warns
        -----
        UserWarning
            A file that was cut off or damaged: fewer samples can be decoded than it declares. What
            can be decoded is used, and nothing else.
        """
        self._check_parameters()
        mel = self._mel_basis() if self.kind == "log-mel" else None
        for segments in self._segments(recording):
            yield from self._analyse(segments, mel)

    def to_waveform(
        self, spectrogram: NDArray[np.floating], *, n_iter: int = 32, random_state: int = 0
    ) -> Waveform:
        """Return sound with about these magnitudes, its phases found by Griffin and Lim's method.

        Parameters
        ----------
        spectrogram : array of shape (segments, frames, bins) or (frames, bins)
            As from `transform` or `stream`, or reconstructed. Magnitudes below zero count as zero.
        n_iter : int, default=32
            Iterations.
        random_state : int, default=0
            Seed of the first phases; the same seed gives the same sound.

        Returns
        -------
        float32 array of shape (samples,)
            Segments one after the other, at ``rate``. A whole recording comes back at a length
            that its frames fill, up to a hop shorter than it was.

        Raises
        ------
        ValueError
            A shape that does not fit the parameters, or values that are not finite.
        """
        self._check_parameters()
        values = np.asarray(spectrogram, dtype=np.float32)
        bins = self._n_features_out
        if values.ndim not in (2, 3) or values.shape[-1] != bins or 0 in values.shape:
            raise ValueError(
                f"The spectrogram has shape {values.shape}; expected (segments, frames, {bins}) or "
                f"(frames, {bins}) from a Spectrogram with the same parameters."
            )
        if not np.isfinite(values).all():
            raise ValueError("The spectrogram holds NaN or inf; fill or remove these values.")
        magnitudes = self._linear(values.reshape(-1, *values.shape[-2:]).swapaxes(1, 2))
        sound = librosa.griffinlim(
            magnitudes,
            n_iter=n_iter,
            hop_length=self.hop,
            win_length=self.window,
            n_fft=self.n_fft,
            length=self.segment,
            pad_mode="reflect",
            random_state=random_state,
        )
        return sound.reshape(-1).astype(np.float32)

    @property
    def _n_features_out(self) -> int:  # scikit-learn's name, which names the columns by it
        return self.n_mels if self.kind == "log-mel" else 1 + self.n_fft // 2

    def _read(self, recording: Recording, number: int) -> NDArray[np.float32]:
        try:
            return np.stack(list(self.stream(recording)))
        except ValueError as error:
            raise ValueError(f"X[{number}]: {error}") from error

    def _to_frame(self, recordings: list[NDArray[np.float32]]) -> pd.DataFrame:
        """Rows of frames; the index says of which segment of which recording."""
        levels = [
            np.concatenate([np.indices(r.shape[:2])[axis].ravel() for r in recordings])
            for axis in (0, 1)
        ]
        number = np.repeat(np.arange(len(recordings)), [r[..., 0].size for r in recordings])
        names = {"recording": number, "segment": levels[0], "frame": levels[1]}
        if self.segment is None:
            del names["segment"]
        index = pd.MultiIndex.from_arrays(list(names.values()), names=list(names))
        rows = np.concatenate([r.reshape(-1, r.shape[2]) for r in recordings])
        return pd.DataFrame(rows, index=index, columns=self.get_feature_names_out())

    def _check_parameters(self) -> None:
        for name in ("rate", "input_rate", "segment", "n_fft", "window", "hop", "n_mels"):
            value = getattr(self, name)
            if value is None and name in ("input_rate", "segment"):
                continue
            if not isinstance(value, Integral) or value < 1:
                raise ValueError(f"{name} must be a positive whole number, got {value!r}.")
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {KINDS}, got {self.kind!r}.")
        if self.window > self.n_fft:
            raise ValueError(
                f"window={self.window} is longer than n_fft={self.n_fft}; make n_fft at least as "
                "long as the window."
            )
        if self.segment is not None:
            self._check_length(self.segment, "segment")

    def _check_length(self, samples: int, name: str) -> None:
        # A segment is mirrored at its ends by half a transform, and must be longer than that.
        if samples <= self.n_fft // 2:
            raise ValueError(
                f"{name} has {samples} samples at {self.rate} Hz; expected more than n_fft / 2 = "
                f"{self.n_fft // 2}. Make it longer, or n_fft shorter."
            )

    def _segments(self, recording: Recording) -> Iterator[Waveform]:
        """Yield batches of segments, (n, samples)."""
        blocks = read_blocks(recording, self.rate, self.input_rate)
        if self.segment is None:
            whole = np.concatenate(list(blocks))
            self._check_length(len(whole), "The recording")
            yield whole[None]
            return
        rest = np.zeros(0, dtype=np.float32)
        for block in blocks:
            rest = np.concatenate([rest, block])
            whole, rest = np.split(rest, [len(rest) // self.segment * self.segment])
            if len(whole):
                yield whole.reshape(-1, self.segment)
        if len(rest):
            yield np.pad(rest, (0, self.segment - len(rest)))[None]

    def _analyse(self, segments: Waveform, mel: NDArray | None) -> NDArray[np.float32]:
        transformed = librosa.stft(
            segments,
            n_fft=self.n_fft,
            hop_length=self.hop,
            win_length=self.window,
            pad_mode="reflect",
        )
        magnitudes = np.abs(transformed)
        if mel is not None:
            magnitudes = np.log(np.maximum(mel @ magnitudes, FLOOR))
        return magnitudes.swapaxes(1, 2).astype(np.float32)

    def _linear(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Magnitudes of frequencies, (n, frequencies, frames), also from mel bands."""
        if self.kind == "linear":
            return np.maximum(values, 0)
        # Least squares that keep the sign; a plain inverse of the bands gives negative magnitudes.
        return librosa.util.nnls(self._mel_basis(), np.exp(values))

    def _mel_basis(self) -> NDArray[np.float32]:
        return librosa.filters.mel(sr=self.rate, n_fft=self.n_fft, n_mels=self.n_mels)
