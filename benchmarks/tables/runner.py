"""The command line and the resumable loop of all tables."""

import argparse
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from benchmarks.tables.entries import (
    CALLED,
    check_called,
    entries_of,
    has_parameter,
    load_estimator,
)
from benchmarks.tables.fits import default_cache
from benchmarks.tables.rows import ANCHOR_TABLES, CLIP_TABLES, TABLES, Results, Row, metadata

# Options that only some tables read.
READ_BY = {"preset": ("1", "2"), "epochs": ("3", "4", "5", "8")}


@dataclass(frozen=True)
class Job:
    """What is measured in one go: a row of the command line, which may fill rows of several tables.

    Attributes
    ----------
    name : str
        Name of the row, as ``--methods`` takes it.
    dataset, split, protocol : str
        What ``--datasets``, ``--splits`` and ``--protocol`` choose by.
    keys : sequence of mapping
        Fields that tell its rows from others, the table included; one mapping per task.
    measure : callable
        Returns the rows.
    seeds : list of int
    epochs : int or None, default=None
        None where they are known only after the fit.
    params : dict or None, default=None
        That a search has chosen for it.
    is_ready : bool, default=True
        False while the search has not chosen what it needs.
    """

    name: str
    dataset: str
    split: str
    protocol: str
    keys: Sequence[Mapping[str, Any]]
    measure: Callable[[], list[Row]]
    seeds: list[int]
    epochs: int | None = None
    params: dict[str, Any] | None = None
    is_ready: bool = True

    @property
    def tables(self) -> set[str]:
        """Tables that get a row."""
        return {key["table"] for key in self.keys}

    @property
    def place(self) -> str:
        """Data set, split and protocol."""
        return f"{self.dataset}, {self.split}, {self.protocol}"

    def is_done(self, stores: Mapping[str, Results]) -> bool:
        """Whether its rows have been measured, with these seeds, epochs and parameters."""
        wanted: dict[str, Any] = {"seeds": self.seeds, "params": self.params}
        if self.epochs is not None:
            wanted["epochs"] = self.epochs
        return all(stores[key["table"]].has(**key, **wanted) for key in self.keys)


# -- the command line ---------------------------------------------------------------------------


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line.

    Parameters
    ----------
    arguments : list of str, default=None
        None means ``sys.argv``.

    Returns
    -------
    argparse.Namespace
        ``tables`` in the order of :data:`~benchmarks.tables.rows.TABLES`, each once; in
        ``estimators`` the classes that ``--estimator`` names.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    options.tables = [table for table in TABLES if table in options.tables]
    for name, tables in READ_BY.items():
        if getattr(options, name) is not None and set(tables).isdisjoint(options.tables):
            parser.error(f"argument --{name}: only tables {', '.join(tables)} read it")
    options.estimators = [load_estimator(text) for text in options.estimators]
    _check_estimators(options.estimators, options.tables)
    entries = [entry for table in options.tables for entry in entries_of(table, options.estimators)]
    known = dict.fromkeys(entry.name for entry in entries)
    for name in options.methods or ():
        if name not in known:
            choices = ", ".join(map(repr, known))
            parser.error(f"argument --methods: invalid choice: {name!r} (choose from {choices})")
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tables",
        description="Measure what is not there yet of tables of Berman et al. (2024), and show it.",
    )
    add = parser.add_argument
    seeds = "default: 1 in tables 1 and 2; 3 in table 7, of takes; in the others 5, 10 splits of "
    seeds += "patients, 1 published"
    epochs = "of tables 3, 4, 5 and 8; default: 100 or those of the search; the released"
    add("tables", nargs="+", choices=TABLES, metavar="TABLE", help=" ".join(TABLES))
    add(
        "--quick",
        action="store_true",
        help="few epochs, little data, and in tables 3, 4, 5 and 8 one seed",
    )
    add("--methods", nargs="*", metavar="ROW", help="default: all rows")
    add(
        "--estimator",
        action="append",
        dest="estimators",
        default=[],
        metavar="PACKAGE.MODULE:CLASS",
        help="class of your own, a row more in every table; may be given several times",
    )
    add("--seeds", type=_positive, help=seeds)
    add("--epochs", type=_positive, help=epochs)
    add("--datasets", nargs="*", metavar="NAME", help="e.g. ETTh1; default: all")
    add("--splits", nargs="*", metavar="NAME", help="e.g. takes; default: all")
    add("--protocol", choices=["corrected", "as published"], help="default: both")
    add("--preset", choices=["cpu", "full"], help="sizes of tables 1 and 2; default: cpu")
    add("--device", default="cpu", help="of the estimators, e.g. cuda")
    add("--output", type=Path, default=Path("benchmarks/results"))
    add("--cache", type=Path, default=default_cache(), help="folder of the fits")
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not positive")
    return number


