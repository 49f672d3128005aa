"""Diagonal Gaussians."""

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tsdisentangle.nn.noise import Noise

# exp(10) is far beyond what standardised data need; without a limit an untrained head overflows.
LOGVAR_LIMITS = (-10.0, 10.0)


class Gaussian(NamedTuple):
    """A diagonal Gaussian: ``mean`` and ``logvar`` of one shape, the last axis the coordinates."""

    mean: Tensor
    logvar: Tensor

    @property
    def std(self) -> Tensor:
        """Standard deviation."""
        return torch.exp(0.5 * self.logvar)

    def sample(self, noise: Noise, name: str, draws: int = 1) -> Tensor:
        """Reparameterised draws, shape ``(draws, *mean.shape)``."""
        return self.mean + self.std * noise(name, (draws, *self.mean.shape), self.mean)


def squared_error_gaussian(mean: Tensor) -> Gaussian:
    """Gaussian of variance 1/2 over elements: ``-log p`` is the squared error plus a constant.

    Published weights of divergences against a summed squared error hold as they are.

    Parameters
    ----------
    mean : Tensor of shape (rows, elements, step, channel)

    Returns
    -------
    Gaussian
        Its log-variance has one entry per element: it broadcasts, and costs nothing.

    Examples
    --------
    >>> squared_error_gaussian(torch.zeros(1, 1, 2, 3)).std.square()
    tensor([[[[0.5000]]]])
    """
    # In half precision the logarithm would be that of another variance.
    dtype = torch.promote_types(mean.dtype, torch.float32)
    return Gaussian(mean, mean.new_full((*mean.shape[:2], 1, 1), -math.log(2), dtype=dtype))


class GaussianHead(nn.Module):
    """Two linear layers: features to mean and log-variance.

    Parameters
    ----------
    in_features, out_features : int
        Sizes of the features and of the Gaussian.
    min_logvar : float, default=-10
        Lower limit of the log-variance. A prior needs a higher one than a posterior, since the KL
        divergence divides by its variance.
    """

    def __init__(self, in_features: int, out_features: int, min_logvar: float = LOGVAR_LIMITS[0]):
        super().__init__()
        self.mean = nn.Linear(in_features, out_features)
        self.logvar = nn.Linear(in_features, out_features)
        self.min_logvar = min_logvar

    def forward(self, features: Tensor) -> Gaussian:
        """Return the Gaussian of each row of ``features``."""
        logvar = self.logvar(features).clamp(self.min_logvar, LOGVAR_LIMITS[1])
        return Gaussian(self.mean(features), logvar)
