"""Parameter values as JSON and back, without losing what kind of value they were.

JSON has no tuples, devices, parameter objects or infinities. They are written as objects with a
tag: ``{"tuple": [...]}``, ``{"device": "cpu"}``, ``{"class": ..., "parameters": {...}}`` and
``{"float": "inf"}``.
"""

import json
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tsdisentangle.persistence.archive import ModelFileError

MAX_DEPTH = 20
SPECIAL_FLOATS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def is_parameter_object(value: Any) -> bool:
    """Whether a value makes networks, as encoders and decoders do; callbacks do not."""
    makes = hasattr(value, "get_params") and hasattr(value, "build")
    return makes and not isinstance(value, type)


class ValueWriter:
    """Convert parameter values to JSON, and collect the classes of parameter objects.

    Attributes
    ----------
    classes : set of type
    """

    def __init__(self) -> None:
        self.classes: set[type] = set()

    def write(self, value: Any, name: str, depth: int = 0) -> Any:
        """Return a value in a form that :func:`json.dumps` takes.

        Parameters
        ----------
        value : object
        name : str
            For messages.
        depth : int, default=0
            Levels of nesting around it.

        Raises
        ------
        ModelFileError
            JSON cannot hold it; the message names the parameter.
        """
        if depth > MAX_DEPTH:
            raise ModelFileError(f"{name} is nested more than {MAX_DEPTH} levels deep.")
        if value is None or isinstance(value, bool | np.bool_):
            return None if value is None else bool(value)
        if isinstance(value, int | np.integer):
            return int(value)
        if isinstance(value, float | np.floating):
            return float(value) if math.isfinite(value) else {"float": str(float(value))}
        if isinstance(value, str):
            return str(value)
        if isinstance(value, torch.device):
            return {"device": str(value)}
        if isinstance(value, list | tuple):
            items = [self.write(item, f"{name}[{i}]", depth + 1) for i, item in enumerate(value)]
            return items if isinstance(value, list) else {"tuple": items}
        if is_parameter_object(value):
            return self.write_object(value, name, depth)
        raise ModelFileError(
            f"{name} is {value!r}, which a model file cannot hold: it takes None, numbers, text, "
            "devices, lists, tuples and parameter objects of these. Set it to one of them before "
            f"saving{_advice(name)}."
        )

    def write_object(self, value: Any, name: str, depth: int = 0) -> dict[str, Any]:
        """Return a parameter object as its class name and its parameters."""
        self.classes.add(type(value))
        parameters = {
            key: self.write(item, f"{name}__{key}", depth + 1)
            for key, item in value.get_params(deep=False).items()
        }
        return {"class": type(value).__name__, "parameters": parameters}


def without_callbacks(parameters: dict[str, Any]) -> dict[str, Any]:
    """Return parameters without callbacks, which only training needs."""
    if not (callbacks := parameters.get("callbacks")):
        return parameters
    warnings.warn(
        f"The model file, which holds no code, leaves out callbacks={callbacks!r}. Set them again "
        "after loading, with set_params(callbacks=...); codes do not depend on them.",
        stacklevel=2,
    )
    return {**parameters, "callbacks": None}


def _advice(name: str) -> str:
    """What usually helps with the parameters that often hold such things."""
    parameter = name.partition("[")[0]
    return {
        "random_state": ", as in set_params(random_state=0): the codes stay the same, and sample "
        "draws from the new seed",
    }.get(parameter, "")


def read_value(
    value: Any, name: str, make: Callable[[str, dict[str, Any]], Any], depth: int = 0
) -> Any:
    """Return the value that :class:`ValueWriter` wrote.

    Parameters
    ----------
    value : JSON value
    name : str
        For messages.
    make : callable
        Makes a parameter object from a class name and parameters.

    Raises
    ------
    ModelFileError
        An unknown tag, a wrong content, or too deep a nest.
    """
    if depth > MAX_DEPTH:
        raise ModelFileError(f"{name} is nested more than {MAX_DEPTH} levels deep.")
    if isinstance(value, list):
        return [read_value(item, f"{name}[{i}]", make, depth + 1) for i, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    match value:
        case {"tuple": list(items), **rest} if not rest:
            return tuple(read_value(items, name, make, depth + 1))
        case {"float": str(text), **rest} if not rest and text in SPECIAL_FLOATS:
            return SPECIAL_FLOATS[text]
        case {"device": str(text), **rest} if not rest:
            return _read_device(text, name)
    return read_object(value, name, make, depth)


def read_object(
    value: dict[str, Any], name: str, make: Callable[[str, dict[str, Any]], Any], depth: int = 0
) -> Any:
    """Return a parameter object from its class name and its parameters.

    Raises
    ------
    ModelFileError
    """
    match value:
        case {"class": str(class_name), "parameters": dict(items), **rest} if not rest:
            parameters = {
                key: read_value(item, f"{name}__{key}", make, depth + 1)
                for key, item in items.items()
            }
            return make(class_name, parameters)
    raise ModelFileError(f"{name} holds {str(value)[:80]}, which is no value of this format.")


def _read_device(text: str, name: str) -> torch.device:
    try:
        return torch.device(text)
    except RuntimeError as error:
        raise ModelFileError(f"{name} is {text!r}, which is no device of torch.") from error


def parse_json(content: bytes) -> Any:
    """Parse JSON strictly: UTF-8, no NaN, no name twice, no number that a float cannot hold.

    Raises
    ------
    ModelFileError
    """
    try:
        return json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_without_repeats,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except RecursionError as error:
        raise ModelFileError("model.json is nested too deeply.") from error
    except ModelFileError:
        raise
    except ValueError as error:
        raise ModelFileError(f"model.json is not valid JSON: {error}.") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ModelFileError(f"model.json has the name {twice[:80]!r} twice in one object.")
    return result


def _refuse_constant(text: str) -> None:
    raise ModelFileError(f"model.json holds {text}, which is not JSON.")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ModelFileError(f"model.json holds the number {text[:20]}, which overflows.")
    return value
