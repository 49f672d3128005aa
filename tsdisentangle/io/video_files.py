"""Video files to clips, frame by frame, and clips to files.

Needs PyAV, imageio and Pillow (extra ``video``).
"""

import os
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, count, islice
from math import isfinite
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsdisentangle.io.film_frames import Film, Timeline, open_film, to_pixels

try:
    import av
    import imageio.v3 as iio
except ImportError as error:
    raise ImportError(
        "tsdisentangle.io.video_files needs PyAV and imageio: pip install 'tsdisentangle[video]'."
    ) from error

Clip = NDArray[np.uint8]
Colour = tuple[int, int, int]

WHITE = (255, 255, 255)


def read_clip(
    path: str | os.PathLike[str],
    *,
    frames: int,
    size: int | tuple[int, int] = 64,
    start: float = 0,
    end: float | None = None,
    fps: float | None = None,
    background: Colour = WHITE,
    damaged: str = "raise",
) -> Clip:
    """Read a film as one clip of evenly spaced frames.

    Parameters
    ----------
    path : path
        A file that FFmpeg reads: MP4, AVI, WebM, GIF and others. A cover picture is no film.
    frames : int
        Number of frames. They are from the middle of as many parts of the film of equal time, as
        its ends often show nothing.
    size : int or (height, width), default=64
        Frames are scaled to it, whatever their proportions: crop before if that matters. Means over
        areas, so that thin lines fade instead of vanishing.
    start, end : float, default=0 and None
        Seconds from the first frame on, between which the frames are taken; None is the film's end.
    fps : float or None, default=None
        Take the frames that are shown at ``start``, ``start + 1 / fps`` and so on instead; a frame
        that is shown for longer is taken several times.
    background : (red, green, blue), default=(255, 255, 255)
        From 0 to 255, what shows through where the film is transparent.
    damaged : {'raise', 'warn'}, default='raise'
        Whether a film that was cut off, or of which a piece cannot be decoded, is refused, or what
        can be decoded counts as the film. Both say how much that is.

    Returns
    -------
    uint8 array of shape (frames, height, width, 3)
        RGB, turned as the film says that it is to be shown.

    Raises
    ------
    OSError
        There is no such file.
    ValueError
        A file that is not a video, has fewer frames in that time, or is damaged.

    Warns
    -----
    UserWarning
        A damaged film, with ``damaged='warn'``.

    Notes
    -----
    The film is decoded twice, since the number of frames that a file declares is often missing or
    wrong. Only one decoded frame and the clip are in memory.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from tsdisentangle.io.video_files import read_clip, write_clip
    >>> film = np.zeros((10, 48, 64, 3), dtype=np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_clip(Path(folder) / "film.mp4", film)
    ...     read_clip(Path(folder) / "film.mp4", frames=4, size=32).shape
    (4, 32, 32, 3)
    """
    height, width = _check(frames, size, background)
    span = _check_times(start, end, fps)
    with open_film(path, damaged) as film:
        starts = [time for time, _ in film.frames()]
        if not starts:
            raise ValueError(f"{path} has no frame that can be decoded. Leave it out.")
        line, tick = Timeline.of(starts, film.end), film.tick
    numbers = iter(_choose(line, tick, frames, span, path))
    clip: list[Clip] = []
    wanted = next(numbers)
    with open_film(path, damaged) as film:
        for number, (_, frame) in enumerate(film.frames()):
            if number < wanted:
                continue
            pixels = to_pixels(frame, height, width, background)
            while wanted == number:
                clip.append(pixels)
                wanted = next(numbers, -1)
            if wanted < 0:
                break
    return np.stack(clip)


