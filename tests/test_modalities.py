"""What every estimator promises, for clips and spectrograms as for tabular series."""

import pickle

import numpy as np
import pytest
import torch
from helpers import METHODS, small
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from tsdisentangle import (
    CDSVAE,
    SPYL,
    Codes,
    SpectrogramEncoder,
    StaticDynamicVAE,
    TabularDecoder,
    TabularEncoder,
    VideoDecoder,
    VideoEncoder,
)

CLOSE = {"rtol": 1e-4, "atol": 1e-5}
FRAME = {"video": (16, 16, 3), "frame": (7,), "recurrent": (7,), "tabular": (7,)}
ENCODERS = {
    "video": VideoEncoder(16, 3, 2, out_features=8, hidden=6),
    "frame": SpectrogramEncoder("frame", hidden=6, out_features=8),
    "recurrent": SpectrogramEncoder("recurrent", hidden=6, out_features=8),
    "tabular": TabularEncoder(hidden=6, out_features=8),
}


def panel(modality, seed=0, n=6, length=4):
    """Random clips in uint8, or spectrograms."""
    rng, shape = np.random.default_rng(seed), (n, length, *FRAME[modality])
    if modality == "video":
        return rng.integers(0, 256, shape, dtype=np.uint8)
    return rng.random(shape, dtype=np.float32)


def estimator_for(modality, method=StaticDynamicVAE, **params):
    return small(method, encoder=clone(ENCODERS[modality]), **params)


@pytest.fixture(scope="module", params=FRAME)
def modality(request):
    return request.param


@pytest.fixture(scope="module")
def fitted(modality):
    return estimator_for(modality).fit(panel(modality))


@pytest.fixture(scope="module")
def video():
    return estimator_for("video").fit(panel("video"))


def copy_of(fitted, **params):
    """The same fitted estimator with other parameters."""
    return pickle.loads(pickle.dumps(fitted)).set_params(**params)


# -- every method -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
@pytest.mark.parametrize("modality", ["video", "frame", "recurrent"])
def test_every_method_goes_through_the_same_door(method, modality):
    X = panel(modality)
    ragged = [X[0], X[1, :2], X[2, :3], X[3]]
    estimator = estimator_for(modality, method, max_epochs=1).fit(ragged)
    codes = estimator.encode(X)
    assert codes.dynamic.shape[:2] == (6, 4)
    assert np.isfinite(estimator.transform(ragged)).all()
    assert estimator.reconstruct(X).shape == X.shape
    assert [x.shape for x in estimator.reconstruct(ragged)] == [x.shape for x in ragged]
    assert estimator.sample(2, 3).shape == (2, 3, *FRAME[modality])
    assert estimator.sample(2, 3).dtype == X.dtype
    assert np.isfinite(estimator.score(X))


# -- codes --------------------------------------------------------------------------------------


def test_an_element_is_a_frame(fitted, modality):
    if modality != "tabular":
        long = panel(modality, n=2, length=50)  # 'auto' would make windows of 2 steps
        assert clone(fitted).fit(long).window_ == 1
    codes = fitted.encode(panel(modality))
    assert (codes.static.shape, codes.dynamic.shape) == ((6, 3), (6, 4, 2))
    assert fitted.transform(panel(modality)).shape == (6, 5)


def test_same_seed_same_codes_and_untouched_global_generators(modality):
    X = panel(modality)
    before = torch.random.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    first, second = (estimator_for(modality).fit(X) for _ in range(2))
    after = torch.random.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    np.testing.assert_array_equal(first.transform(X), second.transform(X))
    np.testing.assert_array_equal(first.transform(X), first.fit(X).transform(X))
    assert torch.equal(before[0], after[0])
    np.testing.assert_array_equal(before[1], after[1])
    assert not np.allclose(
        first.transform(X), estimator_for(modality, random_state=1).fit_transform(X)
    )


def test_clone_and_pickle(fitted, modality):
    X = panel(modality)
    np.testing.assert_array_equal(clone(fitted).fit(X).transform(X), fitted.transform(X))
    np.testing.assert_array_equal(copy_of(fitted).transform(X), fitted.transform(X))


