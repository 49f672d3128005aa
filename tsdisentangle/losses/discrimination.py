"""The term that ties a window's code to the series that the window is of."""

import torch
from torch import Tensor

from tsdisentangle.nn.noise import Noise

# Series that a window is compared with at most; the size of the table in the later released code.
MAX_COMPARED = 5000


def tell_sequences_apart(
    segments: Tensor,
    present: Tensor,
    table: Tensor,
    rows: Tensor,
    compared: Tensor | None,
    variance: float,
    noise: Noise,
) -> Tensor:
    """Negative log-probability of each window's own series among those of a table.

    ``-log softmax over j of -|z_n - mu_j|^2 / (2 variance)``: which series a window is of, if all
    are as likely beforehand (Hsu et al. 2017, section 2). Of more than 5000 series, so many are
    drawn.

    Parameters
    ----------
    segments : Tensor of shape (batch, windows, k)
        Codes of the windows.
    present : bool Tensor of shape (batch, windows)
        Windows that count.
    table : Tensor of shape (series, k)
        The mean of each series.
    rows : int64 Tensor of shape (batch,)
        Whose windows they are.
    compared : int64 Tensor of shape (m,) or None
        Rows of the table to compare with, beside the own one; None means all.
    variance : float
        Of the codes around the mean of their series.
    noise : Noise
        Draws the series, if they are too many.

    Returns
    -------
    Tensor of shape (batch,)
        Sum over the windows that count.

    Examples
    --------
    >>> from tsdisentangle.nn.noise import mean_noise
    >>> table, row = torch.tensor([[0.0], [1.0]]), torch.tensor([0])
    >>> at_half, there = torch.tensor([[[0.5]]]), torch.tensor([[True]])
    >>> tell_sequences_apart(at_half, there, table, row, None, 0.25, mean_noise).exp()
    tensor([2.])
    """
    candidates = torch.arange(len(table), device=table.device) if compared is None else compared
    if len(candidates) > MAX_COMPARED:
        drawn = noise("compared", (len(candidates),), table)
        candidates = candidates[drawn.topk(MAX_COMPARED).indices]
    # The square is multiplied out, and what all series have in common is left out.
    own, others = table[rows][:, None], table[candidates]
    hit = ((segments * own).sum(-1) - 0.5 * own.square().sum(-1)) / variance
    misses = (segments @ others.mT - 0.5 * others.square().sum(-1)) / variance
    itself = candidates == rows[:, None]
    logits = torch.cat([hit[..., None], misses.masked_fill(itself[:, None], -torch.inf)], dim=-1)
    return torch.where(present, logits.logsumexp(-1) - hit, 0.0).sum(1)
