"""The user's labels in the order of the series and steps of ``X``, by their ids."""

from typing import Any

import numpy as np
import pandas as pd

from tsdisentangle.data.frames import Panel, layout_of, series_ids
from tsdisentangle.metrics.alignment import align_labels


def by_series(X: Any, labels: Any, name: str) -> Any:
    """Labels of whole series, as :func:`~tsdisentangle.metrics.alignment.align_labels` has them.

    Examples
    --------
    >>> X = pd.DataFrame({"step0": [1.0, 2.0]}, index=["p2", "p1"])
    >>> by_series(X, pd.Series([80, 30], index=["p1", "p2"]), "age")
    array([30, 80])
    """
    return align_labels(labels, series_ids(X), name)


def by_step(X: Any, labels: Any) -> Any:
    """Labels of steps: of pandas, in long form with the index of ``X``, or a row per series.

    Parameters
    ----------
    X : array, list of arrays, DataFrame or Panel
    labels : Series, DataFrame, mapping of them, or anything
        A frame in long form has a label in each column.

    Returns
    -------
    array of shape (n, time), or mapping of name to such arrays
        Missing beyond the end of a shorter series. What was not of pandas, as it was.

    Raises
    ------
    ValueError
        A step or series of ``X`` has no label.
    """
    if isinstance(labels, pd.DataFrame) and isinstance(labels.index, pd.MultiIndex):
        labels = {column: labels[column] for column in labels}
    if not hasattr(labels, "items") or isinstance(labels, pd.Series | pd.DataFrame):
        return _steps(X, labels, "dynamic")
    return {name: _steps(X, each, name) for name, each in labels.items()}


def _steps(X: Any, labels: Any, name: str) -> Any:
    if isinstance(labels, pd.DataFrame):  # a row per series, a column per step
        return align_labels({name: labels}, series_ids(X))[name]
    if not isinstance(labels, pd.Series):
        return labels
    frame = X.to_frame() if isinstance(X, Panel) else X
    if not isinstance(frame, pd.DataFrame) or not isinstance(frame.index, pd.MultiIndex):
        raise ValueError(
            f"dynamic factor {name!r} is a Series, so X must have ids and times too; pass X as a "
            "frame with the index (series, time) or a Panel, or an array of shape (n, time)."
        )
    values = align_labels(labels, frame.index, name)
    layout = layout_of(X)
    owner, steps = layout.owner[layout.order], np.bincount(layout.owner)
    floats = values.dtype.kind == "f"
    dense = np.full((len(steps), steps.max()), np.nan if floats else None, None if floats else "O")
    dense[owner, np.arange(len(owner)) - (np.cumsum(steps) - steps)[owner]] = values[layout.order]
    return dense
