import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tsdisentangle.metrics import cross_prediction_r2, distance_correlation, hsic


@pytest.fixture
def x():
    return np.random.RandomState(0).normal(size=(300, 2))


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def test_distance_correlation_of_linear_data_is_one(x):
    assert_allclose(distance_correlation(x, 5 * x @ rotation(0.7) + 3), 1)
    assert_allclose(distance_correlation(x[:, :1], -x[:, :1]), 1)


def test_distance_correlation_sees_what_correlation_does_not(x):
    assert distance_correlation(x[:, :1], x[:, :1] ** 2) > 0.4
    assert distance_correlation(x[:, :1], x[:, 1:]) < 0.15


def test_distance_correlation_by_hand():
    # Distances of x are 3 between the third row and the others, so with row means 1, 1, 2 and mean
    # 4/3, 3A = [[-2, -2, 4], [-2, -2, 4], [4, 4, -8]]; y likewise, with its first row apart:
    # 3B = [[-8, 4, 4], [4, -2, -2], [4, -2, -2]]. The sum over 9AB is 24 - 12 + 24 = 36,
    # that over 9AA and over 9BB 144: sqrt(36 / 144) = 1/2.
    x, y = np.array([[0.0], [0.0], [3.0]]), np.array([[0.0], [3.0], [3.0]])
    assert_allclose(distance_correlation(x, y), 0.5)


def test_a_constant_code_depends_on_nothing(x):
    constant = np.ones((300, 1))
    assert distance_correlation(x, constant) == 0
    assert hsic(x, constant) == 0
    assert cross_prediction_r2(x, constant) == 0


def test_hsic_is_the_double_sum():
    # Gretton et al. (2005): sum k l / m^2 + sum k sum l / m^4 - 2 sum_i (sum_j k)(sum_q l) / m^3,
    # times m^2 / (m - 1)^2 for the trace form.
    rng = np.random.RandomState(0)
    x, y = rng.normal(size=(7, 2)), rng.normal(size=(7, 1))

    def kernel(z):
        distance = [[np.linalg.norm(a - b) for b in z] for a in z]
        width = np.median([distance[i][j] for i in range(7) for j in range(i)])
        return [[np.exp(-(d**2) / (2 * width**2)) for d in row] for row in distance]

    k, m = kernel(x), 7
    l = kernel(y)  # noqa: E741
    rows = range(m)
    joint = sum(k[i][j] * l[i][j] for i in rows for j in rows) / m**2
    apart = sum(map(sum, k)) * sum(map(sum, l)) / m**4
    cross = sum(sum(k[i]) * sum(l[i]) for i in rows) / m**3
    expected = (joint + apart - 2 * cross) * m**2 / (m - 1) ** 2
    assert_allclose(hsic(x, y), expected)


@settings(deadline=None)
@given(st.floats(0, 6), st.floats(0.01, 100), st.floats(-5, 5), st.randoms(use_true_random=False))
def test_neither_depends_on_rotation_scale_shift_or_row_order(angle, scale, shift, random):
    rng = np.random.RandomState(0)
    x = rng.normal(size=(20, 2))
    y = x[:, :1] ** 2 + rng.normal(size=(20, 1))
    rows = random.sample(range(20), 20)
    moved = (scale * x @ rotation(angle) + shift)[rows]
    for metric in (distance_correlation, hsic):
        assert_allclose(metric(moved, y[rows]), metric(x, y), rtol=1e-6)
        assert_allclose(metric(y, x), metric(x, y))


def test_hsic_of_one_hot_codes():
    one_hot = np.eye(2)[np.arange(40) % 2]
    assert hsic(one_hot, one_hot) > 0.03


def test_cross_prediction(x):
    noise = np.random.RandomState(1).normal(size=(300, 2))
    assert cross_prediction_r2(x, 10 * x @ rotation(1)) > 0.999
    assert cross_prediction_r2(x, noise) < 0.05
    # Unused coordinates of the target, with their small variance, hardly count.
    assert cross_prediction_r2(x, np.hstack([x, 0.01 * noise])) > 0.99


def test_cross_prediction_keeps_groups_together():
    rng = np.random.RandomState(0)
    owner = np.repeat(np.arange(10), 20)
    of_group = rng.normal(size=(10, 1))
    source, target = np.eye(10)[owner], of_group[owner]
    assert cross_prediction_r2(source, target) > 0.9
    assert cross_prediction_r2(source, target, groups=owner) < 0.1


@pytest.mark.parametrize("metric", [cross_prediction_r2, distance_correlation, hsic])
def test_bad_input(metric, x):
    with pytest.raises(ValueError, match="rows"):
        metric(x, x[:10])
    with pytest.raises(ValueError, match="NaN"):
        metric(x, np.full((300, 1), np.nan))
    with pytest.raises(ValueError, match="minimum of"):
        metric(x[:1], x[:1])


def test_faint_sources_are_read_and_constant_targets_are_not():
    source = np.random.RandomState(0).normal(size=(20, 3))
    assert cross_prediction_r2(1e-3 * source, source[:, :1]) > 0.9
    assert cross_prediction_r2(source, np.tile([1.0, 2.0], (20, 1))) == 0
