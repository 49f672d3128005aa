"""Losses of a discriminator and of what it judges, from logits."""

from torch import Tensor
from torch.nn.functional import softplus


def discriminator_loss(real: Tensor, fake: Tensor) -> Tensor:
    """``-log D(real) - log(1 - D(fake))`` (Goodfellow et al. 2014, equation 1), ``D`` a sigmoid.

    Parameters
    ----------
    real, fake : Tensors of one shape
        Logits; positive ones take their argument for real.

    Returns
    -------
    Tensor of that shape
        ``2 log 2`` where both logits are 0.

    Examples
    --------
    >>> import torch
    >>> discriminator_loss(torch.zeros(1), torch.zeros(1))
    tensor([1.3863])
    """
    return softplus(-real) + softplus(fake)


def generator_loss(fake: Tensor) -> Tensor:
    """``-log D(fake)``, the form that does not saturate while the discriminator wins.

    Parameters
    ----------
    fake : Tensor
        Logits of what shall pass for real.

    Returns
    -------
    Tensor of that shape

    Examples
    --------
    >>> import torch
    >>> generator_loss(torch.zeros(1))
    tensor([0.6931])
    """
    return softplus(-fake)
