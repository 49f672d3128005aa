"""Arrow and Parquet files as stored panels; needs pyarrow, ``pip install tsdisentangle[arrow]``."""

from collections.abc import Iterable
from os import PathLike, fspath
from typing import Any

import numpy as np

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as error:
    raise ImportError(
        "Arrow and Parquet files need pyarrow: pip install 'tsdisentangle[arrow]'."
    ) from error


class _ArrowFile:
    """Record batches of an Arrow file, at their place in the mapped file."""

    def __init__(self, path: str):
        self._file = pa.ipc.open_file(pa.memory_map(path))
        self.schema = self._file.schema
        self.rows = [self._file.get_batch(i).num_rows for i in range(self._file.num_record_batches)]

    def read(self, piece: int, columns: list[str]) -> list[Any]:
        batch = self._file.get_batch(piece)
        return [batch[name] for name in columns]


class _ParquetFile:
    """Row groups of a Parquet file; the one that was read last is kept."""

    def __init__(self, path: str):
        self._file = pq.ParquetFile(path)
        self.schema = self._file.schema_arrow
        groups = range(self._file.num_row_groups)
        self.rows = [self._file.metadata.row_group(i).num_rows for i in groups]
        self._last: tuple[int, list[Any]] = (-1, [])

    def read(self, piece: int, columns: list[str]) -> list[Any]:
        if self._last[0] != piece:
            table = self._file.read_row_group(piece, columns=columns)
            self._last = piece, [table[name].combine_chunks() for name in columns]
        return self._last[1]


def _open(path: str) -> _ArrowFile | _ParquetFile:
    with open(path, "rb") as file:
        start = file.read(6)
    if start.startswith(b"PAR1"):
        return _ParquetFile(path)
    if start == b"ARROW1":
        return _ArrowFile(path)
    raise ValueError(
        f"{path} is neither a Parquet file nor an Arrow file (Feather version 2); streams of Arrow "
        "batches have no index, so write them as a file."
    )


def _spread(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """Write a leading ``...`` as slices, so that the first entry is that of the series."""
    if any(entry is None for entry in key):
        raise IndexError("An ArrowPanel takes no new axes; index its values: panel[:][None].")
    if key and key[0] is Ellipsis:
        return (slice(None),) * (4 - len(key)) + key[1:]
    return key or (slice(None),)


def _holds_numbers(kind: Any) -> bool:
    """Whether a column's type is lists of numbers."""
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    if not any(is_list(kind) for is_list in lists):
        return False
    return pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)


def _float_dtype(files: list[Any], columns: list[str]) -> np.dtype:
    """Return float32 if it holds all columns of lists exactly, else float64."""
    kinds = [file.schema.field(name).type.value_type for file in files for name in columns]
    exact = all(np.can_cast(kind.to_pandas_dtype(), np.float32) for kind in kinds)
    return np.dtype(np.float32 if exact else np.float64)


