"""Scalers, and the format of clips, as what stands in a file."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

from tsdisentangle.data.clips import ClipFormat
from tsdisentangle.data.scaling import ChannelScaler, IndicatingScaler
from tsdisentangle.persistence.archive import ModelFileError
from tsdisentangle.persistence.document import get_field, refuse_unknown_fields

LIKELIHOODS_OF_MARKS = ("bernoulli", "gaussian")
SCALERS = {cls.__name__: cls for cls in (ChannelScaler, IndicatingScaler)}
SERIES_DTYPES = ("float32", "float64")
CLIP_FORMATS = {"ClipFormat", "FrameForm"}  # names that the class has in files, now and formerly
CLIP_DTYPES = {"|u1", "<f2", ">f2", "<f4", ">f4", "<f8", ">f8"}


def write_scaler(scaler: Any) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Return a scaler, or the format of clips, as JSON and arrays.

    Raises
    ------
    ModelFileError
        Of another class, or clips of a dtype that other machines do not have.
    """
    name = type(scaler).__name__
    if type(scaler) is SCALERS.get(name):
        arrays = {"mean": scaler.mean, "scale": scaler.scale}
        fields = {key: value for key, value in vars(scaler).items() if key not in arrays}
        return {"class": name, **fields, "dtype": scaler.dtype.name}, {
            key: torch.as_tensor(array) for key, array in arrays.items()
        }
    if type(scaler) is ClipFormat and scaler.dtype.str in CLIP_DTYPES:
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
    name = get_field(fields, "class", str)
    if name in CLIP_FORMATS:
        return _read_clip_format(fields, arrays, n_channels)
    options: dict[str, Any] = {
        "dtype": np.dtype(_read_choice(fields, "dtype", "float32", SERIES_DTYPES))
    }
    if name == IndicatingScaler.__name__:
        options["marks"] = _read_choice(fields, "marks", "gaussian", LIKELIHOODS_OF_MARKS)
    refuse_unknown_fields(fields, {"class", *options}, "scaler")
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
    return SCALERS[name](arrays["mean"].numpy(), arrays["scale"].numpy(), **options)


def _read_choice(fields: dict[str, Any], name: str, former: str, known: tuple[str, ...]) -> str:
    """Return a field of few values; ``former`` is what files mean that do not say it."""
    value = get_field({name: former, **fields}, name, str)
    if value not in known:
        raise ModelFileError(f"scaler.{name} is {value[:80]!r}; expected one of {known}.")
    return value


def _read_clip_format(
    fields: dict[str, Any], arrays: dict[str, Tensor], n_channels: int
) -> ClipFormat:
    known = {"class", "size", "channels", "channels_last", "dtype"}
    refuse_unknown_fields(fields, known, "scaler")
    size, channels = get_field(fields, "size", int), get_field(fields, "channels", int)
    dtype = get_field(fields, "dtype", str)
    if size < 1 or channels != n_channels or dtype not in CLIP_DTYPES or arrays:
        raise ModelFileError(f"scaler is no format of clips with {n_channels} colours: {fields}.")
    channels_last = get_field(fields, "channels_last", bool)
    return ClipFormat(size, channels, channels_last, np.dtype(dtype))
