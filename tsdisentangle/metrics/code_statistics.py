"""Statistics of codes that need no labels, and how well a label clusters them."""

from typing import Any

import numpy as np
from sklearn.metrics import silhouette_score

from tsdisentangle.metrics.alignment import align
from tsdisentangle.metrics.validation import check_codes, check_label, check_pair


def active_units(means: Any, *, threshold: float = 0.01) -> int:
    """Number of coordinates that distinguish series: ``Var(posterior mean) > threshold``.

    Parameters
    ----------
    means : array of shape (n, coordinates)
        Posterior means.
    threshold : float, default=0.01
        The customary value, for a prior of unit variance.

    Returns
    -------
    int

    Examples
    --------
    >>> active_units([[1.0, 0.0], [-1.0, 0.01]])
    1
    """
    return int((check_codes(means, "means").var(axis=0) > threshold).sum())


def kl_to_standard_normal(means: Any, stds: Any) -> float:
    """Mean divergence of Gaussian posteriors from ``N(0, I)``.

    ``0.5 sum_j (m_j^2 + s_j^2 - 1 - log s_j^2)``, averaged over series: what a code costs, and an
    upper bound of its information, where this is its prior.

    Parameters
    ----------
    means, stds : arrays of shape (n, coordinates)

    Returns
    -------
    float
        Nats per series.

    Examples
    --------
    >>> kl_to_standard_normal([[1.0, 0.0], [1.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]])
    0.5
    """
    means, stds = check_pair(means, stds, ("means", "stds"))
    if means.shape != stds.shape or (stds <= 0).any():
        raise ValueError(
            f"means has shape {means.shape} and stds {stds.shape}; expected equal shapes and "
            "positive standard deviations."
        )
    return float(0.5 * (means**2 + stds**2 - 1 - 2 * np.log(stds)).sum(axis=1).mean())


def static_stability(static: Any) -> float:
    """Whether a series keeps its static code when that is taken from elsewhere in it.

    Mean cosine of codes of one series from different anchors, minus the mean cosine of codes of
    different series.

    Parameters
    ----------
    static : array of shape (anchors, n, coordinates)
        Codes of the same n series from at least two anchors (or crops, or fits of one model).

    Returns
    -------
    float
        At most 2; 0 where the anchor matters as much as the series.

    Examples
    --------
    >>> code = np.array([[1.0, 0.0], [0.0, 1.0]])
    >>> static_stability([code, 2 * code])
    1.0
    """
    codes = np.asarray(static, dtype=np.float64)
    if codes.ndim != 3 or min(codes.shape[:2]) < 2:
        raise ValueError(
            f"static has shape {codes.shape}; expected (anchors, n, coordinates) with at least two "
            "anchors and two series."
        )
    length = np.linalg.norm(codes, axis=2, keepdims=True)
    if not (np.isfinite(length).all() and (length > 0).all()):
        raise ValueError("static holds NaN, or a zero code, which has no direction.")
    anchors, n = codes.shape[:2]
    by_series = (codes / length).sum(axis=0)
    # The square of a sum of unit vectors holds their ones, and every pair of them twice.
    inside = (by_series**2).sum()
    across = (by_series.sum(axis=0) ** 2).sum() - inside
    within = (inside - n * anchors) / (n * anchors * (anchors - 1))
    return float(within - across / (n * (n - 1) * anchors**2))


def shuffle_shift(static: Any, shuffled: Any) -> float:
    """How far static codes move when the time steps of their series are shuffled.

    Root mean square of ``|s(x) - s(shuffled x)|``, relative to that of the distances between
    different series.

    Parameters
    ----------
    static, shuffled : arrays of shape (n, coordinates)
        Codes of the same series in their order, and with their windows shuffled.

    Returns
    -------
    float
        0 where the static code ignores time; 1 where the order matters as much as the series.

    Examples
    --------
    >>> code = np.array([[0.0], [2.0]])
    >>> shuffle_shift(code, code + 1)
    0.5
    """
    static, shuffled = check_pair(static, shuffled, ("static", "shuffled"))
    moved = ((static - shuffled) ** 2).sum(axis=1).mean()
    between = 2 * static.var(axis=0, ddof=1).sum()  # mean square over pairs of different rows
    if not between:
        raise ValueError("static is the same for all series, so there is nothing to compare with.")
    return float(np.sqrt(moved / between))


def dynamic_smoothness(dynamic: Any, lengths: Any = None) -> float:
    """Mean squared step of the dynamic codes over their variance.

    ``mean |d_t - d_(t-1)|^2 / Var(d)``, the variance summed over coordinates and taken over all
    windows of all series.

    Parameters
    ----------
    dynamic : array of shape (n, windows, coordinates)
        At least two windows.
    lengths : int array of shape (n,), default=None
        Windows of each series, all by default; later ones are ignored.

    Returns
    -------
    float
        Near 0 for slow codes, 2 for white noise, up to 4 for codes that alternate; 0 for constant
        ones.

    Examples
    --------
    >>> dynamic_smoothness([[[1.0], [-1.0], [1.0], [-1.0]]])
    4.0
    """
    codes = np.asarray(dynamic, dtype=np.float64)
    if codes.ndim != 3:
        raise ValueError(f"dynamic has shape {codes.shape}; expected (n, windows, coordinates).")
    n, windows = codes.shape[:2]
    lengths = np.full(n, windows) if lengths is None else np.asarray(lengths)
    if lengths.shape != (n,) or lengths.max() > windows or lengths.max() < 2:
        raise ValueError(
            f"lengths must hold one number of windows per series, of at most {windows}, and one of "
            "at least 2."
        )
    valid = np.arange(windows) < lengths[:, None]
    spread = check_codes(codes[valid], "dynamic").var(axis=0).sum()
    steps = np.diff(codes, axis=1)[valid[:, 1:]]
    return float((steps**2).sum(axis=1).mean() / spread) if spread else 0.0


def silhouette(codes: Any, labels: Any) -> float:
    """How well the classes of a label form clusters (Rousseeuw 1987).

    Mean over rows of ``(b - a) / max(a, b)``: mean Euclidean distance to the own class, ``a``, and
    to the nearest other one, ``b``.

    Parameters
    ----------
    codes : array of shape (n, coordinates)
        Time grows with the square of n.
    labels : array of shape (n,)
        Integers, booleans or strings; more than one class, fewer than n.

    Returns
    -------
    float
        Between -1 and 1.

    References
    ----------
    Rousseeuw, "Silhouettes: a Graphical Aid to the Interpretation and Validation of Cluster
    Analysis", Journal of Computational and Applied Mathematics 20, 1987.

    Examples
    --------
    >>> silhouette([[0.0], [0.0], [1.0], [1.0]], ["a", "a", "b", "b"])
    1.0
    """
    (labels,) = align(codes, labels)
    codes = check_codes(codes)
    return float(silhouette_score(codes, check_label(labels, len(codes), "labels")))