def test_static_code_depends_on_the_anchor_only(fitted, modality):
    X = panel(modality)
    other = panel(modality, seed=1)
    other[:, 0] = X[:, 0]
    same = np.allclose(fitted.encode(X).static, fitted.encode(other).static, atol=1e-6)
    assert same is (modality != "recurrent")  # whose features have seen every frame
    other[:, 0] = panel(modality, seed=2)[:, 0]
    assert not np.allclose(fitted.encode(X).static, fitted.encode(other).static, atol=1e-6)


@pytest.mark.parametrize("kind", ["video", "frame"])
@pytest.mark.parametrize("direction", ["bidirectional", "causal"])
def test_causal_posterior_does_not_see_the_future(kind, direction):
    estimator = estimator_for(kind, dynamic_posterior=direction).fit(panel(kind))
    X, other = panel(kind), panel(kind)
    other[:, 3] = panel(kind, seed=1)[:, 3]
    before, after = (estimator.encode(x).dynamic for x in (X, other))
    same = np.allclose(before[:, :3], after[:, :3], rtol=0, atol=1e-8)
    assert same is (direction == "causal")
    assert not np.allclose(before[:, 3], after[:, 3], atol=1e-7)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 5))
def test_padding_never_changes_a_code_or_a_score(fitted, modality, seed, length, longer):
    x = panel(modality, seed, 1, length)[0]
    other = panel(modality, seed + 1, 1, length + longer)[0]
    alone, beside = fitted.encode([x, x]), fitted.encode([x, other])
    assert beside.lengths.tolist() == [length, length + longer]
    np.testing.assert_allclose(alone.static[0], beside.static[0], **CLOSE)
    np.testing.assert_allclose(alone.dynamic[0], beside.dynamic[0, :length], **CLOSE)
    np.testing.assert_allclose(
        fitted.score_samples([x, x])[0], fitted.score_samples([x, other])[0], rtol=1e-5
    )


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(st.permutations(range(6)))
def test_order_and_batches_do_not_matter(fitted, modality, order):
    X, rows = panel(modality), list(order)
    np.testing.assert_allclose(fitted.transform(X)[rows], fitted.transform(X[rows]), **CLOSE)
    np.testing.assert_allclose(
        fitted.score_samples(X)[rows], fitted.score_samples(X[rows]), rtol=1e-5
    )
    batches = copy_of(fitted, batch_size=4)
    np.testing.assert_allclose(fitted.transform(X), batches.transform(X), **CLOSE)
    np.testing.assert_array_equal(fitted.sample(2, 3), batches.sample(2, 3))


def test_picked_elements_are_read_as_if_they_were_all(fitted, modality):
    X, order = panel(modality), np.tile([3, 0, 0], (6, 1))
    order[0] = 1, 2, -1
    codes = fitted.encode(X, windows=order)
    expected = fitted.encode([x[row[row >= 0]] for x, row in zip(X, order, strict=True)])
    np.testing.assert_allclose(codes.static, expected.static, **CLOSE)
    np.testing.assert_allclose(codes.dynamic, expected.dynamic, **CLOSE)
    np.testing.assert_array_equal(codes.lengths, expected.lengths)


# -- input --------------------------------------------------------------------------------------


def test_input_is_never_written_and_may_be_a_mapped_file(fitted, modality, tmp_path):
    X = panel(modality)
    mapped = np.memmap(tmp_path / "panel", X.dtype, "w+", shape=X.shape)
    mapped[:] = X
    mapped.flush()
    read_only = np.memmap(tmp_path / "panel", X.dtype, "r", shape=X.shape)
    expected = fitted.transform(X)
    np.testing.assert_array_equal(clone(fitted).fit(read_only).transform(read_only), expected)
    fitted.reconstruct(read_only)
    fitted.swap(read_only, read_only)
    np.testing.assert_array_equal(X, panel(modality))


def test_nan_is_refused_and_nothing_changes(fitted, modality):
    X = panel(modality).astype(np.float32) / 255
    X[1, 2, 0] = np.nan
    codes = fitted.transform(panel(modality))
    with pytest.raises(ValueError, match=r"(?i)nan"):
        fitted.fit(X)
    with pytest.raises(ValueError, match=r"(?i)nan"):
        fitted.transform(X)
    np.testing.assert_array_equal(codes, fitted.transform(panel(modality)))
    with pytest.raises(NotFittedError):
        clone(fitted).transform(panel(modality))


