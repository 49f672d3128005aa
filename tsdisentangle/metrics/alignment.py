"""Labels of pandas brought into the order of the series that they belong to, by their ids."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd


def align(codes: Any, *labels: Any) -> list[Any]:
    """Bring labels into the order of the rows of codes, where both have ids.

    Parameters
    ----------
    codes : DataFrame, or an array, whose rows have no ids
    *labels : Series, DataFrame, mapping of them, or anything
        As in :func:`align_labels`.

    Raises
    ------
    ValueError
        As in :func:`align_labels`.

    Examples
    --------
    >>> codes = pd.DataFrame({"static0": [0.5, 1.5]}, index=["p2", "p1"])
    >>> age, site = align(codes, pd.Series([80, 30], index=["p1", "p2"]), ["a", "b"])
    >>> age, site
    (array([30, 80]), ['a', 'b'])
    """
    named = isinstance(codes, pd.DataFrame | pd.Series) and not is_numbered(codes.index)
    return [align_labels(each, codes.index if named else None) for each in labels]


def align_labels(labels: Any, ids: pd.Index | None, name: str = "labels") -> Any:
    """Bring labels into the order of ids.

    Parameters
    ----------
    labels : Series, DataFrame, mapping of them, or anything
        What has no index is taken by position. Labels of other series are left out.
    ids : Index of shape (n,) or None
        None: nothing has ids, and all goes by position.
    name : str, default='labels'
        For the message of an error.

    Returns
    -------
    array, or mapping of name to array
        A frame is a mapping of its columns. What was not of pandas, as it was.

    Raises
    ------
    ValueError
        A series without a label, or with two of them.
    """
    if isinstance(labels, pd.DataFrame):
        labels = {column: labels[column] for column in labels}
    if isinstance(labels, Mapping):
        return {key: _rows(each, ids, str(key)) for key, each in labels.items()}
    return _rows(labels, ids, name)


def is_numbered(index: pd.Index) -> bool:
    """Whether an index only numbers the rows, as pandas does where nobody gave one."""
    return isinstance(index, pd.RangeIndex) and (index.start, index.step) == (0, 1)


def _rows(labels: Any, ids: pd.Index | None, name: str) -> Any:
    if not isinstance(labels, pd.Series | pd.DataFrame):
        return labels
    if ids is None or labels.index.equals(ids):
        return _values(labels)
    if labels.index.is_unique and ids.isin(labels.index).all():
        return _values(labels.loc[ids])
    if is_numbered(labels.index) and len(labels) == len(ids) and not _holds_integers(ids):
        return _values(labels)
    absent = ids[~ids.isin(labels.index)]
    problem = f"no entry for series {absent[0]}" if len(absent) else "two entries for a series"
    raise ValueError(
        f"{name!r} has {problem}: it is aligned by its index, which starts with "
        f"{labels.index[:3].tolist()}, with the ids of the series, {ids[:3].tolist()}. Set its "
        "index to the ids, or pass labels.to_numpy() if it is in their order."
    )


def _values(labels: Any) -> Any:
    """Return an array; one that knows the order of its categories, if there are some."""
    return labels.array if isinstance(labels.dtypes, pd.CategoricalDtype) else labels.to_numpy()


def _holds_integers(ids: pd.Index) -> bool:
    return ids.nlevels == 1 and pd.api.types.is_integer_dtype(np.asarray(ids).dtype)
