"""The modelled missing pattern: marks of 0 and 1, over all methods."""

import numpy as np
import pytest
import torch
from helpers import METHODS, small
from scipy.stats import bernoulli, norm

from tsdisentangle.data.windows import to_windows
from tsdisentangle.nn.noise import mean_noise
from tsdisentangle.nn.tabular_networks import WindowEncoder


@pytest.fixture(params=METHODS, ids=lambda method: method.__name__)
def method(request):
    return request.param


def with_gaps(seed=0):
    """Series of which the second channel is often missing, the first never."""
    X = np.random.default_rng(seed).normal(size=(10, 12, 2)).astype(np.float32)
    X[..., 1][np.random.default_rng(1).random((10, 12)) < 0.4] = np.nan
    X[:, -1, 0] = 0.5  # each series ends at its last step
    return X


@pytest.mark.parametrize("scale", ["decoder", "fitted"])
def test_marks_have_a_bernoulli_likelihood_and_values_a_gaussian_one(method, scale):
    """In the score; by scipy, entry by entry, from what the network predicts."""
    X = with_gaps()
    estimator = small(method, missing="indicate", window=3, observation_scale=scale).fit(X)
    network, scaled = estimator.net_.module_.double(), (X - estimator.scaler_.mean)
    scaled = scaled / estimator.scaler_.scale
    batch = to_windows(estimator._read(X), 3).double()
    with torch.no_grad():
        predict, seen = network.predict, []
        network.predict = lambda *args: seen.append(predict(*args)) or seen[-1]
        found = network.bound(batch, mean_noise, 1)["reconstruction"].numpy()
        (predicted,) = seen
    mean, std = (part.flatten(1, 2).numpy() for part in (predicted.mean, predicted.std))
    expected = np.zeros(len(X))
    for i, t, c in np.ndindex(X.shape):
        expected[i] -= bernoulli.logpmf(np.isnan(X[i, t, c]), mean[i, t, 2 + c])
        if not np.isnan(X[i, t, c]):
            expected[i] -= norm.logpdf(scaled[i, t, c], mean[i, t, c], std[i, t, c])
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.slow
def test_one_gap_where_none_was_moves_the_score_by_a_few_nats(method):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 1, 2)) + np.sin(np.arange(12))[:, None]
    X = (X + 0.3 * rng.normal(size=(40, 12, 2))).astype(np.float32)
    often = {"max_epochs": 100, "batch_size": 40, "lr": 0.02}
    estimator = small(method, missing="indicate", window=3, **often).fit(X)
    gap = X[:1].copy()
    gap[0, 5, 0] = np.nan
    assert abs(estimator.score(X[:1]) - estimator.score(gap)) < 20


def test_marks_are_no_part_of_views_and_generated_series(method, monkeypatch):
    """In training, the encoder reads the marks of the series alone, whatever is made of it."""
    X, seen = with_gaps(), []
    forward = WindowEncoder.forward

    def record(self, values, observed):
        marks, known = values[..., 2:], observed[..., 2:]
        seen.append(set(marks[known].tolist()))
        assert bool((marks[known] == ~observed[..., :2][known]).all())
        return forward(self, values, observed)

    monkeypatch.setattr(WindowEncoder, "forward", record)
    small(method, missing="indicate", window=3, max_epochs=1).fit(X)
    assert seen
    assert all(marks == {0.0, 1.0} for marks in seen)
