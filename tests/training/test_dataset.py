from itertools import chain

import numpy as np
import pytest
import torch

from tsdisentangle.data.clips import as_clips
from tsdisentangle.data.series import as_series
from tsdisentangle.training.dataset import BatchLoader, SequenceDataset, hold_out

RNG = np.random.RandomState(0)


def clips(n=7, lengths=None):
    X = np.arange(n, dtype=np.uint8)[:, None, None, None, None] * np.ones((3, 16, 16, 1), np.uint8)
    given = X if lengths is None else [x[:t] for x, t in zip(X, lengths, strict=True)]
    return as_clips(given, size=16, channels=1)


def numbers(batch):
    """Which clips a batch holds."""
    return (batch.values[:, 0, 0, 0] * 255).round().int().tolist()


def test_one_data_set_for_clips_and_series():
    assert SequenceDataset(clips(), 1)[slice(0, 2)].values.shape == (2, 3, 256, 1)
    windows = SequenceDataset(as_series(np.zeros((4, 6, 2))), 3)
    assert windows[slice(0, 2)].values.shape == (2, 2, 3, 2)


@pytest.mark.parametrize("rows", [slice(2, 5), torch.tensor([6, 0, 3])])
def test_a_batch_of_clips(rows):
    batch = SequenceDataset(clips(), 1)[rows]
    assert numbers(batch) == torch.arange(7)[rows].tolist()
    assert batch.values.shape == (3, 3, 256, 1)
    assert batch.observed.shape == batch.values.shape
    assert batch.observed.stride()[2] == 0  # the mask of a frame takes no memory
    assert batch.valid.all()


def test_short_clips_are_padded_and_masked():
    batch = SequenceDataset(clips(3, [3, 1, 2]), 1)[torch.tensor([1, 2])]
    assert batch.valid.tolist() == [[True, False, False], [True, True, False]]
    assert torch.equal(batch.observed.flatten(2).all(2), batch.valid)


def test_every_clip_once_an_epoch():
    order = torch.Generator().manual_seed(0)
    loader = BatchLoader(SequenceDataset(clips(), 1), 3, order)
    batches = [numbers(batch) for batch, _ in loader]
    assert [len(batch) for batch in batches] == [3, 3, 1]
    assert sorted(chain(*batches)) == list(range(7))


@pytest.mark.parametrize("order", [None, torch.Generator().manual_seed(0)])
def test_batches_know_their_rows_of_the_panel_also_of_a_part_of_it(order):
    for part in (SequenceDataset(clips(), 1), *hold_out(SequenceDataset(clips(), 1), 0.3, RNG)):
        for batch, _ in BatchLoader(part, 2, order):
            assert batch.rows.tolist() == numbers(batch)


def test_hold_out_shares_the_clips_out():
    train, valid = hold_out(SequenceDataset(clips(), 1), 0.3, np.random.RandomState(0))
    seen = [numbers(part[slice(None)]) for part in (train, valid)]
    assert [len(part) for part in seen] == [4, 3]
    assert sorted(chain(*seen)) == list(range(7))
    again = train.subset(torch.tensor([2, 0]))
    assert numbers(again[slice(None)]) == [seen[0][2], seen[0][0]]
