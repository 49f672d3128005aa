"""Video files to clips, frame by frame, and clips to files.

Needs PyAV, imageio and Pillow (extra ``video``).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

try:
    import av
    import imageio.v3 as iio
except ImportError as error:
    raise ImportError(
        "tsdisentangle.io.video_files needs PyAV and imageio: pip install 'tsdisentangle[video]'."
    ) from error

Clip = NDArray[np.uint8]


def read_clip(
    path: str | os.PathLike[str], *, frames: int, size: int | tuple[int, int] = 64
) -> Clip:
    """Read a film as one clip of evenly spaced frames.

    Parameters
    ----------
    path : path
        A file that FFmpeg reads: MP4, AVI, WebM, GIF and others.
    frames : int
        Number of frames. They are from the middle of as many equal parts of the film, as its ends
        often show nothing.
    size : int or (height, width), default=64
        Frames are scaled to it, whatever their proportions: crop before if that matters. Means over
        areas, so that thin lines fade instead of vanishing.

    Returns
    -------
    uint8 array of shape (frames, height, width, 3)
        RGB.

    Raises
    ------
    OSError
        There is no such file.
    ValueError
        A file that is not a video, or has fewer frames.

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
    height, width = _check(frames, size)
    with _decoded(path) as film:
        length = sum(1 for _ in film)
    if length < frames:
        raise ValueError(
            f"{path} has {length} frames; expected at least {frames}. Ask for fewer frames."
        )
    chosen = (2 * np.arange(frames) + 1) * length // (2 * frames)
    with _decoded(path) as film:
        wanted = (next(islice(film, skip, None)) for skip in np.diff(chosen, prepend=-1) - 1)
        return np.stack([_scale(frame, height, width) for frame in wanted])


def stream_clips(
    path: str | os.PathLike[str],
    *,
    frames: int,
    size: int | tuple[int, int] = 64,
    every: int = 1,
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

    Yields
    ------
    uint8 array of shape (frames, height, width, 3)

    Raises
    ------
    OSError
        There is no such file.
    ValueError
        A file that is not a video, or has too few frames for a single clip.
    """
    height, width = _check(frames, size)
    if every < 1:
        raise ValueError(f"every must be at least 1, got {every}.")
    with _decoded(path) as film:
        scaled = (_scale(frame, height, width) for frame in islice(film, 0, None, every))
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


def _check(frames: int, size: int | tuple[int, int]) -> tuple[int, int]:
    height, width = (size, size) if isinstance(size, int) else size
    if min(frames, height, width) < 1:
        raise ValueError(f"frames and size must be at least 1, got {frames} and {size}.")
    return height, width


@contextmanager
def _decoded(path: str | os.PathLike[str]) -> Iterator[Iterator[av.VideoFrame]]:
    """Open the frames of a film; what FFmpeg cannot read is a ValueError."""
    # FFmpeg gets an open file, as it would also take a path for an address in a network.
    with open(path, "rb") as file:
        try:
            with av.open(file, mode="r") as container:
                if not container.streams.video:
                    raise ValueError(f"{path} holds no video, only sound. Pass a film.")
                yield container.decode(video=0)
        except (av.FFmpegError, OSError) as error:  # an empty file is an OSError
            raise ValueError(
                f"{path} cannot be read as video: {error.strerror}. Expected MP4, AVI, WebM, GIF "
                "or another format of FFmpeg; convert it, or leave it out."
            ) from error


def _scale(frame: av.VideoFrame, height: int, width: int) -> Clip:
    scaled = frame.reformat(width, height, format="rgb24", interpolation="AREA")
    return np.asarray(scaled.to_ndarray(), dtype=np.uint8)


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
