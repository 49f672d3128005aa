import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tsdisentangle.metrics import (
    linear_probe,
    majority_share,
    normalized_leakage,
    r2_leakage,
    read_factor,
    retention_minus_leak,
)

shares = st.floats(0, 1)


def test_leakage_by_hand():
    assert normalized_leakage(0.6, 0.2) == pytest.approx(0.5)  # 0.4 of 0.8
    assert normalized_leakage(1.0, 0.9) == 1.0
    assert normalized_leakage(0.1, 0.2) == 0.0


@settings(deadline=None)
@given(shares, st.floats(0, 0.99), shares)
def test_leakage_is_a_share_and_grows_with_accuracy(accuracy, chance, other):
    value = normalized_leakage(accuracy, chance)
    assert 0 <= value <= 1
    if other >= accuracy:
        assert normalized_leakage(other, chance) >= value


@pytest.mark.parametrize(("accuracy", "chance"), [(1.2, 0.5), (0.5, 1.0), (np.nan, 0.5)])
def test_leakage_refuses(accuracy, chance):
    with pytest.raises(ValueError, match="expected shares"):
        normalized_leakage(accuracy, chance)


def test_r2_leakage():
    assert (r2_leakage(-1.0), r2_leakage(0.4)) == (0.0, 0.4)
    with pytest.raises(ValueError, match="at most 1"):
        r2_leakage(np.nan)


def test_majority_share():
    assert majority_share([3, 3, 1, 2]) == 0.5
    with pytest.raises(ValueError, match="not empty"):
        majority_share([])


def test_retention_minus_leak():
    assert retention_minus_leak([1.0, 1.0], [0.0]) == 1.0
    assert retention_minus_leak([0.0], [1.0, 1.0]) == -1.0
    with pytest.raises(ValueError, match="at least one"):
        retention_minus_leak([], [1.0])


def test_chance_is_the_majority_of_the_training_labels():
    # The code is constant, so the probe says 0 always: right on 1 of 4 test rows.
    reading = read_factor(np.zeros((10, 1)), [0] * 7 + [1] * 3, np.zeros((4, 1)), [0, 1, 1, 1])
    assert_allclose(reading, (0.25, 0.7, 0.0))


def test_reading_of_a_number():
    x = np.random.RandomState(0).normal(size=(200, 2))
    reading = read_factor(x[:100], 3 * x[:100, 0] - 1, x[100:], 3 * x[100:, 0] - 1)
    assert reading.chance == 0
    assert reading.normalized == reading.score > 0.99


def test_strings_that_only_one_side_has():
    codes = np.eye(3)[[0, 1, 0, 1, 2]]
    assert read_factor(codes[:4], list("abab"), codes[3:], list("bc")).score == 0.5


def test_standardising_reads_a_trace_that_the_penalty_hides():
    rng = np.random.RandomState(0)
    label = rng.randint(2, size=400)
    trace = 1e-3 * (label - 0.5)[:, None]
    codes = np.hstack([trace, rng.normal(size=(400, 3))])
    sides = codes[:300], label[:300], codes[300:], label[300:]
    assert read_factor(*sides).normalized == 1.0
    assert read_factor(*sides, standardize=False).normalized < 0.3


def test_probes():
    assert [name for name, _ in linear_probe(False, standardize=False).steps] == ["ridge"]


def test_read_factor_refuses():
    codes = np.eye(4)
    with pytest.raises(ValueError, match="train_factor has the single value"):
        read_factor(codes, [0, 0, 0, 0], codes, [0, 1, 1, 1])
    with pytest.raises(ValueError, match="one value per row"):
        read_factor(codes, [0, 1], codes, [0, 1, 1, 1])


def test_probes_are_standardised_unless_set_otherwise():
    names = [name for name, _ in linear_probe(True).steps]
    assert names == ["standardscaler", "logisticregression"]
