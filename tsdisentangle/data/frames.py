"""The user's panel of series with ids, as it goes through splits and pipelines."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np
import pandas as pd

from tsdisentangle.data.layout import Layout, as_times
from tsdisentangle.data.regrid import regrid


class Panel:
    """Series with ids, times and channels: a sequence of series, and taken wherever ``X`` is.

    Its length is the number of series, and rows of it are series, so that scikit-learn's splitters
    and searches keep every series whole. A frame in long form, in contrast, is split by time steps.

    Parameters
    ----------
    X : DataFrame
        A row per step. The last level of its index is the time, those before it name the series.
        See :meth:`from_long` for a frame with columns of ids and times.

    Attributes
    ----------
    index : Index of shape (n,)
        Id of each series, in the order of their first rows in ``X``; a ``MultiIndex`` where
        several levels name a series.
    steps : int array of shape (n,)
        Steps of each series.
    channels : list
        Names of the columns.
    shape : tuple
        ``(n,)``.

    Raises
    ------
    ValueError
        Not such a frame, a missing id or time, text whose order is not that of time, swapped
        levels, or a step that stands twice.

    Examples
    --------
    >>> import pandas as pd
    >>> from tsdisentangle import Panel
    >>> index = pd.MultiIndex.from_product([["b", "a", "c"], range(4)], names=["machine", "hour"])
    >>> panel = Panel(pd.DataFrame({"load": range(12)}, index=index))
    >>> panel
    Panel(3 series of 4 steps; 'load')
    >>> panel[[2, 0]].index.tolist(), panel[panel.index != "a"].index.tolist()
    (['c', 'b'], ['b', 'c'])
    >>> panel[1]["load"].tolist()
    [4, 5, 6, 7]
    """

    def __init__(self, X: pd.DataFrame):
        if not isinstance(X, pd.DataFrame) or not isinstance(X.index, pd.MultiIndex):
            raise ValueError(
                f"X is a {type(X).__name__} without an index of (series, time); pass such a frame, "
                "or Panel.from_long(df, id=..., time=...) for columns of ids and times."
            )
        if not len(X):
            raise ValueError("X is an empty frame: 0 series; expected at least one.")
        layout = Layout.of(X.index)
        self._set(X.iloc[layout.order], layout.ids, np.bincount(layout.owner))

    @classmethod
    def from_long(
        cls,
        df: pd.DataFrame,
        *,
        id: str | Sequence[str],
        time: str,
        channels: Sequence[str] | None = None,
        freq: Any = None,
    ) -> Self:
        """Make a panel of a table with a row per series and time, as ``read_csv`` returns it.

        Parameters
        ----------
        df : DataFrame
        id : str or list of str
            Column, or columns, that name the series.
        time : str
            Column of dates, numbers or durations. Text that is a date of ISO 8601 is read as such.
        channels : list of str, default=None
            Columns of values; None for all others.
        freq : str, offset, timedelta or number, default=None
            Length of a step: a frequency of pandas ('15min', 'h', 'D', 'B', 'MS'), or a number
            where the times are numbers. Each series goes from its first to its last step; rows
            within one step are averaged, and steps without a row are NaN, which the estimators
            take with ``missing='mask'``. The time of a step is its start. None: every row is a
            step, whatever lies between it and the next one.

        Returns
        -------
        Panel
            Series in the order of their first rows.

        Raises
        ------
        ValueError
            A column that is not there or holds no numbers, a missing id or time, text whose order
            is not that of time, a time that stands twice (without ``freq``), or a frequency that
            does not fit.

        Examples
        --------
        >>> import pandas as pd
        >>> from tsdisentangle import Panel
        >>> df = pd.DataFrame(
        ...     {
        ...         "machine": ["m1", "m1", "m0"],
        ...         "time": ["2024-01-01", "2024-01-03", "2024-01-02"],
        ...         "load": [1.0, 3.0, 2.0],
        ...     }
        ... )
        >>> panel = Panel.from_long(df, id="machine", time="time", freq="D")
        >>> panel.index.tolist(), panel.steps, panel[0]["load"].tolist()
        (['m1', 'm0'], array([3, 1]), [1.0, nan, 3.0])
        """
        if not isinstance(df, pd.DataFrame) or not len(df):
            size = "empty frame" if isinstance(df, pd.DataFrame) else type(df).__name__
            raise ValueError(f"df is an {size}; expected a pandas DataFrame of at least one row.")
        names = [id] if isinstance(id, str) or not isinstance(id, Sequence) else list(id)
        chosen = _choose_channels(df, [*names, time], channels)
        _refuse_missing(df, [*names, time])
        times = as_times(df[time], time)
        values = df[chosen].reset_index(drop=True)
        ids = pd.MultiIndex.from_frame(df[names]) if len(names) > 1 else pd.Index(df[names[0]])
        if freq is not None:
            owner, ids = pd.factorize(ids)
            dense = values.to_numpy(_float_dtype(values), na_value=np.nan)
            dense, owner, times = regrid(dense, owner, times, freq)
            values, ids = pd.DataFrame(dense, columns=chosen), ids.take(owner)
        levels = [ids.get_level_values(i) for i in range(ids.nlevels)]
        values.index = pd.MultiIndex.from_arrays([*levels, times], names=[*names, time])
        return cls(values)

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, rows: Any) -> Any:
        """Return one series for an int, as a frame of (time, channel), else a panel of some."""
        if isinstance(rows, tuple) and len(rows) == 2 and rows[1] is Ellipsis:  # scikit-learn's
            rows = rows[0]
        picked = _pick(rows, self.index)
        if np.ndim(picked) == 0:
            one = self._frame.iloc[self._starts[picked] : self._starts[picked] + self.steps[picked]]
            return one.set_axis(one.index.get_level_values(-1))
        steps = self.steps[picked]
        within = np.arange(steps.sum()) - np.repeat(np.cumsum(steps) - steps, steps)
        places = np.repeat(self._starts[picked], steps) + within
        return self._like(self._frame.iloc[places], self.index[picked], steps)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return (self[i] for i in range(len(self)))

    def __repr__(self) -> str:
        low, high = (int(f(self.steps)) if len(self) else 0 for f in (np.min, np.max))
        steps = f"{low} to {high}" if low < high else f"{high}"
        names = ", ".join([*map(repr, self.channels[:4]), *["..."] * (len(self.channels) > 4)])
        return f"Panel({len(self)} series of {steps} steps; {names})"

    def to_frame(self) -> pd.DataFrame:
        """Return the steps as a frame whose index is (series, time), sorted by time."""
        return self._frame.copy()

    def _like(self, frame: pd.DataFrame, index: pd.Index, steps: np.ndarray) -> "Panel":
        panel = object.__new__(type(self))
        panel._set(frame, index, steps)
        return panel

    def _set(self, frame: pd.DataFrame, index: pd.Index, steps: np.ndarray) -> None:
        self._frame, self.index, self.steps = frame, index, steps
        self._starts = np.cumsum(steps) - steps
        self.channels = list(frame.columns)
        self.shape = (len(index),)


def layout_of(X: "Panel | pd.DataFrame") -> Layout:
    """Which row of a panel's frame, or of one in long form, is which series'."""
    if isinstance(X, pd.DataFrame):
        assert isinstance(X.index, pd.MultiIndex)
        return Layout.of(X.index)
    owner = np.repeat(np.arange(len(X)), X.steps)
    return Layout(X.index, owner, np.arange(len(owner)))


def panel_restorer(panel: Panel, restore: Callable[..., pd.DataFrame]) -> Callable[..., Panel]:
    """Make of a function that returns frames of a panel's rows one that returns panels."""
    return lambda *values: panel._like(restore(*values), panel.index, panel.steps)


