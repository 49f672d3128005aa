"""The mixture against closed forms, and what is fitted to codes whose origin is known."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal

from tsdisentangle.training import aggregate_prior
from tsdisentangle.training.aggregate_prior import AggregatePrior, LazyPrior, fit_aggregate_prior


def mixture(components=3, dim=2, seed=0):
    rng = np.random.RandomState(seed)
    roots = np.tril(rng.normal(size=(components, dim, dim)))
    roots[:, range(dim), range(dim)] = rng.uniform(0.3, 2, size=(components, dim))
    return AggregatePrior(
        rng.dirichlet(np.ones(components)), rng.normal(size=(components, dim)), roots
    )


def covariance(prior):
    """Of the whole mixture: within the components, and between their means."""
    within = prior.choleskys @ prior.choleskys.transpose(0, 2, 1)
    apart = prior.means - prior.weights @ prior.means
    between = apart[:, :, None] * apart[:, None]
    return np.tensordot(prior.weights, within + between, 1)


# -- the mixture ----------------------------------------------------------------------------------


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 99))
def test_density_is_that_of_scipy(components, dim, seed):
    prior = mixture(components, dim, seed)
    codes = np.random.RandomState(seed + 1).normal(size=(5, dim)) * 3
    density = sum(
        weight * multivariate_normal(mean, root @ root.T).pdf(codes)
        for weight, mean, root in zip(prior.weights, prior.means, prior.choleskys, strict=True)
    )
    assert_allclose(np.exp(prior.log_density(codes)), density, rtol=1e-9)


def test_density_far_away_is_no_underflow():
    prior = mixture()
    assert np.isfinite(prior.log_density(np.full((1, 2), 1e6))).all()


def test_draws_have_mean_and_covariance_of_the_mixture():
    prior, rng, n = mixture(), np.random.RandomState(0), 200_000
    drawn = prior.transform(rng.standard_normal((n, 2)), rng)
    spread = covariance(prior)
    assert_allclose(drawn.mean(0), prior.weights @ prior.means, atol=5 * np.sqrt(spread.max() / n))
    assert_allclose(np.cov(drawn.T), spread, atol=0.03 * spread.max())


def test_a_draw_is_the_normal_one_scaled_and_moved():
    prior, normal = mixture(1), np.random.RandomState(0).standard_normal((7, 2))
    expected = [prior.choleskys[0] @ row + prior.means[0] for row in normal]
    assert_allclose(prior.transform(normal, np.random.RandomState(0)), expected)


def test_draws_keep_the_dtype_and_leave_the_normal_ones():
    normal = np.ones((3, 2), np.float32)
    assert mixture().transform(normal, np.random.RandomState(0)).dtype == np.float32
    assert_array_equal(normal, 1)


# -- the fit --------------------------------------------------------------------------------------


def planted(n=600, spread=0.05):
    """Three groups of series, with narrow posteriors."""
    rng = np.random.RandomState(0)
    centres, group = np.array([[-3.0, 0.0], [3.0, 1.0], [0.0, 4.0]]), np.arange(n) % 3
    return centres, centres[group] + 0.4 * rng.normal(size=(n, 2)), np.full((n, 2), spread)


def test_a_planted_mixture_is_found():
    centres, mean, std = planted()
    prior = fit_aggregate_prior(mean, std)
    for centre in centres:
        near = np.linalg.norm(prior.means - centre, axis=1) < 1
        assert prior.weights[near].sum() == pytest.approx(1 / 3, abs=0.01)
    assert_allclose(prior.weights @ prior.means, mean.mean(0), atol=0.02)
    assert_allclose(covariance(prior), np.cov(mean.T) + 0.05**2 * np.eye(2), atol=0.05)
    held_out = planted(600)[1] + 0.1
    normal = multivariate_normal(mean.mean(0), np.cov(mean.T))
    assert prior.log_density(held_out).mean() > normal.logpdf(held_out).mean() + 0.5


def test_the_variance_of_the_posteriors_counts():
    mean, std = np.random.RandomState(0).normal(size=(1000, 2)), np.tile([0.1, 2.0], (1000, 1))
    prior = fit_aggregate_prior(mean, std)
    assert_allclose(covariance(prior).diagonal(), [1.01, 5.0], rtol=0.12)


def test_codes_of_one_gaussian_get_one_component():
    root = np.array([[1.0, 0.0], [0.9, 0.2]])
    mean = np.random.RandomState(0).normal(size=(2000, 2)) @ root.T
    prior = fit_aggregate_prior(mean, np.full((2000, 2), 1e-3))
    assert len(prior.weights) == 1
    assert_allclose(prior.choleskys[0], root, atol=0.05)


def test_independent_coordinates_get_no_covariances_where_series_are_few():
    mean = np.random.RandomState(0).normal(size=(40, 12))
    prior = fit_aggregate_prior(mean, np.full((40, 12), 0.05))
    assert_array_equal(prior.choleskys, prior.choleskys * np.eye(12))


def test_choice_is_by_series_that_were_held_out_not_by_their_draws():
    """Each series is a cluster of its own draws; that says nothing of other series."""
    mean = np.random.RandomState(0).normal(size=(30, 2))
    assert len(fit_aggregate_prior(mean, np.full((30, 2), 0.01)).weights) < 16


@pytest.mark.parametrize("n", [1, 2, 9, 10, 11])
def test_few_series(n):
    mean = np.random.RandomState(0).normal(size=(n, 3))
    prior = fit_aggregate_prior(mean, np.ones((n, 3)))
    assert prior.means.shape[1:] == (3,)
    assert np.isfinite(prior.log_density(mean)).all()
    if n < 10:
        assert_allclose(prior.means[0], mean.mean(0), atol=0.1)
        assert_allclose(covariance(prior), np.diag(1 + mean.var(0)), rtol=0.15)


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_units_of_the_codes_do_not_matter(scale):
    _, mean, std = planted(60)
    one, other = fit_aggregate_prior(mean, std), fit_aggregate_prior(mean * scale, std * scale)
    assert_allclose(other.weights, one.weights, rtol=1e-3)
    assert_allclose(other.means, one.means * scale, rtol=1e-3, atol=1e-3 * scale)


def test_constant_codes_can_be_fitted():
    std = np.tile([1.0, 1e-8], (20, 1))
    assert fit_aggregate_prior(np.ones((20, 2)), std) is not None


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_codes_that_are_not_finite_have_no_prior(value):
    assert fit_aggregate_prior(np.array([[0.0], [value]]), np.ones((2, 1))) is None
    assert fit_aggregate_prior(np.zeros((2, 1)), np.array([[1.0], [value]])) is None


def test_the_same_codes_give_the_same_prior_without_a_warning():
    _, mean, std = planted(50)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        priors = [fit_aggregate_prior(mean, std) for _ in range(2)]
    for name in ("weights", "means", "choleskys"):
        assert_array_equal(*(getattr(prior, name) for prior in priors))
    assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


# -- not before it is asked for -------------------------------------------------------------------


def test_a_lazy_prior_is_fitted_once(monkeypatch):
    _, mean, std = planted(20)
    lazy, calls = LazyPrior(mean, std), []
    monkeypatch.setattr(
        aggregate_prior,
        "fit_aggregate_prior",
        lambda *codes: calls.append(codes) or fit_aggregate_prior(*codes),
    )
    assert not calls
    assert lazy.mixture is lazy.mixture
    assert len(calls) == 1


def test_a_pickle_holds_the_mixture_and_no_codes():
    _, mean, std = planted(20)
    lazy = LazyPrior(mean, std)
    pickled = pickle.dumps(lazy)
    assert mean.tobytes() not in pickled
    assert_array_equal(pickle.loads(pickled).mixture.means, lazy.mixture.means)
    prior = mixture()
    assert pickle.loads(pickle.dumps(LazyPrior.fitted(prior))).mixture.means.shape == (3, 2)
