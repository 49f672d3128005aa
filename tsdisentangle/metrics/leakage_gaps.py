"""Leakage gaps: how much better a code reveals its own label than that of the other code."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import check_random_state

from tsdisentangle.metrics.alignment import align
from tsdisentangle.metrics.validation import check_codes, check_label

TEST_SIZE = 0.2
# Of so many rows of a class, stratification leaves at least one in either part.
SMALLEST_CLASS = 5


class LeakageGaps(NamedTuple):
    """Accuracies of both labels from what either code holds.

    'From static' is read from the static code, or seen by a judge where the static code was kept
    and the dynamics were drawn from the prior; 'from dynamic' the other way round.

    Attributes
    ----------
    static_from_static, dynamic_from_static : float
        The first shall be high, the second at chance.
    static_from_dynamic, dynamic_from_dynamic : float
        The first shall be at chance, the second high.
    """

    static_from_static: float
    dynamic_from_static: float
    static_from_dynamic: float
    dynamic_from_dynamic: float

    @property
    def static_gap(self) -> float:
        """Of the static code; negative where it reveals more of the dynamic label.

        Examples
        --------
        >>> LeakageGaps(1.0, 0.25, 0.5, 0.75).static_gap
        0.75
        """
        return self.static_from_static - self.dynamic_from_static

    @property
    def dynamic_gap(self) -> float:
        """Of the dynamic code; negative where it reveals more of the static label.

        Examples
        --------
        >>> LeakageGaps(1.0, 0.25, 0.5, 0.75).dynamic_gap
        0.25
        """
        return self.dynamic_from_dynamic - self.static_from_dynamic


def latent_accuracies(
    codes: Any, labels: Any, *, n_splits: int = 10, random_state: Any = None
) -> dict[str, np.ndarray]:
    """Accuracies of standard classifiers of a label, trained on 80 % of the codes.

    A support vector machine with a radial kernel (C=1, gamma 'scale'), a random forest of 100
    trees, and five nearest neighbours, on codes standardised by those trained on.

    Parameters
    ----------
    codes : array of shape (n, coordinates)
    labels : array of shape (n,)
        Integers, booleans or strings; at least five of each, so that every class occurs in both
        parts of every split.
    n_splits : int, default=10
        Random splits, stratified by the label.
    random_state : int, RandomState or None, default=None
        Seed of the splits and of the forests.

    Returns
    -------
    dict of str to float array of shape (n_splits,)
        Keys ``svc``, ``random_forest`` and ``knn``.

    Raises
    ------
    ValueError
        A label with a single class, or with one of fewer than five rows.

    Examples
    --------
    >>> labels = np.arange(40) % 2
    >>> found = latent_accuracies(labels[:, None], labels, n_splits=2, random_state=0)
    >>> found["knn"]
    array([1., 1.])
    """
    (labels,) = align(codes, labels)
    codes = check_codes(codes)
    labels = check_label(labels, len(codes), "labels")
    rarest = np.bincount(labels).min()
    if rarest < SMALLEST_CLASS:
        raise ValueError(
            f"labels has a class of {rarest} rows; expected at least {SMALLEST_CLASS}, so that it "
            "occurs in both parts of a split. Pass more codes, or leave rare classes out."
        )
    seed = check_random_state(random_state).randint(2**31 - 1)
    splitter = StratifiedShuffleSplit(n_splits, test_size=TEST_SIZE, random_state=seed)
    accuracies: dict[str, list[float]] = {}
    for train, test in splitter.split(codes, labels):
        for name, classifier in _classifiers(seed).items():
            probe = make_pipeline(StandardScaler(), classifier).fit(codes[train], labels[train])
            accuracies.setdefault(name, []).append(probe.score(codes[test], labels[test]))
    return {name: np.array(values) for name, values in accuracies.items()}


def _classifiers(seed: int) -> dict[str, ClassifierMixin]:
    return {
        "svc": SVC(),
        "random_forest": RandomForestClassifier(random_state=seed),
        "knn": KNeighborsClassifier(),
    }
