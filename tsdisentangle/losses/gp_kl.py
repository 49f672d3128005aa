"""Divergence to a Gaussian process, as a pure function."""

import torch
from torch import Tensor

from tsdisentangle.nn.gaussian_process import BandedGaussian


def kl_gaussian_process(q: BandedGaussian, root: Tensor, valid: Tensor) -> Tensor:
    """``KL(q || GP)`` over the valid windows, summed over the dimensions.

    ``0.5 (tr(K^-1 S) + m^T K^-1 m - n + log|K| - log|S|)`` of each dimension, from the roots of
    both covariances. Roots are lower triangular and the valid windows come first, so padding adds
    exactly nothing and one root of the prior serves series of every length.

    Parameters
    ----------
    q : BandedGaussian of shape (batch, windows, dim)
    root : Tensor of shape (dim, windows, windows)
        Cholesky factors of the prior's covariance.
    valid : bool Tensor of shape (batch, windows)

    Returns
    -------
    Tensor of shape (batch,)

    Examples
    --------
    >>> unit = torch.eye(3).expand(1, 3, 3)
    >>> q = BandedGaussian(torch.ones(1, 3, 1), unit[None])
    >>> kl_gaussian_process(q, unit, torch.tensor([[True, True, False]]))
    tensor([1.])
    """
    identity = torch.eye(root.shape[-1], dtype=root.dtype, device=root.device)
    whiten = torch.linalg.solve_triangular(root, identity.expand_as(root), upper=False)
    spread = torch.einsum("dij,bdjk->bdik", whiten, q.root).square().sum(-1)
    mean = torch.einsum("dij,bjd->bdi", whiten, q.mean).square()
    log_ratio = _log_diagonal(root) - _log_diagonal(q.root)
    kl = 0.5 * (spread + mean - 1) + log_ratio
    return torch.where(valid[:, None], kl, 0.0).sum((1, 2))


def _log_diagonal(root: Tensor) -> Tensor:
    return root.diagonal(dim1=-2, dim2=-1).log()
