"""Rows of results: measured, kept as they come, and shown."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.tables.corrected import Benchmark, Resampling
from benchmarks.tables.entries import Representation
from benchmarks.tables.paper_numbers import ANCHORS, PUBLISHED
from benchmarks.tables.probes import (
    LEAKS,
    Answers,
    Course,
    Metric,
    Task,
    accuracy,
    bootstrap_interval,
    by_unit,
    join,
    mean_of,
)
from benchmarks.tables.shared import change_json
from tsdisentangle.presets.tuned import SUFFIX, has_tuned, tuned_trial

# Where the paper reports each task: the methods, and the anchors of its own method.
TABLE_OF = {"mortality": "3", "oil temperature": "3", "month": "4", "ICU type": "4"}
ANCHOR_TABLE_OF = {"mortality": "5", "oil temperature": "5", "month": "8", "ICU type": "8"}
TABLES = ("3", "4", "5", "8")
Measured = tuple[list[Answers], list[float]]  # an entry a seed
# What tells rows apart; in tables of anchors the anchor as well.
KEY = ("table", "protocol", "dataset", "task", "split", "method", "metric")


def measure(
    benchmark: Benchmark,
    resampling: Resampling,
    method: str,
    represent: Representation | None,
    *,
    seeds: Iterable[int],
    epochs: int,
) -> list[Measured]:
    """Answers and processor seconds of a method to every task of a data set, an entry a seed.

    Parameters
    ----------
    benchmark : Benchmark
    resampling : Resampling
    method : str
        Name in the results; ``raw/...`` marks raw features.
    represent : callable or None
        None answers with a constant.
    seeds : iterable of int
    epochs : int

    Returns
    -------
    list of (answers, seconds)
        One a task; a representation is fitted once for all of them.
    """
    # The published heads draw codes; the corrected protocol reads their means.
    wanted = {"return_std": True} if benchmark.protocol == "as published" else {}
    results: list[Measured] = [([], []) for _ in benchmark.tasks]
    for seed in seeds:
        folds: list[list[Answers]] = [[] for _ in benchmark.tasks]
        seconds = 0.0
        splits = resampling.splits(seed)
        for split in splits:
            codes = None
            start = time.process_time()
            if represent is not None:
                encoding = represent(benchmark.data[split.train], benchmark, seed, epochs)
                seconds += encoding.seconds  # also where the fit was found, not made
                start = time.process_time()
                codes = encoding.encode(benchmark.data, **wanted)
            for answers, task in zip(folds, benchmark.tasks, strict=True):
                if codes is None:
                    answers.append(task.constant(split))
                else:
                    raw = method.startswith("raw/")
                    answers.append(task.answer(codes, split, raw=raw, seed=seed))
            seconds += time.process_time() - start
        tested = np.concatenate([split.test for split in splits])
        units = tested if benchmark.units is None else benchmark.units[tested]
        for (joined, times), parts in zip(results, folds, strict=True):
            joined.append(replace(join(parts), units=units))
            times.append(seconds)
    return results


def split_name(name: str, preset: str = "") -> tuple[str, str | None, bool]:
    """Method, anchor in training and whether the row belongs to the tables of anchors.

    Parameters
    ----------
    name : str
    preset : str, default=''
        Of the benchmark: where the anchor of the tuned row is found.

    Examples
    --------
    >>> split_name("StaticDynamicVAE@last")
    ('StaticDynamicVAE', 'last', True)
    >>> split_name("VAE")
    ('VAE', None, False)
    """
    method, marked, anchor = name.partition("@")
    if marked:
        return method, anchor or None, True
    if method.partition("/")[0] != "StaticDynamicVAE":
        return method, None, False
    return method, (_tuned(name, preset) or {}).get("anchor", "first"), False


def params_of(name: str, benchmark: Benchmark) -> dict[str, Any] | None:
    """Tuned parameters of a row; None where no search has chosen any."""
    params = _tuned(name, benchmark.preset)
    if params is not None and benchmark.asks_windows:
        params["window"] = benchmark.window
    return params


def _tuned(name: str, preset: str) -> dict[str, Any] | None:
    method, _, suffix = name.partition("/")
    tuned = is_tuned(suffix) and has_tuned(preset, method)
    return tuned_trial(preset + SUFFIX, method) if tuned else None


def is_tuned(suffix: str) -> bool:
    """Whether a row, by what follows the slash, takes the parameters of the search."""
    return suffix in ("tuned", "tuned_untrained")


def epochs_of(name: str, epochs: int) -> int:
    """Epochs of a row: none where nothing is trained."""
    untrained = "untrained" in name or name.startswith(("constant", "raw/"))
    return 0 if untrained else epochs


def table_of(task: str, of_anchors: bool) -> str:
    """Table in which the paper reports a task."""
    return (ANCHOR_TABLE_OF if of_anchors else TABLE_OF)[task]


def make_rows(
    benchmark: Benchmark,
    resampling: Resampling,
    name: str,
    measured: list[Measured],
    *,
    seeds: list[int],
    epochs: int,
) -> list[dict[str, Any]]:
    """One row a task and metric: mean, spread over seeds and bootstrap interval."""
    method, anchor, of_anchors = split_name(name, benchmark.preset)
    rows = []
    for task, (answers, seconds) in zip(benchmark.tasks, measured, strict=True):
        leaks = {
            name: [accuracy(a.truth, a.leaked[name]) for a in answers if a.leaked] for name in LEAKS
        }
        for measure_name, metric in task.metrics.items():
            values = [metric(a.truth, a.guess) for a in answers]
            low, high = bootstrap_interval(metric, answers)
            cited: dict[str, float | None] = {"published": None, "best_public": None}
            if benchmark.protocol == "as published":
                cited = _cited((task.name, measure_name), method, anchor if of_anchors else None)
            rows.append(
                {
                    "table": table_of(task.name, of_anchors),
                    "protocol": benchmark.protocol,
                    "dataset": benchmark.dataset,
                    "task": task.name,
                    "split": resampling.name,
                    "method": method,
                    "metric": measure_name,
                    "mean": float(np.mean(values)),
                    "std": float(np.std(values)) if len(seeds) > 1 else None,
                    "ci_low": low,
                    "ci_high": high,
                    "n_seeds": len(seeds),
                    "seeds": seeds,
                    "values": values,
                    "epochs": epochs,
                    "anchor": anchor,
                    "params": params_of(name, benchmark),
                    **{name: float(np.mean(of)) if of else None for name, of in leaks.items()},
                    "constant_share": mean_of([a.constant for a in answers]),
                    "by_block": _by_block(task, metric, answers),
                    "seconds": float(np.mean(seconds)),
                    **cited,
                }
            )
    return rows


def _by_block(task: Task, metric: Metric, answers: list[Answers]) -> list[float] | None:
    """Metric of each block, of a task that is asked in blocks: few enough to show each."""
    units = answers[0].units
    if not isinstance(task, Course) or task.blocks is None or units is None:
        return None
    return by_unit(metric, answers, units)


class Results:
    """Rows in a JSON file, written anew, atomically, whenever one is added.

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
        self.rows = self._read()

    @property
    def name(self) -> str:
        """Number of the table."""
        return self.path.stem.removeprefix("table")

    def _read(self) -> list[dict[str, Any]]:
        return json.loads(self.path.read_text())["rows"] if self.path.exists() else []

    def has(self, **wanted: Any) -> bool:
        """Whether a row with these fields is there, and with all that is measured today."""
        return any(
            _is_whole(row) and all(row.get(name) == wanted[name] for name in wanted)
            for row in self.rows
        )

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Add rows in the place of older ones with the same key, and write the file."""
        new = {_key(row) for row in rows}
        signed = [row | {"run": row.get("run", self.meta)} for row in rows]

        def put(old: dict[str, Any]) -> dict[str, Any]:
            # Another run may have added rows in the meantime.
            kept = [row for row in old.get("rows", []) if _key(row) not in new]
            return {"meta": self.meta, "rows": kept + signed}

        self.rows = change_json(self.path, put)["rows"]

    def sort(self, methods: list[str]) -> None:
        """Bring the rows into the order of the methods, whenever each was measured."""
        place = {method: number for number, method in enumerate(methods)}
        self.rows.sort(key=lambda row: place.get(row["method"], len(place)))

    def protocols(self) -> list[str]:
        """Return the protocols that have rows."""
        return list(dict.fromkeys(row["protocol"] for row in self.rows))

    def of(self, protocol: str) -> list[dict[str, Any]]:
        """Return the rows of one protocol."""
        return [row for row in self.rows if row["protocol"] == protocol]

    def to_markdown(self, protocol: str) -> str:
        """One line a method, one column a task, split, metric and number of seeds."""
        rows = self.of(protocol)
        frame = pd.DataFrame(rows)
        frame["column"] = [_heading(row) for row in rows]
        constants = {_heading(row): row["mean"] for row in rows if row["method"] == "constant"}
        frame["cell"] = [_cell(row, constants.get(_heading(row))) for row in rows]
        frame["method"] = [label(row) for row in rows]
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
        skilled = any(row["metric"] == "MAE" for row in self.rows)
        parts.append(note + "; skill: 1 - error / that of the constant" * skilled + ".\n")
        parts.append(f"Still to come: {'; '.join(missing) or 'nothing'}.\n")
        text = "\n".join(parts)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.with_suffix(".md").write_text(text)
        return text


def label(row: Mapping[str, Any]) -> str:
    """Name of a row in a table or a picture."""
    anchored = _of_anchors(row) and row["anchor"] is not None
    return f"{row['method']}, anchor {row['anchor']}" if anchored else row["method"]


def _title(protocol: str) -> str:
    return protocol + " (M = 1: one draw a step)" * (protocol == "as published")


def _cited(
    column: tuple[str, str], method: str, anchor: str | None = None
) -> dict[str, float | None]:
    """Published numbers of a row; with its anchor, of the tables of anchors."""
    of_methods = PUBLISHED[column]
    of_anchors = ANCHORS[column] if method == "StaticDynamicVAE" else {}
    value = of_methods.get(method) if anchor is None else of_anchors.get(anchor)
    return {"published": value, "best_public": of_methods["best public"]}


def _is_whole(row: Mapping[str, Any]) -> bool:
    """Whether an interval was measured and, if a label leaks at all, both views of it."""
    views = {row.get(name) is None for name in LEAKS}
    return row["ci_low"] is not None and len(views) == 1


def _of_anchors(row: Mapping[str, Any]) -> bool:
    return row["table"] in ANCHOR_TABLE_OF.values()


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    return (*(row[name] for name in KEY), row["anchor"] if _of_anchors(row) else None)


def _heading(row: dict[str, Any]) -> str:
    return f"{row['task']}, {row['split']}, {row['metric']} ({row['n_seeds']} seeds)"


def _cell(row: dict[str, Any], constant: float | None) -> str:
    spread = "" if row["std"] is None else f" ± {row['std']:.3f}"
    text = f"{row['mean']:.3f}{spread}"
    if row["metric"] == "MAE" and constant:
        text += f" (skill {1 - row['mean'] / constant:.2f})"
    if leaks := [f"{row[name]:.3f}" for name in LEAKS if row.get(name) is not None]:
        text += f" (leak {' / '.join(leaks)})"
    if row["epochs"]:
        text += f", {row['epochs']} epochs"
    text += f", {row['seconds']:.0f} s"
    cited = {"paper": row["published"], "best public": row["best_public"]}
    known = [f"{name} {value}" for name, value in cited.items() if value is not None]
    return text + (f" [{', '.join(known)}]" if known else "")