def _check_estimators(estimators: list[type], tables: list[str]) -> None:
    """Refuse classes that a table cannot call, and say which of them has no row in some table."""
    names = [kind.__name__ for kind in estimators]
    if doubled := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise SystemExit(f"--estimator: several classes have the name of one row: {doubled}.")
    compared = [table for table in tables if table in ANCHOR_TABLES]
    for kind in estimators:
        for table in tables:
            check_called(kind, CALLED[table], f"--estimator in table {table}")
        if compared and not has_parameter(kind, "anchor"):
            note = f"--estimator: tables {' and '.join(ANCHOR_TABLES)} compare anchors, and "
            note += f"{kind.__name__} has no parameter 'anchor': it has no row there."
            if compared == tables:
                raise SystemExit(note)
            print(note)


# -- the loop -----------------------------------------------------------------------------------


def run(options: argparse.Namespace, load_jobs: Callable[[], list[Job]]) -> list[Results]:
    """Measure every chosen row that is not there yet, and print the tables.

    Parameters
    ----------
    options : argparse.Namespace
        Of :func:`parse`.
    load_jobs : callable
        Returns the jobs of the tables, whether they are chosen or not.

    Returns
    -------
    list of Results
        The tables of ``options``. A job fills rows of other tables too, and those are kept as well.
    """
    if options.device != "cpu" and set(options.tables) <= set(CLIP_TABLES):
        return _run(options, load_jobs())  # all cores feed the device with clips
    torch.set_num_threads(1)
    with threadpool_limits(1):  # the probes as well: two runs side by side would fight for cores
        return _run(options, load_jobs())


def _run(options: argparse.Namespace, jobs: list[Job]) -> list[Results]:
    _check_choices(options, jobs)
    # Quick rows never take the place of full ones.
    folder = options.output / "quick" if options.quick else options.output
    stores = {table: Results(folder / f"table{table}.json", metadata()) for table in TABLES}
    missing = [job for job in jobs if _is_chosen(job, options) and not job.is_done(stores)]
    for job in missing:
        _refuse_poorer(job, stores)
    for job in tqdm(missing, unit="row"):
        rows = job.measure()
        for table in dict.fromkeys(row.table for row in rows):
            stores[table].add(row for row in rows if row.table == table)
    to_come = [job for job in jobs if not job.is_done(stores)]
    for table in options.tables:
        entries = entries_of(table, options.estimators)
        stores[table].sort([entry.method for entry in entries])
        print("\n" + stores[table].write_markdown(_by_place(to_come, table)), end="")
    return [stores[table] for table in options.tables]


def _check_choices(options: argparse.Namespace, jobs: list[Job]) -> None:
    """Refuse data sets and splits that the tables do not have."""
    for option, field in (("datasets", "dataset"), ("splits", "split")):
        known = dict.fromkeys(getattr(job, field) for job in jobs)
        if unknown := [name for name in getattr(options, option) or [] if name not in known]:
            raise SystemExit(f"--{option} {unknown} are unknown; expected some of {list(known)}.")


def _is_chosen(job: Job, options: argparse.Namespace) -> bool:
    """Whether the command line asks for a row, and the search has found what it needs."""
    return (
        job.is_ready
        and options.protocol in (None, job.protocol)
        and job.dataset in (options.datasets or [job.dataset])
        and job.split in (options.splits or [job.split])
        and job.name in (options.methods or [job.name])
    )


def _refuse_poorer(job: Job, stores: Mapping[str, Results]) -> None:
    """Refuse to put a row in the place of one with more seeds or epochs."""
    for key in job.keys:
        for row in stores[key["table"]].rows:
            if any(getattr(row, name) != key[name] for name in key):
                continue
            longer = job.epochs is not None and row.epochs > job.epochs
            if row.n_seeds > len(job.seeds) or longer:
                epochs = "" if job.epochs is None else f" and {job.epochs}"
                raise SystemExit(
                    f"{stores[key['table']].path} has {job.name} ({job.place}) with {row.n_seeds} "
                    f"seeds and {row.epochs} epochs; {len(job.seeds)}{epochs} would take its "
                    "place. Pass another folder as --output, or --quick."
                )


def _by_place(jobs: Iterable[Job], table: str) -> list[str]:
    """Names of the jobs of a table, by data set, split and protocol."""
    names: dict[str, list[str]] = {}
    for job in jobs:
        if table in job.tables:
            names.setdefault(job.place, []).append(job.name)
    return [f"{place}: {', '.join(of)}" for place, of in names.items()]
