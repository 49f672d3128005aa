"""What is hidden from the encoder looks as if it had not been observed, and counts in the loss."""

import numpy as np
import pytest
import torch
from helpers import METHODS, assert_same_fit, small
from hypothesis import given, settings
from hypothesis import strategies as st

from tsdisentangle import StaticDynamicVAE, VideoEncoder
from tsdisentangle.data.windows import Windows, to_windows
from tsdisentangle.nn.hiding import HIDDEN_KINDS, Hiding, block_of
from tsdisentangle.nn.noise import SharedNoise, mean_noise

KINDS = (*HIDDEN_KINDS, "mixed")
EVERY_KIND = pytest.mark.parametrize("kind", KINDS)


def series(seed=0, n=12, time=15, channels=2):
    X = np.random.default_rng(seed).normal(size=(n, time, channels)).astype("f4")
    X[np.random.default_rng(seed + 1).random(X.shape) < 0.2] = np.nan
    X[0, 7:] = np.nan  # a shorter one
    X[:, 0] = 1.0
    return X


def drawn(seed, share=None):
    """Noise of a seed; ``share`` fixes how much of the largest share is hidden."""
    generator = torch.Generator().manual_seed(seed)

    def noise(name, shape, like):
        if name == "hidden_share" and share is not None:
            return torch.special.ndtri(torch.tensor(share))
        return torch.randn(shape, generator=generator)

    return noise


def batch_of(X, missing="mask"):
    estimator = small(missing=missing, window=3, max_epochs=0).fit(X)
    return estimator, to_windows(estimator._read(X), 3)


# -- what is hidden -----------------------------------------------------------------------------


@EVERY_KIND
@pytest.mark.parametrize("missing", ["mask", "indicate"])
def test_it_looks_as_if_it_had_not_been_observed(kind, missing):
    X = series()
    estimator, batch = batch_of(X, missing)
    n_marks = estimator.scaler_.n_marks
    seen = Hiding(0.9, kind).hide(batch, drawn(0, share=0.6), n_marks)
    hidden = (batch.observed & ~seen.observed)[..., :2].flatten(1, 2).numpy()
    expected = to_windows(estimator._read(np.where(hidden, np.nan, X)), 3)
    torch.testing.assert_close(seen.values[..., :2], expected.values[..., :2])
    assert torch.equal(seen.observed[..., :2], expected.observed[..., :2])
    # The marks are known to the end of the series as it was, not to the last value that is left.
    assert torch.equal(seen.observed[..., 2:], batch.observed[..., 2:])
    known = expected.observed[..., 2:]
    assert torch.equal(seen.values[..., 2:][known], expected.values[..., 2:][known])
    assert seen.counted is batch
    assert seen.valid is batch.valid


@EVERY_KIND
def test_something_is_left_of_each_series(kind):
    _, batch = batch_of(series(n=40))
    seen = Hiding(0.999, kind).hide(batch, drawn(0, share=1.0)).observed
    untouched = (seen == batch.observed).flatten(1).all(1)
    assert untouched.any()  # of these everything was drawn
    assert seen.flatten(1).any(1).all()


@EVERY_KIND
def test_the_share_is_hidden(kind):
    X = np.random.default_rng(0).normal(size=(400, 30, 3))
    _, batch = batch_of(X)
    seen = Hiding(0.6, kind).hide(batch, drawn(3, share=0.5))
    assert 1 - seen.observed.float().mean().item() == pytest.approx(0.3, abs=0.02)


def test_each_batch_draws_its_own_share_below_the_largest():
    X = np.random.default_rng(0).normal(size=(50, 30, 3))
    _, batch = batch_of(X)
    shares = [
        1 - Hiding(0.6, "points").hide(batch, drawn(seed)).observed.float().mean().item()
        for seed in range(30)
    ]
    assert max(shares) < 0.62
    assert np.std(shares) == pytest.approx(0.6 / np.sqrt(12), rel=0.3)


def test_windows_are_hidden_as_a_whole():
    _, batch = batch_of(np.random.default_rng(0).normal(size=(20, 12, 2)))
    observed = Hiding(0.5, "windows").hide(batch, drawn(1, share=0.9)).observed.flatten(2)
    assert torch.equal(observed.any(2), observed.all(2))
    assert not observed.all()


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 12), st.floats(0, 1), st.floats(0, 1))
def test_a_block_is_one_run_inside_the_series(count, share, place):
    shape = torch.tensor([[[count]]]), torch.tensor(share), torch.tensor([[[place]]])
    at = np.flatnonzero(block_of(*shape, 12)[0, :, 0].numpy())
    size = round(float(np.float32(share) * np.float32(count)))
    assert len(at) == size
    if size:
        assert at[-1] - at[0] == size - 1
        assert at[-1] < count


