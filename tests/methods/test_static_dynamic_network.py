"""Options beyond the paper: the mean as anchor, agreement and moments of the static code."""

import numpy as np
import pytest
import torch
from helpers import assert_same_fit, small

from tsdisentangle import load
from tsdisentangle.data.windows import Windows, to_windows
from tsdisentangle.losses.static_contrast import TEMPERATURE
from tsdisentangle.nn.noise import SharedNoise, mean_noise

ALL = {
    "anchor": "mean",
    "static_contrast": 0.1,
    "moments": 20.0,
    "hidden_share": 0.5,
    "missing": "indicate",
}
KINDS = pytest.mark.parametrize("kind", ["window", "step"])


def series(seed=0, shape=(6, 12, 3)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def ragged():
    """Series of 4, 2, 3, 1, 4 and 4 windows, with gaps."""
    X = series()
    X[0, 4:7, 1] = np.nan
    X[4, 3:6] = np.nan
    return [X[0], X[1, :5], X[2, :9], X[3, :2], X[4], X[5]]


def network_of(X, **params):
    estimator = small(window=3, max_epochs=0, **{"missing": "mask", **params}).fit(X)
    return estimator, estimator.net_.module_, to_windows(estimator._read(X), 3)


def normal(name, shape, like):
    """The same draws for a name in every call."""
    seed = [ord(letter) for letter in name]
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape)).to(like.dtype)


def taught(network):
    """Parts of a network that a gradient has reached."""
    parameters = network.named_parameters()
    return {name.partition(".")[0] for name, each in parameters if each.grad is not None}


# -- each off by default ------------------------------------------------------------------------


def test_terms_and_weights_are_there_where_they_are_asked_for():
    X = series()
    _, plain, batch = network_of(X)
    plain.train()
    assert not {"static_contrast", "moments"} & {*plain(batch, normal), *plain.weights}
    for name in ("static_contrast", "moments"):
        _, network, batch = network_of(X, **{name: 0.3})
        assert network.weights[name] == 0.3
        assert name in network.train()(batch, normal)
        new = set(network.state_dict()) - set(plain.state_dict())
        assert new == ({"moment_head.weight", "moment_head.bias"} if name == "moments" else set())
        # What is new is drawn last: all else starts as it does without.
        for key, value in plain.state_dict().items():
            assert torch.equal(network.state_dict()[key], value)


def test_other_terms_stay_what_they_are():
    X = ragged()
    _, plain, batch = network_of(X)
    _, network, _ = network_of(X, static_contrast=0.1, moments=5.0)
    with torch.no_grad():
        one, other = plain.train()(batch, normal), network.train()(batch, normal)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert set(other) == {*one, "static_contrast", "moments"}


def test_validation_compares_no_series():
    _, network, batch = network_of(series(), static_contrast=0.1, moments=5.0)
    assert "static_contrast" not in network(batch, normal)
    assert "moments" in network(batch, normal)


# -- agreement ----------------------------------------------------------------------------------


@KINDS
def test_agreement_is_that_of_single_windows_by_loops(kind):
    X = ragged()
    _, network, batch = network_of(X, kind=kind, static_contrast=1.0)
    with torch.no_grad():
        term = network.train()(batch, normal)["static_contrast"]
    network.eval()
    order = normal("static_contrast", (6, 4), batch.values)
    views = []
    for row in range(6):
        readable = [w for w in range(4) if batch.observed[row, w].any()]
        first, second = (*sorted(readable, key=lambda w: order[row, w]), None)[:2]
        if second is not None:
            views.append([window_code(network, batch, row, w) for w in (first, second)])
    assert len(views) == 5  # one series has a single window
    codes = torch.stack([code / code.norm() for view in zip(*views, strict=True) for code in view])
    likeness = torch.exp(codes @ codes.T / TEMPERATURE)
    losses = []
    for i in range(10):
        others = sum(likeness[i, j] for j in range(10) if j != i)
        losses.append(-torch.log(likeness[i, (i + 5) % 10] / others))
    values = sum(np.isfinite(x).sum() for x in X) / 6
    torch.testing.assert_close(term, values * torch.stack(losses).mean(), rtol=1e-5, atol=1e-5)


@torch.no_grad()
def window_code(network, batch, row, window):
    """Static code of a window as if it were the whole series."""
    at = slice(row, row + 1), slice(window, window + 1)
    alone = Windows(*(part[at] for part in batch[:3]))
    return network.encode(alone).static.mean[0]


def test_agreement_teaches_the_static_code_alone():
    _, network, batch = network_of(series(), static_contrast=1.0)
    network.train().static_contrast(batch, normal).backward()
    taught = {
        name.partition(".")[0] for name, p in network.named_parameters() if p.grad is not None
    }
    assert taught == {"encoder", "static_head"}
    assert all(p.grad.any() for p in network.static_head.head.mean.parameters())


@pytest.mark.parametrize("n", [1, 3])
def test_no_pair_no_term(n):
    X = [series()[0], *(series()[i, :3] for i in range(1, n))]
    _, network, batch = network_of(X, static_contrast=1.0)
    assert network.train()(batch, normal)["static_contrast"] == 0.0


def test_series_of_one_window_are_refused():
    estimator = small(window=12, static_contrast=0.1)
    with pytest.raises(ValueError, match="smaller window"):
        estimator.fit(series())
    assert not hasattr(estimator, "net_")


