"""How much two codes have in common, without labels."""

from typing import Any

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tsdisentangle.metrics.validation import check_pair


def cross_prediction_r2(source: Any, target: Any, *, groups: Any = None, cv: int = 5) -> float:
    """R2 of one code predicted from another by ridge regression, cross-validated.

    The source is standardised, the penalty is 1. Coordinates of the target weigh by their
    variance, so those that the model does not use hardly count.

    Parameters
    ----------
    source, target : arrays of shape (n, coordinates), (n, other coordinates)
        For example the dynamic codes pooled over time, and the static code.
    groups : array of shape (n,), default=None
        Rows of one group stay in one fold.
    cv : int, default=5
        Number of folds.

    Returns
    -------
    float
        At most 1; about 0, or below, where the source says nothing in a linear way. 0 for a
        constant target.

    Examples
    --------
    >>> source = np.random.RandomState(0).normal(size=(100, 3))
    >>> round(cross_prediction_r2(source, source @ np.ones((3, 1))), 3)
    1.0
    """
    source, target = check_pair(source, target, ("source", "target"), min_rows=cv)
    if not np.ptp(target, axis=0).any():
        return 0.0
    ridge = make_pipeline(StandardScaler(), Ridge())
    groups = np.arange(len(source)) if groups is None else groups
    guess = cross_val_predict(ridge, source, target, groups=groups, cv=GroupKFold(cv))
    return float(r2_score(target, guess, multioutput="variance_weighted"))


def distance_correlation(x: Any, y: Any) -> float:
    """Dependence of any form, linear or not (Székely et al. 2007).

    With the Euclidean distances of the rows centred by row, column and as a whole, ``A`` and
    ``B``::

        dCov^2(x, y) = mean(A * B),    dCor = sqrt(dCov^2(x, y) / sqrt(dCov^2(x, x) dCov^2(y, y)))

    The biased estimate of the paper: positive on independent codes too, and the more so the fewer
    the rows and the more the coordinates. Compare with the value of shuffled rows.

    Parameters
    ----------
    x, y : arrays of shape (n, coordinates), (n, other coordinates)
        Memory grows with the square of n.

    Returns
    -------
    float
        Between 0 and 1; 0 where one of them is constant, 1 where one is a rotated, shifted and
        scaled version of the other.

    References
    ----------
    Székely, Rizzo, Bakirov, "Measuring and Testing Dependence by Correlation of Distances", Annals
    of Statistics 35(6), 2007.

    Examples
    --------
    >>> x = np.random.RandomState(0).normal(size=(50, 1))
    >>> round(distance_correlation(x, 3 - 2 * x), 6)
    1.0
    """
    x, y = check_pair(x, y, ("x", "y"))
    a, b = _centre(cdist(x, x)), _centre(cdist(y, y))
    scale = np.sqrt((a * a).mean() * (b * b).mean())
    return float(np.sqrt(max(0.0, (a * b).mean()) / scale)) if scale > 0 else 0.0


def hsic(x: Any, y: Any) -> float:
    """Hilbert-Schmidt independence criterion (Gretton et al. 2005).

    The biased estimate ``trace(K H L H) / (n - 1)^2``, with Gaussian kernels ``exp(-|a - b|^2 /
    (2 s^2))`` whose width ``s`` is the median of the distances between different rows. Its size
    has no meaning by itself: compare codes of equal n, or with the value of shuffled rows.

    Parameters
    ----------
    x, y : arrays of shape (n, coordinates), (n, other coordinates)
        Memory grows with the square of n.

    Returns
    -------
    float
        0 where one of them is constant.

    References
    ----------
    Gretton, Bousquet, Smola, Schölkopf, "Measuring Statistical Dependence with Hilbert-Schmidt
    Norms", ALT 2005.

    Examples
    --------
    >>> rng = np.random.RandomState(0)
    >>> x = rng.normal(size=(100, 1))
    >>> hsic(x, x**2) > 3 * hsic(x, rng.permutation(x**2))
    True
    """
    x, y = check_pair(x, y, ("x", "y"))
    covariance = (_centre(_gaussian_kernel(x)) * _gaussian_kernel(y)).sum()
    return max(0.0, float(covariance / (len(x) - 1) ** 2))


def _centre(matrix: np.ndarray) -> np.ndarray:
    rows = matrix.mean(axis=0)
    return matrix - rows - rows[:, None] + rows.mean()


def _gaussian_kernel(x: np.ndarray) -> np.ndarray:
    distance = cdist(x, x)
    apart = distance[distance > 0]  # equal rows, as of one-hot codes, could make the median zero
    width = np.median(apart) if len(apart) else 1.0
    return np.exp(-0.5 * (distance / width) ** 2)
