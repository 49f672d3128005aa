"""What is special of this method: generated series, and who learns what from whom."""

import copy
import math

import helpers
import numpy as np
import pytest
import torch

from tsdisentangle import (
    MoCoGAN,
    SpectrogramEncoder,
    TabularEncoder,
    VideoEncoder,
    make_static_dynamic,
)
from tsdisentangle.data.windows import to_windows
from tsdisentangle.nn.noise import mean_noise

BOUND = {"reconstruction", "static_kl", "dynamic_kl"}
GENERATOR = {"window_generator", "sequence_generator"}
DISCRIMINATORS = {"window_discriminator", "sequence_discriminator"}


def small(kind="window", **params):
    return helpers.small(MoCoGAN, kind=kind, **{"window": 3, **params})


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


# -- generated series ---------------------------------------------------------------------------


@torch.no_grad()
def test_series_are_draws_from_the_likelihood_of_drawn_codes():
    """Motion step by step from noise, decoded with one content code, with the batch's gaps."""
    network, batch = batch_of(ragged())
    fake = network.imitate(batch, named_noise)
    content = named_noise("static_prior", (4, 3), batch.values)
    drive = named_noise("dynamic_prior", (4, 4, 2), batch.values)
    motion = torch.zeros(4, 0, 2).double()
    for t in range(4):  # the whole path again for each step
        step = network.prior(torch.cat([motion, torch.zeros(4, 1, 2)], dim=1))
        step = step.mean[:, t] + step.std[:, t] * drive[:, t]
        motion = torch.cat([motion, step[:, None]], dim=1)
    decoded = network.decode(content, motion, mean_noise)
    grain = named_noise("imitation", (1, *decoded.mean.shape), batch.values)[0]
    expected = (decoded.mean + decoded.std * grain).where(batch.observed, 0.0)
    torch.testing.assert_close(fake.values, expected)
    assert torch.equal(fake.observed, batch.observed)
    assert torch.equal(fake.valid, batch.valid)


def test_frames_are_means_for_their_scale_is_that_of_a_squared_error():
    clips = np.random.default_rng(0).random((4, 3, 16, 16, 1)).astype(np.float32)
    encoder = VideoEncoder(16, 1, 2, out_features=6, hidden=4)
    estimator = small(encoder=encoder, window="auto", max_epochs=0).fit(clips)
    asked = []

    def listen(name, shape, like):
        asked.append(name)
        return mean_noise(name, shape, like)

    batch = to_windows(estimator._read(clips), 1)
    estimator.net_.module_.imitate(batch, listen)
    assert {"static_prior", "dynamic_prior"} <= set(asked)
    assert "imitation" not in asked


def test_generated_clips_leave_the_running_averages_alone():
    clips = np.random.default_rng(0).random((4, 3, 16, 16, 1)).astype(np.float32)
    encoder = VideoEncoder(16, 1, 2, out_features=6, hidden=4)
    estimator = small(encoder=encoder, window="auto", max_epochs=0).fit(clips)
    batch, network = to_windows(estimator._read(clips), 1), estimator.net_.module_.train()
    alone = copy.deepcopy(network)
    alone.compete = lambda batch, noise: {}
    network(batch, named_noise)
    alone(batch, named_noise)
    expected = dict(alone.named_buffers())
    averages = {n: b for n, b in network.named_buffers() if "running" in n}
    assert any(name.startswith("decoder") for name in averages)
    for name, average in averages.items():
        torch.testing.assert_close(average, expected[name])


# -- the loss -----------------------------------------------------------------------------------


class LookAt(torch.nn.Module):
    """A discriminator whose logits are known: the first value of a window, or of a series."""

    def __init__(self, whole):
        super().__init__()
        self.whole = whole

    def forward(self, batch):
        return batch.values[:, 0, 0, 0] if self.whole else batch.values[:, :, 0, 0]


def log_loss(logit, real):
    """``-log`` of the probability of what is so."""
    p = 1 / (1 + math.exp(-logit))
    return -math.log(p if real else 1 - p)


@torch.no_grad()
def test_adversarial_terms_by_hand():
    network, batch = batch_of(ragged())
    network.window_discriminator = LookAt(whole=False)
    network.sequence_discriminator = LookAt(whole=True)
    network.calibration = None  # it moves in the same step
    fake = network.imitate(batch, named_noise).values
    expected = dict.fromkeys(GENERATOR | DISCRIMINATORS, 0.0)
    for b, length in enumerate([4, 2, 3, 1]):
        real_one, fake_one = batch.values[b, 0, 0, 0].item(), fake[b, 0, 0, 0].item()
        expected["sequence_generator"] += log_loss(fake_one, True) / 4
        told = log_loss(real_one, True) + log_loss(fake_one, False)
        expected["sequence_discriminator"] += told / 4
        for t in range(length):
            real_one, fake_one = batch.values[b, t, 0, 0].item(), fake[b, t, 0, 0].item()
            expected["window_generator"] += log_loss(fake_one, True) / 4
            told = log_loss(real_one, True) + log_loss(fake_one, False)
            expected["window_discriminator"] += told / 4
    found = network.train()(batch, named_noise)
    assert set(found) == BOUND | GENERATOR | DISCRIMINATORS == set(network.weights)
    for name, value in expected.items():
        assert found[name].item() == pytest.approx(value, rel=1e-9), name


