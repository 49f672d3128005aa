"""Known factors and the codes to read them from, brought into rows that fit together."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from tsdisentangle.data.codes import Codes

# Up to so many different whole numbers, floats are taken for labels.
MOST_CLASSES = 20


def encode_factor(values: Any) -> np.ndarray:
    """Bring a factor with unknown entries into one form.

    Floats are a continuous factor, unless all known ones are whole and no more than 20 different:
    then they are labels, stored as floats because integers have no NaN. Anything else is a label.

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


def varies(values: np.ndarray) -> bool:
    """Whether a factor has at least two different known values."""
    return len(np.unique(values[known_entries(values)])) > 1


def reduce_to_windows(factor: np.ndarray, window: int) -> np.ndarray:
    """One value per window: the mean of a number, the most frequent label.

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
    """How often each label occurs in each window, shape (n, windows, classes)."""
    n, windows, _ = steps.shape
    classes = int(steps.max(initial=0)) + 1
    cells = np.arange(n * windows).reshape(n, windows, 1) * classes + steps
    votes = np.bincount(cells[known], minlength=n * windows * classes)
    return votes.reshape(n, windows, classes)


class Factor(NamedTuple):
    """A known factor.

    Attributes
    ----------
    name : str
    values : array of shape (n,), static, or (n, windows), dynamic
        In the form of :func:`~tsdisentangle.evaluation.factors.encode_factor`.
    """

    name: str
    values: np.ndarray

    @property
    def is_static(self) -> bool:
        """Whether it has one value per series."""
        return self.values.ndim == 1

    @property
    def is_label(self) -> bool:
        """Whether it has classes."""
        return self.values.dtype.kind != "f"

    def by_series(self) -> np.ndarray:
        """One value per series: of a dynamic factor the mean, or the most frequent label."""
        if self.is_static:
            return self.values
        return reduce_to_windows(self.values, self.values.shape[1])[:, 0]


class CodeView(NamedTuple):
    """One code as rows, of the series or of their windows.

    Attributes
    ----------
    code : str
    rows : array of shape (rows, coordinates)
    series : int array of shape (rows,)
        Series of each row.
    """

    code: str
    rows: np.ndarray
    series: np.ndarray


class CodeViews:
    """The codes of a panel as rows: by series and by window, pooled over time and one by one.

    Parameters
    ----------
    codes : Codes
    """

    def __init__(self, codes: Codes):
        n, windows = codes.dynamic.shape[:2]
        self.valid = np.arange(windows) < codes.lengths[:, None]
        series, of_window = np.arange(n), np.nonzero(self.valid)[0]
        mean = codes.mean_dynamic()
        pooled = np.hstack([mean, _std_over_windows(codes, mean)])
        self.static = CodeView("static", codes.static, series)
        self.mean = CodeView("dynamic, mean", mean, series)
        self.pooled = CodeView("dynamic, mean and std", pooled, series)
        self.single = CodeView("dynamic, one window", codes.dynamic[self.valid], of_window)
        self.repeated = CodeView("static", codes.static[of_window], of_window)

    def __len__(self) -> int:
        return len(self.valid)

    def own(self, factor: Factor) -> CodeView:
        """Return the code that a factor belongs to."""
        return self.static if factor.is_static else self.single

    def others(self, factor: Factor) -> list[CodeView]:
        """Views of the code that it does not belong to; the first has the rows of :meth:`own`."""
        return [self.mean, self.pooled, self.single] if factor.is_static else [self.repeated]

    def align(self, factor: Factor, view: CodeView) -> np.ndarray:
        """Values of a factor, one per row of the view."""
        return factor.values[view.series] if factor.is_static else factor.values[self.valid]


def _std_over_windows(codes: Codes, mean: np.ndarray) -> np.ndarray:
    """Standard deviation of each series' dynamic codes, shape (n, dynamic_dim)."""
    squares = (codes.dynamic - mean[:, None]) ** 2
    return np.sqrt(Codes(codes.static, squares, codes.lengths).mean_dynamic())


def read_factors(static: Any, dynamic: Any, views: CodeViews, window: int) -> list[Factor]:
    """Check the user's factors, and bring the dynamic ones to one value per window.

    Raises
    ------
    ValueError
        A shape that does not fit the series, a single value, a name that occurs twice.
    """
    factors = [_static_factor(name, values, views) for name, values in _named("static", static)]
    for name, values in _named("dynamic", dynamic):
        factors.append(_dynamic_factor(name, values, views, window))
    for factor in factors:
        if not varies(factor.values):
            raise ValueError(f"factor {factor.name!r} has fewer than two different known values.")
    if len({factor.name for factor in factors}) < len(factors):
        raise ValueError("static and dynamic share a name; give each factor its own.")
    return factors


def _named(kind: str, factors: Any) -> Iterator[tuple[str, Any]]:
    if factors is None:
        return iter(())
    return iter(factors.items() if isinstance(factors, Mapping) else [(kind, factors)])


def _static_factor(name: str, values: Any, views: CodeViews) -> Factor:
    encoded = encode_factor(values)
    if encoded.shape != (len(views),):
        raise ValueError(
            f"static factor {name!r} has shape {encoded.shape}; expected ({len(views)},), one "
            "value per series."
        )
    return Factor(name, encoded)


def _dynamic_factor(name: str, values: Any, views: CodeViews, window: int) -> Factor:
    """One value per window, unknown after the last one of each series."""
    encoded, (n, windows) = encode_factor(values), views.valid.shape
    if encoded.ndim != 2 or len(encoded) != n or -(-encoded.shape[1] // window) != windows:
        raise ValueError(
            f"dynamic factor {name!r} has shape {encoded.shape}; expected ({n}, time), one value "
            f"per step, and {windows} windows of {window} steps to cover the time."
        )
    unknown = np.nan if encoded.dtype.kind == "f" else -1
    return Factor(name, np.where(views.valid, reduce_to_windows(encoded, window), unknown))
