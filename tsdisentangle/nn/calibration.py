"""The scale of a likelihood, fitted in closed form while the means are trained."""

import torch
from torch import Tensor, nn

from tsdisentangle.nn.gaussian import Gaussian

MOMENTUM = 0.02  # share of a step's residuals in the running average: about the last 50 steps
MAX_RISE = 0.01  # of the logarithm of a variance, in one step
MIN_LOG_FACTOR = -8.0  # of variances; constant channels would have none


class ScaleCalibration(nn.Module):
    """Factor on each channel's predicted variance, so that it is that of the residuals.

    The variance that maximises a Gaussian likelihood is the mean squared residual (the optimal
    sigma-VAE of Rybkin et al. 2021). Gradient steps reach it long after the means are trained; here
    it is a running average over the steps of training, relative to what the decoder predicts. It
    starts at 1, and rises with the residuals of an untrained network by no more than 1 % per step:
    at their full size from the start, the divergences would outweigh them, and no code be learned.

    Parameters
    ----------
    n_channels : int
        Channels of values. Channels after them are marks, which have no scale.
    """

    log_factor: Tensor

    def __init__(self, n_channels: int):
        super().__init__()
        self.momentum = MOMENTUM
        self.register_buffer("log_factor", torch.zeros(n_channels))

    def forward(self, prediction: Gaussian) -> Gaussian:
        """Return a prediction ``(..., channel)`` with calibrated variance."""
        marks = prediction.mean.shape[-1] - len(self.log_factor)
        factors = nn.functional.pad(self.log_factor, (0, marks))
        return Gaussian(prediction.mean, prediction.logvar + factors)

    @torch.no_grad()
    def update(self, values: Tensor, prediction: Gaussian, observed: Tensor) -> None:
        """Take a step's residuals into the average.

        Parameters
        ----------
        values, observed : Tensors of shape (batch, windows, step, channel)
        prediction : Gaussian of shape (draws, batch, windows, step, channel)
            Calibrated, as :meth:`forward` returns it.
        """
        n_channels = len(self.log_factor)
        values, observed = values[..., :n_channels], observed[..., :n_channels]
        prediction = Gaussian(*(part[..., :n_channels] for part in prediction))
        axes = tuple(range(prediction.mean.ndim - 1))
        residual = torch.where(observed, values - prediction.mean, 0.0).float()
        squared = (residual.square() * torch.exp(-prediction.logvar.float())).sum(axes)
        count = observed.flatten(0, -2).sum(0) * len(prediction.mean)
        # Relative to the present factor: 1 where the predicted variance is that of the residuals.
        ratio = torch.where(count > 0, squared / count.clamp(min=1), 1.0)
        step = torch.log1p(self.momentum * (ratio - 1)).clamp(max=MAX_RISE)
        self.log_factor.add_(step).clamp_(min=MIN_LOG_FACTOR)
