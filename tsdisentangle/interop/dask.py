"""Encoding in many processes, on one machine or many: lazy codes of dask's arrays and frames."""

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import check_is_fitted

from tsdisentangle.base import SequenceDisentangler
from tsdisentangle.data.codes import Codes
from tsdisentangle.data.windows import count_windows
from tsdisentangle.training.input import check_input

try:
    import dask.array as da
    import dask.dataframe as dd
    from dask import delayed
except ImportError as error:
    raise ImportError(
        "tsdisentangle.interop.dask needs dask: pip install 'tsdisentangle[dask]'."
    ) from error


def transform(estimator: SequenceDisentangler, X: Any, *, time: str = "time") -> Any:
    """Lazy ``estimator.transform``, a chunk or partition at a time.

    The estimator is a task of its own, so each worker gets it once. What is wrong with the values
    (NaN, inf) is raised when they are computed, and names the series by its number in its chunk.

    Parameters
    ----------
    estimator : SequenceDisentangler
        Fitted.
    X : dask array or dask DataFrame
        An array as ``transform`` takes it, chunked along the series; its other axes are joined to
        one chunk. A frame has a row per step: the index names the series, a column the time, all
        others are the channels. Its divisions are known, as ``X.set_index(series)`` makes them,
        so that a series lies in one partition.
    time : str, default='time'
        The frame's column of time.

    Returns
    -------
    dask array of shape (n, features) or dask DataFrame
        Chunks or partitions as those of ``X``. A frame has a row per series, under its name.

    Raises
    ------
    TypeError
        ``X`` is neither.
    ValueError
        Bad form, chunks of unknown size, or unknown divisions; when computed, bad values or a
        series in two partitions.
    NotFittedError

    Examples
    --------
    >>> import dask.array as da
    >>> from tsdisentangle import StaticDynamicVAE, make_static_dynamic
    >>> from tsdisentangle.interop.dask import transform
    >>> X = make_static_dynamic(60, random_state=0).data
    >>> estimator = StaticDynamicVAE(max_epochs=1, random_state=0).fit(X)
    >>> features = transform(estimator, da.from_array(X, chunks=(25, -1, -1)))
    >>> features.chunks
    ((25, 25, 10), (48,))
    >>> features[:30].mean(axis=0).compute().shape
    (48,)
    """
    check_is_fitted(estimator)
    names = estimator.get_feature_names_out()
    if isinstance(X, dd.DataFrame):
        return _transform_frame(estimator, X, time, names)
    rows, blocks = _blocks(estimator, X)
    model = delayed(estimator, traverse=False)
    parts = [delayed(_transform)(model, block, len(names)) for block in blocks]
    return _stack(parts, [(n, len(names)) for n in rows], np.float32)


def encode(estimator: SequenceDisentangler, X: Any, *, return_std: bool = False) -> Codes:
    """Lazy ``estimator.encode``, a chunk at a time.

    Parameters
    ----------
    estimator : SequenceDisentangler
        Fitted.
    X : dask array
        As in :func:`transform`.
    return_std : bool, default=False
        Also return the posterior standard deviations.

    Returns
    -------
    Codes
        Of dask arrays. Compute those that are wanted at once, ``dask.compute(codes.static,
        codes.dynamic)``: their chunks are encoded together.

    Raises
    ------
    TypeError
        ``X`` is no dask array.
    ValueError
        Bad form or chunks of unknown size; when computed, bad values.
    NotFittedError

    Examples
    --------
    >>> import dask.array as da
    >>> from tsdisentangle import StaticDynamicVAE, make_static_dynamic
    >>> from tsdisentangle.interop.dask import encode
    >>> X = make_static_dynamic(60, random_state=0).data
    >>> estimator = StaticDynamicVAE(max_epochs=1, random_state=0).fit(X)
    >>> codes = encode(estimator, da.from_array(X, chunks=(25, -1, -1)))
    >>> codes.dynamic.chunks
    ((25, 25, 10), (24,), (24,))
    """
    check_is_fitted(estimator)
    rows, blocks = _blocks(estimator, X)
    network = estimator.net_.module_
    windows = int(count_windows(X.shape[1], estimator.window_))
    shapes = {"static": (network.static_dim,), "dynamic": (windows, network.dynamic_dim)}
    shapes |= {"lengths": ()}
    if return_std:
        shapes |= {"static_std": shapes["static"], "dynamic_std": shapes["dynamic"]}
    model = delayed(estimator, traverse=False)
    parts = [delayed(_encode)(model, block, return_std, shapes) for block in blocks]

    def joined(name: str) -> Any:
        kind = np.int64 if name == "lengths" else np.float32
        pieces = [delayed(getattr)(part, name) for part in parts]
        return _stack(pieces, [(n, *shapes[name]) for n in rows], kind)

    return Codes(**{name: joined(name) for name in shapes})


