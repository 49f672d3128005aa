"""Networks are compared down to the last number."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

from tsdisentangle.nn.gaussian_process import GaussianProcess
from tsdisentangle.nn.scalar_state import network_numbers
from tsdisentangle.persistence.archive import ModelFileError
from tsdisentangle.persistence.weight_checks import (
    check_weights,
    first_difference,
    restore_numbers,
)


class Half:
    """A callable with a state of its own, as half precision has."""

    def __init__(self, dtype):
        self.dtype = dtype

    def __call__(self, x):
        return x.to(self.dtype)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
        self.register_buffer("hidden_buffer", torch.arange(3.0), persistent=False)
        self.prior = GaussianProcess(2, ("rbf",), 2.0, 1.0)
        self.shape, self.table, self.name = (1, 2), np.arange(3), "a"
        self.fraction, self.weights = 0.5, {"a": 1.0, "b": 2.0}
        self.function = lambda x: x
        self.forward = Half(torch.bfloat16)
        self.parent = [self]


def edit(path, value):
    def apply(net):
        *parents, last = path.split(".")
        for each in parents:
            net = getattr(net, each)
        setattr(net, last, value)

    return apply


@pytest.fixture
def net():
    return Net()


def test_a_copy_does_not_differ(net):
    assert first_difference(net, copy.deepcopy(net), "net") is None
    assert first_difference(net, net.eval(), "net") is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda net: net.layers[0].weight.data.mul_(2), r"net\.layers\.0\.weight has other"),
        (lambda net: net.layers[1].running_mean.add_(1), r"net\.layers\.1\.running_mean has other"),
        (lambda net: net.hidden_buffer.add_(1), r"net\.hidden_buffer has other"),
        (lambda net: net.table.__setitem__(0, 7), r"net\.table has other"),
        (edit("prior.length_scale", 3.0), r"net\.prior\.length_scale is 2\.0, not 3\.0"),
        (edit("shape", (1, 3)), r"net\.shape\.1 is 2, not 3"),
        (edit("shape", [1, 2]), r"net\.shape is tuple, not list"),
        (edit("name", None), r"net\.name is 'a', not NoneType"),
        (edit("forward", Half(torch.float16)), r"net\.forward\.dtype is torch\.bfloat16, not"),
        (edit("more", 1), "has the parts"),
        (edit("fraction", 1), r"net\.fraction is 0\.5, not 1"),
        (edit("layers.1.momentum", 0.3), r"net\.layers\.1\.momentum is 0\.1, not 0\.3"),
    ],
)
def test_every_difference_is_found_and_named(net, change, message):
    other = copy.deepcopy(net)
    change(other)
    difference = first_difference(net, other, "net")
    assert difference is not None
    with pytest.raises(ValueError, match=message):
        raise ValueError(difference)


def test_numbers_are_taken_and_put_back(net):
    assert network_numbers(net) == {"fraction": 0.5, "weights": {"a": 1.0, "b": 2.0}}
    numbers = {"fraction": 0.25, "weights": {"b": 0.0, "a": 3.0}}
    restore_numbers(net, numbers)
    assert network_numbers(net) == numbers
    for wrong in ({}, {**numbers, "x": 1.0}, {**numbers, "weights": {"a": 1.0}}):
        with pytest.raises(ModelFileError, match="network holds the numbers"):
            restore_numbers(net, wrong)


def test_weights_are_checked_by_name_shape_dtype_and_value(net):
    good = net.state_dict()
    check_weights(good, copy.deepcopy(good))
    for wrong in (
        {},
        {**good, "x": torch.zeros(1)},
        {**good, "layers.0.bias": torch.zeros(2)},
        {**good, "layers.0.bias": torch.zeros(3, dtype=torch.float16)},
        {**good, "layers.0.bias": torch.full((3,), torch.nan)},
    ):
        with pytest.raises(ModelFileError):
            check_weights(good, wrong)
