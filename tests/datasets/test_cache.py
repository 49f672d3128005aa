import warnings

import numpy as np
import pooch
import pytest

from tsdisentangle.datasets._cache import cached_arrays, cached_memmap

ARRAYS = {"x": np.arange(50, dtype=np.float64), "y": np.arange(5, dtype=np.int8)}
KEYS = ("x", "y")


class Build:
    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        return ARRAYS


@pytest.fixture
def build():
    return Build()


@pytest.fixture
def cache_file(build):
    cached_arrays("name", KEYS, build)
    build.calls = 0
    return pooch.os_cache("tsdisentangle-derived") / "name.npz"


def assert_right(arrays):
    assert set(arrays) == set(ARRAYS)
    for key, expected in ARRAYS.items():
        assert arrays[key].dtype == expected.dtype
        np.testing.assert_array_equal(arrays[key], expected)


def test_builds_once(build):
    for _ in range(3):
        assert_right(cached_arrays("name", KEYS, build))
    assert build.calls == 1
    cached_arrays("other name", KEYS, build)
    assert build.calls == 2


def test_leaves_one_file(cache_file):
    assert list(cache_file.parent.iterdir()) == [cache_file]


def test_is_outside_the_data_folder(cache_file):
    assert pooch.os_cache("tsdisentangle") not in cache_file.parents


def test_no_flipped_bit_is_ever_believed(build, cache_file):
    good = cache_file.read_bytes()
    for position in range(0, len(good), 7):
        cache_file.write_bytes(good[:position] + bytes([good[position] ^ 4]) + good[position + 1 :])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            assert_right(cached_arrays("name", KEYS, build))
    assert build.calls > 20


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_truncated_is_built_again_with_a_warning(build, cache_file, keep):
    good = cache_file.read_bytes()
    cache_file.write_bytes(good[:keep])
    with pytest.warns(UserWarning, match=r"name\.npz is damaged and is built again"):
        assert_right(cached_arrays("name", KEYS, build))
    assert build.calls == 1
    assert_right(cached_arrays("name", KEYS, build))  # and is good again, without a warning
    assert build.calls == 1


def test_pickles_are_refused(build, cache_file):
    np.savez(cache_file, x=np.array([{}], dtype=object), y=ARRAYS["y"])
    with pytest.warns(UserWarning, match="is damaged"):
        assert_right(cached_arrays("name", KEYS, build))


def test_a_cache_that_cannot_be_written_costs_only_time(build, monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setattr(pooch, "os_cache", lambda project: blocked / project)
    for _ in range(2):
        assert_right(cached_arrays("name", KEYS, build))
    assert build.calls == 2


LARGE = np.random.default_rng(0).integers(256, size=(6, 5, 4), dtype=np.uint8)


class Blocks:
    """Yields blocks of unequal numbers of rows."""

    def __init__(self):
        self.calls = 0

    def __call__(self):
        self.calls += 1
        yield from (LARGE[:1], LARGE[1:4], LARGE[4:])


@pytest.fixture
def blocks():
    return Blocks()


@pytest.fixture
def map_file(blocks):
    cached_memmap("large", LARGE.shape, blocks)
    blocks.calls = 0
    return pooch.os_cache("tsdisentangle-derived") / "large.npy"


def test_map_is_built_once_and_read_only(blocks):
    for _ in range(2):
        array = cached_memmap("large", LARGE.shape, blocks)
        assert isinstance(array, np.memmap)
        np.testing.assert_array_equal(array, LARGE)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    assert blocks.calls == 1


def test_map_leaves_one_file_that_numpy_reads(map_file):
    assert list(map_file.parent.iterdir()) == [map_file]
    np.testing.assert_array_equal(np.load(map_file), LARGE)


@pytest.mark.parametrize(
    "damage", [lambda b: b"", lambda b: b[:50], lambda b: b[:-1], lambda b: b"text" * 60]
)
def test_damaged_map_is_built_again_with_a_warning(blocks, map_file, damage):
    map_file.write_bytes(damage(map_file.read_bytes()))
    with pytest.warns(UserWarning, match=r"large\.npy is damaged and is built again"):
        np.testing.assert_array_equal(cached_memmap("large", LARGE.shape, blocks), LARGE)
    assert blocks.calls == 1


@pytest.mark.parametrize("other", [LARGE[:3], LARGE.astype(np.int16)])
def test_map_of_another_form_is_built_again(blocks, map_file, other):
    np.save(map_file, other)
    with pytest.warns(UserWarning, match="expected uint8"):
        np.testing.assert_array_equal(cached_memmap("large", LARGE.shape, blocks), LARGE)


def test_map_that_cannot_be_written_says_how_much_space_it_needs(blocks, monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setattr(pooch, "os_cache", lambda project: blocked / project)
    with pytest.raises(OSError, match=r"large\.npy \(\d+ MiB\) cannot be written"):
        cached_memmap("large", LARGE.shape, blocks)


def test_an_unfinished_map_is_not_kept():
    def fails():
        yield LARGE[:2]
        raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        cached_memmap("large", LARGE.shape, fails)
    assert list(pooch.os_cache("tsdisentangle-derived").iterdir()) == []
