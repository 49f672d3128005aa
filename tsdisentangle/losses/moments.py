"""How well a code tells the moments of the whole series (Edwards & Storkey 2017)."""

import torch
from torch import Tensor

MOMENTS = 3  # of each channel: mean, standard deviation, share of steps without a value


def series_moments(values: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
    """Moments of each channel of each series, over what was observed up to its last such step.

    Parameters
    ----------
    values : Tensor of shape (batch, windows, step, channel)
    observed : bool Tensor of that shape

    Returns
    -------
    moments : Tensor of shape (batch, 3, channel)
        Mean, standard deviation, and the share of steps without a value.
    known : bool Tensor of that shape
        A mean takes one value, a standard deviation two.

    Examples
    --------
    >>> values, observed = torch.tensor([1.0, 3.0, 0.0, 2.0, 0.0]), torch.tensor([1, 1, 0, 1, 0])
    >>> series_moments(values.view(1, 1, 5, 1), observed.view(1, 1, 5, 1).bool())[0].flatten()
    tensor([2.0000, 0.8165, 0.2500])
    """
    values, observed = values.flatten(1, 2), observed.flatten(1, 2)
    count = observed.sum(1)
    mean = values.where(observed, 0.0).sum(1) / count.clamp(min=1)
    centred = (values - mean[:, None]).where(observed, 0.0)
    deviation = (centred.square().sum(1) / count.clamp(min=1)).sqrt()
    number = torch.arange(1, values.shape[1] + 1, device=values.device)
    steps = (observed.any(2) * number).amax(1, keepdim=True)
    missing = 1 - count.to(values.dtype) / steps.clamp(min=1)
    known = torch.stack([count > 0, count > 1, torch.ones_like(count, dtype=torch.bool)], dim=1)
    return torch.stack([mean, deviation, missing], dim=1), known


def moment_error(told: Tensor, values: Tensor, observed: Tensor) -> Tensor:
    """Squared error of the moments that codes tell, summed over moments and channels.

    Parameters
    ----------
    told : Tensor of shape (draws, batch, 3 * channel)
        What was made of each draw of the codes.
    values, observed : Tensors of shape (batch, windows, step, channel)
        The whole series.

    Returns
    -------
    Tensor of shape (batch,)
        Mean over the draws.
    """
    moments, known = series_moments(values, observed)
    return (
        (told.unflatten(-1, (MOMENTS, -1)) - moments).where(known, 0.0).square().sum((2, 3)).mean(0)
    )
