"""Small data sets, rows and command lines that the tests of the tables share."""

import numpy as np

from benchmarks.tables import runner, time_series
from benchmarks.tables.corrected import Benchmark, Resampling
from benchmarks.tables.entries import Entry, entries_of
from benchmarks.tables.probes import Course, Split
from benchmarks.tables.rows import Row

CONSTANT = Entry("constant")


def make_row(**fields):
    """Return a row with something in every field that a row must have."""
    texts = dict.fromkeys(
        ("table", "protocol", "dataset", "task", "split", "method", "metric"), "a"
    )
    numbers = {"mean": 0.5, "std": None, "ci_low": None, "ci_high": None, "seconds": 2.6}
    return Row(**{**texts, **numbers, "seeds": [0], "epochs": 0, **fields})


def entry(name):
    """Return a row of the tables of time series by its name."""
    rows = [*entries_of("3"), *entries_of("5")]
    return next(row for row in rows if row.name == name)


def make_benchmark(X, window, tasks=(), resamplings=(), **more):
    """Return a benchmark of generated series."""
    return Benchmark("generated", X, window, list(tasks), list(resamplings), **more)


def one_task(series=7, **more):
    """Return a benchmark of a few series with one task, of tables 3 and 5."""
    X = np.random.default_rng(0).normal(size=(series, 8, 2))
    part = Split(np.arange(4), np.arange(4, 5), np.arange(5, series))
    splits = [Resampling("one", lambda seed: [part], 2)]
    course = Course("oil temperature", X[:, ::4, 0])
    return make_benchmark(X, 4, [course], splits, **{"epochs": 2, **more})


def run_time_series(monkeypatch, folder, *arguments, tables=("3",), makers=(one_task,), rows=None):
    """Run tables of generated series; ``rows`` of table 3 in the place of all rows."""
    monkeypatch.setattr(time_series, "MAKERS", [(make, tables) for make in makers])
    if rows is not None:
        for module in (runner, time_series):
            monkeypatch.setattr(
                module, "entries_of", lambda table, own=(): rows if table == "3" else []
            )
    folders = ["--output", str(folder), "--cache", str(folder / "fits")]
    options = runner.parse([*tables, *folders, *arguments])
    return runner.run(options, lambda: time_series.load_jobs(options))
