"""The command line that the table scripts share."""

import argparse
import datetime
import os
import platform
import sys
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from tqdm.auto import tqdm

from tsdisentangle.evaluation.protocols import Benchmark, Resampling
from tsdisentangle.evaluation.representations import Representation, representations
from tsdisentangle.evaluation.table import (
    TABLES,
    Results,
    make_rows,
    measure,
    split_name,
    table_of,
)
from tsdisentangle.evaluation.tasks import Course

QUICK_EPOCHS = 10
PACKAGES = ("tsdisentangle", "torch", "scikit-learn", "skorch", "numpy")


def metadata() -> dict[str, Any]:
    """Return what a number needs beside it to be repeated."""
    return {
        "command": " ".join(["python", *sys.argv]),
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in PACKAGES},
    }


def run(
    title: str,
    makers: list[Callable[[], Benchmark]],
    known: Mapping[str, Representation | None] | None = None,
    arguments: list[str] | None = None,
) -> list[Results]:
    """Measure every row that is not there yet, and print the tables.

    Parameters
    ----------
    title : str
        Shown by ``--help``.
    makers : list of callables
        Each loads a data set with its tasks.
    known : mapping of name to representation, default=None
        Rows to choose from; None means all methods and the constant.
    arguments : list of str, default=None
        Command line; None means ``sys.argv``.

    Returns
    -------
    list of Results
        The tables that have rows.
    """
    if known is None:
        known = {"constant": None, **representations()}
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--seeds", type=int, help="default: 5; 10 splits of patients; 1 published")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="one seed, few epochs, first split")
    parser.add_argument("--methods", nargs="*", choices=list(known), help="rows; default: all")
    parser.add_argument("--datasets", nargs="*", metavar="NAME", help="e.g. ETTh1; default: all")
    parser.add_argument("--protocol", choices=["corrected", "as published"])
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    epochs = QUICK_EPOCHS if options.quick else options.epochs
    # Quick rows never take the place of full ones.
    folder = options.output / "quick" if options.quick else options.output
    rows = {name: known[name] for name in options.methods or known}
    store = {table: Results(folder / f"table{table}.json", metadata()) for table in TABLES}
    jobs = [
        (benchmark, resampling, name)
        for benchmark in (make() for make in makers)
        if options.protocol in (None, benchmark.protocol)
        and benchmark.dataset in (options.datasets or [benchmark.dataset])
        for resampling in benchmark.resamplings[: 1 if options.quick else None]
        for name in rows
        if _applies(name, benchmark)
    ]
    for benchmark, resampling, name in tqdm(jobs, unit="row"):
        seeds = list(range(1 if options.quick else options.seeds or resampling.n_seeds))
        if _is_there(store, benchmark, resampling, name, seeds, epochs):
            continue
        measured = measure(benchmark, resampling, name, rows[name], seeds=seeds, epochs=epochs)
        for row in make_rows(benchmark, resampling, name, measured, seeds=seeds, epochs=epochs):
            store[row["table"]].add([row])
    filled = {table: results for table, results in store.items() if results.rows}
    for table, results in filled.items():
        for protocol in results.protocols():
            print(f"\nTable {table}, {protocol}\n\n{results.to_markdown(protocol)}", end="")
    return list(filled.values())


def _applies(name: str, benchmark: Benchmark) -> bool:
    """Whether a row makes sense for a data set."""
    if benchmark.protocol == "as published" and name.startswith("raw/"):
        return False  # the published heads draw from posteriors, which raw features have not
    asks_windows = any(isinstance(task, Course) for task in benchmark.tasks)
    return not (asks_windows and name in ("raw/minirocket", "raw/missingness"))


def _is_there(
    store: dict[str, Results],
    benchmark: Benchmark,
    resampling: Resampling,
    name: str,
    seeds: list[int],
    epochs: int,
) -> bool:
    method, anchor, of_anchors = split_name(name)
    return all(
        store[table_of(task.name, of_anchors)].has(
            seeds,
            epochs,
            protocol=benchmark.protocol,
            dataset=benchmark.dataset,
            task=task.name,
            split=resampling.name,
            method=method,
            anchor=anchor,
        )
        for task in benchmark.tasks
    )
