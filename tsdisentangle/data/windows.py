"""Sequences cut into windows, as tensors."""

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tsdisentangle.data.panel import CheckedPanel, Rows


class Windows(NamedTuple):
    """Sequences of windows; the form in which every network takes its batch.

    Attributes
    ----------
    values : Tensor of shape (n, windows, step, channel)
        Zero where not observed.
    observed : bool Tensor of shape (n, windows, step, channel)
    valid : bool Tensor of shape (n, windows)
        Windows up to each series' last observed step.
    whole : tuple of Windows, default=()
        Where training hides some of the values from the encoder: one entry, the same sequences with
        nothing hidden.
    rows : int64 Tensor of shape (n,), default=()
        Which series of the panel they are, where a batch is of one that is trained on; for
        networks that learn something of each series. Stays on the processor.
    """

    values: Tensor
    observed: Tensor
    valid: Tensor
    # Empty, not None: skorch asks every part for its length.
    whole: "tuple[Windows, ...]" = ()
    rows: Tensor | tuple[()] = ()

    @property
    def counted(self) -> "Windows":
        """What the loss counts: the sequences with nothing hidden."""
        return self.whole[0] if self.whole else self

    def take(self, rows: Tensor | slice) -> "Windows":
        """Return some of the sequences."""
        whole = tuple(each.take(rows) for each in self.whole)
        own = self.rows[rows] if len(self.rows) else ()
        return Windows(self.values[rows], self.observed[rows], self.valid[rows], whole, own)

    def pick(self, order: Tensor, n_channels: int) -> "Windows":
        """Return some windows of each sequence, in another order.

        Parameters
        ----------
        order : int64 Tensor of shape (n, picked)
            Numbers of windows; -1 after the last one of a row.
        n_channels : int
            Channels of the user's series; what comes after them, such as the missing pattern, is
            known up to the last observed value of these.
        """
        rows, place = torch.arange(len(order), device=order.device)[:, None], order.clamp(min=0)
        observed = self.observed[rows, place] & (order >= 0)[..., None, None]
        # What lies beyond the last observed value is padding, here as in the whole series.
        seen = observed[..., :n_channels].any(3)
        until_last = seen.flatten(1).flip(1).cumsum(1).flip(1).view(seen.shape) > 0
        observed = observed & until_last[..., None]
        values = self.values[rows, place].where(observed, 0.0)
        valid = until_last.any(2)
        # A row of which nothing was observed needs a window as well.
        valid[:, 0] = True
        return Windows(values, observed, valid)

    def refill(self, values: Tensor, n_marks: int) -> "Windows":
        """Return other values in the place of these, with the same gaps and the marks of them.

        Parameters
        ----------
        values : Tensor of the shape of :attr:`values`
        n_marks : int
            Channels at the end that mark what is missing.
        """
        if n_marks:
            values = torch.cat([values[..., :-n_marks], self.values[..., -n_marks:]], dim=-1)
        return self._replace(values=values.where(self.observed, 0.0), whole=())

    def from_first_observed(self) -> "Windows":
        """Return the sequences without the windows before the first one with an observed value."""
        seen = self.observed.flatten(2).any(2)
        late = seen.float().argmax(1)  # the first one, of equal values
        if not late.any():
            return self
        place = torch.arange(seen.shape[1], device=late.device) + late[:, None]
        order = place.where(place < self.valid.sum(1, keepdim=True), -1)
        return self.pick(order, self.values.shape[3])

    def double(self) -> "Windows":
        """Return the sequences in float64."""
        return self._replace(values=self.values.double())

    def to(self, device: str | torch.device) -> "Windows":
        """Return the sequences on a device; on the way to a GPU the computation goes on."""
        values, observed, valid = (_send(tensor, torch.device(device)) for tensor in self[:3])
        whole = tuple(each.to(device) for each in self.whole)
        return Windows(values, observed, valid, whole, self.rows)


def _send(tensor: Tensor, device: torch.device) -> Tensor:
    if tensor.device == device:
        return tensor
    # The mask of a frame is one entry repeated: it takes no memory here and shall take none there.
    compact = tensor[tuple(slice(None if stride else 1) for stride in tensor.stride())]
    # Only from pinned memory is a copy to a GPU not waited for.
    to_gpu = tensor.device.type == "cpu" and device.type == "cuda"
    pinned = compact.pin_memory() if to_gpu else compact
    return pinned.to(device, non_blocking=True).expand(tensor.shape)


