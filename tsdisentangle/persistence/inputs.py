"""The scaler or form of frames, and the random generator, as JSON with arrays beside."""

import math
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from torch import Tensor

from tsdisentangle.data.clips import ClipFormat
from tsdisentangle.data.scaling import ChannelScaler, IndicatingScaler
from tsdisentangle.persistence.archive import ModelFileError
from tsdisentangle.persistence.document import get, refuse_others

SCALERS = {cls.__name__: cls for cls in (ChannelScaler, IndicatingScaler)}
FRAME_DTYPES = {"|u1", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8"}
ENGINE = "MT19937"  # numpy's generator behind RandomState
ENGINE_WORDS = 624


def write_scaler(scaler: Any) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a scaler, or the form of frames, as JSON and arrays.

    Raises
    ------
    ModelFileError
        Of another class, or frames of a dtype that other machines do not have.
    """
    name = type(scaler).__name__
    if type(scaler) is SCALERS.get(name):
        arrays = {"mean": scaler.mean, "scale": scaler.scale}
        return {"class": name}, {key: torch.as_tensor(array) for key, array in arrays.items()}
    if type(scaler) is ClipFormat and scaler.dtype.str in FRAME_DTYPES:
        return {"class": name, **vars(scaler), "dtype": scaler.dtype.str}, {}
    raise ModelFileError(f"A model file cannot hold the scaler {scaler!r}.")


def read_scaler(
    fields: dict[str, Any], arrays: dict[str, Tensor], n_channels: int
) -> ChannelScaler | ClipFormat:
    """Return what :func:`write_scaler` wrote.

    Raises
    ------
    ModelFileError
    """
    name = get(fields, "class", str)
    if name in (ClipFormat.__name__, "FrameForm"):  # its name in older files
        return _read_form(fields, arrays, n_channels)
    refuse_others(fields, {"class"}, "scaler")
    if name not in SCALERS or set(arrays) != {"mean", "scale"}:
        raise ModelFileError(f"The scaler {name[:80]!r} does not exist, or lacks mean and scale.")
    for key, array in arrays.items():
        if array.shape != (n_channels,) or array.dtype != torch.float64:
            raise ModelFileError(
                f"scaler.{key} has shape {tuple(array.shape)} and {array.dtype}; expected "
                f"({n_channels},) and torch.float64."
            )
        if not torch.isfinite(array).all():
            raise ModelFileError(f"scaler.{key} holds NaN or infinite values.")
    if not (arrays["scale"] > 0).all():
        raise ModelFileError("scaler.scale holds values that are not above 0.")
    return SCALERS[name](arrays["mean"].numpy(), arrays["scale"].numpy())


def _read_form(fields: dict[str, Any], arrays: dict[str, Tensor], n_channels: int) -> ClipFormat:
    refuse_others(fields, {"class", "size", "channels", "channels_last", "dtype"}, "scaler")
    size, channels = get(fields, "size", int), get(fields, "channels", int)
    dtype = get(fields, "dtype", str)
    if size < 1 or channels != n_channels or dtype not in FRAME_DTYPES or arrays:
        raise ModelFileError(f"scaler is no form of frames with {n_channels} colours: {fields}.")
    return ClipFormat(size, channels, get(fields, "channels_last", bool), np.dtype(dtype))


def write_generator(
    generator: np.random.RandomState,
) -> tuple[dict[str, Any] | None, dict[str, Tensor]]:
    """Return the position of a random generator; None for numpy's global one.

    Raises
    ------
    ModelFileError
        A generator of another kind than numpy's default for ``RandomState``.
    """
    if generator is check_random_state(None):
        return None, {}
    state: Any = generator.get_state(legacy=False)
    if state["bit_generator"] != ENGINE:
        raise ModelFileError(
            f"random_state_ is a generator of the kind {state['bit_generator']}; a model file "
            "holds RandomState's own only. Fit with an int as random_state."
        )
    fields = {
        "position": int(state["state"]["pos"]),
        "has_gauss": int(state["has_gauss"]),
        "gauss": float(state["gauss"]),
    }
    return fields, {"key": torch.as_tensor(state["state"]["key"].astype(np.int64))}


def read_generator(
    fields: dict[str, Any] | None, arrays: dict[str, Tensor]
) -> np.random.RandomState:
    """Return what :func:`write_generator` wrote.

    Raises
    ------
    ModelFileError
    """
    if fields is None and not arrays:
        return check_random_state(None)
    refuse_others(fields or {}, {"position", "has_gauss", "gauss"}, "generator")
    position, has_gauss = get(fields or {}, "position", int), get(fields or {}, "has_gauss", int)
    gauss, key = get(fields or {}, "gauss", float), arrays.get("key")
    # Numpy itself checks neither, and would read memory behind the key.
    if not (0 <= position <= ENGINE_WORDS and has_gauss in (0, 1) and math.isfinite(gauss)):
        raise ModelFileError(f"generator is {fields}, no position of a random generator.")
    if key is None or key.shape != (ENGINE_WORDS,) or key.dtype != torch.int64:
        raise ModelFileError(f"generator.key is not {ENGINE_WORDS} integers.")
    if key.min() < 0 or key.max() >= 2**32 or not key.any():
        raise ModelFileError("generator.key holds integers that no random generator has.")
    generator = check_random_state(0)
    words = key.numpy().astype(np.uint32)
    generator.set_state((ENGINE, words, position, has_gauss, gauss))
    return generator
