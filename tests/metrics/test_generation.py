import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tsdisentangle.metrics import (
    conditional_entropy,
    first_of_each_class,
    generation_scores,
    inception_score,
    joint_accuracy,
    marginal_entropy,
)


def distributions(n, classes, seed):
    return np.random.RandomState(seed).dirichlet(np.full(classes, 0.3), size=n)


@settings(deadline=None)
@given(st.integers(1, 20), st.integers(1, 9), st.integers(0, 1000))
def test_inception_score_is_the_exponential_of_the_difference(n, classes, seed):
    p = distributions(n, classes, seed)
    expected = np.exp(marginal_entropy(p) - conditional_entropy(p))
    assert_allclose(inception_score(p), expected, rtol=1e-9)
    assert 1 - 1e-9 <= inception_score(p) <= classes + 1e-9


def test_against_loops():
    p = distributions(7, 4, 0)
    e = 1e-16
    mean = [sum(row[c] for row in p) / 7 for c in range(4)]
    conditional = -sum(q * np.log(q + e) for row in p for q in row) / 7
    divergence = sum(
        row[c] * (np.log(row[c] + e) - np.log(mean[c] + e)) for row in p for c in range(4)
    )
    assert_allclose(conditional_entropy(p), conditional)
    assert_allclose(marginal_entropy(p), -sum(q * np.log(q + e) for q in mean))
    assert_allclose(inception_score(p), np.exp(divergence / 7))


def test_the_published_ceilings():
    # Nine actions, each seen with certainty: 9 and ln 9 = 2.197.
    sure = np.eye(9)
    assert_allclose([inception_score(sure), marginal_entropy(sure)], [9, 2.1972246])
    assert_allclose(conditional_entropy(sure), 0, atol=1e-15)
    assert_allclose(conditional_entropy(np.full((5, 6), 1 / 6)), 1.7917595)


def test_balancing_takes_the_first_of_each_class():
    assert first_of_each_class([2, 0, 0, 2, 0, 5]).tolist() == [0, 1, 5]
    assert first_of_each_class([0, 1, 0, 1, 1]).tolist() == [0, 1, 2, 3]


def test_scores_by_hand():
    # Balanced rows are 0 and 1: two sure classes. Accuracy is of all four: 2 of 4.
    p = [[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.0, 1.0]]
    scores = generation_scores(p, [0, 1, 1, 0])
    # Without the fourth, class 0 has a single row: m = 1, and the unsure third row is left out.
    first = generation_scores(p[:3], [0, 1, 1])
    assert scores.accuracy == 0.5
    assert_allclose(first, (2 / 3, 2, 0, np.log(2)), atol=1e-12)
    # All four are balanced: H(y|x) = ln 2 / 4, mean (3/8, 5/8).
    h = -(3 / 8 * np.log(3 / 8) + 5 / 8 * np.log(5 / 8))
    assert_allclose(scores[1:], (np.exp(h - np.log(2) / 4), np.log(2) / 4, h))


def test_a_class_that_never_occurs_keeps_its_column():
    assert generation_scores(np.eye(3)[[0, 1]], [0, 1]).accuracy == 1


def test_joint_accuracy():
    truth = np.array([[0, 1], [1, 1], [2, 0], [2, 2]])
    guess = truth.copy()
    guess[1, 0], guess[2] = 0, (1, 1)
    assert joint_accuracy(truth, guess) == 0.5
    assert joint_accuracy(truth, truth) == 1
    for other in (truth[:2], truth[:, 0]):
        with pytest.raises(ValueError, match="expected the same"):
            joint_accuracy(truth, other)


@pytest.mark.parametrize(
    ("p", "labels", "message"),
    [
        ([[2.0, -1.0]], [0], "not logits"),
        ([[0.5, 0.4]], [0], "not logits"),
        ([[0.5, np.nan]], [0], "NaN"),
        ([[0.5, 0.5]], [0, 1], "shape"),
        ([[0.5, 0.5]], [0.0], "integers"),
        ([[0.5, 0.5]], [2], "0 to 1"),
        ([[0.5, 0.5]], [-1], "0 to 1"),
    ],
)
def test_refuses(p, labels, message):
    with pytest.raises(ValueError, match=message):
        generation_scores(p, labels)


def test_balancing_refuses_nothing():
    with pytest.raises(ValueError, match="not empty"):
        first_of_each_class([])


def test_probabilities_may_be_off_by_a_thousandth():
    assert conditional_entropy([[0.5, 0.5009]]) > 0
    with pytest.raises(ValueError, match="sum to 1"):
        conditional_entropy([[0.5, 0.501005]])
