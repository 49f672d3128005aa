import numpy as np
import pytest
import zarr
from helpers import Slices

from tsdisentangle.data import rows
from tsdisentangle.data.scaling import ChannelScaler, IndicatingScaler
from tsdisentangle.data.series import as_series
from tsdisentangle.data.stored import StoredSeries, as_stored


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(rows, "BLOCK_BYTES", 4 * 7 * 2 * 3)  # three series of 7 steps, 2 channels


def gappy(n=20):
    rng = np.random.default_rng(0)
    X = rng.normal(loc=[50.0, -3.0], scale=[2.0, 0.1], size=(n, 7, 2)).astype(np.float32)
    X[rng.random(X.shape) < 0.2] = np.nan
    X[3, 4:] = np.nan
    return X


@pytest.mark.parametrize("kind", [ChannelScaler, IndicatingScaler])
def test_a_batch_is_that_of_the_panel_in_memory(kind):
    X = gappy()
    stored, series = as_series(Slices(X), missing="mask"), as_series(X, missing="mask")
    assert isinstance(stored, StoredSeries)
    scaler = kind.fit(stored)
    np.testing.assert_allclose(scaler.mean, kind.fit(series).mean, rtol=1e-14)
    np.testing.assert_allclose(scaler.scale, kind.fit(series).scale, rtol=1e-12)
    picked = np.array([7, 0, 3, 4])
    batch, expected = scaler.transform(stored).cut(picked), scaler.transform(series)
    np.testing.assert_array_equal(batch.values, expected.values[picked])
    np.testing.assert_array_equal(batch.observed, expected.observed[picked])
    np.testing.assert_array_equal(stored.lengths, series.lengths)
    np.testing.assert_array_equal(stored.steps, series.steps)
    assert (len(stored), stored.n_channels, stored.kind) == (20, 2, "3d")
    np.testing.assert_array_equal(stored.load().values, series.values)


def test_the_check_reads_every_row_once_and_a_few_at_a_time():
    source = Slices(gappy())
    as_stored(source, missing="mask")
    assert source.read == [(start, min(start + 3, 20)) for start in range(0, 20, 3)]


def test_two_axes_are_one_channel():
    X = gappy()[..., 0]
    stored = as_stored(Slices(X), missing="mask")
    assert (stored.kind, stored.n_channels) == ("2d", 1)
    np.testing.assert_array_equal(stored.cut(np.array([4])).values[..., 0], np.nan_to_num(X[[4]]))
    assert stored.restore(np.zeros((20, 7, 1))).shape == (20, 7)


@pytest.mark.parametrize("dtype", ["f2", "f8", ">f4", "i2", "u1", "?"])
def test_numbers_of_any_kind_become_floats(dtype):
    X = np.arange(12).reshape(2, 3, 2).astype(dtype)
    values = as_stored(Slices(X)).cut(np.array([1])).values
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values[0], X[1].astype(float))


def with_value(value):
    X = np.zeros((20, 7, 2))
    X[13, 2, 1] = value
    return X


def test_standardised_overflow_names_the_series():
    stored = ChannelScaler(np.zeros(2), np.full(2, 1e-5)).transform(
        as_stored(Slices(with_value(1e38)))
    )
    with pytest.raises(ValueError, match="series 13, step 2, channel 1 overflows"):
        stored.cut(np.array([4, 13]))


def nothing_observed():
    X = gappy()
    X[17] = np.nan
    return X


REFUSED = {
    "NaN": (with_value(np.nan), "error", "holds NaN at series 13, step 2, channel 1. Pass missing"),
    "infinity": (with_value(np.inf), "mask", "holds inf .* at series 13, step 2, channel 1"),
    "beyond float32": (with_value(1e300), "mask", "holds inf .* at series 13"),
    "several": (np.full((20, 7, 2), np.nan), "error", "channel 0 and at least 41 more places"),
    "nothing observed": (nothing_observed(), "mask", "Series 17 has no observed value"),
    "one axis": (
        np.zeros(4),
        "error",
        r"X has 1 axes, shape \(4,\); expected an array",
    ),
    "four axes": (np.zeros((2, 2, 2, 2)), "error", "X has 4 axes"),
    "no series": (np.zeros((0, 3, 2)), "error", "0 series, time steps or channels"),
    "no step": (np.zeros((3, 0)), "error", "0 series, time steps or channels"),
    "complex": (np.zeros((3, 2), complex), "error", "dtype complex128; expected numbers"),
    "text": (np.zeros((3, 2), "U1"), "error", "dtype <U1; expected numbers"),
}


@pytest.mark.parametrize(("X", "missing", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_wrong_input_is_refused(X, missing, message):
    with pytest.raises(ValueError, match=message):
        as_series(Slices(X), missing=missing)


def test_a_channel_that_was_never_observed_is_refused():
    X = gappy()
    X[..., 1] = np.nan
    with pytest.raises(ValueError, match="Channel 1 has no observed value"):
        ChannelScaler.fit(as_stored(zarr.array(X), missing="mask"))
