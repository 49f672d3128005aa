"""Sound files, read block by block until the decoder ends, whatever length they declare.

Needs soundfile (extra ``audio``).
"""

import mmap
import os
import re
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from io import BytesIO
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

try:
    import soundfile
except ImportError as error:
    raise ImportError(
        "tsdisentangle.io.sound_files needs soundfile: pip install 'tsdisentangle[audio]'."
    ) from error

Content = bytes | mmap.mmap

UNKNOWN = 2**62  # what libsndfile declares for streams of unknown length is larger
CUT = 0.9  # part of the declared samples; less than that is no matter of whole frames
OGG_START = re.compile(rb"OggS\0[\2\6]", re.DOTALL)  # the first page of a stream
FLAC_START = re.compile(rb"fLaC[\0\x80]\0\0\x22")
MP3_TAG = re.compile(rb"Xing|Info|VBRI")
MP3_RATES = (44100, 48000, 32000)
MP3_LEAST_FRAME = 24  # bytes


class Part(NamedTuple):
    """One of the recordings that follow one another in a file.

    Attributes
    ----------
    source : path or binary file
        What libsndfile reads.
    counted : bool
        Whether its header counts samples; else their number is an estimate.
    """

    source: str | BytesIO
    counted: bool = True


class _Decoder(soundfile.SoundFile):
    """Reads straight on; soundfile seeks after every block, which disturbs MP3 decoders.

    It also would trust the declared length, and return more than was decoded.
    """

    def seekable(self) -> bool:
        return False


def read_sound(
    source: str | os.PathLike[str] | bytes, name: str, block: int
) -> tuple[int, Iterator[NDArray[np.float32]]]:
    """Open a sound file.

    Parameters
    ----------
    source : path or bytes
        A file, or the content of one.
    name : str
        For messages.
    block : int
        Most samples per channel that are read at once.

    Returns
    -------
    rate : int
        Samples per second.
    blocks : iterator of float32 arrays of shape (samples, channels)
        Only one is in memory. Recordings that follow one another in a file (OGG, FLAC, MP3) are
        read one after the other.

    Raises
    ------
    OSError
        There is no such file.
    ValueError
        No sound, a damage that the decoder cannot pass, or recordings of several rates.

    Warns
    -----
    UserWarning
        At the end: fewer samples could be decoded than the file declares.
    """
    with _named(name):
        parts = _find_parts(source)
        with _open(parts[0]) as file:
            rate = file.samplerate
    return rate, _read(parts, rate, name, block)


def _read(parts: list[Part], rate: int, name: str, block: int) -> Iterator[NDArray[np.float32]]:
    with _named(name):
        for part in parts:
            with _open(part) as file:
                if file.samplerate != rate:
                    raise ValueError(
                        f"{name} holds several recordings, of {rate} and of {file.samplerate} Hz. "
                        "Split the file."
                    )
                yield from _read_part(file, part.counted, name, block)


def _read_part(
    file: _Decoder, counted: bool, name: str, block: int
) -> Iterator[NDArray[np.float32]]:
    declared, length = file.frames, 0
    while length < declared:
        samples = file.read(min(block, declared - length), dtype="float32", always_2d=True)
        if not len(samples):
            break
        length += len(samples)
        yield samples
    if counted and declared < UNKNOWN and length < CUT * declared:
        warnings.warn(
            f"{name} declares {declared} samples, of which {length} can be decoded: it was cut off "
            "or damaged. Leave it out if it must be complete.",
            stacklevel=2,
        )


def _open(part: Part) -> _Decoder:
    if isinstance(part.source, BytesIO):
        part.source.seek(0)
    return _Decoder(part.source)


@contextmanager
def _named(name: str) -> Iterator[None]:
    try:
        yield
    # A file without a header, such as .raw, is a TypeError.
    except (soundfile.LibsndfileError, TypeError) as error:
        reason = getattr(error, "error_string", f"{error}.")
        raise ValueError(
            f"{name} cannot be read as audio: {reason} Expected WAV, FLAC, OGG, MP3 or another "
            "format of libsndfile; convert it, or leave it out."
        ) from error


# -- recordings that follow one another -----------------------------------------------------------


