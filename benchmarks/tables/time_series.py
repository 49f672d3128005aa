"""Time series as a benchmark: tables 3, 4, 5 and 8, under both protocols.

A representation is fitted once for all tasks of its data set, which are reported in several tables.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from inspect import signature
from typing import Any

import numpy as np

from benchmarks.tables import as_published, corrected
from benchmarks.tables.corrected import Benchmark, Resampling
from benchmarks.tables.entries import Encoding, Entry, entries_of, split_params
from benchmarks.tables.fits import fit_cached
from benchmarks.tables.intervals import bootstrap_interval, deviation
from benchmarks.tables.paper_numbers import Cited, cite
from benchmarks.tables.probes import (
    LEAKS,
    Answers,
    Course,
    Metric,
    Split,
    Task,
    accuracy,
    by_unit,
    join,
    mean_of,
)
from benchmarks.tables.rows import ANCHOR_TABLES, METHOD_TABLES, Row
from benchmarks.tables.runner import Job
from tsdisentangle.presets.tuned import SUFFIX, has_tuned, tuned_preset, tuned_trial

# Data sets, by the tables in which the paper reports their tasks; under both protocols.
_DATASETS = {
    "air_quality": ("4", "8"),
    "physionet": ("3", "4", "5", "8"),
    "etth1": ("3", "5"),
}
MAKERS: list[tuple[Callable[[], Benchmark], tuple[str, ...]]] = [
    (getattr(protocol, name), tables)
    for protocol in (corrected, as_published)
    for name, tables in _DATASETS.items()
]
TABLE_OF = {"mortality": "3", "oil temperature": "3", "month": "4", "ICU type": "4"}
ANCHOR_TABLE_OF = {"mortality": "5", "oil temperature": "5", "month": "8", "ICU type": "8"}
QUICK_EPOCHS = 3
QUICK_SERIES = 400  # of a training part

Measured = tuple[list[Answers], list[float]]  # an entry per seed


# -- jobs of the tables -------------------------------------------------------------------------


def load_jobs(options: argparse.Namespace) -> list[Job]:
    """Jobs of the tables of time series among those of the command line.

    Parameters
    ----------
    options : argparse.Namespace
        Of :func:`benchmarks.tables.runner.parse`.
    """
    if options.protocol != "corrected":
        _note_codes_without_spread(options.estimators)
    tables = set(options.tables)
    makers = [make for make, filled in MAKERS if not tables.isdisjoint(filled)]
    benchmarks = [replace(make(), device=options.device, cache=options.cache) for make in makers]
    groups = [group for group in (METHOD_TABLES, ANCHOR_TABLES) if not tables.isdisjoint(group)]
    entries = [entry for group in groups for entry in entries_of(group[0], options.estimators)]
    jobs = [
        make_job(benchmark, resampling, entry, options)
        for benchmark in benchmarks
        for resampling in benchmark.resamplings[: 1 if options.quick else None]
        for entry in entries
        if applies(entry, benchmark)
    ]
    return [job for job in jobs if not tables.isdisjoint(job.tables)]


def applies(entry: Entry, benchmark: Benchmark) -> bool:
    """Whether a row makes sense for a data set."""
    if benchmark.protocol == "as published":
        if entry.features is not None:
            return entry.name == "raw/flat"  # the paper's raw features
        if entry.tuned:  # its parameters are of another protocol
            return False
        if entry.estimator is not None and not _encodes_spread(entry.estimator):
            return False
    return not (benchmark.asks_windows and entry.name in ("raw/minirocket", "raw/missingness"))


def _encodes_spread(kind: Any) -> bool:
    """Whether an estimator gives what the published heads draw codes from."""
    return "return_std" in signature(kind.encode).parameters


def _note_codes_without_spread(estimators: list[type]) -> None:
    for kind in estimators:
        if not _encodes_spread(kind):
            print(
                f"--estimator: the published heads draw codes, and {kind.__name__}.encode has no "
                "return_std: it has no rows as published."
            )


def make_job(
    benchmark: Benchmark, resampling: Resampling, entry: Entry, options: argparse.Namespace
) -> Job:
    """A row of all tasks of a data set."""
    seeds, epochs = budget_of(benchmark, resampling, entry, options)
    keys = [
        {
            "table": table_of(task, entry),
            "protocol": benchmark.protocol,
            "dataset": benchmark.dataset,
            "task": task.name,
            "split": resampling.name,
            "method": entry.method,
            "anchor": anchor_of(entry, benchmark),
        }
        for task in benchmark.tasks
    ]
    used = thinned(resampling) if options.quick else resampling
    return Job(
        entry.name,
        benchmark.dataset,
        resampling.name,
        benchmark.protocol,
        keys,
        partial(measure_rows, benchmark, used, entry, seeds, epochs),
        seeds,
        epochs,
        params_of(entry, benchmark),
        is_ready=not entry.tuned or has_tuned(benchmark.preset, _class_name(entry)),
    )


def budget_of(
    benchmark: Benchmark, resampling: Resampling, entry: Entry, options: argparse.Namespace
) -> tuple[list[int], int]:
    """Seeds and epochs of a row: of the command line, of its trial in the search, or the usual."""
    searched = params_of(entry, benchmark) or {}
    full = resampling.n_seeds, searched.get("max_epochs", benchmark.epochs)
    own = (1, QUICK_EPOCHS) if options.quick else full
    return list(range(options.seeds or own[0])), entry.epochs(options.epochs or own[1])


def table_of(task: Task, entry: Entry) -> str:
    """Table in which the paper reports a task."""
    return (ANCHOR_TABLE_OF if entry.per_anchor else TABLE_OF)[task.name]


def thinned(resampling: Resampling) -> Resampling:
    """Return the same splits with every k-th training series, a few hundred."""

    def splits(seed: int) -> list[Split]:
        parts = resampling.splits(seed)
        return [
            replace(part, train=part.train[:: -(-len(part.train) // QUICK_SERIES)])
            for part in parts
        ]

    return replace(resampling, splits=splits)


# -- representations ----------------------------------------------------------------------------


def represent(
    entry: Entry, X: np.ndarray, benchmark: Benchmark, seed: int, epochs: int
) -> Encoding:
    """What encodes any series, after a fit to training series.

    Parameters
    ----------
    entry : Entry
        Not the constant.
    X : array of shape (n, time, channel)
    benchmark : Benchmark
        Has the settings of untuned rows, and the folder where the fit may be found.
    seed : int
    epochs : int
        Of a row that is trained.
    """
    if entry.features is not None:
        return entry.features(X, benchmark.window, seed)
    budget = {"random_state": seed, "max_epochs": entry.epochs(epochs)}
    params = table_params(entry, benchmark) | budget
    of_fit, after_fit = split_params(entry, params)
    estimator = entry.estimator(**of_fit)
    title = f"{benchmark.dataset} {_class_name(entry)}"
    fit = fit_cached(estimator, X, benchmark.cache, title=title)
    fitted = fit.estimator.set_params(**after_fit) if after_fit else fit.estimator
    return Encoding(fitted.encode, fit.seconds)


def table_params(entry: Entry, benchmark: Benchmark) -> dict[str, Any]:
    """Parameters that a data set gives the estimator of a row."""
    name = _class_name(entry)
    params = {**benchmark.settings, **benchmark.own_settings.get(name, {})}
    params |= {"missing": "mask", "window": benchmark.window, "device": benchmark.device}
    if entry.tuned:
        params |= tuned_preset(benchmark.preset + SUFFIX, name)
        if benchmark.asks_windows:
            params["window"] = benchmark.window
    return params


def params_of(entry: Entry, benchmark: Benchmark) -> dict[str, Any] | None:
    """Tuned parameters of a row, as the search has them; None where it has chosen none."""
    if not entry.tuned or not has_tuned(benchmark.preset, _class_name(entry)):
        return None
    params = tuned_trial(benchmark.preset + SUFFIX, _class_name(entry))
    if benchmark.asks_windows:
        params["window"] = benchmark.window
    return params


def anchor_of(entry: Entry, benchmark: Benchmark) -> str | None:
    """Anchor that the estimator of a row is trained with, if it has one."""
    if entry.estimator is None or "anchor" not in signature(entry.estimator).parameters:
        return None
    default = signature(entry.estimator).parameters["anchor"].default
    given = {**(params_of(entry, benchmark) or {}), **entry.params}
    return given.get("anchor", default)


def _class_name(entry: Entry) -> str:
    return entry.estimator.__name__


# -- measuring ----------------------------------------------------------------------------------


def measure(
    benchmark: Benchmark, resampling: Resampling, entry: Entry, seeds: list[int], epochs: int
) -> list[Measured]:
    """Answers and processor seconds of a row, an entry per seed.

    Parameters
    ----------
    benchmark : Benchmark
    resampling : Resampling
    entry : Entry
    seeds : list of int
    epochs : int

    Returns
    -------
    list of (answers, seconds)
        One per task; a representation is fitted once for all of them.
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
            if not entry.is_constant:
                encoding = represent(entry, benchmark.data[split.train], benchmark, seed, epochs)
                seconds += encoding.seconds  # also where the fit was found, not made
                start = time.process_time()
                codes = encoding.encode(benchmark.data, **wanted)
            for answers, task in zip(folds, benchmark.tasks, strict=True):
                if codes is None:
                    answers.append(task.constant(split))
                else:
                    raw = entry.features is not None
                    answers.append(task.answer(codes, split, raw=raw, seed=seed))
            seconds += time.process_time() - start
        tested = np.concatenate([split.test for split in splits])
        units = tested if benchmark.units is None else benchmark.units[tested]
        for (joined, times), parts in zip(results, folds, strict=True):
            joined.append(replace(join(parts), units=units))
            times.append(seconds)
    return results


