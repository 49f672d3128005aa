"""What every metric requires of its input: codes in rows, factors as labels or numbers."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn.model_selection import GroupShuffleSplit
from sklearn.utils import check_array

from tsdisentangle.metrics.alignment import align


def check_codes(codes: Any, name: str = "codes", min_rows: int = 2) -> np.ndarray:
    """Codes as a finite float64 array of shape (n, coordinates)."""
    return check_array(codes, dtype=np.float64, ensure_min_samples=min_rows, input_name=name)


def check_pair(x: Any, y: Any, names: tuple[str, str], min_rows: int = 2) -> tuple[Any, Any]:
    """Two codes of the same rows."""
    y = _like(x, y, names[1])
    x, y = check_codes(x, names[0], min_rows), check_codes(y, names[1], min_rows)
    if len(x) != len(y):
        raise ValueError(
            f"{names[0]} has {len(x)} rows and {names[1]} has {len(y)}; pass both codes of the "
            "same series, row by row."
        )
    return x, y


def _like(x: Any, y: Any, name: str) -> Any:
    """Rows of the second code in the order of the first one, where both have ids."""
    return align(x, {name: y})[0][name] if isinstance(y, pd.DataFrame) else y


def check_matrix(matrix: Any, name: str) -> np.ndarray:
    """Non-negative (coordinates, factors) matrix."""
    matrix = check_array(matrix, dtype=np.float64, input_name=name)
    if (matrix < 0).any():
        raise ValueError(f"{name} holds negative values; it is an amount, so pass magnitudes.")
    return matrix


def check_factor(factor: Any, n_rows: int, name: str = "factor") -> np.ndarray:
    """One factor of shape (n,): floats stay, anything else becomes integer class codes."""
    values = np.asarray(factor)
    if values.shape != (n_rows,):
        raise ValueError(
            f"{name} has shape {values.shape}; expected ({n_rows},), one value per row of the "
            "codes."
        )
    if _is_unknown(values).any():
        raise ValueError(f"{name} holds unknown or infinite values; leave these rows out.")
    classes, numbers = np.unique(values, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"{name} has the single value {classes[0]!r}; it takes at least two.")
    return numbers if is_label(values) else values.astype(np.float64)


def check_label(factor: Any, n_rows: int, name: str = "factor") -> np.ndarray:
    """As :func:`check_factor`, for labels only."""
    values = check_factor(factor, n_rows, name)
    if not is_label(values):
        raise ValueError(
            f"{name} holds floats, which are read as a continuous factor; this metric takes "
            "labels: integers, booleans or strings."
        )
    return values


def check_factors(factors: Any, n_rows: int) -> dict[str, np.ndarray]:
    """All factors by name, each as of :func:`check_factor`."""
    if not isinstance(factors, Mapping):
        columns = np.atleast_2d(np.asarray(factors).T)
        factors = {f"factor{i}": column for i, column in enumerate(columns)}
    return {name: check_factor(values, n_rows, name) for name, values in factors.items()}


def is_label(values: np.ndarray) -> bool:
    """Whether a factor has classes: by its type, so that a subset of its rows is read alike."""
    return values.dtype.kind != "f"


def _is_unknown(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "f":
        return ~np.isfinite(values)
    if values.dtype.kind == "O":
        return np.array([value is None or value != value for value in values])
    return np.zeros(len(values), dtype=bool)


class Split(NamedTuple):
    """Row indices of both sides."""

    train: np.ndarray
    test: np.ndarray


def split_rows(n_rows: int, test_size: float, groups: Any, random_state: Any) -> Split:
    """Seeded random split; rows of one group stay together."""
    groups = np.arange(n_rows) if groups is None else np.asarray(groups)
    if groups.shape != (n_rows,):
        raise ValueError(f"groups has shape {groups.shape}; expected ({n_rows},), one per row.")
    splitter = GroupShuffleSplit(1, test_size=test_size, random_state=random_state)
    return Split(*next(splitter.split(groups, groups=groups)))
