"""Clips of video: checked where they lie, and converted a batch at a time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tsdisentangle.data.panel import Block, Rows, as_is
from tsdisentangle.data.stored import blocks, is_stored, read_rows


@dataclass(frozen=True)
class ClipFormat:
    """How the user's frames are stored: the scaler of clips, whose units are known beforehand.

    Attributes
    ----------
    size, channels : int
        Side and colours of a frame.
    channels_last : bool
        Whether the colours are the last axis, or stand before the two of the frame.
    dtype : dtype
        uint8, or floats in [0, 1].
    """

    size: int
    channels: int
    channels_last: bool
    dtype: np.dtype

    @property
    def n_channels(self) -> int:
        """Channels of the user's clips."""
        return self.channels

    @property
    def n_modelled(self) -> int:
        """Channels that the network sees."""
        return self.channels

    @property
    def scale(self) -> np.ndarray:
        """Pixels are scored as they are, from 0 to 1, in every dtype."""
        return np.ones(self.channels)

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """Pixels to frames of the user's layout and dtype.

        Parameters
        ----------
        values : float array of shape (n, frames, size * size, channels)
            Limited to [0, 1].

        Returns
        -------
        array of shape (n, frames, size, size, channels) or (n, frames, channels, size, size)
        """
        frames = values.reshape(len(values), -1, self.size, self.size, self.channels)
        if not self.channels_last:
            frames = np.moveaxis(frames, -1, 2)
        frames = frames.clip(0, 1)
        if self.dtype == np.uint8:
            frames = np.rint(frames * 255)
        return np.ascontiguousarray(frames, self.dtype)


@dataclass(frozen=True)
class Clips:
    """A panel of clips that stay where they are.

    Attributes
    ----------
    clips : array, list of arrays or stored array
        The user's own.
    lengths, steps : int arrays of shape (n,)
        Clips of each clip; all of them are observed.
    scaler : ClipFormat
    restore : callable
        Gives an array of frames the container of the user's panel.
    kind : {'clips', 'list'}
        That container.
    """

    clips: Any
    lengths: np.ndarray
    scaler: ClipFormat
    restore: Callable[[np.ndarray], Any]
    kind: str

    may_be_missing = False
    in_memory = False
    exact_scores = False
    moments = None

    def __len__(self) -> int:
        return len(self.lengths)

    @property
    def steps(self) -> np.ndarray:
        """Clips of each clip."""
        return self.lengths

    @property
    def n_channels(self) -> int:
        """Colours of a frame."""
        return self.scaler.channels

    def scaled_by(self, scaler: Any) -> "Clips":
        """Return the clips as they are, in their own format, whatever that of others was."""
        return self

    def cut(self, rows: Rows) -> Block:
        """Return some clips in the networks' form; zeros beyond the end of a short one.

        Parameters
        ----------
        rows : int array of shape (batch,) or slice

        Returns
        -------
        Block
            A copy, within [0, 1]; an entry is a pixel.
        """
        rows = np.arange(len(self))[rows]
        batch = self._pick(rows)
        if not self.scaler.channels_last:
            batch = np.moveaxis(batch, 2, -1)
        values = np.ascontiguousarray(batch, np.float32)
        if self.scaler.dtype == np.uint8:
            values /= np.float32(255)
        values = values.reshape(*values.shape[:2], -1, self.scaler.channels)
        return Block(values, None, self.lengths[rows])

    def _pick(self, rows: np.ndarray) -> np.ndarray:
        """Copy some clips, of equal length, in the user's layout and dtype."""
        if isinstance(self.clips, np.ndarray):
            return self.clips[rows]
        if not isinstance(self.clips, list):
            return read_rows(self.clips, rows, self.scaler.dtype)
        shape = (len(rows), int(self.lengths.max()), *self.clips[0].shape[1:])
        batch = np.zeros(shape, self.scaler.dtype)
        for place, row in enumerate(rows):
            batch[place, : self.lengths[row]] = self.clips[row]
        return batch


