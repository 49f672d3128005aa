"""The command line that the table scripts share."""

import argparse
import datetime
import os
import platform
import shlex
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import torch
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from benchmarks.tables.corrected import Benchmark, Resampling
from benchmarks.tables.entries import Representation, representations
from benchmarks.tables.fits import code_digest, default_cache
from benchmarks.tables.probes import Split
from benchmarks.tables.rows import (
    TABLES,
    Results,
    epochs_of,
    is_tuned,
    make_rows,
    measure,
    params_of,
    split_name,
    table_of,
)
from tsdisentangle.presets.tuned import has_tuned

QUICK_EPOCHS = 3
QUICK_SERIES = 400  # of a training part
PACKAGES = ("tsdisentangle", "torch", "scikit-learn", "skorch", "numpy")


def metadata() -> dict[str, Any]:
    """Return what a number needs beside it to be repeated."""
    return {
        "command": shlex.join(["python", *sys.argv]),
        "date": datetime.date.today().isoformat(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "fit_code": code_digest()[:12],
        "versions": {name: version(name) for name in PACKAGES},
    }


class Job(NamedTuple):
    """A row of every table that the tasks of a data set belong to."""

    benchmark: Benchmark
    resampling: Resampling
    name: str

    def tables(self) -> set[str]:
        """Tables that get a row."""
        of_anchors = split_name(self.name)[2]
        return {table_of(task.name, of_anchors) for task in self.benchmark.tasks}

    def place(self) -> str:
        """Data set, split and protocol."""
        return f"{self.benchmark.dataset}, {self.resampling.name}, {self.benchmark.protocol}"


def run(
    title: str,
    makers: list[Callable[[], Benchmark]],
    tables: Collection[str],
    known: Mapping[str, Representation | None] | None = None,
    arguments: list[str] | None = None,
) -> list[Results]:
    """Measure every row that is not there yet, and print the tables.

    Parameters
    ----------
    title : str
        Shown by ``--help``.
    makers : list of callables
        Each loads a data set with its tasks: all that the tables have.
    tables : collection of str
        Names of the tables to show. A representation serves all tasks of its data set, so rows of
        another table may be measured too, and are kept.
    known : mapping of name to representation, default=None
        Rows to choose from, None instead of a representation for the constant; None means all
        methods and the constant.
    arguments : list of str, default=None
        Command line; None means ``sys.argv``.

    Returns
    -------
    list of Results
        The shown tables.
    """
    if known is None:
        known = {"constant": None, **representations()}
    options = _parse(title, list(known), arguments)
    torch.set_num_threads(1)
    with threadpool_limits(1):  # the probes as well: two runs side by side would fight for cores
        return _run(options, makers, tables, known)


def _run(
    options: argparse.Namespace,
    makers: list[Callable[[], Benchmark]],
    tables: Collection[str],
    known: Mapping[str, Representation | None],
) -> list[Results]:
    # Quick rows never take the place of full ones.
    folder = options.output / "quick" if options.quick else options.output
    store = {table: Results(folder / f"table{table}.json", metadata()) for table in TABLES}
    benchmarks = [replace(make(), device=options.device, cache=options.cache) for make in makers]
    _check_names(options.datasets, benchmarks)
    jobs = [
        Job(benchmark, resampling, name)
        for benchmark in benchmarks
        for resampling in benchmark.resamplings[: 1 if options.quick else None]
        for name in known
        if _applies(name, benchmark)
    ]
    wanted = [job for job in jobs if _is_wanted(job, options)]
    missing = [job for job in wanted if not _is_there(job, store, **_budget(job, options))]
    for job in missing:
        _check_poorer(job, store, **_budget(job, options))
    for job in tqdm(missing, unit="row"):
        budget = _budget(job, options)
        benchmark, resampling, name = job
        if options.quick:
            resampling = thinned(resampling)
        measured = measure(benchmark, resampling, name, known[name], **budget)
        for row in make_rows(benchmark, resampling, name, measured, **budget):
            store[row["table"]].add([row])
    to_come = [job for job in jobs if not _is_there(job, store, **_budget(job, options))]
    shown = [store[table] for table in tables]
    methods = [name.partition("@")[0] for name in known]
    for results in shown:
        results.sort(methods)
        missing = [job for job in to_come if results.name in job.tables()]
        print("\n" + results.write_markdown(_by_place(missing)), end="")
    return shown


def _by_place(jobs: list[Job]) -> list[str]:
    """Name the jobs of each data set, split and protocol."""
    places = dict.fromkeys(job.place() for job in jobs)
    return [
        f"{place}: {', '.join(job.name for job in jobs if job.place() == place)}"
        for place in places
    ]


def thinned(resampling: Resampling) -> Resampling:
    """Return the same splits with every k-th training series, a few hundred."""

    def splits(seed: int) -> list[Split]:
        parts = resampling.splits(seed)
        return [
            replace(part, train=part.train[:: -(-len(part.train) // QUICK_SERIES)])
            for part in parts
        ]

    return replace(resampling, splits=splits)


def _parse(title: str, names: list[str], arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=title)
    seeds, epochs = "default: 5; 10 splits of patients; 1 published", "default: 100; the released"
    parser.add_argument("--seeds", type=_positive, help=seeds)
    parser.add_argument("--epochs", type=_positive, help=epochs)
    parser.add_argument("--quick", action="store_true", help="one seed, few epochs and series")
    parser.add_argument("--methods", nargs="*", choices=names, help="rows; default: all")
    parser.add_argument("--datasets", nargs="*", metavar="NAME", help="e.g. ETTh1; default: all")
    parser.add_argument("--device", default="cpu", help="of the estimators, e.g. cuda")
    parser.add_argument("--protocol", choices=["corrected", "as published"])
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder of the fits")
    return parser.parse_args(arguments)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not positive")
    return number


def _check_names(datasets: list[str] | None, benchmarks: list[Benchmark]) -> None:
    """Refuse a data set that the tables do not have."""
    known = dict.fromkeys(benchmark.dataset for benchmark in benchmarks)
    if unknown := [name for name in datasets or [] if name not in known]:
        raise SystemExit(f"--datasets {unknown} are unknown; expected some of {list(known)}.")


def _budget(job: Job, options: argparse.Namespace) -> dict[str, Any]:
    """Seeds and epochs of a row."""
    own = (1, QUICK_EPOCHS) if options.quick else (job.resampling.n_seeds, _full_epochs(job))
    seeds, epochs = options.seeds or own[0], options.epochs or own[1]
    return {"seeds": list(range(seeds)), "epochs": epochs_of(job.name, epochs)}


def _full_epochs(job: Job) -> int:
    """Epochs of the benchmark, or those of the trial that the search has chosen."""
    found = params_of(job.name, job.benchmark) or {}
    return found.get("max_epochs", job.benchmark.epochs)


def _is_wanted(job: Job, options: argparse.Namespace) -> bool:
    """Whether the command line asks for a row, and the search has found what it needs."""
    method, _, suffix = job.name.partition("/")
    if is_tuned(suffix) and not has_tuned(job.benchmark.preset, method):
        return False
    return (
        options.protocol in (None, job.benchmark.protocol)
        and job.benchmark.dataset in (options.datasets or [job.benchmark.dataset])
        and job.name in (options.methods or [job.name])
    )


def _applies(name: str, benchmark: Benchmark) -> bool:
    """Whether a row makes sense for a data set."""
    if benchmark.protocol == "as published":
        if name.startswith("raw/"):
            return name == "raw/flat"  # the paper's raw features
        if is_tuned(name.partition("/")[2]):  # its parameters are the published ones
            return False
    return not (benchmark.asks_windows and name in ("raw/minirocket", "raw/missingness"))


def _is_there(job: Job, store: dict[str, Results], seeds: list[int], epochs: int) -> bool:
    """Whether the rows of a job have been measured, with these parameters."""
    params = params_of(job.name, job.benchmark)
    return all(
        results.has(seeds=seeds, epochs=epochs, params=params, **place)
        for results, place in _places(job, store)
    )


def _check_poorer(job: Job, store: dict[str, Results], seeds: list[int], epochs: int) -> None:
    """Refuse to put a row in the place of one with more seeds or epochs."""
    for results, place in _places(job, store):
        for row in results.rows:
            there = all(row[name] == place[name] for name in place)
            if there and (row["n_seeds"] > len(seeds) or row["epochs"] > epochs):
                raise SystemExit(
                    f"{results.path} has {job.name} ({job.place()}) with {row['n_seeds']} seeds "
                    f"and {row['epochs']} epochs; {len(seeds)} and {epochs} would take its place. "
                    "Pass another folder as --output, or --quick."
                )


def _places(job: Job, store: dict[str, Results]) -> Iterator[tuple[Results, dict[str, Any]]]:
    """Where the rows of a job stand, one a task."""
    method, anchor, of_anchors = split_name(job.name, job.benchmark.preset)
    for task in job.benchmark.tasks:
        yield (
            store[table_of(task.name, of_anchors)],
            {
                "protocol": job.benchmark.protocol,
                "dataset": job.benchmark.dataset,
                "task": task.name,
                "split": job.resampling.name,
                "method": method,
                "anchor": anchor,
            },
        )
