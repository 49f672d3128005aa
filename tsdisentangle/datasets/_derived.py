"""Keep arrays that are slow to derive in the user's cache folder, never in the data folder."""

import contextlib
import os
import tempfile
import warnings
from collections.abc import Callable
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
    path = Path(pooch.os_cache("tsdisentangle-derived")) / f"{name}.npz"
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
