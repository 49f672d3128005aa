import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_allclose

from tsdisentangle.metrics import code_importances, dci, explicitness, sap

importances = npst.arrays(
    float, st.tuples(st.integers(2, 5), st.integers(2, 4)), elements=st.floats(0.01, 10)
)


@pytest.fixture
def labels():
    return np.random.RandomState(0).randint(3, size=(300, 2))


def test_dci_by_hand():
    # Rows as shares: (1, 0) and (1/4, 3/4); H2(1/4) = 0.811278 bits, so D_j = 1, 0.188722.
    # Row weights 2/6 and 4/6: D = 1/3 + 2/3 * 0.188722 = 0.459148.
    # Columns as shares: (2/3, 1/3) and (0, 1); H2(1/3) = 0.918296, so C_k = 0.081704, 1.
    result = dci([[2.0, 0.0], [1.0, 3.0]])
    assert_allclose(result.disentanglement, 0.459148, atol=1e-6)
    assert_allclose(result.by_factor, [0.081704, 1.0], atol=1e-6)
    assert_allclose(result.completeness, 0.540852, atol=1e-6)


def test_dci_of_more_coordinates_than_factors():
    # Each row serves one factor. Factor 0 is spread over two of three: C = 1 - log_3 2 = 0.369070.
    result = dci([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert result.disentanglement == 1.0
    assert_allclose(result.by_factor, [0.369070, 1.0], atol=1e-6)


def test_dci_of_an_entangled_code_is_zero():
    assert_allclose(dci(np.ones((3, 4)))[:2], 0, atol=1e-12)


def test_dci_ignores_dead_coordinates_and_gives_lost_factors_no_completeness():
    assert dci([[1.0, 0.0, 0.0], [0.0, 0.0, 2.0], [0.0, 0.0, 0.0]]).disentanglement == 1.0
    assert_allclose(dci([[1.0, 0.0], [0.0, 0.0]]).by_factor, [1.0, 0.0])


def test_dci_of_one_factor_has_completeness_only():
    result = dci([[1.0], [0.0]])
    assert np.isnan(result.disentanglement)
    assert result.completeness == 1.0


@settings(deadline=None)
@given(importances, st.randoms(use_true_random=False), st.floats(0.1, 100))
def test_dci_does_not_depend_on_order_or_scale(importance, random, scale):
    rows = random.sample(range(len(importance)), len(importance))
    expected = dci(importance)
    moved = dci(scale * importance[rows][:, ::-1])
    assert_allclose(moved[:2], expected[:2], atol=1e-9)
    assert_allclose(moved.by_factor, expected.by_factor[::-1], atol=1e-9)
    assert 0 <= expected.disentanglement <= 1


@pytest.mark.parametrize(
    ("importance", "message"),
    [
        ([[1.0, np.nan], [1.0, 1.0]], "NaN"),
        ([[-1.0, 1.0], [1.0, 1.0]], "negative"),
        ([[1.0, 1.0]], "at least two coordinates"),
        ([[0.0, 0.0], [0.0, 0.0]], "zero everywhere"),
        ([1.0, 1.0], "2D array"),
    ],
)
def test_dci_refuses(importance, message):
    with pytest.raises(ValueError, match=message):
        dci(importance)


# A forest tries random coordinates, and so gives each some importance.
@pytest.mark.parametrize(
    ("predictor", "least"), [("gradient_boosting", 0.9), ("random_forest", 0.6)]
)
def test_importances_find_the_coordinate_of_each_factor(predictor, least, labels):
    rng = np.random.RandomState(1)
    codes = np.column_stack([rng.normal(size=300), labels[:, 1], labels[:, 0]]).astype(float)
    factors = {"number": codes[:, 0], "first": labels[:, 0], "second": labels[:, 1].astype(str)}
    found = code_importances(codes, factors, predictor=predictor, random_state=0)
    assert found.importance.argmax(axis=0).tolist() == [0, 2, 1]
    assert_allclose(found.importance.sum(axis=0), 1)
    assert (found.informativeness > 0.95).all()
    assert dci(found.importance).disentanglement > least


def test_importances_repeat_with_the_seed_and_keep_groups_together():
    codes = np.random.RandomState(0).normal(size=(40, 2))
    owner = np.repeat(np.arange(20), 2)
    label = owner % 2
    codes[:, 0] = owner  # known by the group alone, so unknown groups are guessed at random
    once, again = (
        code_importances(codes, label, groups=owner, random_state=3).importance for _ in range(2)
    )
    assert_allclose(once, again)
    alone = code_importances(codes, label, random_state=3).informativeness
    together = code_importances(codes, label, groups=owner, random_state=3).informativeness
    assert together < alone


def test_importances_refuse_an_unknown_predictor():
    with pytest.raises(ValueError, match="gradient_boosting"):
        code_importances(np.eye(4), [0, 1, 0, 1], predictor="lasso")


def test_sap_of_separate_coordinates(labels):
    # Each factor is known from its own coordinate alone; the next one stays near chance, 1/3.
    assert sap(labels.astype(float), labels, random_state=0) > 0.5


def test_sap_of_rotated_coordinates_is_zero(labels):
    sides = labels.astype(float)
    rotated = np.column_stack([sides.sum(1), sides[:, 0] - sides[:, 1]])
    assert sap(rotated, labels, random_state=0) < 0.15


def test_sap_of_a_number_is_the_difference_in_r2():
    rng = np.random.RandomState(0)
    x = rng.normal(size=(2000, 2))
    # Squared correlations 0.9 and 0.1.
    target = np.sqrt(0.9) * x[:, 0] + np.sqrt(0.1) * x[:, 1]
    assert_allclose(sap(x, target, random_state=0), 0.8, atol=0.05)


@settings(max_examples=15, deadline=None)  # each fits a dozen probes
@given(st.floats(0.01, 100), st.floats(-10, 10))
def test_sap_and_explicitness_do_not_depend_on_scale_shift_or_order(scale, shift):
    rng = np.random.RandomState(0)
    label = rng.randint(2, size=60)
    codes = np.column_stack([label + 0.5 * rng.normal(size=60), rng.normal(size=60)])
    moved = (scale * codes + shift)[:, ::-1]
    for metric in (sap, explicitness):
        expected = metric(codes, label, random_state=0)
        assert_allclose(metric(moved, label, random_state=0), expected, atol=1e-6)


def test_sap_needs_two_coordinates():
    with pytest.raises(ValueError, match="two coordinates"):
        sap(np.arange(10.0)[:, None], np.arange(10) % 2, random_state=0)


def test_explicitness_is_zero_where_nothing_is_said():
    label = np.random.RandomState(0).randint(3, size=3000)
    noise = np.random.RandomState(1).normal(size=(3000, 2))
    assert abs(explicitness(noise, label, random_state=0)) < 0.12


def test_explicitness_by_hand():
    # Half of the ones look like zeros: a random one outranks a random zero with probability
    # 1/2 + 1/2 * 1/2 = 3/4, so 2 AUC - 1 = 1/2.
    label = np.repeat([0, 1, 1], [20000, 10000, 10000])
    codes = np.repeat([0.0, 0.0, 1.0], [20000, 10000, 10000])[:, None]
    assert_allclose(explicitness(codes, label, random_state=0), 0.5, atol=0.03)


def test_explicitness_takes_the_mean_over_factors():
    label = np.random.RandomState(0).randint(2, size=(2000, 2))
    codes = label[:, :1].astype(float)
    assert_allclose(explicitness(codes, label, random_state=0), 0.5, atol=0.1)


@pytest.mark.parametrize("metric", [explicitness, sap, code_importances])
@pytest.mark.parametrize(
    ("factor", "message"),
    [([1] * 10, "single value"), ([0, 1], "one value per row"), ([None] + [1] * 9, "unknown")],
)
def test_bad_factors(metric, factor, message):
    with pytest.raises(ValueError, match=message):
        metric(np.random.RandomState(0).normal(size=(10, 2)), factor)


def test_explicitness_refuses_numbers():
    with pytest.raises(ValueError, match="takes labels"):
        explicitness(np.eye(10), np.linspace(0, 1, 10))


def test_bad_codes():
    with pytest.raises(ValueError, match="NaN"):
        sap([[0.0, np.nan], [1.0, 1.0]], [0, 1])
