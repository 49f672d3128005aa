import math
from itertools import pairwise

import pytest
import torch
from torch.nn import functional

from tsdisentangle.losses import gaussian_nll
from tsdisentangle.nn.gaussian import squared_error_gaussian
from tsdisentangle.nn.noise import mean_noise
from tsdisentangle.nn.video_networks import (
    ClipDecoder,
    ClipEncoder,
    FirstDeconvolution,
    FrameDecoder,
    FrameEncoder,
    layer_channels,
)

SIZE, PIXELS = 16, 256


def make(kind, *sizes):
    torch.manual_seed(0)
    return kind(*sizes)


def frames(seed, *shape):
    return torch.rand(shape, generator=torch.manual_seed(seed))


def everything(values):
    return torch.ones((), dtype=torch.bool).expand(values.shape)


# -- shapes -------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [16, 32, 64, 128])
@pytest.mark.parametrize("channels", [1, 3])
def test_shapes_of_every_size(size, channels):
    encoder = make(FrameEncoder, size, channels, 2, 5).eval()
    features = encoder(frames(0, 3, channels, size, size))
    assert features.shape == (3, 5)
    assert (features.abs() < 1).all()
    decoded = make(FrameDecoder, 7, size, channels, 2).eval()(torch.randn(3, 7))
    assert decoded.shape == (3, channels, size, size)
    assert ((decoded > 0) & (decoded < 1)).all()


def kernels(network):
    return [tuple(p.shape) for p in network.parameters() if p.dim() == 4]


def test_sizes_are_those_of_the_released_code():
    encoder = FrameEncoder(64, 3, 64, 256)
    widths = [3, 64, 128, 256, 512, 256]
    assert kernels(encoder) == [(b, a, 4, 4) for a, b in pairwise(widths)]
    decoder = FrameDecoder(512, 64, 3, 64)
    widths = [512, 256, 128, 64, 3]
    assert kernels(decoder) == [(a, b, 4, 4) for a, b in pairwise(widths)]
    assert decoder.layers[0].weight.shape == (512, 16 * 512)


def test_channels_stop_at_eight_times_the_width():
    assert layer_channels(256, 2) == [2, 4, 8, 16, 16, 16]


# -- the first deconvolution --------------------------------------------------------------------


def test_first_deconvolution_is_a_transposed_convolution():
    layer = make(FirstDeconvolution, 5, 3).double()
    pixels = torch.randn(4, 5, dtype=torch.float64)
    kernel = layer.weight.unflatten(1, (4, 4, 3)).permute(0, 3, 1, 2)
    expected = functional.conv_transpose2d(pixels[:, :, None, None], kernel)
    torch.testing.assert_close(layer(pixels), expected, rtol=1e-12, atol=1e-12)
    assert layer(pixels).is_contiguous(memory_format=torch.channels_last)


# -- an element sees only itself ----------------------------------------------------------------


def test_a_frame_sees_only_itself():
    network = make(ClipEncoder, SIZE, 3, 4, 6, 5).eval()
    values = frames(1, 2, 4, PIXELS, 3).requires_grad_()
    network(values, everything(values))[1, 2].sum().backward()
    reached = values.grad.abs().sum((2, 3)) > 0
    assert reached.nonzero().tolist() == [[1, 2]]


def test_a_decoded_frame_has_only_its_code():
    network = make(ClipDecoder, 5, SIZE, 3, 4).eval()
    codes = torch.randn(2, 4, 5, requires_grad=True)
    network(codes, mean_noise).mean[1, 2].sum().backward()
    assert (codes.grad.abs().sum(2) > 0).nonzero().tolist() == [[1, 2]]


def test_pixels_keep_their_place():
    """A frame in a batch is the image that the convolutions see, colours and all."""
    network = make(ClipEncoder, SIZE, 3, 4, 6, 5).eval()
    images = frames(2, 4, 3, SIZE, SIZE)
    values = images.permute(0, 2, 3, 1).flatten(1, 2)[None]
    torch.testing.assert_close(network(values, everything(values))[0], network.frames(images))
    decoder = make(ClipDecoder, 5, SIZE, 3, 4).eval()
    codes = torch.randn(1, 4, 5)
    mean = decoder(codes, mean_noise).mean
    as_images = mean[0].unflatten(1, (SIZE, SIZE)).permute(0, 3, 1, 2)
    torch.testing.assert_close(as_images, decoder.frames(codes[0]))


def test_frames_behind_the_end_do_not_reach_the_batch_statistics():
    values = frames(3, 2, 4, PIXELS, 3)
    valid = torch.tensor([[True, True, False, False], [True, True, True, True]])
    observed = valid[..., None, None].expand(values.shape)
    padded, plain = (make(ClipEncoder, SIZE, 3, 4, 6, 5).train() for _ in range(2))
    features = padded(values, observed)
    there = values[valid][None]
    torch.testing.assert_close(features[valid], plain(there, everything(there))[0])
    assert (features[~valid] == 0).all()
    for one, other in zip(padded.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(one, other)


def test_one_frame_cannot_train_batch_normalisation():
    network = make(FrameEncoder, SIZE, 3, 4, 6)
    with pytest.raises(ValueError, match="a single frame"):
        network(frames(0, 1, 3, SIZE, SIZE))
    assert network.eval()(frames(0, 1, 3, SIZE, SIZE)).shape == (1, 6)


# -- the likelihood -----------------------------------------------------------------------------


def test_likelihood_is_the_squared_error_and_a_constant():
    values, mean = frames(4, 2, 3, 5, 2).double(), frames(5, 2, 3, 5, 2).double()
    nll = gaussian_nll(values, squared_error_gaussian(mean), everything(values))
    constant = 0.5 * math.log(math.pi)
    torch.testing.assert_close(nll, (values - mean).square() + constant)