def series_ids(X: Any) -> pd.Index | None:
    """Ids of the series of any ``X``, in the order of its codes; None where they have no names.

    Examples
    --------
    >>> series_ids(pd.DataFrame({"step0": [1.0, 2.0]}, index=["p2", "p1"])).tolist()
    ['p2', 'p1']
    """
    if isinstance(X, Panel):
        return X.index
    if not isinstance(X, pd.DataFrame):
        return None
    if isinstance(X.index, pd.MultiIndex):
        return X.index.droplevel(-1).unique()
    return None if is_default(X.index) else X.index


def is_default(index: pd.Index) -> bool:
    """Whether an index is the one that pandas makes where nobody gave one."""
    return isinstance(index, pd.RangeIndex) and (index.start, index.step) == (0, 1)


def _pick(rows: Any, index: pd.Index) -> Any:
    """Numbers of series, of all forms that an array is indexed with; one of an int."""
    n = len(index)
    if isinstance(rows, slice):
        return np.arange(n)[rows]
    if isinstance(rows, pd.Series) and not (is_default(rows.index) or rows.index.equals(index)):
        raise IndexError(
            "The Series that picks series has another index than the panel; bring it into the "
            "order of the panel, rows.loc[panel.index], or pass its values, rows.to_numpy()."
        )
    picked = np.asarray(rows)
    if picked.shape == (0,) and picked.dtype.kind != "b":
        return np.zeros(0, int)
    if picked.dtype.kind not in ("iu" if picked.ndim == 0 else "iub") or picked.ndim > 1:
        raise IndexError(
            f"A panel is indexed by numbers of series, slices and masks; got {rows!r:.80}. "
            "By ids: panel[panel.index.isin(ids)]."
        )
    if picked.dtype.kind == "b" and len(picked) != n:
        raise IndexError(f"The mask has {len(picked)} entries, but the panel has {n} series.")
    return np.arange(n)[picked]


def _choose_channels(df: pd.DataFrame, keys: list[Any], channels: Any) -> list[Any]:
    """Columns of values; all others must be numbers as well, if they were not chosen."""
    wanted = [*keys, *(channels or [])]
    if absent := [name for name in wanted if name not in df.columns]:
        hint = ""
        if set(absent) & set(df.index.names):
            hint = " What stands in the index becomes columns by df.reset_index()."
        raise ValueError(f"df has no column {absent[0]!r}; it has {list(df.columns)}.{hint}")
    chosen = [name for name in df.columns if name not in keys] if channels is None else channels
    kinds = {name: df[name].dtype for name in chosen}
    others = [name for name, kind in kinds.items() if not pd.api.types.is_numeric_dtype(kind)]
    if others or not len(chosen):
        raise ValueError(
            f"Channels are numbers, but {others} are not: {[str(kinds[name]) for name in others]}. "
            "Convert these columns, or name the channels: channels=[...]."
            if others
            else f"df has no column of values beside {keys}; expected at least one."
        )
    return list(chosen)


def _refuse_missing(df: pd.DataFrame, keys: list[Any]) -> None:
    for name in keys:
        absent = df[name].isna().to_numpy()
        if absent.any():
            raise ValueError(
                f"{absent.sum()} rows of df have no {name!r} (NaN, NaT or None), the first one "
                f"row {absent.argmax()}. Drop them: df.dropna(subset=[{name!r}])."
            )


def _float_dtype(values: pd.DataFrame) -> type:
    return np.float32 if all(kind == np.float32 for kind in values.dtypes) else np.float64
