"""Factors as users give them, brought to one value a window."""

from typing import Any

import numpy as np
import pandas as pd

# Up to so many different whole numbers, floats are taken for labels.
MOST_CLASSES = 20


def encode_factor(values: Any) -> np.ndarray:
    """Bring a factor with unknown entries into one form.

    Floats are a continuous factor, unless all known ones are whole and no more than 20 different:
    then they are labels whose type had to leave room for NaN. Anything else is a label.

    Parameters
    ----------
    values : array of any shape
        NaN, None or ``pandas.NA`` where unknown.

    Returns
    -------
    float array with NaN, or int array with -1 where unknown
        Of the shape of ``values``; labels are numbered in their order.

    Examples
    --------
    >>> encode_factor([5.0, np.nan, 7.0]), encode_factor([5.5, np.nan])
    (array([ 0, -1,  1]), array([5.5, nan]))
    """
    array = np.asarray(values)
    known = np.asarray(pd.notna(array))
    classes = np.unique(array[known])
    if array.dtype.kind == "f" and (len(classes) > MOST_CLASSES or (classes % 1 != 0).any()):
        return array.astype(np.float64)
    numbers = np.full(array.shape, -1)
    numbers[known] = np.searchsorted(classes, array[known])
    return numbers


def known_entries(factor: np.ndarray) -> np.ndarray:
    """Where a factor of :func:`encode_factor` is known."""
    return ~np.isnan(factor) if factor.dtype.kind == "f" else factor >= 0


def reduce_to_windows(factor: np.ndarray, window: int) -> np.ndarray:
    """One value a window: the mean of a number, the most frequent label.

    Parameters
    ----------
    factor : array of shape (n, time)
        As of :func:`encode_factor`. The last window may be partial.
    window : int
        Time steps.

    Returns
    -------
    array of shape (n, windows)
        Of the known steps; unknown where there are none. The smallest of equally frequent labels.

    Examples
    --------
    >>> reduce_to_windows(np.array([[1.0, np.nan, 4.0, 6.0, 8.0]]), 2)
    array([[1., 5., 8.]])
    >>> reduce_to_windows(np.array([[0, 1, 1, -1, -1, -1]]), 3)
    array([[ 1, -1]])
    """
    factor = np.asarray(factor)
    continuous = factor.dtype.kind == "f"
    padding = ((0, 0), (0, -factor.shape[1] % window))
    padded = np.pad(factor, padding, constant_values=np.nan if continuous else -1)
    steps = padded.reshape(len(factor), -1, window)
    known = known_entries(steps)
    count = known.sum(axis=2)
    if continuous:
        total = np.where(known, steps, 0.0).sum(axis=2)
        return np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return np.where(count > 0, _votes(steps, known).argmax(axis=2), -1)


def _votes(steps: np.ndarray, known: np.ndarray) -> np.ndarray:
    """How often each label stands in each window, shape (n, windows, classes)."""
    n, windows, _ = steps.shape
    classes = int(steps.max(initial=0)) + 1
    cells = np.arange(n * windows).reshape(n, windows, 1) * classes + steps
    votes = np.bincount(cells[known], minlength=n * windows * classes)
    return votes.reshape(n, windows, classes)
