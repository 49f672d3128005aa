"""Agreement of the static codes of two windows of a series, against those of other series."""

import torch
from torch import Tensor

from tsdisentangle.losses.contrastive import contrast_views

TEMPERATURE = 0.2  # divides the cosines


def choose_pairs(readable: Tensor, order: Tensor) -> tuple[Tensor, Tensor]:
    """Choose two windows of each series that has two.

    Parameters
    ----------
    readable : bool Tensor of shape (batch, windows)
        What may be chosen.
    order : Tensor of shape (batch, windows)
        The readable windows with the lowest numbers are chosen: draw them.

    Returns
    -------
    rows : int Tensor of shape (n,)
        The series with at least two readable windows.
    pairs : int Tensor of shape (n, 2)
        Their windows.

    Examples
    --------
    >>> readable = torch.tensor([[True, True, True], [False, True, False]])
    >>> choose_pairs(readable, torch.tensor([[0.5, -1.0, 0.1], [0.0, 0.0, 0.0]]))
    (tensor([0]), tensor([[1, 2]]))
    """
    rows = (readable.sum(1) > 1).nonzero()[:, 0]
    rank = order.masked_fill(~readable, torch.inf)[rows].argsort(dim=1)
    return rows, rank[:, :2]


def agreement(pairs: Tensor, observed_per_series: Tensor) -> Tensor:
    """Mean negative log-probability of the other window of the same series.

    Parameters
    ----------
    pairs : Tensor of shape (n, 2, k)
        Static codes of two windows of each series.
    observed_per_series : Tensor of shape ()
        The likelihood is a sum over so many values on average; the term grows with it, so that one
        weight serves short and long series.

    Returns
    -------
    Tensor of shape ()
    """
    each = contrast_views(pairs[:, 0], pairs[:, 1], TEMPERATURE)
    return observed_per_series * each.mean()
