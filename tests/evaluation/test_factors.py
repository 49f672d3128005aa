import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from tsdisentangle.evaluation.factors import encode_factor, reduce_to_windows


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([7, 5, 7], [1, 0, 1]),
        (["b", None, "a"], [1, -1, 0]),
        ([True, False], [1, 0]),
        (pd.array([3, None, 2], dtype="Int64"), [1, -1, 0]),
        ([3.0, np.nan, 2.0], [1, -1, 0]),
        ([[1, 0], [0, 5]], [[1, 0], [0, 2]]),
    ],
)
def test_labels_become_numbers(values, expected):
    encoded = encode_factor(values)
    assert encoded.dtype.kind == "i"
    assert_array_equal(encoded, expected)


@pytest.mark.parametrize("values", [[0.5, 1.0, np.nan], np.arange(21.0)])
def test_numbers_stay(values):
    encoded = encode_factor(values)
    assert encoded.dtype == np.float64
    assert_array_equal(encoded, values)


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 5), st.booleans(), st.integers(0, 99))
def test_reduction_is_that_of_each_window(time, window, label, seed):
    rng = np.random.RandomState(seed)
    factor = rng.randint(-1, 3, size=(3, time)) if label else rng.normal(size=(3, time))
    if not label:
        factor[rng.random_sample(factor.shape) < 0.3] = np.nan
    reduced = reduce_to_windows(factor, window)
    for i, row in enumerate(factor):
        for w, start in enumerate(range(0, time, window)):
            part = row[start : start + window]
            part = part[part >= 0] if label else part[~np.isnan(part)]
            if not len(part):
                assert reduced[i, w] == -1 if label else np.isnan(reduced[i, w])
            elif label:
                assert reduced[i, w] == np.bincount(part).argmax()
            else:
                assert np.isclose(reduced[i, w], part.mean())
    assert reduced.shape == (3, -(-time // window))
