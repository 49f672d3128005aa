"""Batches cut from whole tensors or from the user's files: no work per sample, no collation."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Dataset

from tsdisentangle.data.panel import CheckedPanel
from tsdisentangle.data.windows import Windows, to_windows


class SequenceDataset(Dataset):
    """A panel as a torch data set of windows, indexed by slices or tensors of rows.

    A panel in memory is cut into windows once. Of another one, a batch is read, scaled and cut
    when it is asked for.

    Parameters
    ----------
    panel : CheckedPanel
        In the network's units.
    window : int
        Steps of a window.
    rows : Tensor, default=None
        The sequences of this data set; None for all.
    """

    def __init__(self, panel: CheckedPanel, window: int, rows: torch.Tensor | None = None):
        self.panel, self.window = panel, window
        self.rows = torch.arange(len(panel), device="cpu") if rows is None else rows
        self._windows: Windows | None = None
        if panel.in_memory:  # views of the panel's memory, if all of it is asked for
            self._windows = to_windows(panel, window, None if rows is None else rows.numpy())

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: torch.Tensor | slice) -> Windows:
        if self._windows is not None:
            return self._windows.take(rows)
        return to_windows(self.panel, self.window, self.rows[rows].numpy())

    def numbered(self, rows: torch.Tensor | slice) -> Windows:
        """Return some of the sequences, which know their rows of the panel."""
        return self[rows]._replace(rows=self.rows[rows])

    def subset(self, rows: torch.Tensor) -> "SequenceDataset":
        """Return a data set of some of the sequences."""
        return SequenceDataset(self.panel, self.window, self.rows[rows])


class BatchLoader:
    """Iterate over a data set in batches; takes the place of torch's ``DataLoader`` in skorch.

    Parameters
    ----------
    dataset : SequenceDataset
    batch_size : int
    order : Generator, default=None
        Draws a new order at every iteration; None keeps the order.
    """

    def __init__(
        self, dataset: SequenceDataset, batch_size: int, order: torch.Generator | None = None
    ):
        self.dataset = dataset
        self.batch_size = batch_size
        self.order = order

    def __len__(self) -> int:
        return -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Windows, torch.Tensor]]:
        # skorch takes batches as (input, target); there is no target.
        nothing = torch.empty(0)
        n = len(self.dataset)
        rows = None if self.order is None else torch.randperm(n, generator=self.order)
        for start in range(0, n, self.batch_size):
            stop = start + self.batch_size
            part = slice(start, stop) if rows is None else rows[start:stop]
            yield self.dataset.numbered(part), nothing


def hold_out(
    dataset: SequenceDataset, fraction: float, rng: np.random.RandomState
) -> tuple[SequenceDataset, SequenceDataset]:
    """Split series at random into a training and a validation part.

    Raises
    ------
    ValueError
        Nothing would be left to train on.
    """
    n = len(dataset)
    held_out = int(np.ceil(fraction * n))
    if held_out >= n:
        raise ValueError(
            f"early_stopping holds out {held_out} of {n} series and leaves none to train on. "
            "Pass more series, a smaller validation_fraction or early_stopping=False."
        )
    order = torch.from_numpy(rng.permutation(n))
    return dataset.subset(order[held_out:]), dataset.subset(order[:held_out])
