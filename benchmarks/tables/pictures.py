"""Tables of results as pictures."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import ConfusionMatrixDisplay

mpl.use("Agg")  # files, no windows

import matplotlib.pyplot as plt

from benchmarks.tables.rows import Results, Row
from tsdisentangle.evaluation.generation_report import GenerationReport

# Axes side by side, before the next line begins.
MOST_IN_A_LINE = 4


def plot_results(rows: Sequence[Row], *, title: str = "") -> Figure:
    """Mean and interval of every method, one axis per task, split and metric.

    Parameters
    ----------
    rows : sequence of Row
        Of one protocol; not empty.
    title : str, default=''
        Heading.

    Returns
    -------
    Figure
        A published number is a cross; an interval, from ``ci_low`` to ``ci_high`` of a row, that is
        not known (None) is left out.
    """
    columns: dict[str, list[Row]] = {}
    for row in rows:
        columns.setdefault(f"{row.task}\n{row.split}, {row.metric}", []).append(row)
    names = list(dict.fromkeys(row.label for row in rows))
    across = min(len(columns), MOST_IN_A_LINE)
    down = -(-len(columns) // across)
    figure, axes = plt.subplots(
        down,
        across,
        figsize=(2.6 + 2.6 * across, 0.4 + (1.0 + 0.3 * len(names)) * down),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, (column, cells) in zip(axes.flat, columns.items(), strict=False):
        _draw_column(ax, cells, [names.index(row.label) for row in cells])
        ax.set_title(column, fontsize="small")
    for ax in axes.flat[len(columns) :]:
        ax.remove()
    axes[0, 0].set_yticks(range(len(names)), names)
    axes[0, 0].set_ylim(len(names) - 0.5, -0.5)
    named: dict[str, Any] = {}
    for ax in figure.axes:
        named |= dict(zip(*ax.get_legend_handles_labels()[::-1], strict=True))
    figure.legend(
        named.values(), named.keys(), loc="outside lower center", ncols=3, fontsize="small"
    )
    figure.suptitle(title)
    return figure


def _draw_column(ax: Axes, cells: list[Row], places: list[int]) -> None:
    """Draw mean, interval and published number of some rows at their places."""
    mean, low, high = (
        np.array([getattr(row, part) for row in cells], dtype=float)
        for part in ("mean", "ci_low", "ci_high")
    )
    known = np.isfinite(low)
    if known.any():
        ax.hlines(
            *(of[known] for of in (np.array(places), low, high)),
            color="C0",
            lw=1.5,
            label="interval",
        )
    ax.plot(mean, places, "o", color="C0", label="measured")
    cited = [
        (row.published, place)
        for row, place in zip(cells, places, strict=True)
        if row.published is not None
    ]
    if cited:
        ax.plot(*zip(*cited, strict=True), "x", color="C1", label="published")
    ax.locator_params(axis="x", nbins=4)
    ax.grid(axis="x", alpha=0.3)


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
            figure = plot_results(table.of(protocol), title=f"Table {table.name}, {protocol}")
            figure.savefig(path, dpi=100)
            plt.close(figure)
            written.append(path)
    return written


def save_confusion(report: GenerationReport, path: Path) -> None:
    """Draw what the judge saw in swapped clips, one axis per label; rows are the true classes."""
    figure, axes = plt.subplots(1, len(report.confusion), figsize=(18, 4), layout="constrained")
    for ax, (label, table) in zip(axes, report.confusion.items(), strict=True):
        shown = ConfusionMatrixDisplay(table.to_numpy(), display_labels=list(table.index))
        shown.plot(ax=ax, values_format=".2f", colorbar=False, cmap="Blues", im_kw={"vmax": 1})
        # By the common scale, not by the panel's own largest share.
        for text, share in zip(shown.text_.ravel(), table.to_numpy().ravel(), strict=True):
            text.set_color("white" if share > 0.5 else "black")
        ax.set(title=f"{label}, swapped clips", xlabel="seen by the judge", ylabel="true")
    figure.savefig(path, dpi=80)
    plt.close(figure)