def test_mixed_is_one_kind_for_each_series():
    _, batch = batch_of(series(n=60))

    def fixed(name, shape, like):
        seed = [ord(letter) for letter in name]
        return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape)).float()

    masks = {kind: Hiding(0.9, kind).hide(batch, fixed).observed for kind in KINDS}
    place = torch.special.ndtr(fixed("hidden_kind", (60,), None))
    of = [HIDDEN_KINDS[int(3 * each)] for each in place]
    assert set(of) == set(HIDDEN_KINDS)
    for row, kind in enumerate(of):
        assert torch.equal(masks["mixed"][row], masks[kind][row])


# -- what training makes of it ------------------------------------------------------------------


@EVERY_KIND
def test_the_encoder_does_not_see_it_and_the_loss_does(kind):
    _, batch = batch_of(series())
    batch = batch._replace(values=batch.values.clone().requires_grad_())
    network = small(missing="mask", window=3, max_epochs=0).fit(series()).net_.module_.train()
    seen = Hiding(0.9, kind).hide(batch, drawn(2))
    hidden = batch.observed & ~seen.observed
    assert hidden.any()
    codes = network.encode(seen)
    both = codes.dynamic.mean.sum() + codes.static.mean.sum()
    (of_codes,) = torch.autograd.grad(both, batch.values, retain_graph=True)
    assert not of_codes[hidden].any()
    assert of_codes[seen.observed].any()
    (of_loss,) = torch.autograd.grad(network(seen, SharedNoise(0))["reconstruction"], batch.values)
    index = network.choose_anchor(seen, mean_noise)
    rest = hidden & (torch.arange(5) != index[:, None])[..., None, None]
    assert (of_loss[rest] != 0).all()


@pytest.mark.parametrize("method", METHODS, ids=lambda each: each.__name__)
def test_every_method_trains_with_it(method):
    X = series()
    given = []

    def recorded(estimator):
        network = estimator.net_.module_
        network.nll_of = lambda batch, *args, **kwargs: (
            given.append(batch),
            type(network).nll_of(network, batch, *args, **kwargs),
        )[1]
        return network

    estimator = small(method, missing="mask", window=3, hidden_share=0.9, max_epochs=0).fit(X)
    network, batch = recorded(estimator), to_windows(estimator._read(X), 3)
    batch = batch._replace(rows=torch.arange(len(X)))  # as training numbers its series
    network.train()
    network(network.inputs(batch, drawn(0)), drawn(1))
    assert given
    assert all(each.counted is batch and each is not batch for each in given)
    network.eval()
    assert network.inputs(batch, drawn(0)) is batch


def test_the_rate_is_that_of_all_values():
    X = series()
    params = {"missing": "mask", "window": 3, "batch_size": 12, "max_epochs": 1}
    aims = [
        small(hidden_share=share, **params).fit(X).history_[-1]["train_rate_aim"]
        for share in (0.0, 0.9)
    ]
    assert aims[0] == aims[1]


def test_without_a_share_nothing_is_drawn():
    network = small(window=3, max_epochs=0).fit(np.ones((4, 6, 1))).net_.module_.train()
    batch = Windows(torch.ones(4, 2, 3, 1), torch.ones(4, 2, 3, 1) > 0, torch.ones(4, 2) > 0)
    assert network.inputs(batch, None) is batch


@pytest.mark.parametrize("missing", ["mask", "indicate"])
def test_the_same_seed_hides_the_same(missing):
    X = series()
    params = {"missing": missing, "window": 3, "hidden_share": 0.5}
    one, other = (small(**params).fit(X) for _ in range(2))
    assert_same_fit(one, other, X)
    plain = small(**{**params, "hidden_share": 0.0}).fit(X)
    assert not np.array_equal(plain.transform(X), one.transform(X))


def test_batches_are_weighted_by_their_series():
    rows = small(window=3, hidden_share=0.5, max_epochs=1, missing="mask").fit(series()).history_
    assert [batch["train_batch_size"] for batch in rows[-1]["batches"]] == [8, 4]


# -- clips --------------------------------------------------------------------------------------


def video(**params):
    clips = np.random.default_rng(0).integers(0, 256, (4, 5, 16, 16, 1), dtype=np.uint8)
    encoder = VideoEncoder(16, channels=1, width=2, out_features=4, hidden=4)
    return StaticDynamicVAE(encoder, static_dim=2, dynamic_dim=2, random_state=0, **params), clips


@pytest.mark.parametrize("kind", ["points", "blocks", "mixed"])
def test_parts_of_frames_are_not_hidden(kind):
    estimator, clips = video(hidden_share=0.5, hidden_kind=kind, max_epochs=1)
    with pytest.raises(ValueError, match="hidden_kind='windows'"):
        estimator.fit(clips)


def test_whole_frames_are_hidden():
    estimator, clips = video(hidden_share=0.9, hidden_kind="windows", max_epochs=1)
    network = estimator.fit(clips).net_.module_
    batch = to_windows(estimator._read(clips), 1)
    seen = Hiding(0.9, "windows").hide(batch, drawn(0, share=1.0))
    assert not network.encoder.readable(seen.observed).all()
    assert network(seen, SharedNoise(0))["reconstruction"].isfinite()
