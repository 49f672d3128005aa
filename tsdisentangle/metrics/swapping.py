"""What a judge sees in sequences made of one's static and another's dynamic code."""

from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import confusion_matrix
from sklearn.utils import check_random_state


class SwapScore(NamedTuple):
    """How well a label went along with the code that it belongs to.

    Attributes
    ----------
    accuracy : float
        Share of sequences that show the label of the one that gave the code.
    confusion : float array of shape (classes, classes)
        Rows are the true classes, columns what was seen; a row sums to 1, or is 0 where its class
        does not occur.
    """

    accuracy: float
    confusion: np.ndarray


def random_derangement(n: int, random_state: Any = None) -> np.ndarray:
    """A random permutation that leaves nothing in its place: who swaps with whom.

    Parameters
    ----------
    n : int
        At least 2.
    random_state : int, RandomState or None, default=None

    Returns
    -------
    int array of shape (n,)

    Examples
    --------
    >>> random_derangement(2)
    array([1, 0])
    """
    if n < 2:
        raise ValueError(f"n is {n}; a swap takes at least two sequences.")
    rng = check_random_state(random_state)
    # More than a third of all permutations leave nothing in its place, so this ends soon.
    while True:
        order = rng.permutation(n)
        if (order != np.arange(n)).all():
            return order


def swap_score(truth: Any, guess: Any, n_classes: int) -> SwapScore:
    """Accuracy and confusion of one label over swapped sequences.

    Parameters
    ----------
    truth : int array of shape (n,)
        Class of the sequence that gave the code that the label belongs to.
    guess : int array of shape (n,)
        Class that the judge sees.
    n_classes : int

    Returns
    -------
    SwapScore

    Examples
    --------
    >>> swap_score([0, 0, 1, 1], [0, 1, 1, 1], 2)
    SwapScore(accuracy=0.75, confusion=array([[0.5, 0.5],
           [0. , 1. ]]))
    """
    truth, guess = np.asarray(truth), np.asarray(guess)
    for name, values in (("truth", truth), ("guess", guess)):
        if values.ndim != 1 or values.dtype.kind not in "iu" or len(values) != len(truth):
            raise ValueError(
                f"{name} has shape {values.shape} and type {values.dtype}; expected ({len(truth)},)"
                " integers."
            )
        if not len(values) or values.min() < 0 or values.max() >= n_classes:
            raise ValueError(
                f"{name} is empty, or holds classes outside of 0 to {n_classes - 1}; number the "
                "classes from 0."
            )
    confusion = confusion_matrix(truth, guess, labels=np.arange(n_classes), normalize="true")
    return SwapScore(float((truth == guess).mean()), confusion)