class ArrowPanel:
    """Series in Arrow (Feather) or Parquet files, one per row; pass it to an estimator as ``X``.

    A channel is a column of lists, all of the same length: one list is the channel's course in one
    series. Nulls in a list are missing values. Indexed as an array is, a panel returns the series
    that were asked for as an array in memory, so that it can be split and cross-validated.

    Files are read by pieces: the record batches of an Arrow file, which is memory-mapped and never
    copied as a whole, or the row groups of a Parquet file, of which one at a time is kept.

    Parameters
    ----------
    paths : path or iterable of paths
        Files, whose rows follow one another.
    channels : list of str, default=None
        The columns to read, in this order; None for all columns of lists.

    Attributes
    ----------
    shape : tuple of int
        ``(n, time, channel)``.
    dtype : dtype
        float32 where that holds the columns' numbers exactly, else float64.
    channels : list of str
        The columns.

    Raises
    ------
    ImportError
        pyarrow is not installed.
    ValueError
        No file or series, another format, no column of lists, two columns of one name, or, when
        they are read, lists of unequal lengths.

    Notes
    -----
    A shuffled batch needs rows from everywhere, and each Parquet row costs its whole row group. For
    training, write an Arrow file without compression, or row groups of few rows.

    Examples
    --------
    >>> import tempfile
    >>> import pyarrow as pa
    >>> import pyarrow.parquet
    >>> path = tempfile.NamedTemporaryFile(suffix=".parquet").name
    >>> lists = {"hr": [[80.0, None], [60.0, 61.0]], "rr": [[12.0, 13.0], [14.0, 15.0]]}
    >>> pa.parquet.write_table(pa.table({"patient": [7, 9], **lists}), path)
    >>> panel = ArrowPanel(path)
    >>> panel.shape, panel.channels
    ((2, 2, 2), ['hr', 'rr'])
    >>> panel[0].tolist(), panel[::-1].shape
    ([[80.0, 12.0], [nan, 13.0]], (2, 2, 2))
    """

    def __init__(
        self,
        paths: str | PathLike[str] | Iterable[str | PathLike[str]],
        channels: list[str] | None = None,
    ):
        single = isinstance(paths, str | PathLike)
        self.paths = [fspath(path) for path in ([paths] if single else paths)]  # type: ignore
        self._files = [_open(path) for path in self.paths]
        self.channels = self._choose(channels)
        self.dtype = _float_dtype(self._files, self.channels)
        # File and number in the file of each piece, and the first row of each.
        self._pieces = [(file, i) for file in self._files for i in range(len(file.rows))]
        self._starts = np.cumsum([0, *(rows for file in self._files for rows in file.rows)])
        n = int(self._starts[-1])
        if not n:
            raise ValueError(f"{self.paths} hold no series; a row is one.")
        file, i = self._pieces[self._piece_of(0)]
        first = file.read(i, self.channels)[0][0].as_py()
        if not first:
            raise ValueError(
                f"Column {self.channels[0]!r} of {self.paths} begins with a list that is null or "
                "has no steps; a series needs at least one. Pad with nulls inside the list."
            )
        self.shape = (n, len(first), len(self.channels))

    def __len__(self) -> int:
        return self.shape[0]

    def __reduce__(self) -> tuple[Any, ...]:
        return ArrowPanel, (self.paths, self.channels)

    def __getitem__(self, key: Any) -> np.ndarray:
        """Read series as an array of shape ``(n, time, channel)`` would be indexed.

        Parameters
        ----------
        key : int, slice, array of ints or bools, or a tuple
            As of numpy's arrays. Series that are not asked for are not read, and of those that
            are, all steps and channels.

        Returns
        -------
        array of floats

        Raises
        ------
        IndexError
            As of numpy's arrays.
        ValueError
            A list that is null or of another length than the first.
        """
        rows, *rest = _spread(key) if isinstance(key, tuple) else (key,)
        index = np.arange(len(self))[rows]
        values = self._take(np.ravel(index))
        if not isinstance(rows, slice):  # so that arrays for several axes are joined as in numpy
            rows = np.arange(index.size).reshape(index.shape)
            return values[(rows if index.ndim else 0, *rest)]
        return values[(slice(None), *rest)]

    def _take(self, rows: np.ndarray) -> np.ndarray:
        """Read series in any order, those that lie side by side at once."""
        values = np.empty((len(rows), *self.shape[1:]), self.dtype)
        order = np.argsort(rows, kind="stable")
        runs = np.split(order, np.flatnonzero(np.diff(rows[order]) != 1) + 1)
        for run in runs if len(rows) else []:
            values[run] = self._run(int(rows[run[0]]), len(run))
        return values

    def _run(self, start: int, n: int) -> np.ndarray:
        """Read ``n`` series from ``start`` on."""
        values = np.empty((n, *self.shape[1:]), self.dtype)
        row, stop = start, start + n
        while row < stop:
            piece = self._piece_of(row)
            end = min(stop, int(self._starts[piece + 1]))
            self._read(piece, row - self._starts[piece], values[row - start : end - start])
            row = end
        return values

    def _choose(self, channels: list[str] | None) -> list[str]:
        """Columns of numbers in lists: those asked for, or all of the first file."""
        if isinstance(channels, str):
            raise ValueError(f"channels is the string {channels!r}; pass a list: [{channels!r}].")
        chosen = channels
        for path, file in zip(self.paths, self._files, strict=True):
            found = [field.name for field in file.schema if _holds_numbers(field.type)]
            chosen = found if chosen is None else list(chosen)
            if not chosen or set(chosen) - set(found):
                raise ValueError(
                    f"{path} has the columns {found} of lists of numbers; expected "
                    f"{chosen or 'at least one'}. A row is a series, a column of lists is a "
                    "channel."
                )
            for name in chosen:
                if file.schema.names.count(name) > 1 or chosen.count(name) > 1:
                    raise ValueError(
                        f"{path} has, or channels names, the column {name!r} twice; a channel is "
                        "a column of a name of its own."
                    )
        if chosen is None:
            raise ValueError("No file was given; pass the path of at least one.")
        return chosen

    def _piece_of(self, row: int) -> int:
        return int(np.searchsorted(self._starts, row, "right")) - 1

    def _read(self, piece: int, first: int, values: np.ndarray) -> None:
        """Fill ``values`` with the rows of a piece from ``first`` on."""
        file, i = self._pieces[piece]
        n, time, _ = values.shape
        for channel, column in enumerate(file.read(i, self.channels)):
            lists = column[first : first + n]
            flat = lists.flatten()
            if lists.null_count or (np.asarray(lists.value_lengths()) != time).any():
                lengths = lists.value_lengths().to_pylist()
                row = next(i for i, length in enumerate(lengths) if length != time)
                found = "is null" if lengths[row] is None else f"has length {lengths[row]}"
                series = self._starts[piece] + first + row
                raise ValueError(
                    f"Column {self.channels[channel]!r} has, for series {series}, a list that "
                    f"{found}; expected {time}, as that of the first series has: all series need "
                    "the same steps. Pad with nulls inside the list."
                )
            # Nulls become NaN.
            kind = pa.from_numpy_dtype(self.dtype)
            floats = flat.cast(kind, safe=False).to_numpy(zero_copy_only=False)
            values[..., channel] = floats.reshape(n, time)
