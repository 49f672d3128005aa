"""Scores that compare: over units, over lengths, over moments; in every method."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import METHODS, small
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import norm

from tsdisentangle import StaticDynamicVAE, VideoEncoder, make_static_dynamic
from tsdisentangle.nn.noise import mean_noise


@pytest.fixture(
    scope="module", params=product(METHODS, [1, 2]), ids=lambda p: f"{p[0].__name__}-{p[1]}"
)
def fitted(request):
    method, window = request.param
    X = np.random.default_rng(0).normal(size=(20, 8, 2))
    return small(method, missing="mask", window=window).fit(X)


def panel(seed=1, shape=(5, 8, 2)):
    X = np.random.default_rng(seed).normal(3.0, 2.0, size=shape)
    X[1, 3, 0] = X[2, 4:6] = np.nan
    return X


@pytest.mark.parametrize("method", METHODS)
def test_another_unit_moves_the_score_by_its_logarithm(method):
    X, unit = panel(), np.array([1000.0, 0.01])
    scores = [small(method, missing="mask").fit(Z).score_samples(Z) for Z in (X, X * unit)]
    observed = np.isfinite(X).sum(axis=1)
    assert_allclose(scores[1], scores[0] - observed @ np.log(unit), rtol=1e-4, atol=1e-2)


def test_the_parts_are_in_the_unit_of_the_score(fitted):
    X = panel()
    assert_allclose(-sum(fitted.score_terms(X).values()), fitted.score_samples(X))


@pytest.mark.parametrize(("before", "after"), [(2, 0), (4, 2), (0, 4)])
def test_empty_steps_around_a_series_add_nothing(fitted, before, after):
    X = panel()
    padded = np.pad(X, ((0, 0), (before, after), (0, 0)), constant_values=np.nan)
    # Some rows of a batch are late, others are not.
    scores = fitted.score_samples([*padded, *X])
    assert_allclose(scores[: len(X)], scores[len(X) :], rtol=1e-9)


def test_normalised_scores_are_per_observed_value(fitted):
    X = panel()
    expected = fitted.score_samples(X) / np.isfinite(X).sum(axis=(1, 2))
    assert_allclose(fitted.score_samples(X, normalize="observed"), expected)
    with pytest.raises(ValueError, match="normalize is 'length'"):
        fitted.score_samples(X, normalize="length")


def test_marks_of_the_missing_pattern_are_no_observed_values():
    X = panel()
    estimator = small(missing="indicate").fit(X)
    ratio = estimator.score_samples(X) / estimator.score_samples(X, normalize="observed")
    assert_allclose(ratio, np.isfinite(X).sum(axis=(1, 2)))


def test_steps_are_scored_by_the_density_of_their_reconstruction(fitted):
    X = panel()
    codes, network = fitted.encode(X), fitted.net_.module_
    with torch.no_grad():
        prediction = network.decode(
            torch.tensor(codes.static), torch.tensor(codes.dynamic), mean_noise
        )
    deviation = prediction.std.expand(prediction.mean.shape).numpy().reshape(len(X), -1, 2)[:, :8]
    expected = norm.logpdf(X, fitted.reconstruct(X), deviation * fitted.scaler_.scale)
    found = fitted.score_steps(X)
    assert_array_equal(np.isnan(found), np.isnan(X))
    assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_steps_come_back_in_the_form_of_the_series(fitted):
    X = [panel()[0], panel()[1, :5]]
    found = fitted.score_steps(X)
    assert [each.shape for each in found] == [(8, 2), (5, 2)]
    index = pd.MultiIndex.from_product([["a", "b"], range(8)], names=["machine", "time"])
    frame = pd.DataFrame(panel()[:2].reshape(-1, 2), index)
    scored = fitted.score_steps(frame)
    assert_array_equal(scored.index, index)
    assert_allclose(scored, fitted.score_steps(panel()[:2]).reshape(-1, 2))


def test_a_fault_has_the_lowest_density_of_its_series():
    X = make_static_dynamic(80, random_state=0).data.copy()
    estimator = StaticDynamicVAE(max_epochs=30, random_state=0).fit(X)
    X[7, 11, 2] += 8
    step, channel = np.unravel_index(estimator.score_steps(X)[7].argmin(), X[7].shape)
    assert (step, channel) == (11, 2)


def test_clips_are_scored_as_a_whole():
    clips = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16, 3), np.uint8)
    estimator = StaticDynamicVAE(VideoEncoder(out_features=4, hidden=2, size=16), max_epochs=0).fit(
        clips
    )
    with pytest.raises(ValueError, match="score_steps is for series"):
        estimator.score_steps(clips)
