"""What is special of this method: the table of means, and the codes that lie around them."""

import copy

import helpers
import loops
import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import norm

from tsdisentangle import FHVAE, load
from tsdisentangle.nn.gaussian import Gaussian
from tsdisentangle.nn.noise import SharedNoise, mean_noise
from tsdisentangle.training.skorch_net import DisentanglingNet

BOUND = {"reconstruction", "static_kl", "segment_kl", "dynamic_kl"}


def small(kind="window", **params):
    return helpers.small(FHVAE, kind=kind, **{"window": 3, **params})


def series(seed=0, shape=(6, 12, 3)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def table_of(estimator):
    return estimator.net_.module_.series_means.detach().numpy().copy()


def observed_windows(X):
    return [[t for t in range(4) if np.isfinite(x[3 * t : 3 * t + 3]).any()] for x in X]


# -- the static code ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["window", "step"])
def test_static_code_of_new_series_is_the_map_estimate_of_their_mean(kind):
    X = loops.panel()
    estimator = small(kind, missing="mask").fit([x + 1 for x in X])
    codes = estimator.encode(X, return_std=True)
    for b, windows in enumerate(observed_windows(X)):
        # Each window alone: its estimate is z / 1.25.
        one = [estimator.encode([X[b]], windows=np.array([[t]])).static[0] for t in windows]
        total = 1.25 * np.sum(one, axis=0)
        np.testing.assert_allclose(codes.static[b], total / (len(windows) + 0.25), atol=1e-5)
        np.testing.assert_allclose(
            codes.static_std[b], 0.5 / np.sqrt(len(windows) + 0.25), rtol=1e-5
        )


def test_map_estimate_is_the_row_of_which_the_objective_is_least():
    """Without the discriminative term, the loss has no gradient in the table there."""
    X = series()
    estimator = small(discrimination=0.0).fit(X)
    network, batch = loops.in_float64(estimator, X)
    with torch.no_grad():
        network.series_means.copy_(network.encode(batch).static.mean)
    terms = network.train()(batch._replace(rows=torch.arange(len(X))), mean_noise)
    loss = sum(network.weights[name] * term for name, term in terms.items())
    (gradient,) = torch.autograd.grad(loss, network.series_means)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient))


# -- the terms ----------------------------------------------------------------------------------


def literal(network, X, batch, rows, means, discriminate):
    """The terms of a batch, window by window."""
    network.eval()
    with torch.no_grad():
        features = network.encoder(batch.values, batch.observed)
        q2 = network.static_head(network.encoder.static_summary(features, batch.observed))
        q2 = Gaussian(q2.mean.clone(), q2.logvar.clone())
        for b, windows in enumerate(observed_windows(X)):
            mean = sum(q2.mean[b, t] for t in windows) / (len(windows) + 0.25)
            for t in set(range(4)) - set(windows):
                q2.mean[b, t] = mean if means is None else torch.as_tensor(means[b])
                q2.logvar[b, t] = np.log(0.25)
        z2 = loops.draws(q2, "static")
        summary = network.encoder.dynamic_summary(features, batch.observed)
        hidden = torch.tanh(network.dynamic_hidden(torch.cat([summary, z2], -1)))
        q1 = network.dynamic_head(hidden)
        z1 = loops.draws(q1, "dynamic")
        decoded = network.decode(z2, z1, loops.noise)
    terms = dict.fromkeys(("static_kl", "segment_kl", "dynamic_kl", "discrimination"), 0.0)
    table = network.series_means.detach().numpy()
    for b, windows in enumerate(observed_windows(X)):
        size = q2.mean.shape[-1]
        if means is None:
            mean = sum(q2.mean[b, t] for t in windows) / (len(windows) + 0.25)
            std = np.sqrt(0.25 / (len(windows) + 0.25))
            terms["static_kl"] += loops.kl(mean, np.full(size, std), np.zeros(size), np.ones(size))
        else:
            mean, std = means[b], 0.0
            terms["static_kl"] += 0.5 * float((mean**2).sum())
        for t in windows:
            around = np.asarray(mean), np.full(size, 0.5)
            terms["segment_kl"] += loops.kl(q2.mean[b, t], q2.std[b, t], *around)
            terms["segment_kl"] += size * std**2 / (2 * 0.25)
            if discriminate is not None:
                logits = norm.logpdf(q2.mean[b, t], table[discriminate], 0.5).sum(1)
                own = norm.logpdf(q2.mean[b, t], table[rows[b]], 0.5).sum()
                terms["discrimination"] += logsumexp(logits) - own
        for t in range(loops.counts(X)[b]):
            q = q1.mean[b, t], q1.std[b, t]
            terms["dynamic_kl"] += loops.kl(*q, np.zeros(len(q[0])), np.ones(len(q[0])))
    terms["reconstruction"] = loops.nll(X, batch.values, decoded)
    return {name: term / len(X) for name, term in terms.items()}


