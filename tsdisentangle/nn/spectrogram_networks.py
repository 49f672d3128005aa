"""Networks for spectrograms: a frame at a time, or the recurrent form of the released code."""

import torch
from torch import Tensor, nn

from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.gaussian import Gaussian, squared_error_gaussian
from tsdisentangle.nn.noise import Noise
from tsdisentangle.nn.recurrent import SequenceLSTM
from tsdisentangle.nn.tabular_networks import WindowEncoder


class SpectrumEncoder(WindowEncoder):
    """Every frame with its mask through one MLP, with the released code's heads."""

    stacked = True

    def __init__(self, n_bins: int, hidden: int, out_features: int):
        super().__init__(n_bins, 1, hidden, out_features)
        self.static_hidden = self.prior_hidden = hidden


class RecurrentSpectrumEncoder(ElementEncoder):
    """The released code's encoder: a bidirectional LSTM over the frames, then a linear layer.

    The features of a frame tell of all the others, and the static code with them.

    Parameters
    ----------
    n_bins : int
        Frequencies of a frame.
    hidden : int
        Width of the static head and of the recurrent prior.
    out_features : int
        Size of a direction's state and of the features.
    """

    stacked = True

    def __init__(self, n_bins: int, hidden: int, out_features: int):
        super().__init__()
        self.out_features = out_features
        self.static_hidden = self.prior_hidden = hidden
        self.lstm = SequenceLSTM(n_bins, out_features)
        self.linear = nn.Linear(self.lstm.out_features, out_features)

    def forward(self, values: Tensor, observed: Tensor) -> Tensor:
        """``(batch, frames, 1, bins)`` to ``(batch, frames, out_features)``."""
        seen = observed.flatten(2).any(2)
        places = torch.arange(1, seen.shape[1] + 1, device=seen.device)
        lengths = (seen * places).amax(1)
        return self.linear(self.lstm(values.flatten(2), lengths))


class SpectrumDecoder(nn.Module):
    """Codes to frames through one MLP, every frame on its own."""

    independent_elements = True

    def __init__(self, code_dim: int, n_bins: int, hidden: int):
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(code_dim, hidden),
            nn.ReLU(),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
            nn.Linear(hidden, n_bins),
        )

    def forward(self, codes: Tensor, noise: Noise) -> Gaussian:
        """``(rows, frames, code_dim)`` to a Gaussian of ``(rows, frames, 1, bins)``."""
        return squared_error_gaussian(self.mlp(codes).unsqueeze(2))


class RecurrentSpectrumDecoder(nn.Module):
    """The released code's decoder: an LSTM over the codes, then a linear layer."""

    def __init__(self, code_dim: int, n_bins: int, out_features: int):
        super().__init__()
        self.lstm = nn.LSTM(code_dim, out_features, batch_first=True)
        self.linear = nn.Linear(out_features, n_bins)

    def forward(self, codes: Tensor, noise: Noise) -> Gaussian:
        """``(rows, frames, code_dim)`` to a Gaussian of ``(rows, frames, 1, bins)``."""
        return squared_error_gaussian(self.linear(self.lstm(codes)[0]).unsqueeze(2))
