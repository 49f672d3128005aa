import numpy as np
import pytest
import torch
from helpers import METHODS, assert_same_fit, small
from hypothesis import given, settings
from hypothesis import strategies as st

from tsdisentangle import load
from tsdisentangle.losses import gaussian_nll
from tsdisentangle.nn.calibration import MAX_RISE, MIN_LOG_FACTOR, MOMENTUM, ScaleCalibration
from tsdisentangle.nn.gaussian import Gaussian


def settle(calibration, values, prediction, observed, steps=1200):
    for _ in range(steps):
        calibration.update(values, calibration(prediction), observed)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 1000))
def test_the_scale_becomes_the_mean_squared_residual_of_each_channel(seed):
    rng = np.random.default_rng(seed)
    values = torch.as_tensor(rng.normal(size=(4, 3, 2, 2)) * [0.3, 2.0], dtype=torch.float32)
    observed = torch.as_tensor(rng.random(values.shape) < 0.8)
    mean = torch.as_tensor(rng.normal(size=(2, *values.shape)), dtype=torch.float32)
    prediction = Gaussian(mean, torch.full_like(mean, -1.0))
    calibration = ScaleCalibration(2)
    settle(calibration, values, prediction, observed)
    squared = (values - mean).square()
    expected = [squared[..., c][:, observed[..., c]].mean().log().item() + 1.0 for c in range(2)]
    assert calibration.log_factor.tolist() == pytest.approx(expected, abs=1e-3)
    # No other scale has a larger likelihood.
    best = gaussian_nll(values, calibration(prediction), observed).sum()
    for change in (-0.1, 0.1):
        other = Gaussian(mean, calibration(prediction).logvar + change)
        assert gaussian_nll(values, other, observed).sum() > best


def test_the_scale_rises_slowly_and_falls_at_once():
    values, observed = torch.tensor([100.0, 0.0]).view(1, 1, 1, 2), torch.ones(1, 1, 1, 2).bool()
    calibration = ScaleCalibration(2)
    prediction = Gaussian(torch.zeros(1, 1, 1, 1, 2), torch.zeros(1, 1, 1, 1, 2))
    calibration.update(values, prediction, observed)
    assert calibration.log_factor.tolist() == pytest.approx([MAX_RISE, np.log(1 - MOMENTUM)])


def test_a_channel_that_is_not_observed_keeps_its_scale_and_a_constant_one_keeps_some():
    values = torch.zeros(2, 1, 1, 2)
    observed = torch.tensor([True, False]).expand(values.shape)
    prediction = Gaussian(values[None], torch.zeros(1, *values.shape))
    calibration = ScaleCalibration(2)
    settle(calibration, values, prediction, observed)
    assert calibration.log_factor.tolist() == [MIN_LOG_FACTOR, 0.0]


def test_channels_after_those_of_values_have_no_scale():
    """Marks of missing values: their residuals are not looked at."""
    values, observed = torch.full((2, 1, 1, 2), 3.0), torch.ones(2, 1, 1, 2, dtype=torch.bool)
    prediction = Gaussian(torch.zeros(1, 2, 1, 1, 2), torch.zeros(1, 2, 1, 1, 2))
    calibration = ScaleCalibration(1)
    settle(calibration, values, prediction, observed)
    assert calibration.log_factor.tolist() == pytest.approx([np.log(9.0)], abs=1e-3)
    assert calibration(prediction).logvar[..., 1].unique().tolist() == [0.0]


def series(n=40):
    rng = np.random.default_rng(0)
    level = rng.normal(size=(n, 1, 2))
    return (level + np.sin(np.arange(12))[:, None] + 0.3 * rng.normal(size=(n, 12, 2))).astype("f4")


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_after_training_no_other_scale_scores_better(method):
    X = series()
    estimator = small(method, window=3, max_epochs=60, observation_scale="fitted").fit(X)
    score, log_factor = estimator.score(X), estimator.net_.module_.calibration.log_factor
    assert (log_factor != 0).all()
    for change in (-1.0, 1.0):
        log_factor += change
        assert estimator.score(X) < score
        log_factor -= change


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_every_method_fits_the_scale_unless_it_is_the_decoders(method):
    assert method().observation_scale == "fitted"
    estimator = small(method, window=3, observation_scale="decoder").fit(series())
    assert estimator.net_.module_.calibration is None


def test_only_training_moves_the_scale():
    X = series()
    estimator = small(window=3, observation_scale="fitted").fit(X)
    before = estimator.net_.module_.calibration.log_factor.clone()
    estimator.score(X)
    estimator.reconstruct(X)
    assert torch.equal(estimator.net_.module_.calibration.log_factor, before)


def test_model_files_and_checkpoints_hold_the_scale(tmp_path):
    X, fitted = series(), {"window": 3, "observation_scale": "fitted", "dynamic_rate": "auto"}
    whole = small(max_epochs=4, **fitted).fit(X)
    small(max_epochs=2, **fitted, checkpoint_dir=tmp_path).fit(X)
    resumed = small(max_epochs=4, **fitted, checkpoint_dir=tmp_path).fit(X)
    assert_same_fit(whole, resumed, X)
    whole.save(tmp_path / "model")
    again = load(tmp_path / "model")
    np.testing.assert_array_equal(again.score_samples(X), whole.score_samples(X))
    assert again.net_.module_.weights == whole.net_.module_.weights
