"""Static and dynamic codes of a panel, and the arrays that they are written to."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Codes:
    """Static and dynamic codes of a panel.

    Attributes
    ----------
    static : float32 array of shape (n, static_dim)
        One code per series.
    dynamic : float32 array of shape (n, windows, dynamic_dim)
        One code per window; zero beyond a series' last window.
    lengths : int array of shape (n,)
        Number of windows of each series, so ``dynamic[i, :lengths[i]]`` are its codes.
    static_std, dynamic_std : float32 arrays or None
        Standard deviations of the posterior, of the shapes of the codes, where asked for.
    index : Index of shape (n,) or None
        Ids of the series, where ``X`` is a DataFrame or a :class:`~tsdisentangle.Panel`: in the
        order of their first rows in ``X``, which is that of all arrays here.
    """

    static: np.ndarray
    dynamic: np.ndarray
    lengths: np.ndarray
    static_std: np.ndarray | None = None
    dynamic_std: np.ndarray | None = None
    index: pd.Index | None = None

    def mean_dynamic(self) -> np.ndarray:
        """Average of each series' dynamic codes, shape ``(n, dynamic_dim)``.

        Examples
        --------
        >>> import numpy as np
        >>> dynamic = np.array([[[1.0], [3.0]], [[5.0], [0.0]]])
        >>> Codes(np.zeros((2, 1)), dynamic, np.array([2, 1])).mean_dynamic()
        array([[2.],
               [5.]])
        """
        valid = np.arange(self.dynamic.shape[1]) < self.lengths[:, None]
        total = np.where(valid[..., None], self.dynamic, 0).sum(axis=1)
        return total / self.lengths[:, None].astype(total.dtype)

    def features(self, output: str = "both") -> np.ndarray:
        """One row of features per series: as the estimators' ``transform`` returns them.

        Parameters
        ----------
        output : {'static', 'dynamic', 'both'}, default='both'
            The static code, the dynamic codes averaged over time, or both side by side.

        Raises
        ------
        ValueError
            ``output`` is none of them.

        Examples
        --------
        >>> import numpy as np
        >>> Codes(np.zeros((2, 1)), np.ones((2, 3, 2)), np.array([3, 3])).features().shape
        (2, 3)
        """
        if output == "static":
            return self.static
        if output == "dynamic":
            return self.mean_dynamic()
        if output != "both":
            raise ValueError(f"output is {output!r}; expected 'static', 'dynamic' or 'both'.")
        return np.hstack([self.static, self.mean_dynamic()])

    def to_frame(self, output: str = "both") -> pd.DataFrame:
        """Return the :meth:`features` as a table: a row per series, under its id.

        Parameters
        ----------
        output : {'static', 'dynamic', 'both'}, default='both'
            As in :meth:`features`.

        Returns
        -------
        DataFrame of shape (n, features)
            Columns ``static0``, ..., ``dynamic0``, ...; rows numbered where series have no ids.

        Examples
        --------
        >>> import numpy as np
        >>> import pandas as pd
        >>> codes = Codes(
        ...     np.ones((2, 1)), np.zeros((2, 3, 1)), np.array([3, 3]), index=pd.Index(["b", "a"])
        ... )
        >>> codes.to_frame().loc["a"].to_dict()
        {'static0': 1.0, 'dynamic0': 0.0}
        """
        sizes = {"static": self.static.shape[1], "dynamic": self.dynamic.shape[2]}
        features = self.features(output)
        shown = sizes if output == "both" else {output: sizes[output]}
        names = [f"{name}{i}" for name, size in shown.items() for i in range(size)]
        return pd.DataFrame(features, index=self.index, columns=names)


def ids_of(panel: Any) -> pd.Index | None:
    """Ids of a checked panel's series; None of one that has none, or knows no names."""
    return getattr(panel, "index", None)


def check_out(out: Any, shape: tuple[int, ...], name: str = "out", dtype: Any = np.float32) -> Any:
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
    >>> check_out(None, (2, 3)).shape
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


def check_out_codes(
    out: Any, static: tuple[int, int], dynamic: tuple[int, ...], std: bool
) -> Codes:
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
        arrays = {name: check_out(None, shape) for name, shape in shapes.items()}
        return Codes(**arrays, lengths=np.empty(static[0], int))
    check_out(_given(out, "lengths"), static[:1], "out.lengths", np.int64)
    for name, shape in shapes.items():
        check_out(_given(out, name), shape, f"out.{name}")
    return out


def _given(out: Codes, name: str) -> Any:
    array = getattr(out, name)
    if array is None:
        raise ValueError(f"out.{name} is None; pass an array to write to.")
    return array
