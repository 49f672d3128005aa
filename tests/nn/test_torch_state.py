import pytest
import torch
from torch import nn

from tsdisentangle.nn.generators import Generators
from tsdisentangle.nn.torch_state import Float32, building, plain_torch


@pytest.fixture(params=[torch.float64, torch.bfloat16])
def other_dtype(request):
    torch.set_default_dtype(request.param)
    yield request.param
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def meta_device():
    torch.set_default_device("meta")
    yield
    torch.set_default_device(None)


AROUND = {
    "nothing": torch.enable_grad,
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
}


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_what_is_computed_inside_is_plain(around, meta_device):
    weight = nn.Parameter(torch.ones(2, 2, device="cpu"))
    with around():
        with plain_torch():
            result = torch.ones(3, 2) @ weight
            assert result.dtype == torch.float32
            assert result.device.type == "cpu"
            assert result.requires_grad
            assert not torch.ones(1).is_inference()
        assert torch.ones(1).is_inference() == (around is torch.inference_mode)
        assert torch.is_autocast_enabled("cpu") == (around is AROUND["autocast"])
        assert torch.ones(1).device.type == "meta"


MADE = {
    "zeros": lambda: torch.zeros(2),
    "full": lambda: torch.full((2,), 0.1),
    "tensor": lambda: torch.tensor([0.1, 0.7]),
    "as_tensor": lambda: torch.as_tensor(0.1),
    "linspace": lambda: torch.linspace(0, 1, 7),
    "arange": lambda: torch.arange(0.0, 1.0, 0.1),
    "randn": lambda: torch.randn(3),
    "integers": lambda: torch.arange(3),
    "filled with integers": lambda: torch.full((2,), 3),
    "asked for": lambda: torch.zeros(2, dtype=torch.float64),
    "of a tensor": lambda: torch.as_tensor(torch.zeros(2, dtype=torch.float64)),
    "linear": lambda: nn.Linear(3, 2).weight.detach(),
    "lstm": lambda: nn.LSTM(3, 2).weight_hh_l0.detach(),
    "norm": lambda: nn.BatchNorm2d(2).running_var,
    "uniform": lambda: nn.init.xavier_uniform_(nn.Linear(3, 2).weight).detach(),
}


@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_the_default_dtype_does_not_matter(make, other_dtype):
    with building(Generators(3)):
        found = make()
    torch.set_default_dtype(torch.float32)
    with building(Generators(3)):
        expected = make()
    assert found.dtype == expected.dtype
    assert torch.equal(found, expected)


def test_it_is_the_threads_own(other_dtype):
    with Float32():
        assert torch.get_default_dtype() == other_dtype
        assert torch.zeros(1).dtype == torch.float32
    assert torch.zeros(1).dtype == other_dtype
