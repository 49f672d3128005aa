"""What is special of this method: penalties of the codes of all series together."""

import math

import helpers
import numpy as np
import pytest
import torch
from torch.distributions import Normal, kl_divergence

from tsdisentangle import (
    RWAE,
    SpectrogramEncoder,
    TabularEncoder,
    VideoEncoder,
    make_static_dynamic,
)
from tsdisentangle.data.windows import to_windows
from tsdisentangle.losses.mmd import SCALES
from tsdisentangle.nn.noise import SharedNoise, mean_noise

PENALTIES = {"mmd": {"static_penalty"}, "gan": {"static_penalty", "discriminator"}}


def small(kind="window", **params):
    return helpers.small(RWAE, kind=kind, **{"window": 3, **params})


def series(seed=0, shape=(6, 12, 3)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def ragged():
    """Series of 4, 2, 3 and 1 windows, with a gap."""
    X = series()
    X[0, 4:7, 1] = np.nan
    return [X[0], X[1, :5], X[2, :9], X[3, :2]]


def batch_of(X, **params):
    estimator = small(missing="mask", max_epochs=0, **params).fit(X)
    network = estimator.net_.module_.double()
    return network, to_windows(estimator._read(X), 3).double()


def named_noise(name, shape, like):
    """Draws of each name's own, the same when asked again."""
    rng = np.random.default_rng([ord(letter) for letter in name])
    return torch.as_tensor(rng.standard_normal(shape), dtype=like.dtype)


def kernel(u, v):
    squared = float(((u - v) ** 2).sum())
    return sum(2 * len(u) * c / (2 * len(u) * c + squared) for c in SCALES)


def discrepancy(codes, drawn):
    """Double loop over the rows of two samples."""
    n = len(codes)
    total = 0.0
    for i in range(n):
        for j in range(n):
            total -= 2 * kernel(codes[i], drawn[j]) / n**2
            if i != j:
                total += (kernel(codes[i], codes[j]) + kernel(drawn[i], drawn[j])) / (n * (n - 1))
    return total


# -- the loss -----------------------------------------------------------------------------------


@torch.no_grad()
def literal_terms(network, batch):
    """Terms of training, but for the adversarial ones, as loops."""
    posterior = network.encode(batch)
    static = posterior.static.sample(named_noise, "static")[0]
    dynamic = posterior.dynamic.sample(named_noise, "dynamic")[0]
    decoded = network.decode(static, dynamic, named_noise, batch.valid)
    nll = 0.0
    for where in torch.nonzero(batch.observed).tolist():
        mean, std = (part[tuple(where)] for part in (decoded.mean, decoded.std))
        nll -= Normal(mean, std).log_prob(batch.values[tuple(where)]).item()
    prior = network.prior(dynamic)
    step = prior.mean + prior.std * named_noise("dynamic_prior", (1, *dynamic.shape), dynamic)[0]
    over_time = 0.0
    for t in range(dynamic.shape[1]):
        there = batch.valid[:, t]
        if there.sum() > 1:
            over_time += discrepancy(dynamic[there, t], step[there, t])
    drawn = named_noise("static_prior", static.shape, static)
    return {
        "reconstruction": nll / len(static),
        "static_penalty": discrepancy(static, drawn),
        "dynamic_penalty": over_time,
    }


def test_terms_against_loops_over_pairs_of_series():
    network, batch = batch_of(ragged())
    expected = literal_terms(network, batch)
    network.calibration = None
    found = network.train()(batch, named_noise)
    assert set(found) == set(expected) == set(network.weights)
    for name, term in found.items():
        assert term.item() == pytest.approx(expected[name], rel=1e-8), name


def test_the_discriminator_of_codes_by_hand():
    """Its logit is the first coordinate: codes and draws are told apart by that."""
    network, batch = batch_of(ragged(), penalty="gan")

    class First(torch.nn.Module):
        def forward(self, codes):
            return codes[:, 0]

    network.discriminator = First()
    with torch.no_grad():
        found = network.train()(batch, named_noise)
        codes = network.encode(batch).static.sample(named_noise, "static")[0][:, 0]
    drawn = named_noise("static_prior", (4, 3), codes)[:, 0]
    fooled = [math.log(1 + math.exp(-u)) for u in codes.tolist()]
    real = [math.log(1 + math.exp(-v)) for v in drawn.tolist()]
    fake = [math.log(1 + math.exp(u)) for u in codes.tolist()]
    assert found["static_penalty"].item() == pytest.approx(np.mean(fooled))
    assert found["discriminator"].item() == pytest.approx(np.mean(real) + np.mean(fake))


def test_each_side_of_the_competition_learns_from_its_own_term():
    network, batch = batch_of(ragged(), penalty="gan")
    judge = set(network.discriminator.parameters())
    for name, own in (("static_penalty", False), ("discriminator", True)):
        network.zero_grad()
        network.train()(batch, named_noise)[name].backward()
        moved = {w for w in network.parameters() if w.grad is not None and w.grad.abs().sum() > 0}
        assert moved
        assert moved <= judge if own else not moved & judge


@pytest.mark.parametrize("penalty", ["mmd", "gan"])
def test_loss_weighs_the_penalties(penalty):
    last = small(penalty=penalty, beta=(3.0, 7.0)).fit(series()).history_[-1]
    expected = last["train_reconstruction"] + 3 * last["train_static_penalty"]
    expected += 7 * last["train_dynamic_penalty"] + last.get("train_discriminator", 0.0)
    assert last["train_loss"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("penalty", ["mmd", "gan"])
def test_validation_is_the_reconstruction(penalty):
    estimator = small(penalty=penalty, early_stopping=True, validation_fraction=0.5)
    last = estimator.fit(series()).history_[-1]
    assert last["valid_loss"] == pytest.approx(last["valid_reconstruction"])
    assert not any(name in last for name in ("valid_static_penalty", "valid_dynamic_penalty"))


def test_a_last_batch_of_one_series_has_no_penalty():
    network, batch = batch_of(ragged())
    found = network.train()(batch.take(slice(0, 1)), named_noise)
    assert found["static_penalty"].item() == found["dynamic_penalty"].item() == 0
    assert np.isfinite(small(batch_size=5).fit(series()).score(series()))


def test_score_is_the_evidence_lower_bound():
    network, batch = batch_of(ragged())
    with torch.no_grad():
        found = network.bound(batch, SharedNoise(0), draws=1)
        posterior = network.encode(batch)
        dynamic = posterior.dynamic.sample(SharedNoise(0), "dynamic")[0]
        prior = network.prior(dynamic)
    assert set(found) == {"reconstruction", "static_kl", "dynamic_kl"}
    q = Normal(posterior.static.mean, posterior.static.std)
    unit = Normal(torch.zeros_like(q.mean), torch.ones_like(q.mean))
    torch.testing.assert_close(found["static_kl"], kl_divergence(q, unit).sum(-1))
    steps = kl_divergence(
        Normal(posterior.dynamic.mean, posterior.dynamic.std), Normal(prior.mean, prior.std)
    )
    expected = torch.where(batch.valid, steps.sum(-1), 0.0).sum(1)
    torch.testing.assert_close(found["dynamic_kl"], expected)


# -- parameters ---------------------------------------------------------------------------------


def test_single_series_have_nothing_to_be_compared_with():
    with pytest.raises(ValueError, match=r"batch_size is 1, .*at least 2"):
        small(batch_size=1).fit(series())


@pytest.mark.parametrize(
    "params", [{"penalty": "kl"}, {"beta": -1.0}, {"beta": (1.0, -1.0)}, {"beta": (1.0, 2.0, 3.0)}]
)
def test_bad_parameters_are_refused(params):
    with pytest.raises(ValueError, match=next(iter(params))):
        small(**params).fit(series())


@pytest.mark.parametrize("penalty", ["mmd", "gan"])
@pytest.mark.parametrize("modality", ["video", "spectrogram"])
def test_clips_and_spectrograms(modality, penalty):
    rng = np.random.default_rng(0)
    if modality == "video":
        X, encoder = rng.random((4, 3, 16, 16, 1)), VideoEncoder(16, 1, 2, out_features=6, hidden=4)
    else:
        X, encoder = rng.random((4, 5, 9)), SpectrogramEncoder(hidden=6, out_features=6)
    estimator = small(encoder=encoder, window="auto", penalty=penalty).fit(X.astype(np.float32))
    assert estimator.reconstruct(X.astype(np.float32)).shape == X.shape
    assert set(PENALTIES[penalty]) <= set(estimator.net_.module_.weights)


# -- what it is for -----------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", ["mmd", "gan"])
def test_training_lowers_the_objective(penalty):
    losses = small(penalty=penalty, max_epochs=12, lr=1e-2).fit(series(shape=(32, 12, 3)))
    first, *_, last = losses.history_[:, "train_loss"]
    assert last < 0.98 * first


@pytest.mark.slow
@pytest.mark.parametrize("penalty", ["mmd", "gan"])
def test_the_penalty_brings_static_codes_to_their_prior(penalty):
    """Their spread over all series is that of ``N(0, I)``; without it they go elsewhere."""
    X = make_static_dynamic(200, n_steps=12, random_state=0).data
    sizes = {"static_dim": 4, "dynamic_dim": 4, "window": 3, "lr": 1e-2, "max_epochs": 40}
    encoder = TabularEncoder(hidden=32, out_features=16)

    def off(beta):
        estimator = RWAE(encoder, penalty=penalty, beta=beta, random_state=0, **sizes).fit(X)
        codes = estimator.encode(X, return_std=True)
        second = np.square(codes.static).mean(0) + np.square(codes.static_std).mean(0)
        return np.abs(np.log(second)).max()

    assert off(10.0) < 0.5 * off(0.0)


def test_the_mean_of_a_code_is_what_encode_returns():
    X = series()
    estimator = small().fit(X)
    network, batch = estimator.net_.module_, to_windows(estimator._read(X), 3)
    with torch.no_grad():
        posterior = network.encode(batch)
        torch.testing.assert_close(
            posterior.static.sample(mean_noise, "static")[0], posterior.static.mean
        )
    np.testing.assert_allclose(estimator.encode(X).static, posterior.static.mean, rtol=1e-5)
