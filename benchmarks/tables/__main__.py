"""Tables of Berman et al. (2024), each row measured once.

    python -m benchmarks.tables 1 2 3 4 5 7 8 [--quick] [--methods ...] [--seeds ...]

Rows that are there already are kept, and fits are cached, so the command can be stopped and
repeated until the tables are full. ``--estimator mypackage.module:MyMethod`` adds your own class.
"""

import argparse

from benchmarks.tables import speakers, sprites, time_series
from benchmarks.tables.pictures import save_confusion, save_results
from benchmarks.tables.rows import (
    ANCHOR_TABLES,
    CLIP_TABLES,
    METHOD_TABLES,
    SPEAKER_TABLES,
)
from benchmarks.tables.runner import Job, parse, run

LOADERS = {
    CLIP_TABLES: sprites.load_jobs,
    METHOD_TABLES + ANCHOR_TABLES: time_series.load_jobs,
    SPEAKER_TABLES: speakers.load_jobs,
}


def load_jobs(options: argparse.Namespace) -> list[Job]:
    """Jobs of all tables of the command line."""
    chosen = [
        load for tables, load in LOADERS.items() if not set(tables).isdisjoint(options.tables)
    ]
    return [job for load in chosen for job in load(options)]


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw tables.

    Parameters
    ----------
    arguments : list of str, default=None
        Command line; None means ``sys.argv``.
    """
    options = parse(arguments)
    results = run(options, lambda: load_jobs(options))
    save_results(results)
    for table in results:
        if table.name == "1" and (report := sprites.swapped_clips(options, table.rows)) is not None:
            save_confusion(report, table.path.with_name("table1_confusion.png"))


if __name__ == "__main__":
    main()
