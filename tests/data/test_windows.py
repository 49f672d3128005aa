import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdisentangle.data.series import as_series
from tsdisentangle.data.windows import from_windows, resolve_window, to_windows


@given(st.integers(1, 30), st.integers(1, 9), st.integers(1, 3))
def test_windows_hold_the_series_in_order_and_mask_the_padding(time, window, channels):
    X = np.random.default_rng(0).normal(size=(2, time, channels)).astype("f4")
    windows = to_windows(as_series(X), window)
    for i in range(2):
        for t in range(time):
            np.testing.assert_array_equal(windows.values[i, t // window, t % window], X[i, t])
    assert int(windows.observed.sum()) == X.size
    assert windows.valid.all()
    np.testing.assert_array_equal(from_windows(windows.values.numpy(), time), X)


def test_valid_windows_of_unequal_series():
    windows = to_windows(as_series([[1.0] * 3, [1.0] * 8, [1.0] * 4]), 4)
    assert windows.valid.tolist() == [[True, False], [True, True], [True, False]]


def test_no_copy_where_the_window_divides_the_time():
    series = as_series(np.zeros((2, 8, 1), np.float32))
    windows = to_windows(series, 4)
    assert np.shares_memory(windows.values.numpy(), series.values)


@pytest.mark.parametrize(
    ("window", "time", "expected"), [("auto", 29, 1), ("auto", 48, 2), ("auto", 672, 28), (5, 3, 5)]
)
def test_resolve_window(window, time, expected):
    assert resolve_window(window, time) == expected
