"""Where codes are written: into new arrays, or into those that the user passes as ``out``."""

from typing import Any

import numpy as np

from tsdisentangle.data.codes import Codes


def array_sink(out: Any, shape: tuple[int, ...], name: str = "out", dtype: Any = np.float32) -> Any:
    """Return the user's array-like if it fits, or a new array.

    Parameters
    ----------
    out : array-like or None
        With ``shape``, ``dtype`` and assignment to slices of rows.
    shape : tuple of int
        What it must have.
    name : str, default='out'
        For the message of an error.
    dtype : dtype, default=float32
        What will be written.

    Raises
    ------
    ValueError
        Another shape, or a dtype that does not take the values.

    Examples
    --------
    >>> array_sink(None, (2, 3)).shape
    (2, 3)
    """
    if out is None:
        return np.empty(shape, dtype)
    if not hasattr(out, "__setitem__") or not hasattr(out, "dtype"):
        raise ValueError(
            f"{name} is a {type(out).__name__}; expected an array of shape {shape} that can be "
            "written to, such as a numpy memmap or a zarr array."
        )
    if tuple(out.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(out.shape)}; expected {shape}.")
    if not np.can_cast(dtype, out.dtype, "same_kind"):
        raise ValueError(
            f"{name} has dtype {out.dtype}, which does not take {np.dtype(dtype)}; make it one "
            f"of dtype {np.dtype(dtype)}."
        )
    return out


def codes_sink(out: Any, static: tuple[int, int], dynamic: tuple[int, ...], std: bool) -> Codes:
    """Codes to write to: the user's if they fit, or new ones.

    Parameters
    ----------
    out : Codes of array-likes or None
    static, dynamic : tuple of int
        Shapes ``(n, static_dim)`` and ``(n, windows, dynamic_dim)``.
    std : bool
        Whether standard deviations will be written too.

    Raises
    ------
    ValueError
        Not ``Codes``, an array that does not fit, or one too few or too many.
    """
    if out is not None and not isinstance(out, Codes):
        raise ValueError(
            f"out is a {type(out).__name__}; expected Codes(static, dynamic, lengths) of arrays "
            f"to write to, of shapes {static}, {dynamic} and {static[:1]}."
        )
    shapes = {"static": static, "dynamic": dynamic}
    if std:
        shapes |= {"static_std": static, "dynamic_std": dynamic}
    elif out is not None and (out.static_std is not None or out.dynamic_std is not None):
        raise ValueError("out has arrays for standard deviations; pass return_std=True with them.")
    if out is None:
        arrays = {name: array_sink(None, shape) for name, shape in shapes.items()}
        return Codes(**arrays, lengths=np.empty(static[0], int))
    array_sink(_given(out, "lengths"), static[:1], "out.lengths", np.int64)
    for name, shape in shapes.items():
        array_sink(_given(out, name), shape, f"out.{name}")
    return out


def _given(out: Codes, name: str) -> Any:
    array = getattr(out, name)
    if array is None:
        raise ValueError(f"out.{name} is None; pass an array to write to.")
    return array
