"""Terms of the evidence lower bound, as pure functions; sums over coordinates, never means."""

import math

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy

from tsdisentangle.nn.gaussian import Gaussian


def kl_standard_normal(q: Gaussian) -> Tensor:
    """``KL(q || N(0, I))``, summed over the last axis (Kingma & Welling 2014, appendix B).

    Examples
    --------
    >>> kl_standard_normal(Gaussian(torch.ones(2), torch.zeros(2)))
    tensor(1.)
    """
    return 0.5 * (q.mean.square() + q.logvar.exp() - 1 - q.logvar).sum(-1)


def kl_gaussian(q: Gaussian, p: Gaussian) -> Tensor:
    """``KL(q || p)`` of diagonal Gaussians, summed over the last axis.

    Examples
    --------
    >>> q = Gaussian(torch.ones(2), torch.zeros(2))
    >>> kl_gaussian(q, q)
    tensor(0.)
    """
    squared = (q.mean - p.mean).square()
    ratio = (q.logvar.exp() + squared) * torch.exp(-p.logvar)
    return 0.5 * (p.logvar - q.logvar + ratio - 1).sum(-1)


def gaussian_nll(values: Tensor, prediction: Gaussian, observed: Tensor) -> Tensor:
    """``-log N(values; prediction)`` of each entry, 0 where not observed.

    Parameters
    ----------
    values : Tensor
        Finite everywhere; what stands under the mask has no effect.
    prediction : Gaussian
        Of a shape that broadcasts with ``values``.
    observed : bool Tensor
        Which entries count.

    Returns
    -------
    Tensor of the broadcast shape
    """
    # Masked before it is squared: an overflow under the mask would be a NaN in the gradient.
    residual = torch.where(observed, values - prediction.mean, 0.0)
    squared = residual.square() * torch.exp(-prediction.logvar)
    nll = 0.5 * (squared + prediction.logvar + math.log(2 * math.pi))
    return torch.where(observed, nll, 0.0)


def bernoulli_nll(values: Tensor, probability: Tensor, observed: Tensor) -> Tensor:
    """``-log p(values)`` of marks that are 0 or 1, 0 where not observed.

    Parameters
    ----------
    values : Tensor
        The marks.
    probability : Tensor
        How probable a 1 is; of a shape that broadcasts with ``values`` to its own.
    observed : bool Tensor
        Which entries count.

    Returns
    -------
    Tensor of the shape of ``probability``

    Examples
    --------
    >>> marks, observed = torch.tensor([1.0, 0.0]), torch.tensor([True, False])
    >>> bernoulli_nll(marks, torch.tensor([0.5, 0.5]), observed)
    tensor([0.6931, 0.0000])
    """
    # Kept apart before the logarithm: one of 0 under the mask would be a NaN in the gradient.
    known = torch.where(observed, probability, 0.5)
    marks = torch.where(observed, values, 0.0).expand_as(known)
    nll = binary_cross_entropy(known, marks, reduction="none")
    return torch.where(observed, nll, 0.0)
