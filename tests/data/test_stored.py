import numpy as np
import pandas as pd
import pytest
import torch
import zarr
from helpers import Slices
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from tsdisentangle.data import stored as reading
from tsdisentangle.data.scaling import ChannelScaler, IndicatingScaler
from tsdisentangle.data.series import as_series
from tsdisentangle.data.stored import StoredSeries, as_stored, blocks, is_stored, read_rows


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    # Three series of 7 steps, 2 channels.
    monkeypatch.setattr(reading, "BLOCK_BYTES", 4 * 7 * 2 * 3)


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
    batch, expected = (panel.scaled_by(scaler).cut(picked) for panel in (stored, series))
    np.testing.assert_array_equal(batch.values, expected.values)
    np.testing.assert_array_equal(batch.observed, expected.observed)
    np.testing.assert_array_equal(stored.lengths, series.lengths)
    np.testing.assert_array_equal(stored.steps, series.steps)
    assert (len(stored), stored.n_channels, stored.kind) == (20, 2, "3d")
    np.testing.assert_array_equal(stored.cut(slice(None)).values[:, :, 0], series.values)


def test_the_check_reads_every_row_once_and_a_few_at_a_time():
    source = Slices(gappy())
    as_stored(source, missing="mask")
    assert source.read == [(start, min(start + 3, 20)) for start in range(0, 20, 3)]


def test_two_axes_are_one_channel():
    X = gappy()[..., 0]
    stored = as_stored(Slices(X), missing="mask")
    assert (stored.kind, stored.n_channels) == ("2d", 1)
    np.testing.assert_array_equal(
        stored.cut(np.array([4])).values[:, :, 0, 0], np.nan_to_num(X[[4]])
    )
    back = stored.restore(np.zeros((20, 7, 1)))
    assert (back.shape, back.dtype) == ((20, 7), X.dtype)
    filled = stored.restore(np.full((20, 7, 1), 0.5), ~np.isnan(X)[..., None])
    np.testing.assert_array_equal(filled, np.where(np.isnan(X), np.float32(0.5), X))


@pytest.mark.parametrize("dtype", ["f2", "f8", ">f4", "i2", "u1", "?"])
def test_numbers_of_any_kind_become_floats(dtype):
    X = np.arange(12).reshape(2, 3, 2).astype(dtype)
    values = as_stored(Slices(X)).cut(np.array([1])).values[:, :, 0]
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values[0], X[1].astype(float))


def with_value(value):
    X = np.zeros((20, 7, 2))
    X[13, 2, 1] = value
    return X


def test_standardised_overflow_names_the_series():
    scaler = ChannelScaler(np.zeros(2), np.full(2, 1e-5))
    stored = as_stored(Slices(with_value(1e38))).scaled_by(scaler)
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


@given(st.lists(st.integers(0, 11), max_size=20))
def test_rows_come_in_the_order_asked_for(rows):
    X = np.random.default_rng(0).normal(size=(12, 2))
    np.testing.assert_array_equal(read_rows(Slices(X), np.array(rows, int), np.float64), X[rows])


def test_neighbours_are_read_together():
    source = Slices(np.zeros((12, 2)))
    read_rows(source, np.array([7, 3, 4, 5, 8, 0]), np.float32)
    assert source.read == [(0, 1), (3, 6), (7, 9)]


@pytest.mark.parametrize("rows", [[4, 1, 1, 9], [2, 3, 4]])
def test_zarr_rows(rows):
    X = np.random.default_rng(0).normal(size=(12, 2))
    source = zarr.array(X, chunks=(5, 2))
    np.testing.assert_array_equal(read_rows(source, np.array(rows), np.float64), X[rows])


def test_what_overflows_becomes_infinite_without_a_warning(recwarn):
    assert np.isinf(read_rows(Slices(np.full((1, 1), 1e300)), np.array([0]), np.float32)).all()
    assert not recwarn


def test_blocks_hold_every_row_once_and_stay_small(monkeypatch):
    monkeypatch.undo()  # the size that users have
    parts = blocks(1000, 2**15)
    assert np.concatenate(parts).tolist() == list(range(1000))
    assert max(len(part) for part in parts) == 32  # of 2**15 floats: 4 MB
    assert [len(part) for part in blocks(3, 2**40)] == [1, 1, 1]


def test_what_lies_elsewhere(tmp_path):
    assert is_stored(np.memmap(tmp_path / "x", np.float32, "w+", shape=(2, 3)))
    assert is_stored(zarr.zeros((2, 3)))
    assert is_stored(Slices(np.zeros((2, 3))))


IN_MEMORY = {
    "array": np.zeros((2, 3)),
    "number": np.float32(1),
    "list": [[1.0]],
    "frame": pd.DataFrame({"a": [1.0]}),
    "column": pd.Series([1.0]),
    "sparse": csr_array(np.zeros((2, 3))),
    "tensor": torch.zeros(2, 3),
    "text": "abc",
}


@pytest.mark.parametrize("X", IN_MEMORY.values(), ids=IN_MEMORY.keys())
def test_what_does_not(X):
    assert not is_stored(X)


def test_a_stored_panel_far_from_zero_is_that_in_memory():
    X = np.random.default_rng(0).normal(size=(20, 7, 2)) + 1e9
    stored, series = as_stored(Slices(X)), as_series(X)
    panels = [panel.scaled_by(ChannelScaler.fit(panel)) for panel in (stored, series)]
    batch, expected = (panel.cut(np.arange(20)).values for panel in panels)
    assert batch.dtype == np.float32
    np.testing.assert_allclose(batch, expected, rtol=1e-5, atol=1e-6)
    assert abs(batch.std() - 1) < 1e-3
    assert panels[0].scaler.dtype == np.float64
