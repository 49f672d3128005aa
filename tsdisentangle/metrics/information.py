"""Metrics from the mutual information of coordinates and factors."""

from typing import Any

import numpy as np
from scipy.special import entr
from sklearn.utils import check_random_state

from tsdisentangle.metrics.alignment import align
from tsdisentangle.metrics.leakage import linear_probe
from tsdisentangle.metrics.validation import (
    check_codes,
    check_factors,
    check_label,
    check_matrix,
    check_pair,
    is_label,
    split_rows,
)

BINS = 20


def table_information(table: Any) -> np.ndarray:
    """Mutual information of joint tables, plug-in.

    ``I = H(row) + H(column) - H(row, column)``, with the table's shares as probabilities. Too high
    on few counts, by about ``(rows - 1) (columns - 1) / (2 total)``.

    Parameters
    ----------
    table : array of shape (..., rows, columns)
        Counts or probabilities.

    Returns
    -------
    array of shape (...)
        Nats.

    Examples
    --------
    >>> round(float(table_information([[5, 0], [0, 5]])), 4), float(table_information([[1, 1]]))
    (0.6931, 0.0)
    """
    counts = np.asarray(table, dtype=np.float64)
    total = counts.sum((-2, -1), keepdims=True)
    if not (np.isfinite(counts).all() and (counts >= 0).all() and (total > 0).all()):
        raise ValueError("table holds NaN, a negative count, or nothing but zeros.")
    joint = counts / total
    marginals = entr(joint.sum(-1)).sum(-1) + entr(joint.sum(-2)).sum(-1)
    return np.maximum(0.0, marginals - entr(joint).sum((-2, -1)))


def mutual_information(codes: Any, factors: Any, *, n_bins: int = BINS) -> np.ndarray:
    """Mutual information of every coordinate with every factor.

    Plug-in estimate (:func:`table_information`) from coordinates in bins of equal width between
    their smallest and largest value; continuous factors are binned likewise.

    Parameters
    ----------
    codes : array of shape (n, coordinates)
    factors : array of shape (n,) or (n, factors), or mapping of name to array (n,)
        Floats are continuous; integers, booleans and strings are labels.
    n_bins : int, default=20

    Returns
    -------
    array of shape (coordinates, factors)
        Nats.

    Examples
    --------
    >>> codes = np.array([[0.0, 3.0], [0.0, 3.0], [1.0, 3.0], [1.0, 3.0]])
    >>> mutual_information(codes, [0, 0, 1, 1]).round(4)
    array([[0.6931],
           [0.    ]])
    """
    (factors,) = align(codes, factors)
    codes = check_codes(codes)
    bins = _bin(codes, n_bins)
    classes = _classes(check_factors(factors, len(codes)), n_bins)
    columns = [table_information(_joint_tables(bins, factor, n_bins)) for factor in classes]
    return np.stack(columns, axis=1)


def mig(codes: Any, factors: Any, *, n_bins: int = BINS) -> float:
    """Mutual information gap (Chen et al. 2018).

    ``(1 / F) sum_k (I(z_(1); v_k) - I(z_(2); v_k)) / H(v_k)``: how far the coordinate that holds
    most of a factor is ahead of the next one. 1 where each factor has a coordinate of its own.

    Parameters
    ----------
    codes : array of shape (n, coordinates)
        At least two coordinates.
    factors : array of shape (n,) or (n, factors), or mapping of name to array (n,)
        Floats are continuous; integers, booleans and strings are labels.
    n_bins : int, default=20
        Bins of equal width, see :func:`mutual_information`.

    Returns
    -------
    float

    References
    ----------
    Chen, Li, Grosse, Duvenaud, "Isolating Sources of Disentanglement in VAEs", NeurIPS 2018.

    Examples
    --------
    >>> mig([[0, 5], [0, 5], [1, 5], [1, 5]], [0, 0, 1, 1])
    1.0
    """
    (factors,) = align(codes, factors)
    codes = check_codes(codes)
    checked = check_factors(factors, len(codes))
    gaps = top_two_gap(mutual_information(codes, checked, n_bins=n_bins))
    entropies = [_entropy(factor) for factor in _classes(checked, n_bins)]
    return float(np.mean(gaps / entropies))


def top_two_gap(matrix: Any) -> np.ndarray:
    """Largest minus second largest entry of each column.

    Parameters
    ----------
    matrix : array of shape (coordinates, factors)
        At least two coordinates.

    Returns
    -------
    array of shape (factors,)

    Examples
    --------
    >>> top_two_gap([[3.0, 1.0], [1.0, 1.0], [2.0, 0.0]])
    array([1., 0.])
    """
    matrix = check_matrix(matrix, "matrix")
    if len(matrix) < 2:
        raise ValueError("A gap needs at least two coordinates; got one.")
    second, first = np.sort(matrix, axis=0)[-2:]
    return first - second


