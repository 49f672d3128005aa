"""Rows of the tables: one number each, in JSON files that several processes may write."""

import datetime
import json
import os
import platform
import shlex
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import pandas as pd
import torch
from filelock import FileLock

from benchmarks.tables.fits import code_digest
from benchmarks.tables.probes import LEAKS
from tsdisentangle.persistence.files import write_atomically

PACKAGES = ("tsdisentangle", "torch", "scikit-learn", "skorch", "numpy")
# Tables by what their rows are measured on: clips, or recordings of speakers, or time series with a
# row per method or a row per anchor.
CLIP_TABLES, SPEAKER_TABLES, METHOD_TABLES, ANCHOR_TABLES = (
    ("1", "2"),
    ("7",),
    ("3", "4"),
    ("5", "8"),
)
TABLES = ("1", "2", "3", "4", "5", "7", "8")
# Metrics of pairs of recordings in table 7; its others are of single ones.
ERROR_RATES = ("static EER", "dynamic EER", "gap")
# What the pictures draw as intervals, where it is not the same for all rows.
INTERVALS = {
    **dict.fromkeys(
        CLIP_TABLES,
        "Interval: Student's, of the mean over seeds; seeds that do not differ have none.",
    ),
    **dict.fromkeys(
        SPEAKER_TABLES,
        "Interval: test speakers drawn with replacement. Error rates of unseen speakers have none: "
        "each fold tests one pair of them, and codes of different folds do not compare.",
    ),
}
# What tells rows apart; in the tables of anchors the anchor as well.
KEY = ("table", "protocol", "dataset", "task", "split", "method", "metric")
# Fields of the tables of time series; where all of them are None, none is written.
PROBE_FIELDS = ("values", "params", "leakage_course", "constant_share", "by_block")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A number of a table, with its uncertainty and what is needed to repeat it.

    The order of the attributes is that of the JSON files.

    Attributes
    ----------
    table : str
        Number of the table in Berman et al. (2024).
    protocol : {'corrected', 'as published'}
    dataset, task, split : str
        What is asked, and of which series.
    method : str
        Name of the method; after a slash its variant, or the kind of raw features.
    metric : str
    mean : float
        Over seeds.
    std : float or None
        Over seeds; None where a single one has none.
    ci_low, ci_high : float or None
        95 % interval of the mean: over test units drawn with replacement, in tables 1 and 2
        Student's over seeds. None where nothing can be said, see :data:`INTERVALS`, and in rows
        that are older than the intervals of today.
    n_seeds : int
        Number of ``seeds``.
    seeds : list of int
    values : list of float or None, default=None
        The metric per seed; None in tables 1, 2 and 7.
    epochs : int
        Of training; 0 where nothing is trained.
    anchor : str or None, default=None
        That the method was trained with, if it has one.
    params : dict or None, default=None
        That a search has chosen; None where there was none.
    leakage : float or None, default=None
        Accuracy of the static label, predicted from the averaged dynamic code.
    leakage_course : float or None, default=None
        The same from mean, deviation and last value of the dynamic code.
    constant_share : float or None, default=None
        Share of the folds whose chosen probe is the constant; None where it is no choice.
    by_block : list of float or None, default=None
        The metric per block in time, of tasks that are asked in blocks.
    seconds : float
        Processor seconds per seed.
    published, best_public : float or None, default=None
        The paper's number, and the best one of any publication known to us.
    run : dict or None, default=None
        Command, date, machine and versions, see :func:`metadata`; None until the row is stored.
    """

    table: str
    protocol: str
    dataset: str
    task: str
    split: str
    method: str
    metric: str
    mean: float
    std: float | None
    ci_low: float | None
    ci_high: float | None
    n_seeds: int = field(init=False)
    seeds: list[int]
    values: list[float] | None = None
    epochs: int
    anchor: str | None = None
    params: dict[str, Any] | None = None
    leakage: float | None = None
    leakage_course: float | None = None
    constant_share: float | None = None
    by_block: list[float] | None = None
    seconds: float
    published: float | None = None
    best_public: float | None = None
    run: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_seeds", len(self.seeds))

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Self:
        """Row from an entry of a results file."""
        return cls(**{name: value for name, value in document.items() if name != "n_seeds"})

    def to_json(self) -> dict[str, Any]:
        """Entry of a results file."""
        document = {each.name: getattr(self, each.name) for each in fields(self)}
        if all(document[name] is None for name in PROBE_FIELDS):
            return {name: document[name] for name in document if name not in PROBE_FIELDS}
        return document

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells the row from others."""
        return (*(getattr(self, name) for name in KEY), self.anchor if self._per_anchor else None)

    @property
    def label(self) -> str:
        """Name of the row in a table or a picture."""
        anchored = self._per_anchor and self.anchor is not None
        return f"{self.method}, anchor {self.anchor}" if anchored else self.method

    @property
    def is_complete(self) -> bool:
        """Whether its interval was measured and, if a label leaks at all, both views of it."""
        views = {getattr(self, name) is None for name in LEAKS}
        return (self.ci_low is not None or not self.needs_interval) and len(views) == 1

    @property
    def needs_interval(self) -> bool:
        """Whether an interval over test units belongs to it, so that without one it is older."""
        unseen = self.table in SPEAKER_TABLES and self.split == "speakers"
        return self.table not in CLIP_TABLES and not (unseen and self.metric in ERROR_RATES)

    @property
    def _per_anchor(self) -> bool:
        return self.table in ANCHOR_TABLES


