"""How good and how diverse generated sequences are, by a judge's class probabilities."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_array

# Inside the logarithm, as in the published evaluations: 0 log 0 becomes 0.
EPSILON = 1e-16


class GenerationScores(NamedTuple):
    """Scores of generated sequences by a judge.

    Attributes
    ----------
    accuracy : float
        Share of sequences whose most probable class is the right one; of all sequences.
    inception_score : float
        Between 1 and the number of classes; of the balanced subset, as the entropies.
    conditional_entropy : float
        ``H(y|x)``, low where the judge is sure of each sequence.
    marginal_entropy : float
        ``H(y)``, at most the logarithm of the number of classes, high where all classes occur.
    """

    accuracy: float
    inception_score: float
    conditional_entropy: float
    marginal_entropy: float


def conditional_entropy(probabilities: Any) -> float:
    """``H(y|x)``, the judge's doubt about each sequence: ``-mean_n sum_c p_nc log(p_nc + e)``.

    Parameters
    ----------
    probabilities : array of shape (n, classes)

    Returns
    -------
    float
        Nats, between 0 and the logarithm of the number of classes.

    Examples
    --------
    >>> round(conditional_entropy([[1.0, 0.0], [0.5, 0.5]]), 4)  # log(2) / 2
    0.3466
    """
    p = check_probabilities(probabilities)
    return float(-(p * np.log(p + EPSILON)).sum(axis=1).mean())


def marginal_entropy(probabilities: Any) -> float:
    """``H(y)``, the variety of all sequences: ``-sum_c q_c log(q_c + e)``, ``q = mean_n p_n``.

    Parameters
    ----------
    probabilities : array of shape (n, classes)

    Returns
    -------
    float
        Nats, between 0 and the logarithm of the number of classes.

    Examples
    --------
    >>> round(marginal_entropy([[1.0, 0.0], [0.0, 1.0]]), 4)  # log(2)
    0.6931
    """
    q = check_probabilities(probabilities).mean(axis=0)
    return float(-(q * np.log(q + EPSILON)).sum())


def inception_score(probabilities: Any) -> float:
    """``exp(mean_n KL(p_n || mean_m p_m))``, which is ``exp(H(y) - H(y|x))``.

    Parameters
    ----------
    probabilities : array of shape (n, classes)

    Returns
    -------
    float
        Between 1 and the number of classes.

    References
    ----------
    Salimans et al., "Improved Techniques for Training GANs", NeurIPS 2016.

    Examples
    --------
    >>> round(inception_score([[1.0, 0.0], [0.0, 1.0]]), 6)
    2.0
    """
    p = check_probabilities(probabilities)
    divergence = (p * (np.log(p + EPSILON) - np.log(p.mean(axis=0) + EPSILON))).sum(axis=1)
    return float(np.exp(divergence.mean()))


def first_of_each_class(labels: Any) -> np.ndarray:
    """Rows of a balanced subset: the first m of each class, m the size of the smallest one.

    Parameters
    ----------
    labels : array of shape (n,)

    Returns
    -------
    int array of shape (m * classes,)
        In ascending order.

    Examples
    --------
    >>> first_of_each_class(["b", "a", "b", "b", "a"])
    array([0, 1, 2, 4])
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or not len(labels):
        raise ValueError(f"labels has shape {labels.shape}; expected (n,), not empty.")
    classes, counts = np.unique(labels, return_counts=True)
    rows = [np.flatnonzero(labels == name)[: counts.min()] for name in classes]
    return np.sort(np.concatenate(rows))


def generation_scores(probabilities: Any, labels: Any) -> GenerationScores:
    """Accuracy of all sequences; inception score and entropies of a class-balanced subset.

    Parameters
    ----------
    probabilities : array of shape (n, classes)
        Class probabilities of each generated sequence by the judge.
    labels : int array of shape (n,)
        Column of the class that each sequence shall show.

    Returns
    -------
    GenerationScores

    Raises
    ------
    ValueError
        Rows that are no distributions, labels that are no columns.

    Notes
    -----
    Balanced by :func:`first_of_each_class`, over the classes that occur in ``labels``.

    Examples
    --------
    >>> scores = generation_scores([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], [0, 1, 1])
    >>> round(scores.accuracy, 3), round(scores.inception_score, 6)
    (0.667, 2.0)
    """
    p = check_probabilities(probabilities)
    labels = np.asarray(labels)
    if labels.shape != (len(p),) or labels.dtype.kind not in "iu":
        raise ValueError(
            f"labels has shape {labels.shape} and type {labels.dtype}; expected ({len(p)},) "
            "integers, the column of each row's class."
        )
    if labels.min() < 0 or labels.max() >= p.shape[1]:
        raise ValueError(
            f"labels go from {labels.min()} to {labels.max()}; expected columns of probabilities, "
            f"0 to {p.shape[1] - 1}."
        )
    balanced = p[first_of_each_class(labels)]
    return GenerationScores(
        float((p.argmax(axis=1) == labels).mean()),
        inception_score(balanced),
        conditional_entropy(balanced),
        marginal_entropy(balanced),
    )


def joint_accuracy(truth: Any, guess: Any) -> float:
    """Share of sequences of which all attributes are right.

    Parameters
    ----------
    truth, guess : arrays of shape (n, attributes)

    Returns
    -------
    float

    Examples
    --------
    >>> joint_accuracy([[0, 1], [2, 0]], [[0, 1], [2, 5]])
    0.5
    """
    truth, guess = np.asarray(truth), np.asarray(guess)
    if truth.ndim != 2 or truth.shape != guess.shape or not len(truth):
        raise ValueError(
            f"truth has shape {truth.shape} and guess {guess.shape}; expected the same "
            "(n, attributes), not empty."
        )
    return float((truth == guess).all(axis=1).mean())


def check_probabilities(probabilities: Any) -> np.ndarray:
    """Distributions in rows, as float64."""
    p = check_array(probabilities, dtype=np.float64, input_name="probabilities")
    # A softmax in single precision sums to one up to 1e-6 or so.
    if (p < 0).any() or not np.allclose(p.sum(axis=1), 1, rtol=0, atol=1e-3):
        raise ValueError(
            "probabilities has rows that are negative or do not sum to 1; pass class "
            "probabilities, (n, classes), not logits."
        )
    return p
