"""Metrics from predictors of known factors: DCI, SAP, explicitness."""

from typing import Any, NamedTuple

import numpy as np
from scipy.stats import entropy
from sklearn.ensemble import (
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.metrics import roc_auc_score
from sklearn.utils import check_random_state

from tsdisentangle.metrics.alignment import align
from tsdisentangle.metrics.information import held_out_probabilities, top_two_gap
from tsdisentangle.metrics.leakage import read_factor
from tsdisentangle.metrics.validation import (
    check_codes,
    check_factors,
    check_matrix,
    is_label,
    split_rows,
)

# Regression and classification; both normalise the importances of a factor to a sum of 1.
PREDICTORS = {
    "gradient_boosting": (GradientBoostingRegressor, GradientBoostingClassifier),
    "random_forest": (RandomForestRegressor, RandomForestClassifier),
}


class DCI(NamedTuple):
    """Result of :func:`dci`.

    Attributes
    ----------
    disentanglement : float
        Whether each coordinate serves one factor; NaN with a single factor.
    completeness : float
        Whether each factor is served by one coordinate; mean of ``by_factor``.
    by_factor : array of shape (factors,)
        Completeness of each factor.
    """

    disentanglement: float
    completeness: float
    by_factor: np.ndarray


def dci(importance: Any) -> DCI:
    """Disentanglement and completeness (Eastwood & Williams 2018).

    With the importances as shares of their row, ``P_jk``, and of their column, ``Q_jk``::

        D_j = 1 + sum_k P_jk log_F P_jk        D = sum_j rho_j D_j,  rho_j = sum_k R_jk / sum R
        C_k = 1 + sum_j Q_jk log_M Q_jk        C = mean_k C_k

    The third part, informativeness, is the score of the predictors: :func:`code_importances`.

    Parameters
    ----------
    importance : array of shape (coordinates, factors)
        ``R``, not negative; at least two coordinates. A factor without any importance has
        completeness 0.

    Returns
    -------
    DCI

    Raises
    ------
    ValueError
        NaN, a negative entry, a single coordinate, or nothing but zeros.

    References
    ----------
    Eastwood, Williams, "A Framework for the Quantitative Evaluation of Disentangled
    Representations", ICLR 2018.

    Examples
    --------
    >>> dci([[1.0, 0.0], [0.0, 1.0]]).disentanglement
    1.0
    >>> dci([[1.0, 1.0], [1.0, 1.0]]).completeness
    0.0
    """
    importance = check_matrix(importance, "importance")
    coordinates, factors = importance.shape
    if coordinates < 2:
        raise ValueError("importance has one row; completeness compares at least two coordinates.")
    if not importance.any():
        raise ValueError("importance is zero everywhere: no coordinate serves any factor.")
    by_factor = _concentration(importance.T, coordinates)
    disentanglement = np.nan
    if factors > 1:
        disentanglement = float(
            np.average(_concentration(importance, factors), weights=importance.sum(1))
        )
    return DCI(disentanglement, float(by_factor.mean()), by_factor)


def _concentration(rows: np.ndarray, base: int) -> np.ndarray:
    """1 for rows with one entry, 0 for even ones and for those that are zero."""
    even = np.where(rows.any(axis=1, keepdims=True), rows, 1.0)
    return np.maximum(0.0, 1 - entropy(even, base=base, axis=1))


class Importances(NamedTuple):
    """Result of :func:`code_importances`.

    Attributes
    ----------
    importance : array of shape (coordinates, factors)
        Columns sum to 1.
    informativeness : array of shape (factors,)
        Accuracy of a label, R2 of a number, on the held-out rows.
    """

    importance: np.ndarray
    informativeness: np.ndarray


def code_importances(
    codes: Any,
    factors: Any,
    *,
    predictor: str = "gradient_boosting",
    test_size: float = 0.2,
    groups: Any = None,
    random_state: Any = None,
) -> Importances:
    """Importance of every coordinate for the prediction of every factor.

    One ensemble of trees per factor, with scikit-learn's defaults; importances are the mean
    decrease in impurity on the training rows.

    Parameters
    ----------
    codes : array of shape (n, coordinates)
    factors : array of shape (n,) or (n, factors), or mapping of name to array (n,)
        Floats are continuous; integers, booleans and strings are labels.
    predictor : {'gradient_boosting', 'random_forest'}, default='gradient_boosting'
        Boosted trees of depth 3, as in most published values, or a random forest, which is
        several times faster on labels of many classes and spreads its importances more widely.
    test_size : float, default=0.2
        Share of the held-out rows.
    groups : array of shape (n,), default=None
        Rows of one group stay on one side of the split.
    random_state : int, RandomState or None, default=None
        Seed of split and trees.

    Returns
    -------
    Importances

    Examples
    --------
    >>> rng = np.random.RandomState(0)
    >>> codes = rng.normal(size=(200, 2))
    >>> found = code_importances(codes, codes[:, 0] > 0, random_state=0)
    >>> found.importance.round(2).ravel(), found.informativeness
    (array([1., 0.]), array([1.]))
    """
    if predictor not in PREDICTORS:
        raise ValueError(f"predictor is {predictor!r}; expected one of {sorted(PREDICTORS)}.")
    factors, groups = align(codes, factors, groups)
    codes = check_codes(codes)
    seed = check_random_state(random_state).randint(2**31 - 1)
    train, test = split_rows(len(codes), test_size, groups, seed)
    columns, scores = [], []
    for factor in check_factors(factors, len(codes)).values():
        trees = PREDICTORS[predictor][is_label(factor)](random_state=seed)
        trees.fit(codes[train], factor[train])
        columns.append(trees.feature_importances_)
        scores.append(trees.score(codes[test], factor[test]))
    return Importances(np.stack(columns, axis=1), np.array(scores))


def sap(
    codes: Any,
    factors: Any,
    *,
    test_size: float = 0.2,
    groups: Any = None,
    random_state: Any = None,
) -> float:
    """Separated attribute predictability (Kumar et al. 2018).

    Mean over factors of the difference between the two best linear predictors that see one
    coordinate each. Scores are accuracy of a label and R2, at least 0, of a number, on held-out
    rows. The original's support vector machine is a logistic regression here: machines of one
    class against the rest cannot separate the middle of three classes on a line.

    Parameters
    ----------
    codes : array of shape (n, coordinates)
        At least two coordinates.
    factors : array of shape (n,) or (n, factors), or mapping of name to array (n,)
        Floats are continuous; integers, booleans and strings are labels.
    test_size : float, default=0.2
        Share of the held-out rows.
    groups : array of shape (n,), default=None
        Rows of one group stay on one side of the split.
    random_state : int, RandomState or None, default=None
        Seed of the split.

    Returns
    -------
    float
        Below 1 on labels even for perfect codes, since a coordinate without information still
        reaches the majority share.

    References
    ----------
    Kumar, Sattigeri, Balakrishnan, "Variational Inference of Disentangled Latent Concepts from
    Unlabeled Observations", ICLR 2018.

    Examples
    --------
    >>> rng = np.random.RandomState(0)
    >>> codes = rng.normal(size=(400, 2))
    >>> sap(codes, codes[:, 0], random_state=0) > 0.95
    True
    """
    factors, groups = align(codes, factors, groups)
    codes = check_codes(codes)
    checked = check_factors(factors, len(codes)).values()
    train, test = split_rows(len(codes), test_size, groups, random_state)
    scores = [
        [max(0.0, read_factor(x[train], f[train], x[test], f[test]).score) for f in checked]
        for x in np.split(codes, codes.shape[1], axis=1)
    ]
    return float(top_two_gap(scores).mean())


def explicitness(
    codes: Any,
    labels: Any,
    *,
    test_size: float = 0.2,
    groups: Any = None,
    random_state: Any = None,
) -> float:
    """How plainly a label can be read from a code (Ridgeway & Mozer 2018).

    Area under the ROC curve of each class against the rest, from the probabilities of a
    standardised logistic regression on held-out rows; mean over classes, as ``2 AUC - 1``.

    Parameters
    ----------
    codes : array of shape (n, coordinates)
    labels : array of shape (n,) or (n, factors), or mapping of name to array (n,)
        Integers, booleans or strings. The mean over several factors is returned.
    test_size : float, default=0.2
        Share of the held-out rows.
    groups : array of shape (n,), default=None
        Rows of one group stay on one side of the split.
    random_state : int, RandomState or None, default=None
        Seed of the split.

    Returns
    -------
    float
        1 where every class is recognised, near 0 where none is.

    References
    ----------
    Ridgeway, Mozer, "Learning Deep Disentangled Embeddings With the F-Statistic Loss", NeurIPS
    2018.

    Examples
    --------
    >>> label = np.arange(60) % 3
    >>> explicitness(np.eye(3)[label], label, random_state=0)
    1.0
    """
    labels, groups = align(codes, labels, groups)
    codes = check_codes(codes)
    seed = check_random_state(random_state).randint(2**31 - 1)
    each = [
        _one_versus_rest(*held_out_probabilities(codes, factor, test_size, groups, seed))
        for factor in check_factors(labels, len(codes)).values()
    ]
    return float(np.mean(each))


def _one_versus_rest(classes: np.ndarray, proba: np.ndarray) -> float:
    """Mean of ``2 AUC - 1`` over the classes that the rows hold."""
    present = np.unique(classes)
    if len(present) < 2:
        raise ValueError("The held-out rows have a single class; pass more rows.")
    areas = [roc_auc_score(classes == k, proba[:, k]) for k in present]
    return float(2 * np.mean(areas) - 1)
