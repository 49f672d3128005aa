import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tsdisentangle.metrics import random_derangement, swap_score


@given(st.integers(2, 30), st.integers(0, 100))
def test_derangement(n, seed):
    order = random_derangement(n, seed)
    assert sorted(order) == list(range(n))
    assert (order != np.arange(n)).all()
    assert (random_derangement(n, seed) == order).all()


def test_all_derangements_are_equally_likely():
    rng = np.random.RandomState(0)
    draws = [tuple(random_derangement(4, rng)) for _ in range(3600)]
    found, counts = np.unique(draws, axis=0, return_counts=True)
    assert len(found) == 9  # of 4! = 24 permutations
    assert_allclose(counts, 400, atol=80)  # four standard deviations


def test_derangement_of_one():
    with pytest.raises(ValueError, match="at least two"):
        random_derangement(1)


def test_rows_are_true_classes():
    # Class 1 is twice seen as 2, and once right; class 3 does not occur.
    score = swap_score([0, 1, 1, 1, 2], [0, 2, 2, 1, 2], 4)
    assert score.accuracy == 0.6
    expected = np.array([[1, 0, 0, 0], [0, 1 / 3, 2 / 3, 0], [0, 0, 1, 0], [0, 0, 0, 0]])
    assert_allclose(score.confusion, expected)


@pytest.mark.parametrize(
    ("truth", "guess", "message"),
    [
        ([0, 1], [0], "guess has shape"),
        ([0.0, 1.0], [0, 1], "truth has shape"),
        ([0, 2], [0, 1], "outside of 0 to 1"),
        ([0, 1], [0, -1], "outside of 0 to 1"),
        (np.array([], int), np.array([], int), "empty"),
    ],
)
def test_refuses(truth, guess, message):
    with pytest.raises(ValueError, match=message):
        swap_score(truth, guess, 2)
