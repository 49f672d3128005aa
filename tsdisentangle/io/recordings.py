"""Read recordings of any rate block by block: from files or arrays, checked and resampled.

Needs soundfile and soxr (extra ``audio``).
"""

import os
from collections.abc import Iterable, Iterator
from io import IOBase
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsdisentangle.io.sound_files import read_sound

try:
    import soxr
except ImportError as error:
    raise ImportError(
        "tsdisentangle.io.recordings needs soxr: pip install 'tsdisentangle[audio]'."
    ) from error

Waveform = NDArray[np.float32]
Recording = Any  # a path, an array, and the other forms that read_blocks takes

BLOCK = 2**16  # samples that are read at once
CANCELLED = 1e-3  # of the channels' peak; averages below are what opposite phases leave
ACCEPTED = (
    "a path, a file open in binary mode, the bytes of one, an array (samples,), a pair (array, "
    "rate), or a dict with 'array' and 'sampling_rate' or with 'bytes' or 'path'"
)


def read_blocks(
    recording: Recording, rate: int, input_rate: int | None = None
) -> Iterator[Waveform]:
    """Yield a recording's samples at another rate, block by block.

    Parameters
    ----------
    recording : path, file, bytes, array of shape (samples,), pair or dict
        A file that libsndfile reads, whose channels are averaged: its path, its bytes, or a file
        open in binary mode, which is read as a whole, from its start. Or one channel: floats of
        about -1 to 1, or 16-bit integers, alone, with its rate as ``(array, rate)`` or
        ``(rate, array)``, or as ``{"array": ..., "sampling_rate": ...}``. A file may also be
        ``{"bytes": ..., "path": ...}``, of which one can be None.
    rate : int
        Samples per second of the result.
    input_rate : int or None, default=None
        Samples per second of an array that comes without its rate; None means ``rate``.

    Yields
    ------
    float32 array of shape (samples,)
        Of any length, also 0. Joined, the blocks are what resampling the whole recording gives.

    Raises
    ------
    OSError
        There is no such file.
    ValueError
        A file that holds no sound; a recording without samples at either rate, with NaN or inf,
        or, known only at its end, with nothing but zeros, or with channels that cancel each other;
        an array of another shape or type.

    Warns
    -----
    UserWarning
        A file that was cut off or damaged: fewer samples can be decoded than it declares.
    """
    name, own_rate, blocks = _open(recording)
    yield from _resample(_mix(blocks, name), own_rate or input_rate or rate, rate)


def is_single(X: Any) -> bool:
    """Whether this is one recording, in a form that could be taken for several.

    Parameters
    ----------
    X : object

    Examples
    --------
    >>> is_single("sound.wav"), is_single(["sound.wav"]), is_single(([0.0, 0.5], 8000))
    (True, False, True)
    """
    forms = str | os.PathLike | bytes | bytearray | memoryview | IOBase | dict
    if isinstance(X, np.ndarray):
        return X.ndim == 1 and X.dtype.kind not in "OUS"  # an array of paths holds several
    return isinstance(X, forms) or _is_pair(X)


def _is_pair(recording: Any) -> bool:
    """Whether this is an array and its rate, in either order."""
    if not isinstance(recording, tuple | list) or len(recording) != 2:
        return False
    return sorted(isinstance(each, Real) for each in recording) == [False, True]


def _open(recording: Any) -> tuple[str, float | None, Iterator[NDArray[Any]]]:
    """Return name, rate if known, and blocks (samples,) or (samples, channels)."""
    if isinstance(recording, dict):
        recording = _from_dict(recording)
    if _is_pair(recording):
        rate, array = sorted(recording, key=lambda each: not isinstance(each, Real))
        if not 0 < rate < np.inf:
            raise ValueError(f"A recording has {rate} samples per second; expected more than 0.")
        return "The array", float(rate), _array_blocks(_as_samples(array))
    if isinstance(recording, str | os.PathLike):
        name = os.fspath(recording)
        return name, *read_sound(name, name, BLOCK)
    if isinstance(recording, bytes | bytearray | memoryview):
        return "The file", *read_sound(bytes(recording), "The file", BLOCK)
    if hasattr(recording, "read"):
        name = str(getattr(recording, "name", "The file"))
        return name, *read_sound(_read_whole(recording, name), name, BLOCK)
    return "The array", None, _array_blocks(_as_samples(recording))


