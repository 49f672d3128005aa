"""The rate of the dynamic codes that is aimed at, and how the weight of their divergence adapts."""

import numpy as np
import pytest
import torch
from helpers import small

from tsdisentangle import GLR, StaticDynamicVAE, make_static_dynamic
from tsdisentangle.network import AUTO_RATE, MAX_WEIGHT, MIN_WEIGHT, RATE_STEP

BOTH = pytest.mark.parametrize("method", [StaticDynamicVAE, GLR], ids=lambda each: each.__name__)


def series(n=60):
    return make_static_dynamic(n, random_state=0).data


@pytest.mark.slow
@BOTH
@pytest.mark.parametrize("aim", [0.5, 2.0])
def test_the_rate_is_held_at_its_aim(method, aim):
    estimator = small(method, beta=1.0, dynamic_rate=aim, max_epochs=120, batch_size=16).fit(
        series()
    )
    rates = [row["train_rate"] for row in estimator.history_[-10:]]
    assert np.mean(rates) == pytest.approx(aim, rel=0.2)


@BOTH
def test_auto_goes_with_the_root_of_the_observed_values(method):
    X = series()
    X[np.random.default_rng(0).random(X.shape) < 0.25] = np.nan
    estimator = small(method, window=4, missing="mask", batch_size=60, dynamic_rate="auto").fit(X)
    observed = np.isfinite(X).sum() / (60 * 6)
    assert estimator.history_[-1]["train_rate_aim"] == pytest.approx(AUTO_RATE * observed**0.5)


@BOTH
def test_without_an_aim_the_weight_stays(method):
    estimator = small(method, beta=(1.0, 7.0), dynamic_rate=None).fit(series())
    assert estimator.net_.module_.weights["dynamic_kl"] == 7.0
    assert not any("rate" in name for name in estimator.history_[-1])


def test_the_weight_moves_by_the_excess_within_limits():
    network = small(max_epochs=0, dynamic_rate="auto").fit(series()).net_.module_
    network.weights["dynamic_kl"] = 2.0
    terms = {"rate": torch.tensor(1.5), "rate_aim": torch.tensor(1.0)}
    network.adapt(terms)
    assert network.weights["dynamic_kl"] == pytest.approx(2 * np.exp(0.5 * RATE_STEP))
    for rate, limit in ((100.0, MAX_WEIGHT), (0.0, MIN_WEIGHT)):
        for _ in range(1000):
            network.adapt({**terms, "rate": torch.tensor(rate)})
        assert network.weights["dynamic_kl"] == limit
    network.adapt({})
    assert network.weights["dynamic_kl"] == MIN_WEIGHT


def test_validation_has_the_same_weight_in_every_epoch():
    rows = small(early_stopping=True, max_epochs=3, dynamic_rate="auto").fit(series()).history_
    network = small(max_epochs=0, dynamic_rate="auto").fit(series()).net_.module_
    weights = network.validation_weights()
    assert weights["dynamic_kl"] == 1.0
    for row in rows:
        terms = {name: row[f"valid_{name}"] for name in weights if f"valid_{name}" in row}
        expected = sum(weights[name] * terms[name] for name in terms)
        assert row["valid_loss"] == pytest.approx(expected, rel=1e-5)


def test_the_skip_hands_the_differences_to_the_dynamic_head():
    X = series()
    plain, skip = (small(dynamic_skip=flag).fit(X).net_.module_ for flag in (False, True))
    extra = skip.dynamic_head.mean.in_features - plain.dynamic_head.mean.in_features
    assert extra == skip.encoder.out_features
    step = small(kind="step", dynamic_skip=True, window=4).fit(X).net_.module_
    assert step.lstm is None
    assert step.dynamic_head.mean.in_features == step.encoder.out_features
