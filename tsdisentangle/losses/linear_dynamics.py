"""Penalties of linear latent dynamics, as pure functions."""

import torch
from torch import Tensor

DYNAMIC_LIMIT = 0.5  # real parts of dynamic eigenvalues that are no larger cost nothing


def eigenvalue_loss(eigenvalues: Tensor, static_dim: int) -> Tensor:
    """Static eigenvalues shall be 1, the real parts of the others at most 1/2.

    Of the ``static_dim`` ones that are nearest to 1 the mean squared distance to it, and of the
    others the mean of the real parts that are above 1/2.

    Parameters
    ----------
    eigenvalues : complex Tensor of shape (k,)
    static_dim : int
        Fewer than ``k``.

    Returns
    -------
    Tensor of shape ()

    Examples
    --------
    >>> eigenvalue_loss(torch.tensor([0.8 + 0j, 0.7 + 0j, -1.0 + 0j]), 1)
    tensor(0.3900)
    """
    squared = (eigenvalues.real - 1).square() + eigenvalues.imag.square()
    order = squared.detach().argsort(stable=True)
    moving = eigenvalues.real[order[static_dim:]]
    dynamic = moving.where(moving > DYNAMIC_LIMIT, 0.0).mean()
    return squared[order[:static_dim]].mean() + dynamic


def latent_prediction_error(latent: Tensor, predicted: Tensor, valid: Tensor) -> Tensor:
    """Mean squared error of the states that were predicted from the ones before them.

    Parameters
    ----------
    latent, predicted : Tensors of shape (batch, steps, k)
        The first step of each row has no prediction.
    valid : bool Tensor of shape (batch, steps)

    Returns
    -------
    Tensor of shape ()
        0 where no row has a second step.

    Examples
    --------
    >>> latent = torch.zeros(1, 3, 2)
    >>> latent_prediction_error(latent, latent + 3, torch.tensor([[True, True, False]]))
    tensor(9.)
    """
    known = valid[:, 1:, None]
    squared = (latent - predicted)[:, 1:].square().where(known, 0.0)
    return squared.sum() / (known.sum() * latent.shape[-1]).clamp(min=1)


def same_variance_kl(mean: Tensor, other: Tensor, logvar: Tensor, observed: Tensor) -> Tensor:
    """Divergence of two Gaussians of one variance, summed over each series' observed values.

    Parameters
    ----------
    mean, other : Tensors of shape (batch, windows, step, channel)
    logvar : Tensor that broadcasts with them
    observed : bool Tensor of that shape

    Returns
    -------
    Tensor of shape (batch,)
        ``(mean - other)^2 / (2 variance)``.

    Examples
    --------
    >>> zero, seen = torch.zeros(1, 1, 1, 2), torch.tensor([[[[True, False]]]])
    >>> same_variance_kl(zero, zero + 2, zero, seen)
    tensor([2.])
    """
    difference = torch.where(observed, mean - other, 0.0)
    return (0.5 * difference.square() * torch.exp(-logvar)).flatten(1).sum(1)
