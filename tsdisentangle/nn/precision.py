"""Half precision for the parts of a network that gain by it."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from tsdisentangle.nn.gaussian import Gaussian

COMPILER = "inductor"  # what torch.compile makes machine code with
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def cpu_has_bfloat16() -> bool:
    """Whether torch has fast kernels in bfloat16 for this processor."""
    return torch.ops.mkldnn._is_mkldnn_bf16_supported()


def check_precision(precision: str, device: str | torch.device) -> None:
    """Refuse a precision that a device does not have.

    Raises
    ------
    ValueError
    """
    kind = torch.device(device).type
    if precision == "float32":
        return
    if kind not in ("cpu", "cuda"):
        raise ValueError(
            f"precision={precision!r} needs device='cuda' or 'cpu', got {device!r}. "
            "Pass precision='float32'."
        )
    if precision == "float16" and kind == "cpu":
        raise ValueError(
            "precision='float16' needs device='cuda': processors have no fast float16. "
            "Pass precision='float32' or 'bfloat16'."
        )
    able = torch.cuda.is_bf16_supported if kind == "cuda" else cpu_has_bfloat16
    if precision == "bfloat16" and not able():
        other = "'float16' or 'float32'" if kind == "cuda" else "'float32'"
        raise ValueError(
            f"precision='bfloat16' is not supported by this machine's {kind} device. "
            f"Pass precision={other}."
        )


def prepare(module: nn.Module, precision: str, compiled: bool) -> None:
    """Make a module compute in a precision (:func:`run_in`), and compile it if asked to."""
    run_in(module, precision)
    if compiled:  # in place: the names of the weights stay as they are
        module.compile(backend=COMPILER)


def run_in(module: nn.Module, precision: str) -> nn.Module:
    """Make a module compute in half precision, its recurrent layers excepted.

    Weights stay in float32, and so does what the module returns: what is made of it, codes,
    likelihoods and divergences, is computed in float32. So are recurrent layers, whose states
    gather the rounding of all steps.

    Parameters
    ----------
    module : nn.Module
        Changed in place.
    precision : {'float32', 'bfloat16', 'float16'}
        The first leaves the module as it is.

    Returns
    -------
    nn.Module
        The same module.

    Examples
    --------
    >>> layer = run_in(nn.Linear(2, 3), "bfloat16")
    >>> layer(torch.ones(1, 2)).dtype, layer.weight.dtype
    (torch.float32, torch.float32)
    """
    if precision != "float32":
        for layer in module.modules():
            if isinstance(layer, nn.RNNBase | nn.RNNCellBase):
                _replace_forward(layer, _Exact(layer))
        _replace_forward(module, _Half(module, DTYPES[precision]))
    return module


def _replace_forward(module: nn.Module, forward: Callable[..., Any]) -> None:
    # An attribute of the instance: names of the weights stay, and copies and pickles carry it.
    module.forward = forward


class _Half:
    """The forward of a module under autocast, its results in float32."""

    def __init__(self, module: nn.Module, dtype: torch.dtype):
        self.module = module
        self.dtype = dtype

    def __call__(self, *args: Any) -> Any:
        # Without the cache of weights that all threads share and an outer autocast keeps.
        with torch.autocast(args[0].device.type, self.dtype, cache_enabled=False):
            result = type(self.module).forward(self.module, *args)
        if isinstance(result, Gaussian):
            return Gaussian(*map(_at_least_float32, result))
        return _at_least_float32(result)


class _Exact:
    """The forward of a recurrent layer without autocast, in the precision of its weights."""

    def __init__(self, layer: nn.Module):
        self.layer = layer

    def __call__(self, sequence: Tensor | PackedSequence, hx: Any = None) -> Any:
        dtype = next(self.layer.parameters()).dtype
        state = tuple(part.to(dtype) for part in hx) if isinstance(hx, tuple) else hx
        state = state.to(dtype) if isinstance(state, Tensor) else state
        with torch.autocast(_kind(sequence), enabled=False):
            return type(self.layer).forward(self.layer, sequence.to(dtype), state)


def _kind(sequence: Tensor | PackedSequence) -> str:
    """Kind of device that a sequence is on."""
    values = sequence if isinstance(sequence, Tensor) else sequence.data
    return values.device.type


def _at_least_float32(tensor: Tensor) -> Tensor:
    return tensor.float() if tensor.dtype in (torch.bfloat16, torch.float16) else tensor
