import pytest
import torch
from torch import nn

from tsdisentangle.nn.frozen import frozen_weights


def test_gradients_pass_through_and_reach_no_weight():
    layer, inputs = nn.Linear(2, 3), torch.ones(1, 2, requires_grad=True)
    with frozen_weights(layer):
        frozen = layer(inputs)
    (frozen.sum() + 2 * layer(inputs.detach()).sum()).backward()
    torch.testing.assert_close(inputs.grad, layer.weight.sum(0, keepdim=True))
    assert layer.bias.grad.tolist() == [2, 2, 2]  # of the pass outside alone


def test_weights_are_trained_afterwards_if_they_were_before():
    layer = nn.Linear(2, 3)
    layer.bias.requires_grad_(False)
    with pytest.raises(ZeroDivisionError), frozen_weights(layer, nn.Tanh()):
        raise ZeroDivisionError
    assert (layer.weight.requires_grad, layer.bias.requires_grad) == (True, False)