# -- arrays -------------------------------------------------------------------------------------


def _blocks(estimator: SequenceDisentangler, X: Any) -> tuple[tuple[int, ...], list[Any]]:
    """Series of each chunk, and the chunks as delayed arrays."""
    if not isinstance(X, da.Array):
        hint = " encode needs an array; a frame goes to transform." if _is_frame(X) else ""
        raise TypeError(f"X is a {type(X).__name__}; expected a dask array.{hint}")
    if np.isnan(X.shape).any():
        raise ValueError(
            f"X has chunks of unknown size, shape {X.shape}; call X.compute_chunk_sizes() first."
        )
    # Wrong axes or channels raise now, on a series of zeros, and not on a worker later.
    check_input(estimator, np.zeros((1, *X.shape[1:]), X.dtype))
    whole = X.rechunk(dict.fromkeys(range(1, X.ndim), -1))
    return whole.chunks[0], list(whole.to_delayed().ravel())


def _is_frame(X: Any) -> bool:
    return hasattr(X, "columns")


def _stack(parts: list[Any], shapes: list[tuple[int, ...]], dtype: Any) -> Any:
    pairs = zip(parts, shapes, strict=True)
    return da.concatenate([da.from_delayed(part, shape, dtype) for part, shape in pairs])


def _transform(estimator: SequenceDisentangler, X: np.ndarray, features: int) -> np.ndarray:
    """Transform a chunk; selections leave chunks without a series."""
    return estimator.transform(X) if len(X) else np.empty((0, features), np.float32)


def _encode(
    estimator: SequenceDisentangler,
    X: np.ndarray,
    return_std: bool,
    shapes: dict[str, tuple[int, ...]],
) -> Codes:
    if len(X):
        return estimator.encode(X, return_std=return_std)
    empty: Any = {name: np.empty((0, *shape), np.float32) for name, shape in shapes.items()}
    return Codes(**empty)


# -- frames -------------------------------------------------------------------------------------


def _transform_frame(estimator: SequenceDisentangler, X: Any, time: str, names: np.ndarray) -> Any:
    if time not in X.columns:
        raise ValueError(
            f"X has the columns {list(X.columns)}; expected one of time, {time!r}. Name it with "
            "time=."
        )
    if not X.known_divisions:
        raise ValueError(
            "X has unknown divisions, so a series may lie in several partitions. Make its index "
            "the series, sorted: X.set_index(series)."
        )
    channels = X.columns.drop(time)
    place = pd.MultiIndex.from_tuples([(0, 0)])
    check_input(estimator, pd.DataFrame(0.0, index=place, columns=channels))
    meta = pd.DataFrame(columns=names, dtype=np.float32, index=X._meta.index[:0])
    model, ends = delayed(estimator, traverse=False), X.divisions
    parts = [
        delayed(_transform_part)(model, part, time, meta, limits, limits[1] == ends[-1])
        for part, limits in zip(X.to_delayed(), pairwise(ends), strict=True)
    ]
    return dd.from_delayed(parts, meta=meta, divisions=ends, verify_meta=False)


def _transform_part(
    estimator: SequenceDisentangler,
    part: pd.DataFrame,
    time: str,
    meta: pd.DataFrame,
    limits: tuple[Any, Any],
    is_last: bool,
) -> pd.DataFrame:
    """Transform the series of a partition, and refuse one that another partition may hold too."""
    if part.empty:
        return meta
    series = part.index
    first, last = series.min(), series.max()
    if first < limits[0] or last > limits[1] or (last == limits[1] and not is_last):
        raise ValueError(
            f"A partition holds the series {first!r} to {last!r}, but its divisions are "
            f"{limits[0]!r} to {limits[1]!r}: a series may lie in two partitions. Make divisions "
            "that hold: X.set_index(series)."
        )
    features = estimator.transform(part.set_index(time, append=True))
    return pd.DataFrame(features, index=series.unique(), columns=meta.columns)
