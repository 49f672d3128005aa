"""Pictures of codes, reconstructions, swaps and training. Needs matplotlib (extra ``plots``)."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.decomposition import PCA

from tsdisentangle.data.codes import Codes
from tsdisentangle.evaluation.table import Results

try:
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure
except ImportError as error:
    raise ImportError(
        "tsdisentangle.plots needs matplotlib: pip install 'tsdisentangle[plots]'."
    ) from error


def plot_code_maps(
    codes: Codes, labels: np.ndarray, *, label_name: str = "label", title: str = ""
) -> Figure:
    """Static and averaged dynamic codes side by side, as 2-D maps coloured by label.

    Parameters
    ----------
    codes : Codes
    labels : array of shape (n,)
        Colours; at most 20 different ones can be told apart.
    label_name : str, default='label'
        Heading of the legend.
    title : str, default=''
        Heading.

    Returns
    -------
    Figure
        The maps are the first two principal components.
    """
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
    names = ("static code", "dynamic code, averaged over time")
    kinds = np.unique(labels)
    colours = plt.get_cmap("tab10" if len(kinds) <= 10 else "tab20")
    for ax, points, name in zip(axes, (codes.static, codes.mean_dynamic()), names, strict=True):
        flat = PCA(2).fit_transform(points) if points.shape[1] > 2 else points
        for i, kind in enumerate(kinds):
            chosen = flat[labels == kind]
            ax.scatter(chosen[:, 0], chosen[:, -1], s=14, color=colours(i), label=kind, alpha=0.8)
        ax.set(title=name, xlabel="first component", ylabel="second component")
    axes[1].legend(title=label_name, bbox_to_anchor=(1.02, 1), loc="upper left", frameon=False)
    figure.suptitle(title)
    return figure


def plot_panels(
    rows: Mapping[str, Sequence[np.ndarray]],
    *,
    channels: Sequence[int] = (0, 1, 2),
    channel_names: Sequence[str] | None = None,
    column_names: Sequence[str] | None = None,
    title: str = "",
) -> Figure:
    """Several versions of the same series, one line a version, one column a series.

    Parameters
    ----------
    rows : mapping of name to list of arrays (time_i, channel)
        For example the data and their reconstruction, drawn into the same axes.
    channels : sequence of int, default=(0, 1, 2)
        Channels to draw, one line of axes each.
    channel_names : sequence of str, default=None
        Labels of all channels.
    column_names : sequence of str, default=None
        Headings of the columns.
    title : str, default=''
        Heading.

    Returns
    -------
    Figure
    """
    columns = len(next(iter(rows.values())))
    figure, axes = plt.subplots(
        len(channels),
        columns,
        figsize=(3.2 * columns, 1.9 * len(channels)),
        sharex="col",
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    for line, channel in enumerate(channels):
        for column in range(columns):
            for name, series in rows.items():
                axes[line, column].plot(series[column][:, channel], label=name, lw=1.6)
        label = f"channel {channel}" if channel_names is None else channel_names[channel]
        axes[line, 0].set_ylabel(label)
    for ax in axes[-1]:
        ax.set_xlabel("step")
        ax.xaxis.get_major_locator().set_params(integer=True)
    for ax, name in zip(axes[0], column_names or (), strict=False):
        ax.set_title(name, fontsize="medium")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
    figure.suptitle(title)
    return figure


def plot_history(history: Any, *, title: str = "") -> Figure:
    """Terms of the loss over the epochs.

    Parameters
    ----------
    history : skorch History
        ``estimator.history_``.
    title : str, default=''
        Heading.

    Returns
    -------
    Figure
        One axis a term, in nats a series; with early stopping also on the validation part.
    """
    skipped = ("batch_count", "loss_best")
    names = [
        key.removeprefix("train_")
        for key in history[-1]
        if key.startswith("train_") and not key.endswith(skipped)
    ]
    figure, axes = plt.subplots(
        1, len(names), figsize=(3.0 * len(names), 3.0), squeeze=False, layout="constrained"
    )
    epochs = history[:, "epoch"]
    for ax, name in zip(axes[0], names, strict=True):
        for part in ("train", "valid"):
            if f"{part}_{name}" in history[-1]:
                ax.plot(epochs, history[:, f"{part}_{name}"], label=part)
        ax.set(title=name.replace("_", " "), xlabel="epoch")
    axes[0, 0].set_ylabel("nats a series")
    axes[0, 0].legend(frameon=False)
    figure.suptitle(title)
    return figure


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