# -- moments ------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", ["mask", "indicate"])
def test_moments_are_told_by_the_drawn_code_of_the_anchor(missing):
    X = ragged()
    estimator, network, batch = network_of(X, missing=missing, moments=2.0, n_samples=2)
    assert network.moment_head.weight.shape == (9, 3)  # marks have none
    with torch.no_grad():
        terms = network.train()(batch, normal)
        index = network.choose_anchor(batch, normal)
        q = network.posterior(batch, index, normal).static
        told = network.moment_head(q.sample(normal, "static", 2)).numpy()
    scaled = [(x - estimator.scaler_.mean) / estimator.scaler_.scale for x in X]
    errors = []
    for row, x in enumerate(scaled):
        count = np.isfinite(x).sum(0)
        wanted = [np.nanmean(x, axis=0), np.nanstd(x, axis=0), np.isnan(x).mean(axis=0)]
        wanted[1][count < 2] = np.nan
        off = told[:, row].reshape(2, 3, 3) - np.stack(wanted)
        errors.append(np.nansum(np.square(off), axis=(1, 2)).mean())
    assert terms["moments"].item() == pytest.approx(np.mean(errors), rel=1e-4)


def test_moments_teach_the_static_code_alone():
    _, network, batch = network_of(series(), moments=1.0)
    network.train()(batch, normal)["moments"].backward()
    taught = {
        name.partition(".")[0] for name, p in network.named_parameters() if p.grad is not None
    }
    assert taught == {"encoder", "static_head", "moment_head"}


def test_what_is_hidden_belongs_to_the_moments():
    X = series()
    _, network, batch = network_of(X, moments=1.0, hidden_share=0.9)
    network.train()
    seen = network.inputs(batch, normal)
    assert not torch.equal(seen.observed, batch.observed)
    with torch.no_grad():
        network.moment_head.weight.zero_()
        expected = network.moments(batch, network.moment_head(torch.zeros(1, 6, 3))).mean()
        torch.testing.assert_close(network(seen, normal)["moments"], expected)


# -- the mean as anchor -------------------------------------------------------------------------


@KINDS
def test_the_static_code_is_the_mean_over_windows(kind):
    X = series()
    estimator = small(kind=kind, window=3, anchor="mean").fit(X)
    codes = estimator.encode(X, return_std=True)
    each = [estimator.encode(X[:, i : i + 3], return_std=True) for i in range(0, 12, 3)]
    mean = np.mean([part.static for part in each], axis=0)
    variance = np.sum([part.static_std**2 for part in each], axis=0) / 16
    np.testing.assert_allclose(codes.static, mean, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(codes.static_std, np.sqrt(variance), rtol=1e-4)


def test_the_mean_feature_is_subtracted():
    _, network, batch = network_of(ragged(), anchor="mean", dynamic_skip=False)
    features = network.encoder(batch.values, batch.observed)
    index = network.choose_anchor(batch, normal)
    rest = network._differences(features, batch, index, normal)
    for row in range(6):
        readable = [w for w in range(4) if batch.observed[row, w].any()]
        mean = sum(features[row, w] for w in readable) / len(readable)
        torch.testing.assert_close(rest[row], features[row] - mean)
    network.subtract = False
    assert network._differences(features, batch, index, normal) is features


@pytest.mark.parametrize("anchor_loss", ["step", "none", "drop"])
def test_no_window_is_the_anchor_in_the_loss(anchor_loss):
    _, network, batch = network_of(ragged(), anchor="mean", anchor_loss=anchor_loss)
    with torch.no_grad():
        terms = network(batch, SharedNoise(0))
        parts = network.bound(batch, SharedNoise(0), 1)
    assert set(terms) == set(parts)
    for name, part in parts.items():
        torch.testing.assert_close(terms[name], part.mean())


def test_static_only_keeps_its_term():
    _, network, batch = network_of(series(), anchor="mean", anchor_loss="static_only")
    assert network(batch, normal)["anchor"].isfinite()


@KINDS
def test_padding_and_neighbours_do_not_matter(kind):
    X = ragged()
    estimator = small(kind=kind, window=3, anchor="mean", missing="mask").fit(X)
    together = estimator.encode(X)
    for row, x in enumerate(X):
        alone = estimator.encode([x])
        np.testing.assert_allclose(alone.static[0], together.static[row], rtol=1e-4, atol=1e-5)
        dynamic = together.dynamic[row, : alone.lengths[0]]
        np.testing.assert_allclose(alone.dynamic[0], dynamic, rtol=1e-4, atol=1e-5)


def test_pooling_by_precision_may_still_be_chosen_after_fit():
    X = series()
    estimator = small(window=3, anchor="mean").fit(X)
    mean = estimator.transform(X)
    same = estimator.set_params(static_pooling="mean").transform(X)
    np.testing.assert_array_equal(mean, same)
    assert not np.allclose(mean, estimator.set_params(static_pooling="precision").transform(X))


# -- all together -------------------------------------------------------------------------------


def test_all_options_in_one_model_file(tmp_path):
    X = ragged()
    estimator = small(window=3, **ALL).fit(X)
    estimator.save(tmp_path / "model.tsd")
    again = load(tmp_path / "model.tsd")
    assert_same_fit(estimator, again, X)
    assert again.net_.module_.hiding == estimator.net_.module_.hiding
    for one, other in zip(estimator.reconstruct(X), again.reconstruct(X), strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.isfinite(estimator.score_samples(X)).all()
    assert np.isfinite(again.partial_fit(X).transform(X)).all()


@pytest.mark.slow
def test_all_options_learn():
    X = series(shape=(24, 12, 3)) + 3 * series(seed=1, shape=(24, 1, 3))
    rows = small(window=3, max_epochs=20, lr=1e-2, **ALL).fit(X).history_
    for name in ("train_moments", "train_static_contrast", "train_reconstruction"):
        assert rows[-1][name] < rows[0][name]


def test_evaluation_hides_nothing():
    X = ragged()
    estimator = small(window=3, **ALL).fit(X)
    batch = to_windows(estimator._read(X), 3)
    assert estimator.net_.module_.inputs(batch, mean_noise) is batch
