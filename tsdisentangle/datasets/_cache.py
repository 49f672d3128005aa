"""Keep arrays that are slow to derive in the user's cache folder, never in the data folder."""

import contextlib
import os
import tempfile
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pooch
from numpy.typing import NDArray

Arrays = dict[str, NDArray]


def cached_arrays(name: str, keys: tuple[str, ...], build: Callable[[], Arrays]) -> Arrays:
    """Return ``build()``, from the cache if it was built before.

    Parameters
    ----------
    name : str
        File name without ending. It must change whenever the arrays would: put the digest of the
        source and the version of the code that builds into it.
    keys : tuple of str
        Names of the arrays.
    build : callable
        Builds the arrays; called if the cache has none, or a damaged file.
    """
    path = _folder() / f"{name}.npz"
    if path.exists():
        try:
            return _load(path, keys)
        except Exception as error:  # a damaged file may raise anything
            warnings.warn(f"{path} is damaged and is built again: {error}", stacklevel=2)
    arrays = build()
    # A folder that cannot be written costs time, not the result.
    with contextlib.suppress(OSError):
        _save(path, arrays)
    return arrays


def cached_memmap(
    name: str, shape: tuple[int, ...], build: Callable[[], Iterable[NDArray[np.uint8]]]
) -> NDArray[np.uint8]:
    """Return an array too large for memory, read-only on disk, built if it was not built before.

    Parameters
    ----------
    name : str
        File name without ending, as in `cached_arrays`.
    shape : tuple of int
        Shape of the array.
    build : callable
        Yields the array's blocks along the first axis; called if the cache has none, or a file
        of another form.

    Raises
    ------
    OSError
        If the file cannot be written.

    Notes
    -----
    The form and the length of the file are checked, not each byte: reading them all would cost
    what the map saves.
    """
    path = _folder() / f"{name}.npy"
    if path.exists():
        try:
            return _open(path, shape)
        except (ValueError, EOFError) as error:
            warnings.warn(f"{path} is damaged and is built again: {error}", stacklevel=2)
    try:
        _save_blocks(path, shape, build())
    except OSError as error:
        raise OSError(
            f"{path} ({np.prod(shape) / 2**20:.0f} MiB) cannot be written: {error}. Free that much "
            "space there, or move the user's cache folder (on Linux, with XDG_CACHE_HOME)."
        ) from error
    return _open(path, shape)


def _folder() -> Path:
    return Path(pooch.os_cache("tsdisentangle-derived"))


def _load(path: Path, keys: tuple[str, ...]) -> Arrays:
    # The zip's checksums are compared while the arrays are read.
    with np.load(path, allow_pickle=False) as stored:
        return {key: stored[key] for key in keys}


def _save(path: Path, arrays: Arrays) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        fresh = Path(folder) / path.name
        np.savez(fresh, **arrays)  # type: ignore[arg-type]
        os.replace(fresh, path)


def _open(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    array = np.load(path, mmap_mode="r", allow_pickle=False)
    if array.shape != shape or array.dtype != np.uint8:
        raise ValueError(f"it holds {array.dtype} of shape {array.shape}, expected uint8 {shape}")
    return array


def _save_blocks(path: Path, shape: tuple[int, ...], blocks: Iterable[NDArray[np.uint8]]) -> None:
    header = {"descr": "|u1", "fortran_order": False, "shape": shape}
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        fresh = Path(folder) / path.name
        # Not through a writable map: a full disk would end the process instead of raising.
        with fresh.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for block in blocks:
                file.write(block.tobytes())
        os.replace(fresh, path)
