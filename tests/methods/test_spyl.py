"""What is special of this method: the bank, the predicted positives, the warm-up."""

import pickle

import helpers
import loops
import numpy as np
import pytest
import torch
from skorch.callbacks import Callback

from tsdisentangle import SPYL
from tsdisentangle.data.windows import Windows, to_windows
from tsdisentangle.methods.spyl import over_time
from tsdisentangle.network import Posterior
from tsdisentangle.nn.gaussian import Gaussian
from tsdisentangle.nn.noise import SharedNoise, mean_noise

BOUND = {"reconstruction", "static_kl", "dynamic_kl"}
CONTRAST = {"static_contrast", "dynamic_contrast"}


def small(kind="window", **params):
    return helpers.small(SPYL, kind=kind, **{"window": 3, **params})


def series(seed=0, shape=(6, 12, 3)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def ragged():
    """Series of 4, 2, 3 and 1 windows, with a gap."""
    X = series()
    X[0, 4:7, 1] = np.nan
    return [X[0], X[1, :5], X[2, :9], X[3, :2]]


@pytest.fixture(scope="module")
def network_and_batch():
    X = ragged()
    estimator = small(missing="mask").fit(X)
    return estimator.net_.module_.double(), to_windows(estimator._read(X), 3).double()


def steady_noise(name, shape, like):
    """Draws of which those of a longer sequence begin with those of a shorter one."""
    rng = np.random.default_rng([ord(letter) for letter in name])
    draws = rng.standard_normal((24,) * len(shape))[tuple(slice(size) for size in shape)]
    return torch.as_tensor(draws, dtype=like.dtype)


def window_codes(network, batch, row, static, dynamic):
    """Decode one series, window by window, and encode what comes out, without its padding."""
    length = int(batch.valid[row].sum())
    decoded = torch.cat(
        [network.decode(static, dynamic[:, t : t + 1], mean_noise).mean for t in range(length)], 1
    )
    observed, valid = batch.observed[row : row + 1, :length], batch.valid[row : row + 1, :length]
    return network.encode(Windows(decoded * observed, observed, valid))


# -- samples ------------------------------------------------------------------------------------


def test_time_average_skips_padding():
    dynamic = Gaussian(torch.arange(12.0).view(2, 3, 2), torch.ones(2, 3, 2))
    static = Gaussian(torch.zeros(2, 1), torch.zeros(2, 1))
    valid = torch.tensor([[True, True, False], [True, True, True]])
    averaged = over_time(Posterior(static, dynamic), valid).dynamic
    assert averaged.mean.tolist() == [[1, 2], [8, 9]]
    assert averaged.logvar.tolist() == [[1, 1], [1, 1]]


def test_bank_is_decoded_prior_read_again(network_and_batch):
    network, batch = network_and_batch
    bank = network.bank(batch, steady_noise)
    static = network.sample_static(16, steady_noise)
    dynamic = network.sample_dynamic(16, 4, steady_noise, mean_path=True)
    assert bank.static.mean.shape == (16, 3)
    assert not bank.static.mean.requires_grad
    for j in range(16):
        codes = window_codes(network, batch, j % 4, static[j : j + 1], dynamic[j : j + 1])
        torch.testing.assert_close(bank.static.mean[j], codes.static.mean[0])
        torch.testing.assert_close(bank.dynamic.mean[j], codes.dynamic.mean[0].mean(0))
        torch.testing.assert_close(bank.dynamic.logvar[j], codes.dynamic.logvar[0].mean(0))


def test_positives_keep_one_code_and_draw_the_other(network_and_batch):
    network, batch = network_and_batch
    posterior = network.encode(batch)
    positives = network.positives(batch, posterior, steady_noise)
    static = network.sample_static(4, steady_noise)
    dynamic = network.sample_dynamic(4, 4, steady_noise, mean_path=True)
    for b in range(4):
        row = slice(b, b + 1)
        moved = window_codes(network, batch, b, posterior.static.mean[row], dynamic[row])
        torch.testing.assert_close(positives.static.mean[b], moved.static.mean[0])
        restyled = window_codes(network, batch, b, static[row], posterior.dynamic.mean[row])
        torch.testing.assert_close(positives.dynamic.mean[b], restyled.dynamic.mean[0].mean(0))


def test_gradient_flows_through_the_positives(network_and_batch):
    network, batch = network_and_batch
    positives = network.positives(batch, network.encode(batch), steady_noise)
    (gradient,) = torch.autograd.grad(
        positives.static.mean.square().sum(), network.decoder.mlp[0].weight
    )
    assert gradient.abs().max() > 0


# -- the terms ----------------------------------------------------------------------------------


def found_again(own, positive, bank):
    """The positive among the ten samples of twenty that are farthest; temperature 0.5."""
    assert len(bank.mean) == 20
    losses = []
    for b in range(5):
        q = own.mean[b], own.std[b]
        far = [loops.kl(*q, mean, std) for mean, std in zip(bank.mean, bank.std, strict=True)]
        others = bank.mean[np.argsort(far)[-10:]]
        hit, *misses = (
            np.exp(loops.cosine(q[0], code) / 0.5) for code in [positive.mean[b], *others]
        )
        losses.append(-np.log(hit / (hit + sum(misses))))
    return np.mean(losses)


@pytest.mark.parametrize("kind", ["window", "step"])
def test_terms_against_loops(kind):
    X = loops.panel()
    estimator = small(kind, missing="mask", max_epochs=1).fit([*X, series(1)[0]])
    network, batch, codes, terms, expected = loops.contrastive_terms(estimator, X)
    with torch.no_grad():
        positives = network.positives(batch, codes, loops.noise)
        bank = network.bank(batch, loops.noise)
    expected["static_contrast"] = found_again(codes.static, positives.static, bank.static)
    paths = [list(zip(part, loops.counts(X), strict=True)) for part in codes.dynamic]
    averages = (torch.stack([row[:length].mean(0) for row, length in path]) for path in paths)
    own = Gaussian(*averages)
    expected["dynamic_contrast"] = found_again(own, positives.dynamic, bank.dynamic)
    assert terms == pytest.approx(expected)


def test_batch_terms_exist_in_training_only(network_and_batch):
    network, batch = network_and_batch
    assert set(network(batch, mean_noise)) == BOUND
    network.train()
    names = set(network(batch, mean_noise))
    network.eval()
    assert names == BOUND | CONTRAST | {"information"} == set(network.weights)


def test_padding_changes_no_term(network_and_batch):
    network, batch = network_and_batch
    behind = (0, 0) * 2 + (0, 3)
    pad = torch.nn.functional.pad
    longer = Windows(
        pad(batch.values, behind), pad(batch.observed, behind), pad(batch.valid, (0, 3))
    )
    loops.steady(network, 3).double().train()
    terms, same = (network(windows, steady_noise) for windows in (batch, longer))
    network.eval()
    for name, term in terms.items():
        torch.testing.assert_close(same[name], term)


def test_values_under_the_mask_change_no_training():
    mask = np.random.default_rng(0).random((6, 12, 3)) < 0.3
    first, second = (
        small(missing="mask").fit(np.ma.array(np.where(mask, fill, series()), mask=mask))
        for fill in (0.0, 1e3)
    )
    assert first.history_[:, "train_loss"] == second.history_[:, "train_loss"]


def test_elbo_has_unit_weights_and_no_batch_terms(network_and_batch):
    network, batch = network_and_batch
    with torch.no_grad():
        terms = network(batch, SharedNoise(0))
        bound = -sum(network.bound(batch, SharedNoise(0), draws=1).values())
    torch.testing.assert_close(bound.mean(), -sum(terms.values()))


# -- the warm-up --------------------------------------------------------------------------------


def weighted_sum(row, contrast):
    names = [*BOUND, "information"]
    total = sum(row[f"train_{name}"] for name in names)
    return total + sum(contrast * row[f"train_{name}"] for name in CONTRAST)


def test_contrast_starts_after_its_share_of_the_epochs():
    history = small(warm_up=0.5, max_epochs=4, contrast=7.0).fit(series()).history_
    for row, contrast in zip(history, [0, 0, 7, 7], strict=True):
        assert row["train_loss"] == pytest.approx(weighted_sum(row, contrast), rel=1e-5)


@pytest.mark.slow
def test_contrast_waits_for_a_twentieth_of_the_epochs_by_default():
    history = small(max_epochs=40, contrast=7.0).fit(series()).history_
    for row, contrast in zip(history[:4], [0, 0, 7, 7], strict=True):
        assert row["train_loss"] == pytest.approx(weighted_sum(row, contrast), rel=1e-5)


@pytest.mark.parametrize(("warm_up", "contrast"), [(0.0, 7.0), (1.0, 0.0)])
def test_warm_up_of_nothing_and_of_everything(warm_up, contrast):
    history = small(warm_up=warm_up, contrast=7.0).fit(series()).history_
    for row in history:
        assert row["train_loss"] == pytest.approx(weighted_sum(row, contrast), rel=1e-5)


def test_partial_fit_counts_its_epochs():
    estimator = small(warm_up=0.5, max_epochs=4, contrast=7.0)
    for epoch in range(4):
        if epoch == 1:
            estimator = pickle.loads(pickle.dumps(estimator))
        row = estimator.partial_fit(series()).history_[-1]
        expected = weighted_sum(row, 7 * (epoch >= 2))
        assert row["train_loss"] == pytest.approx(expected, rel=1e-5)


def test_warm_up_changes_the_training():
    first, second = (small(warm_up=w, max_epochs=4).fit_transform(series()) for w in (0, 1))
    assert not np.allclose(first, second)


class Weights(Callback):
    """A callback of the user sees the weights of its epoch."""

    def on_epoch_begin(self, net, **kwargs):
        seen.append(net.module_.weights["static_contrast"])


seen = []


def test_weights_are_set_before_the_users_callbacks():
    seen.clear()
    small(warm_up=0.5, contrast=(7.0, 1.0), callbacks=[Weights()]).fit(series())
    assert seen == [0.0, 7.0]


# -- training -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["window", "step"])
def test_training_lowers_the_objective(kind):
    estimator = small(kind, max_epochs=12, lr=1e-2, warm_up=0)
    history = estimator.fit(series(shape=(32, 12, 3))).history_
    assert history[-1]["train_loss"] < 0.95 * history[0]["train_loss"]


def test_same_seed_same_codes():
    first, second = (small().fit_transform(series()) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("n", [1, 9])
def test_any_size_of_a_batch(n):
    estimator = small(warm_up=0).fit(series(shape=(n, 12, 3)))
    assert np.isfinite(estimator.history_[-1]["train_loss"])


def test_defaults_are_the_documented_ones():
    assert SPYL().get_params(deep=False) == loops.documented_defaults(SPYL)


@pytest.mark.parametrize(
    ("name", "value"),
    [("beta", (1.0,)), ("contrast", (1.0, -1.0)), ("warm_up", 1.5), ("temperature", 0.0)],
)
def test_bad_parameter_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        small(**{name: value}).fit(series())
