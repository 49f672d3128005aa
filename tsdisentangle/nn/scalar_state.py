"""The scalars of a network that training may set, beside its weights and buffers."""

from typing import Any

from torch import nn


def network_numbers(network: nn.Module) -> dict[str, Any]:
    """Return the floats of a network, and its dicts of floats, by attribute name.

    The position of a random anchor and the weights of the loss are such numbers. They are neither
    in the ``state_dict`` nor among the constructor's parameters.

    Parameters
    ----------
    network : nn.Module
        Its submodules are not looked at.

    Returns
    -------
    dict of str to float or dict of str to float
    """
    public = {name: value for name, value in vars(network).items() if not name.startswith("_")}
    return {name: value for name, value in public.items() if _is_numbers(value)}


def _is_numbers(value: Any) -> bool:
    if isinstance(value, dict):
        return bool(value) and all(type(each) is float for each in value.values())
    return type(value) is float
