"""What is special of this method: the sub-sequence, the counterfactual term, the local codes."""

from functools import partial

import helpers
import loops
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from torch.distributions import Normal

from tsdisentangle import GLR
from tsdisentangle.data.windows import Windows, to_windows
from tsdisentangle.methods.glr import MAX_LOG_RATIO, choose_subsequence, resemblance
from tsdisentangle.nn.gaussian import Gaussian
from tsdisentangle.nn.noise import SharedNoise, mean_noise, normal_noise

KINDS = ("window", "step")
small = partial(helpers.small, GLR, dynamic_dim=4)


def series(seed=0, shape=(6, 12, 3)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def batch_of(estimator, X):
    return to_windows(estimator._read(X), estimator.window_)


# -- the sub-sequence ---------------------------------------------------------------------------

masks = st.lists(st.booleans(), min_size=1, max_size=12)


@settings(deadline=None)
@given(masks, st.floats(0.01, 1), st.floats(0, 1))
def test_subsequence_is_a_run_of_readable_windows(mask, share, fraction):
    readable = torch.tensor([mask])
    keep = choose_subsequence(readable, share, torch.tensor([fraction]))
    assert not (keep & ~readable).any()
    count = sum(mask)
    size = keep.sum().item()
    assert size == min(1, count) or abs(size - share * count) <= 0.5 + 1e-5
    chosen = keep[readable].int()  # among the readable ones, without a gap
    assert (chosen.diff() == 1).sum() <= 1
    assert (chosen.diff() == -1).sum() <= 1


def test_subsequence_reaches_both_ends_whatever_the_row():
    readable = torch.tensor([[True] * 5, [False, True, True, False, False]])
    first, last = (
        choose_subsequence(readable, 0.5, torch.tensor([place, place])) for place in (0.0, 1.0)
    )
    assert first.int().tolist() == [[1, 1, 0, 0, 0], [0, 1, 0, 0, 0]]
    assert last.int().tolist() == [[0, 0, 0, 1, 1], [0, 0, 1, 0, 0]]


@pytest.mark.parametrize("kind", KINDS)
def test_training_reads_the_subsequence_and_evaluation_the_whole(kind):
    X = series()
    estimator = small(kind=kind, window=2, subsequence=0.5).fit(X)
    network, batch = estimator.net_.module_, batch_of(estimator, X)

    def static(place):
        features = network.encoder(batch.values, batch.observed)
        noise = lambda _, shape, like: torch.full(shape, place)  # noqa: E731
        return network.global_posterior(features, batch.observed, noise).mean.detach().numpy()

    whole = static(-9.0)
    np.testing.assert_array_equal(whole, static(9.0))
    halves = [estimator.encode(X[:, steps]).static for steps in (slice(0, 6), slice(6, 12))]
    network.train()
    for place, half in zip((-9.0, 9.0), halves, strict=True):
        np.testing.assert_allclose(static(place), half, rtol=1e-4, atol=1e-5)
        assert not np.allclose(half, whole, atol=1e-4)


# -- the codes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_local_code_depends_on_its_own_window_only(kind):
    X = series()
    estimator = small(kind=kind, window=3).fit(X)
    before = estimator.encode(X)
    other = X.copy()
    other[:, 3:6] += 1
    after = estimator.encode(other)
    changed = np.abs(after.dynamic - before.dynamic).max(axis=(0, 2)) > 1e-4
    assert changed.tolist() == [False, True, False, False]
    assert not np.allclose(before.static, after.static, atol=1e-4)


def test_global_posterior_has_scale_one():
    codes = small().fit(series()).encode(series(), return_std=True)
    np.testing.assert_array_equal(codes.static_std, 1)


def test_step_encoder_copes_with_series_that_it_cannot_read():
    X = series(shape=(4, 6, 3))
    X[0, :, 1:] = np.nan
    estimator = small(kind="step", window=2, missing="mask").fit(X)
    assert np.isfinite(estimator.transform(X)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_single_window(kind):
    X = series(shape=(4, 2, 2))
    estimator = small(kind=kind, window=3).fit(X)
    assert estimator.encode(X).dynamic.shape == (4, 1, 4)
    assert np.isfinite(estimator.score_samples(X)).all()


# -- the loss -----------------------------------------------------------------------------------


HALVES = [(kernel, scale) for kernel in ("cauchy", "rbf") for scale in loops.SCALES]


def test_prior_is_half_cauchy_half_smooth_of_variance_one_half():
    """By scikit-learn's kernels; longest length scale 2 in each half."""
    prior = small(dynamic_dim=8, window=1, max_epochs=0).fit(series()).net_.module_.prior
    expected = loops.covariances(HALVES, variance=0.5, windows=12)
    np.testing.assert_allclose(prior.covariance(12), expected, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_terms_against_loops(kind):
    """In training, so from a sub-sequence; of two draws, side by side as ten rows."""
    X = loops.panel()
    params = {"window": loops.WINDOW, "missing": "mask", "max_epochs": 1, "n_samples": 2}
    estimator = small(kind=kind, **params, dynamic_dim=8).fit(X)
    network, batch = loops.in_float64(estimator, X)
    seen, twice = batch.observed, batch.observed.repeat(2, 1, 1, 1)
    with torch.no_grad():
        terms = network.train()(batch, loops.noise)
        features = network.encoder(batch.values, seen)
        mean = network.global_posterior(features, seen, loops.noise).mean
        q = network.local_posterior(features, seen)
        static = torch.cat([mean + eps for eps in loops.noise("static", (2, 5, 3), mean)])
        drawn = loops.noise("dynamic", (2, *q.mean.shape), mean)
        dynamic = torch.cat([loops.process_draws(q, eps) for eps in drawn])
        decoded = network.decode(static, dynamic, loops.noise)
        # The global code of the series before, and how it reads in the series that is made of it.
        other = torch.cat([torch.stack([*rows[-1:], *rows[:-1]]) for rows in static.split(5)])
        made = network.decode(other, dynamic, loops.noise)
        values = made.mean + made.std * loops.noise("counterfactual", (1, *twice.shape), mean)[0]
        values = values * twice
        again = network.global_posterior(network.encoder(values, twice), twice, loops.noise).mean
    expected = {
        "reconstruction": loops.nll([*X, *X], batch.values.repeat(2, 1, 1, 1), decoded) / 10,
        "static_kl": sum(0.5 * value**2 for value in mean.flatten().tolist()) / 5,
        "dynamic_kl": loops.process_kl(X, q, loops.covariances(HALVES, variance=0.5)) / 5,
    }
    ratios = norm.logpdf(static, again) - norm.logpdf(other, again)
    assert ratios.min() < 3 < ratios.max()  # the documented cut
    expected["counterfactual"] = sum(np.exp(min(ratio, 3)) for ratio in ratios.flat) / 10
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(expected)


def test_loss_is_the_weighted_sum_of_the_terms():
    last = small(beta=(7.0, 9.0), counterfactual=2.0).fit(series()).history_[-1]
    weights = {"reconstruction": 1, "static_kl": 7, "dynamic_kl": 9, "counterfactual": 2}
    total = sum(weight * last[f"train_{name}"] for name, weight in weights.items())
    assert last["train_loss"] == pytest.approx(total, rel=1e-5)


def test_resemblance_against_explicit_log_densities():
    rng = np.random.default_rng(0)
    mean, logvar, code, other = torch.from_numpy(0.3 * rng.normal(size=(4, 5, 3)))
    q = Normal(mean, torch.exp(logvar / 2))
    expected = (q.log_prob(code) - q.log_prob(other)).exp().sum(1)
    torch.testing.assert_close(resemblance(Gaussian(mean, logvar), code, other), expected)


def test_resemblance_is_bounded():
    zero = torch.zeros(1, 2)
    far = torch.full((1, 2), 1e4, requires_grad=True)
    term = resemblance(Gaussian(zero, zero), zero, far)
    assert term.item() == pytest.approx(2 * np.exp(MAX_LOG_RATIO), rel=1e-5)
    term.backward()
    assert far.grad.isfinite().all()


def test_counterfactual_term_by_hand():
    X = series()
    estimator = small(window=3, max_epochs=0).fit(X)
    network, batch = estimator.net_.module_, batch_of(estimator, X)
    drawn = {"counterfactual": torch.randn(6, 4, 3, 3)}

    def noise(name, shape, like):
        return drawn[name].expand(shape) if name in drawn else mean_noise(name, shape, like)

    with torch.no_grad():
        posterior = network.encode(batch)
        other = posterior.static.mean[[5, 0, 1, 2, 3, 4]]
        decoded = network.decode(other, posterior.dynamic.mean, mean_noise)
        made = decoded.mean + decoded.std * drawn["counterfactual"]
        again = network.encode(batch._replace(values=made)).static
        _, *codes = network.drawn(batch, noise, 1)
        term = network.counterfactual(batch, *codes, noise).mean()
    expected = resemblance(again, posterior.static.mean, other).mean()
    torch.testing.assert_close(term, expected)


def test_counterfactual_series_is_seen_under_the_mask_of_its_series():
    """A decoder's values where the series has none reach no term."""
    X = series(shape=(4, 6, 3))
    X[:, 2:4, 0] = np.nan
    estimator = small(window=2, missing="mask").fit(X)
    network, batch = estimator.net_.module_, batch_of(estimator, X)

    def term(garbage):
        noise_of = SharedNoise(0)
        hidden = torch.where(batch.observed, 0.0, garbage)
        noise = lambda name, *rest: hidden if name == "counterfactual" else noise_of(name, *rest)  # noqa: E731
        with torch.no_grad():
            _, *codes = network.drawn(batch, noise, 1)
            return network.counterfactual(batch, *codes, noise)

    torch.testing.assert_close(term(0.0), term(99.0))


@pytest.mark.parametrize("kind", KINDS)
def test_the_counterfactual_term_trains_the_decoder_alone(kind):
    X = series()
    network = small(kind=kind, window=3).fit(X).net_.module_
    batch = batch_of(small(kind=kind, window=3).fit(X), X)
    network.train()
    network.zero_grad()
    _, *codes = network.drawn(batch, normal_noise, 1)
    network.counterfactual(batch, *codes, normal_noise).mean().backward()
    reached = {
        name.partition(".")[0]
        for name, weight in network.named_parameters()
        if weight.grad is not None and weight.grad.abs().sum() > 0
    }
    assert reached == {"decoder"}
    assert all(weight.requires_grad for weight in network.global_head.parameters())


def test_a_series_alone_has_no_other_to_resemble():
    X = series(shape=(1, 12, 3))
    network = small(window=3).fit(series()).net_.module_
    batch = batch_of(small(window=3).fit(series()), X)
    _, *codes = network.train().drawn(batch, normal_noise, 2)
    assert network.counterfactual(batch, *codes, normal_noise).tolist() == [3.0]


def test_terms_are_sums_over_the_valid_windows_of_a_series(ragged):
    """Alone or beside a longer one, a series adds the same."""
    estimator = small(window=2, missing="mask").fit(ragged)
    network = estimator.net_.module_.double()

    def of_each(panel):
        with torch.no_grad():
            batch = batch_of(estimator, panel).double()
            return network.drawn(batch, SharedNoise(0), 2)[0]

    together = of_each(ragged)
    for row, x in enumerate(ragged):
        for name, part in of_each([x]).items():
            torch.testing.assert_close(together[name][row], part[0], rtol=1e-9, atol=1e-9)


def test_padding_changes_no_counterfactual_term(ragged):
    estimator = small(window=2, missing="mask").fit(ragged)
    network, batch = estimator.net_.module_.double(), batch_of(estimator, ragged).double()
    pad, behind = torch.nn.functional.pad, (0, 0, 0, 0, 0, 3)
    longer = Windows(*(pad(part, behind) for part in batch[:2]), pad(batch.valid, (0, 3)))

    def term(windows):
        with torch.no_grad():
            _, *codes = network.drawn(windows, SharedNoise(0), 2)
            return network.counterfactual(windows, *codes, SharedNoise(0))

    torch.testing.assert_close(term(longer), term(batch))


def test_validation_has_the_bound_alone():
    """The counterfactual term depends on the other series of a batch."""
    estimator = small(early_stopping=True, counterfactual=2.0, max_epochs=1).fit(series())
    row = estimator.history_[-1]
    assert row["train_counterfactual"] > 0
    assert "valid_counterfactual" not in row
    parts = ("reconstruction", "static_kl", "dynamic_kl")
    # That of the dynamic divergence adapts in training; here it is 1 in every epoch.
    weights = dict(zip(parts, (1, 0.5, 3.0), strict=True))
    expected = sum(weights[name] * row[f"valid_{name}"] for name in parts)
    assert row["valid_loss"] == pytest.approx(expected, rel=1e-5)


# -- training -----------------------------------------------------------------------------------


def test_training_lowers_the_objective():
    time = np.arange(12) + 6 * np.random.default_rng(0).random((40, 1))
    X = np.stack([np.sin(time / 2), np.cos(time / 2)], axis=-1)
    losses = small(max_epochs=8, lr=0.01).fit(X).history_[:, "train_loss"]
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("kind", KINDS)
def test_same_seed_same_codes(kind):
    X = series()
    first, second = (small(kind=kind).fit(X).transform(X) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, small(kind=kind, random_state=1).fit_transform(X))


def test_training_draws_all_of_its_noise_by_name():
    estimator = small(window=3).fit(series())
    network, batch, asked = estimator.net_.module_, batch_of(estimator, series()), []

    def noise(name, shape, like):
        asked.append(name)
        return normal_noise(name, shape, like)

    network.train()(batch, noise)
    assert set(asked) == {"static", "dynamic", "counterfactual", "subsequence"}


def test_defaults_are_the_documented_ones():
    assert GLR().get_params(deep=False) == loops.documented_defaults(GLR)


BAD = [
    ("beta", -1.0),
    ("beta", (1.0,)),
    ("beta", (1.0, -1.0)),
    ("counterfactual", -1.0),
    ("subsequence", 0.0),
    ("subsequence", 1.5),
    ("length_scale", 0.0),
    ("n_samples", 0),
    ("static_dim", 0),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_bad_parameter_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        small(**{name: value}).fit(series())
