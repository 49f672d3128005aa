import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tsdisentangle.metrics import (
    active_units,
    dynamic_smoothness,
    kl_to_standard_normal,
    shuffle_shift,
    silhouette,
    static_stability,
)


def test_active_units_by_hand():
    # Variances 1, 0.0025 and 0.04.
    assert active_units([[1.0, 0.05, 0.2], [-1.0, -0.05, -0.2]]) == 2
    assert active_units([[1.0, 0.05, 0.2], [-1.0, -0.05, -0.2]], threshold=0.001) == 3


def test_kl_by_hand():
    # 0.5 * (0 + 4 - 1 - ln 4) = 0.806853 and 0.5 * (1 + 1 - 1 - 0) = 0.5, averaged.
    assert_allclose(kl_to_standard_normal([[0.0], [1.0]], [[2.0], [1.0]]), 0.653426, atol=1e-6)
    with pytest.raises(ValueError, match="positive"):
        kl_to_standard_normal([[0.0], [1.0]], [[0.0], [1.0]])
    with pytest.raises(ValueError, match="equal shapes"):
        kl_to_standard_normal([[0.0], [1.0]], [[1.0, 1.0], [1.0, 1.0]])


@settings(deadline=None)
@given(st.integers(2, 4), st.integers(2, 5), st.integers(0, 1000))
def test_static_stability_is_the_mean_over_pairs(anchors, n, seed):
    codes = np.random.RandomState(seed).normal(size=(anchors, n, 3))
    unit = codes / np.linalg.norm(codes, axis=2, keepdims=True)
    places = [(a, i) for a in range(anchors) for i in range(n)]
    pairs = [(p, q, float(unit[p] @ unit[q])) for p in places for q in places]
    within = [c for (a, i), (b, j), c in pairs if i == j and a != b]
    across = [c for (a, i), (b, j), c in pairs if i != j]
    assert_allclose(static_stability(codes), np.mean(within) - np.mean(across), atol=1e-9)


def test_static_stability_of_codes_that_follow_the_anchor():
    code = np.random.RandomState(0).normal(size=(2, 500, 8))
    assert abs(static_stability(code)) < 0.1
    assert static_stability(np.stack([code[0], code[0]])) > 0.9


@pytest.mark.parametrize(
    ("static", "message"),
    [
        (np.ones((1, 3, 2)), "two anchors"),
        (np.ones((3, 2)), "expected"),
        (np.zeros((2, 3, 2)), "zero code"),
        (np.full((2, 3, 2), np.nan), "NaN"),
    ],
)
def test_static_stability_refuses(static, message):
    with pytest.raises(ValueError, match=message):
        static_stability(static)


def test_shuffle_shift_by_hand():
    # Distances between different rows: 3, 4 and 5, mean square 50 / 3; each row moves by 1.
    static = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    assert_allclose(shuffle_shift(static, static + np.array([0, 1])), np.sqrt(3 / 50))
    assert shuffle_shift(static, static) == 0
    with pytest.raises(ValueError, match="same for all"):
        shuffle_shift(np.ones((3, 1)), np.ones((3, 1)))
    with pytest.raises(ValueError, match="same series"):
        shuffle_shift(static, static[:2])


def test_smoothness_by_hand():
    # Steps 1 and 3: mean square 5. Values 0, 1, 4: variance 26 / 9.
    assert_allclose(dynamic_smoothness([[[0.0], [1.0], [4.0]]]), 5 / (26 / 9))


def test_smoothness_of_noise_is_two_and_ignores_padding():
    rng = np.random.RandomState(0)
    noise = rng.normal(size=(200, 50, 3))
    assert_allclose(dynamic_smoothness(noise), 2, atol=0.05)
    lengths = np.array([2, 3])
    padded = rng.normal(size=(2, 4, 1))
    expected = dynamic_smoothness(padded, lengths)
    padded[0, 2:], padded[1, 3:] = 1e6, np.nan
    assert dynamic_smoothness(padded, lengths) == expected


def test_smoothness_of_a_constant_and_bad_input():
    assert dynamic_smoothness(np.ones((2, 3, 1))) == 0
    for lengths in ([1, 1], [3, 5], [3]):
        with pytest.raises(ValueError, match="lengths"):
            dynamic_smoothness(np.ones((2, 3, 1)), lengths)
    with pytest.raises(ValueError, match="NaN"):
        dynamic_smoothness(np.full((2, 3, 1), np.nan))
    with pytest.raises(ValueError, match="windows"):
        dynamic_smoothness(np.ones((2, 3)))


@settings(deadline=None)
@given(st.floats(0.1, 10), st.floats(-5, 5))
def test_scale_and_shift_change_none_of_the_relative_ones(scale, shift):
    rng = np.random.RandomState(0)
    dynamic, static = rng.normal(size=(4, 5, 2)), rng.normal(size=(6, 2))
    moved = scale * static + shift
    assert_allclose(dynamic_smoothness(scale * dynamic + shift), dynamic_smoothness(dynamic))
    assert_allclose(shuffle_shift(moved, moved[::-1]), shuffle_shift(static, static[::-1]))
    label = [0, 1, 0, 1, 0, 1]
    assert_allclose(silhouette(moved, label), silhouette(static, label))


def test_silhouette():
    assert silhouette([[0.0], [0.1], [5.0], [5.1]], list("aabb")) > 0.9
    with pytest.raises(ValueError, match="single value"):
        silhouette([[0.0], [1.0]], [1, 1])
    with pytest.raises(ValueError, match="takes labels"):
        silhouette([[0.0], [1.0]], [0.5, 1.5])


def test_a_variance_at_the_threshold_is_not_above_it():
    assert active_units([[0.0], [2.0]], threshold=1.0) == 0


def test_divergence_counts_the_square_of_the_mean():
    assert kl_to_standard_normal([[2.0], [-2.0]], np.ones((2, 1))) == 2


def test_codes_of_one_coordinate_and_of_two_windows():
    assert static_stability([[[1.0], [-1.0]], [[2.0], [-3.0]]]) == 2
    assert dynamic_smoothness([[[0.0], [1.0]], [[1.0], [0.0]]]) == 4
