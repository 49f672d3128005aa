"""Read recordings of any rate block by block: from files or arrays, checked and resampled.

Needs soundfile and soxr (extra ``audio``).
"""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

try:
    import soundfile
    import soxr
except ImportError as error:
    raise ImportError(
        "tsdisentangle.io.recordings needs soundfile and soxr: pip install 'tsdisentangle[audio]'."
    ) from error

Waveform = NDArray[np.float32]
Recording = str | os.PathLike[str] | NDArray[Any]

BLOCK = 2**16  # samples that are read at once


def read_blocks(
    recording: Recording, rate: int, input_rate: int | None = None
) -> Iterator[Waveform]:
    """Yield a recording's samples at another rate, block by block.

    Parameters
    ----------
    recording : path, or array of shape (samples,)
        A file that libsndfile reads, whose channels are averaged, or one channel: floats of about
        -1 to 1, or 16-bit integers.
    rate : int
        Samples per second of the result.
    input_rate : int or None, default=None
        Samples per second of an array; None means ``rate``. A file has a rate of its own.

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
        or, known only at its end, with nothing but zeros; an array of another shape or type.
    """
    if isinstance(recording, str | os.PathLike):
        name = os.fspath(recording)
        input_rate, blocks = _file_rate(name), _file_blocks(name)
    else:
        name = "The array"
        blocks = _array_blocks(_as_samples(recording))
    yield from _resample(_check(blocks, name), input_rate or rate, rate)


def _file_rate(path: str) -> int:
    os.stat(path)  # FileNotFoundError, where libsndfile says "System error"
    try:
        return soundfile.info(path).samplerate
    except soundfile.LibsndfileError as error:
        raise _unreadable(path, error) from error


def _file_blocks(path: str) -> Iterator[Waveform]:
    try:
        for block in soundfile.blocks(path, BLOCK, dtype="float32", always_2d=True):
            yield block.mean(axis=1)
    except soundfile.LibsndfileError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: soundfile.LibsndfileError) -> ValueError:
    return ValueError(
        f"{path} cannot be read as audio: {error.error_string} Expected WAV, FLAC, OGG, MP3 or "
        "another format of libsndfile; convert it, or leave it out."
    )


def _array_blocks(samples: NDArray[Any]) -> Iterator[Waveform]:
    scale = np.float32(2**15 if samples.dtype == np.int16 else 1)
    for start in range(0, len(samples), BLOCK):
        yield samples[start : start + BLOCK].astype(np.float32) / scale


def _as_samples(recording: Any) -> NDArray[Any]:
    samples = np.asarray(recording)
    if samples.ndim != 1:
        raise ValueError(
            f"A recording has shape {samples.shape}; expected (samples,), one channel. Average the "
            "channels, or pick one."
        )
    if samples.dtype.kind != "f" and samples.dtype != np.int16:
        raise ValueError(
            f"A recording has the type {samples.dtype}; expected floats of about -1 to 1, or int16."
        )
    return samples


def _check(blocks: Iterable[Waveform], name: str) -> Iterator[Waveform]:
    """Pass blocks on; refuse what cannot be analysed."""
    length, peak = 0, np.float32(0)
    for block in blocks:
        if not np.isfinite(block).all():
            raise ValueError(f"{name} holds NaN or inf; remove or fill these samples.")
        length += len(block)
        peak = max(peak, np.abs(block).max(initial=0))
        yield block
    if not length:
        raise ValueError(f"{name} has no samples; expected at least one. Leave it out.")
    if not peak:
        raise ValueError(f"{name} is silent: all {length} samples are zero. Leave it out.")


def _resample(blocks: Iterator[Waveform], input_rate: int, rate: int) -> Iterator[Waveform]:
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
