"""Posterior of the sequential VAEs: the static code from the whole sequence."""

import torch
from torch import Tensor, nn

from tsdisentangle.nn.gaussian import Gaussian, GaussianHead
from tsdisentangle.nn.recurrent import SequenceLSTM


def end_states(outputs: Tensor, lengths: Tensor) -> Tensor:
    """State of each direction of an LSTM after its last step, side by side.

    Parameters
    ----------
    outputs : Tensor of shape (batch, steps, 2 * hidden)
        Of a bidirectional :class:`~tsdisentangle.nn.SequenceLSTM`.
    lengths : Tensor of shape (batch,)
        Valid steps of each row; at least 1.

    Returns
    -------
    Tensor of shape (batch, 2 * hidden)
        The forward state at the last valid step and the backward state at the first one.
    """
    forwards, backwards = outputs.chunk(2, dim=-1)
    rows = torch.arange(len(outputs), device=outputs.device)
    return torch.cat([forwards[rows, lengths - 1], backwards[:, 0]], dim=-1)


class SequentialPosterior(nn.Module):
    """Both codes from a bidirectional LSTM over the elements: ``q(s | x) q(d | x)``.

    The static code is read from the two end states, the dynamic codes by a plain recurrent
    network that runs over the outputs, as in the released codes of this family.

    Parameters
    ----------
    in_features : int
        Size of the features of an element, and of a direction's state.
    static_dim, dynamic_dim : int
        Sizes of the codes.
    """

    def __init__(self, in_features: int, static_dim: int, dynamic_dim: int):
        super().__init__()
        self.lstm = SequenceLSTM(in_features, in_features)
        self.static_head = GaussianHead(self.lstm.out_features, static_dim)
        self.rnn = nn.RNN(self.lstm.out_features, in_features, batch_first=True)
        self.dynamic_head = GaussianHead(in_features, dynamic_dim)

    def forward(self, features: Tensor, lengths: Tensor) -> tuple[Gaussian, Gaussian]:
        """Return the Gaussians of the codes, ``(batch, s)`` and ``(batch, elements, d)``.

        Parameters
        ----------
        features : Tensor of shape (batch, elements, in_features)
        lengths : Tensor of shape (batch,)
            Valid elements of each row; what lies beyond them reaches no valid code.
        """
        outputs = self.lstm(features, lengths)
        static = self.static_head(end_states(outputs, lengths))
        return static, self.dynamic_head(self.rnn(outputs)[0])
