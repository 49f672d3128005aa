"""Tables of results as pictures."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from tsdisentangle.evaluation.table import Results


def plot_results(rows: Sequence[Mapping[str, Any]], *, title: str = "") -> Figure:
    """Mean and bootstrap interval of every method, an axis a task, split and metric.

    Parameters
    ----------
    rows : sequence of dict
        Rows of a results file, of one protocol; not empty.
    title : str, default=''
        Heading.

    Returns
    -------
    Figure
        A published number is a cross.
    """
    columns: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        columns.setdefault(f"{row['task']}\n{row['split']}, {row['metric']}", []).append(row)
    names = list(dict.fromkeys(_result_name(row) for row in rows))
    figure, axes = plt.subplots(
        1,
        len(columns),
        figsize=(2.6 + 2.6 * len(columns), 1.4 + 0.3 * len(names)),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, (column, cells) in zip(axes[0], columns.items(), strict=True):
        places = [names.index(_result_name(row)) for row in cells]
        mean, low, high = (
            np.array([row[part] for row in cells]) for part in ("mean", "ci_low", "ci_high")
        )
        ax.hlines(places, low, high, color="C0", lw=1.5)
        ax.plot(mean, places, "o", color="C0", label="measured")
        cited = [
            (row["published"], place)
            for row, place in zip(cells, places, strict=True)
            if row["published"] is not None
        ]
        if cited:
            ax.plot(*zip(*cited, strict=True), "x", color="C1", label="published")
        ax.set_title(column, fontsize="small")
        ax.grid(axis="x", alpha=0.3)
    axes[0, 0].set_yticks(range(len(names)), names)
    axes[0, 0].invert_yaxis()
    axes[0, 0].legend(fontsize="small")
    figure.suptitle(title)
    return figure


def save_results(tables: Iterable[Results]) -> list[Path]:
    """Write a picture of each protocol of each table beside its file.

    Parameters
    ----------
    tables : iterable of Results

    Returns
    -------
    list of Path
    """
    written = []
    for table in tables:
        for protocol in table.protocols():
            path = table.path.with_name(f"{table.path.stem}_{protocol.replace(' ', '_')}.png")
            figure = plot_results(table.of(protocol), title=f"{table.path.stem}, {protocol}")
            figure.savefig(path, dpi=100)
            plt.close(figure)
            written.append(path)
    return written


def _result_name(row: Mapping[str, Any]) -> str:
    plain = row["anchor"] in (None, "first")
    return row["method"] if plain else f"{row['method']}, anchor {row['anchor']}"