def moved_by(network, batch, name):
    """Parts of the network that a term has a gradient for."""
    network.zero_grad()
    network.train()(batch, named_noise)[name].backward()
    moved = (n for n, w in network.named_parameters() if w.grad is not None and w.grad.any())
    return {name.partition(".")[0] for name in moved}


@pytest.mark.parametrize("kind", ["window", "step"])
def test_who_learns_from_which_term(kind):
    network, batch = batch_of(ragged(), encoder=TabularEncoder(kind, hidden=8, out_features=6))
    for name in GENERATOR:
        assert moved_by(network, batch, name) == {"decoder", "prior"}
    for name in DISCRIMINATORS:
        assert moved_by(network, batch, name) == {name}
    bound = set().union(*(moved_by(network, batch, name) for name in BOUND))
    assert bound == {"encoder", "posterior", "decoder", "prior"}


def test_bound_has_unit_weights_and_no_part_of_the_competition():
    network, batch = batch_of(ragged(), beta=(2.0, 3.0), adversarial=5.0)
    with torch.no_grad():
        terms = network.eval()(batch, named_noise)
        bound = network.bound(batch, named_noise, draws=1)
    assert set(terms) == set(bound) == BOUND
    for name, part in bound.items():
        torch.testing.assert_close(part.mean(), terms[name])


def test_loss_weighs_its_terms():
    last = small(beta=(2.0, 3.0), adversarial=5.0).fit(series()).history_[-1]
    weights = {"static_kl": 2, "dynamic_kl": 3, **dict.fromkeys(GENERATOR, 5)}
    names = BOUND | GENERATOR | DISCRIMINATORS
    expected = sum(weights.get(name, 1) * last[f"train_{name}"] for name in names)
    assert last["train_loss"] == pytest.approx(expected, rel=1e-5)


def test_discriminators_share_no_weight_with_the_encoder():
    network, _ = batch_of(ragged())
    readers = network.window_discriminator.encoder, network.sequence_discriminator.encoder
    own = [{id(w) for w in each.parameters()} for each in (network.encoder, *readers)]
    assert len(set().union(*own)) == sum(map(len, own))


# -- parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "params", [{"adversarial": -1.0}, {"beta": (1.0, -1.0)}, {"beta": (1.0, 2.0, 3.0)}]
)
def test_bad_parameters_are_refused(params):
    with pytest.raises(ValueError, match=next(iter(params))):
        small(**params).fit(series())


@pytest.mark.parametrize("modality", ["video", "spectrogram"])
def test_clips_and_spectrograms(modality):
    rng = np.random.default_rng(0)
    if modality == "video":
        X, encoder = rng.random((4, 3, 16, 16, 1)), VideoEncoder(16, 1, 2, out_features=6, hidden=4)
    else:
        X, encoder = rng.random((4, 5, 9)), SpectrogramEncoder(hidden=6, out_features=6)
    X = X.astype(np.float32)
    estimator = small(encoder=encoder, window="auto").fit(X)
    assert estimator.reconstruct(X).shape == X.shape
    assert estimator.sample(2, 3).shape == (2, 3, *X.shape[2:])


# -- what it is for -----------------------------------------------------------------------------


def test_training_lowers_the_bound():
    X = series(shape=(32, 12, 3))
    trained, untrained = (small(max_epochs=epochs, lr=1e-2).fit(X) for epochs in (12, 0))
    assert trained.score(X) > untrained.score(X) + 1


@pytest.mark.slow
def test_a_discriminator_learns_to_tell_what_the_generator_does_not_learn_to_hide():
    """Without a word of theirs to the generator, both end below chance."""
    X = make_static_dynamic(120, n_steps=12, random_state=0).data
    estimator = small(adversarial=0.0, max_epochs=30, lr=1e-2, batch_size=20).fit(X)
    last = estimator.history_[-1]
    assert last["train_window_discriminator"] < 0.7 * 4 * 2 * math.log(2)
    assert last["train_sequence_discriminator"] < 0.7 * 2 * math.log(2)


def spread(X):
    """Standard deviation, between series, of their means over time; mean over channels."""
    return np.std(np.mean(X, axis=1), axis=0).mean()


@pytest.mark.slow
def test_with_discriminators_samples_from_the_prior_differ_more_nearly_as_the_data_do():
    X = make_static_dynamic(160, random_state=0).data
    encoder = TabularEncoder(hidden=32, out_features=16)
    sizes = {"static_dim": 8, "dynamic_dim": 8, "batch_size": 16, "lr": 1e-2, "max_epochs": 20}
    alone, judged = (
        MoCoGAN(encoder, adversarial=weight, random_state=0, **sizes).fit(X).sample(300, 24)
        for weight in (0.0, 1.0)
    )
    alone, judged = (spread(sample) / spread(X) for sample in (alone, judged))
    assert abs(judged - 1) < 0.6 * abs(alone - 1)
