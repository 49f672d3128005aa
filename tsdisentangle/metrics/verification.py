"""Whether two codes belong to one speaker: error rates over all pairs of utterances."""

from bisect import bisect_left
from collections.abc import Sequence
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
    # A pair counts once; a range holds no numbers.
    return _equal_errors(same, different, range(len(same) + 1), range(len(different) + 1))


def _equal_errors(
    same: np.ndarray,
    different: np.ndarray,
    same_upto: Sequence[int] | np.ndarray,
    different_upto: Sequence[int] | np.ndarray,
) -> EqualErrorRate:
    """Equal error rate of sorted cosines; ``upto[i]`` is how often the first i count together."""
    n_same, n_different = int(same_upto[-1]), int(different_upto[-1])

    def errors(threshold: float) -> tuple[int, int]:
        missed = int(same_upto[int(same.searchsorted(threshold, side="right"))])
        below = int(different_upto[int(different.searchsorted(threshold, side="right"))])
        return missed, n_different - below

    def excess(threshold: float) -> int:
        """Misses beyond false matches, as shares times both numbers of pairs: exact."""
        missed, matched = errors(threshold)
        return missed * n_different - matched * n_same

    # The excess rises from cosine to cosine, so it is least beside its change of sign.
    firsts = [(part, bisect_left(part, 0, key=excess)) for part in (same, different)]
    beside = np.concatenate([part[max(i - 1, 0) : i + 1] for part, i in firsts])
    threshold = min(np.sort(beside), key=lambda cosine: abs(excess(cosine)))
    missed, matched = errors(threshold)
    fnr, fpr = missed / n_same, matched / n_different
    return EqualErrorRate((fnr + fpr) / 2, float(threshold), fnr, fpr)


class SpeakerPairs:
    """All unordered pairs of utterances, whose speakers may count more or less than once.

    For intervals: a bootstrap draws speakers with replacement, and asks for the error rate of each
    draw.

    Parameters
    ----------
    vectors, speakers : arrays of shape (n, coordinates), (n,)
        As in :func:`equal_error_rate`.

    Attributes
    ----------
    n_speakers : int

    Notes
    -----
    Holds 12 bytes per pair, and 8 more while a rate is computed.

    Examples
    --------
    >>> codes = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.1, 1.0], [1.0, 0.3], [1.0, 1.0]]
    >>> pairs = SpeakerPairs(codes, ["a", "a", "b", "b", "c", "c"])
    >>> pairs.equal_error_rate().eer, pairs.equal_error_rate([2, 1, 0]).eer
    (0.08333333333333333, 0.0)
    """

    def __init__(self, vectors: Any, speakers: Any):
        unit, speakers = _checked(vectors, speakers)
        self.n_speakers = int(speakers.max()) + 1
        first, second = np.triu_indices(len(unit), 1)
        cosines = (unit @ unit.T)[first, second].astype(np.float32)
        order = cosines.argsort(kind="stable")
        of_first, of_second = (speakers[side[order]].astype(np.int32) for side in (first, second))
        alike = of_first == of_second
        self._same, self._of_same = cosines[order][alike], of_first[alike]
        self._different = cosines[order][~alike]
        self._of_different = of_first[~alike], of_second[~alike]

    def equal_error_rate(self, times: Any = None) -> EqualErrorRate:
        """Equal error rate where speakers count more or less than once.

        Parameters
        ----------
        times : int array of shape (n_speakers,), default=None
            How often each speaker was drawn, in the order of their sorted labels. A pair of one
            speaker counts as often as the speaker, a pair of two as often as the product: a
            speaker's copies are never taken for different people. None means once each.

        Returns
        -------
        EqualErrorRate

        Raises
        ------
        ValueError
            Negative or missing numbers, fewer than two speakers drawn, or none of them with two
            utterances.
        """
        times = np.ones(self.n_speakers, np.int64) if times is None else np.asarray(times)
        if times.shape != (self.n_speakers,) or times.dtype.kind not in "iu" or times.min() < 0:
            raise ValueError(
                f"times has shape {times.shape} and type {times.dtype}; expected "
                f"({self.n_speakers},) non-negative integers, one per speaker."
            )
        times = times.astype(np.int64)  # products of small types would overflow
        first, second = self._of_different
        of_same, of_different = times[self._of_same], times[first] * times[second]
        if not of_same.any() or not of_different.any():
            raise ValueError(
                "times leaves no pair of one speaker, or none of two; let two speakers or more "
                "count, one of them with at least two utterances."
            )
        same, different = of_same > 0, of_different > 0
        return _equal_errors(
            self._same[same],
            self._different[different],
            np.append(0, of_same[same].cumsum()),
            np.append(0, of_different[different].cumsum()),
        )


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
    unit, speakers = _checked(vectors, speakers)
    n, counts = len(unit), np.bincount(speakers)
    n_same = int((counts * (counts - 1) // 2).sum())
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


def _checked(vectors: Any, speakers: Any) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of unit length, and numbers of their speakers."""
    (speakers,) = align(vectors, speakers)
    vectors = check_codes(vectors, "vectors")
    speakers = check_label(speakers, len(vectors), "speakers")
    if np.bincount(speakers).max() < 2:
        raise ValueError("Every speaker has a single utterance; pass at least two of one speaker.")
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(norms, SMALLEST_NORM), speakers