def resolve_window(window: int | str, time: int) -> int:
    """Length of a window: as given, or for ``'auto'`` 1/24 of long series and 1 of short ones.

    Examples
    --------
    >>> resolve_window("auto", 672), resolve_window("auto", 47), resolve_window(4, 80)
    (28, 1, 4)
    """
    if window != "auto":
        return int(window)
    return time // 24 if time >= 48 else 1


def count_windows(lengths: np.ndarray, window: int) -> np.ndarray:
    """Return the number of windows, the last perhaps partial, that cover each length."""
    return -(-lengths // window)


def check_order(order: Any, counts: np.ndarray) -> np.ndarray:
    """Return the windows that are to be read of each series as int64.

    Parameters
    ----------
    order : int array of shape (n, picked)
        Numbers of windows; -1 after the last one of a row.
    counts : int array of shape (n,)
        Windows of each series.

    Raises
    ------
    ValueError
        Wrong shape or dtype, a window that a series does not have, a row without one, or a gap.

    Examples
    --------
    >>> check_order([[1, 0], [2, -1]], np.array([2, 3]))
    array([[ 1,  0],
           [ 2, -1]])
    """
    array = np.asarray(order)
    if array.ndim != 2 or len(array) != len(counts) or array.dtype.kind not in "iu":
        raise ValueError(
            f"windows has shape {array.shape} and dtype {array.dtype}; expected integers "
            f"({len(counts)}, picked), one row per series."
        )
    array = array.astype(np.int64)
    filled = array >= 0
    wrong = (array < -1) | (array >= counts[:, None])
    wrong[:, 1:] |= filled[:, 1:] & ~filled[:, :-1]
    rows = wrong.any(axis=1) | ~filled.any(axis=1)
    if rows.any():
        row = int(rows.argmax())
        raise ValueError(
            f"windows picks {array[row].tolist()} of series {row}, which has {counts[row]}; "
            f"expected at least one number of 0 to {counts[row] - 1}, and -1 only after the last."
        )
    return array


def to_windows(panel: CheckedPanel, window: int, rows: Rows | None = None) -> Windows:
    """Cut sequences into consecutive windows; a partial last window is padded and masked.

    Parameters
    ----------
    panel : CheckedPanel
    window : int
        Steps of a window.
    rows : int array of shape (batch,) or slice, default=None
        Some sequences of the panel; None for all.

    Returns
    -------
    Windows
        Steps and entries of a step are joined. Views of the panel's memory for a slice of series
        in memory, where ``window`` divides the time.
    """
    values, observed, lengths = panel.cut(slice(None) if rows is None else rows)
    n, time, entries, channels = values.shape
    padding = ((0, 0), (0, -time % window), (0, 0), (0, 0))
    shape = (n, -1, window * entries, channels)
    counts = torch.from_numpy(count_windows(lengths, window))
    valid = torch.arange(-(-time // window), device="cpu") < counts[:, None]
    tensor = torch.from_numpy(_padded(values, padding)).view(shape)
    if observed is not None:
        return Windows(tensor, torch.from_numpy(_padded(observed, padding)).view(shape), valid)
    # One entry for a whole step, repeated: it takes no memory.
    steps = torch.arange(valid.shape[1] * window, device="cpu")
    inside = steps < torch.from_numpy(lengths)[:, None]
    inside = inside.view(n, -1, window, 1, 1).expand(-1, -1, -1, entries, channels)
    return Windows(tensor, inside.flatten(2, 3), valid)


def _padded(array: np.ndarray, padding: tuple[tuple[int, int], ...]) -> np.ndarray:
    return np.pad(array, padding) if padding[1][1] else array


def from_windows(values: np.ndarray, window: int) -> np.ndarray:
    """Join the windows of decoded sequences.

    Parameters
    ----------
    values : array of shape (n, windows, window * entries, channel)
    window : int
        Steps of a window.

    Returns
    -------
    array of shape (n, windows * window, entries, channel)
        Without the axis of entries, if a step has one.
    """
    n, windows, _, channels = values.shape
    joined = values.reshape(n, windows * window, -1, channels)
    return joined[:, :, 0] if joined.shape[2] == 1 else joined
