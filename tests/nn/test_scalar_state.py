"""Floats of a network that are neither weights nor parameters."""

from torch import nn

from tsdisentangle.nn.scalar_state import network_numbers


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fraction, self.weights = 0.5, {"a": 1.0, "b": 2.0}
        self.count, self.flag, self.name, self.nothing = 3, True, "a", {}
        self.mixed, self._private = {"a": 1.0, "b": 2}, 0.25
        self.layer = nn.Linear(2, 2)


def test_floats_and_dicts_of_floats_are_taken_and_nothing_else():
    assert network_numbers(Net()) == {"fraction": 0.5, "weights": {"a": 1.0, "b": 2.0}}


def test_submodules_are_not_looked_at():
    net = Net()
    net.layer.fraction = 0.25
    assert "layer" not in network_numbers(net)
