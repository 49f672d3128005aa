import numpy as np
import pytest

from tsdisentangle.data.scaling import ChannelScaler, IndicatingScaler
from tsdisentangle.data.series import as_series


def random_series(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(loc=[5.0, -3.0], scale=[2.0, 0.1], size=(20, 7, 2))
    X[rng.random(X.shape) < 0.3] = np.nan
    return X, as_series(X, missing="mask")


def test_mean_and_scale_are_those_of_observed_values():
    X, series = random_series()
    scaler = ChannelScaler.fit(series)
    np.testing.assert_allclose(scaler.mean, np.nanmean(X, axis=(0, 1)), rtol=1e-6)
    np.testing.assert_allclose(scaler.scale, np.nanstd(X, axis=(0, 1)), rtol=1e-5)


def test_inverse_undoes_transform_and_missing_stays_zero():
    X, series = random_series()
    scaler = ChannelScaler.fit(series)
    scaled = series.scaled_by(scaler)
    assert (scaled.values[~series.observed] == 0).all()
    back = scaler.inverse(scaled.values)
    np.testing.assert_allclose(back[series.observed], X[series.observed], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("constant", [0.0, 7.3, 1e6 + 0.1])
def test_constant_channel_has_scale_one(constant):
    series = as_series(np.full((50, 3, 1), constant))
    assert ChannelScaler.fit(series).scale == 1


def test_channel_that_was_never_observed_is_refused():
    X = np.zeros((3, 4, 2))
    X[..., 1] = np.nan
    with pytest.raises(ValueError, match="Channel 1 has no observed value"):
        ChannelScaler.fit(as_series(X, missing="mask"))


def test_overflow_is_refused_with_its_place():
    scaler = ChannelScaler(np.zeros(1), np.full(1, 1e-5))
    with pytest.raises(ValueError, match="series 0, step 1, channel 0 overflows"):
        as_series([[0.0, 1e38]]).scaled_by(scaler)


def test_missing_pattern_stands_behind_the_channels_and_falls_off_again():
    X, series = random_series()
    X[0, 4:] = np.nan  # the first series ends early: what follows is not missing but over
    series = as_series(X, missing="mask")
    plain, both = ChannelScaler.fit(series), IndicatingScaler.fit(series)
    assert (plain.n_modelled, both.n_modelled) == (2, 4)
    assert (plain.n_marks, both.n_marks) == (0, 2)
    scaled, expected = series.scaled_by(both), series.scaled_by(plain)
    np.testing.assert_array_equal(scaled.values[..., :2], expected.values)
    np.testing.assert_array_equal(scaled.observed[..., :2], expected.observed)
    for row in range(len(X)):
        for step in range(X.shape[1]):
            inside = step < series.lengths[row]
            np.testing.assert_array_equal(scaled.observed[row, step, 2:], inside)
            missing = inside & np.isnan(X[row, step])
            np.testing.assert_array_equal(scaled.values[row, step, 2:], missing)
    np.testing.assert_array_equal(both.inverse(scaled.values), plain.inverse(expected.values))
