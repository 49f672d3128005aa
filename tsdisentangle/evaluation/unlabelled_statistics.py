"""Statistics of codes that need no labels, put together for a panel."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from tsdisentangle import metrics
from tsdisentangle.data.codes import Codes
from tsdisentangle.evaluation.factors import CodeViews

# A static code is read again from so many parts of its series, to see whether it stays.
PARTS = 3


def describe_codes(
    codes: Codes, views: CodeViews, pairs: np.ndarray, groups: np.ndarray
) -> dict[str, float]:
    """Statistics without labels; those that the codes do not allow are NaN."""
    static, pooled = views.static.rows, views.pooled.rows
    smoothness = np.nan
    if codes.lengths.max() > 1:
        smoothness = metrics.dynamic_smoothness(codes.dynamic, codes.lengths)
    return {
        "active static coordinates": metrics.active_units(static),
        "active dynamic coordinates": metrics.active_units(views.single.rows),
        "smoothness of dynamic": smoothness,
        "R2, static from dynamic": metrics.cross_prediction_r2(pooled, static, groups=groups),
        "R2, dynamic from static": metrics.cross_prediction_r2(static, pooled, groups=groups),
        **_dependence(static[pairs], pooled[pairs]),
    }


def mean_score_terms(terms: dict[str, np.ndarray], lengths: np.ndarray) -> dict[str, float]:
    """Mean divergences of the codes and negative log-likelihood of the data, in nats.

    ``terms`` are those of the estimator's score; ``lengths`` are in windows.
    """
    per_window = {name: float((term / lengths).mean()) for name, term in terms.items()}
    return {
        "KL of static from N(0, I), per series": float(np.mean(terms.get("static_kl", np.nan))),
        "KL of dynamic from its prior, per window": per_window.get("dynamic_kl", np.nan),
        "negative log-likelihood, per window": per_window.get("reconstruction", np.nan),
    }


def static_robustness(
    estimator: Any, X: Any, codes: Codes, rng: np.random.RandomState
) -> dict[str, float]:
    """Static codes of parts of the series, and of shuffled ones; NaN where nothing compares."""
    parts = [estimator.encode(X, windows=part).static for part in _parts(codes.lengths)]
    long = codes.lengths >= PARTS
    directed = [np.isfinite(part).all(axis=1) & part.any(axis=1) for part in parts]
    kept = np.logical_and.reduce([long, *directed])
    stability = shift = np.nan
    if kept.sum() > 1:
        stability = metrics.static_stability([part[kept] for part in parts])
    several = codes.lengths > 1
    if several.sum() > 1 and codes.static[several].std(axis=0).any():
        shuffled = estimator.encode(X, windows=_shuffled(codes.lengths, rng)).static
        shift = metrics.shuffle_shift(codes.static[several], shuffled[several])
    return {"stability of static over thirds": stability, "shift of static, shuffled": shift}


def _parts(lengths: np.ndarray) -> Iterator[np.ndarray]:
    """Windows of the first, the second, ... part of each series."""
    for part in range(PARTS):
        start = part * lengths // PARTS
        stop = np.maximum((part + 1) * lengths // PARTS, start + 1)
        place = start[:, None] + np.arange((stop - start).max())
        yield np.where(place < stop[:, None], place, -1)


def _shuffled(lengths: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """All windows of each series in a random order."""
    place = np.arange(lengths.max())
    drawn = np.where(place < lengths[:, None], rng.random_sample((len(lengths), len(place))), 1.0)
    return np.where(place < lengths[:, None], drawn.argsort(axis=1), -1)


def _dependence(static: np.ndarray, dynamic: np.ndarray) -> dict[str, float]:
    """Both measures, and beside each its value without dependence: rows paired with the next."""
    pairings = {"": dynamic, ", shuffled": np.roll(dynamic, 1, axis=0)}
    named = {"distance correlation": metrics.distance_correlation, "HSIC": metrics.hsic}
    return {
        name + suffix: measure(static, rows)
        for name, measure in named.items()
        for suffix, rows in pairings.items()
    }
