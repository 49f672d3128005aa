"""How much a probe reads of a factor, between none (0) and all (1)."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from tsdisentangle.metrics.alignment import align
from tsdisentangle.metrics.validation import check_codes, check_factor, is_label


def majority_share(labels: Any) -> float:
    """Share of the most frequent label, the accuracy that needs no code.

    Parameters
    ----------
    labels : array of shape (n,)

    Returns
    -------
    float

    Examples
    --------
    >>> majority_share(["a", "b", "a", "a"])
    0.75
    """
    values = np.asarray(labels)
    if values.ndim != 1 or not len(values):
        raise ValueError(f"labels has shape {values.shape}; expected (n,), not empty.")
    return float(np.unique(values, return_counts=True)[1].max() / len(values))


def normalized_leakage(accuracy: float, chance: float) -> float:
    """Accuracy above chance, as a share of what was possible.

    ``max(0, (accuracy - chance) / (1 - chance))``. Chance is throughout this package the share of
    the most frequent label among the *training* rows, see :func:`majority_share`: what a
    constant predictor reaches without seeing the test rows. On imbalanced labels it is far above
    one over the number of classes.

    Parameters
    ----------
    accuracy : float
        Of a probe on test rows.
    chance : float
        In [0, 1).

    Returns
    -------
    float

    Examples
    --------
    >>> normalized_leakage(0.875, 0.75), normalized_leakage(0.6, 0.75)
    (0.5, 0.0)
    """
    if not (0 <= accuracy <= 1 and 0 <= chance < 1):
        raise ValueError(
            f"accuracy={accuracy} and chance={chance}; expected shares, and chance below 1 (at 1 "
            "there is a single class, and nothing to read)."
        )
    return max(0.0, float((accuracy - chance) / (1 - chance)))


def r2_leakage(r2: float) -> float:
    """``max(0, R2)``: the reading of a continuous factor, whose chance level is its mean.

    Parameters
    ----------
    r2 : float
        Coefficient of determination of a probe on test rows.

    Returns
    -------
    float

    Examples
    --------
    >>> r2_leakage(0.25), r2_leakage(-3.0)
    (0.25, 0.0)
    """
    if not r2 <= 1:
        raise ValueError(f"r2 is {r2}; a coefficient of determination is at most 1.")
    return max(0.0, float(r2))


def retention_minus_leak(retention: Sequence[float], leak: Sequence[float]) -> float:
    """Mean of what each code holds of its own factors minus mean of what it holds of the others'.

    Parameters
    ----------
    retention, leak : sequences of float
        Normalised readings, see :func:`normalized_leakage` and :func:`r2_leakage`.

    Returns
    -------
    float
        1 where everything is where it belongs, -1 where everything is in the wrong code.

    Examples
    --------
    >>> retention_minus_leak([1.0, 0.5], [0.25])
    0.5
    """
    if not len(retention) or not len(leak):
        raise ValueError("retention and leak need at least one reading each.")
    return float(np.mean(retention) - np.mean(leak))


class Reading(NamedTuple):
    """What a probe reads of a factor.

    Attributes
    ----------
    score : float
        Accuracy of a label, R2 of a number, on the test rows.
    chance : float
        Majority share of the training labels; 0 for a number.
    normalized : float
        :func:`normalized_leakage` or :func:`r2_leakage`.
    """

    score: float
    chance: float
    normalized: float


def linear_probe(label: bool, *, standardize: bool = True) -> Pipeline:
    """Return ``LogisticRegression`` for a label, ``Ridge`` for a number, both with penalty 1.

    With ``standardize``, a ``StandardScaler`` comes before it. That is the stricter reading of a
    leak: a coordinate that the model does not use stays near zero, where the penalty keeps the
    probe from using it; scaled to unit variance, it is read however faint it was.

    Parameters
    ----------
    label : bool
        Whether the factor has classes.
    standardize : bool, default=True

    Returns
    -------
    Pipeline

    Examples
    --------
    >>> [name for name, _ in linear_probe(True).steps]
    ['standardscaler', 'logisticregression']
    """
    probe = LogisticRegression(max_iter=2000) if label else Ridge()
    return make_pipeline(*([StandardScaler()] if standardize else []), probe)


def read_factor(
    train_codes: Any,
    train_factor: Any,
    test_codes: Any,
    test_factor: Any,
    *,
    standardize: bool = True,
) -> Reading:
    """Fit a linear probe on the codes of some rows, and read a factor of others from theirs.

    Parameters
    ----------
    train_codes, test_codes : arrays of shape (n_train, coordinates), (n_test, coordinates)
    train_factor, test_factor : arrays of shape (n_train,), (n_test,)
        Floats are numbers; integers, booleans and strings are labels. No NaN.
    standardize : bool, default=True
        See :func:`linear_probe`.

    Returns
    -------
    Reading

    Raises
    ------
    ValueError
        NaN, unequal shapes, a single class.

    Examples
    --------
    >>> codes = np.repeat([[0.0], [1.0]], 10, axis=0)
    >>> read_factor(codes, [0] * 10 + [1] * 10, codes[5:15], [0] * 5 + [1] * 5)
    Reading(score=1.0, chance=0.5, normalized=1.0)
    """
    (train_factor,) = align(train_codes, train_factor)
    (test_factor,) = align(test_codes, test_factor)
    train_codes = check_codes(train_codes, "train_codes")
    test_codes = check_codes(test_codes, "test_codes")
    factor = np.concatenate([np.asarray(train_factor), np.asarray(test_factor)])
    factor = check_factor(factor, len(train_codes) + len(test_codes))
    train, test = np.split(factor, [len(train_codes)])
    check_factor(train, len(train), "train_factor")
    label = is_label(factor)
    probe = linear_probe(label, standardize=standardize).fit(train_codes, train)
    score = float(probe.score(test_codes, test))
    if not label:
        return Reading(score, 0.0, r2_leakage(score))
    chance = majority_share(train)
    return Reading(score, chance, normalized_leakage(score, chance))
