"""Write the tables of docs/evaluation.md from the rows that are there.

    python -m benchmarks.tables.page

Means over seeds, deviations, leaks and intervals as in ``benchmarks/results/table{3,4,5,8}.json``,
side by side by data set; a row that is still to come is a dash. Differences of methods are taken
split by split, errors of ETTh1 are also shown block by block. Last come the trials of
``search.json`` and ``ideas.json``.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measuring import read_rows, write_tables
from benchmarks.tables.entries import entries_of
from benchmarks.tables.rows import ANCHOR_TABLES, METHOD_TABLES, Results, Row

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "evaluation.md"
RESULTS = ROOT / "benchmarks" / "results"
CORRECTED, PUBLISHED = "corrected", "as published"
SCRIPT = "tables/page.py"
Document = dict[str, Any]  # a trial of the search, or an idea


class Column(NamedTuple):
    """A task of a split, by a metric."""

    heading: str
    task: str
    split: str
    metric: str = "accuracy"

    def holds(self, row: Row) -> bool:
        """Whether a row belongs here."""
        return all(
            getattr(row, name) == getattr(self, name) for name in ("task", "split", "metric")
        )


PATIENTS, RELEASED = "random patients", "published split"
AIR_QUALITY = (
    Column("test 2016", "month", "test 2016"),
    Column("leave one year out", "month", "leave one year out"),
)
PHYSIONET = (
    Column("unit type", "ICU type", PATIENTS),
    Column("AUPRC", "mortality", PATIENTS, "AUPRC"),
    Column("AUROC", "mortality", PATIENTS, "AUROC"),
)
ETTH1 = (Column("MAE, °C", "oil temperature", "blocked folds", "MAE"),)
ALL_PUBLISHED = (
    Column("month", "month", RELEASED),
    Column("unit type", "ICU type", RELEASED),
    Column("AUPRC", "mortality", RELEASED, "AUPRC"),
    Column("AUROC", "mortality", RELEASED, "AUROC"),
    Column("MAE, °C", "oil temperature", RELEASED, "MAE"),
)
REFERENCE = "StaticDynamicVAE/tuned"
TEST_TO_TRAIN = 0.2 / 0.8  # patients that a probe is asked for, and fitted on
SECTIONS: tuple[tuple[str, str, Sequence[str], Sequence[Column]], ...] = (
    ("Air Quality, corrected: accuracy of the month", CORRECTED, METHOD_TABLES, AIR_QUALITY),
    ("PhysioNet 2012, corrected, ten splits of patients", CORRECTED, METHOD_TABLES, PHYSIONET),
    ("ETTh1, corrected, six blocks", CORRECTED, METHOD_TABLES, ETTH1),
    ("As published, in brackets the paper's numbers", PUBLISHED, METHOD_TABLES, ALL_PUBLISHED),
    (
        "Anchors, corrected",
        *(CORRECTED, ANCHOR_TABLES),
        (*AIR_QUALITY, *PHYSIONET, *ETTH1),
    ),
    ("Anchors, as published", PUBLISHED, ANCHOR_TABLES, ALL_PUBLISHED),
)


def read(folder: Path = RESULTS) -> list[Row]:
    """Rows of all tables."""
    paths = [folder / f"table{number}.json" for number in (*METHOD_TABLES, *ANCHOR_TABLES)]
    return [row for path in paths for row in Results(path, {}).rows]


def cell(row: Row) -> str:
    """Mean and deviation, the leaks, an interval of errors, and what was published."""
    text = f"{row.mean:.3f}" + ("" if row.std is None else f" ± {row.std:.3f}")
    if row.leakage is not None:
        leaks = (row.leakage, row.leakage_course)
        text += f" (leak {' / '.join('-' if leak is None else f'{leak:.2f}' for leak in leaks)})"
    if row.metric == "MAE":
        text += f" ({row.ci_low:.1f} to {row.ci_high:.1f})"
    return text + ("" if row.published is None else f" [{row.published}]")


def difference(row: Row, other: Row) -> str:
    """Mean over splits of the difference to another row, and its standard error.

    Random splits share patients, so that differences are no independent ones; the error is that of
    the corrected resampled t-test (Nadeau and Bengio 2003): variance of the differences times
    1 / their number + size of the test part / that of the training part.
    """
    if row.seeds != other.seeds:  # a seed is a split
        raise ValueError(f"splits {row.seeds} and {other.seeds} are not the same")
    differences = np.subtract(row.values or [], other.values or [])
    variance = differences.var(ddof=1) * (1 / len(differences) + TEST_TO_TRAIN)
    return f"{differences.mean():+.3f} ± {variance**0.5:.3f}"


def by_method(rows: list[Row]) -> dict[str, list[Row]]:
    """Rows by the name of their line, in the order of the tables."""
    known = [entry.name for entry in entries_of("3")]
    place = {name: number for number, name in enumerate(known)}
    names = list(dict.fromkeys(row.label for row in rows))
    names.sort(key=lambda name: place.get(name.partition(",")[0], len(place)))
    return {name: [row for row in rows if row.label == name] for name in names}


def lines_of(head: Sequence[str], lines: Mapping[str, Sequence[str]]) -> str:
    """Markdown of a table; lines of nothing but dashes are left out."""
    rows = [f"| `{name}` | {' | '.join(of)} |" for name, of in lines.items() if set(of) != {"-"}]
    rule = "|" + " --- |" * (len(head) + 1)
    return "\n".join([f"| {' | '.join(['method', *head])} |", rule, *rows])


def section(rows: list[Row], columns: Sequence[Column], show: Callable[[Row], str] = cell) -> str:
    """One line per method, in the order of the tables, and one column per task."""
    lines = {
        name: [next((show(row) for row in of if column.holds(row)), "-") for column in columns]
        for name, of in by_method(rows).items()
    }
    return lines_of([column.heading for column in columns], lines)


def pairs(rows: list[Row], columns: Sequence[Column]) -> str:
    """What each method has more than the tuned flagship, on the same splits."""
    known = {(row.task, row.metric): row for row in rows if row.method == REFERENCE}

    def show(row: Row) -> str:
        other = known.get((row.task, row.metric))
        return "-" if other is None or other is row else difference(row, other)

    return section(rows, columns, show)


def blocks(rows: list[Row]) -> str:
    """Errors per block, and how often the chosen probe is the constant itself."""
    of_blocks = [row for row in rows if row.by_block]
    head = ["probe is constant", *(f"block {number + 1}" for number in range(6))]
    lines = {}
    for name, (row, *_) in by_method(of_blocks).items():
        share = "" if row.constant_share is None else f"{100 * row.constant_share:.0f} %"
        lines[name] = [share, *(f"{error:.1f}" for error in row.by_block or [])]
    return lines_of(head, lines)


def hours(rows: list[Row]) -> float:
    """Processor hours of all seeds, each row as if nothing was shared with another one."""
    cost = {(row.dataset, row.split, row.label): row.seconds * row.n_seeds / 3600 for row in rows}
    return sum(cost.values())


def searched(trials: list[Document]) -> str:
    """What the trials of each method took and gave, a line per data set, method and epochs."""
    studies: dict[tuple[str, str, int, bool], list[Document]] = {}
    for trial in trials:
        key = trial["dataset"], trial["method"], trial["epochs"], trial.get("earlier_code", False)
        studies.setdefault(key, []).append(trial)
    lines = {}
    for (dataset, method, epochs, earlier), of in sorted(studies.items()):
        seconds = np.mean([trial["seconds"] for trial in of])
        values = [trial["value"] for trial in of]
        code = ", earlier code" if earlier else ""
        lines[f"{dataset}, {method}, {epochs} epochs{code}"] = [
            f"{len(of)}",
            f"{seconds:.0f}",
            f"{values[0]:.3f}",
            f"{max(values):.3f}",
        ]
    return lines_of(["trials", "seconds per trial", "untuned", "best"], lines)


def tried(ideas: list[Document]) -> str:
    """What each idea gave, by seed."""
    names = list(dict.fromkeys(row["idea"] for row in ideas))
    tasks = ("month", "ICU type", "mortality")
    lines = {
        name: [
            ", ".join(f"{row[task]:.3f}" for row in ideas if row["idea"] == name and task in row)
            for task in tasks
        ]
        for name in names
    }
    return lines_of(["month, accuracy", "unit type, accuracy", "mortality, AUPRC"], lines)


def tables(rows: list[Row], trials: list[Document], ideas: list[Document]) -> str:
    """All tables of the page."""
    parts = []
    for title, protocol, numbers, columns in SECTIONS:
        chosen = [row for row in rows if row.protocol == protocol and row.table in numbers]
        parts.append(f"**{title}**\n\n{section(chosen, columns)}")
        if columns is PHYSIONET:
            title = f"PhysioNet 2012, corrected: more than `{REFERENCE}`, on the same splits"
            parts.append(f"**{title}**\n\n{pairs(chosen, columns)}")
        if columns is ETTH1:
            parts.append(f"**ETTh1, corrected, MAE in °C of each block**\n\n{blocks(chosen)}")
    corrected = [row for row in rows if row.protocol == CORRECTED]
    parts.append(f"All corrected rows: {hours(corrected):.1f} processor hours.")
    parts.append(f"**The search: score on validation data**\n\n{searched(trials)}")
    parts.append(f"**Ideas: scores on validation data, seeds 0 and 1**\n\n{tried(ideas)}")
    return "\n\n".join(parts)


def read_all() -> tuple[list[Row], list[Document], list[Document]]:
    """Rows of the tables, trials of the search and rows of the ideas."""
    return read(), read_rows(RESULTS / "search.json"), read_rows(RESULTS / "ideas.json")


def main(page: Path = PAGE) -> None:
    write_tables(page, SCRIPT, tables(*read_all()))


if __name__ == "__main__":
    main()
