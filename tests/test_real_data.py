"""The estimator on the published files of each data set, fitted and transformed."""

import warnings

import numpy as np
import pytest
import torch
from helpers import REAL, small
from skorch.callbacks import Callback

from tsdisentangle import StaticDynamicVAE
from tsdisentangle.data.windows import to_windows
from tsdisentangle.datasets import fetch_air_quality, fetch_etth1, fetch_physionet2012
from tsdisentangle.nn.noise import mean_noise

pytestmark = pytest.mark.skipif(
    not REAL.is_dir(), reason="the published files are not here; set TSDISENTANGLE_DATA"
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["window", "step"])
@pytest.mark.parametrize(
    ("loader", "window"),
    [(fetch_etth1, 24), (fetch_air_quality, 24), (fetch_physionet2012, 4)],
    ids=["ETTh1", "Air Quality", "PhysioNet 2012"],
)
def test_fit_and_transform(loader, window, kind, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    bunch = loader(data_home=REAL, download_if_missing=False)
    train = bunch.data[bunch.splits["train"]][:200]
    test = bunch.data[bunch.splits["test"]][:50]
    estimator = small(
        kind=kind, missing="mask", window=window, max_epochs=4, batch_size=20, lr=5e-3
    )
    estimator.fit(train)
    assert estimator.transform(test).shape == (50, 5)
    codes = estimator.encode(test)
    assert codes.dynamic.shape[1] == -(-bunch.data.shape[1] // window)
    assert np.isfinite(codes.dynamic).all()
    losses = estimator.history_[:, "train_loss"]
    assert losses[-1] < losses[0]
    filled = estimator.impute(test)
    seen = ~np.isnan(test)
    np.testing.assert_array_equal(filled[seen], test[seen])
    assert np.isfinite(filled).all()


class HeldOutError(Callback):
    """Mean squared error of other series, after each epoch."""

    def __init__(self, windows):
        self.windows, self.errors = windows, []

    def on_epoch_end(self, net, **kwargs):
        network = net.module_.eval()
        with torch.no_grad():
            codes = network.encode(self.windows)
            decoded = network.decode(codes.static.mean, codes.dynamic.mean, mean_noise).mean
        squared = (decoded - self.windows.values).square()
        self.errors.append(float(squared[self.windows.observed].mean()))


@pytest.mark.slow
def test_early_stopping_ends_near_the_held_out_optimum():
    bunch = fetch_physionet2012(data_home=REAL, download_if_missing=False)
    train = bunch.data[bunch.splits["train"]][:600]
    other = bunch.data[bunch.splits["validation"]][:200]
    settings = {"missing": "mask", "window": 4, "random_state": 0}
    reader = StaticDynamicVAE(max_epochs=0, **settings).fit(train)
    watch = HeldOutError(to_windows(reader._read(other), 4))
    estimator = StaticDynamicVAE(
        max_epochs=60, early_stopping=60, callbacks=[watch], **settings
    ).fit(train)
    losses, errors = estimator.history_[:, "valid_loss"], watch.errors
    stop = int(np.argmin(losses))
    assert 5 < stop < 50  # it falls, and rises again
    assert max(losses[stop:]) > 1.01 * losses[stop]
    assert errors[stop] <= 1.1 * min(errors)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("loader", "preset"),
    [(fetch_air_quality, "air-quality-tuned"), (fetch_physionet2012, "physionet-tuned")],
)
def test_tuned_presets_impute_better_than_the_mean_of_the_series(loader, preset):
    bunch = loader(data_home=REAL, download_if_missing=False)
    X, rng = np.asarray(bunch.data, float), np.random.default_rng(0)
    train, test = X[bunch.splits["train"]][:600], X[bunch.splits["validation"]][:80]
    hidden = (rng.random(test.shape) < 0.1) & np.isfinite(test)
    given = np.where(hidden, np.nan, test)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of channels that a stay lacks
        mean = np.nanmean(given, axis=1, keepdims=True)
    mean = np.where(np.isfinite(mean), mean, np.nanmean(train, axis=(0, 1)))
    estimator = StaticDynamicVAE.from_preset(preset, random_state=0).fit(train)
    scale = np.nanstd(train, axis=(0, 1))
    errors = [
        np.square((guess - test) / scale)[hidden].mean()
        for guess in (estimator.impute(given), np.broadcast_to(mean, test.shape))
    ]
    assert errors[0] < errors[1]
