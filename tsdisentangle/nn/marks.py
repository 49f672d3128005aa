"""Channels of marks, 1 where a value is missing and else 0, after the channels of values."""

import torch
from torch import Tensor

from tsdisentangle.nn.gaussian import Gaussian

# Nothing is more certain than 1 to 3,000. Where no value of a channel was ever missing, the logit
# would grow as long as training lasts, and a single gap then cost any number of nats.
MAX_LOGIT = 8.0


def mark_probabilities(prediction: Gaussian, n_marks: int) -> Gaussian:
    """Read the last channels of a decoder's mean as logits, and return their probabilities.

    Parameters
    ----------
    prediction : Gaussian of shape (..., channel)
    n_marks : int
        How many channels are marks; 0 leaves all as they are.

    Returns
    -------
    Gaussian
        The log-variance of marks says nothing.

    Examples
    --------
    >>> prediction = Gaussian(torch.tensor([3.0, 0.0, -99.0]), torch.zeros(3))
    >>> mark_probabilities(prediction, 2).mean
    tensor([3.0000e+00, 5.0000e-01, 3.3535e-04])
    """
    if not n_marks:
        return prediction
    values, logits = split_marks(prediction.mean, n_marks)
    bounded = MAX_LOGIT * torch.tanh(logits / MAX_LOGIT)
    return prediction._replace(mean=torch.cat([values, torch.sigmoid(bounded)], dim=-1))


def split_marks(channels: Tensor, n_marks: int) -> tuple[Tensor, Tensor]:
    """Split ``(..., channel)`` into values and marks."""
    n_values = channels.shape[-1] - n_marks
    return channels[..., :n_values], channels[..., n_values:]
