"""Checks that a network that was built again is the one that was fitted."""

from collections.abc import Mapping
from types import FunctionType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from tsdisentangle.nn.scalar_state import network_numbers
from tsdisentangle.persistence.archive import ModelFileError


def restore_numbers(network: nn.Module, numbers: dict[str, Any]) -> None:
    """Set the numbers of a network to what ``network_numbers`` returned.

    Raises
    ------
    ModelFileError
        Other names than those of the network.
    """
    check_numbers(network, numbers)
    vars(network).update(numbers)


def check_numbers(network: nn.Module, numbers: dict[str, Any]) -> None:
    """Compare the names of numbers with those of a network.

    Raises
    ------
    ModelFileError
    """
    expected = network_numbers(network)
    if _shape(numbers) != _shape(expected):
        raise ModelFileError(
            f"network holds the numbers {_shape(numbers)}; this network has {_shape(expected)}."
        )


def _shape(numbers: dict[str, Any]) -> dict[str, Any]:
    return {
        name: sorted(value) if isinstance(value, dict) else type(value).__name__
        for name, value in sorted(numbers.items())
    }


def check_weights(expected: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
    """Compare names, shapes and dtypes of weights with those that a network needs.

    Raises
    ------
    ModelFileError
    """
    if other := sorted(set(expected) ^ set(weights)):
        lacks = "lacks" if other[0] in expected else "has too much"
        raise ModelFileError(f"weights.safetensors {lacks}: network.{other[0][:80]}.")
    for name, tensor in sorted(weights.items()):
        wanted = expected[name]
        if (tensor.shape, tensor.dtype) != (wanted.shape, wanted.dtype):
            raise ModelFileError(
                f"network.{name} has shape {tuple(tensor.shape)} and {tensor.dtype} in the file; "
                f"the parameters ask for {tuple(wanted.shape)} and {wanted.dtype}."
            )
        if not torch.isfinite(tensor).all():
            raise ModelFileError(f"network.{name} holds NaN or infinite values.")


def first_difference(one: Any, other: Any, name: str, seen: set[int] | None = None) -> str | None:
    """Describe where two networks, or parts of them, differ; None if nowhere.

    Weights, buffers, numbers, texts and containers of them are compared; functions are not.

    Parameters
    ----------
    one, other : object
    name : str
        Of the part, for the description.
    seen : set of int, default=None
        The ids of parts that have been compared already.
    """
    seen = set() if seen is None else seen
    if type(one) is not type(other):
        return f"{name} is {_brief(one)}, not {_brief(other)}"
    if isinstance(one, Tensor | np.ndarray):
        same = one.shape == other.shape and np.array_equal(_array(one), _array(other))
        return None if same else f"{name} has other values or another shape"
    if one is None or isinstance(one, bool | int | float | str | torch.dtype):
        return None if one == other else f"{name} is {one!r}, not {other!r}"
    if id(one) in seen:
        return None
    seen.add(id(one))
    pairs = _children(one), _children(other)
    if set(pairs[0]) != set(pairs[1]):
        return f"{name} has the parts {sorted(pairs[0])}, not {sorted(pairs[1])}"
    found = (
        first_difference(pairs[0][key], pairs[1][key], f"{name}.{key}", seen) for key in pairs[0]
    )
    return next(filter(None, found), None)


def _brief(value: Any) -> str:
    return repr(value) if isinstance(value, bool | int | float | str) else type(value).__name__


def _array(values: Tensor | np.ndarray) -> np.ndarray:
    if isinstance(values, Tensor):
        values = values.detach().cpu()
        return (values.float() if values.dtype == torch.bfloat16 else values).numpy()
    return values


def _children(value: Any) -> dict[str, Any]:
    """Parts of a module, container or plain object, by name."""
    if isinstance(value, dict):
        return {str(key): item for key, item in value.items()}
    if isinstance(value, list | tuple):
        return {str(i): item for i, item in enumerate(value)}
    if isinstance(value, nn.Module):
        own = {name: item for name, item in vars(value).items() if not name.startswith("_")}
        del own["training"]
        return {**own, **value._parameters, **value._buffers, **value._modules}
    if isinstance(value, FunctionType | type) or not hasattr(value, "__dict__"):
        return {}
    return dict(vars(value))
