"""Splits by time step that should have been splits by series, found after the fact."""

import warnings
from typing import Any

import numpy as np
import pandas as pd

from tsdisentangle.data.layout import level_times


class TrainingSteps:
    """Which steps of which series a frame in long form brought to ``fit``.

    Parameters
    ----------
    X : DataFrame or anything
        Other forms are split by series, and nothing is kept of them.
    """

    def __init__(self, X: Any):
        self._index = _long_index(X)

    def __reduce__(self) -> tuple[Any, ...]:
        return TrainingSteps, (None,)  # ids may be names of people: they stay out of pickles

    def warn_if_cut(self, X: Any) -> None:
        """Warn if ``X`` has series of the training panel, but other steps from amid theirs.

        Later steps of the same series are no sign of a wrong split, but of a forecast.
        """
        seen, index = self._index, _long_index(X)
        if seen is None or index is None or index.nlevels != seen.nlevels or seen.equals(index):
            return
        ids, seen_ids = index.droplevel(-1), seen.droplevel(-1)
        common = ids.unique().intersection(seen_ids.unique(), sort=False)
        if not len(common):
            return
        index, seen = index[ids.isin(common)], seen[seen_ids.isin(common)]
        first, last = _times(index).min(), _times(seen).max()
        if first.dtype.kind != last.dtype.kind or index.isin(seen).any():
            return
        cut = first < last.reindex(first.index)
        if cut.any():
            name = cut.index[int(np.argmax(cut))]
            warnings.warn(
                f"{int(cut.sum())} series, such as {name}, have some steps in X and others in "
                "the training panel: a splitter has cut the frame by rows, so that no series is "
                "new to the estimator, and each lacks steps. Split by series: pass Panel(X), of "
                "which every row is a series, in place of X.",
                UserWarning,
                stacklevel=5,
            )


def _long_index(X: Any) -> pd.MultiIndex | None:
    index = X.index if isinstance(X, pd.DataFrame) else None
    return index if isinstance(index, pd.MultiIndex) else None


def _times(index: pd.MultiIndex) -> Any:
    """Times of the steps, grouped by series."""
    times = pd.Series(level_times(index), index=index.droplevel(-1))
    return times.groupby(level=list(range(index.nlevels - 1)), sort=False)
