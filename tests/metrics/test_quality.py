import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from tsdisentangle.metrics import masked_mse, mean_squared_error, psnr, sequence_sse, ssim


def clips(shape, seed=0):
    return np.random.RandomState(seed).randint(256, size=shape, dtype=np.uint8)


SHAPE = (2, 3, 13, 12, 3)


@pytest.fixture
def pair():
    original = clips(SHAPE)
    noise = clips(SHAPE, 1).astype(int) // 8
    return original, np.clip(original + noise, 0, 255).astype(np.uint8)


def test_errors_against_loops(pair):
    x, y = (values / 255 for values in pair)
    sse = [
        sum((a - b) ** 2 for a, b in zip(p.ravel(), q.ravel(), strict=True))
        for p, q in zip(x, y, strict=True)
    ]
    assert_allclose(sequence_sse(*pair), sse)
    assert_allclose(mean_squared_error(*pair), sum(sse) / x.size)
    expected = [
        [10 * np.log10(1 / np.mean((x[i, t] - y[i, t]) ** 2)) for t in range(3)] for i in range(2)
    ]
    assert_allclose(psnr(*pair), expected)


def literal_ssim(x, y):
    """One channel of one frame, window by window."""
    offsets = np.arange(-5, 6)
    weights = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * 1.5**2))
    weights /= weights.sum()
    values = []
    for i in range(5, x.shape[0] - 5):
        for j in range(5, x.shape[1] - 5):
            p, q = (frame[i - 5 : i + 6, j - 5 : j + 6] for frame in (x, y))
            m, n = (weights * p).sum(), (weights * q).sum()
            v, w = (weights * (p - m) ** 2).sum(), (weights * (q - n) ** 2).sum()
            c = (weights * (p - m) * (q - n)).sum()
            values.append(
                (2 * m * n + 1e-4) * (2 * c + 9e-4) / ((m**2 + n**2 + 1e-4) * (v + w + 9e-4))
            )
    return np.mean(values)


def test_ssim_against_loop(pair):
    x, y = (values / 255 for values in pair)
    expected = [
        [
            np.mean([literal_ssim(x[i, t, :, :, c], y[i, t, :, :, c]) for c in range(3)])
            for t in range(3)
        ]
        for i in range(2)
    ]
    assert_allclose(ssim(*pair), expected, rtol=1e-9)
    assert_allclose(ssim(x, y), expected, rtol=1e-9)


def test_psnr_and_ssim_against_scikit_image(pair):
    reference = pytest.importorskip("skimage.metrics")
    frames = [(x, y) for clip in zip(*pair, strict=True) for x, y in zip(*clip, strict=True)]
    expected = [reference.peak_signal_noise_ratio(x, y) for x, y in frames]
    assert_allclose(psnr(*pair).ravel(), expected)
    # Wang's window and moments, as its documentation says.
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    expected = [
        reference.structural_similarity(x, y, channel_axis=2, data_range=255, **options)
        for x, y in frames
    ]
    assert_allclose(ssim(*pair).ravel(), expected)


def test_ssim_of_flat_frames_is_that_of_their_brightness():
    dark, bright = np.full(SHAPE, 0.2), np.full(SHAPE, 0.6)
    assert_allclose(ssim(dark, bright), (2 * 0.12 + 1e-4) / (0.04 + 0.36 + 1e-4))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000))
def test_ssim_is_symmetric_and_at_most_one(seed):
    x, y = clips((1, 2, 11, 12, 1), seed), clips((1, 2, 11, 12, 1), seed + 1)
    assert_allclose(ssim(x, y), ssim(y, x))
    assert (ssim(x, y) < 1).all()
    assert_allclose(ssim(x, x), 1)


def test_an_equal_frame():
    x = clips(SHAPE)
    y = x.copy()
    y[0, 1] ^= 1  # every value is off by one step
    assert psnr(x, y)[0, 0] == np.inf
    assert_allclose(psnr(x, y)[0, 1], 20 * np.log10(255))
    assert sequence_sse(x, y)[1] == 0


def test_only_one_clip_at_a_time_becomes_float():
    x = clips((80, 4, 32, 32, 3))
    tracemalloc.start()
    sequence_sse(x, x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x.nbytes  # a float copy has eight times as much


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (np.zeros(SHAPE), np.zeros((2, 3, 13, 12, 1)), "the same"),
        (np.zeros((3, 13, 12, 3)), np.zeros((3, 13, 12, 3)), "the same"),
        (np.zeros((0, 3, 13, 12, 3)), np.zeros((0, 3, 13, 12, 3)), "not empty"),
        (np.full(SHAPE, 2.0), np.zeros(SHAPE), "clips is float64 from 2 to 2"),
        (np.zeros(SHAPE), np.full(SHAPE, np.nan), "reconstruction is"),
        (np.zeros(SHAPE), np.full(SHAPE, -0.1), "between 0 and 1"),
    ],
)
def test_clips_that_are_refused(x, y, message):
    for measure in (sequence_sse, mean_squared_error, psnr, ssim):
        with pytest.raises(ValueError, match=message):
            measure(x, y)


def test_ssim_takes_frames_as_large_as_its_window():
    with pytest.raises(ValueError, match="at least 11 x 11"):
        ssim(clips((1, 1, 10, 20, 1)), clips((1, 1, 10, 20, 1)))


def test_masked_mse():
    target = np.array([[[1.0], [np.nan], [3.0]], [[0.0], [np.nan], [np.nan]]])
    guess = np.array([[[2.0], [9.0], [1.0]], [[1.0], [np.nan], [np.inf]]])
    assert masked_mse(target, guess) == (1 + 4 + 1) / 3
    for bad in (np.full_like(guess, np.nan), guess[:1]):
        with pytest.raises(ValueError, match="series"):
            masked_mse(target, bad)
    with pytest.raises(ValueError, match="no observed"):
        masked_mse([[np.nan]], [[1.0]])


def test_masked_errors_are_squared():
    assert masked_mse([[0.0, 0.0, np.nan]], [[-2.0, 1.0, 9.0]]) == 2.5