@pytest.mark.parametrize("kind", ["window", "step"])
@pytest.mark.parametrize("compared", [None, [0, 1, 2, 4, 6, 7]])
def test_terms_of_training_against_loops(kind, compared):
    X = loops.panel()
    estimator = small(kind, missing="mask").fit([*X, *(x + 1 for x in X[:3])])
    network, batch = loops.in_float64(estimator, X)
    rows = torch.tensor([6, 0, 2, 7, 4])
    against = range(8) if compared is None else compared
    means = network.series_means.detach()[rows].numpy()
    expected = literal(network, X, batch, rows, means, list(against))
    network.train()
    network.compare(None if compared is None else torch.tensor(compared))
    terms = network(batch._replace(rows=rows), loops.noise)
    assert set(terms) == set(network.weights)
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected)


def test_terms_of_validation_against_loops():
    X = loops.panel()
    network, batch = loops.in_float64(small(missing="mask").fit(X), X)
    with torch.no_grad():
        terms = network(batch, loops.noise)
    expected = literal(network, X, batch, None, None, None)
    assert set(terms) == BOUND
    assert {n: t.item() for n, t in terms.items()} == pytest.approx(
        {name: expected[name] for name in BOUND}
    )


def test_score_has_both_codes_of_a_window_among_its_dynamics():
    X = loops.panel()
    network, batch = loops.in_float64(small(missing="mask").fit(X), X)
    with torch.no_grad():
        terms = network(batch, SharedNoise(0))
        parts = network.bound(batch, SharedNoise(0), draws=1)
        alone = network.bound(batch.take(slice(1, 2)), SharedNoise(0), draws=1)
    torch.testing.assert_close(sum(parts.values()).mean(), sum(terms.values()))
    torch.testing.assert_close(parts["static_kl"].mean(), terms["static_kl"])
    for name, part in parts.items():
        torch.testing.assert_close(part[1:2], alone[name])


def test_training_needs_to_know_the_series():
    X = series()
    network, batch = loops.in_float64(small().fit(X), X)
    with pytest.raises(ValueError, match="no rows"):
        network.train()(batch, mean_noise)


def test_decoding_takes_the_mean_of_the_series_and_draws_around_it_if_asked():
    X = series()
    network, _ = loops.in_float64(small().fit(X), X)
    static, dynamic = torch.randn(2, 3).double(), torch.randn(2, 4, network.dynamic_dim).double()
    static = static[:, :1].expand(2, network.static_dim)
    with torch.no_grad():
        mean = network.decode(static, dynamic, mean_noise)
        each = network.decode(static[:, None].expand(-1, 4, -1), dynamic, mean_noise)
        torch.testing.assert_close(mean.mean, each.mean)
        drawn = loops.noise("segment", (2, 4, network.static_dim), static)
        expected = network.decode(static[:, None] + 0.5 * drawn, dynamic, mean_noise)
        torch.testing.assert_close(network.decode(static, dynamic, loops.noise).mean, expected.mean)


def test_a_hidden_window_is_made_from_the_mean_of_its_series():
    """It is counted by the loss, and what the encoder makes of nothing is no part of it."""
    X = series()
    network, batch = loops.in_float64(small(missing="mask").fit(X), X)
    seen = batch.observed.clone()
    seen[:, 2] = False
    hidden = batch._replace(
        values=batch.values.where(seen, 0.0), observed=seen, whole=(batch,), rows=torch.arange(6)
    )
    given = []
    decode = network.decode
    network.decode = lambda *args: given.append(args[0]) or decode(*args)
    network.train()(hidden, mean_noise)
    torch.testing.assert_close(given[0][:, 2], network.series_means)
    assert not torch.isclose(given[0][:, 1], network.series_means).all()


# -- the table ----------------------------------------------------------------------------------


