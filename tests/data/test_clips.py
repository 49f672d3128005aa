import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdisentangle.data.clips import ClipFormat, as_clips

SIZE = 16


def clips(seed=0, shape=(5, 4, SIZE, SIZE, 3)):
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def read(X, channels=3):
    return as_clips(X, size=SIZE, channels=channels)


@given(
    st.booleans(),
    st.sampled_from([np.uint8, np.float32, np.float64]),
    st.sampled_from([1, 3]),
    st.lists(st.integers(0, 4), min_size=1, max_size=6),
)
def test_cut_and_inverse_are_inverse(channels_last, dtype, channels, rows):
    X = clips(shape=(5, 4, SIZE, SIZE, channels))
    if not channels_last:
        X = np.moveaxis(X, -1, 2)
    if dtype != np.uint8:
        X = (X / 255).astype(dtype)
    frames = read(X, channels)
    assert frames.scaler == ClipFormat(SIZE, channels, channels_last, np.dtype(dtype))
    values = frames.cut(np.array(rows)).values
    assert values.shape == (len(rows), 4, SIZE * SIZE, channels)
    assert values.dtype == np.float32
    joined = values.reshape(len(rows), -1, channels)
    back = frames.scaler.inverse(joined)
    assert back.dtype == X.dtype
    np.testing.assert_allclose(back, X[rows], rtol=1e-6)


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.float32, 1)])
def test_values_beyond_the_range_of_pixels_are_limited(dtype, white):
    pixels = np.tile(np.float32([-2.0, 3.0, 0.0, 1.0]), SIZE * SIZE // 4)[None, None, :, None]
    back = ClipFormat(SIZE, 1, True, np.dtype(dtype)).inverse(pixels)
    np.testing.assert_array_equal(back.reshape(-1, 4), [[0, white, 0, white]] * (SIZE * SIZE // 4))


def test_pixels_and_colours_keep_their_place():
    X = clips()
    values = read(X).cut(np.array([3])).values
    assert values[0, 2, 5 * SIZE + 7, 1] == np.float32(X[3, 2, 5, 7, 1]) / np.float32(255)
    np.testing.assert_array_equal(values, read(np.moveaxis(X, -1, 2)).cut(np.array([3])).values)


def test_nothing_is_copied_until_a_batch_is_cut():
    X = clips()
    X.flags.writeable = False
    frames = read(X)
    assert np.shares_memory(frames.clips, X)
    frames.cut(np.array([0, 1])).values[:] = 7  # a copy, and writeable
    np.testing.assert_array_equal(X, clips())


def test_list_of_clips_of_unequal_length():
    X = [clips()[0], clips()[1, :2]]
    frames = read(X)
    assert frames.kind == "list"
    assert frames.lengths.tolist() == [4, 2]
    values = frames.cut(np.array([1, 0])).values
    assert values.shape == (2, 4, SIZE * SIZE, 3)
    assert (values[0, 2:] == 0).all()
    np.testing.assert_array_equal(values[1], read(clips()[:1]).cut(np.array([0])).values[0])
    restored = frames.restore(np.zeros((2, 4, 1)))
    assert [len(clip) for clip in restored] == [4, 2]


def test_range_of_floats_is_checked_everywhere():
    X = np.zeros((400, 8, SIZE, SIZE, 3), np.float64)  # several blocks
    X[391, 2, 3, 4, 1] = 1.5
    with pytest.raises(ValueError, match=r"Clip 391, frame 2 holds 1.5; floats must lie in \[0, 1"):
        read(X)


def with_value(value):
    X = np.zeros((2, 4, SIZE, SIZE, 3), np.float32)
    X[1, 3, 0, 0, 0] = value
    return X


REFUSED = {
    "a single image": (clips()[0, 0], "seems to be a single image"),
    "a single clip": (clips()[0], r"Pass X\[None\] if X is a single clip"),
    "a table": (np.zeros((3, 4)), "has 2 axes"),
    "no clip": (clips()[:0], "holds no clip"),
    "an empty list": ([], "has 1 axes"),
    "an empty clip": (clips()[:, :0], "has no frame"),
    "an empty clip in a list": ([clips()[0], clips()[0, :0]], "Clip 1 has no frame"),
    "another size": (clips(shape=(2, 4, 8, 8, 3)), r"frames of shape \(8, 8, 3\)"),
    "other colours": (clips(shape=(2, 4, 16, 16, 1)), r"takes \(16, 16, 3\) or \(3, 16, 16\)"),
    "integers": (clips().astype(np.int64), r"dtype int64.*X.astype\(np.uint8\)"),
    "complex numbers": (clips().astype(complex), "dtype complex128"),
    "strings": (clips().astype(str), "dtype <U3"),
    "0 to 255 in floats": (with_value(255), r"holds 255.0; floats must lie in \[0, 1\]"),
    "negative": (with_value(-0.1), "Clip 1, frame 3 holds -0.1"),
    "NaN": (with_value(np.nan), "Clip 1, frame 3 holds nan.*cannot be missing"),
    "infinity": (with_value(np.inf), "holds inf"),
    "NaN in a list": (list(with_value(np.nan)), "Clip 1, frame 3 holds nan"),
    "two dtypes": ([clips()[0], clips()[0] / 255], "all clips of a panel need the same"),
    "two layouts": ([clips()[0], np.moveaxis(clips()[0], -1, 1)], "Clip 1 has shape"),
    "an image among clips": ([clips()[0], clips()[0, 0]], r"Clip 1 has shape \(16, 16, 3\)"),
}


@pytest.mark.parametrize(("X", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_wrong_input_is_refused(X, message):
    with pytest.raises(ValueError, match=message):
        read(X)
