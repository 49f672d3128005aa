import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from scipy.stats import norm
from sklearn import metrics as sklearn_metrics

from tsdisentangle.metrics import det_curve, equal_error_rate, verification, verification_gap


def loop(vectors, speakers):
    """Both error rates at every cosine, pair by pair."""
    same, different = [], []
    for i in range(len(vectors)):
        for j in range(i + 1, len(vectors)):
            x, y = vectors[i], vectors[j]
            norms = max(np.sqrt((x**2).sum()), 1e-8) * max(np.sqrt((y**2).sum()), 1e-8)
            part = same if speakers[i] == speakers[j] else different
            part.append(np.float32((x * y).sum() / norms))
    points = []
    for threshold in sorted({*same, *different}):
        fnr = sum(c <= threshold for c in same) / len(same)
        fpr = sum(c > threshold for c in different) / len(different)
        points.append((threshold, fnr, fpr))
    return points, same


def people(n, speakers, spread, seed):
    rng = np.random.RandomState(seed)
    labels = np.append(np.arange(speakers), rng.randint(speakers, size=n - speakers))
    labels[-1] = 0  # one speaker at least has a pair
    return rng.normal(size=(speakers, 3))[labels] + spread * rng.normal(size=(n, 3)), labels


@settings(deadline=None, max_examples=50)
@given(st.integers(4, 14), st.integers(2, 3), st.floats(0.01, 3), st.integers(0, 1000))
def test_equal_error_rate_against_loop(n, speakers, spread, seed):
    vectors, labels = people(n, speakers, spread, seed)
    points, _ = loop(vectors, labels)
    found = equal_error_rate(vectors, labels)
    # No threshold brings the two rates nearer to each other.
    least = min(abs(fnr - fpr) for _, fnr, fpr in points)
    assert_allclose(abs(found.fnr - found.fpr), least, atol=1e-12)
    (rates,) = [rest for t, *rest in points if abs(t - found.threshold) < 1e-9]
    assert_allclose([found.fnr, found.fpr], rates, atol=1e-12)
    assert_allclose(found.eer, sum(rates) / 2, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(st.integers(4, 14), st.floats(0.01, 3), st.integers(0, 1000))
def test_det_curve_against_loop(n, spread, seed):
    vectors, labels = people(n, 2, spread, seed)
    points, same = loop(vectors, labels)
    corners = [point for point in points if point[0] in same]
    assert_allclose(np.transpose(det_curve(vectors, labels)), corners, atol=1e-12)


def test_blocks_change_nothing(monkeypatch):
    vectors, labels = people(30, 3, 1.0, 0)
    whole = equal_error_rate(vectors, labels)
    monkeypatch.setattr(verification, "BLOCK", 7)
    assert_allclose(equal_error_rate(vectors, labels), whole)


def test_by_hand():
    # Cosines: of one speaker 1 and 0.8; of different ones 0.6, 0, 0.6 and 0.
    vectors, speakers = [[1.0, 0.0], [1.0, 0.0], [0.6, 0.8], [0.0, 1.0]], ["a", "a", "b", "b"]
    assert_allclose(equal_error_rate(vectors, speakers), (0, 0.6, 0, 0), atol=1e-7)
    assert_allclose(det_curve(vectors, speakers), ([0.8, 1], [0.5, 1], [0, 0]), atol=1e-7)


def test_the_lower_of_two_thresholds_alike():
    # One pair of one speaker at 0.5; of different ones at 0.1 and 0.91. The rates are (0, 0.5) at
    # 0.1, (1, 0.5) at 0.5.
    angles = np.deg2rad([0, 60, np.rad2deg(np.arccos(0.1))])
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    assert_allclose(equal_error_rate(vectors, [0, 0, 1]), (0.25, 0.1, 0, 0.5), atol=1e-6)


def test_codes_that_know_nothing_or_the_wrong_thing():
    ones = equal_error_rate(np.ones((6, 2)), [0, 0, 1, 1, 2, 2])
    assert ones.eer == 0.5
    rng = np.random.RandomState(0)
    noise = equal_error_rate(rng.normal(size=(400, 16)), np.arange(400) % 20)
    assert_allclose(noise.eer, 0.5, atol=0.03)
    assert_allclose(noise.fnr, noise.fpr, atol=0.001)
    # One speaker's utterances opposite to each other, and alike to the other's.
    assert equal_error_rate([[1.0], [-1.0], [1.0], [-1.0]], [0, 0, 1, 1]).eer > 0.5


def test_of_two_gaussian_scores():
    # Cosines of random high-dimensional pairs are close to normal; with a common part of weight w
    # the mean of one speaker's is w^2 / (w^2 + 1), and equal rates lie near Phi(-distance / 2).
    rng = np.random.RandomState(0)
    labels = np.arange(600) % 30
    vectors = 0.4 * rng.normal(size=(30, 64))[labels] + rng.normal(size=(600, 64))
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines, alike = (unit @ unit.T), labels[:, None] == labels
    upper = np.triu(np.ones_like(alike), 1)
    same, other = cosines[upper & alike], cosines[upper & ~alike]
    expected = norm.sf((same.mean() - other.mean()) / (same.std() + other.std()))
    assert_allclose(equal_error_rate(vectors, labels).eer, expected, atol=0.01)


def test_scale_and_order_change_nothing():
    vectors, labels = people(40, 4, 0.7, 0)
    order = np.random.RandomState(1).permutation(40)
    scaled = vectors * np.arange(1, 41)[:, None]
    assert_allclose(
        equal_error_rate(scaled[order], labels[order]), equal_error_rate(vectors, labels), atol=1e-6
    )


def test_a_zero_vector_is_like_nobody():
    vectors = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    same, different = verification.pair_cosines(vectors, [0, 0, 1, 1])
    assert same.tolist() == [0, 0]
    assert different.tolist() == [0, 0, 0, 1]


def test_gap():
    static, labels = people(40, 4, 0.1, 0)
    dynamic = np.random.RandomState(1).normal(size=(40, 2))
    found = verification_gap(static, dynamic, labels)
    assert found.static == equal_error_rate(static, labels)
    assert found.dynamic == equal_error_rate(dynamic, labels)
    assert_allclose(found.gap, found.dynamic.eer - found.static.eer)
    assert verification_gap(dynamic, static, labels).gap == -found.gap


@pytest.mark.parametrize(
    ("vectors", "speakers", "message"),
    [
        (np.ones((3, 1)), [0, 1, 2], "single utterance"),
        (np.ones((3, 1)), [0, 0, 0], "single value"),
        (np.ones((3, 1)), [0, 0], "shape"),
        (np.full((3, 1), np.nan), [0, 0, 1], "NaN"),
        (np.ones((3, 1)), [0.5, 0.5, 1.5], "takes labels"),
    ],
)
def test_refuses(vectors, speakers, message):
    with pytest.raises(ValueError, match=message):
        equal_error_rate(vectors, speakers)


SCRIPT = """
import numpy as np
from tsdisentangle.metrics import equal_error_rate
n = 10_000
labels = np.arange(n) % 100
codes = np.random.default_rng(0).standard_normal((n, 64), dtype=np.float32)
assert abs(equal_error_rate(codes, labels).eer - 0.5) < 0.01
# Not ru_maxrss, which a child begins with the size of its parent.
status = open("/proc/self/status").read()
print(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_ten_thousand_utterances_stay_within_a_gibibyte():
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True
    )
    assert int(result.stdout) < 2**20


def test_a_cosine_that_both_kinds_of_pairs_have_is_no_false_match_at_it():
    curve = det_curve([[1.0, 0.0]] * 3, ["a", "a", "b"])
    assert (curve.threshold.tolist(), curve.fnr.tolist(), curve.fpr.tolist()) == ([1], [1], [0])
    same, different = verification.pair_cosines([[1.0, 0.0]] * 3, ["a", "a", "b"])
    assert (len(same), len(different)) == (1, 2)


# -- speakers that count more or less than once -------------------------------------------------


def drawn(vectors, labels, times):
    """Cosines of one speaker and of different ones, where speakers are repeated as people."""
    people_drawn = np.repeat(np.arange(len(times)), times)
    same, different = [], []
    for place, a in enumerate(people_drawn):
        own = vectors[labels == a]
        same += [cosine(x, y) for i, x in enumerate(own) for y in own[i + 1 :]]
        for b in people_drawn[place + 1 :]:
            if a != b:  # a copy is the same person, and no pair with the original counts
                different += [cosine(x, y) for x in own for y in vectors[labels == b]]
    return np.array(same), np.array(different)


def cosine(x, y):
    return np.float32(x @ y / np.linalg.norm(x) / np.linalg.norm(y))


CASES = st.tuples(
    st.integers(6, 14),
    st.lists(st.integers(0, 3), min_size=3, max_size=3).filter(
        lambda times: times[0] and np.count_nonzero(times) > 1  # speaker 0 has a pair
    ),
    st.floats(0.01, 3),
    st.integers(0, 1000),
)


@settings(deadline=None, max_examples=50)
@given(CASES)
def test_weighted_error_rate_is_that_of_repeated_speakers(case):
    n, times, spread, seed = case
    vectors, labels = people(n, 3, spread, seed)
    same, different = drawn(vectors, labels, times)
    found = verification.SpeakerPairs(vectors, labels).equal_error_rate(times)
    assert_allclose(found.fnr, np.mean(same <= found.threshold + 1e-7), atol=1e-12)
    assert_allclose(found.fpr, np.mean(different > found.threshold + 1e-7), atol=1e-12)
    gaps = [abs(np.mean(same <= c) - np.mean(different > c)) for c in [*same, *different]]
    assert_allclose(abs(found.fnr - found.fpr), min(gaps), atol=1e-12)
    assert found.eer == (found.fnr + found.fpr) / 2


@settings(deadline=None, max_examples=50)
@given(CASES)
def test_error_rates_against_scikit_learn(case):
    n, times, spread, seed = case
    vectors, labels = people(n, 3, spread, seed)
    first, second = np.triu_indices(n, 1)
    times = np.array(times)
    alike = labels[first] == labels[second]
    weights = np.where(alike, times[labels[first]], times[labels[first]] * times[labels[second]])
    cosines = [cosine(vectors[i], vectors[j]) for i, j in zip(first, second, strict=True)]
    pairs = verification.SpeakerPairs(vectors, labels)
    for weight, found in [
        (np.ones(len(alike)), equal_error_rate(vectors, labels)),
        (weights, pairs.equal_error_rate(times)),
    ]:
        kept = weight > 0
        fpr, fnr, _ = sklearn_metrics.det_curve(
            alike[kept], np.array(cosines)[kept], sample_weight=weight[kept]
        )
        assert_allclose(abs(found.fnr - found.fpr), abs(fnr - fpr).min(), atol=1e-12)
        on_curve = np.isclose(fnr, found.fnr) & np.isclose(fpr, found.fpr)
        assert on_curve.any()


def test_speakers_that_count_alike_count_as_they_are():
    vectors, labels = people(40, 4, 1.0, 0)
    pairs = verification.SpeakerPairs(vectors, labels)
    assert pairs.n_speakers == 4
    assert pairs.equal_error_rate() == equal_error_rate(vectors, labels)
    assert pairs.equal_error_rate([1] * 4) == equal_error_rate(vectors, labels)
    # Products of small numbers stay what they are.
    large = pairs.equal_error_rate(np.full(4, 200, np.uint8))
    assert_allclose(large, equal_error_rate(vectors, labels))


def test_speakers_that_do_not_count_are_not_there():
    vectors, labels = people(40, 4, 1.0, 0)
    kept = labels != 2
    found = verification.SpeakerPairs(vectors, labels).equal_error_rate([1, 1, 0, 1])
    assert_allclose(found, equal_error_rate(vectors[kept], labels[kept]))


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ([1, 1], "expected .3,. non-negative integers"),
        ([1, 1, -1], "non-negative"),
        ([1.0, 1.0, 1.0], "type float64"),
        ([0, 0, 0], "no pair of one speaker"),
        ([4, 0, 0], "no pair of one speaker, or none of two"),
        ([0, 1, 1], "no pair of one speaker"),
    ],
)
def test_draws_of_speakers_that_are_refused(times, message):
    pairs = verification.SpeakerPairs(np.eye(4), ["a", "a", "b", "c"])
    with pytest.raises(ValueError, match=message):
        pairs.equal_error_rate(times)


def test_speakers_of_pairs_are_aligned_by_id():
    vectors, labels = people(20, 3, 1.0, 0)
    ids = [f"u{i}" for i in range(20)]
    codes, speakers = pd.DataFrame(vectors, index=ids), pd.Series(labels, index=ids)[::-1]
    found = verification.SpeakerPairs(codes, speakers).equal_error_rate([2, 1, 1])
    assert found == verification.SpeakerPairs(vectors, labels).equal_error_rate([2, 1, 1])