def test_every_series_has_its_own_row_whatever_the_order_of_batches():
    X = series(shape=(8, 12, 3))
    fitted, dataset = small(max_epochs=1, batch_size=3)._prepare(X)
    before, seen = table_of(fitted), []
    fitted.net_.module_.register_forward_pre_hook(lambda network, args: seen.append(args[0]))
    fitted._train(dataset, 1)
    assert (np.abs(table_of(fitted) - before).max(axis=1) > 0).all()
    assert sorted(torch.cat([batch.rows for batch in seen]).tolist()) == list(range(8))
    for batch in seen:
        torch.testing.assert_close(batch.values, dataset[batch.rows].values)


def test_series_that_are_held_out_are_compared_with_none():
    X = series(shape=(10, 12, 3))
    untrained = table_of(small(max_epochs=0, early_stopping=True).fit(X))
    fitted = small(max_epochs=2, early_stopping=True, validation_fraction=0.3).fit(X)
    moved = np.abs(table_of(fitted) - untrained).max(axis=1) > 0
    assert moved.sum() == 7
    assert {f"valid_{name}" for name in BOUND} <= set(fitted.history_[-1])
    assert "valid_discrimination" not in fitted.history_[-1]


@pytest.mark.parametrize("n", [3, 6, 9])
def test_partial_fit_goes_on_with_a_table_of_its_series(n, tmp_path):
    estimator = small(max_epochs=2).fit(series())
    X = series(1, (n, 12, 3))
    codes = estimator.encode(X).static
    estimator.save(tmp_path / "before.tsd")
    for each in (estimator, load(tmp_path / "before.tsd")):
        each.partial_fit(X)
        assert each.n_series_in_ == n
        # A step of Adam from there, or two, each move a coordinate by about the learning rate.
        assert table_of(each).shape == codes.shape
        assert 0 < np.abs(table_of(each) - codes).max() <= 2.1 * each.lr
        each.partial_fit(X)
        each.save(tmp_path / "after.tsd")
        again = load(tmp_path / "after.tsd")
        np.testing.assert_array_equal(again.transform(X), each.transform(X))
        np.testing.assert_array_equal(table_of(again), table_of(each))


@pytest.mark.parametrize("epochs", [0, 2])
@pytest.mark.parametrize("n", [6, 9])
def test_partial_fit_that_fails_changes_nothing(epochs, n, monkeypatch):
    X, other = series(), series(1, (n, 12, 3))
    estimator = small(max_epochs=epochs).fit(X)
    untouched = copy.deepcopy(estimator)
    with monkeypatch.context() as patch:
        get_loss = DisentanglingNet.get_loss
        patch.setattr(
            DisentanglingNet,
            "get_loss",
            lambda *args, **kwargs: get_loss(*args, **kwargs) * float("nan"),
        )
        with pytest.raises(FloatingPointError):
            estimator.partial_fit(other)
    helpers.assert_same_fit(estimator, untouched, X)
    assert estimator.n_series_in_ == 6
    np.testing.assert_array_equal(table_of(estimator), table_of(untouched))
    helpers.assert_same_fit(estimator.partial_fit(other), untouched.partial_fit(other), X)


# -- training -----------------------------------------------------------------------------------


def test_loss_is_the_weighted_sum_of_the_terms():
    last = small(beta=(2.0, 3.0), discrimination=4.0).fit(series()).history_[-1]
    weights = {"reconstruction": 1, "static_kl": 2, "segment_kl": 2, "dynamic_kl": 3}
    weights["discrimination"] = 4
    total = sum(weight * last[f"train_{name}"] for name, weight in weights.items())
    assert last["train_loss"] == pytest.approx(total, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["window", "step"])
def test_training_lowers_the_objective(kind):
    history = small(kind, max_epochs=12, lr=1e-2).fit(series(shape=(32, 12, 3))).history_
    assert history[-1]["train_loss"] < 0.95 * history[0]["train_loss"]


def test_a_single_series_has_nothing_to_be_told_from():
    last = small().fit(series(shape=(1, 12, 3))).history_[-1]
    assert last["train_discrimination"] == pytest.approx(0, abs=1e-5)


def test_defaults_are_the_documented_ones():
    assert FHVAE().get_params(deep=False) == loops.documented_defaults(FHVAE)


@pytest.mark.parametrize(
    ("name", "value"), [("beta", (1.0,)), ("beta", -1.0), ("discrimination", -1.0)]
)
def test_bad_parameter_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        small(**{name: value}).fit(series())