def _find_parts(source: str | os.PathLike[str] | bytes) -> list[Part]:
    """Find the recordings in a file; libsndfile itself reads the first one only."""
    if isinstance(source, bytes):
        return _split(source) or [Part(BytesIO(source))]
    path = os.fspath(source)
    with open(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:  # nothing to map
            return [Part(path)]
        with closing(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) as content:
            return _split(content) or [Part(path)]


def _split(content: Content) -> list[Part]:
    """Split the content of a file; empty if libsndfile reads it right as it is."""
    start = _skip_tags(content, 0)
    head = content[start : start + 4]
    if head == b"OggS":
        starts = _ogg_starts(content)
    elif head == b"fLaC":
        starts = [found.start() for found in FLAC_START.finditer(content)]
    else:
        return _split_mp3(content, start)
    if len(starts) < 2:
        return []
    ends = [*starts[1:], len(content)]
    return [Part(BytesIO(content[start:end])) for start, end in zip(starts, ends, strict=True)]


def _ogg_starts(content: Content) -> list[int]:
    """Return where streams begin; those that begin together run side by side, and are one."""
    starts, page_end = [], -1
    for found in OGG_START.finditer(content):
        start = found.start()
        if start != page_end:
            starts.append(start)
        segments = content[start + 27 : start + 27 + content[start + 26]]
        page_end = start + 27 + len(segments) + sum(segments)
    return starts


def _skip_tags(content: Content, at: int) -> int:
    """Return the place after the ID3 tags, of either version, that begin at a place."""
    while True:
        if content[at : at + 3] == b"TAG":
            at += 128
        elif content[at : at + 3] == b"ID3" and len(content) >= at + 10:
            size = 0
            for byte in content[at + 6 : at + 10]:  # of 7 bits each
                size = size << 7 | byte & 0x7F
            at += 10 + size
        else:
            return at


def _split_mp3(content: Content, start: int) -> list[Part]:
    """Split MP3 by the sizes that its headers declare, and let those without one run to the end."""
    parts = []
    while _is_mp3(content[start : start + 4]):
        end, counted = _mp3_end(content, start)
        piece = content[start:end]
        parts.append(Part(BytesIO(piece if counted else _mp3_count(piece) + piece), counted))
        start = _skip_tags(content, end)
    # One recording with a header is read where it lies.
    return [] if len(parts) == 1 and parts[0].counted else parts


def _is_mp3(header: bytes) -> bool:
    """Whether four bytes are the header of a frame of MPEG layer III."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return False
    reserved_version, free_rate = header[1] & 0x18 == 0x08, header[2] >> 4 in (0, 15)
    return not (reserved_version or free_rate or header[2] & 0x0C == 0x0C)


def _mp3_end(content: Content, start: int) -> tuple[int, bool]:
    """Return where a recording ends by its header, and whether it has one."""
    tag = MP3_TAG.search(content[start : start + 64])
    if tag is None:
        return len(content), False
    at = start + tag.start() + 4
    flags = content[at + 3] if len(content) > at + 3 else 0
    if tag[0] == b"VBRI" or not flags & 2:
        return len(content), True
    at += 4 + 4 * (flags & 1)
    end = start + int.from_bytes(content[at : at + 4], "big")
    # Some encoders leave the header itself out of the size: a last frame is no recording.
    is_whole = len(content) - end < 4096 or end <= start
    return (len(content) if is_whole else end), True


def _mp3_count(piece: bytes) -> bytes:
    """Return a header that declares more frames than can follow.

    Without one, libsndfile estimates the length from the first frame, and stops there.
    """
    version, mono = piece[1] >> 3 & 3, piece[3] >> 6 == 3
    rate = MP3_RATES[piece[2] >> 2 & 3] >> {3: 0, 2: 1, 0: 2}[version]
    if version == 3:
        side, size = 17 if mono else 32, 144 * 112000 // rate
    else:
        side, size = 9 if mono else 17, 72 * 64000 // rate
    # The eighth bit rate, and no check sum.
    header = bytes([0xFF, piece[1] | 1, 0x80 | piece[2] & 0x0C, piece[3]])
    frames = len(piece) // MP3_LEAST_FRAME + 1
    tag = b"Info" + (1).to_bytes(4, "big") + frames.to_bytes(4, "big")
    return (header + bytes(side) + tag).ljust(size, b"\0")
