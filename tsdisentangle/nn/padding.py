"""Decoding of the windows that are there, without the padding of the shorter series."""

import torch
from torch import Tensor, nn

from tsdisentangle.nn.gaussian import Gaussian
from tsdisentangle.nn.noise import Noise


class _NoiseOfPacked:
    """Noise for windows that are packed: what all would draw, and of that theirs.

    So a seed draws the same for a window, with padding beside it or without.
    """

    def __init__(self, noise: Noise, shape: torch.Size, index: Tensor):
        self.noise, self.shape, self.index = noise, shape, index

    def __call__(self, name: str, shape: tuple[int, ...], like: Tensor) -> Tensor:
        if tuple(shape[:2]) != (1, len(self.index)):
            return self.noise(name, shape, like)
        padded = (*self.shape, *shape[2:])
        return self.noise(name, padded, like).expand(padded).flatten(0, 1)[self.index][None]


def decode_valid(
    decoder: nn.Module, codes: Tensor, noise: Noise, valid: Tensor | None = None
) -> Gaussian:
    """Decode the valid windows; the others come out as zeros.

    Padding would cost time, and take part in the statistics of a batch normalisation: one long
    clip among short ones would spoil them for all. A decoder that does not say that its elements
    are independent (``independent_elements = True``) is given all windows, each in its place.

    Parameters
    ----------
    decoder : nn.Module
        Codes and a noise source to a Gaussian.
    codes : Tensor of shape (rows, windows, code)
    noise : Noise
    valid : bool Tensor of shape (rows, windows), default=None
        None means all.

    Returns
    -------
    Gaussian of shape (rows, windows, step, channel)
        The log-variance may have ones in place of the last two.
    """
    independent = getattr(decoder, "independent_elements", False)
    if valid is None or not independent:
        return decoder(codes, noise)
    index = valid.flatten().nonzero()[:, 0]
    if len(index) in (0, valid.numel()):
        return decoder(codes, noise)
    packed = codes.flatten(0, 1)[index][None]
    decoded = decoder(packed, _NoiseOfPacked(noise, valid.shape, index))
    return Gaussian(*(_unpack(part, index, valid.shape) for part in decoded))


def _unpack(packed: Tensor, index: Tensor, shape: torch.Size) -> Tensor:
    """Put ``(1, valid windows, ...)`` back into their places, zeros into the others."""
    rows = packed.expand(1, len(index), *packed.shape[2:])[0]
    return (
        rows.new_zeros(shape.numel(), *rows.shape[1:])
        .index_copy(0, index, rows)
        .view(*shape, *rows.shape[1:])
    )