@pytest.mark.parametrize("kind", ["video", "frame", "recurrent"])
def test_elements_of_several_frames_are_refused(kind):
    with pytest.raises(ValueError, match=r"window is 2, but an element .* is a single frame"):
        estimator_for(kind, window=2).fit(panel(kind))
    with pytest.raises(ValueError, match="window is 2"):
        ENCODERS[kind].decoder().build(5, 3, 2)


def test_a_decoder_that_does_not_fit_is_refused():
    for decoder in (VideoDecoder(size=32, width=2), TabularDecoder()):
        with pytest.raises(ValueError, match="The decoder makes elements of shape"):
            estimator_for("video", decoder=decoder).fit(panel("video"))


def test_bad_sizes_are_refused():
    for params in ({"size": 48}, {"size": 8}, {"channels": 2}, {"width": 0}):
        with pytest.raises(ValueError, match=next(iter(params))):
            estimator_for("video").set_params(
                **{f"encoder__{name}": value for name, value in params.items()}
            ).fit(panel("video"))


def test_changing_the_encoder_after_fit_waits_for_the_next_fit(video):
    expected = video.transform(panel("video"))
    changed = copy_of(video, encoder__size=32)
    np.testing.assert_array_equal(changed.transform(panel("video")), expected)
    with pytest.raises(ValueError, match=r"takes \(32, 32, 3\)"):
        changed.fit(panel("video"))


# -- the way back -------------------------------------------------------------------------------


def test_reconstruct_is_decode_of_encode(fitted, modality):
    X = panel(modality)
    np.testing.assert_allclose(fitted.reconstruct(X), fitted.decode(fitted.encode(X)), **CLOSE)


def test_swap_exchanges_the_static_codes(fitted, modality):
    X = panel(modality)
    for swapped in fitted.swap(X, X):
        np.testing.assert_array_equal(swapped, fitted.reconstruct(X))
    X1, X2 = [X[0]], [X[1, :3]]
    X12, X21 = fitted.swap(X1, X2)
    one, two = fitted.encode(X1), fitted.encode(X2)
    np.testing.assert_allclose(
        X12[0], fitted.decode(Codes(one.static, two.dynamic, two.lengths))[0], **CLOSE
    )
    assert X21[0].shape == X1[0].shape


def test_sample_keeps_what_it_is_given(fitted, modality):
    X = panel(modality)
    codes = fitted.encode(X)
    drawn = fitted.sample(5, 4, static=codes.static[0], dynamic=codes.dynamic[0])
    assert drawn.shape == (5, 4, *FRAME[modality])
    np.testing.assert_allclose(drawn[4], fitted.reconstruct(X)[0], rtol=1e-4, atol=1)


def test_noisy_frames_are_frames(video):
    """The likelihood of pixels is a Gaussian of variance 1/2, which knows no limits."""
    drawn = video.sample(3, 4, observation_noise=True)
    assert drawn.dtype == np.uint8
    assert {0, 255} < set(drawn.flat)
    inside = (drawn > 0) & (drawn < 255)
    assert 0.4 < inside.mean() < 0.6  # as of N(1/2, 1/2), within half a unit of its mean: 0.52
    floats = clone(video).fit(panel("video") / 255).sample(3, 4, observation_noise=True)
    assert (floats.min(), floats.max()) == (0, 1)


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32, np.float64, np.float16])
def test_frames_come_back_as_they_were_given(video, channels_last, dtype):
    """Layout and dtype are the user's; what the frames show is the same in all of them."""
    pixels = panel("video")
    X = pixels if dtype == np.uint8 else (pixels / 255).astype(dtype)
    X = X if channels_last else np.moveaxis(X, -1, 2)
    scale = 255 if dtype == np.uint8 else 1
    np.testing.assert_allclose(video.transform(X), video.transform(pixels), atol=2e-2)
    fitted = clone(video).fit(X)
    expected = np.moveaxis(video.reconstruct(pixels), -1, 2 if not channels_last else -1) / 255
    returned = {
        "reconstruct": video.reconstruct(X),
        "swap": video.swap(X, X)[0],
        "decode": fitted.decode(fitted.encode(pixels)),
    }
    for frames in returned.values():
        assert frames.dtype == dtype
        np.testing.assert_allclose(frames / scale, expected, atol=2e-2)
    assert fitted.sample(2, 3).shape == (2, 3, *X.shape[2:])
    assert fitted.sample(2, 3).dtype == dtype


