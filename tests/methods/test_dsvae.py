"""What is special of this method: the two forms of the dynamic posterior."""

import helpers
import loops
import numpy as np
import pytest
import torch

from tsdisentangle import DSVAE
from tsdisentangle.nn.noise import SharedNoise

POSTERIORS = ("full", "factorised")


def small(posterior="full", **params):
    return helpers.small(DSVAE, **{"window": 3, "posterior": posterior, **params})


def series(seed=0, shape=(6, 12, 3)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def run(lstm, row):
    """Outputs and last state of one LSTM over the steps of one row, by its equations."""
    hidden = torch.zeros(1, lstm.hidden_size, dtype=row.dtype)
    cell, outputs = hidden, []
    for step in row:
        gates = step @ lstm.weight_ih_l0.T + lstm.bias_ih_l0
        gates = gates + hidden @ lstm.weight_hh_l0.T + lstm.bias_hh_l0
        i, f, g, o = gates.chunk(4, dim=-1)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        hidden = o.sigmoid() * cell.tanh()
        outputs.append(hidden)
    return outputs


def both_ways(lstm, row):
    """Outputs of both directions, in the order of the steps."""
    forwards, backwards = run(lstm.forward_lstm, row), run(lstm.backward_lstm, row.flip(0))
    return forwards, backwards[::-1]


def literal_posteriors(network, features, length, static):
    """Gaussians of one series: of its static code, and of its windows given a static code."""
    row = features[:length]
    forwards, backwards = both_ways(network.static_lstm, row)
    of_series = network.static_head(torch.cat([forwards[-1], backwards[0]], -1))
    if network.dynamic_lstm is None:
        return of_series, [network.dynamic_head(step[None]) for step in row]
    read = torch.cat([row, static.expand(length, -1)], -1)
    rnn, state, moving = network.dynamic_rnn, torch.zeros(1, row.shape[1]).double(), []
    for ahead, back in zip(*both_ways(network.dynamic_lstm, read), strict=True):
        drive = torch.cat([ahead, back], -1) @ rnn.weight_ih_l0.T + rnn.bias_ih_l0
        state = torch.tanh(drive + state @ rnn.weight_hh_l0.T + rnn.bias_hh_l0)
        moving.append(network.dynamic_head(state))
    return of_series, moving


@pytest.mark.parametrize("posterior", POSTERIORS)
def test_posteriors_against_loops(posterior):
    X = loops.panel()
    network, batch = loops.in_float64(small(posterior, missing="mask").fit(X), X)
    torch.manual_seed(0)
    static = torch.randn(2, len(X), network.static_dim).double()
    with torch.no_grad():
        features, lengths = network.summary(batch), batch.valid.sum(1)
        of_series = network.static_posterior(features, lengths)
        moving = network.dynamic_posterior(features, lengths, static)
        for b, length in enumerate(loops.counts(X)):
            for draw in range(2):
                wanted = literal_posteriors(network, features[b], length, static[draw, b])
                for part, own in zip(of_series, wanted[0], strict=True):
                    torch.testing.assert_close(part[b], own[0])
                for t in range(length):
                    for part, own in zip(moving, wanted[1][t], strict=True):
                        torch.testing.assert_close(part[draw, b, t], own[0])


@pytest.mark.parametrize("posterior", POSTERIORS)
@pytest.mark.parametrize("training", [True, False])
def test_terms_against_loops(posterior, training):
    X = loops.panel()
    network, batch = loops.in_float64(small(posterior, missing="mask").fit(X), X)
    network.train(training)
    with torch.no_grad():
        terms = network(batch, loops.noise)
        features, lengths = network.summary(batch), batch.valid.sum(1)
        codes = network.encode(batch)
        static = loops.draws(codes.static, "static")
        given = network.dynamic_posterior(features, lengths, static[None])
        codes = codes._replace(dynamic=type(codes.dynamic)(*(part[0] for part in given)))
        dynamic = loops.draws(codes.dynamic, "dynamic")
        expected = loops.bound(network, X, batch, codes, static, dynamic)
    assert set(terms) == set(network.weights)
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected)


@pytest.mark.parametrize(("posterior", "sees"), [("full", True), ("factorised", False)])
def test_whether_a_dynamic_code_sees_other_windows(posterior, sees):
    X = series()
    estimator = small(posterior).fit(X)
    moved = X.copy()
    moved[:, 9:] += 3
    first, second = estimator.encode(X), estimator.encode(moved)
    gap = np.abs(first.dynamic - second.dynamic)[:, :3].max(axis=(1, 2))
    assert ((gap > 0) == sees).all()
    assert (np.abs(first.static - second.static).max(axis=1) > 0).all()


def test_dynamic_codes_of_the_full_posterior_depend_on_the_static_code():
    X = series()
    network, batch = loops.in_float64(small().fit(X), X)
    static = torch.zeros(1, 6, network.static_dim).double()
    with torch.no_grad():
        given = network.summary(batch), batch.valid.sum(1)
        one, other = (network.dynamic_posterior(*given, code).mean for code in (static, static + 1))
    assert (one - other).abs().amax(-1).min() > 0


@pytest.mark.parametrize("posterior", POSTERIORS)
def test_elbo_has_unit_weights_and_is_each_series_own(posterior):
    X = loops.panel()
    estimator = small(posterior, missing="mask", beta=(2.0, 3.0)).fit(X)
    network, batch = loops.in_float64(estimator, X)
    with torch.no_grad():
        together = network.bound(batch, SharedNoise(0), draws=4)
        alone = network.bound(batch.take(slice(1, 2)), SharedNoise(0), draws=4)
    for name, part in together.items():
        torch.testing.assert_close(part[1:2], alone[name])
    assert network.weights == {"reconstruction": 1.0, "static_kl": 2.0, "dynamic_kl": 3.0}


@pytest.mark.slow
@pytest.mark.parametrize("posterior", POSTERIORS)
def test_training_lowers_the_objective(posterior):
    history = small(posterior, max_epochs=12, lr=1e-2).fit(series(shape=(32, 12, 3))).history_
    assert history[-1]["train_loss"] < 0.95 * history[0]["train_loss"]


def test_defaults_are_the_documented_ones():
    assert DSVAE().get_params(deep=False) == loops.documented_defaults(DSVAE)


@pytest.mark.parametrize(
    ("name", "value"), [("beta", (1.0,)), ("beta", -1.0), ("posterior", "structured")]
)
def test_bad_parameter_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        small(**{name: value}).fit(series())
