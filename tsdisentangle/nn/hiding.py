"""What training hides from the encoder, so that codes tell more than they have seen."""

from typing import NamedTuple

import torch
from torch import Tensor

from tsdisentangle.data.windows import Windows
from tsdisentangle.nn.marks import split_marks
from tsdisentangle.nn.noise import Noise

HIDDEN_KINDS = ("points", "blocks", "windows")


class Hiding(NamedTuple):
    """How much of each batch is hidden, and in which form.

    Attributes
    ----------
    share : float
        The largest share of a batch's values that is hidden; each batch draws its own below it.
    kind : {'points', 'blocks', 'windows', 'mixed'}
        Single values; a run of steps of each channel; whole windows; or one of these, drawn for
        each series.
    """

    share: float
    kind: str

    def hide(self, batch: Windows, noise: Noise, n_marks: int = 0) -> Windows:
        """Return a batch as it would be if the hidden values had not been observed.

        A series of which nothing would be left is not touched.

        Parameters
        ----------
        batch : Windows
        noise : Noise
        n_marks : int, default=0
            Channels at the end that mark what is missing: 1 where a value is hidden, too.

        Returns
        -------
        Windows
            With ``batch`` itself as its :attr:`~Windows.whole`.
        """
        share = self.share * _uniform(noise, "hidden_share", (), batch.values)
        observed, known = split_marks(batch.observed, n_marks)
        hidden = observed & _drawn(self.kind, batch, observed, share, noise)
        left = (observed & ~hidden).flatten(1).any(1)
        hidden = hidden & left[:, None, None, None]
        values, marks = split_marks(batch.values, n_marks)
        values = values.masked_fill(hidden, 0.0)
        if n_marks:
            values = torch.cat([values, marks.masked_fill(hidden, 1.0)], dim=-1)
        seen = torch.cat([observed & ~hidden, known], dim=-1)
        return batch._replace(values=values, observed=seen, whole=(batch,))


def _uniform(noise: Noise, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
    return torch.special.ndtr(noise(name, shape, like))


def _drawn(kind: str, batch: Windows, observed: Tensor, share: Tensor, noise: Noise) -> Tensor:
    """Entries to hide, observed or not, of a shape that broadcasts to that of ``observed``."""
    n, windows, steps, channels = observed.shape
    if kind == "points":
        return _uniform(noise, "hidden_points", observed.shape, batch.values) < share
    if kind == "windows":
        return _uniform(noise, "hidden_windows", (n, windows, 1, 1), batch.values) < share
    if kind == "blocks":
        place = _uniform(noise, "hidden_blocks", (n, 1, channels), batch.values)
        count = batch.valid.sum(1).view(n, 1, 1) * steps
        runs = block_of(count, share, place, windows * steps)
        return runs.unflatten(1, (windows, steps))
    drawn = len(HIDDEN_KINDS) * _uniform(noise, "hidden_kind", (n,), batch.values)
    # A uniform draw may be 1 itself, in float32.
    which = drawn.long().clamp(max=len(HIDDEN_KINDS) - 1).view(n, 1, 1, 1)
    mixed = torch.zeros_like(observed)
    for i, own in enumerate(HIDDEN_KINDS):
        mixed = mixed | ((which == i) & _drawn(own, batch, observed, share, noise))
    return mixed


def block_of(count: Tensor, share: Tensor, place: Tensor, steps: int) -> Tensor:
    """Choose one run among the first ``count`` of ``steps`` steps.

    Parameters
    ----------
    count : int Tensor of shape (batch, 1, 1)
    share : Tensor
        Of the ``count`` steps, rounded.
    place : Tensor of shape (batch, 1, channel)
        Where in ``[0, 1]`` the run lies, from the earliest place to the latest.
    steps : int

    Returns
    -------
    bool Tensor of shape (batch, steps, channel)
    """
    size = (share * count).round().long()
    places = count - size + 1
    first = torch.minimum((place * places).long(), places - 1)
    at = torch.arange(steps, device=place.device)[:, None]
    return (at >= first) & (at < first + size)