def stream_clips(
    path: str | os.PathLike[str],
    *,
    frames: int,
    size: int | tuple[int, int] = 64,
    every: int = 1,
    start: float = 0,
    end: float | None = None,
    fps: float | None = None,
    background: Colour = WHITE,
    damaged: str = "raise",
) -> Iterator[Clip]:
    """Yield a film as consecutive clips; only one of them is in memory.

    Parameters
    ----------
    path : path
        As in `read_clip`.
    frames : int
        Number of frames of a clip. A shorter rest at the end of the film is left out.
    size : int or (height, width), default=64
        As in `read_clip`.
    every : int, default=1
        Step from one frame taken to the next, from the first one on; 1 takes all.
    start, end, fps, background, damaged
        As in `read_clip`; without ``fps``, ``every`` counts the frames that begin between ``start``
        and ``end``. That a film was cut off is known at its end only.

    Yields
    ------
    uint8 array of shape (frames, height, width, 3)

    Raises
    ------
    OSError
        There is no such file.
    ValueError
        A file that is not a video, has too few frames for a single clip, or is damaged.

    Warns
    -----
    UserWarning
        A damaged film, with ``damaged='warn'``.
    """
    height, width = _check(frames, size, background)
    span = _check_times(start, end, fps)
    if not isinstance(every, Integral) or every < 1:
        raise ValueError(f"every must be at least 1, got {every}.")
    if fps is not None and every != 1:
        raise ValueError(f"fps={fps} and every={every} exclude each other; pass one of them.")
    with open_film(path, damaged) as film:
        taken = _between(film, *span[:2]) if span[2] is None else _at_rate(film, *span)
        scaled = (
            to_pixels(frame, height, width, background)
            for frame in islice(taken, 0, None, int(every))
        )
        clip = list(islice(scaled, frames))
        if len(clip) < frames:
            raise ValueError(
                f"{path} has {len(clip)} frames to take; expected at least {frames}. Ask for "
                "fewer frames, or take more of them."
            )
        while len(clip) == frames:
            yield np.stack(clip)
            clip = list(islice(scaled, frames))


def write_clip(path: str | os.PathLike[str], clip: NDArray, *, fps: float = 10) -> None:
    """Write a clip as an endless GIF or as an MP4 film.

    Parameters
    ----------
    path : path
        Its ending says which: ``.gif`` or ``.mp4`` (H.264; height and width must be even).
    clip : array of shape (frames, height, width, 3)
        RGB, uint8, or floats from 0 to 1.
    fps : float, default=10
        Frames per second.

    Raises
    ------
    ValueError
        Another ending, shape or type, or odd numbers of pixels in an MP4.

    Notes
    -----
    Both lose something: a GIF has 256 colours and joins equal neighbouring frames into one that is
    shown longer; an MP4 is compressed.
    """
    pixels = _as_pixels(clip)
    path = Path(path)
    kind = path.suffix.lower()
    if kind == ".gif":
        iio.imwrite(path, pixels, duration=1000 / fps, loop=0)
    elif kind == ".mp4":
        if pixels.shape[1] % 2 or pixels.shape[2] % 2:
            raise ValueError(
                f"The clip has frames of {pixels.shape[1]} x {pixels.shape[2]} pixels; MP4 needs "
                "even numbers. Cut off a row or column, or write a GIF."
            )
        iio.imwrite(path, pixels, plugin="pyav", codec="libx264", fps=fps)
    else:
        raise ValueError(f"{path} must end in .gif or .mp4, which says what to write.")


# -- which frames ---------------------------------------------------------------------------------

Span = tuple[Fraction, Fraction | None, Fraction | None]  # start, end, fps


def _check(frames: Any, size: Any, background: Any) -> tuple[int, int]:
    shape = (size, size) if isinstance(size, Integral) else tuple(np.ravel(size).tolist())
    numbers = (frames, *shape)
    if not all(isinstance(n, Integral) for n in numbers) or len(shape) != 2 or min(numbers) < 1:
        raise ValueError(
            f"frames and size must be at least 1, got {frames} and {size}; expected whole numbers, "
            "size as one or as (height, width)."
        )
    colour = np.asarray(background)
    whole = colour.shape == (3,) and colour.dtype.kind in "iu"
    if not whole or colour.min() < 0 or colour.max() > 255:
        raise ValueError(
            f"background must be three whole numbers from 0 to 255, got {background!r}."
        )
    return int(shape[0]), int(shape[1])


