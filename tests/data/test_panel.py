import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tsdisentangle.data.panel import Moments
from tsdisentangle.data.series import as_series


def gappy(seed, offset, n=30):
    rng = np.random.default_rng(seed)
    X = (rng.normal(size=(n, 4, 2)) + offset).astype(np.float32)
    X[rng.random(X.shape) < 0.3] = np.nan
    X[:, 0, 0] = offset
    return X


@given(
    st.integers(0, 1000),
    st.sampled_from([0.0, -3.0, 1e4]),
    st.lists(st.integers(1, 29), max_size=5, unique=True),
)
def test_parts_have_the_moments_of_the_whole(seed, offset, cuts):
    X = gappy(seed, offset)
    total = Moments.none(2)
    for part in np.split(X, sorted(cuts)):
        total = total.joined(as_series(part, missing="mask").moments)
    flat = X.reshape(-1, 2).astype(np.float64)
    np.testing.assert_array_equal(total.count, (~np.isnan(flat)).sum(0))
    np.testing.assert_allclose(total.mean, np.nanmean(flat, 0), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(total.squares / total.count, np.nanvar(flat, 0), rtol=1e-10)
    np.testing.assert_array_equal(total.low, np.nanmin(flat, 0))
    np.testing.assert_array_equal(total.high, np.nanmax(flat, 0))


def test_a_channel_that_a_part_lacks_changes_nothing():
    X = gappy(0, 5.0)
    empty = X.copy()
    empty[..., 1] = np.nan
    whole = as_series(X, missing="mask").moments
    both = whole.joined(as_series(empty, missing="mask").moments)
    assert both.count[1] == whole.count[1]
    assert both.mean[1] == whole.mean[1]
    assert both.squares[1] == whole.squares[1]
    assert np.isfinite(Moments.none(2).joined(Moments.none(2)).mean).all()


@settings(max_examples=25)
@given(st.sampled_from([0.0, -7.0, 1e6, 1e12, -1e15]), st.sampled_from([1.0, 1e-3, 1e3]))
def test_moments_far_from_zero(offset, scale):
    """A sum that is rounded would move the mean by many deviations."""
    X = np.random.default_rng(0).normal(size=(200, 30, 1)) * scale + offset
    moments, exact = as_series(X).moments, X.astype(np.longdouble)
    atol = 4 * np.spacing(abs(offset) + scale)
    np.testing.assert_allclose(moments.mean, float(exact.mean()), rtol=0, atol=atol)
    if X.std() > 0:
        deviation = np.sqrt(moments.squares / moments.count)
        np.testing.assert_allclose(deviation, float(exact.std()), rtol=1e-6)
