"""What is special of this method: the posterior, the augmentations, the terms of training."""

import helpers
import loops
import numpy as np
import pytest
import torch
from torch import nn

from tsdisentangle import CDSVAE
from tsdisentangle.data.windows import Windows, to_windows
from tsdisentangle.losses.contrastive import contrast_views
from tsdisentangle.methods.cdsvae import permute_windows, rescale_channels
from tsdisentangle.nn.noise import SharedNoise, mean_noise, normal_noise
from tsdisentangle.nn.recurrent import SequenceLSTM
from tsdisentangle.nn.sequential_posterior import SequentialPosterior, end_states

BOUND = {"reconstruction", "static_kl", "dynamic_kl"}
TRAINING = {"information", "static_contrast", "dynamic_contrast"}


def small(kind="window", **params):
    return helpers.small(CDSVAE, kind=kind, **{"window": 3, **params})


def series(seed=0, shape=(6, 12, 3)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def ragged():
    """Series of 4, 2, 3 and 1 windows, with a gap."""
    X = series()
    X[0, 4:7, 1] = np.nan
    return [X[0], X[1, :5], X[2, :9], X[3, :2]]


def batch_of(X):
    estimator = small(missing="mask", max_epochs=0).fit(X)
    network = estimator.net_.module_.double()
    return network, to_windows(estimator._read(X), 3).double()


def padded(batch, windows):
    """The same batch with more windows of padding."""
    behind = (0, 0) * 2 + (0, windows)
    return Windows(
        nn.functional.pad(batch.values, behind),
        nn.functional.pad(batch.observed, behind),
        nn.functional.pad(batch.valid, (0, windows)),
    )


def steady_noise(name, shape, like):
    """Draws of which those of a longer sequence begin with those of a shorter one."""
    rng = np.random.default_rng([ord(letter) for letter in name])
    draws = rng.standard_normal((24,) * len(shape))[tuple(slice(size) for size in shape)]
    return torch.as_tensor(draws, dtype=like.dtype)


# -- the posterior ------------------------------------------------------------------------------


def test_end_states_are_those_of_a_packed_bidirectional_lstm():
    torch.manual_seed(0)
    ours, lengths = SequenceLSTM(3, 4).double(), torch.tensor([5, 1, 3])
    theirs = nn.LSTM(3, 4, batch_first=True, bidirectional=True).double()
    state = {**ours.forward_lstm.state_dict()}
    state |= {f"{k}_reverse": v for k, v in ours.backward_lstm.state_dict().items()}
    theirs.load_state_dict(state)
    sequence = torch.randn(3, 5, 3).double()
    packed = nn.utils.rnn.pack_padded_sequence(
        sequence, lengths, batch_first=True, enforce_sorted=False
    )
    expected = theirs(packed)[1][0].transpose(0, 1).flatten(1)
    torch.testing.assert_close(end_states(ours(sequence, lengths), lengths), expected)


def test_posterior_against_a_loop_over_steps():
    torch.manual_seed(0)
    posterior, lengths = SequentialPosterior(3, 2, 4).double(), torch.tensor([5, 2])
    features = torch.randn(2, 5, 3).double()
    static, dynamic = posterior(features, lengths)
    for b, length in enumerate(lengths):
        row = features[b : b + 1, :length]
        forwards, (ahead, _) = posterior.lstm.forward_lstm(row)
        backwards, (back, _) = posterior.lstm.backward_lstm(row.flip(1))
        ends = torch.cat([ahead[0], back[0]], -1)
        torch.testing.assert_close(static.mean[b : b + 1], posterior.static_head(ends).mean)
        state, rnn = torch.zeros(1, 3).double(), posterior.rnn
        for t in range(length):
            step = torch.cat([forwards[:, t], backwards[:, length - 1 - t]], -1)
            drive = step @ rnn.weight_ih_l0.T + rnn.bias_ih_l0
            state = torch.tanh(drive + state @ rnn.weight_hh_l0.T + rnn.bias_hh_l0)
            expected = posterior.dynamic_head(state)
            torch.testing.assert_close(dynamic.mean[b : b + 1, t], expected.mean)
            torch.testing.assert_close(dynamic.logvar[b : b + 1, t], expected.logvar)


@pytest.mark.parametrize("kind", ["window", "step"])
def test_static_code_sees_the_whole_series(kind):
    X = series()
    estimator = small(kind).fit(X)
    for t in (0, 6, 11):
        moved = X.copy()
        moved[:, t] += 3
        gap = np.abs(estimator.encode(moved).static - estimator.encode(X).static)
        assert (gap.max(axis=1) > 0).all()


# -- the augmentations --------------------------------------------------------------------------


def test_permutation_moves_valid_windows_only():
    _, batch = batch_of(ragged())
    longer = padded(batch, 2)
    torch.manual_seed(0)
    seen = set()
    for _ in range(20):
        moved = permute_windows(longer, normal_noise)
        assert torch.equal(moved.valid, longer.valid)
        for b, length in enumerate([4, 2, 3, 1]):
            assert torch.equal(moved.values[b, length:], longer.values[b, length:])
            assert not moved.observed[b, length:].any()
            order = []
            for t in range(length):
                same = (moved.values[b, t] == longer.values[b, :length]).flatten(1).all(1)
                order.append(int(same.nonzero().item()))
                assert torch.equal(moved.observed[b, t], longer.observed[b, order[-1]])
            assert sorted(order) == list(range(length))
            seen.add((b, *order))
    assert len(seen) > 10


def test_rescaling_is_one_map_a_series_and_channel():
    _, batch = batch_of(series(shape=(6, 12, 3)))
    torch.manual_seed(0)
    scales, shifts = [], []
    for _ in range(200):
        moved = rescale_channels(batch, normal_noise).values.flatten(1, 2)
        before = batch.values.flatten(1, 2)
        scale = (moved[:, 1] - moved[:, 0]) / (before[:, 1] - before[:, 0])
        shift = moved[:, 0] - scale * before[:, 0]
        torch.testing.assert_close(moved, scale[:, None] * before + shift[:, None])
        scales.append(scale)
        shifts.append(shift)
    scales, shifts = torch.stack(scales).flatten(), torch.stack(shifts).flatten()
    assert 0.8 < scales.min() < 0.81
    assert 1.19 < scales.max() < 1.2
    assert scales.mean().item() == pytest.approx(1.0, abs=0.01)
    assert shifts.std().item() == pytest.approx(0.1, abs=0.005)


def test_rescaling_leaves_what_is_not_observed_at_zero():
    _, batch = batch_of(ragged())
    moved = rescale_channels(batch, normal_noise)
    assert (moved.values[~batch.observed] == 0).all()
    assert torch.equal(moved.observed, batch.observed)


def test_augmentations_at_the_mean_of_the_noise_change_nothing():
    _, batch = batch_of(ragged())
    for augment in (permute_windows, rescale_channels):
        torch.testing.assert_close(augment(batch, mean_noise).values, batch.values)


# -- the terms ----------------------------------------------------------------------------------


def test_batch_terms_exist_in_training_only():
    network, batch = batch_of(ragged())
    assert set(network(batch, mean_noise)) == BOUND
    network.train()
    assert set(network(batch, mean_noise)) == BOUND | TRAINING == set(network.weights)


def partner_loss(first, second):
    """Of each view: its partner among all others, by cosines over a temperature of 0.5."""
    views, losses = [*first, *second], []
    for i, view in enumerate(views):
        likeness = [np.exp(loops.cosine(view, other) / 0.5) for other in views]
        partner = likeness[(i + len(first)) % len(views)]
        losses.append(-np.log(partner / (sum(likeness) - likeness[i])))
    return np.mean(losses)


@pytest.mark.parametrize("kind", ["window", "step"])
def test_terms_against_loops(kind):
    X = loops.panel()
    estimator = small(kind, missing="mask", max_epochs=1).fit([*X, series(1)[0]])
    network, batch, codes, terms, expected = loops.contrastive_terms(estimator, X)
    with torch.no_grad():
        permuted = network.encode(permute_windows(batch, loops.noise))
        rescaled = network.encode(rescale_channels(batch, loops.noise))
    expected["static_contrast"] = partner_loss(codes.static.mean, permuted.static.mean)
    paths = [part.dynamic.mean.clone() for part in (codes, rescaled)]
    for path in paths:
        for b, length in enumerate(loops.counts(X)):
            path[b, length:] = 0
    expected["dynamic_contrast"] = partner_loss(*(path.flatten(1) for path in paths))
    assert terms == pytest.approx(expected)


def test_padding_changes_no_term():
    network, batch = batch_of(ragged())
    loops.steady(network.float(), 3).double().train()
    terms = network(batch, steady_noise)
    for name, term in network(padded(batch, 3), steady_noise).items():
        torch.testing.assert_close(term, terms[name])


def test_values_under_the_mask_change_no_training():
    mask = np.random.default_rng(0).random((6, 12, 3)) < 0.3
    first, second = (
        small(missing="mask").fit(np.ma.array(np.where(mask, fill, series()), mask=mask))
        for fill in (0.0, 1e3)
    )
    assert first.history_[:, "train_loss"] == second.history_[:, "train_loss"]


def test_elbo_has_unit_weights_and_no_batch_terms():
    network, batch = batch_of(ragged())
    with torch.no_grad():
        terms = network(batch, SharedNoise(0))
        bound = -sum(network.bound(batch, SharedNoise(0), draws=1).values())
        alone = -sum(network.bound(batch.take(slice(1, 2)), SharedNoise(0), draws=1).values())
    torch.testing.assert_close(bound.mean(), -sum(terms.values()))
    torch.testing.assert_close(alone, bound[1:2])


def test_loss_is_the_weighted_sum_of_the_terms():
    params = {"beta": (2.0, 3.0), "contrast": (4.0, 5.0), "information": 6.0}
    last = small(**params).fit(series()).history_[-1]
    weights = {"reconstruction": 1, "static_kl": 2, "dynamic_kl": 3}
    weights |= {"static_contrast": 4, "dynamic_contrast": 5, "information": 6}
    total = sum(weight * last[f"train_{name}"] for name, weight in weights.items())
    assert last["train_loss"] == pytest.approx(total, rel=1e-5)


def test_validation_watches_the_bound():
    estimator = small(early_stopping=True, validation_fraction=0.3).fit(series(shape=(12, 12, 3)))
    last = estimator.history_[-1]
    assert {f"valid_{name}" for name in BOUND} <= set(last)
    assert not {f"valid_{name}" for name in TRAINING} & set(last)
    assert estimator.n_series_in_ == 12


# -- training -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["window", "step"])
def test_training_lowers_the_objective(kind):
    history = small(kind, max_epochs=12, lr=1e-2).fit(series(shape=(32, 12, 3))).history_
    assert history[-1]["train_loss"] < 0.95 * history[0]["train_loss"]


@pytest.mark.slow
def test_contrast_makes_the_static_code_ignore_the_order():
    """The augmented views come nearer than without the term."""
    X = series(shape=(32, 12, 3))

    def distance(contrast):
        estimator = small(contrast=contrast, max_epochs=25, lr=1e-2).fit(X)
        order = [6, 7, 8, 0, 1, 2, 9, 10, 11, 3, 4, 5]
        views = torch.as_tensor(np.stack([estimator.encode(x).static for x in (X, X[:, order])]))
        return contrast_views(*views, 0.5).mean()

    assert distance(20.0) < distance(0.0)


def test_same_seed_same_codes():
    first, second = (small().fit_transform(series()) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("n", [1, 9])
def test_a_batch_of_one_has_nothing_to_contrast(n):
    estimator = small().fit(series(shape=(n, 12, 3)))
    assert np.isfinite(estimator.history_[-1]["train_loss"])


def test_defaults_are_the_documented_ones():
    assert CDSVAE().get_params(deep=False) == loops.documented_defaults(CDSVAE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("beta", (1.0,)),
        ("beta", (1.0, -1.0)),
        ("contrast", (1.0, 2.0, 3.0)),
        ("contrast", -1.0),
        ("information", -1.0),
        ("temperature", 0.0),
    ],
)
def test_bad_parameter_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        small(**{name: value}).fit(series())