def measure_rows(
    benchmark: Benchmark, resampling: Resampling, entry: Entry, seeds: list[int], epochs: int
) -> list[Row]:
    """Measure a row: one per task and metric, with the spread over seeds and an interval."""
    common = {
        "protocol": benchmark.protocol,
        "dataset": benchmark.dataset,
        "split": resampling.name,
        "method": entry.method,
        "seeds": seeds,
        "epochs": epochs,
        "anchor": anchor_of(entry, benchmark),
        "params": params_of(entry, benchmark),
    }
    measured = measure(benchmark, resampling, entry, seeds, epochs)
    return [
        row
        for task, (answers, seconds) in zip(benchmark.tasks, measured, strict=True)
        for row in make_rows(task, entry, answers, seconds, common)
    ]


def make_rows(
    task: Task, entry: Entry, answers: list[Answers], seconds: list[float], common: dict[str, Any]
) -> Iterator[Row]:
    """Yield the rows of a task, one per metric; answers and seconds have an entry per seed."""
    table = table_of(task, entry)
    for name, metric in task.metrics.items():
        values = [metric(a.truth, a.guess) for a in answers]
        low, high = bootstrap_interval(metric, answers)
        published = common["protocol"] == "as published"
        cited = cite(table, task.name, name, entry.name) if published else Cited()
        yield Row(
            **common,
            **{view: _leakage(view, answers) for view in LEAKS},
            table=table,
            task=task.name,
            metric=name,
            mean=float(np.mean(values)),
            std=deviation(values),
            ci_low=low,
            ci_high=high,
            values=values,
            constant_share=mean_of([a.constant for a in answers]),
            by_block=_by_block(task, metric, answers),
            seconds=float(np.mean(seconds)),
            published=cited.published,
            best_public=cited.best_public,
        )


def _leakage(view: str, answers: list[Answers]) -> Any:
    """Mean accuracy of the label from a view of the dynamic code, None where it is no leak."""
    return mean_of([accuracy(a.truth, a.leaked[view]) for a in answers if a.leaked])


def _by_block(task: Task, metric: Metric, answers: list[Answers]) -> list[float] | None:
    """Metric per block, of a task that is asked in blocks: few enough to show each."""
    units = answers[0].units
    if not isinstance(task, Course) or task.blocks is None or units is None:
        return None
    return by_unit(metric, answers, units)