def _from_dict(recording: dict[str, Any]) -> Any:
    """Return the form that stands in a dict."""
    if recording.get("array") is not None and recording.get("sampling_rate") is not None:
        return recording["array"], recording["sampling_rate"]
    if "array" not in recording:
        for key in ("bytes", "path"):
            if recording.get(key) is not None:
                return recording[key]
    raise ValueError(
        f"A recording is a dict with the keys {sorted(map(str, recording))}; expected 'array' and "
        "'sampling_rate', or 'bytes' or 'path', which are not None."
    )


def _read_whole(file: Any, name: str) -> bytes:
    if hasattr(file, "seek"):
        file.seek(0)  # it may have been read before, as by fit
    content = file.read()
    if not isinstance(content, bytes):
        raise ValueError(f"{name} is open in text mode; open it in binary mode, open(path, 'rb').")
    return content


def _array_blocks(samples: NDArray[Any]) -> Iterator[Waveform]:
    scale = np.float32(2**15 if samples.dtype.kind == "i" else 1)
    for start in range(0, len(samples), BLOCK):
        yield samples[start : start + BLOCK].astype(np.float32) / scale


def _as_samples(recording: Any) -> NDArray[Any]:
    try:
        samples = np.asarray(recording)
    except ValueError:  # unequal lengths
        samples = np.empty((), object)
    kind, size = samples.dtype.kind, samples.dtype.itemsize
    if kind not in "fiu":
        raise ValueError(
            f"A recording has the type {type(recording).__name__} of {samples.dtype}; expected "
            f"{ACCEPTED}."
        )
    if samples.ndim != 1:
        raise ValueError(
            f"A recording has shape {samples.shape}; expected (samples,), one channel. Average the "
            f"channels{_averaging(samples)}, or pick one."
        )
    if kind == "f" or (kind == "i" and size == 2):  # of either byte order
        return samples
    raise ValueError(
        f"A recording x has the type {samples.dtype}; expected floats of about -1 to 1, or int16. "
        f"Pass {_scaling(kind, 8 * size)}."
    )


def _averaging(samples: NDArray[Any]) -> str:
    return f", as x.mean(axis={int(np.argmin(samples.shape))})" if samples.ndim == 2 else ""


def _scaling(kind: str, bits: int) -> str:
    """The line to write for other integers; their type does not tell what full scale is."""
    if kind == "u":
        return f"(x - {float(2 ** (bits - 1))}) / {2 ** (bits - 1)}"
    if bits < 16:
        return f"x / {2 ** (bits - 1)}"
    return (
        f"x / 2**{bits - 1} if its values fill the type, x / 2**15 if they are those of 16 bits, "
        "x / 2**23 if of 24"
    )


def _mix(blocks: Iterable[NDArray[Any]], name: str) -> Iterator[Waveform]:
    """Average the channels; refuse what cannot be analysed."""
    length, peak, mixed_peak = 0, np.float32(0), np.float32(0)
    for block in blocks:
        if not np.isfinite(block).all():
            raise ValueError(f"{name} holds NaN or inf; remove or fill these samples.")
        mixed = block if block.ndim == 1 else block.mean(axis=1)
        length += len(block)
        peak = max(peak, np.abs(block).max(initial=0))
        mixed_peak = max(mixed_peak, np.abs(mixed).max(initial=0))
        yield mixed
    if not length:
        raise ValueError(f"{name} has no samples; expected at least one. Leave it out.")
    if not peak:
        raise ValueError(f"{name} is silent: all {length} samples are zero. Leave it out.")
    if mixed_peak < CANCELLED * peak:
        raise ValueError(
            f"{name} has channels of opposite phase, whose average is silent. Pick one: "
            "x, rate = soundfile.read(path, always_2d=True), and pass (x[:, 0], rate)."
        )


def _resample(blocks: Iterator[Waveform], input_rate: float, rate: int) -> Iterator[Waveform]:
    if input_rate == rate:
        yield from blocks
        return
    # One resampler keeps its state from block to block, so that no seam can be heard.
    stream = soxr.ResampleStream(input_rate, rate, 1, dtype="float32")
    length = 0
    for block in blocks:
        resampled = stream.resample_chunk(block)
        length += len(resampled)
        yield resampled
    last = stream.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
    if not length + len(last):
        raise ValueError(
            f"A recording is so short that nothing is left of it at {rate} Hz. Leave it out."
        )
    yield last
