"""Torch's settings of a process or thread, kept away from what is computed here."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from tsdisentangle.nn.generators import DrawFrom, Generators

# Functions whose result has the default dtype if none is given, and those that infer it.
FACTORIES = {"empty", "zeros", "ones", "rand", "randn", "eye", "linspace", "logspace"}
INFERRING = {"tensor", "as_tensor", "asarray", "full", "arange", "scalar_tensor"}


@contextmanager
def plain_torch() -> Iterator[None]:
    """Compute as in a fresh process: with gradients, without autocast, on the processor.

    Each of these settings is one of the thread, and the user's is there again afterwards. For the
    default dtype, one of the process, see :class:`Float32`. Also a decorator.

    Examples
    --------
    >>> with torch.inference_mode(), plain_torch():
    ...     torch.is_inference_mode_enabled(), torch.is_grad_enabled()
    (False, True)
    """
    with ExitStack() as stack:
        if torch.is_inference_mode_enabled():
            stack.enter_context(torch.inference_mode(False))
        if not torch.is_grad_enabled():
            stack.enter_context(torch.enable_grad())
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


@contextmanager
def building(generators: Generators) -> Iterator[None]:
    """Make networks in float32, with weights that are drawn from given generators."""
    with plain_torch(), ExitStack() as stack:
        if torch.get_default_dtype() != torch.float32:
            stack.enter_context(Float32())
        stack.enter_context(DrawFrom(generators))
        yield


class Float32(TorchFunctionMode):
    """Make tensors in float32 inside the block, in this thread, whatever the default dtype is.

    To set the default instead would be to set it for the user's other threads too.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call one of torch's functions."""
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        if kwargs.get("dtype") is not None:
            return func(*args, **kwargs)
        if name in FACTORIES:
            return func(*args, **{**kwargs, "dtype": torch.float32})
        result = func(*args, **kwargs)
        has_dtype = any(hasattr(value, "dtype") for value in args)
        if name in INFERRING and result.is_floating_point() and not has_dtype:
            return func(*args, **{**kwargs, "dtype": torch.float32})
        return result
