import copy
import pickle

import pytest
import torch
from torch import nn
from torch.nn.functional import linear
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from tsdisentangle.nn import precision
from tsdisentangle.nn.gaussian import GaussianHead, squared_error_gaussian
from tsdisentangle.nn.precision import check_precision, run_in


def inputs(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


class Recurrent(nn.Module):
    """A layer of every kind that torch has, called with and without a state."""

    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(3, 3, batch_first=True)
        self.gru = nn.GRU(3, 3, batch_first=True)
        self.cell = nn.LSTMCell(3, 3)

    def forward(self, x):
        hidden, state = self.lstm(x)
        hidden, _ = self.lstm(hidden, state)
        hidden, last = self.gru(hidden)
        hidden, _ = self.gru(hidden, hx=last)
        packed = pack_padded_sequence(hidden, [5, 3], batch_first=True)
        return self.cell(pad_packed_sequence(self.lstm(packed)[0])[0][0])[0]


@pytest.mark.parametrize(("name", "dtype"), precision.DTYPES.items())
def test_products_are_those_of_rounded_numbers(name, dtype):
    layer, x = nn.Linear(8, 5), inputs(4, 8)
    expected = linear(x.to(dtype), layer.weight.to(dtype), layer.bias.to(dtype)).float()
    torch.testing.assert_close(run_in(layer, name)(x), expected, rtol=0, atol=0)


def test_float32_leaves_the_module_as_it_is():
    assert "forward" not in vars(run_in(nn.Linear(2, 2), "float32"))


def test_weights_and_gradients_stay_in_float32():
    layer = run_in(nn.Linear(8, 5), "bfloat16")
    layer(inputs(4, 8)).sum().backward()
    assert layer.weight.dtype == layer.weight.grad.dtype == torch.float32
    expected = inputs(4, 8).sum(0).expand(5, -1)  # of ones with the inputs
    torch.testing.assert_close(layer.weight.grad, expected, rtol=0.02, atol=0.05)


@pytest.mark.parametrize("name", ["bfloat16", "float16"])
def test_recurrent_layers_are_exact(name):
    module, x = Recurrent(), inputs(2, 5, 3)
    expected = module(x)
    torch.testing.assert_close(run_in(module, name)(x), expected, rtol=0, atol=0)


class Mixed(nn.Module):
    """A layer in half precision before a recurrent one."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.gru = nn.GRU(3, 2)

    def forward(self, x):
        return self.gru(self.linear(x))[0]


def test_recurrent_layers_take_what_others_give():
    module, x = Mixed(), inputs(5, 4)
    half = linear(x.bfloat16(), module.linear.weight.bfloat16(), module.linear.bias.bfloat16())
    expected = module.gru(half.float())[0]
    torch.testing.assert_close(run_in(module, "bfloat16")(x), expected, rtol=0, atol=0)


def test_float64_stays_exact():
    layer, x = nn.Linear(8, 5).double(), inputs(4, 8).double()
    expected = layer(x)
    torch.testing.assert_close(run_in(layer, "bfloat16")(x), expected, rtol=0, atol=0)
    module, sequence = Recurrent(), inputs(2, 5, 3).double()
    expected = copy.deepcopy(module).double()(sequence)
    half = run_in(module, "bfloat16").double()
    torch.testing.assert_close(half(sequence), expected, rtol=0, atol=0)


def test_gaussians_come_back_in_float32():
    result = run_in(GaussianHead(4, 2), "bfloat16")(inputs(3, 4))
    assert (result.mean.dtype, result.logvar.dtype) == (torch.float32, torch.float32)


def test_the_variance_of_a_squared_error_is_one_half_in_any_precision():
    variance = squared_error_gaussian(torch.zeros(1, 1, 2, 3, dtype=torch.bfloat16)).logvar.exp()
    torch.testing.assert_close(variance, torch.full((1, 1, 1, 1), 0.5), rtol=1e-6, atol=0)


def test_copies_have_weights_of_their_own_under_the_same_names():
    module, x = Mixed(), inputs(5, 4)
    names = list(module.state_dict())
    run_in(module, "bfloat16")
    assert list(module.state_dict()) == names
    expected = module(x)
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        torch.testing.assert_close(other(x), expected, rtol=0, atol=0)
        other.linear.bias.data.add_(1)
        other.gru.bias_hh_l0.data.add_(1)
        assert not torch.equal(other(x), expected)
        torch.testing.assert_close(module(x), expected, rtol=0, atol=0)


ABLE = {
    ("float32", "cpu"): None,
    ("float32", "mps"): None,
    ("bfloat16", "cpu"): None,
    ("bfloat16", "cuda:1"): None,
    ("float16", "cuda"): None,
    ("float16", "cpu"): "needs device='cuda': processors have no fast float16",
    ("bfloat16", "mps"): "needs device='cuda' or 'cpu', got 'mps'",
}


@pytest.mark.parametrize("wanted", ABLE, ids="-".join)
def test_machines_that_have_all(wanted, monkeypatch):
    monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    if ABLE[wanted] is None:
        check_precision(*wanted)
        return
    with pytest.raises(ValueError, match=ABLE[wanted]):
        check_precision(*wanted)


def test_machines_without_bfloat16(monkeypatch):
    monkeypatch.setattr(precision, "cpu_has_bfloat16", lambda: False)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    with pytest.raises(ValueError, match=r"this machine's cpu device\. Pass precision='float32'"):
        check_precision("bfloat16", "cpu")
    with pytest.raises(ValueError, match=r"cuda device\. Pass precision='float16' or 'float32'"):
        check_precision("bfloat16", torch.device("cuda"))


def test_the_processor_is_asked():
    assert isinstance(precision.cpu_has_bfloat16(), bool)