def as_clips(X: Any, *, size: int, channels: int) -> Clips:
    """Check clips without copying them.

    Parameters
    ----------
    X : array or list of arrays
        ``(n, frames, size, size, channels)`` or ``(n, frames, channels, size, size)``, in uint8 or
        in floats within [0, 1]; or a list of clips, whose lengths may differ. An array that lies
        in a file (numpy memmap, zarr, HDF5) is not loaded.
    size, channels : int
        Side and colours of the frames.

    Returns
    -------
    Clips

    Raises
    ------
    ValueError
        Wrong rank, frame size, channels, dtype or range; no clip, or an empty one.

    Examples
    --------
    >>> clips = as_clips(np.zeros((5, 8, 16, 16, 3), np.uint8), size=16, channels=3)
    >>> clips.lengths, clips.cut(np.array([4, 0])).values.shape
    (array([8, 8, 8, 8, 8]), (2, 8, 256, 3))
    """
    if isinstance(X, list | tuple) and len(X) and np.ndim(X[0]) == 4:
        clips = [np.asarray(clip) for clip in X]
        return _from_list(clips, size, channels)
    # A memory-mapped file is an array like any other here: indexing it copies a batch.
    array = X if is_stored(X) and not isinstance(X, np.ndarray) else np.asarray(X)
    if len(array.shape) != 5:
        raise ValueError(_wrong_rank(array.shape, size, channels))
    if array.shape[0] == 0:
        raise ValueError(f"X has shape {array.shape}: it holds no clip; expected at least one.")
    clip_format = _format_of(array, "X", size, channels)
    _check_range(array, "Clip {}")
    lengths = np.full(array.shape[0], array.shape[1])
    return Clips(array, lengths, clip_format, as_is, "clips")


def _from_list(clips: list[np.ndarray], size: int, channels: int) -> Clips:
    """Check clips of perhaps unequal length, each on its own."""
    first = _format_of(clips[0][None], "Clip 0", size, channels)
    for i, clip in enumerate(clips):
        if clip.ndim != 4:
            raise ValueError(
                f"Clip {i} has shape {clip.shape}; expected {_expected(size, channels, 'frames')}."
            )
        if _format_of(clip[None], f"Clip {i}", size, channels) != first:
            raise ValueError(
                f"Clip {i} has shape {clip.shape} and dtype {clip.dtype}, clip 0 "
                f"{clips[0].shape} and {clips[0].dtype}; all clips of a panel need the same "
                "layout and dtype."
            )
        _check_range(clip[None], f"Clip {i}")
    lengths = np.array([len(clip) for clip in clips])
    return Clips(clips, lengths, first, _list_restorer(lengths), "list")


def _list_restorer(lengths: np.ndarray) -> Callable[[np.ndarray], list[np.ndarray]]:
    def restore(values: np.ndarray) -> list[np.ndarray]:
        return [clip[:length] for clip, length in zip(values, lengths, strict=True)]

    return restore


def _expected(size: int, channels: int, leading: str) -> str:
    return (
        f"({leading}, {size}, {size}, {channels}) or ({leading}, {channels}, {size}, {size}), "
        "uint8 or floats in [0, 1]"
    )


def _wrong_rank(shape: Sequence[int], size: int, channels: int) -> str:
    """Explain a wrong number of axes by what X seems to be."""
    hint = "Pass an array of clips, or a list of them."
    if len(shape) == 4:
        hint = "Pass X[None] if X is a single clip, or X[..., None] if its frames lack the colours."
    elif len(shape) in (2, 3):
        hint = "X seems to be a single image; a clip of one is X[None, None]."
    return (
        f"X has {len(shape)} axes, shape {tuple(shape)}; expected "
        f"{_expected(size, channels, 'n, frames')}. {hint}"
    )


def _format_of(clips: Any, name: str, size: int, channels: int) -> ClipFormat:
    """Layout and dtype of clips ``(n, frames, ...)``, or a clear refusal."""
    layouts = {(size, size, channels): True, (channels, size, size): False}
    if clips.shape[2:] not in layouts:
        raise ValueError(
            f"{name} has frames of shape {clips.shape[2:]}; this VideoEncoder takes "
            f"{' or '.join(map(str, layouts))}. Resize the frames, or set the encoder's size and "
            "channels (and fit again)."
        )
    if clips.shape[1] == 0:
        raise ValueError(f"{name} has no frame; a clip needs at least one.")
    if clips.dtype != np.uint8 and clips.dtype.kind != "f":
        raise ValueError(
            f"{name} has dtype {clips.dtype}; expected uint8, or floats in [0, 1]. Convert with "
            "X.astype(np.uint8) if the values are 0 to 255."
        )
    return ClipFormat(size, channels, layouts[clips.shape[2:]], clips.dtype)


def _check_range(clips: Any, name: str) -> None:
    """Refuse floats outside of [0, 1] and NaN, some clips at a time."""
    if clips.dtype == np.uint8:
        return
    for rows in blocks(clips.shape[0], int(np.prod(clips.shape[1:]))):
        start = rows[0]
        part = np.asarray(clips[start : rows[-1] + 1])
        if part.min() >= 0 and part.max() <= 1:  # False for NaN
            continue
        wrong = ~((part >= 0) & (part <= 1))
        place = np.argwhere(wrong)[0]
        raise ValueError(
            f"{name.format(start + place[0])}, frame {place[1]} holds {part[tuple(place)]}; floats "
            "must lie in [0, 1], and pixels cannot be missing. Divide by the largest possible "
            "value, pass uint8, or drop the frame."
        )
