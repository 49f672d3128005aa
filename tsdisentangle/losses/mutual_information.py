"""Mutual information of the two codes, estimated within a batch."""

import math

import torch
from torch import Tensor

from tsdisentangle.nn.gaussian import Gaussian


def log_density(points: Tensor, q: Gaussian) -> Tensor:
    """Log-density of every point under every Gaussian.

    Parameters
    ----------
    points : Tensor of shape (..., n, k)
    q : Gaussian of shape (..., m, k)

    Returns
    -------
    Tensor of shape (..., n, m)

    Examples
    --------
    >>> log_density(torch.zeros(1, 2), Gaussian(torch.zeros(1, 2), torch.zeros(1, 2)))
    tensor([[-1.8379]])
    """
    # The square is multiplied out: three products of matrices, and never an (n, m, k) tensor.
    precision = torch.exp(-q.logvar)
    constant = (q.mean.square() * precision + q.logvar + math.log(2 * math.pi)).sum(-1)
    squared = points.square() @ precision.mT - 2 * points @ (q.mean * precision).mT
    return -0.5 * (squared + constant[..., None, :])


def mutual_information(
    static: Tensor,
    dynamic: Tensor,
    q_static: Gaussian,
    q_dynamic: Gaussian,
    valid: Tensor,
    n_series: int,
) -> Tensor:
    """Estimate ``I(s; d_t)`` by minibatch weighted sampling (Chen et al. 2018), clipped at 0.

    The aggregate density of a code is estimated by the posteriors of the batch, each weighted by
    ``1 / (batch * n_series)``, at window ``t`` only those of series that have one. The value is
    high by up to ``log n_series`` nats; above the clip the gradient does not see that, but the clip
    acts as many nats lower.

    Parameters
    ----------
    static : Tensor of shape (batch, s)
        Draws from ``q_static``.
    dynamic : Tensor of shape (batch, windows, d)
        Draws from ``q_dynamic``.
    q_static, q_dynamic : Gaussian
        Posteriors, of the shapes of the draws.
    valid : bool Tensor of shape (batch, windows)
        Windows of each series.
    n_series : int
        Series of the training panel.

    Returns
    -------
    Tensor of shape (batch,)
        Mean over each series' valid windows.
    """
    q_windows = Gaussian(q_dynamic.mean.transpose(0, 1), q_dynamic.logvar.transpose(0, 1))
    of_static = log_density(static, q_static)
    of_dynamic = log_density(dynamic.transpose(0, 1), q_windows)
    present = valid.T

    def aggregate(log_q: Tensor) -> Tensor:
        return log_q.masked_fill(~present[:, None, :], -torch.inf).logsumexp(-1)

    ratio = aggregate(of_static + of_dynamic) - aggregate(of_static) - aggregate(of_dynamic)
    normaliser = torch.log(n_series * present.sum(1).clamp(min=1).to(static.dtype))
    estimate = torch.relu(ratio + normaliser[:, None])
    return torch.where(present, estimate, 0.0).sum(0) / valid.sum(1)
