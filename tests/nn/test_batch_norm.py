"""Series that a method makes up, or changes, leave the running averages alone."""

import numpy as np
import pytest
import torch
from torch import nn

from tsdisentangle import CDSVAE, GLR, S3VAE, SPYL, VideoEncoder
from tsdisentangle.data.windows import Windows
from tsdisentangle.nn.batch_norm import keep_running_averages
from tsdisentangle.nn.noise import normal_noise


def test_batches_are_normalised_and_averages_stay():
    layer, X = nn.BatchNorm1d(2), 5 + torch.randn(50, 2)
    with keep_running_averages(nn.Sequential(layer)):
        inside = layer(X)
    assert inside.mean().abs() < 1e-5
    assert layer.running_mean.tolist() == [0, 0]
    assert layer.momentum == 0.1
    layer(X)
    assert (layer.running_mean > 0.3).all()


def test_an_error_inside_leaves_the_layers_as_they_were():
    layer = nn.BatchNorm1d(2)
    with pytest.raises(ZeroDivisionError), keep_running_averages(layer):
        raise ZeroDivisionError
    assert layer.momentum == 0.1


@pytest.mark.parametrize("method", [CDSVAE, GLR, S3VAE, SPYL])
def test_averages_of_a_step_are_those_of_its_clips(method):
    """They move by a tenth towards what the clips give, whatever else goes through."""
    clips = np.random.default_rng(0).random((4, 3, 16, 16, 3)).astype(np.float32)
    encoder = VideoEncoder(size=16, width=4, out_features=8, hidden=8)
    options = {"static_dim": 2, "dynamic_dim": 2, "max_epochs": 0, "random_state": 0}
    network = method(encoder, **options).fit(clips).net_.module_
    convolution = next(m for m in network.encoder.modules() if isinstance(m, nn.Conv2d))
    norm = next(m for m in network.encoder.modules() if isinstance(m, nn.BatchNorm2d))
    seen = []
    convolution.register_forward_hook(lambda module, given, out: seen.append(out.detach()))
    values = torch.as_tensor(clips).flatten(2, 3)
    observed = torch.ones_like(values, dtype=torch.bool)
    network.train()
    network(Windows(values, observed, observed[:, :, 0, 0]), normal_noise)
    assert len(seen) > 1
    torch.testing.assert_close(norm.running_mean, 0.1 * seen[0].mean((0, 2, 3)))
