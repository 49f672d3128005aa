"""What is special of this method: codes that are Gaussian processes, and no static code."""

from functools import partial

import helpers
import loops
import numpy as np
import pytest
import torch

from tsdisentangle import GPVAE
from tsdisentangle.data.windows import to_windows
from tsdisentangle.nn.noise import SharedNoise, mean_noise

KINDS = ("window", "step")
small = partial(helpers.small, GPVAE, dynamic_dim=4)


def series(seed=0, shape=(6, 12, 3)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def batch_of(estimator, X):
    return to_windows(estimator._read(X), estimator.window_)


@pytest.mark.parametrize("kind", KINDS)
def test_static_code_is_the_average_of_the_dynamic_ones(kind, ragged):
    estimator = small(kind=kind, window=3, missing="mask").fit(ragged)
    codes = estimator.encode(ragged)
    np.testing.assert_allclose(codes.static, codes.mean_dynamic(), rtol=1e-5, atol=1e-6)
    assert estimator.transform(ragged).shape == (6, 8)


def test_swap_returns_reconstructions():
    X1, X2 = series(), series(1)
    estimator = small().fit(X1)
    X12, X21 = estimator.swap(X1, X2)
    np.testing.assert_array_equal(X12, estimator.reconstruct(X2))
    np.testing.assert_array_equal(X21, estimator.reconstruct(X1))


@pytest.mark.parametrize("kind", KINDS)
def test_standard_deviations_are_those_of_the_joint_posterior(kind, ragged):
    """The draws of all windows together, from unit vectors, give the covariance."""
    estimator = small(kind=kind, window=3, missing="mask").fit(ragged)
    codes = estimator.encode(ragged, return_std=True)
    batch = batch_of(estimator, ragged)
    n = batch.valid.shape[1]
    with torch.no_grad():
        q = estimator.net_.module_.posterior(batch)
        unit = torch.eye(n)[:, None, :, None].expand(n, 6, n, 4)
        columns = (q.sample(lambda *_: unit, "dynamic", n) - q.mean).numpy()
    covariance = np.einsum("mbid,mbjd->bdij", columns, columns)
    for row, length in enumerate(codes.lengths):
        valid = covariance[row][:, :length, :length]
        variance = np.diagonal(valid, axis1=1, axis2=2).T
        np.testing.assert_allclose(codes.dynamic_std[row, :length] ** 2, variance, rtol=1e-4)
        np.testing.assert_allclose(codes.static_std[row] ** 2, valid.mean((1, 2)), rtol=1e-4)


def test_terms_are_sums_over_the_valid_windows_of_a_series(ragged):
    """Alone or beside a longer one, a series adds the same."""
    estimator = small(window=2, missing="mask").fit(ragged)
    network = estimator.net_.module_.double()
    with torch.no_grad():
        together = network.bound(batch_of(estimator, ragged).double(), SharedNoise(0), 2)
        for row, x in enumerate(ragged):
            alone = network.bound(batch_of(estimator, [x]).double(), SharedNoise(0), 2)
            for name, part in alone.items():
                torch.testing.assert_close(together[name][row], part[0], rtol=1e-9, atol=1e-9)


def slow_and_fast(kernel):
    """Coordinates of which two have each length scale."""
    return [(kernel, scale) for scale in loops.SCALES for _ in range(2)]


def test_prior_is_scikit_learns_kernel_of_variance_one():
    """By default a Cauchy kernel; longest length scale 2."""
    prior = small(dynamic_dim=8, window=1, max_epochs=0).fit(series()).net_.module_.prior
    expected = loops.covariances(slow_and_fast("cauchy"), variance=1.0, windows=12)
    np.testing.assert_allclose(prior.covariance(12), expected, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("kernel", loops.KERNELS)
def test_terms_against_loops(kind, kernel):
    """Values one by one; the divergence of a coordinate by matrices, to scikit-learn's kernel."""
    X = loops.panel()
    params = {"window": loops.WINDOW, "missing": "mask", "max_epochs": 1}
    estimator = small(kind=kind, kernel=kernel, **params, dynamic_dim=8).fit(X)
    network, batch = loops.in_float64(estimator, X)
    with torch.no_grad():
        terms = network.train()(batch, loops.noise)
        q = network.posterior(batch)
        eps = loops.noise("dynamic", (1, *q.mean.shape), q.mean)[0]
        decoded = network.decode(None, loops.process_draws(q, eps), loops.noise)
    prior = loops.covariances(slow_and_fast(kernel), variance=1.0)
    assert terms["reconstruction"].item() == pytest.approx(loops.nll(X, batch.values, decoded) / 5)
    assert terms["dynamic_kl"].item() == pytest.approx(loops.process_kl(X, q, prior) / 5)
    assert set(terms) == set(network.weights)


def test_loss_weighs_the_divergence():
    last = small(beta=7.0).fit(series()).history_[-1]
    expected = last["train_reconstruction"] + 7 * last["train_dynamic_kl"]
    assert last["train_loss"] == pytest.approx(expected, rel=1e-5)


def test_elbo_has_unit_weights():
    X = series()
    estimator = small(window=3, beta=9.0).fit(X)
    network, batch = estimator.net_.module_, batch_of(estimator, X)
    with torch.no_grad():
        terms = network(batch, SharedNoise(0))
        torch.testing.assert_close(
            -sum(network.bound(batch, SharedNoise(0), 1).values()).mean(), -sum(terms.values())
        )
    assert network.weights == {"reconstruction": 1.0, "dynamic_kl": 9.0}


def test_dynamics_behind_the_end_follow_the_conditional_mean():
    X = list(series())
    estimator = small(window=1).fit(X)
    cut = [x[:7] for x in X[:1]] + X[1:]
    codes = estimator.encode(cut)
    prior = estimator.net_.module_.prior
    K = prior.covariance(12).numpy()
    extended = [
        k[7:, :7] @ np.linalg.solve(k[:7, :7], z)
        for k, z in zip(K, codes.dynamic[0, :7].T, strict=True)
    ]
    given = torch.from_numpy(codes.dynamic), torch.from_numpy(codes.lengths)
    actual = estimator.net_.module_.extend_dynamic(*given, mean_noise)[0, 7:]
    np.testing.assert_allclose(actual, np.transpose(extended), rtol=1e-4, atol=1e-5)


def test_samples_move_slowly_where_the_length_scale_is_long():
    X = series()

    def roughness(scale):
        network = small(window=1, length_scale=scale).fit(X).net_.module_
        torch.manual_seed(0)
        drawn = network.sample_dynamic(200, 12, lambda _, shape, like: torch.randn(shape), False)
        return drawn.diff(dim=1).var().item()

    assert roughness(40.0) < 0.2 * roughness(0.5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("X", [series(shape=(4, 1, 2)), series(shape=(4, 3))], ids=["one", "2d"])
def test_a_single_window(kind, X):
    estimator = small(kind=kind, window=3 if X.ndim == 2 else 1).fit(X)
    assert estimator.encode(X, return_std=True).dynamic_std.shape == (4, 1, 4)
    assert np.isfinite(estimator.score_samples(X)).all()


@pytest.mark.parametrize("kernel", ["cauchy", "rbf"])
def test_training_lowers_the_objective(kernel):
    time = np.arange(12) + 6 * np.random.default_rng(0).random((40, 1))
    X = np.stack([np.sin(time / 2), np.cos(time / 2)], axis=-1)
    losses = small(kernel=kernel, max_epochs=8, lr=0.01).fit(X).history_[:, "train_loss"]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_codes(kind):
    X = series()
    first, second = (small(kind=kind).fit(X).transform(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, small(kind=kind, random_state=1).fit_transform(X))


def test_dimension_follows_a_later_set_params():
    estimator = small().set_params(dynamic_dim=3)
    assert "static_dim" not in estimator.get_params()
    assert estimator.fit_transform(series()).shape == (6, 6)
    assert list(estimator.get_feature_names_out()[:4]) == [
        "static0",
        "static1",
        "static2",
        "dynamic0",
    ]


def test_defaults_are_the_documented_ones():
    assert GPVAE().get_params(deep=False) == loops.documented_defaults(GPVAE)


BAD = [("kernel", "matern"), ("length_scale", 0.0), ("beta", -1.0), ("dynamic_dim", 0)]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_bad_parameter_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        small(**{name: value}).fit(series())
