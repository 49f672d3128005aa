"""What is special of this method: the anchor, the ablations, the options beyond the paper."""

import numpy as np
import pytest
import torch
from helpers import small
from sklearn.linear_model import LogisticRegression
from torch.distributions import Normal, kl_divergence

from tsdisentangle import StaticDynamicVAE, TabularEncoder, VideoEncoder
from tsdisentangle.data.windows import to_windows
from tsdisentangle.nn.noise import SharedNoise, mean_noise, normal_noise
from tsdisentangle.training.dataset import SequenceDataset
from tsdisentangle.training.skorch_net import DisentanglingNet

KINDS = ("window", "step")


def series(seed=0, shape=(6, 12, 3)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def windows_of(estimator, X):
    return to_windows(estimator._read(X), estimator.window_)


# -- the promise of the anchor ------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("anchor", "index"), [("first", 0), ("middle", 2), ("last", 3), (1, 1)])
def test_static_code_depends_on_the_anchor_window_only(kind, anchor, index):
    X = series()
    estimator = small(kind=kind, window=3, anchor=anchor).fit(X)
    static = estimator.encode(X).static
    other = series(seed=1)
    inside = slice(3 * index, 3 * index + 3)
    other[:, inside] = X[:, inside]
    np.testing.assert_allclose(estimator.encode(other).static, static, rtol=1e-5, atol=1e-6)
    other = X.copy()
    other[:, inside] += 1
    assert not np.allclose(estimator.encode(other).static, static, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("pooling", ["mean", "precision"])
def test_pooled_static_code_is_the_weighted_mean_of_single_windows(kind, pooling):
    X = series()
    estimator = small(kind=kind, window=3, static_pooling=pooling).fit(X)
    pooled = estimator.encode(X, return_std=True)
    estimator.set_params(static_pooling="anchor")
    each = [estimator.encode(X[:, i : i + 3], return_std=True) for i in range(0, 12, 3)]
    means = np.stack([codes.static for codes in each])
    precisions = 1 / np.stack([codes.static_std for codes in each]) ** 2
    weights = np.ones_like(precisions) if pooling == "mean" else precisions
    expected = (weights * means).sum(0) / weights.sum(0)
    variance = (weights**2 / precisions).sum(0) / weights.sum(0) ** 2
    np.testing.assert_allclose(pooled.static, expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(pooled.static_std, np.sqrt(variance), rtol=1e-4)


def test_pooling_can_be_chosen_after_fit_and_leaves_the_dynamics():
    X = series()
    estimator = small(window=3).fit(X)
    anchored = estimator.encode(X)
    pooled = estimator.set_params(static_pooling="mean").encode(X)
    np.testing.assert_array_equal(anchored.dynamic, pooled.dynamic)
    assert not np.allclose(anchored.static, pooled.static)


def test_random_anchor_is_drawn_once_a_fit():
    X = series()
    X[:, :, 0] = np.arange(12)
    estimator = small(window=1, anchor="random").fit(X)
    batch = windows_of(estimator, X)
    network = estimator.net_.module_
    drawn = {network.choose_anchor(batch, mean_noise)[0].item() for _ in range(5)}
    assert len(drawn) == 1
    others = {
        small(window=1, anchor="random", random_state=seed, max_epochs=0)
        .fit(X)
        .net_.module_.choose_anchor(batch, mean_noise)[0]
        .item()
        for seed in range(12)
    }
    assert len(others) > 3


def test_random_batch_draws_in_training_and_is_first_afterwards():
    X = series()
    estimator = small(window=1, anchor="random_batch").fit(X)
    network, batch = estimator.net_.module_, windows_of(estimator, X)
    assert network.choose_anchor(batch, mean_noise).tolist() == [0] * 6
    network.train()

    def at(value):
        return network.choose_anchor(batch, lambda *_: torch.tensor(value))[0].item()

    assert [at(-9.0), at(0.0), at(9.0)] == [0, 6, 11]
    network.eval()


def test_step_encoder_takes_its_anchor_where_it_can_read():
    """The first window has one value of three: observed, but each of its steps is skipped."""
    X = series(shape=(4, 6, 3))
    X[:, :2, 1:] = np.nan
    estimator = small(kind="step", window=2, missing="mask").fit(X)
    network = estimator.net_.module_
    assert network.choose_anchor(windows_of(estimator, X), mean_noise).tolist() == [1] * 4
    window = small(kind="window", window=2, missing="mask").fit(X)
    chosen = window.net_.module_.choose_anchor(windows_of(window, X), mean_noise)
    assert chosen.tolist() == [0] * 4


def test_step_encoder_copes_with_series_that_it_cannot_read():
    X = series(shape=(4, 6, 3))
    X[0, :, 1:] = np.nan
    estimator = small(kind="step", window=2, missing="mask").fit(X)
    assert np.isfinite(estimator.transform(X)).all()


# -- dynamics -----------------------------------------------------------------------------------


def test_causal_posterior_does_not_see_later_windows():
    X = series()
    causal = small(window=1, dynamic_posterior="causal").fit(X)
    both = small(window=1).fit(X)
    later = X.copy()
    later[:, 8:] += 1
    for estimator, same in ((causal, True), (both, False)):
        before = estimator.encode(X).dynamic[:, :8]
        after = estimator.encode(later).dynamic[:, :8]
        assert np.allclose(before, after, atol=1e-6) == same


def test_constant_shift_in_feature_space_cancels():
    """What the encoder maps to one added vector cannot reach the dynamic codes."""
    X = series()
    estimator = small(window=1).fit(X)
    network, batch = estimator.net_.module_, windows_of(estimator, X)
    index = network.choose_anchor(batch, mean_noise)
    features = network.encoder(batch.values, batch.observed)
    shifted = features + torch.randn(6, 1, features.shape[-1])
    with torch.no_grad():
        plain = network._dynamic(features, batch, index, mean_noise).mean
        moved = network._dynamic(shifted, batch, index, mean_noise).mean
    np.testing.assert_allclose(plain, moved, atol=1e-5)
    network.subtract = False
    with torch.no_grad():
        assert not torch.allclose(
            network._dynamic(features, batch, index, mean_noise).mean,
            network._dynamic(shifted, batch, index, mean_noise).mean,
            atol=1e-3,
        )


@pytest.mark.parametrize("pooling", ["mean", "precision"])
def test_a_pooled_code_is_returned_and_not_decoded(pooling):
    """The dynamic codes are relative to the anchor: with another static code they mean nothing."""
    X = series()
    X[0, 2] = np.nan
    estimator = small(window=3, missing="mask").fit(X)
    calls = ("reconstruct", "impute")
    expected = [getattr(estimator, call)(X) for call in calls]
    swapped, anchor = estimator.swap(X[:3], X[3:6]), estimator.encode(X).static
    estimator.set_params(static_pooling=pooling)
    assert not np.allclose(estimator.encode(X).static, anchor)
    for call, values in zip(calls, expected, strict=True):
        np.testing.assert_array_equal(getattr(estimator, call)(X), values)
    for one, other in zip(estimator.swap(X[:3], X[3:6]), swapped, strict=True):
        np.testing.assert_array_equal(one, other)


# -- the loss -----------------------------------------------------------------------------------


def batch_terms(**params):
    X = series()
    estimator = small(window=3, max_epochs=0, **params).fit(X)
    network = estimator.net_.module_
    with torch.no_grad():
        return network, network(windows_of(estimator, X), SharedNoise(0))


@pytest.mark.parametrize(
    ("anchor_loss", "names"),
    [("step", {"anchor"}), ("static_only", {"anchor"}), ("none", set()), ("drop", set())],
)
def test_terms_of_each_anchor_loss(anchor_loss, names):
    _, terms = batch_terms(anchor_loss=anchor_loss)
    assert set(terms) == {"reconstruction", "static_kl", "dynamic_kl"} | names


def test_sequence_and_anchor_term_share_out_the_whole_reconstruction():
    parts, whole, rest = (batch_terms(anchor_loss=a)[1] for a in ("step", "none", "drop"))
    total = parts["reconstruction"] + parts["anchor"]
    torch.testing.assert_close(total, whole["reconstruction"])
    torch.testing.assert_close(parts["reconstruction"], rest["reconstruction"])


def test_elbo_counts_each_value_once_with_unit_weights():
    X = series()
    estimator = small(window=3, alpha=0.1, beta=(7.0, 9.0)).fit(X)
    network, batch = estimator.net_.module_, windows_of(estimator, X)
    network.anchor_loss = "none"
    with torch.no_grad():
        terms = network(batch, SharedNoise(0))
        bound = -sum(network.bound(batch, SharedNoise(0), draws=1).values())
    torch.testing.assert_close(bound.mean(), -sum(terms.values()))


def test_loss_is_the_sum_over_entries_divided_by_the_batch():
    """Twice the same batch gives the same loss."""
    X = series()
    estimator = small(window=3, max_epochs=0).fit(X)
    network = estimator.net_.module_
    with torch.no_grad():
        once = network(windows_of(estimator, X), SharedNoise(0))
        twice = network(windows_of(estimator, np.concatenate([X, X])), SharedNoise(0))
    for name, term in once.items():
        torch.testing.assert_close(term, twice[name])


@pytest.mark.parametrize("beta", [2.0, (2.0, 3.0)])
def test_beta_is_a_number_or_a_pair(beta):
    network, terms = batch_terms(alpha=0.5, beta=beta, dynamic_rate=None)
    static, dynamic = beta if isinstance(beta, tuple) else (beta, beta)
    expected = (
        terms["reconstruction"]
        + 0.5 * terms["anchor"]
        + static * terms["static_kl"]
        + dynamic * terms["dynamic_kl"]
    )
    loss = DisentanglingNet.get_loss(type("net", (), {"module_": network}), terms, None)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("beta", [(1.0,), (1.0, 2.0, 3.0), (1.0, -1.0), (-1.0, 1.0)])
def test_bad_pair_is_refused(beta):
    with pytest.raises(ValueError, match="beta is"):
        small(beta=beta).fit(series())


# -- presets and parameters ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "alpha", "beta"),
    [
        ("physionet-mortality", 0.1, 0.01),
        ("physionet-icu", 0.1, 0.01),
        ("air-quality", 0.28, 2e-4),
        ("etth1", 0.23, 0.03),
    ],
)
def test_presets_are_those_of_table_6(name, alpha, beta):
    estimator = StaticDynamicVAE.from_preset(name, max_epochs=1, random_state=0)
    assert (estimator.alpha, estimator.beta) == (alpha, beta)
    assert (estimator.static_dim, estimator.dynamic_dim) == (8, 8)
    assert estimator.encoder.kind == "step"
    training = (estimator.window, estimator.lr, estimator.batch_size)
    assert (
        training
        == {
            "physionet-mortality": (4, 3e-3, 30),
            "physionet-icu": (4, 3e-3, 30),
            "air-quality": (24, 3e-3, 10),
            "etth1": (24, 1e-3, 10),
        }[name]
    )
    X = series(shape=(6, 2 * estimator.window, 3))
    assert estimator.fit_transform(X).shape == (6, 16)


def test_preset_of_the_paper_has_nothing_beyond_it():
    estimator = StaticDynamicVAE.from_preset("paper", window=3, max_epochs=1, random_state=0)
    tables = [StaticDynamicVAE.from_preset(n) for n in ("physionet-icu", "air-quality", "etth1")]
    for name in ("alpha", "beta", "lr"):
        assert getattr(estimator, name) == np.median([getattr(each, name) for each in tables])
    for same in ("static_dim", "dynamic_dim", "missing"):
        assert getattr(estimator, same) == getattr(tables[0], same)
    assert estimator.encoder.get_params() == tables[0].encoder.get_params()
    network = estimator.fit(series()).net_.module_
    assert network.calibration is None  # the decoder's scale
    assert network.dynamic_rate is None
    assert network.hiding is None
    assert set(network.weights) == {"reconstruction", "anchor", "static_kl", "dynamic_kl"}
    assert (network.anchor, network.anchor_loss, network.subtract) == ("first", "step", True)
    assert (network.noisy_token, network.dynamic_skip) == (True, False)
    assert (estimator.static_pooling, estimator.static_prior) == ("anchor", "normal")


@pytest.mark.parametrize(
    ("name", "alpha", "beta", "anchor"),
    [
        ("physionet-mortality", 3.0, (1.78, 0.089), "first"),
        ("physionet-icu", 1.75, (2.0, 2.0), "first"),
        ("air-quality", 1 + 20 * 28 / 90, (0.0747, 22.4), "last"),
        ("etth1", 1 + 11 * 28 / 85, (0.474, 0.0474), "middle"),
    ],
)
def test_released_weights_are_those_of_sums(name, alpha, beta, anchor):
    paper = StaticDynamicVAE.from_preset(name)
    released = StaticDynamicVAE.from_preset(f"{name}-released")
    assert released.alpha == pytest.approx(alpha, rel=2e-3)
    assert released.beta == pytest.approx(beta, rel=2e-3)
    assert (released.lr, released.anchor) == (1e-3, anchor)
    for same in ("window", "batch_size", "max_epochs", "static_dim", "missing"):
        assert getattr(released, same) == getattr(paper, same)


def test_released_weights_make_the_released_loss():
    """By hand: a mean over entries times w, beside sums of divergences, all divided by w."""
    sequence, first, static, dynamic = 90, 9, 0.2, 0.01
    errors = np.random.default_rng(0).random((80, 10))
    loss = sequence * errors.mean() + first * errors[:4].mean() + static * 5 + dynamic * 7
    preset = StaticDynamicVAE.from_preset("physionet-mortality-released")
    anchor, rest = errors[:4].sum(), errors[4:].sum()
    ours = rest + preset.alpha * anchor + preset.beta[0] * 5 + preset.beta[1] * 7
    assert ours == pytest.approx(loss * 800 / sequence)


FRAMES = {
    "sprites": (0.2, 0.2, 256, 2e-3, 128, "step"),
    "mug": (0.35, 0.28, 64, 1.5e-3, 64, "step"),
    "timit": (6e-4, 6e-4, 110, 1e-3, 10, "step"),
    # Of the weights w: anchor / sequence, and divergence / sequence.
    "sprites-released": ((5 + 1) / 5, 1 / 5, 256, 2e-3, 128, "step"),
    "mug-released": (30 / 87, (15 / 87, 1 / 87), 64, 1.5e-3, 64, "step"),
    "timit-released": (100 / 20, 1 / 20, 128, 1e-3, 480, "static_only"),
}


@pytest.mark.parametrize("name", FRAMES)
def test_presets_of_video_and_audio(name):
    estimator = StaticDynamicVAE.from_preset(name)
    alpha, beta, dim, lr, batch_size, anchor_loss = FRAMES[name]
    assert estimator.alpha == pytest.approx(alpha)
    assert estimator.beta == pytest.approx(beta)
    assert (estimator.static_dim, estimator.dynamic_dim) == (dim, dim)
    assert (estimator.lr, estimator.batch_size) == (lr, batch_size)
    assert estimator.anchor_loss == anchor_loss


HEADS = {"sprites": (256, 64, 256), "mug": (128, 256, 64), "timit": (201, 256, 110)}


@pytest.mark.parametrize("name", HEADS)
def test_heads_have_the_released_sizes(name):
    """Features, hidden size and codes of the released code; two layers, both directions."""
    estimator = StaticDynamicVAE.from_preset(name, max_epochs=0)
    encoder = estimator.encoder
    if name == "timit":
        X = np.random.default_rng(0).random((2, 3, 201))
    else:
        X = np.zeros((2, 3, 64, 64, 3), np.uint8)
        estimator.set_params(encoder__width=1)
    network = estimator.fit(X).net_.module_
    features, hidden, dim = HEADS[name]
    assert network.static_head.hidden.weight.shape == (hidden, features)
    assert network.static_head.head.mean.weight.shape == (dim, hidden)
    first, second = (layer.backward_lstm for layer in network.lstm.layers)
    assert (first.input_size, first.hidden_size) == (features, dim)
    assert (second.input_size, second.hidden_size) == (2 * dim, dim)
    assert network.dynamic_head.mean.weight.shape == (dim, 2 * dim)
    prior = network.prior.lstm
    assert (prior.input_size, prior.hidden_size, prior.num_layers) == (dim, hidden, 2)
    assert type(encoder.decoder()).__name__.replace("Decoder", "") in type(encoder).__name__


def test_loss_of_the_sprites_preset_is_the_papers():
    """Summed squared error, ratios alpha and beta: Table 6 as it stands, up to a constant."""
    X = np.random.default_rng(0).integers(0, 256, (4, 3, 16, 16, 3), dtype=np.uint8)
    encoder = VideoEncoder(16, width=2, out_features=8, hidden=8)
    estimator = StaticDynamicVAE.from_preset(
        "sprites", encoder=encoder, static_dim=3, dynamic_dim=2, max_epochs=1, random_state=0
    ).fit(X)
    network = estimator.net_.module_
    batch = SequenceDataset(estimator._read(X), 1)[slice(None)]
    noise = SharedNoise(5)
    loss = DisentanglingNet.get_loss(estimator.net_, network(batch, noise), None)

    q = network.posterior(batch, torch.zeros(4, dtype=torch.long), noise)
    static, dynamic = q.static.sample(noise, "static"), q.dynamic.sample(noise, "dynamic")
    decoded = network.decode(static[0], dynamic[0], noise).mean.detach().double().numpy()
    pixels = (X / 255).reshape(decoded.shape)
    errors = np.square(pixels - decoded).sum(axis=(2, 3))
    p = network.prior(dynamic[0])
    kl = kl_divergence(Normal(q.static.mean, q.static.std), Normal(0.0, 1.0)).sum(1)
    kl = kl + kl_divergence(Normal(*to_scale(q.dynamic)), Normal(*to_scale(p))).sum((1, 2))
    paper = errors[:, 1:].sum(1) + 0.2 * errors[:, 0] + 0.2 * kl.detach().numpy()
    entries = 16 * 16 * 3
    constant = 0.5 * np.log(np.pi) * (2 * entries + 0.2 * entries)
    assert loss.item() == pytest.approx(paper.mean() + constant, rel=1e-5)
    assert paper.mean() > 1.0


def to_scale(gaussian):
    return gaussian.mean, gaussian.std


@pytest.mark.parametrize("name", ["etth1", "sprites", "timit"])
def test_presets_share_no_encoder(name):
    first, second = (StaticDynamicVAE.from_preset(name) for _ in range(2))
    assert first.encoder is not second.encoder


def test_unknown_preset_names_the_known_ones():
    with pytest.raises(ValueError, match="'etth1'"):
        StaticDynamicVAE.from_preset("sprites64")


@pytest.mark.parametrize("anchor", [np.int64(2), 2])
def test_anchor_may_be_any_integer(anchor):
    assert small(anchor=anchor).fit_transform(series()).shape == (6, 5)


BAD = [
    ("anchor", "centre"),
    ("anchor", -1),
    ("static_pooling", "max"),
    ("anchor_loss", "all"),
    ("window", 0),
    ("window", "long"),
    ("static_dim", 0),
    ("alpha", -0.1),
    ("n_samples", 0),
    ("static_contrast", -0.1),
    ("moments", -1.0),
    ("hidden_share", 1.0),
    ("hidden_kind", "rows"),
    ("missing", "zero"),
    ("output", "all"),
    ("lr", 0.0),
    ("encoder", 3),
    ("encoder", torch.nn.Linear(2, 2)),
    ("encoder", LogisticRegression()),
    ("decoder", TabularEncoder),
]


@pytest.mark.parametrize(("name", "value"), BAD)
def test_bad_parameter_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        small(**{name: value}).fit(series())


def test_more_draws_lower_the_variance_of_the_gradient():
    X = series()

    def gradient(draws, seed):
        estimator = small(n_samples=draws, max_epochs=0).fit(X)
        network = estimator.net_.module_
        terms = network(windows_of(estimator, X), SharedNoise(seed))
        terms["reconstruction"].backward()
        return network.decoder.mlp[0].weight.grad.clone()

    def spread(draws):
        return torch.stack([gradient(draws, seed) for seed in range(12)]).var(0).sum()

    assert spread(16) < 0.5 * spread(1)


# -- anomalies and gaps -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def regular():
    """Noisy sines of one speed, with and without gaps."""
    rng = np.random.default_rng(0)
    phase = rng.uniform(0, 6, size=(150, 1, 1)) + 0.5 * np.arange(24)[:, None]
    X = np.sin(phase + np.array([0.0, 1.0])) + 0.05 * rng.normal(size=(150, 24, 2))
    return X.astype(np.float32)


@pytest.mark.slow
def test_score_samples_finds_the_anomaly(regular):
    estimator = StaticDynamicVAE(random_state=0, max_epochs=40).fit(regular[:100])
    odd = regular[100:].copy()
    odd[3] = np.random.default_rng(1).normal(size=(24, 2))
    assert estimator.score_samples(odd).argmin() == 3


@pytest.mark.slow
def test_imputation_beats_the_channel_mean(regular):
    X = regular.copy()
    gaps = np.random.default_rng(2).random(X.shape) < 0.2
    X[gaps] = np.nan
    filled = StaticDynamicVAE(random_state=0, max_epochs=60, missing="mask").fit(X).impute(X)
    error = np.square(filled - regular)[gaps].mean()
    of_mean = np.square(np.nanmean(X, axis=(0, 1)) - regular)[gaps].mean()
    assert error < 0.3 * of_mean


def test_a_zero_token_is_what_stands_at_the_anchor_after_fit(regular):
    zero = small(anchor_token="zero", n_samples=1).fit(regular)
    network = zero.net_.module_.train()
    batch = windows_of(zero, regular)
    index = network.choose_anchor(batch, mean_noise)
    in_training = network.posterior(batch, index, normal_noise).dynamic.mean
    torch.testing.assert_close(
        in_training, network.posterior(batch, index, mean_noise).dynamic.mean
    )
    network.noisy_token = True
    with_noise = network.posterior(batch, index, normal_noise).dynamic.mean
    assert not torch.allclose(with_noise, in_training, atol=1e-3)
