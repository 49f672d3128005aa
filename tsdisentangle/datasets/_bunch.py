"""The one container that every loader returns."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

SPLITS = ("train", "validation", "test")


class SequenceBunch(Bunch):
    """A data set of sequences with static and dynamic targets.

    A dictionary whose keys are attributes too.

    Parameters
    ----------
    data : ndarray of shape (n, time, channel), or list of n arrays (time_i, channel)
        Values in raw units, float32, NaN where missing. A list if lengths differ.
    static_target : dict of str to ndarray of shape (n,)
        One value per series; the primary label comes first.
    dynamic_target : dict of str to ndarray of shape (n, time)
        One value per step; NaN where unknown.
    groups : ndarray of shape (n,)
        Series of one group are related, and must not be on both sides of a split.
    splits : dict of str to ndarray of int
        Row indices of ``'train'``, ``'validation'`` and ``'test'``: disjoint, and together all
        rows.
    feature_names : list of str
        One name per channel.
    units : list of str
        One unit per channel.
    DESCR : str
        What the data are and how they were prepared.
    licence : str
        Licence of the data.
    citation : str
        What to cite.

    Examples
    --------
    >>> import numpy as np
    >>> from tsdisentangle.datasets import SequenceBunch
    >>> bunch = SequenceBunch(
    ...     data=np.zeros((3, 5, 1), dtype=np.float32),
    ...     static_target={"label": np.array([0, 1, 0])},
    ...     dynamic_target={},
    ...     groups=np.arange(3),
    ...     splits={"train": np.array([0]), "validation": np.array([1]), "test": np.array([2])},
    ...     feature_names=["value"],
    ...     units=["1"],
    ...     DESCR="",
    ...     licence="",
    ...     citation="",
    ... )
    >>> bunch.data[bunch.splits["train"]].shape
    (1, 5, 1)
    """

    data: NDArray[np.float32] | list[NDArray[np.float32]]
    static_target: dict[str, NDArray[Any]]
    dynamic_target: dict[str, NDArray[Any]]
    groups: NDArray[Any]
    splits: dict[str, NDArray[np.int64]]
    feature_names: list[str]
    units: list[str]
    DESCR: str
    licence: str
    citation: str

    def __init__(
        self,
        *,
        data: NDArray[np.float32] | list[NDArray[np.float32]],
        static_target: dict[str, NDArray[Any]],
        dynamic_target: dict[str, NDArray[Any]],
        groups: NDArray[Any],
        splits: dict[str, NDArray[np.int64]],
        feature_names: list[str],
        units: list[str],
        DESCR: str,
        licence: str,
        citation: str,
    ) -> None:
        _check_splits(splits, len(data))
        super().__init__(
            data=data,
            static_target=static_target,
            dynamic_target=dynamic_target,
            groups=groups,
            splits=splits,
            feature_names=feature_names,
            units=units,
            DESCR=DESCR,
            licence=licence,
            citation=citation,
        )


def _check_splits(splits: Mapping[str, NDArray[np.int64]], n: int) -> None:
    if tuple(splits) != SPLITS:
        raise ValueError(f"splits must have the keys {SPLITS} in this order, got {tuple(splits)}.")
    used = np.concatenate([splits[name] for name in SPLITS])
    if not np.array_equal(np.sort(used), np.arange(n)):
        raise ValueError(
            f"splits must hold every row from 0 to {n - 1} exactly once; got {len(used)} indices, "
            f"{len(np.unique(used))} of them different. Give each row to one split."
        )
