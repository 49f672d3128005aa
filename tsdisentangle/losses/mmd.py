"""Maximum mean discrepancy of two samples, as pure functions."""

import torch
from torch import Tensor

# Each is a kernel's width, relative to the expected squared distance of standard normal points:
# those of Tolstikhin et al. (2018), from near neighbours to far ones.
SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


def inverse_multiquadratic(first: Tensor, second: Tensor) -> Tensor:
    """Sum over scales of ``c / (c + |u - v|^2)``, ``c`` a scale times ``2 k``.

    ``2 k`` is the expected squared distance of two standard normal points of ``k`` coordinates.

    Parameters
    ----------
    first : Tensor of shape (..., n, k)
    second : Tensor of shape (..., m, k)

    Returns
    -------
    Tensor of shape (..., n, m)
        Between 0 and 7, the number of scales.

    Examples
    --------
    >>> inverse_multiquadratic(torch.zeros(1, 3), torch.zeros(2, 3))
    tensor([[7., 7.]])
    """
    # Multiplied out: one product of matrices, and never an (n, m, k) tensor.
    squares = first.square().sum(-1)[..., :, None] + second.square().sum(-1)[..., None, :]
    distance = (squares - 2 * first @ second.mT).clamp(min=0)
    widths = [2 * first.shape[-1] * scale for scale in SCALES]
    return torch.stack([width / (width + distance) for width in widths]).sum(0)


def squared_mmd(first: Tensor, second: Tensor, present: Tensor) -> Tensor:
    """Unbiased estimate of the squared maximum mean discrepancy (Gretton et al. 2012, equation 3).

    ``mean k(u_i, u_j) + mean k(v_i, v_j)`` over pairs of different rows, minus
    ``2 mean k(u_i, v_j)`` over all pairs. It may be below 0: its expectation is 0 for samples of
    the same distribution.

    Parameters
    ----------
    first, second : Tensors of shape (..., n, k)
        The samples.
    present : bool Tensor of shape (..., n)
        Rows that count, the same in both samples.

    Returns
    -------
    Tensor of shape (...)
        0 where fewer than two rows count: they say nothing.

    Examples
    --------
    >>> sample = torch.tensor([[0.0], [1.0]])
    >>> squared_mmd(sample, sample, torch.tensor([True, True])).round(decimals=4)
    tensor(-2.7195)
    """
    count = present.sum(-1).to(first.dtype)
    pairs = present[..., :, None] & present[..., None, :]
    itself = torch.eye(present.shape[-1], dtype=torch.bool, device=present.device)

    def total(one: Tensor, other: Tensor, counted: Tensor) -> Tensor:
        return inverse_multiquadratic(one, other).where(counted, 0.0).sum((-2, -1))

    within = total(first, first, pairs & ~itself) + total(second, second, pairs & ~itself)
    between = total(first, second, pairs)
    count = count.clamp(min=2)  # with a single row there are no pairs, and what follows is not used
    estimate = within / (count * (count - 1)) - 2 * between / count.square()
    return torch.where(present.sum(-1) > 1, estimate, 0.0)
