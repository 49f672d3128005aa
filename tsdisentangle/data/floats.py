"""What a container holds, as floats; what holds no numbers is refused."""

import datetime as dt
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

ACCEPTED = (
    "a 2-D array (n, time), a 3-D array (n, time, channel), a list of arrays (time_i, channel), "
    "a DataFrame with a two-level index (series, time), or a Panel"
)
DATES = (dt.date, dt.time, dt.timedelta, np.datetime64, np.timedelta64, pd.Period)
SERIES_IN_CELLS = (np.ndarray, list, tuple, pd.Series, pd.DataFrame)


def float_dtype(dtype: Any) -> np.dtype:
    """Return float32 for numbers that it holds exactly, float64 for all others.

    Examples
    --------
    >>> [str(float_dtype(kind)) for kind in ("f2", ">f4", "i2", "i4", "f8", object)]
    ['float32', 'float32', 'float32', 'float64', 'float64', 'float64']
    """
    exact = np.can_cast(np.dtype(dtype), np.float32)
    return np.dtype(np.float32 if exact else np.float64)


def as_floats(X: Any, where: str = "") -> np.ndarray:
    """Return the numbers of a container, NaN where missing.

    Parameters
    ----------
    X : array, masked array, tensor, frame, column or nested list
    where : str, default=''
        Where it stands in the user's panel, for errors, such as ' in series 3'.

    Returns
    -------
    float32 or float64 array of any rank
        Of the precision of ``X``; its own memory where that is possible.

    Raises
    ------
    ValueError
        Dates, durations, periods, text, complex numbers, or a container of another kind.
    TypeError
        Objects that are no numbers, in an array of objects, as scikit-learn's estimators do.

    Examples
    --------
    >>> as_floats([[1, None], [3, 4]]).tolist()
    [[1.0, nan], [3.0, 4.0]]
    """
    array = X if type(X) is np.ndarray else _to_numpy(X, where)
    if array.dtype.kind in "mM":
        raise _dates(array.dtype, where)
    if array.dtype.kind == "O":
        array = _from_objects(array, where)
    elif array.dtype.kind == "c":
        raise ValueError(f"Complex data not supported: X holds {array.dtype}{where}. {_HINT}")
    elif array.dtype.kind not in "fiub":
        raise _text(f"dtype {array.dtype}", where)
    return array.astype(float_dtype(array.dtype), copy=False)


_HINT = "Convert the values to floats, or leave them out."
_TABLE = "tsdisentangle.Panel.from_long(df, id=..., time=...)"


def _dates(kind: Any, where: str) -> ValueError:
    return ValueError(
        f"X holds dates or durations ({kind}){where}; expected numbers. Subtract a date and divide "
        f"by a unit, or leave them out. A table with a column of times: {_TABLE}."
    )


def _text(kind: str, where: str) -> ValueError:
    return ValueError(
        f"X holds text or records ({kind}){where}: could not convert them; expected numbers. "
        f"{_HINT} A table with a column of names: {_TABLE}."
    )


def _to_numpy(X: Any, where: str) -> np.ndarray:
    """Array of whatever dtype."""
    refuse_other_containers(X, where)
    for kind in _column_types(X):
        if _is_of_time(kind):
            raise _dates(kind, where)
    if isinstance(X, np.ma.MaskedArray):  # what lies under the mask is not read
        if X.dtype.kind not in "fiub":
            return np.ma.getdata(X)
        return np.ma.filled(X.astype(float_dtype(X.dtype)), np.nan)
    if hasattr(X, "detach"):
        return tensor_to_numpy(X)
    if isinstance(X, pd.DataFrame | pd.Series):
        return _pandas_to_numpy(X)
    try:
        return np.asarray(X)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"X holds a {type(X).__name__}{where} that makes no array ({error}); expected "
            f"{ACCEPTED}."
        ) from error


