"""Codes and factors brought into rows that can be read against each other."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from tsdisentangle.data.codes import Codes
from tsdisentangle.evaluation.factors import encode_factor, known_entries, reduce_to_windows


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
        """Whether it has one value a series."""
        return self.values.ndim == 1

    @property
    def is_label(self) -> bool:
        """Whether it has classes."""
        return self.values.dtype.kind != "f"

    def by_series(self) -> np.ndarray:
        """One value a series: of a dynamic factor the mean, or the most frequent label."""
        if self.is_static:
            return self.values
        return reduce_to_windows(self.values, self.values.shape[1])[:, 0]


def varies(values: np.ndarray) -> bool:
    """Whether a factor has at least two different known values."""
    return len(np.unique(values[known_entries(values)])) > 1


class View(NamedTuple):
    """One code, as rows.

    Attributes
    ----------
    code : str
    rows : array of shape (rows, coordinates)
    owner : int array of shape (rows,)
        Series of each row.
    """

    code: str
    rows: np.ndarray
    owner: np.ndarray


class Views:
    """All ways to look at the codes of a panel, by series and by window.

    Parameters
    ----------
    codes : Codes
    """

    def __init__(self, codes: Codes):
        n, windows = codes.dynamic.shape[:2]
        self.valid = np.arange(windows) < codes.lengths[:, None]
        series, owner = np.arange(n), np.nonzero(self.valid)[0]
        mean = codes.mean_dynamic()
        pooled = np.hstack([mean, _std_over_windows(codes, mean)])
        self.static = View("static", codes.static, series)
        self.mean = View("dynamic, mean", mean, series)
        self.pooled = View("dynamic, mean and std", pooled, series)
        self.single = View("dynamic, one window", codes.dynamic[self.valid], owner)
        self.repeated = View("static", codes.static[owner], owner)

    def __len__(self) -> int:
        return len(self.valid)

    def own(self, factor: Factor) -> View:
        """Return the code that a factor belongs to."""
        return self.static if factor.is_static else self.single

    def others(self, factor: Factor) -> list[View]:
        """Views of the code that it does not belong to; the first is as rows to :meth:`own`."""
        return [self.mean, self.pooled, self.single] if factor.is_static else [self.repeated]

    def align(self, factor: Factor, view: View) -> np.ndarray:
        """Values of a factor, a row of the view."""
        return factor.values[view.owner] if factor.is_static else factor.values[self.valid]


def _std_over_windows(codes: Codes, mean: np.ndarray) -> np.ndarray:
    """Standard deviation of each series' dynamic codes, shape (n, dynamic_dim)."""
    squares = (codes.dynamic - mean[:, None]) ** 2
    return np.sqrt(Codes(codes.static, squares, codes.lengths).mean_dynamic())


def read_factors(static: Any, dynamic: Any, views: Views, window: int) -> list[Factor]:
    """Check the user's factors, and bring the dynamic ones to one value a window.

    Raises
    ------
    ValueError
        A shape that does not fit the series, a single value, a name that stands twice.
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


def _static_factor(name: str, values: Any, views: Views) -> Factor:
    encoded = encode_factor(values)
    if encoded.shape != (len(views),):
        raise ValueError(
            f"static factor {name!r} has shape {encoded.shape}; expected ({len(views)},), one "
            "value a series."
        )
    return Factor(name, encoded)


def _dynamic_factor(name: str, values: Any, views: Views, window: int) -> Factor:
    """One value a window, unknown behind each series' last one."""
    encoded, (n, windows) = encode_factor(values), views.valid.shape
    if encoded.ndim != 2 or len(encoded) != n or -(-encoded.shape[1] // window) != windows:
        raise ValueError(
            f"dynamic factor {name!r} has shape {encoded.shape}; expected ({n}, time), one value "
            f"a step, and {windows} windows of {window} steps to cover the time."
        )
    unknown = np.nan if encoded.dtype.kind == "f" else -1
    return Factor(name, np.where(views.valid, reduce_to_windows(encoded, window), unknown))