def modularity(information: Any) -> float:
    """Whether each coordinate holds one factor only (Ridgeway & Mozer 2018).

    With ``t_j`` the largest entry of row ``j``, the mean over coordinates of
    ``1 - sum_{others} m_jk^2 / (t_j^2 (F - 1))``. A coordinate without information counts 0, as in
    common implementations.

    Parameters
    ----------
    information : array of shape (coordinates, factors)
        See :func:`mutual_information`; at least two factors.

    Returns
    -------
    float

    References
    ----------
    Ridgeway, Mozer, "Learning Deep Disentangled Embeddings With the F-Statistic Loss", NeurIPS
    2018.

    Examples
    --------
    >>> modularity([[2.0, 0.0], [1.0, 1.0]])
    0.5
    """
    squares = check_matrix(information, "information") ** 2
    if squares.shape[1] < 2:
        raise ValueError("Modularity compares factors; information has one column, pass two.")
    best = squares.max(axis=1)
    others = np.sort(squares, axis=1)[:, :-1].sum(axis=1)
    share = np.divide(others, best, out=np.full_like(best, squares.shape[1] - 1), where=best > 0)
    return max(0.0, float(1 - share.mean() / (squares.shape[1] - 1)))


def group_information(
    codes: Any, labels: Any, *, test_size: float = 0.2, groups: Any = None, random_state: Any = None
) -> float:
    """Share of a label's entropy that a whole code is known to hold: a lower bound.

    ``max(0, H(v) - CE) / H(v)``, with the cross-entropy of a standardised logistic regression and
    the label's entropy, both on held-out rows: ``I(z; v) >= H(v) - CE``.

    Parameters
    ----------
    codes : array of shape (n, coordinates)
    labels : array of shape (n,)
    test_size : float, default=0.2
        Share of the held-out rows.
    groups : array of shape (n,), default=None
        Rows of one group stay on one side of the split.
    random_state : int, RandomState or None, default=None
        Seed of the split.

    Returns
    -------
    float
        Between 0 and 1.

    Examples
    --------
    >>> label = np.arange(200) % 2
    >>> group_information(50.0 * label[:, None], label, random_state=0) > 0.95
    True
    """
    classes, proba = held_out_probabilities(codes, labels, test_size, groups, random_state)
    entropy = _entropy(classes)
    if not entropy:
        raise ValueError("The held-out rows have a single class; pass more rows.")
    truth = proba[np.arange(len(classes)), classes]
    cross_entropy = -np.log(np.maximum(truth, np.finfo(float).tiny)).mean()
    return max(0.0, float(1 - cross_entropy / entropy))


def group_mi_gap(
    own: Any,
    other: Any,
    labels: Any,
    *,
    test_size: float = 0.2,
    groups: Any = None,
    random_state: Any = None,
) -> float:
    """Gap in information between the code that a label belongs to and the other one.

    ``(I(own; v) - I(other; v)) / H(v)``, the mutual information gap with two groups of
    coordinates in place of single ones; each ``I`` as in :func:`group_information`, both on the
    same held-out rows.

    Parameters
    ----------
    own, other : arrays of shape (n, coordinates)
        For a static label, the static and the averaged dynamic code.
    labels : array of shape (n,)
    test_size : float, default=0.2
        Share of the held-out rows.
    groups : array of shape (n,), default=None
        Rows of one group stay on one side of the split.
    random_state : int, RandomState or None, default=None
        Seed of the split.

    Returns
    -------
    float
        Between -1 and 1.

    Examples
    --------
    >>> label = np.arange(200) % 2
    >>> group_mi_gap(50.0 * label[:, None], np.ones((200, 1)), label, random_state=0) > 0.95
    True
    """
    seed = check_random_state(random_state).randint(2**31 - 1)
    labels, groups = align(own, labels, groups)
    own, other = check_pair(own, other, ("own", "other"))
    of_own, of_other = (
        group_information(code, labels, test_size=test_size, groups=groups, random_state=seed)
        for code in (own, other)
    )
    return of_own - of_other


def held_out_probabilities(
    codes: Any, labels: Any, test_size: float, groups: Any, random_state: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Held-out labels, as columns of the probabilities that a logistic regression gives them.

    Held-out rows whose label is absent from the training rows are left out: no probe can learn it.
    """
    labels, groups = align(codes, labels, groups)
    codes = check_codes(codes)
    labels = check_label(labels, len(codes), "labels")
    train, test = split_rows(len(codes), test_size, groups, random_state)
    check_label(labels[train], len(train), "labels of the training rows")
    probe = linear_probe(True).fit(codes[train], labels[train])
    test = test[np.isin(labels[test], probe.classes_)]
    if not len(test):
        raise ValueError("No label of the held-out rows occurs among the training rows.")
    return np.searchsorted(probe.classes_, labels[test]), probe.predict_proba(codes[test])


def _bin(values: np.ndarray, n_bins: int) -> np.ndarray:
    """Bins of equal width, column by column; a constant column is a single bin."""
    low, span = values.min(0), np.ptp(values, axis=0)
    share = (values - low) / np.where(span > 0, span, 1.0)
    return np.minimum((share * n_bins).astype(int), n_bins - 1)


def _classes(factors: dict[str, np.ndarray], n_bins: int) -> list[np.ndarray]:
    return [f if is_label(f) else _bin(f, n_bins) for f in factors.values()]


def _entropy(classes: np.ndarray) -> float:
    return float(entr(np.bincount(classes) / len(classes)).sum())


def _joint_tables(bins: np.ndarray, classes: np.ndarray, n_bins: int) -> np.ndarray:
    """Counts of shape (coordinates, bins, classes), all coordinates in one pass."""
    m, k = bins.shape[1], int(classes.max()) + 1
    cells = (np.arange(m) * n_bins + bins) * k + classes[:, None]
    return np.bincount(cells.ravel(), minlength=m * n_bins * k).reshape(m, n_bins, k)