def _check_times(start: Any, end: Any, fps: Any) -> Span:
    times = {"start": start, "end": end, "fps": fps}
    for name, value in times.items():
        if value is None and name != "start":
            continue
        number = float(value) if isinstance(value, Real) else -1.0
        if not (isfinite(number) and number >= 0) or (name != "start" and not value):
            least = "0 or more" if name == "start" else "more than 0"
            raise ValueError(f"{name} must be a number, {least}, got {value!r}.")
    if end is not None and end <= start:
        raise ValueError(f"end={end} is not after start={start}; both are seconds.")
    # What is meant by 29.97002997 is 30000 / 1001.
    first, last, rate = (
        None if value is None else Fraction(float(value)).limit_denominator(10**5)
        for value in times.values()
    )
    return first or Fraction(0), last, rate


def _choose(
    line: Timeline, tick: Fraction, frames: int, span: Span, path: str | os.PathLike[str]
) -> list[int]:
    """Return the numbers of the frames of a clip."""
    start, end, fps = span
    length = line.end * tick
    stop = length if end is None else end
    # What is called the end of a film may be that of its last frame, rounded.
    if start >= length or stop > length + line.step * tick:
        raise ValueError(
            f"{path} ends after {float(length):.3f} seconds; expected frames from "
            f"{float(start):.3f} to {float(stop):.3f}. Pass an earlier start or end."
        )
    stop = min(stop, length)
    if fps is not None:
        times = [start + Fraction(i) / fps for i in range(frames)]
        if times[-1] >= stop:
            raise ValueError(
                f"{path}: {frames} frames at fps={float(fps):g} need "
                f"{float(times[-1] - start):.3f} seconds; there are {float(stop - start):.3f}. Ask "
                "for fewer frames, or a higher fps."
            )
    else:
        times = [start + Fraction(2 * i + 1, 2 * frames) * (stop - start) for i in range(frames)]
        # Both are those that show something in that time.
        first, last = line.number_at(start / tick), line.number_at(stop / tick - Fraction(1, 2))
        if last - first + 1 < frames:
            raise ValueError(
                f"{path} has {last - first + 1} frames to take; expected at least {frames}. Ask "
                "for fewer frames."
            )
    return [line.number_at(time / tick) for time in times]


def _between(film: Film, start: Fraction, end: Fraction | None) -> Iterator[av.VideoFrame]:
    """Yield the frames that begin between two times."""
    for time, frame in film.frames():
        if end is not None and end <= _begin(time, film.tick):
            return
        if start <= _begin(time + 1, film.tick):
            yield frame


def _at_rate(
    film: Film, start: Fraction, end: Fraction | None, fps: Fraction
) -> Iterator[av.VideoFrame]:
    """Yield the frames that are shown at a time, and every so often after it."""
    times = (start + i / fps for i in count())
    wanted, shown = next(times), None
    for time, frame in chain(film.frames(), [(None, None)]):
        begin = _begin(film.end if time is None else time, film.tick)
        while shown is not None and wanted < begin:
            if end is not None and wanted >= end:
                return
            yield shown
            wanted = next(times)
        shown = frame


def _begin(time: int, tick: Fraction) -> Fraction:
    """Seconds from which on a frame counts as shown: its time is rounded to ticks."""
    return (time - Fraction(1, 2)) * tick


def _as_pixels(clip: NDArray) -> Clip:
    clip = np.asarray(clip)
    if clip.ndim != 4 or clip.shape[3] != 3 or 0 in clip.shape:
        raise ValueError(f"The clip has shape {clip.shape}; expected (frames, height, width, 3).")
    if clip.dtype == np.uint8:
        return clip
    if clip.dtype.kind != "f" or not (clip.min() >= 0 and clip.max() <= 1):
        raise ValueError(
            f"The clip has the type {clip.dtype} and values that are not all from 0 to 1; expected "
            "uint8, or floats from 0 to 1."
        )
    return np.rint(255 * clip).astype(np.uint8)
