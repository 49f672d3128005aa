"""What moves, read from the series themselves, and how badly it is predicted."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, binary_cross_entropy_with_logits, pad

# Frames are cut into GRID x GRID cells; the MOVING cells that change most are said to move.
GRID, MOVING = 3, 3


class Motion(NamedTuple):
    """A signal of motion in each element of each series.

    Attributes
    ----------
    target : Tensor of shape (batch, elements, signal)
    known : bool Tensor of that shape
        Where there is one; the first element has nothing before it that it could differ from.
    """

    target: Tensor
    known: Tensor


MotionSignal = Callable[[Tensor, Tensor, Tensor], Motion]


def window_differences(values: Tensor, observed: Tensor, valid: Tensor) -> Motion:
    """Change of each channel's mean since the element before.

    Parameters
    ----------
    values : Tensor of shape (batch, elements, step, channel)
        Zero where not observed.
    observed : bool Tensor of that shape
    valid : bool Tensor of shape (batch, elements)

    Returns
    -------
    Motion
        A value for each channel.

    Examples
    --------
    >>> values = torch.tensor([1.0, 4.0, 2.0]).view(1, 3, 1, 1)
    >>> motion = window_differences(values, values > 0, torch.ones(1, 3, dtype=torch.bool))
    >>> motion.target.flatten(), motion.known.flatten()
    (tensor([ 0.,  3., -2.]), tensor([False,  True,  True]))
    """
    count = (observed & valid[..., None, None]).sum(2)
    mean = values.where(observed, 0.0).sum(2) / count.clamp(min=1)
    known = count > 0
    return _since_the_one_before(mean[:, 1:] - mean[:, :-1], known[:, 1:] & known[:, :-1])


def loud_frames(values: Tensor, observed: Tensor, valid: Tensor) -> Motion:
    """Whether the mean of a spectrum's values is above that of its recording (1) or not (0).

    Parameters
    ----------
    values : Tensor of shape (batch, frames, step, bins)
        Zero where not observed.
    observed : bool Tensor of that shape
    valid : bool Tensor of shape (batch, frames)

    Returns
    -------
    Motion
        A mark for each frame.

    Examples
    --------
    >>> values = torch.tensor([[1.0, 1.0], [5.0, 5.0], [2.0, 1.0]]).view(1, 3, 1, 2)
    >>> loud_frames(values, values > 0, torch.ones(1, 3, dtype=torch.bool)).target.flatten()
    tensor([0., 1., 0.])
    """
    count = (observed & valid[..., None, None]).flatten(2).sum(2)
    volume = values.where(observed, 0.0).flatten(2).sum(2) / count.clamp(min=1)
    known = count > 0
    mean = volume.where(known, 0.0).sum(1) / known.sum(1).clamp(min=1)
    return Motion((volume > mean[:, None]).to(values.dtype)[..., None], known[..., None])


def moving_cells(values: Tensor, observed: Tensor, valid: Tensor) -> Motion:
    """Which cells of a square frame change most (1), in a grid of 3 x 3.

    The three cells with the largest mean absolute difference to the frame before, as far as they
    differ at all. It stands for the optical flow of Zhu et al. (2020), which needs a network that
    was trained on other films; like it, it takes the camera to stand still.

    Parameters
    ----------
    values : Tensor of shape (batch, frames, pixels, colours)
    observed : bool Tensor of that shape
    valid : bool Tensor of shape (batch, frames)

    Returns
    -------
    Motion
        Marks of the nine cells, row by row.

    Examples
    --------
    >>> frames = torch.zeros(1, 2, 9, 1)
    >>> frames[0, 1, 4] = 1.0
    >>> motion = moving_cells(frames, frames >= 0, torch.ones(1, 2, dtype=torch.bool))
    >>> motion.target[0, 1]
    tensor([0., 0., 0., 0., 1., 0., 0., 0., 0.])
    """
    size = round(values.shape[2] ** 0.5)
    change = (values[:, 1:] - values[:, :-1]).abs().mean(-1)
    cells = adaptive_avg_pool2d(change.unflatten(2, (size, size)), GRID).flatten(2)
    largest = cells.topk(MOVING, dim=-1).indices
    moving = torch.zeros_like(cells).scatter(-1, largest, 1.0).where(cells > 0, 0.0)
    return _since_the_one_before(moving, valid[:, 1:, None].expand_as(cells))


def _since_the_one_before(change: Tensor, known: Tensor) -> Motion:
    """Put what is said of the elements after the first one in its places."""
    first = (0, 0, 1, 0)
    return Motion(pad(change.where(known, 0.0), first), pad(known, first))


def motion_error(prediction: Tensor, motion: Motion, binary: bool) -> Tensor:
    """Negative log-likelihood of a signal of motion, summed over what is known of each series.

    Parameters
    ----------
    prediction : Tensor of shape (batch, elements, signal)
        Logits of marks; else the means of Gaussians of variance 1, whose constant is left out.
    motion : Motion
    binary : bool
        Whether the signal is of marks.

    Returns
    -------
    Tensor of shape (batch,)

    Examples
    --------
    >>> motion = Motion(torch.tensor([[[3.0, 9.0]]]), torch.tensor([[[True, False]]]))
    >>> motion_error(torch.ones(1, 1, 2), motion, binary=False)
    tensor([2.])
    """
    target = motion.target.where(motion.known, 0.0)
    if binary:
        error = binary_cross_entropy_with_logits(prediction, target, reduction="none")
    else:
        error = 0.5 * (prediction - target).square()
    return error.where(motion.known, 0.0).sum((1, 2))
