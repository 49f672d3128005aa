import numpy as np
import pytest
from helpers import small
from hypothesis import given
from hypothesis import strategies as st
from known import Given
from numpy.testing import assert_allclose

from tsdisentangle import Codes
from tsdisentangle.evaluation.unlabelled_statistics import mean_score_terms, static_robustness

N, WINDOWS = 60, 6
CODE = np.eye(3)[np.arange(N) % 3]
STABILITY, SHIFT = "stability of static over thirds", "shift of static, shuffled"


def elsewhere(code, at, lengths=None):
    """``at`` has the static code that each window of each series would give."""
    estimator = Given(code, np.zeros((N, WINDOWS, 1)), lengths, at=at)
    return static_robustness(estimator, None, estimator.codes, np.random.RandomState(0))


def everywhere(code):
    return np.repeat(code[:, None], WINDOWS, axis=1)


def test_code_that_stays():
    found = elsewhere(CODE, everywhere(CODE))
    across = (N / 3 - 1) / (N - 1)  # share of the other series with the same one-hot code
    assert_allclose(found[STABILITY], 1 - across)
    assert found[SHIFT] == 0


def test_code_of_the_place():
    # Orthogonal codes from different windows, the same ones for all series.
    found = elsewhere(np.hstack([CODE, CODE]), np.repeat(np.eye(WINDOWS)[None], N, axis=0))
    assert_allclose(found[STABILITY], -1 / 3)


def test_shift_is_relative_to_the_distance_of_series():
    # Series at 0 and 1; every shuffled series that begins with another window moves by 2.
    code = np.tile([[0.0], [1.0]], (N // 2, 1))
    at = everywhere(code)
    at[:, 1:] += 2.0
    shift = elsewhere(code, at)[SHIFT]
    moved = N * shift**2 * 2 * code.var(ddof=1) / 4  # series that moved, five in six
    assert_allclose(moved, round(moved))
    assert 0.7 * N < moved < 0.95 * N


def test_series_that_cannot_be_parted_do_not_count():
    lengths = np.where(np.arange(N) < 10, WINDOWS, 2)
    at = np.random.RandomState(0).normal(size=(N, WINDOWS, 3))
    at[:10] = CODE[:10, None]
    at[0] = 0.0  # no direction
    across = np.mean([i % 3 == j % 3 for i in range(1, 10) for j in range(1, 10) if i != j])
    assert_allclose(elsewhere(CODE, at, lengths)[STABILITY], 1 - across)


@pytest.fixture(scope="module")
def fitted_on_gaps():
    X = np.random.default_rng(0).normal(size=(8, 6, 2))
    X[0, 2:4] = np.nan
    return X, small(missing="mask", window=1, max_epochs=1).fit(X)


@pytest.mark.parametrize("pooling", ["anchor", "mean", "precision"])
def test_series_without_a_value_in_one_of_their_thirds_do_not_count(fitted_on_gaps, pooling):
    X, estimator = fitted_on_gaps
    estimator.set_params(static_pooling=pooling)
    some, others = (
        static_robustness(estimator, part, estimator.encode(part), np.random.RandomState(0))
        for part in (X, X[1:])
    )
    assert_allclose(some[STABILITY], others[STABILITY], rtol=1e-5)


def test_what_cannot_be_compared_is_nan():
    assert np.isnan(elsewhere(CODE, everywhere(CODE), np.full(N, 2))[STABILITY])
    assert np.isnan(elsewhere(np.ones((N, 2)), everywhere(np.ones((N, 2))))[SHIFT])
    assert np.isnan(elsewhere(CODE, everywhere(CODE), np.ones(N, int))[SHIFT])  # nothing to shuffle


@given(st.lists(st.integers(1, 9), min_size=2, max_size=6))
def test_windows_are_read_again(lengths):
    lengths = np.array(lengths)
    read = []

    class Notes:
        def encode(self, X, *, windows):
            read.append(windows)
            return Codes(np.ones((len(windows), 1)), None, None)

    static = np.arange(len(lengths), dtype=float)[:, None]
    codes = Codes(static, np.zeros((len(lengths), 9, 1)), lengths)
    static_robustness(Notes(), None, codes, np.random.RandomState(0))
    thirds, shuffled = read[:3], read[3] if (lengths > 1).sum() > 1 else None
    assert len(read) == 3 + (shuffled is not None)
    for i, length in enumerate(lengths):
        rows = [list(part[i][part[i] >= 0]) for part in thirds]
        assert all(
            part[i][len(row) :].max(initial=-1) == -1
            for part, row in zip(thirds, rows, strict=True)
        )
        if shuffled is not None:
            assert sorted(shuffled[i][:length]) == list(range(length))
            assert (shuffled[i][length:] == -1).all()
        if length >= 3:  # apart, in order, of nearly the same size
            assert [place for row in rows for place in row] == list(range(length))
            assert max(map(len, rows)) - min(map(len, rows)) <= 1
        else:
            assert all(row and max(row) < length for row in rows)


def test_mean_score_terms():
    lengths = np.array([2, 4])
    terms = {
        "static_kl": np.array([1.0, 2.0]),
        "dynamic_kl": 3.0 * lengths,
        "reconstruction": np.array([2.0, 8.0]),
    }
    found = mean_score_terms(terms, lengths)
    assert found == {
        "KL of static from N(0, I), per series": 1.5,
        "KL of dynamic from its prior, per window": 3.0,
        "negative log-likelihood, per window": 1.5,
    }
    assert np.isnan(list(mean_score_terms({}, lengths).values())).all()