def tensor_to_numpy(X: Any) -> np.ndarray:
    """Return a tensor's values, without its gradient, from whatever device."""
    X = X.detach().cpu()
    try:
        return X.numpy()
    except TypeError:  # bfloat16, which numpy lacks
        return X.float().numpy()


def _column_types(X: Any) -> list[Any]:
    """Dtypes of the columns of a frame, or that of a column."""
    if hasattr(X, "dtypes") and hasattr(X, "columns"):
        return list(X.dtypes)
    return [X.dtype] if hasattr(X, "dtype") else []


def _is_of_time(kind: Any) -> bool:
    if isinstance(kind, pd.PeriodDtype) or getattr(kind, "kind", None) in ("m", "M"):
        return True
    return hasattr(kind, "is_temporal") and kind.is_temporal()  # of polars


def _pandas_to_numpy(X: pd.DataFrame | pd.Series) -> np.ndarray:
    kinds = _column_types(X)
    if not any(isinstance(kind, pd.api.extensions.ExtensionDtype) for kind in kinds):
        return X.to_numpy()
    if not all(kind.kind in "fiub" for kind in kinds):
        return X.to_numpy(dtype=object)
    plain = [float_dtype(numpy_dtype(kind)) for kind in kinds]
    return X.to_numpy(dtype=np.result_type(*plain), na_value=np.nan)


def numpy_dtype(kind: Any) -> np.dtype:
    """Return the dtype of numpy's beneath a column's, which may be nullable, sparse or Arrow's.

    Examples
    --------
    >>> numpy_dtype(pd.Float32Dtype()), numpy_dtype(np.dtype("i2"))
    (dtype('float32'), dtype('int16'))
    """
    return np.dtype(getattr(kind, "numpy_dtype", getattr(kind, "subtype", kind)))


def _from_objects(array: np.ndarray, where: str) -> np.ndarray:
    """Floats of an array of objects."""
    for kind in {type(value) for value in array.ravel()}:
        if issubclass(kind, DATES):
            raise _dates(kind.__name__, where)
        if issubclass(kind, str | bytes):
            raise _text(kind.__name__, where)
        if issubclass(kind, SERIES_IN_CELLS):
            raise ValueError(_series_in_cells(array, kind, where))
    try:
        return np.where(pd.isna(array), np.nan, array).astype(np.float64)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"X holds objects{where} that are no numbers: {error}. Expected {ACCEPTED}."
        ) from error


def _series_in_cells(array: np.ndarray, kind: type, where: str) -> str:
    if array.ndim == 1:
        line = "If each is a series, pass list(X)."
    else:
        line = "A nested frame of sktime: sktime.datatypes.convert_to(X, 'pd-multiindex')."
    return (
        f"X holds objects of type {kind.__name__}{where} in place of numbers, in an array of shape "
        f"{array.shape}; expected {ACCEPTED}. {line}"
    )


def refuse_other_containers(X: Any, where: str = "") -> None:
    """Refuse what holds series in a form that is not read, with the line that makes one of it.

    Raises
    ------
    ValueError
    """
    line = _line_for(X, "x" if where else "X")
    if line is not None:
        found = f"X holds a {type(X).__name__}{where}" if where else f"X is a {type(X).__name__}"
        raise ValueError(f"{found}; expected {ACCEPTED}. Pass {line}.")


def _line_for(X: Any, name: str) -> str | None:
    if isinstance(X, dict) and not hasattr(X, "tocsr"):
        return f"list({name}.values()), if each value is a series"
    if hasattr(X, "tocsr"):  # of some formats, a dict
        return f"{name}.toarray(): sparse data are not read"
    if hasattr(X, "column_names") and hasattr(X, "to_pandas"):  # an Arrow table
        return f"{name}.to_pandas(), with its index set to (series, time)"
    for method in ("collect", "compute"):  # lazy frames and arrays
        if hasattr(X, method):
            return f"{name}.{method}()"
    plain = hasattr(X, "__array__") or hasattr(X, "__getitem__")
    return f"list({name})" if isinstance(X, Iterable) and not plain else None
