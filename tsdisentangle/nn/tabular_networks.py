"""Networks for windows of tabular series, in a fast form and in the paper's."""

import torch
from torch import Tensor, nn

from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.gaussian import Gaussian
from tsdisentangle.nn.noise import Noise
from tsdisentangle.nn.recurrent import block_rows, in_blocks, last_kept

# A predicted standard deviation lies between these, in standardised units: the upper bound is the
# paper's 0.5 * sigmoid, the lower one keeps the likelihood of a constant channel finite.
MIN_SCALE, MAX_SCALE = 0.01, 0.5


def bounded_logvar(raw: Tensor) -> Tensor:
    """Log-variance of a standard deviation between ``MIN_SCALE`` and ``MAX_SCALE``."""
    return 2 * torch.log(MIN_SCALE + (MAX_SCALE - MIN_SCALE) * torch.sigmoid(raw))


def kept_steps(observed: Tensor) -> Tensor:
    """Steps that a step encoder reads: those that miss fewer than 0.7 of their channels, floored.

    The rule of the paper's released code; with a single channel, the observed steps.

    Parameters
    ----------
    observed : bool Tensor of shape (..., step, channel)

    Returns
    -------
    bool Tensor of shape (..., step)
    """
    channels = observed.shape[-1]
    return (~observed).sum(-1) < max(1, 7 * channels // 10)


class WindowEncoder(ElementEncoder):
    """A whole window with its mask through one MLP: values and mask, flattened, to features."""

    def __init__(self, n_channels: int, window: int, hidden: int, out_features: int):
        super().__init__()
        self.out_features = out_features
        self.mlp = nn.Sequential(
            nn.Linear(2 * window * n_channels, hidden),
            nn.ReLU(),
            nn.Linear(hidden, out_features),
        )

    def forward(self, values: Tensor, observed: Tensor) -> Tensor:
        """``(batch, windows, step, channel)`` to ``(batch, windows, out_features)``."""
        both = torch.cat([values.flatten(2), observed.flatten(2).to(values.dtype)], dim=-1)
        return self.mlp(both)


class WindowDecoder(nn.Module):
    """Codes to a whole window through one MLP; one learned standard deviation a channel."""

    independent_elements = True

    def __init__(self, code_dim: int, n_channels: int, window: int, hidden: int):
        super().__init__()
        self.shape = (window, n_channels)
        self.mlp = nn.Sequential(
            nn.Linear(code_dim, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, window * n_channels),
        )
        self.raw_scale = nn.Parameter(torch.zeros(n_channels))

    def forward(self, codes: Tensor, noise: Noise) -> Gaussian:
        """``(rows, windows, code_dim)`` to a Gaussian of ``(rows, windows, step, channel)``."""
        mean = self.mlp(codes).unflatten(-1, self.shape)
        return Gaussian(mean, bounded_logvar(self.raw_scale).expand_as(mean))


class StepEncoder(ElementEncoder):
    """The paper's encoder: an MLP per step, then a GRU or an LSTM over each window's steps.

    Features keep the step axis, so the anchor is subtracted step by step.
    """

    across_elements = False

    def __init__(self, n_channels: int, hidden: int, out_features: int):
        super().__init__()
        self.out_features = out_features
        self.mlp = nn.Sequential(
            nn.Linear(n_channels, out_features),
            nn.ReLU(),
            nn.Linear(out_features, hidden),
            nn.ReLU(),
            nn.Linear(hidden, out_features),
            nn.ReLU(),
        )
        self.static_rnn = nn.GRU(out_features, out_features, batch_first=True)
        self.dynamic_rnn = nn.LSTM(out_features, out_features, batch_first=True)

    def forward(self, values: Tensor, observed: Tensor) -> Tensor:
        """``(batch, windows, step, channel)`` to ``(batch, windows, step, out_features)``."""
        size = block_rows(values.shape[2], self.out_features, values.device)
        blocks = [self.mlp(rows) for rows in values.flatten(0, 1).split(size)]
        return torch.cat(blocks).unflatten(0, values.shape[:2])

    def readable(self, observed: Tensor) -> Tensor:
        """Windows with a step that is not skipped."""
        return kept_steps(observed).any(-1)

    def static_summary(self, features: Tensor, observed: Tensor) -> Tensor:
        """Last GRU output over the kept steps of each window."""
        return last_kept(self.static_rnn, features, kept_steps(observed))

    def freeze_static(self) -> None:
        """The GRU stays as it was drawn, and keeps its names in model files."""
        self.static_rnn.requires_grad_(False)

    def dynamic_summary(self, features: Tensor, observed: Tensor) -> Tensor:
        """Last LSTM output over the kept steps of each window, from a zero state."""
        return last_kept(self.dynamic_rnn, features, kept_steps(observed))


class StepDecoder(nn.Module):
    """The paper's decoder: an LSTM that starts from the codes and is driven by noise."""

    independent_elements = True

    def __init__(self, code_dim: int, n_channels: int, window: int, hidden: int, out_features: int):
        super().__init__()
        self.window = window
        self.embed = nn.Linear(code_dim, out_features)
        self.lstm = nn.LSTM(out_features, out_features, batch_first=True)
        self.mlp = nn.Sequential(
            nn.Linear(out_features, hidden), nn.ReLU(), nn.Linear(hidden, out_features)
        )
        self.mean = nn.Linear(out_features, n_channels)
        self.raw_scale = nn.Linear(out_features, n_channels)

    def forward(self, codes: Tensor, noise: Noise) -> Gaussian:
        """``(rows, windows, code_dim)`` to a Gaussian of ``(rows, windows, step, channel)``."""
        start = torch.tanh(self.embed(codes))
        flat = start.flatten(0, 1)
        drive = noise("decoder", (*start.shape[:2], self.window, start.shape[2]), start)
        features = in_blocks(self.lstm, drive.flatten(0, 1), flat, flat, then=self.mlp)
        features = features.unflatten(0, start.shape[:2])
        return Gaussian(self.mean(features), bounded_logvar(self.raw_scale(features)))
