"""Frames of a film as a player shows them: when, which way up, and over what.

Needs PyAV (extra ``video``).
"""

import os
import warnings
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

try:
    import av
    from av.stream import Disposition
except ImportError as error:
    raise ImportError(
        "tsdisentangle.io.film_frames needs PyAV: pip install 'tsdisentangle[video]'."
    ) from error

Pixels = NDArray[np.uint8]

CUT = 0.95  # part of the declared time; a film that ends before it is not complete
STRAIGHT = 0.01  # how far the sides of a frame may be from the screen's


class Film:
    """An open film.

    Parameters
    ----------
    container : av.container.InputContainer
    path : path
        For messages.
    damaged : {'raise', 'warn'}
        What happens where a piece of the film is missing or cannot be decoded.

    Attributes
    ----------
    tick : Fraction
        Unit of the times, in seconds.
    end : int
        When the last of the frames that were read so far is taken away, in ticks.
    """

    def __init__(self, container: av.container.InputContainer, path: str, damaged: str):
        self._container, self._path, self._damaged = container, path, damaged
        self._stream = _moving_pictures(container, path)
        self.tick = Fraction(self._stream.time_base or 1)
        self._first = self._last = 0  # in the file's own time
        self._broken = self._timed = False

    @property
    def end(self) -> int:  # noqa: D102
        return self._last - self._first

    def frames(self) -> Iterator[tuple[int, av.VideoFrame]]:
        """Decode the film; yields times, in ticks from the first frame on, and frames.

        Raises
        ------
        ValueError
            With ``damaged='raise'``: at the end too, if the film ends before it should.

        Warns
        -----
        UserWarning
            The same with ``damaged='warn'``.
        """
        rate = self._stream.average_rate
        step = max(1, round(1 / (rate * self.tick))) if rate else 1
        before, number = None, 0
        for frame in self._decode():
            time = frame.pts
            if before is None:
                self._first = time = time or 0
            elif time is None or time <= before:  # none, or out of order
                time = before + step
            else:
                step = time - before
            before, number = time, number + 1
            # How long the last one is shown is guessed only where the file does not say it.
            self._last = max(self._last, time + (1 if self._timed else step))
            yield time - self._first, frame
        self._check_complete(self.end * self.tick, number)

    def _decode(self) -> Iterator[av.VideoFrame]:
        for packet in self._container.demux(self._stream):
            if packet.pts is not None and packet.duration:
                self._last, self._timed = max(self._last, packet.pts + packet.duration), True
            try:
                frames = [] if packet.is_corrupt else packet.decode()
            except av.error.InvalidDataError:
                if self._damaged == "raise":
                    raise
                frames, self._broken = [], True
            whole = [frame for frame in frames if not frame.is_corrupt]
            self._broken |= packet.is_corrupt or len(whole) < len(frames)
            yield from whole

    def _check_complete(self, seconds: Fraction, number: int) -> None:
        declared = _declared_seconds(self._container, self._stream)
        if not number or not (self._broken or (declared and seconds < CUT * declared)):
            return
        of = f" of {float(declared):.2f}" if declared else ""
        found = (
            f"{self._path} was cut off or damaged: {number} frames, {float(seconds):.2f}{of} "
            "seconds, can be decoded."
        )
        if self._damaged == "raise":
            raise ValueError(f"{found} Leave it out, or pass damaged='warn' to take these.")
        warnings.warn(f"{found} These are taken.", stacklevel=2)


@contextmanager
def open_film(path: str | os.PathLike[str], damaged: str = "raise") -> Iterator[Film]:
    """Open a film; what FFmpeg cannot read is a ValueError.

    Parameters
    ----------
    path : path
    damaged : {'raise', 'warn'}, default='raise'

    Yields
    ------
    Film

    Raises
    ------
    OSError
        There is no such file.
    ValueError
        No film, or one that cannot be decoded.
    """
    if damaged not in ("raise", "warn"):
        raise ValueError(f"damaged must be 'raise' or 'warn', got {damaged!r}.")
    # FFmpeg gets an open file, as it would also take a path for an address in a network.
    with open(path, "rb") as file:
        try:
            with av.open(file, mode="r") as container:
                yield Film(container, os.fspath(path), damaged)
        except (av.FFmpegError, OSError) as error:  # an empty file is an OSError
            raise ValueError(
                f"{path} cannot be read as video: {error.strerror}. Expected MP4, AVI, WebM, GIF "
                "or another format of FFmpeg; convert it, or leave it out."
            ) from error


