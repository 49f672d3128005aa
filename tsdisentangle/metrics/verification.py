"""Whether two codes belong to one speaker: error rates over all pairs of utterances."""

from bisect import bisect_left
from typing import Any, NamedTuple

import numpy as np

from tsdisentangle.metrics.alignment import align
from tsdisentangle.metrics.validation import check_codes, check_label, check_pair

SMALLEST_NORM = 1e-8
# So many utterances are compared with all others at a time: 40 MB per block with 10,000 of them.
BLOCK = 512


class EqualErrorRate(NamedTuple):
    """Where a verification system errs as often one way as the other.

    Attributes
    ----------
    eer : float
        ``(fnr + fpr) / 2``, between 0 and 1; 0.5 for codes that hold nothing of the speaker.
    threshold : float
        Cosine above which two utterances are taken for the same speaker's.
    fnr : float
        Share of the pairs of one speaker that are missed.
    fpr : float
        Share of the pairs of different speakers that are taken for one.
    """

    eer: float
    threshold: float
    fnr: float
    fpr: float


class VerificationGap(NamedTuple):
    """Equal error rates of both codes.

    Attributes
    ----------
    static : EqualErrorRate
        Low where the static code identifies the speaker.
    dynamic : EqualErrorRate
        High where the dynamic code does not.
    gap : float
        ``dynamic.eer - static.eer``.
    """

    static: EqualErrorRate
    dynamic: EqualErrorRate
    gap: float


class DetCurve(NamedTuple):
    """Corners of the detection error trade-off.

    Attributes
    ----------
    threshold : float array of shape (points,)
        Ascending: every different cosine of a pair of one speaker, where alone ``fnr`` rises.
    fnr, fpr : float arrays of shape (points,)
        Shares of missed and of false matches, where cosines above the threshold match.
    """

    threshold: np.ndarray
    fnr: np.ndarray
    fpr: np.ndarray


def equal_error_rate(vectors: Any, speakers: Any) -> EqualErrorRate:
    """Equal error rate of speaker verification by cosine, over all unordered pairs.

    A pair matches where its cosine is above the threshold. Of all cosines, the one is taken where
    the shares of misses and of false matches differ least, the lower one of two alike.

    Parameters
    ----------
    vectors : array of shape (n, coordinates)
        One per utterance, such as static codes, or dynamic ones averaged over time.
    speakers : array of shape (n,)
        Labels; at least two, and one of them twice.

    Returns
    -------
    EqualErrorRate

    Raises
    ------
    ValueError
        NaN, a single speaker, or no pair of one speaker.

    Notes
    -----
    Exact, apart from the cosines' single precision. All of them are held and sorted: 4 bytes per
    pair, 200 MB for the 50 million pairs of 10,000 utterances. A zero vector has cosine 0 with
    every other.

    Examples
    --------
    >>> codes = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]
    >>> equal_error_rate(codes, ["a", "a", "b", "b"]).eer
    0.0
    """
    same, different = pair_cosines(vectors, speakers)

    def errors(threshold: float) -> tuple[int, int]:
        missed = int(same.searchsorted(threshold, side="right"))
        return missed, len(different) - int(different.searchsorted(threshold, side="right"))

    def excess(threshold: float) -> int:
        """Misses beyond false matches, as shares times both numbers of pairs: exact."""
        missed, matched = errors(threshold)
        return missed * len(different) - matched * len(same)

    # The excess rises from cosine to cosine, so it is least beside its change of sign.
    firsts = [(part, bisect_left(part, 0, key=excess)) for part in (same, different)]
    beside = np.concatenate([part[max(i - 1, 0) : i + 1] for part, i in firsts])
    threshold = min(np.sort(beside), key=lambda cosine: abs(excess(cosine)))
    missed, matched = errors(threshold)
    fnr, fpr = missed / len(same), matched / len(different)
    return EqualErrorRate((fnr + fpr) / 2, float(threshold), fnr, fpr)


def verification_gap(static: Any, dynamic: Any, speakers: Any) -> VerificationGap:
    """Equal error rates of static and dynamic codes, and how much higher that of the latter is.

    Parameters
    ----------
    static, dynamic : arrays of shape (n, coordinates), (n, other coordinates)
        One vector per utterance; of the dynamic codes, their average over time.
    speakers : array of shape (n,)

    Returns
    -------
    VerificationGap

    Examples
    --------
    >>> codes = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0]]
    >>> verification_gap(codes, np.ones((4, 1)), ["a", "a", "b", "b"]).gap
    0.5
    """
    (speakers,) = align(static, speakers)
    static, dynamic = check_pair(static, dynamic, ("static", "dynamic"))
    of_static = equal_error_rate(static, speakers)
    of_dynamic = equal_error_rate(dynamic, speakers)
    return VerificationGap(of_static, of_dynamic, of_dynamic.eer - of_static.eer)


def det_curve(vectors: Any, speakers: Any) -> DetCurve:
    """Detection error trade-off of speaker verification by cosine.

    Parameters
    ----------
    vectors, speakers : arrays of shape (n, coordinates), (n,)
        As in :func:`equal_error_rate`.

    Returns
    -------
    DetCurve

    Examples
    --------
    >>> codes = [[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]
    >>> curve = det_curve(codes, ["a", "a", "b", "b"])
    >>> curve.fnr, curve.fpr
    (array([0.5, 1. ]), array([0., 0.]))
    """
    same, different = pair_cosines(vectors, speakers)
    threshold, counts = np.unique(same, return_counts=True)
    fpr = 1 - different.searchsorted(threshold, side="right") / len(different)
    return DetCurve(threshold, counts.cumsum() / len(same), fpr)


def pair_cosines(vectors: Any, speakers: Any) -> tuple[np.ndarray, np.ndarray]:
    """Sorted cosines of all pairs of one speaker, and of all pairs of different ones."""
    (speakers,) = align(vectors, speakers)
    vectors = check_codes(vectors, "vectors")
    speakers = check_label(speakers, len(vectors), "speakers")
    n, counts = len(vectors), np.bincount(speakers)
    n_same = int((counts * (counts - 1) // 2).sum())
    if not n_same:
        raise ValueError("Every speaker has a single utterance; pass at least two of one speaker.")
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), SMALLEST_NORM)
    parts = np.empty(n_same, np.float32), np.empty(n * (n - 1) // 2 - n_same, np.float32)
    filled = [0, 0]
    for start in range(0, n, BLOCK):
        rows = np.arange(start, min(start + BLOCK, n))
        cosines = unit[rows] @ unit[start:].T
        later = np.arange(start, n) > rows[:, None]
        alike = speakers[rows, None] == speakers[start:]
        for k, chosen in enumerate((later & alike, later & ~alike)):
            found = cosines[chosen]
            parts[k][filled[k] : filled[k] + len(found)] = found
            filled[k] += len(found)
    for part in parts:
        part.sort()
    return parts
