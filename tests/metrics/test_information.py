import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.testing import assert_allclose

from tsdisentangle.metrics import (
    group_information,
    group_mi_gap,
    mig,
    modularity,
    mutual_information,
    table_information,
)


def test_table_information_by_hand():
    # p = [[1/2, 0], [1/4, 1/4]]: rows (1/2, 1/2), columns (3/4, 1/4).
    # 1/2 ln((1/2) / (3/8)) + 1/4 ln((1/4) / (3/8)) + 1/4 ln((1/4) / (1/8)) = 0.215762 nats.
    assert_allclose(table_information([[2, 0], [1, 1]]), 0.215762, atol=1e-6)


def test_table_information_of_independent_and_of_equal():
    assert_allclose(table_information(np.outer([1, 2, 3], [4, 5])), 0, atol=1e-12)
    assert_allclose(table_information(np.eye(4)), np.log(4))


@settings(deadline=None)
@given(npst.arrays(np.int64, (3, 4), elements=st.integers(0, 50)).filter(np.any))
def test_table_information_is_symmetric_and_bounded(table):
    value = table_information(table)
    assert_allclose(table_information(table.T), value, atol=1e-9)
    assert_allclose(table_information(7 * table[::-1]), value, atol=1e-9)
    assert 0 <= value <= np.log(3) + 1e-9


@pytest.mark.parametrize("table", [[[0, 0], [0, 0]], [[1, -1], [1, 1]], [[np.nan, 1], [1, 1]]])
def test_table_information_refuses(table):
    with pytest.raises(ValueError, match="table holds"):
        table_information(table)


def test_mutual_information_counts_the_joint_table():
    # The table of test_table_information_by_hand, once as codes and labels.
    codes = np.array([[0.0], [0.0], [1.0], [1.0]])
    assert_allclose(mutual_information(codes, [0, 0, 0, 1]), [[0.215762]], atol=1e-6)


def test_continuous_factors_are_binned():
    x = np.linspace(0, 1, 1000)[:, None]
    assert_allclose(mutual_information(x, x[:, 0], n_bins=20), np.log(20), atol=1e-3)


@pytest.fixture
def factors():
    return np.random.RandomState(0).randint(4, size=(4000, 2))


def test_mig_of_separate_and_of_shared_coordinates(factors):
    assert mig(factors.astype(float), factors) > 0.99
    assert mig(np.repeat(factors[:, :1], 2, axis=1).astype(float), factors[:, 0]) == 0.0


@settings(deadline=None)
@given(st.sampled_from([0.25, 2.0, 1024.0]), st.integers(-8, 8), st.booleans())
def test_information_does_not_depend_on_scale_shift_or_order(scale, shift, flip):
    codes = np.random.RandomState(0).randint(64, size=(50, 3)) / 8.0
    label = np.arange(50) % 2
    order = [2, 0, 1] if flip else [0, 1, 2]
    moved = (scale * codes + shift)[:, order]
    assert_allclose(mutual_information(moved, label), mutual_information(codes, label)[order])
    assert_allclose(mig(moved, label), mig(codes, label))


def test_modularity_by_hand():
    # Row 0: the others' squares, 1 + 0, over 4 * 2 factors: 1 - 1/8. Row 1: 1. Row 2: 1 - 18/18.
    rows = [[2.0, 1.0, 0.0], [0.0, 0.0, 5.0], [3.0, 3.0, 3.0]]
    assert_allclose(modularity(rows), (0.875 + 1 + 0) / 3)
    assert modularity([[1.0, 0.0], [0.0, 0.0]]) == 0.5  # the second knows nothing


@settings(deadline=None)
@given(
    npst.arrays(float, (3, 3), elements=st.floats(0.01, 5)),
    st.permutations(range(3)),
    st.floats(0.1, 10),
)
def test_modularity_does_not_depend_on_order_or_scale(information, order, scale):
    scaled = modularity(scale * information[order][:, order])
    assert_allclose(scaled, modularity(information), atol=1e-12)