class Results:
    """Rows in a JSON file, written anew, atomically, whenever some are added.

    Parameters
    ----------
    path : Path
        ``{"meta": ..., "rows": [...]}``; read if it is there.
    meta : dict
        What the numbers of this run need beside them to be repeated; a row keeps that of its own,
        as ``run``.
    """

    def __init__(self, path: Path, meta: dict[str, Any]):
        self.path, self.meta = path, meta
        stored = json.loads(path.read_text())["rows"] if path.exists() else []
        self.rows = [Row.from_json(document) for document in stored]

    @property
    def name(self) -> str:
        """Number of the table."""
        return self.path.stem.removeprefix("table")

    def has(self, **wanted: Any) -> bool:
        """Whether rows with these fields are there, and with all that is measured today."""
        found = [
            row.is_complete
            for row in self.rows
            if all(getattr(row, name) == wanted[name] for name in wanted)
        ]
        return bool(found) and all(found)

    def add(self, rows: Iterable[Row]) -> None:
        """Add rows in the place of older ones with the same key, and write the file."""
        signed = [replace(row, run=self.meta) if row.run is None else row for row in rows]
        new = {row.key for row in signed}

        def put(old: dict[str, Any]) -> dict[str, Any]:
            # Another process may have added rows in the meantime.
            stored = [Row.from_json(document) for document in old.get("rows", [])]
            self.rows = [row for row in stored if row.key not in new] + signed
            return {"meta": self.meta, "rows": [row.to_json() for row in self.rows]}

        change_json(self.path, put)

    def sort(self, methods: list[str]) -> None:
        """Bring the rows into the order of the methods, whenever each was measured."""
        place = {method: number for number, method in enumerate(methods)}
        self.rows.sort(key=lambda row: place.get(row.method, len(place)))

    def protocols(self) -> list[str]:
        """Return the protocols that have rows."""
        return list(dict.fromkeys(row.protocol for row in self.rows))

    def of(self, protocol: str) -> list[Row]:
        """Return the rows of one protocol."""
        return [row for row in self.rows if row.protocol == protocol]

    def to_markdown(self, protocol: str) -> str:
        """One line per method, one column per task, split, metric and number of seeds."""
        rows = self.of(protocol)
        constants = {_heading(row): row.mean for row in rows if row.method == "constant"}
        frame = pd.DataFrame(
            {
                "method": [row.label for row in rows],
                "column": [_heading(row) for row in rows],
                "cell": [_cell(row, constants.get(_heading(row))) for row in rows],
            }
        )
        wide = frame.pivot_table(index="method", columns="column", values="cell", aggfunc="first")
        wide = wide.reindex(frame["method"].unique())
        head = " | ".join(["method", *wide.columns])
        lines = [f"| {head} |", "| --- " * (wide.shape[1] + 1) + "|"]
        for method, cells in wide.fillna("-").iterrows():
            lines.append(f"| {method} | " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"

    def write_markdown(self, to_come: Iterable[str]) -> str:
        """Write and return the table of each protocol, and which rows are still to come."""
        parts = [
            f"Table {self.name}, {_title(protocol)}\n\n{self.to_markdown(protocol)}"
            for protocol in self.protocols()
        ]
        missing = list(to_come)
        note = "Mean ± deviation over seeds; processor seconds of a seed; leak: the label from the "
        note += "averaged dynamic code, and from its mean, deviation and last value"
        skilled = any(row.metric == "MAE" for row in self.rows)
        parts.append(note + "; skill: 1 - error / that of the constant" * skilled + ".\n")
        if about := INTERVALS.get(self.name):
            parts.append(about + "\n")
        older = dict.fromkeys(
            f"{row.split}, {row.metric}" for row in self.rows if not row.is_complete
        )
        if older:
            parts.append(f"Older than their interval, to be measured again: {'; '.join(older)}.\n")
        parts.append(f"Still to come: {'; '.join(missing) or 'nothing'}.\n")
        text = "\n".join(parts)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.with_suffix(".md").write_text(text)
        return text


def _title(protocol: str) -> str:
    return protocol + " (M = 1: one draw a step)" * (protocol == "as published")


def _heading(row: Row) -> str:
    return f"{row.task}, {row.split}, {row.metric} ({row.n_seeds} seeds)"


def _cell(row: Row, constant: float | None) -> str:
    text = f"{row.mean:.3f}" + ("" if row.std is None else f" ± {row.std:.3f}")
    if row.metric == "MAE" and constant:
        text += f" (skill {1 - row.mean / constant:.2f})"
    leaks = [getattr(row, name) for name in LEAKS]
    if known := [f"{leak:.3f}" for leak in leaks if leak is not None]:
        text += f" (leak {' / '.join(known)})"
    if row.epochs:
        text += f", {row.epochs} epochs"
    text += f", {row.seconds:.0f} s"
    cited = {"paper": row.published, "best public": row.best_public}
    known = [f"{name} {value}" for name, value in cited.items() if value is not None]
    return text + (f" [{', '.join(known)}]" if known else "")


def metadata() -> dict[str, Any]:
    """Return what a number needs beside it to be repeated."""
    return {
        "command": shlex.join(["python", *_arguments()]),
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "fit_code": code_digest()[:12],
        "versions": {name: version(name) for name in PACKAGES},
    }


def _arguments() -> list[str]:
    """Arguments that Python was started with, ``-m`` with its module included."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is None:
        return sys.argv
    return ["-m", spec.name.removesuffix(".__main__"), *sys.argv[1:]]


def change_json(path: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> dict[str, Any]:
    """Replace what a file holds; nobody else changes it between reading and writing.

    Parameters
    ----------
    path : Path
        Its folder is made if it is not there. The lock is a file beside it.
    change : callable
        Takes the content (empty if there is no file) and returns the new one.

    Returns
    -------
    dict
        The new content.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "rows.json"
    >>> for name in "ab":
    ...     content = change_json(path, lambda old: old | {name: 1})
    >>> content
    {'a': 1, 'b': 1}
    >>> folder.cleanup()
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        content = change(json.loads(path.read_text()) if path.exists() else {})
        write_atomically(path, [json.dumps(content, indent=1).encode(), b"\n"])
    return content
