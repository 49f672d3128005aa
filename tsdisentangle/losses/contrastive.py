"""Noise-contrastive terms: similar codes for what shall be alike, others for the rest."""

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, normalize, triplet_margin_loss

from tsdisentangle.losses.mutual_information import log_density
from tsdisentangle.nn.gaussian import Gaussian

MIN_NORM = 1e-8  # a code of zeros has no direction


def cosine(first: Tensor, second: Tensor) -> Tensor:
    """Cosine of every row of ``(..., n, k)`` with every row of ``(..., m, k)``."""
    return normalize(first, dim=-1, eps=MIN_NORM) @ normalize(second, dim=-1, eps=MIN_NORM).mT


def contrast_views(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Tell the other view of a row from all other rows of both views (Chen et al. 2020).

    Parameters
    ----------
    first, second : Tensors of shape (n, k)
        Two views of the same ``n`` things.
    temperature : float
        Divides the cosines; small values make near rows matter most.

    Returns
    -------
    Tensor of shape (2 * n,)
        Negative log-probability of the partner.

    Examples
    --------
    >>> contrast_views(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), 0.5).sum()
    tensor(0.)
    """
    both = torch.cat([first, second])
    itself = torch.eye(len(both), dtype=torch.bool, device=both.device)
    logits = (cosine(both, both) / temperature).masked_fill(itself, -torch.inf)
    partner = torch.arange(len(both), device=both.device).roll(len(first))
    return cross_entropy(logits, partner, reduction="none")


def contrast_negatives(
    anchors: Tensor, positives: Tensor, bank: Tensor, chosen: Tensor, temperature: float
) -> Tensor:
    """Tell the positive of a row from negatives of its own.

    Parameters
    ----------
    anchors, positives : Tensors of shape (n, k)
    bank : Tensor of shape (m, k)
        What negatives are chosen from.
    chosen : int Tensor of shape (n, count)
        Rows of the bank that are the negatives of each anchor.
    temperature : float
        Divides the cosines.

    Returns
    -------
    Tensor of shape (n,)
        Negative log-probability of the positive.

    Examples
    --------
    >>> one = torch.ones(1, 2)
    >>> contrast_negatives(one, one, one, torch.tensor([[0]]), 0.5).exp()
    tensor([2.])
    """
    # The cosines of all rows are one product; to collect the chosen codes would cost far more.
    hits = cosine(anchors[:, None], positives[:, None])[:, 0]
    misses = cosine(anchors, bank).gather(1, chosen)
    logits = torch.cat([hits, misses], dim=1) / temperature
    return cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long), reduction="none")


def consistency(anchors: Tensor, shuffled: Tensor, margin: float) -> Tensor:
    """Triplet loss: a series is nearer to itself in another order than to another series.

    ``max(|s_i - s_i'| - |s_i - s_j| + margin, 0)``, Euclidean; ``j`` is the row before ``i``, which
    is any other series, since batches come in random order (Zhu et al. 2020, "static consistency
    constraint").

    Parameters
    ----------
    anchors, shuffled : Tensors of shape (n, k)
        Static codes of the series, and of the same with the order of the windows changed.
    margin : float
        Above 0.

    Returns
    -------
    Tensor of shape (n,)
        Zeros where ``n`` is 1: there is no other series.

    Examples
    --------
    >>> codes = torch.tensor([[0.0], [0.5]])
    >>> consistency(codes, codes, 1.0)
    tensor([0.5000, 0.5000])
    """
    if len(anchors) == 1:
        return (shuffled - anchors).sum(1) * 0.0
    return triplet_margin_loss(anchors, shuffled, anchors.roll(1, 0), margin, reduction="none")


@torch.no_grad()
def farthest(q: Gaussian, bank: Gaussian, count: int) -> Tensor:
    """Find the ``count`` Gaussians of a bank with the largest ``KL(q || bank)``.

    Parameters
    ----------
    q : Gaussian of shape (n, k)
    bank : Gaussian of shape (m, k)
    count : int
        At most ``m``.

    Returns
    -------
    int Tensor of shape (n, count)
        Rows of the bank, the farthest first.

    Examples
    --------
    >>> bank = Gaussian(torch.tensor([[1.0], [3.0], [2.0]]), torch.zeros(3, 1))
    >>> farthest(Gaussian(torch.zeros(1, 1), torch.zeros(1, 1)), bank, 2)
    tensor([[1, 2]])
    """
    # Twice the divergence, but for what a row of q has in common: products of matrices alone.
    spread = q.logvar.exp() @ torch.exp(-bank.logvar).mT
    return (spread - 2 * log_density(q.mean, bank)).topk(count, dim=1).indices
