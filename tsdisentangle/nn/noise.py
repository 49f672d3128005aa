"""Where the randomness of a network comes from.

A network never draws numbers itself: it asks a *noise source* for standard normal values by name:
``"static"`` and ``"dynamic"`` for draws from the posterior, ``"static_prior"`` and
``"dynamic_prior"`` for those from the prior, and a name of its own for every other use.
Training, evaluation and scoring differ only in the source, and a test can put fixed numbers in.
"""

from typing import Protocol

import numpy as np
import torch
from torch import Tensor


class Noise(Protocol):
    """A source of standard normal values."""

    def __call__(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Return values that broadcast to ``shape``, with dtype and device of ``like``."""
        ...


def normal_noise(
    name: str, shape: tuple[int, ...], like: Tensor, generator: torch.Generator | None = None
) -> Tensor:
    """Fresh draws from a generator of the device of ``like``; None is torch's global one."""
    return torch.randn(shape, dtype=like.dtype, device=like.device, generator=generator)


def mean_noise(name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
    """Zeros, the mean of the noise: codes depend on nothing but their series."""
    return torch.zeros((), dtype=like.dtype, device=like.device).expand(shape)


class SharedNoise:
    """Fixed draws from the posterior, the same for every row; the other inputs are at their mean.

    Row order and batch limits cannot matter, and since the draws of a longer sequence begin with
    those of a shorter one, neither can padding.

    Parameters
    ----------
    seed : int
        Seed of the draws.
    """

    def __init__(self, seed: int):
        self.seed = seed

    def __call__(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        """Return one row of draws, broadcastable to ``shape``."""
        if name not in ("static", "dynamic"):
            return mean_noise(name, shape, like)
        draws, _, *row = shape
        rng = np.random.default_rng([self.seed, name == "dynamic"])
        values = rng.standard_normal((*row[:-1], draws, row[-1]))
        tensor = torch.as_tensor(values, dtype=like.dtype, device=like.device)
        return tensor.movedim(-2, 0).unsqueeze(1)
