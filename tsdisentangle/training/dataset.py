"""Batches cut from whole tensors or from the user's files: no work a sample, no collation."""

from collections.abc import Iterator

import numpy as np
import torch
from torch.utils.data import Dataset

from tsdisentangle.data.clips import Frames
from tsdisentangle.data.panel import Series
from tsdisentangle.data.stored import StoredSeries
from tsdisentangle.data.windows import Windows, to_windows


class WindowDataset(Dataset):
    """Sequences of windows as a torch data set, indexed by slices or tensors of rows."""

    def __init__(self, windows: Windows):
        self.windows = windows

    def __len__(self) -> int:
        return len(self.windows.values)

    def __getitem__(self, rows: torch.Tensor | slice) -> Windows:
        return self.windows.take(rows)

    def subset(self, rows: torch.Tensor) -> "WindowDataset":
        """Return a data set of some of the sequences."""
        return WindowDataset(self.windows.take(rows))


class FrameDataset(Dataset):
    """Clips as a torch data set: a batch is cut and converted when it is asked for.

    A frame takes the place of a window; its pixels are the steps, its colours the channels.

    Parameters
    ----------
    frames : Frames
    rows : Tensor, default=None
        The clips of this data set; None for all.
    """

    def __init__(self, frames: Frames, rows: torch.Tensor | None = None):
        self.frames = frames
        self.rows = torch.arange(len(frames)) if rows is None else rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: torch.Tensor | slice) -> Windows:
        picked = self.rows[rows].numpy()
        values = torch.from_numpy(self.frames.cut(picked))
        lengths = torch.from_numpy(self.frames.lengths[picked])
        valid = torch.arange(values.shape[1]) < lengths[:, None]
        return Windows(values, valid[..., None, None].expand(values.shape), valid)

    def subset(self, rows: torch.Tensor) -> "FrameDataset":
        """Return a data set of some of the clips."""
        return FrameDataset(self.frames, self.rows[rows])


class StoredDataset(Dataset):
    """Series in a file as a torch data set: a batch is read and scaled when it is asked for.

    Parameters
    ----------
    series : StoredSeries
    window : int
        Steps of a window.
    rows : Tensor, default=None
        The series of this data set; None for all.
    """

    def __init__(self, series: StoredSeries, window: int, rows: torch.Tensor | None = None):
        self.series = series
        self.window = window
        self.rows = torch.arange(len(series)) if rows is None else rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: torch.Tensor | slice) -> Windows:
        return to_windows(self.series.cut(self.rows[rows].numpy()), self.window)

    def subset(self, rows: torch.Tensor) -> "StoredDataset":
        """Return a data set of some of the series."""
        return StoredDataset(self.series, self.window, self.rows[rows])


Panel = Series | StoredSeries | Frames
SequenceDataset = WindowDataset | StoredDataset | FrameDataset


def as_dataset(panel: Panel, window: int) -> SequenceDataset:
    """Return a checked panel as a data set; windows have ``window`` steps, a frame is one."""
    if isinstance(panel, Frames):
        return FrameDataset(panel)
    if isinstance(panel, StoredSeries):
        return StoredDataset(panel, window)
    return WindowDataset(to_windows(panel, window))


class BatchLoader:
    """Iterate over a data set in batches; takes the place of torch's ``DataLoader`` in skorch.

    Parameters
    ----------
    dataset : WindowDataset, StoredDataset or FrameDataset
    batch_size : int
    shuffle : bool, default=False
        Draw a new order, from torch's current generator, at every iteration.
    """

    def __init__(self, dataset: SequenceDataset, batch_size: int, shuffle: bool = False):
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
