"""Recurrent bricks, each one fused call over time."""

import sys
from collections.abc import Callable

import torch
from torch import Tensor, nn

from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.gaussian import Gaussian, GaussianHead
from tsdisentangle.nn.noise import Noise

# The KL divergence to the prior divides by its variance, which may collapse on regular dynamics.
PRIOR_MIN_LOGVAR = -6.0

# The released code has 64. Half of it was no worse in trials on validation data, and is cheaper.
PRIOR_HIDDEN = 32

# Gates (four numbers a unit, four bytes each) of the rows that a fused recurrent call works on at
# once: the best of 1, 2 and 4 MB in a trial with the step encoder on windows of air quality.
BLOCK_BYTES = 2**21


def reverse_valid(sequence: Tensor, lengths: Tensor) -> Tensor:
    """Reverse the first ``lengths[b]`` steps of row ``b``; the padding after them stays in place.

    Parameters
    ----------
    sequence : Tensor of shape (batch, steps, features)
    lengths : Tensor of shape (batch,)

    Returns
    -------
    Tensor of shape (batch, steps, features)
    """
    steps = torch.arange(sequence.shape[1], device=sequence.device)
    back = lengths[:, None] - 1 - steps
    index = torch.where(back >= 0, back, steps)
    return sequence.gather(1, index[..., None].expand_as(sequence))


