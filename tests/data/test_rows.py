import numpy as np
import pandas as pd
import pytest
import torch
import zarr
from helpers import Slices
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from tsdisentangle.data.rows import blocks, is_stored, read_rows


@given(st.lists(st.integers(0, 11), max_size=20))
def test_rows_come_in_the_order_asked_for(rows):
    X = np.random.default_rng(0).normal(size=(12, 2))
    np.testing.assert_array_equal(read_rows(Slices(X), np.array(rows, int), np.float64), X[rows])


def test_neighbours_are_read_together():
    source = Slices(np.zeros((12, 2)))
    read_rows(source, np.array([7, 3, 4, 5, 8, 0]), np.float32)
    assert source.read == [(0, 1), (3, 6), (7, 9)]


@pytest.mark.parametrize("rows", [[4, 1, 1, 9], [2, 3, 4]])
def test_zarr_rows(rows):
    X = np.random.default_rng(0).normal(size=(12, 2))
    source = zarr.array(X, chunks=(5, 2))
    np.testing.assert_array_equal(read_rows(source, np.array(rows), np.float64), X[rows])


def test_what_overflows_becomes_infinite_without_a_warning(recwarn):
    assert np.isinf(read_rows(Slices(np.full((1, 1), 1e300)), np.array([0]), np.float32)).all()
    assert not recwarn


def test_blocks_hold_every_row_once_and_stay_small():
    parts = blocks(1000, 2**15)
    assert np.concatenate(parts).tolist() == list(range(1000))
    assert max(len(part) for part in parts) == 32  # of 2**15 floats: 4 MB
    assert [len(part) for part in blocks(3, 2**40)] == [1, 1, 1]


def test_what_lies_elsewhere(tmp_path):
    assert is_stored(np.memmap(tmp_path / "x", np.float32, "w+", shape=(2, 3)))
    assert is_stored(zarr.zeros((2, 3)))
    assert is_stored(Slices(np.zeros((2, 3))))


IN_MEMORY = {
    "array": np.zeros((2, 3)),
    "number": np.float32(1),
    "list": [[1.0]],
    "frame": pd.DataFrame({"a": [1.0]}),
    "column": pd.Series([1.0]),
    "sparse": csr_array(np.zeros((2, 3))),
    "tensor": torch.zeros(2, 3),
    "text": "abc",
}


@pytest.mark.parametrize("X", IN_MEMORY.values(), ids=IN_MEMORY.keys())
def test_what_does_not(X):
    assert not is_stored(X)
