"""Terms of a code of each window that lies around a mean of its series (Hsu et al. 2017)."""

import math

import torch
from torch import Tensor

from tsdisentangle.losses.elbo import kl_gaussian, kl_standard_normal
from tsdisentangle.nn.gaussian import Gaussian


def estimate_mean(segments: Tensor, present: Tensor, variance: float) -> Gaussian:
    """Posterior of a series' mean ``mu``, given the codes of its windows.

    With ``mu ~ N(0, I)`` and ``z_n ~ N(mu, variance I)`` it is Gaussian. Its mean is the paper's
    estimate for new series, ``sum over n of z_n / (N + variance)``; its variance is
    ``variance / (N + variance)``.

    Parameters
    ----------
    segments : Tensor of shape (batch, windows, k)
        Codes of the windows, or means of their posteriors.
    present : bool Tensor of shape (batch, windows)
        Windows that count.
    variance : float
        Of the codes around the mean.

    Returns
    -------
    Gaussian of shape (batch, k)

    Examples
    --------
    >>> codes, there = torch.tensor([[[1.0], [2.0]]]), torch.tensor([[True, True]])
    >>> estimate_mean(codes, there, 1.0).mean
    tensor([[1.]])
    """
    total = torch.where(present[..., None], segments, 0.0).sum(1)
    divisor = (present.sum(1, keepdim=True) + variance).to(segments.dtype)
    return Gaussian(total / divisor, torch.log(variance / divisor).expand_as(total))


def sequence_kl(
    q: Gaussian, present: Tensor, means: Tensor | None, variance: float
) -> tuple[Tensor, Tensor]:
    """What the mean of a series costs, and what the codes of its windows cost around it.

    Parameters
    ----------
    q : Gaussian of shape (batch, windows, k)
        Posterior of each window's code.
    present : bool Tensor of shape (batch, windows)
        Windows that count.
    means : Tensor of shape (batch, k) or None
        The mean of each series: it costs ``-log N(mu; 0, I)``, but for a constant. None integrates
        over the posterior of :func:`estimate_mean`, of all the one for which the sum is least.
    variance : float
        Of the codes around the mean.

    Returns
    -------
    tuple of two Tensors of shape (batch,)

    Examples
    --------
    >>> q = Gaussian(torch.ones(1, 2, 1), torch.zeros(1, 2, 1))
    >>> sequence_kl(q, torch.tensor([[True, True]]), torch.ones(1, 1), 1.0)
    (tensor([0.5000]), tensor([0.]))
    """
    if means is None:
        posterior = estimate_mean(q.mean, present, variance)
        means, of_mean = posterior.mean, kl_standard_normal(posterior)
        spread = 0.5 * posterior.logvar.exp().sum(-1, keepdim=True) / variance
    else:
        of_mean, spread = 0.5 * means.square().sum(-1), means.new_zeros(1)
    around = means[:, None].expand_as(q.mean)
    prior = Gaussian(around, torch.full_like(around, math.log(variance)))
    return of_mean, torch.where(present, kl_gaussian(q, prior) + spread, 0.0).sum(1)