def block_rows(steps: int, hidden: int, device: torch.device) -> int:
    """Rows of so many steps whose gates fit the processor's cache; on other devices all of them."""
    return max(1, BLOCK_BYTES // (16 * steps * hidden)) if device.type == "cpu" else sys.maxsize


def in_blocks(
    rnn: nn.LSTM | nn.GRU,
    rows: Tensor,
    *state: Tensor,
    then: Callable[[Tensor], Tensor] = lambda outputs: outputs,
) -> Tensor:
    """Run ``rnn`` over many short independent rows, a block that fits the processor's cache a time.

    One call over all rows would stream its gates through memory; the result is the same.

    Parameters
    ----------
    rnn : nn.LSTM or nn.GRU
        One layer, with ``batch_first=True``.
    rows : Tensor of shape (rows, steps, features)
    *state : Tensors of shape (rows, hidden)
        Initial state and, of an LSTM, cell; zeros if left out.
    then : callable, default=identity
        Applied to the outputs of a block, ``(rows, steps, hidden)``, while they are in the cache.

    Returns
    -------
    Tensor of shape (rows, ...)
        ``(rows, steps, hidden)``, or what ``then`` makes of it.
    """
    block = block_rows(rows.shape[1], rnn.hidden_size, rows.device)
    outputs = []
    for start in range(0, len(rows), block):
        part = slice(start, start + block)
        initial = tuple(tensor[None, part] for tensor in state) or None
        outputs.append(then(rnn(rows[part], initial)[0]))
    return torch.cat(outputs)


class SequenceLSTM(nn.Module):
    """LSTM over sequences of unequal length, causal or in both directions.

    The backward direction starts at the last valid step of each row, so padding at the end never
    reaches a valid step.

    Parameters
    ----------
    in_features, hidden : int
        Sizes of the input and of one direction's state.
    bidirectional : bool, default=True
        Whether a second LSTM reads backwards.
    """

    def __init__(self, in_features: int, hidden: int, bidirectional: bool = True):
        super().__init__()
        self.forward_lstm = nn.LSTM(in_features, hidden, batch_first=True)
        self.backward_lstm = (
            nn.LSTM(in_features, hidden, batch_first=True) if bidirectional else None
        )
        self.out_features = hidden * (2 if bidirectional else 1)

    def forward(self, sequence: Tensor, lengths: Tensor) -> Tensor:
        """Return the outputs, shape ``(batch, steps, out_features)``."""
        forwards = self.forward_lstm(sequence)[0]
        if self.backward_lstm is None:
            return forwards
        backwards = self.backward_lstm(reverse_valid(sequence, lengths))[0]
        return torch.cat([forwards, reverse_valid(backwards, lengths)], dim=-1)


class StackedLSTM(nn.Module):
    """Several :class:`SequenceLSTM`, each reading the outputs of the one before.

    Parameters
    ----------
    in_features, hidden, layers : int
        Sizes of the input and of one direction's state, and number of layers.
    bidirectional : bool, default=True
        As in :class:`SequenceLSTM`.
    """

    def __init__(self, in_features: int, hidden: int, layers: int, bidirectional: bool = True):
        super().__init__()
        self.layers = nn.ModuleList()
        for _ in range(layers):
            layer = SequenceLSTM(in_features, hidden, bidirectional)
            self.layers.append(layer)
            in_features = layer.out_features
        self.out_features = in_features

    def forward(self, sequence: Tensor, lengths: Tensor) -> Tensor:
        """Return the last layer's outputs, shape ``(batch, steps, out_features)``."""
        for layer in self.layers:
            sequence = layer(sequence, lengths)
        return sequence


def make_lstm(
    encoder: ElementEncoder, dynamic_dim: int, bidirectional: bool
) -> SequenceLSTM | StackedLSTM:
    """LSTM of the dynamic posterior, with outputs as wide in one direction as in two."""
    width = 2 * dynamic_dim if encoder.stacked else encoder.out_features
    hidden = max(1, width // 2) if bidirectional else width
    if encoder.stacked:
        return StackedLSTM(encoder.out_features, hidden, 2, bidirectional)
    return SequenceLSTM(encoder.out_features, hidden, bidirectional)


def last_kept(rnn: nn.LSTM | nn.GRU, sequence: Tensor, keep: Tensor) -> Tensor:
    """Run ``rnn`` over the kept steps only and return its last output.

    A skipped step leaves the state as it was, wherever it stands. The kept steps are moved to the
    front, so one fused call serves rows with different gaps.

    Parameters
    ----------
    rnn : nn.LSTM or nn.GRU
        With ``batch_first=True``.
    sequence : Tensor of shape (..., steps, features)
    keep : bool Tensor of shape (..., steps)

    Returns
    -------
    Tensor of shape (..., hidden)
        Zeros where no step was kept.
    """
    leading = sequence.shape[:-2]
    rows = sequence.reshape(-1, *sequence.shape[-2:])
    if keep.all():  # nothing to move: a copy less
        return in_blocks(rnn, rows, then=_last_step).reshape(*leading, -1)
    kept = keep.reshape(-1, keep.shape[-1])
    order = torch.argsort(~kept, dim=1, stable=True)
    outputs = in_blocks(rnn, rows.gather(1, order[..., None].expand_as(rows)))
    count = kept.sum(1)
    last = outputs[torch.arange(len(rows), device=rows.device), (count - 1).clamp(min=0)]
    return torch.where((count > 0)[:, None], last, 0.0).reshape(*leading, -1)


def _last_step(outputs: Tensor) -> Tensor:
    return outputs[:, -1]


class RecurrentPrior(nn.Module):
    """Learned prior of the dynamics, ``p(d_t | d_<t)``: two stacked LSTMs and a Gaussian head.

    States and the first input are zeros, so the first step is a learned Gaussian.

    Parameters
    ----------
    dynamic_dim, hidden : int
        Sizes of a dynamic code and of the state.
    """

    def __init__(self, dynamic_dim: int, hidden: int = PRIOR_HIDDEN):
        super().__init__()
        self.lstm = nn.LSTM(dynamic_dim, hidden, num_layers=2, batch_first=True)
        self.head = GaussianHead(hidden, dynamic_dim, min_logvar=PRIOR_MIN_LOGVAR)

    def forward(self, dynamic: Tensor) -> Gaussian:
        """Prior of each step given the steps before it (teacher forcing).

        Parameters
        ----------
        dynamic : Tensor of shape (batch, steps, dynamic_dim)

        Returns
        -------
        Gaussian of shape (batch, steps, dynamic_dim)
        """
        shifted = nn.functional.pad(dynamic[:, :-1], (0, 0, 1, 0))
        return self.head(self.lstm(shifted)[0])

    def roll_out(self, given: Tensor, lengths: Tensor, noise: Noise) -> tuple[Tensor, Tensor]:
        """Continue each row of ``given`` after its first ``lengths[b]`` steps.

        Parameters
        ----------
        given : Tensor of shape (batch, steps, dynamic_dim)
            Codes; what stands at or after ``lengths[b]`` is ignored.
        lengths : Tensor of shape (batch,)
            Number of given steps of each row; zeros give a free roll-out.
        noise : Noise
            Source of the draws.

        Returns
        -------
        means, samples : Tensors of shape (batch, steps, dynamic_dim)
            Step means and drawn values of the continuation; the given codes before it. The
            recurrence is fed with the drawn values in both.
        """
        draws = noise("dynamic_prior", given.shape, given)
        last, state = given.new_zeros(len(given), 1, given.shape[-1]), None
        means, samples = [], []
        for t in range(given.shape[1]):
            output, state = self.lstm(last, state)
            step = self.head(output)
            known = (t < lengths)[:, None, None]
            code = given[:, t : t + 1]
            means.append(torch.where(known, code, step.mean))
            last = torch.where(known, code, step.mean + step.std * draws[:, t : t + 1])
            samples.append(last)
        return torch.cat(means, 1), torch.cat(samples, 1)
