"""Gaussian processes over the windows of a series: the prior, and a posterior with bands."""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from tsdisentangle.nn.gaussian import Gaussian
from tsdisentangle.nn.noise import Noise

N_SCALES = 4  # a length scale and its half, quarter and eighth

# Variance of the white noise in the prior. Smooth kernels alone are nearly singular: with the
# 1e-5 of released code the divergence starts in the thousands, and their dimensions fall silent.
WHITE_NOISE = 1e-2


def cauchy_kernel(distance: Tensor) -> Tensor:
    """``1 / (1 + r^2)`` of distances in length scales: rough and smooth parts together.

    Examples
    --------
    >>> cauchy_kernel(torch.tensor([0.0, 1.0, 3.0]))
    tensor([1.0000, 0.5000, 0.1000])
    """
    return 1 / (1 + distance.square())


def rbf_kernel(distance: Tensor) -> Tensor:
    """``exp(-r^2 / 2)`` of distances in length scales: smooth.

    Examples
    --------
    >>> rbf_kernel(torch.tensor([0.0, 2.0]))
    tensor([1.0000, 0.1353])
    """
    return torch.exp(-0.5 * distance.square())


KERNELS = {"cauchy": cauchy_kernel, "rbf": rbf_kernel}


def banded_root(scale: Tensor, carry: Tensor) -> Tensor:
    """Root of the covariance of ``z_t = carry_t z_{t-1} + scale_t eps_t``.

    That is a Gaussian whose precision ``R R^T`` has an upper bidiagonal factor ``R``, with
    ``1 / scale_t`` on and ``-carry_{t+1} / scale_{t+1}`` above the diagonal.

    Parameters
    ----------
    scale, carry : Tensors of shape (..., steps)
        The first ``carry`` has nothing to carry and is ignored.

    Returns
    -------
    Tensor of shape (..., steps, steps)
        Lower triangular; its product with its transpose is the covariance.
    """
    steps = scale.shape[-1]
    # Column j: ones down to the diagonal, then the products of the carries after it.
    below = torch.ones(steps, steps, dtype=torch.bool, device=scale.device).tril(-1)
    products = torch.where(below, carry[..., :, None], 1.0).cumprod(-2).tril()
    return products * scale[..., None, :]


class BandedGaussian(NamedTuple):
    """A Gaussian over the windows of each series, independent between its dimensions.

    Attributes
    ----------
    mean : Tensor of shape (batch, windows, dim)
    root : Tensor of shape (batch, dim, windows, windows)
        Lower triangular root of each dimension's covariance. A window depends on none after it,
        so padding at the end never reaches a valid one.
    """

    mean: Tensor
    root: Tensor

    def sample(self, noise: Noise, name: str, draws: int = 1) -> Tensor:
        """Reparameterised draws, shape ``(draws, *mean.shape)``."""
        eps = noise(name, (draws, *self.mean.shape), self.mean)
        return self.mean + torch.einsum("bdij,mbjd->mbid", self.root, eps)

    def marginal(self) -> Gaussian:
        """Mean and log-variance of each window."""
        return Gaussian(self.mean, self.root.square().sum(-1).log().transpose(1, 2))

    def average(self, valid: Tensor) -> Gaussian:
        """Distribution of the average over the valid windows, shape ``(batch, dim)``."""
        weights = valid.to(self.mean.dtype)
        weights = weights / weights.sum(1, keepdim=True)
        spread = torch.einsum("bi,bdij->bdj", weights, self.root)
        mean = (weights[..., None] * self.mean).sum(1)
        return Gaussian(mean, spread.square().sum(-1).log())


class BandedHead(nn.Module):
    """Linear layers: features a window to a Gaussian over the windows.

    Parameters
    ----------
    in_features, out_features : int
        Sizes of the features and of the codes.
    """

    def __init__(self, in_features: int, out_features: int):
        super().__init__()
        self.mean = nn.Linear(in_features, out_features)
        self.precision = nn.Linear(in_features, out_features)
        self.carry = nn.Linear(in_features, out_features)

    def forward(self, features: Tensor) -> BandedGaussian:
        """``(batch, windows, in_features)`` to the Gaussian of each series."""
        scale = 1 / (1 + nn.functional.softplus(self.precision(features)))
        # Within (-1, 1): products over hundreds of windows cannot overflow.
        carry = torch.tanh(self.carry(features))
        root = banded_root(scale.transpose(1, 2), carry.transpose(1, 2))
        return BandedGaussian(self.mean(features), root)


class GaussianProcess:
    """Prior of the dynamics: a Gaussian process over the windows, independent for each dimension.

    The dimensions are shared out evenly among the kernels, and those of a kernel among four
    length scales, or as many as there are dimensions.

    Parameters
    ----------
    dim : int
        Size of a dynamic code.
    kernels : tuple of {'cauchy', 'rbf'}
    length_scale : float
        The longest length scale, in windows; the others are its half, quarter and eighth.
    variance : float
        Variance of the kernels; a little white noise is added to them.
    """

    def __init__(self, dim: int, kernels: tuple[str, ...], length_scale: float, variance: float):
        self.dim, self.kernels = dim, kernels
        self.length_scale, self.variance = length_scale, variance

    def covariance(self, steps: int) -> Tensor:
        """Prior covariance of each dimension: float64, ``(dim, steps, steps)``."""
        time = torch.arange(steps, dtype=torch.float64)
        lag = time[:, None] - time
        parts = []
        for name, members in zip(
            self.kernels, torch.arange(self.dim).tensor_split(len(self.kernels)), strict=True
        ):
            size = len(members)
            number = torch.arange(size) * N_SCALES // max(size, 1)
            scales = self.length_scale / 2.0 ** number.float()
            parts.append(self.variance * KERNELS[name](lag / scales[:, None, None]))
        return torch.cat(parts) + WHITE_NOISE * torch.eye(steps, dtype=torch.float64)

    def root(self, steps: int, like: Tensor) -> Tensor:
        """Cholesky factors of the covariance, with dtype and device of ``like``."""
        # In float64 wherever the network runs: smooth kernels are nearly singular.
        return torch.linalg.cholesky(self.covariance(steps)).to(like)

    def roll_out(self, given: Tensor, lengths: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        """Continue each row of ``given`` after its first ``lengths[b]`` steps.

        Parameters
        ----------
        given : Tensor of shape (batch, steps, dim)
            Codes; what stands at or after ``lengths[b]`` is ignored.
        lengths : Tensor of shape (batch,)
            Number of given steps of each row; zeros give draws from the prior.
        noise : Noise
            Source of the draws.

        Returns
        -------
        means, samples : Tensors of shape (batch, steps, dim)
            Mean of each step given the steps before it, and drawn values; the given codes before
            them. Without noise both are the conditional mean of the process.
        """
        steps = given.shape[1]
        root = self.root(steps, given)
        known = torch.arange(steps, device=given.device)[:, None] < lengths
        codes = given.permute(2, 1, 0)  # (dim, steps, batch)
        draws = noise("dynamic_prior", given.shape, given).permute(2, 1, 0)
        # root @ white = codes; the given codes come first, so they alone fix their own part.
        white = torch.linalg.solve_triangular(root, codes.where(known, 0.0), upper=False)
        samples = root @ torch.where(known, white, draws)
        means = samples - root.diagonal(dim1=1, dim2=2)[..., None] * draws
        means, samples = (torch.where(known, codes, part) for part in (means, samples))
        return means.permute(2, 1, 0), samples.permute(2, 1, 0)
