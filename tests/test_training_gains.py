"""Every method is better on held-out series than its untrained self."""

from inspect import signature

import numpy as np
import pytest
from helpers import METHODS, REAL

from tsdisentangle import TabularEncoder, make_static_dynamic
from tsdisentangle.datasets import fetch_etth1


def make(method, **params):
    defaults = {
        "encoder": TabularEncoder(hidden=32, out_features=16),
        "static_dim": 8,
        "dynamic_dim": 8,
        "missing": "mask",
    }
    takes = signature(method).parameters
    return method(**{**{k: v for k, v in defaults.items() if k in takes}, **params})


def unexplained(estimator, X):
    """Share of the variance that the reconstruction misses."""
    error = np.nanmean(np.square(estimator.reconstruct(X) - X), axis=(0, 1))
    return float((error / np.nanvar(X, axis=(0, 1))).mean())


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_gain_on_known_factors(method):
    gains = []
    for seed in range(3):
        bunch = make_static_dynamic(240, random_state=seed)
        train, test = (bunch.data[bunch.splits[part]] for part in ("train", "test"))
        untrained, trained = (
            make(method, max_epochs=epochs, random_state=seed, lr=1e-2).fit(train)
            for epochs in (0, 15)
        )
        assert trained.score(test) > untrained.score(test)
        gains.append(unexplained(untrained, test) - unexplained(trained, test))
    assert np.mean(gains) > 0.3


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the published files are not here")
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_gain_on_real_data(method):
    bunch = fetch_etth1(data_home=REAL, download_if_missing=False)
    train, valid = (bunch.data[bunch.splits[part]] for part in ("train", "validation"))
    untrained, trained = (
        make(method, window=24, max_epochs=epochs, random_state=0, lr=5e-3).fit(train[::4])
        for epochs in (0, 10)
    )
    assert trained.score(valid) > untrained.score(valid)
