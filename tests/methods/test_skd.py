"""What is special of this method: states that move linearly, codes by eigenvalue, mixed samples."""

import helpers
import loops
import numpy as np
import pytest
import torch

from tsdisentangle import SKD, Codes, VideoEncoder, load
from tsdisentangle.methods import skd
from tsdisentangle.nn.noise import mean_noise

TERMS = {"reconstruction", "prediction", "latent_prediction", "eigenvalues"}


def small(kind="window", **params):
    return helpers.small(SKD, kind=kind, **{"window": 3, **params})


def series(seed=0, shape=(6, 12, 3)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def states_of(estimator, X):
    """States of the valid windows, a series each."""
    network, batch = loops.in_float64(estimator, X)
    with torch.no_grad():
        latent = network.latent(batch).numpy()
    return [latent[b, :length] for b, length in enumerate(loops.counts(X))]


def operator_of(states):
    """Least squares, with the ridge as further rows; states of an untrained network are alike."""
    past, future = (np.concatenate([z[s] for z in states]) for s in (np.s_[:-1], np.s_[1:]))
    k = past.shape[1]
    root = np.sqrt(1e-6 * np.square(past).sum() / k)
    past, future = np.vstack([past, root * np.eye(k)]), np.vstack([future, np.zeros((k, k))])
    return np.linalg.lstsq(past, future, rcond=None)[0]


# -- the terms ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["window", "step"])
def test_terms_against_loops(kind):
    X = [*loops.panel(), *series(2)]
    estimator = small(kind, missing="mask", max_epochs=1).fit(X)
    network, batch = loops.in_float64(estimator, X)
    network.train()
    with torch.no_grad():
        terms = {name: float(term) for name, term in network(batch, loops.noise).items()}
        latent = network.latent(batch)
        kept = torch.special.ndtr(loops.noise("dropout", latent.shape, latent)) > 0.2
        decoded = network.predict(latent * kept / 0.8, loops.noise, batch.valid)
        states = [latent[b, :n].numpy() for b, n in enumerate(loops.counts(X))]
        operator = operator_of(states)
        ahead = latent.clone()
        ahead[:, 1:] = latent[:, :-1] @ torch.as_tensor(operator)
        predicted = network.predict(ahead, loops.noise, batch.valid)
    n_values = sum(np.isfinite(x).sum() for x in X) / len(X)
    difference = 0.0
    for at in np.argwhere(batch.observed.numpy()):
        place = tuple(at)
        deviation = float(decoded.std.expand_as(decoded.mean)[place])
        gap = float(decoded.mean[place] - predicted.mean[place])
        difference += gap**2 / (2 * deviation**2)
    squares = [(z[1:] - z[:-1] @ operator) ** 2 for z in states]
    values = sorted(np.linalg.eigvals(operator), key=lambda value: abs(value - 1))
    static = np.mean([abs(value - 1) ** 2 for value in values[:3]])
    dynamic = np.mean([v.real if v.real > 0.5 else 0.0 for v in values[3:]])
    expected = {
        "reconstruction": loops.nll(X, batch.values, decoded) / len(X),
        "prediction": difference / len(X),
        "latent_prediction": n_values * np.concatenate(squares).mean(),
        "eigenvalues": n_values * (static + dynamic),
    }
    assert terms == pytest.approx(expected, rel=1e-5)
    assert set(terms) == TERMS == set(network.weights)


def test_loss_is_the_weighted_sum_of_the_terms():
    last = small(prediction=2.0, eigenvalues=3.0).fit(series()).history_[-1]
    weights = {"reconstruction": 1, "prediction": 2, "latent_prediction": 2, "eigenvalues": 3}
    total = sum(weight * last[f"train_{name}"] for name, weight in weights.items())
    assert last["train_loss"] == pytest.approx(total, rel=1e-5)


def test_nothing_is_dropped_after_training():
    network, batch = loops.in_float64(small().fit(series()), series())
    with torch.no_grad():
        one, other = (network(batch, noise) for noise in (loops.noise, mean_noise))
    assert one == other


def test_series_of_one_window_have_no_transition_and_train():
    estimator = small(window=12).fit(series())
    assert all(np.isfinite(row["train_loss"]) for row in estimator.history_)
    assert np.isfinite(estimator.transform(series())).all()
    assert np.isfinite(estimator.sample(3, 40)).all()


# -- the codes ----------------------------------------------------------------------------------


def test_codes_are_coordinates_in_the_eigenvectors_of_the_training_series_operator():
    X = series(shape=(30, 12, 3))
    estimator = small(static_dim=2, dynamic_dim=2).fit(X)
    codes, states = estimator.encode(X), states_of(estimator, X)
    values, vectors = np.linalg.eig(operator_of(states))
    nearest = np.argsort(np.abs(values - 1))[:2]
    if abs(values[nearest].imag.sum()) < 1e-9:  # a whole pair, or real ones
        projected = np.stack([(z @ vectors[:, nearest]).mean(0) for z in states])
        wanted = np.column_stack([projected.real, projected.imag])
        error = np.linalg.lstsq(codes.static, wanted, rcond=None)[1]
        assert np.all(error < 1e-4 * (1 + np.square(wanted).sum()))
    basis = estimator.net_.module_.basis.double().numpy()
    for b, z in enumerate(states):
        np.testing.assert_allclose(codes.static[b], (z @ basis)[:, :2].mean(0), atol=1e-4)
        np.testing.assert_allclose(codes.dynamic[b], (z @ basis)[:, 2:], atol=1e-4)


def test_one_operator_serves_all_batches_after_training():
    X = series(shape=(20, 12, 3))
    estimator = small().fit(X)
    alone = np.concatenate([estimator.transform(X[i : i + 1]) for i in range(20)])
    np.testing.assert_allclose(estimator.transform(X), alone, rtol=1e-4, atol=1e-5)


def test_a_long_panel_is_looked_at_in_part(monkeypatch):
    X = series(shape=(40, 12, 3))
    seen, settle = [], skd.SKDNetwork.settle

    def count(self, batches):
        batches = list(batches)
        seen.append(sum(len(batch.values) for batch in batches))
        settle(self, batches)

    monkeypatch.setattr(skd.SKDNetwork, "settle", count)
    monkeypatch.setattr(skd, "MAX_SERIES", 16)
    small(max_epochs=0).fit(X)
    assert seen == [16]


def test_scores_are_log_likelihoods_given_the_codes():
    X = series()
    estimator = small().fit(X)
    assert set(estimator.score_terms(X)) == {"reconstruction"}
    steps = estimator.score_steps(X).sum(axis=(1, 2))
    np.testing.assert_allclose(estimator.score_samples(X), steps, rtol=1e-4)


# -- samples ------------------------------------------------------------------------------------


def members(estimator):
    network = estimator.net_.module_
    return network.member_static, network.member_dynamic, network.member_lengths


def drawn(name, shape, like):
    return torch.as_tensor(np.random.default_rng(len(name)).normal(size=shape)).to(like)


def test_samples_are_convex_combinations_of_training_codes():
    X = series()
    estimator = small().fit(X)
    codes, network = estimator.encode(X), estimator.net_.module_
    static, dynamic, lengths = members(estimator)
    assert lengths.tolist() == [4] * skd.MEMBERS
    places = np.arange(skd.MEMBERS) * 6 // skd.MEMBERS
    np.testing.assert_allclose(static, codes.static[places], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(dynamic[:, :4], codes.dynamic[places], rtol=1e-4, atol=1e-5)
    with torch.no_grad():
        made = network.sample_static(5, drawn), network.sample_dynamic(5, 4, drawn, False)
    for name, found, bank in zip(("static", "dynamic"), made, (static, dynamic), strict=True):
        normal = drawn(f"{name}_members", (5, 4), found)
        uniform = 0.5 * (1 + torch.erf(normal / 2**0.5))
        for i in range(5):
            rows = [int(u * skd.MEMBERS) for u in uniform[i, :2]]
            a, b = (uniform[i, 2:] / uniform[i, 2:].sum()).tolist()
            expected = a * bank[rows[0]] + b * bank[rows[1]]
            expected = expected[:4] if name == "dynamic" else expected
            torch.testing.assert_close(found[i], expected)


@pytest.mark.parametrize("windows", [2, 4, 9, 70])
def test_paths_go_on_by_the_operator_where_the_members_end(windows):
    X = [series()[0], series()[1, :5], series()[2, :8]]
    network = small().fit(X).net_.module_
    with torch.no_grad():
        path = network.sample_dynamic(4, windows, drawn, False)
        mean = network.sample_dynamic(4, windows, drawn, True)
    assert path.shape == mean.shape == (4, windows, 2)
    torch.testing.assert_close(mean[:, 0], path[:, 0])
    for t in range(1, windows):
        torch.testing.assert_close(mean[:, t], mean[:, t - 1] @ network.transition)
        if t > 4:  # all members have ended, and what moves linearly may be mixed before or after
            torch.testing.assert_close(
                path[:, t], path[:, t - 1] @ network.transition, rtol=1e-4, atol=1e-5
            )


def test_reconstruction_beyond_the_end_follows_the_operator():
    X = series()
    X[0, 6:] = np.nan
    estimator = small(missing="mask").fit(X)
    codes = estimator.encode(X)
    path = codes.dynamic.copy()
    transition = estimator.net_.module_.transition.numpy()
    for t in (2, 3):
        path[0, t] = path[0, t - 1] @ transition
    whole = Codes(codes.static, path, np.full(6, 4))
    np.testing.assert_allclose(
        estimator.reconstruct(X)[0], estimator.decode(whole)[0], rtol=1e-4, atol=1e-5
    )


def test_model_files_hold_the_operator_and_the_members(tmp_path):
    X = series()
    estimator = small().fit(X)
    estimator.save(tmp_path / "model.tsd")
    again = load(tmp_path / "model.tsd")
    np.testing.assert_array_equal(again.transform(X), estimator.transform(X))
    np.testing.assert_array_equal(again.sample(4, 30), estimator.sample(4, 30))


def test_clips_are_mixed_too():
    clips = np.random.default_rng(0).integers(0, 256, (5, 3, 16, 16, 3), dtype=np.uint8)
    encoder = VideoEncoder(16, 3, 2, out_features=8, hidden=6)
    estimator = helpers.small(SKD, encoder=encoder, max_epochs=1).fit(list(clips))
    assert estimator.sample(2, 5).shape == (2, 5, 16, 16, 3)


# -- training -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["window", "step"])
def test_training_lowers_the_objective(kind):
    history = small(kind, max_epochs=12, lr=1e-2).fit(series(shape=(32, 12, 3))).history_
    assert history[-1]["train_loss"] < 0.95 * history[0]["train_loss"]


@pytest.mark.slow
def test_the_penalty_brings_static_eigenvalues_to_one():
    X = series(shape=(40, 12, 3)) + series(1, (40, 1, 3))

    def distance(weight):
        estimator = small(eigenvalues=weight, max_epochs=40, lr=1e-2, static_dim=2).fit(X)
        values = np.linalg.eigvals(operator_of(states_of(estimator, X)))
        return np.sort(np.abs(values - 1))[:2].mean()

    assert distance(5.0) < 0.5 * distance(0.0)


def test_defaults_are_the_documented_ones():
    assert SKD().get_params(deep=False) == loops.documented_defaults(SKD)


@pytest.mark.parametrize("name", ["prediction", "eigenvalues"])
def test_bad_parameter_is_refused(name):
    with pytest.raises(ValueError, match=name):
        small(**{name: -1.0}).fit(series())
