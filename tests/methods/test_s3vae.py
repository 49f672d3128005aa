"""What is special of this method: triplets, the signal of motion, the terms of training."""

import helpers
import loops
import numpy as np
import pytest
import torch

from tsdisentangle import S3VAE, SpectrogramEncoder, TabularEncoder, VideoEncoder
from tsdisentangle.losses.motion import loud_frames, moving_cells, window_differences
from tsdisentangle.methods.s3vae import permute_windows
from tsdisentangle.nn.noise import SharedNoise, mean_noise

BOUND = {"reconstruction", "static_kl", "dynamic_kl"}
TRAINING = {"information", "consistency", "prediction"}
VIDEO = VideoEncoder(16, 3, 2, out_features=8, hidden=6)


def small(kind="window", **params):
    return helpers.small(S3VAE, kind=kind, **{"window": 3, **params})


def series(seed=0, shape=(6, 12, 3)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def clips(n=6, frames=4):
    return np.random.default_rng(0).integers(0, 256, (n, frames, 16, 16, 3), dtype=np.uint8)


# -- the terms ----------------------------------------------------------------------------------


def triplets(own, shuffled, margin):
    """A series, itself in another order, and the series before it in the batch."""
    losses = []
    for i in range(len(own)):
        near, far = (np.linalg.norm(own[i] - other) for other in (shuffled[i], own[i - 1]))
        losses.append(max(near - far + margin, 0.0))
    return np.mean(losses)


def motion_loss(X, batch, predicted):
    """Half the squared error of each channel's change from window to window."""
    total, windows = 0.0, batch.values.numpy().reshape(len(X), -1, loops.WINDOW, 3)
    seen = batch.observed.numpy().reshape(windows.shape)
    for b, length in enumerate(loops.counts(X)):
        for t in range(1, length):
            for c in range(3):
                now, before = seen[b, t, :, c], seen[b, t - 1, :, c]
                if now.any() and before.any():
                    change = windows[b, t, now, c].mean() - windows[b, t - 1, before, c].mean()
                    total += 0.5 * (predicted[b, t, c] - change) ** 2
    return total / len(X)


@pytest.mark.parametrize("kind", ["window", "step"])
@pytest.mark.parametrize("margin", [0.1, 3.0])
def test_terms_against_loops(kind, margin):
    X = loops.panel()
    estimator = small(kind, missing="mask", max_epochs=1, margin=margin).fit([*X, series(1)[0]])
    network, batch, codes, terms, expected = loops.contrastive_terms(estimator, X)
    with torch.no_grad():
        shuffled = network.encode(permute_windows(batch, loops.noise)).static.mean.numpy()
        predicted = network.motion_head(loops.draws(codes.dynamic, "dynamic")).numpy()
    expected["consistency"] = triplets(codes.static.mean.numpy(), shuffled, margin)
    expected["prediction"] = motion_loss(X, batch, predicted)
    assert terms == pytest.approx(expected, rel=1e-4)


def test_batch_terms_exist_in_training_only():
    network, batch = loops.in_float64(small(missing="mask").fit(loops.panel()), loops.panel())
    assert set(network(batch, mean_noise)) == BOUND
    assert set(network.train()(batch, mean_noise)) == BOUND | TRAINING == set(network.weights)


def test_loss_is_the_weighted_sum_of_the_terms():
    params = {"beta": (2.0, 3.0), "consistency": 4.0, "prediction": 5.0, "information": 6.0}
    last = small(**params).fit(series()).history_[-1]
    weights = {"reconstruction": 1, "static_kl": 2, "dynamic_kl": 3}
    weights |= {"consistency": 4, "prediction": 5, "information": 6}
    total = sum(weight * last[f"train_{name}"] for name, weight in weights.items())
    assert last["train_loss"] == pytest.approx(total, rel=1e-5)


def test_elbo_has_unit_weights_and_no_batch_terms():
    X = loops.panel()
    network, batch = loops.in_float64(small(missing="mask").fit(X), X)
    with torch.no_grad():
        terms = network(batch, SharedNoise(0))
        bound = -sum(network.bound(batch, SharedNoise(0), draws=1).values())
        alone = -sum(network.bound(batch.take(slice(1, 2)), SharedNoise(0), draws=1).values())
    torch.testing.assert_close(bound.mean(), -sum(terms.values()))
    torch.testing.assert_close(alone, bound[1:2])


# -- the signal ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoder", "X", "signal", "size"),
    [
        (VIDEO, clips(), moving_cells, 9),
        (VIDEO, list(clips()), moving_cells, 9),
        (SpectrogramEncoder(hidden=6, out_features=8), series(shape=(6, 5, 7)), loud_frames, 1),
        (TabularEncoder(hidden=8), series(), window_differences, 3),
        (TabularEncoder("step", hidden=8), series(), window_differences, 3),
    ],
)
def test_signal_is_that_of_the_modality(encoder, X, signal, size):
    network = helpers.small(S3VAE, encoder=encoder).fit(X).net_.module_
    assert network.signal is signal
    assert network.motion_head[-1].out_features == size
    assert network.binary == (signal is not window_differences)


def test_marks_of_missing_values_do_not_move():
    X = series()
    X[::2, 4:8, 1] = np.nan
    estimator = small(missing="indicate").fit(X)
    network, batch = loops.in_float64(small(missing="mask").fit(X), X)
    marked = loops.to_windows(estimator._read(X), 3).double()
    assert marked.values.shape[3] > batch.values.shape[3]
    for part, expected in zip(
        estimator.net_.module_.motion(marked), network.motion(batch), strict=True
    ):
        torch.testing.assert_close(part, expected)


@pytest.mark.slow
def test_dynamic_codes_tell_what_moves_if_they_are_asked_to():
    """Linear read-out of the changes, on series of no other structure."""
    X = np.random.default_rng(0).normal(size=(60, 8, 2)).astype(np.float32)
    change = np.diff(X, axis=1).reshape(-1, 2)

    def unexplained(prediction):
        params = {"window": 1, "dynamic_dim": 4, "max_epochs": 25, "lr": 1e-2, "beta": 3.0}
        dynamic = small(prediction=prediction, **params).fit(X).encode(X).dynamic[:, 1:]
        design = np.column_stack([dynamic.reshape(-1, 4), np.ones(len(change))])
        residual = change - design @ np.linalg.lstsq(design, change, rcond=None)[0]
        return residual.var() / change.var()

    assert unexplained(30.0) < unexplained(0.0) - 0.1


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["window", "step"])
def test_training_lowers_the_objective(kind):
    history = small(kind, max_epochs=12, lr=1e-2).fit(series(shape=(32, 12, 3))).history_
    assert history[-1]["train_loss"] < 0.95 * history[0]["train_loss"]


@pytest.mark.parametrize("n", [1, 9])
def test_a_batch_of_one_has_no_other_series(n):
    estimator = small().fit(series(shape=(n, 12, 3)))
    assert np.isfinite(estimator.history_[-1]["train_loss"])


def test_defaults_are_the_documented_ones():
    assert S3VAE().get_params(deep=False) == loops.documented_defaults(S3VAE)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("beta", (1.0,)),
        ("beta", (1.0, -1.0)),
        ("consistency", -1.0),
        ("prediction", -1.0),
        ("information", -1.0),
        ("margin", 0.0),
    ],
)
def test_bad_parameter_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        small(**{name: value}).fit(series())
