"""The way back: values in the container, the dtypes and with the names of the user's own."""

from typing import Any

import numpy as np
import pandas as pd

from tsdisentangle.data.floats import as_floats, numpy_dtype, tensor_to_numpy


def in_form_of(X: Any, values: np.ndarray, observed: np.ndarray | None = None) -> Any:
    """Return values in the container of ``X``, or ``X`` with its missing values replaced.

    Floats keep their dtype. All others become float64 (``Float64`` if they are nullable) where
    predicted values enter them, which rounds integers beyond 2**53; an array or column of which
    nothing was missing stays as it is.

    Parameters
    ----------
    X : array, masked array, tensor, frame, column or nested list
    values : float array of the shape of ``X``
    observed : bool array of the shape of ``X``, default=None
        Where the values of ``X`` itself are wanted.

    Returns
    -------
    container
        Of the type of ``X``, with its names and index; an array for a nested list. Never the memory
        of ``X``, perhaps that of ``values``.

    Examples
    --------
    >>> X = pd.DataFrame({"pulse": pd.array([80, None], dtype="Int64"), "steps": [3, 4]})
    >>> values = np.array([[80.25, 3.5], [60.75, 4.5]])
    >>> in_form_of(X, values, X.notna().to_numpy())
       pulse  steps
    0   80.0      3
    1  60.75      4
    """
    if isinstance(X, pd.DataFrame):
        return _frame(X, values, observed)
    if isinstance(X, pd.Series):
        return _column(X, values, observed)
    if hasattr(X, "columns"):
        return _polars_frame(X, values, observed)
    if hasattr(X, "new_tensor"):
        return _tensor(X, values, observed)
    own = X if isinstance(X, np.ndarray) else np.asarray(as_floats(X))
    result = _array(own, values, observed)
    return np.ma.array(result) if isinstance(X, np.ma.MaskedArray) else result


def cast(values: np.ndarray, dtype: Any) -> np.ndarray:
    """Return predicted values in another dtype of floats; its largest number if they are beyond.

    Examples
    --------
    >>> cast(np.array([1.0, 1e6, np.nan]), np.float16).tolist()
    [1.0, 65504.0, nan]
    """
    if not np.can_cast(values.dtype, dtype):
        limits = np.finfo(dtype)
        # As Python floats: numpy's of a small dtype would make the result one of it, too early.
        values = np.clip(values, float(limits.min), float(limits.max))
    return values.astype(dtype, copy=False)


def _merge(X: Any, values: np.ndarray, observed: np.ndarray | None) -> np.ndarray:
    return values if observed is None else np.where(observed, as_floats(X), values)


def _array(X: np.ndarray, values: np.ndarray, observed: np.ndarray | None) -> np.ndarray:
    if observed is not None and observed.all():
        return np.array(X)
    result = cast(values, X.dtype if X.dtype.kind == "f" else np.float64)
    if observed is None:
        return result
    result = result.copy()
    result[observed] = np.asarray(X)[observed]
    return result


def _tensor(X: Any, values: np.ndarray, observed: np.ndarray | None) -> Any:
    if observed is not None and observed.all():
        return X.detach().clone()
    own = X.detach() if X.is_floating_point() else X.detach().double()
    return own.new_tensor(_array(tensor_to_numpy(own), values, observed))


def _column(X: pd.Series, values: np.ndarray, observed: np.ndarray | None) -> pd.Series:
    if observed is not None and observed.all():
        return X.copy()
    nullable = isinstance(X.dtype, pd.api.extensions.ExtensionDtype)
    dtype = X.dtype if X.dtype.kind == "f" else "Float64" if nullable else np.dtype(np.float64)
    plain = numpy_dtype(X.dtype) if X.dtype.kind == "f" else np.float64
    filled = cast(_merge(X, values, observed), plain)
    return pd.Series(filled, index=X.index, name=X.name, dtype=dtype)


def _frame(X: pd.DataFrame, values: np.ndarray, observed: np.ndarray | None) -> pd.DataFrame:
    kinds = set(X.dtypes)
    if len(kinds) == 1 and isinstance(kind := kinds.pop(), np.dtype) and kind.kind == "f":
        array = _array(X.to_numpy(), values, observed)
        return pd.DataFrame(array, index=X.index, columns=X.columns)
    columns = {
        j: _column(X.iloc[:, j], values[:, j], None if observed is None else observed[:, j])
        for j in range(X.shape[1])
    }
    return pd.DataFrame(columns, index=X.index).set_axis(X.columns, axis=1)


def _polars_frame(X: Any, values: np.ndarray, observed: np.ndarray | None) -> Any:
    filled = _merge(X, values, observed)
    result = type(X)(dict(zip(X.columns, filled.T.astype(np.float64), strict=True)))
    result = result.cast({name: kind for name, kind in X.schema.items() if kind.is_float()})
    if observed is None:
        return result
    whole = [name for name, seen in zip(X.columns, observed.T, strict=True) if seen.all()]
    return result.with_columns([X[name] for name in whole])
