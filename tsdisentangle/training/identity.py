"""Which series is which: ids on the way out, and pairs and labels that must agree in them."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils._set_output import _get_output_config

from tsdisentangle.data.codes import ids_of


def with_ids(estimator: Any, features: Any, panel: Any) -> Any:
    """Return features as a frame under the ids of the series, where pandas output is asked for.

    Scikit-learn would take the index of ``X``, which has a row per step.

    Parameters
    ----------
    estimator : SequenceDisentangler
    features : array of shape (n, features)
    panel : CheckedPanel
    """
    index = ids_of(panel)
    if index is None or _get_output_config("transform", estimator)["dense"] != "pandas":
        return features
    return pd.DataFrame(features, index=index)


def pair_rows(first: Any, second: Any) -> tuple[np.ndarray, np.ndarray]:
    """Find the partner of each series: by id where both panels hold the same ones, else by row.

    Parameters
    ----------
    first, second : CheckedPanel

    Returns
    -------
    of_second, of_first : int arrays of shape (n,)
        Row of the first panel for each series of the second one, and the other way round.

    Raises
    ------
    ValueError
        Unequal numbers of series, or ids of which only some are in both panels.
    """
    if len(first) != len(second):
        raise ValueError(
            f"X1 has {len(first)} series and X2 has {len(second)}; swap pairs them row by "
            "row, so pass the same number."
        )
    rows, one, other = np.arange(len(first)), ids_of(first), ids_of(second)
    if one is None or other is None or one.equals(other) or not one.isin(other).any():
        return rows, rows
    if not (one.is_unique and other.is_unique and one.isin(other).all()):
        lonely = one[~one.isin(other)].tolist() or one[one.duplicated()].tolist() or other.tolist()
        raise ValueError(
            f"X1 and X2 hold some series of the same ids, but not all, such as {lonely[0]!r}. Pass "
            "the same series in both, or series of which none is in the other one: those are "
            "paired row by row."
        )
    return one.get_indexer(other), other.get_indexer(one)


def check_target(panel: Any, y: Any) -> None:
    """Refuse labels in another order than the series; scikit-learn goes by position.

    Labels whose index has nothing in common with the ids are taken by position.

    Parameters
    ----------
    panel : CheckedPanel
    y : Series, DataFrame or anything
        Other objects than those of pandas have no ids.

    Raises
    ------
    ValueError
        ``y`` is of the same series in another order, or of some of them.
    """
    ids = ids_of(panel)
    if ids is None or not isinstance(y, pd.Series | pd.DataFrame) or y.index.equals(ids):
        return
    if ids.isin(y.index).any():
        raise ValueError(
            "y holds series of X, but its index is not that of X, series by series: X starts "
            f"with {ids[:3].tolist()}, y with {y.index[:3].tolist()}. Bring the labels into the "
            "order of the series, y.loc[panel.index], or pass y.to_numpy() if only its index is "
            "wrong."
        )
