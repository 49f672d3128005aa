"""Arrays that lie elsewhere than in memory, read by rows."""

from typing import Any

import numpy as np

# Rows of so many bytes, as floats, are looked at at once: enough to be fast, too few to be felt.
BLOCK_BYTES = 2**22


def is_stored(X: Any) -> bool:
    """Whether X is an array to be read piece by piece.

    A memory-mapped array, or an object that is no array in memory but has a ``shape``, a numpy
    ``dtype`` and slices of rows: a zarr array, an HDF5 data set, an
    :class:`~tsdisentangle.io.arrow.ArrowPanel`.

    Examples
    --------
    >>> is_stored(np.zeros(3)), is_stored([1.0, 2.0])
    (False, False)
    """
    if isinstance(X, np.memmap):
        return True
    in_memory = isinstance(X, np.ndarray | np.generic) or hasattr(X, "iloc") or _is_sparse(X)
    return (
        not in_memory
        and isinstance(getattr(X, "dtype", None), np.dtype)
        and hasattr(X, "shape")
        and hasattr(X, "__getitem__")
    )


def _is_sparse(X: Any) -> bool:
    return hasattr(X, "tocsr")


def read_rows(source: Any, rows: np.ndarray, dtype: Any) -> np.ndarray:
    """Copy some rows of a stored array, in as few reads as their order allows.

    Parameters
    ----------
    source : array-like
    rows : int array of shape (batch,)
        In any order.
    dtype : dtype
        Of the copy; what overflows becomes inf.

    Returns
    -------
    array of shape (batch, ...)

    Examples
    --------
    >>> read_rows(np.arange(10), np.array([7, 2, 3]), np.float32)
    array([7., 2., 3.], dtype=float32)
    """
    batch = np.empty((len(rows), *source.shape[1:]), dtype)
    order = np.argsort(rows, kind="stable")
    runs = np.split(order, np.flatnonzero(np.diff(rows[order]) != 1) + 1)
    with np.errstate(over="ignore"):
        if len(runs) > 1 and hasattr(source, "oindex"):  # zarr reads its chunks side by side
            batch[:] = source.oindex[rows]
            return batch
        for run in runs if len(rows) else []:
            first = int(rows[run[0]])
            batch[run] = source[first : first + len(run)]
    return batch


def blocks(n: int, row_size: int) -> list[np.ndarray]:
    """Cut ``n`` rows of ``row_size`` floats into runs that are looked at at once."""
    step = max(1, BLOCK_BYTES // (4 * max(1, row_size)))
    return [np.arange(start, min(start + step, n)) for start in range(0, n, step)]
