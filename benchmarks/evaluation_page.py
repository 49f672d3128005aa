"""Write the tables of docs/evaluation.md from the rows that are there.

    python benchmarks/evaluation_page.py

Means over seeds, deviations, leaks and intervals as in ``benchmarks/results/table{3,4,5,8}.json``,
side by side by data set; a row that is still to come is a dash.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from measuring import write_tables

from tsdisentangle.evaluation.representations import representations
from tsdisentangle.evaluation.table import label

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "evaluation.md"
RESULTS = ROOT / "benchmarks" / "results"
CORRECTED, PUBLISHED = "corrected", "as published"
Row = dict[str, Any]


class Column(NamedTuple):
    """A task of a split, by a metric."""

    heading: str
    task: str
    split: str
    metric: str = "accuracy"

    def holds(self, row: Row) -> bool:
        """Whether a row belongs here."""
        return all(row[name] == getattr(self, name) for name in ("task", "split", "metric"))


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
OF_METHODS, OF_ANCHORS = ("3", "4"), ("5", "8")
SECTIONS: tuple[tuple[str, str, Sequence[str], Sequence[Column]], ...] = (
    ("Air Quality, corrected: accuracy of the month", CORRECTED, OF_METHODS, AIR_QUALITY),
    ("PhysioNet 2012, corrected, ten splits of patients", CORRECTED, OF_METHODS, PHYSIONET),
    ("ETTh1, corrected, six blocks", CORRECTED, OF_METHODS, ETTH1),
    ("As published, in brackets the paper's numbers", PUBLISHED, OF_METHODS, ALL_PUBLISHED),
    (
        "Anchors, corrected",
        *(CORRECTED, OF_ANCHORS),
        (*AIR_QUALITY, *PHYSIONET, *ETTH1),
    ),
    ("Anchors, as published", PUBLISHED, OF_ANCHORS, ALL_PUBLISHED),
)


def read(folder: Path = RESULTS) -> list[Row]:
    """Rows of all tables."""
    paths = [folder / f"table{number}.json" for number in (*OF_METHODS, *OF_ANCHORS)]
    return [row for path in paths if path.exists() for row in json.loads(path.read_text())["rows"]]


def cell(row: Row) -> str:
    """Mean and deviation, the leaks, an interval of errors, and what was published.

    Examples
    --------
    >>> row = {"mean": 0.5, "std": 0.01, "metric": "accuracy", "published": None}
    >>> cell(row | {"leakage": 0.1, "leakage_course": 0.25})
    '0.500 ± 0.010 (leak 0.10 / 0.25)'
    >>> cell(row | {"std": None, "published": 0.6, "leakage": None, "leakage_course": None})
    '0.500 [0.6]'
    """
    text = f"{row['mean']:.3f}" + ("" if row["std"] is None else f" ± {row['std']:.3f}")
    leaks = [row.get(name) for name in ("leakage", "leakage_course")]
    if leaks[0] is not None:
        text += f" (leak {' / '.join('-' if leak is None else f'{leak:.2f}' for leak in leaks)})"
    if row["metric"] == "MAE":
        text += f" ({row['ci_low']:.1f} to {row['ci_high']:.1f})"
    return text + ("" if row["published"] is None else f" [{row['published']}]")


def section(rows: list[Row], columns: Sequence[Column]) -> str:
    """One line a method, in the order of the tables, and one column a task."""
    known = ["constant", *representations()]
    names = list(dict.fromkeys(label(row) for row in rows))
    names.sort(key=lambda name: known.index(name.partition(",")[0]))
    head = ["method", *(column.heading for column in columns)]
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    for name in names:
        cells = [
            next((cell(row) for row in rows if label(row) == name and column.holds(row)), "-")
            for column in columns
        ]
        if set(cells) != {"-"}:
            lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines)


def tables(rows: list[Row]) -> str:
    """All tables of the page."""
    parts = []
    for title, protocol, numbers, columns in SECTIONS:
        chosen = [row for row in rows if row["protocol"] == protocol and row["table"] in numbers]
        parts.append(f"**{title}**\n\n{section(chosen, columns)}")
    return "\n\n".join(parts)


def main(page: Path = PAGE) -> None:
    write_tables(page, "evaluation_page.py", tables(read()))


if __name__ == "__main__":
    main()
