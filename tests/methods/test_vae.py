"""What is special of this method: windows apart, and a static code that is an average."""

import helpers
import numpy as np
import pytest
import torch
from sklearn.base import clone
from torch.distributions import Normal, kl_divergence

from tsdisentangle import VAE, Codes
from tsdisentangle.data.windows import to_windows
from tsdisentangle.nn.noise import SharedNoise, mean_noise, normal_noise


def small(kind="window", **params):
    return helpers.small(VAE, kind=kind, **{"window": 3, **params})


def series(seed=0, shape=(6, 12, 3)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.fixture(scope="module", params=["window", "step"])
def fitted(request):
    return small(request.param, missing="mask").fit(series())


# -- codes --------------------------------------------------------------------------------------


def test_a_window_is_encoded_and_decoded_on_its_own(fitted):
    X = series()
    codes, values = fitted.encode(X), fitted.reconstruct(X)
    for t in range(4):
        alone = fitted.encode(X[:, 3 * t : 3 * t + 3])
        np.testing.assert_allclose(alone.dynamic[:, 0], codes.dynamic[:, t], atol=1e-5)
        decoded = fitted.decode(alone)
        np.testing.assert_allclose(decoded, values[:, 3 * t : 3 * t + 3], atol=1e-5)


def test_static_code_is_the_average_over_valid_windows(fitted):
    X = [series()[0], series()[1, :5], series()[2, :2]]
    codes = fitted.encode(X, return_std=True)
    for i, length in enumerate([4, 2, 1]):
        mean = codes.dynamic[i, :length].mean(axis=0)
        std = np.sqrt(np.square(codes.dynamic_std[i, :length]).sum(axis=0)) / length
        np.testing.assert_allclose(codes.static[i], mean, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(codes.static_std[i], std, rtol=1e-5)


def test_decoding_does_not_use_the_static_code(fitted):
    X1, X2 = series(0), series(1)
    swapped12, swapped21 = fitted.swap(X1, X2)
    np.testing.assert_array_equal(swapped12, fitted.reconstruct(X2))
    np.testing.assert_array_equal(swapped21, fitted.reconstruct(X1))
    codes = fitted.encode(X1)
    other = Codes(codes.static + 5, codes.dynamic, codes.lengths)
    np.testing.assert_array_equal(fitted.decode(other), fitted.decode(codes))


def test_prior_is_standard_normal_and_independent(fitted):
    network = fitted.net_.module_
    torch.manual_seed(0)
    drawn = network.sample_dynamic(4000, 3, normal_noise, mean_path=False).flatten(1)
    torch.testing.assert_close(torch.cov(drawn.T), torch.eye(6), atol=0.1, rtol=0)
    path = network.sample_dynamic(2, 3, normal_noise, mean_path=True)
    torch.testing.assert_close(path, torch.zeros(2, 3, 2))


def test_codes_behind_the_end_are_the_mean_of_the_prior(fitted):
    dynamic, lengths = torch.ones(2, 4, 2), torch.tensor([1, 3])
    extended = fitted.net_.module_.extend_dynamic(dynamic, lengths, mean_noise)
    assert extended[..., 0].tolist() == [[1, 0, 0, 0], [1, 1, 1, 0]]


# -- the loss -----------------------------------------------------------------------------------


def test_terms_against_a_loop_over_values():
    X = [series()[0], series()[1, :7], series()[2, :3]]
    X[0][4, 1] = np.nan
    estimator = small(missing="mask", max_epochs=0).fit(X)
    network = estimator.net_.module_.double()
    batch = to_windows(estimator._read(X), 3).double()
    with torch.no_grad():
        terms = network(batch, SharedNoise(0))
        posterior = network.posterior(batch)
        codes = posterior.sample(SharedNoise(0), "dynamic")[0]
        decoded = network.decode(None, codes, mean_noise)
    normal = Normal(decoded.mean, decoded.std)
    nll = kl = 0.0
    for b, length in enumerate([4, 3, 1]):
        for t in range(length):
            q = Normal(posterior.mean[b, t], posterior.std[b, t])
            kl += kl_divergence(q, Normal(torch.zeros(2).double(), 1.0)).sum().item()
    for where in torch.nonzero(batch.observed).tolist():
        mean, std = (part[tuple(where)] for part in (normal.mean, normal.stddev))
        nll -= Normal(mean, std).log_prob(batch.values[tuple(where)]).item()
    assert terms["reconstruction"].item() == pytest.approx(nll / 3, rel=1e-10)
    assert terms["dynamic_kl"].item() == pytest.approx(kl / 3, rel=1e-10)
    assert set(terms) == set(network.weights)


def test_elbo_has_unit_weights():
    X = series()
    estimator = small(beta=7.0).fit(X)
    network, batch = estimator.net_.module_, to_windows(estimator._read(X), 3)
    with torch.no_grad():
        terms = network(batch, SharedNoise(0))
        bound = -sum(network.bound(batch, SharedNoise(0), draws=1).values())
    torch.testing.assert_close(bound.mean(), -sum(terms.values()))


def test_loss_weighs_the_divergence():
    last = small(beta=7.0).fit(series()).history_[-1]
    expected = last["train_reconstruction"] + 7 * last["train_dynamic_kl"]
    assert last["train_loss"] == pytest.approx(expected, rel=1e-5)


def test_training_lowers_the_objective():
    losses = small(max_epochs=12, lr=1e-2).fit(series(shape=(32, 12, 3))).history_[:, "train_loss"]
    assert losses[-1] < 0.98 * losses[0]


# -- parameters ---------------------------------------------------------------------------------


def test_static_code_has_the_size_of_the_dynamic_one():
    estimator = small().set_params(dynamic_dim=5)
    assert not hasattr(estimator, "static_dim")
    assert "static_dim" not in clone(estimator).get_params()
    names = estimator.fit(series()).get_feature_names_out()
    assert list(names[[0, 4, 5, 9]]) == ["static0", "static4", "dynamic0", "dynamic4"]


def test_bad_beta_is_refused():
    with pytest.raises(ValueError, match="beta"):
        small(beta=-1.0).fit(series())