def test_frames_behind_the_end_are_marked(video):
    X = panel("video")
    codes = video.encode([X[0], X[1, :2]])
    assert (video.decode(codes)[1, 2:] == 0).all()
    floats = clone(video).fit(X / 255)
    assert np.isnan(floats.decode(codes)[1, 2:]).all()
    assert np.isfinite(floats.decode(codes)[1, :2]).all()


def test_other_lengths_are_taken(fitted, modality):
    for length in (1, 3, 9):
        X = panel(modality, length=length)
        assert fitted.reconstruct(X).shape == X.shape


def test_imputing_video_is_refused(video):
    with pytest.raises(ValueError, match="video, which cannot have missing values"):
        video.impute(panel("video"))


@pytest.mark.parametrize("kind", ["frame", "recurrent"])
def test_gaps_of_a_spectrogram_are_filled(kind):
    X = panel(kind)
    X[2, 1, 3], X[4, 3] = np.nan, np.nan
    estimator = estimator_for(kind, missing="mask").fit(X)
    filled = estimator.impute(X)
    assert np.isfinite(filled).all()
    np.testing.assert_array_equal(filled[~np.isnan(X)], X[~np.isnan(X)])


def test_standardisation_is_for_spectrograms_only(video):
    assert video.scaler_.dtype == np.uint8  # the form of the frames, no scale
    X = panel("frame")
    plain, scaled = (estimator_for("frame").fit(x) for x in (X, 100 * X + 3))
    np.testing.assert_allclose(plain.transform(X), scaled.transform(100 * X + 3), atol=1e-3)


def test_a_single_spectrogram_is_refused():
    with pytest.raises(ValueError, match=r"Pass X\[None\] if X is a single spectrogram"):
        estimator_for("frame").fit(panel("frame")[0])


# -- training -----------------------------------------------------------------------------------


def test_partial_fit_and_early_stopping(modality):
    X = panel(modality, n=20)
    estimator = estimator_for(modality)
    for _ in range(2):
        estimator.partial_fit(X)
    assert len(estimator.history_) == 2
    stopped = estimator_for(modality, early_stopping=2, max_epochs=3).fit(X)
    assert np.isfinite(stopped.history_[-1]["valid_loss"])


@pytest.mark.slow
def test_clips_are_learnt():
    """Squares of one brightness a clip that move: frames are told far better than by the mean."""
    rng = np.random.default_rng(0)
    X = np.zeros((64, 4, 16, 16, 1), np.uint8)
    for clip, brightness in zip(X, rng.integers(60, 256, 64), strict=True):
        start = rng.integers(0, 4)
        for t, frame in enumerate(clip):
            frame[4:12, start + 2 * t : start + 2 * t + 5] = brightness
    encoder = VideoEncoder(16, 1, 8, out_features=16, hidden=16)
    estimator = StaticDynamicVAE(
        encoder, static_dim=4, dynamic_dim=4, beta=0.1, max_epochs=60, batch_size=16, random_state=0
    ).fit(X)
    error = np.square(estimator.reconstruct(X).astype(float) - X).mean()
    assert error < 0.2 * np.square(X.mean(axis=(0, 1)) - X).mean()


@pytest.mark.parametrize("method", [StaticDynamicVAE, CDSVAE, SPYL])
def test_prior_is_as_wide_as_the_encoder_says(method):
    clips = np.random.default_rng(0).random((4, 3, 16, 16, 3)).astype(np.float32)
    encoder = VideoEncoder(size=16, width=4, out_features=8, hidden=5)
    estimator = method(encoder, static_dim=2, dynamic_dim=2, max_epochs=0, random_state=0)
    assert estimator.fit(clips).net_.module_.prior.lstm.hidden_size == 5