def _moving_pictures(container: av.container.InputContainer, path: str) -> av.VideoStream:
    """Return the first stream of video that is no cover picture."""
    streams = container.streams.video
    for stream in streams:
        if not stream.disposition & Disposition.attached_pic:
            return stream
    held = "only sound and a cover picture" if streams else "only sound"
    raise ValueError(f"{path} holds no video, {held}. Pass a film.")


def _declared_seconds(
    container: av.container.InputContainer, stream: av.VideoStream
) -> Fraction | None:
    """Return how long the file says that the film is, if it does."""
    if stream.duration and stream.time_base:
        return stream.duration * stream.time_base
    if container.duration and len(container.streams) == 1:  # of sound too, where there is some
        return Fraction(container.duration, av.time_base)
    return None


# -- times ----------------------------------------------------------------------------------------


class Timeline(NamedTuple):
    """When the frames of a film are shown, in ticks from the first one on.

    Attributes
    ----------
    starts : list of int
        Empty where one frame follows the other at a constant rate, up to the rounding of times.
    step : Fraction
        Ticks of a frame at that rate.
    end : Fraction
    n_frames : int
    """

    starts: list[int]
    step: Fraction
    end: Fraction
    n_frames: int

    @classmethod
    def of(cls, starts: list[int], end: int) -> "Timeline":
        """Make it of the times of frames, of which there is at least one, the first at 0."""
        n = len(starts)
        step = Fraction(starts[-1], n - 1) if n > 1 else Fraction(max(end, 1))
        if all(abs(start - number * step) <= 1 for number, start in enumerate(starts)):
            return cls([], step, n * step, n)
        return cls(starts, step, Fraction(end), n)

    def number_at(self, time: Fraction) -> int:
        """Return the number of the frame that is shown at a time."""
        if self.starts:  # which are rounded
            number = bisect_right(self.starts, time + Fraction(1, 2)) - 1
        else:
            number = time // self.step
        return min(max(number, 0), self.n_frames - 1)


# -- pixels ---------------------------------------------------------------------------------------


def to_pixels(
    frame: av.VideoFrame, height: int, width: int, background: tuple[int, int, int]
) -> Pixels:
    """Return a frame as it is shown, scaled by means over areas.

    Parameters
    ----------
    frame : VideoFrame
    height, width : int
        Of the result.
    background : (red, green, blue)
        What shows through where the frame is transparent.

    Returns
    -------
    uint8 array of shape (height, width, 3)

    Raises
    ------
    ValueError
        The frame is to be shown at a slant.
    """
    a, b, c, d = _display_matrix(frame)
    turned = abs(b) > abs(a)
    if max(min(abs(a), abs(b)), min(abs(c), abs(d))) > STRAIGHT * max(map(abs, (a, b, c, d))):
        raise ValueError(
            "The film is to be shown at a slant, neither upright nor by a right angle. Turn it "
            "before, or remove the rotation from the file."
        )
    rows, columns = (width, height) if turned else (height, width)
    frame = _over(frame, background)
    scaled = frame.reformat(columns, rows, format="rgb24", interpolation="AREA")
    pixels = np.asarray(scaled.to_ndarray(), dtype=np.uint8)
    if turned:
        pixels = pixels.swapaxes(0, 1)
    down, right = (b, c) if turned else (d, a)
    return pixels[:: -1 if down < 0 else 1, :: -1 if right < 0 else 1]


def _display_matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """Return a, b, c, d: a pixel at (x, y) is shown at (a x + c y, b x + d y), y downwards."""
    data: Any = frame.side_data.get("DISPLAYMATRIX")
    if data is None:
        return 1, 0, 0, 1
    a, b, _, c, d, *_ = np.frombuffer(bytes(data), np.int32).tolist()
    return a, b, c, d


def _over(frame: av.VideoFrame, background: tuple[int, int, int]) -> av.VideoFrame:
    """Lay a frame that has transparent pixels over a colour."""
    kind = frame.format
    if not (kind.has_palette or any(component.is_alpha for component in kind.components)):
        return frame
    pixels = frame.to_ndarray(format="rgba")
    opacity = pixels[..., 3:] / np.float32(255)
    if (opacity == 1).all():
        return frame
    colour = pixels[..., :3] * opacity + np.array(background, np.float32) * (1 - opacity)
    return av.VideoFrame.from_ndarray(np.rint(colour).astype(np.uint8), format="rgb24")