def test_modularity_refuses():
    with pytest.raises(ValueError, match="pass two"):
        modularity([[1.0], [2.0]])
    with pytest.raises(ValueError, match="negative"):
        modularity([[1.0, -1.0]])


def test_group_information_by_hand():
    # Shares of code and label as in test_table_information_by_hand, so I = 0.215762, and H = ln 2.
    label = np.tile([0, 0, 1, 1], 3000)
    codes = np.tile([0.0, 0.0, 0.0, 1.0], 3000)[:, None]
    expected = 0.215762 / 0.693147
    assert_allclose(group_information(codes, label, random_state=0), expected, atol=0.03)


def test_group_gap_changes_its_sign_with_the_codes(factors):
    own = np.eye(4)[factors[:, 0]] * 20
    other = np.eye(4)[factors[:, 1]] * 20
    gap = group_mi_gap(own, other, factors[:, 0], random_state=0)
    assert gap > 0.95
    assert_allclose(group_mi_gap(other, own, factors[:, 0], random_state=0), -gap)


def test_labels_that_training_never_saw_are_left_out():
    label = np.repeat([0, 1], 50)
    label[0] = 7  # a class with a single row, on the test side for some seeds
    codes = np.eye(8)[label]
    values = [group_information(codes, label, random_state=seed) for seed in range(20)]
    assert min(values) > 0.5


@pytest.mark.parametrize("function", [mutual_information, mig, group_information])
def test_bad_input(function):
    codes = np.random.RandomState(0).normal(size=(10, 2))
    with pytest.raises(ValueError, match="single value"):
        function(codes, [1] * 10)
    with pytest.raises(ValueError, match="one value per row"):
        function(codes, [0, 1])
    with pytest.raises(ValueError, match="NaN"):
        function(np.full((10, 2), np.nan), [0, 1] * 5)
    with pytest.raises(ValueError, match="minimum of 2"):
        function(codes[:1], [0])


def test_groups_must_fit():
    with pytest.raises(ValueError, match="groups has shape"):
        group_information(np.eye(10), [0, 1] * 5, groups=[0, 1])


def test_tables_one_by_one_and_as_probabilities():
    tables = np.array([[[2, 0], [1, 1]], [[1, 0], [0, 1]]])
    assert_allclose(table_information(tables), [0.215762, np.log(2)], atol=1e-6)
    assert_allclose(table_information(np.eye(2) / 2), np.log(2))


def test_columns_are_binned_one_by_one():
    values, label = np.random.RandomState(0).normal(size=(20, 3)), np.arange(20) % 2
    codes = np.column_stack([values[:, 0], 5 + values[:, 1] / 50, np.ones(20)])
    alone = [mutual_information(codes[:, [k]], label)[0] for k in range(3)]
    assert_allclose(mutual_information(codes, label), alone)
    assert alone[2] == 0
    assert mutual_information(np.ones((21, 1)), np.arange(21) % 3) == 0
    assert_allclose(alone[1], mutual_information(values[:, [1]], label)[0])


def test_labels_are_not_binned():
    label = np.arange(80) % 40
    assert_allclose(mutual_information((label % 2)[:, None], label), np.log(2))


def test_gap_over_entropy_by_hand():
    # Four equal quarters of a number: H = ln 4. In four bins the first coordinate knows all of it,
    # the second whether it is in the upper half, ln 2: (ln 4 - ln 2) / ln 4 = 1/2.
    number = np.repeat([0.0, 1.0, 2.0, 3.0], 5)
    codes = np.column_stack([number, number > 1])
    assert_allclose(mig(codes, number, n_bins=4), 0.5)
    # In two bins both know the upper half, which is all that is left of the number.
    assert_allclose(mig(codes, number, n_bins=2), 0, atol=1e-12)
    assert_allclose(mig(codes, (number > 0).astype(int), n_bins=4), gap_of_two(number))


def gap_of_two(number):
    entropy = -(0.25 * np.log(0.25) + 0.75 * np.log(0.75))
    return (entropy - table_information([[5, 5], [0, 10]])) / entropy
