"""Networks for frames: the convolutions of the released video code."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn

from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.gaussian import Gaussian, squared_error_gaussian
from tsdisentangle.nn.noise import Noise

SLOPE = 0.2  # of the leaky rectifiers
SMALLEST = 4  # side of the map between the convolutions and the features
WIDEST = 8  # the channels double from layer to layer, up to so many times the width
INITIAL_STD = 0.01  # of the encoder's weights, as in the released code


def layer_channels(size: int, width: int) -> list[int]:
    """Channels after each layer that halves the side, from ``size`` down to 4.

    Examples
    --------
    >>> layer_channels(64, 64), layer_channels(16, 8)
    ([64, 128, 256, 512], [8, 16])
    """
    halvings = int(math.log2(size // SMALLEST))
    return [width * min(2**i, WIDEST) for i in range(halvings)]


def _halve(inside: int, outside: int) -> nn.Sequential:
    """Convolution that halves the side."""
    return nn.Sequential(
        # Batch normalisation takes the mean away: a bias before it would be idle.
        nn.Conv2d(inside, outside, 4, 2, 1, bias=False),
        nn.BatchNorm2d(outside),
        nn.LeakyReLU(SLOPE, inplace=True),
    )


class FrameEncoder(nn.Module):
    """Frames to features: convolutions that halve the side, then one that sees the whole frame.

    Parameters
    ----------
    size, channels : int
        Side (a power of two, at least 16) and channels of a frame.
    width : int
        Channels of the first layer.
    out_features : int
        Size of the features, which lie in (-1, 1).
    """

    def __init__(self, size: int, channels: int, width: int, out_features: int):
        super().__init__()
        self.out_features = out_features
        inner = layer_channels(size, width)
        self.layers = nn.Sequential(
            *(_halve(*pair) for pair in pairwise([channels, *inner])),
            nn.Conv2d(inner[-1], out_features, SMALLEST, bias=False),
            nn.BatchNorm2d(out_features),
            nn.Tanh(),
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=INITIAL_STD)
        # The faster layout on processors, and on GPUs with half precision.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, frames: Tensor) -> Tensor:
        """``(rows, channels, size, size)`` to ``(rows, out_features)``.

        Raises
        ------
        ValueError
            One frame in training: batch normalisation needs others to compare it with.
        """
        if self.training and len(frames) < 2:
            raise ValueError(
                "A batch holds a single frame, which batch normalisation cannot be trained on. "
                "Pass clips of more than one frame, or another batch_size."
            )
        rows = frames.contiguous(memory_format=torch.channels_last)
        return self.layers(rows).flatten(1)


class FirstDeconvolution(nn.Module):
    """Transposed convolution of a map of one pixel to one of 4 x 4, as a matrix product.

    Parameters
    ----------
    in_features, channels : int
        Size of the pixel and channels of the map.
    """

    def __init__(self, in_features: int, channels: int):
        super().__init__()
        kernel = nn.ConvTranspose2d(in_features, channels, SMALLEST, bias=False).weight.detach()
        # Channels last, so that the product already has the layout of the layers after it.
        self.weight = nn.Parameter(kernel.permute(0, 2, 3, 1).flatten(1).contiguous())
        self.shape = (SMALLEST, SMALLEST, channels)

    def forward(self, pixels: Tensor) -> Tensor:
        """``(rows, in_features)`` to ``(rows, channels, 4, 4)``."""
        return (pixels @ self.weight).unflatten(1, self.shape).permute(0, 3, 1, 2)


def _double(inside: int, outside: int) -> nn.Sequential:
    """Transposed convolution that doubles the side."""
    return nn.Sequential(
        nn.ConvTranspose2d(inside, outside, 4, 2, 1, bias=False),
        nn.BatchNorm2d(outside),
        nn.LeakyReLU(SLOPE, inplace=True),
    )


class FrameDecoder(nn.Module):
    """Codes to frames: the mirror image of :class:`FrameEncoder`.

    Parameters
    ----------
    code_dim : int
        Size of a code.
    size, channels, width : int
        As in :class:`FrameEncoder`.
    """

    def __init__(self, code_dim: int, size: int, channels: int, width: int):
        super().__init__()
        inner = layer_channels(size, width)[::-1]
        self.layers = nn.Sequential(
            FirstDeconvolution(code_dim, inner[0]),
            nn.BatchNorm2d(inner[0]),
            nn.LeakyReLU(SLOPE, inplace=True),
            *(_double(*pair) for pair in pairwise(inner)),
            nn.ConvTranspose2d(inner[-1], channels, 4, 2, 1),
            nn.Sigmoid(),
        )
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, codes: Tensor) -> Tensor:
        """``(rows, code_dim)`` to ``(rows, channels, size, size)``, values in (0, 1)."""
        return self.layers(codes)


class ClipEncoder(ElementEncoder):
    """Every frame of a clip through a :class:`FrameEncoder`, with the released code's heads.

    A frame stands in a batch as a window: its pixels are the steps, its colours the channels.

    Parameters
    ----------
    size, channels, width, out_features : int
        As in :class:`FrameEncoder`.
    hidden : int
        Width of the static head and of the recurrent prior.
    """

    stacked = True

    def __init__(self, size: int, channels: int, width: int, out_features: int, hidden: int):
        super().__init__()
        self.size = size
        self.out_features = out_features
        self.static_hidden = self.prior_hidden = hidden
        self.frames = FrameEncoder(size, channels, width, out_features)

    def readable(self, observed: Tensor) -> Tensor:
        """Frames that are there: one is observed as a whole or not at all."""
        return observed[:, :, 0, 0]

    def forward(self, values: Tensor, observed: Tensor) -> Tensor:
        """``(batch, frames, size * size, channels)`` to ``(batch, frames, out_features)``."""
        images = values.unflatten(2, (self.size, self.size)).permute(0, 1, 4, 2, 3)
        there = self.readable(observed)
        if there.all():
            return self.frames(images.flatten(0, 1)).unflatten(0, there.shape)
        # Frames beyond the end of a short clip must not reach the batch statistics.
        seen = self.frames(images[there])
        features = seen.new_zeros(*there.shape, self.out_features)
        features[there] = seen
        return features


class ClipDecoder(nn.Module):
    """Codes to frames in the form of :class:`ClipEncoder`, every one on its own.

    Parameters
    ----------
    code_dim, size, channels, width : int
        As in :class:`FrameDecoder`.
    """

    independent_elements = True

    def __init__(self, code_dim: int, size: int, channels: int, width: int):
        super().__init__()
        self.frames = FrameDecoder(code_dim, size, channels, width)

    def forward(self, codes: Tensor, noise: Noise) -> Gaussian:
        """``(rows, frames, code_dim)`` to a Gaussian of ``(rows, frames, pixels, channels)``."""
        images = self.frames(codes.flatten(0, 1))
        pixels = images.permute(0, 2, 3, 1).flatten(1, 2)
        return squared_error_gaussian(pixels.unflatten(0, codes.shape[:2]))
