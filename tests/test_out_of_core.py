"""Panels and codes that need not fit into memory: the same numbers, a batch at a time."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zarr
from helpers import METHODS, Slices, small
from sklearn.exceptions import NotFittedError

from tsdisentangle import Codes, SpectrogramEncoder, VideoEncoder
from tsdisentangle.data import stored as reading

CLOSE = {"rtol": 1e-5, "atol": 1e-6}
VIDEO = VideoEncoder(16, 3, 2, out_features=8, hidden=6)
SPECTRA = SpectrogramEncoder(hidden=6, out_features=8)


def dense(n=20, seed=0):
    return np.random.default_rng(seed).normal(3, 2, (n, 9, 2)).astype(np.float32)


def clips(n=6):
    return np.random.default_rng(0).integers(0, 256, (n, 4, 16, 16, 3), dtype=np.uint8)


def mapped(X, folder):
    file = np.memmap(folder / "panel", X.dtype, "w+", shape=X.shape)
    file[:] = X
    file.flush()
    return np.memmap(folder / "panel", X.dtype, "r", shape=X.shape)


STORES = {
    "memmap": mapped,
    "zarr": lambda X, folder: zarr.array(X, chunks=(4, *X.shape[1:])),
    "slices": lambda X, folder: Slices(X),
}


@pytest.fixture(params=STORES)
def store(request, tmp_path):
    return lambda X: STORES[request.param](X, tmp_path)


@pytest.fixture(params=METHODS, ids=lambda method: method.__name__)
def method(request):
    return request.param


@pytest.fixture
def small_blocks(monkeypatch):
    monkeypatch.setattr(
        reading, "BLOCK_BYTES", 4 * 9 * 2 * 3
    )  # three series of 9 steps, 2 channels


# -- reading ------------------------------------------------------------------------------------


def test_codes_are_those_of_the_array_in_memory(method, store):
    X = dense()
    estimator, other = small(method, window=2).fit(X), small(method, window=2).fit(store(X))
    np.testing.assert_array_equal(estimator.transform(X), other.transform(store(X)))


def test_several_blocks_change_the_last_digit_at_most(store, small_blocks):
    X = dense()
    estimator, other = small().fit(X), small().fit(store(X))
    np.testing.assert_allclose(estimator.transform(X), other.transform(store(X)), **CLOSE)


@pytest.mark.parametrize("missing", ["mask", "indicate"])
def test_gaps_and_held_out_rows(store, missing, small_blocks):
    X = dense()
    X[np.random.default_rng(1).random(X.shape) < 0.3] = np.nan
    params = {"missing": missing, "early_stopping": 2, "max_epochs": 3}
    estimator, other = small(**params).fit(X), small(**params).fit(store(X))
    np.testing.assert_allclose(estimator.transform(X), other.transform(store(X)), **CLOSE)
    np.testing.assert_allclose(estimator.impute(X), other.impute(store(X)), **CLOSE)


def test_every_answer_is_that_of_the_array_in_memory(store):
    X, other = dense(), dense(seed=1)
    estimator = small(window=2).partial_fit(store(X)).partial_fit(store(X))
    np.testing.assert_array_equal(estimator.reconstruct(store(X)), estimator.reconstruct(X))
    np.testing.assert_array_equal(estimator.impute(store(X)), X)
    np.testing.assert_array_equal(estimator.score_samples(store(X)), estimator.score_samples(X))
    order = np.random.default_rng(0).integers(0, 2, (len(X), 3))
    np.testing.assert_array_equal(
        estimator.encode(store(X), windows=order).static, estimator.encode(X, windows=order).static
    )
    for stored, kept in zip(estimator.swap(store(X), store(X)), estimator.swap(X, X), strict=True):
        np.testing.assert_array_equal(stored, kept)
    np.testing.assert_array_equal(
        estimator.encode(store(other), return_std=True).dynamic_std,
        estimator.encode(other, return_std=True).dynamic_std,
    )


def test_two_axes_are_univariate_series(store):
    X = dense()[..., 0]
    estimator = small().fit(store(X))
    assert estimator.reconstruct(store(X)).shape == X.shape
    assert estimator.n_features_in_ == 9
    with pytest.raises(ValueError, match="X has 8 features"):
        estimator.transform(store(X[:, :8]))


def test_clips_and_spectrograms(store):
    for encoder, X in ((VIDEO, clips()), (VIDEO, clips() / 255), (SPECTRA, dense())):
        estimator, other = small(encoder=encoder).fit(X), small(encoder=encoder).fit(store(X))
        np.testing.assert_array_equal(estimator.transform(X), other.transform(store(X)))
        np.testing.assert_array_equal(estimator.reconstruct(X), other.reconstruct(store(X)))
    with pytest.raises(ValueError, match="X seems to be a single image"):
        small(encoder=VIDEO).fit(store(clips()[0, 0, :, :, 0].astype(np.float32)))


def test_training_never_reads_more_than_a_batch(small_blocks):
    source = Slices(dense())
    estimator = small(batch_size=8, max_epochs=1).fit(source)
    estimator.transform(source)
    assert max(stop - start for start, stop in source.read) <= 8


@pytest.mark.slow
def test_a_fitted_estimator_holds_nothing_of_the_panel(store):
    X = np.repeat(dense(), 1000, axis=0)
    estimator = small(max_epochs=1, batch_size=2000).fit(store(X))
    assert len(pickle.dumps(estimator)) < X.nbytes / 3


def test_a_refused_panel_leaves_the_estimator_as_it_was(store, small_blocks):
    X = dense()
    X[17, 3, 1] = np.nan
    with pytest.raises(ValueError, match="NaN at series 17, step 3, channel 1"):
        small().fit(store(X)).transform(X)
    estimator = small()
    with pytest.raises(ValueError, match="holds NaN"):
        estimator.partial_fit(store(X))
    with pytest.raises(NotFittedError):
        estimator.transform(dense())
    with pytest.raises(ValueError, match="X has 3 channels"):
        small().fit(dense()).transform(store(np.zeros((4, 9, 3))))


# -- writing ------------------------------------------------------------------------------------


def empty_codes(estimator, n, windows, std=False):
    static = getattr(estimator, "static_dim", estimator.dynamic_dim), estimator.dynamic_dim
    arrays = [zarr.zeros((n, static[0])), zarr.zeros((n, windows, static[1])), np.zeros(n, int)]
    if std:
        arrays += [Slices(np.zeros((n, static[0]))), Slices(np.zeros((n, windows, static[1])))]
    return Codes(*arrays)


def test_codes_go_where_they_are_wanted(method):
    X = [x[: 9 - i % 3] for i, x in enumerate(dense())]
    estimator = small(method, window=2).fit(X)
    expected, out = estimator.encode(X, return_std=True), empty_codes(estimator, 20, 5, std=True)
    assert estimator.encode(X, return_std=True, out=out) is out
    np.testing.assert_array_equal(out.static[:], expected.static)
    np.testing.assert_array_equal(out.dynamic[:], expected.dynamic)
    np.testing.assert_array_equal(out.lengths, expected.lengths)
    np.testing.assert_array_equal(out.static_std.array, expected.static_std)
    np.testing.assert_array_equal(out.dynamic_std.array, expected.dynamic_std)
    np.testing.assert_array_equal(
        estimator.transform(X, out=Slices(np.zeros((20, out.static.shape[1] + 2)))).array,
        estimator.transform(X),
    )


@pytest.mark.parametrize("output", ["static", "dynamic", "both"])
def test_features_of_clips_go_where_they_are_wanted(output, tmp_path):
    estimator = small(encoder=VIDEO, output=output).fit(clips())
    expected = estimator.transform(clips())
    out = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", np.float32, expected.shape)
    assert estimator.transform(clips(), out=out) is out
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), expected)


def test_what_cannot_take_the_codes_is_refused_before_anything_is_written():
    estimator = small().fit(dense())
    out = np.zeros((20, 4))
    with pytest.raises(ValueError, match=r"out has shape \(20, 4\); expected \(20, 5\)"):
        estimator.transform(dense(), out=out)
    with pytest.raises(ValueError, match="expected Codes"):
        estimator.encode(dense(), out=out)
    wrong = dense()
    wrong[19] = np.nan
    out = np.zeros((20, 5))
    with pytest.raises(ValueError, match="NaN"):
        estimator.transform(wrong, out=out)
    assert not out.any()


def test_an_array_to_write_to_is_no_metadata():
    assert not hasattr(small(), "set_transform_request")


# -- memory -------------------------------------------------------------------------------------


@pytest.mark.slow
def test_memory_stays_that_of_a_batch():
    """A part of a sparse file of 50 GB, and a whole one of 50 MB, in a process of their own."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the measurement reads /proc")
    script = Path(__file__).parents[1] / "benchmarks" / "out_of_core.py"
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), "--quick"]
    result = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    grown = json.loads(result.stdout)["grown_megabytes"]
    assert set(grown) == {"fit", "transform", "partial_fit"}
    assert max(grown.values()) < 64
