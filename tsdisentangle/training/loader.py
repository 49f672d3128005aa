"""Batches cut from whole tensors: no work a sample, no collation."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Dataset

from tsdisentangle.data.windows import Windows


class WindowDataset(Dataset):
    """Sequences of windows as a torch data set, indexed by slices or tensors of rows."""

    def __init__(self, windows: Windows):
        self.windows = windows

    def __len__(self) -> int:
        return len(self.windows.values)

    def __getitem__(self, rows: torch.Tensor | slice) -> Windows:
        return self.windows.take(rows)


class BatchLoader:
    """Iterate over a data set in batches; takes the place of torch's ``DataLoader`` in skorch.

    Parameters
    ----------
    dataset : WindowDataset
    batch_size : int
    shuffle : bool, default=False
        Draw a new order, from torch's current generator, at every iteration.
    """

    def __init__(self, dataset: WindowDataset, batch_size: int, shuffle: bool = False):
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Windows, torch.Tensor]]:
        # skorch takes batches as (input, target); there is no target.
        nothing = torch.empty(0)
        n = len(self.dataset)
        order = torch.randperm(n) if self.shuffle else None
        for start in range(0, n, self.batch_size):
            stop = start + self.batch_size
            yield self.dataset[slice(start, stop) if order is None else order[start:stop]], nothing


def hold_out(
    windows: Windows, fraction: float, rng: np.random.RandomState
) -> tuple[Windows, Windows]:
    """Split series at random into a training and a validation part.

    Raises
    ------
    ValueError
        Nothing would be left to train on.
    """
    n = len(windows.values)
    held_out = int(np.ceil(fraction * n))
    if held_out >= n:
        raise ValueError(
            f"early_stopping holds out {held_out} of {n} series and leaves none to train on. "
            "Pass more series, a smaller validation_fraction or early_stopping=False."
        )
    order = torch.from_numpy(rng.permutation(n))
    return windows.take(order[held_out:]), windows.take(order[:held_out])
