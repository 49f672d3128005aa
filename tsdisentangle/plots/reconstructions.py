"""Series and what the model makes of them, over time."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Two colours of Okabe and Ito, which colour-blind readers tell apart.
BLUE, VERMILION = "#0072B2", "#D55E00"


def plot_panels(
    rows: Mapping[str, Sequence[np.ndarray]],
    *,
    channels: Sequence[int] = (0, 1, 2),
    channel_names: Sequence[str] | None = None,
    column_names: Sequence[str] | None = None,
    title: str = "",
) -> Figure:
    """Several versions of the same series, one line per version, one column per series.

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
    figure, axes = _grid(3.2 * columns, columns, channels, channel_names, column_names)
    for line, channel in enumerate(channels):
        for column in range(columns):
            for name, series in rows.items():
                axes[line, column].plot(series[column][:, channel], label=name, lw=1.6)
    _finish(figure, axes, "step", title)
    return figure


def plot_reconstructions(
    series: Sequence[np.ndarray],
    reconstruction: Sequence[np.ndarray],
    *,
    time: np.ndarray | None = None,
    time_name: str = "step",
    channels: Sequence[int] = (0, 1, 2),
    channel_names: Sequence[str] | None = None,
    column_names: Sequence[str] | None = None,
    title: str = "",
) -> Figure:
    """Series with gaps and their reconstruction, one column per series.

    Parameters
    ----------
    series : list of arrays (time_i, channel)
        NaN where nothing was measured; shaded.
    reconstruction : list of arrays (time_i, channel)
        Dashed where nothing was measured: there it is what ``impute`` fills in.
    time : array of shape (longest time,), default=None
        Places of the steps; None numbers them.
    time_name : str, default='step'
        Label of the time axis.
    channels : sequence of int, default=(0, 1, 2)
        Channels to draw, one line of axes each.
    channel_names : sequence of str, default=None
        Labels of all channels, with units.
    column_names : sequence of str, default=None
        Headings of the columns.
    title : str, default=''
        Heading.

    Returns
    -------
    Figure
    """
    columns = len(series)
    figure, axes = _grid(4.2 * columns, columns, channels, channel_names, column_names)
    for line, channel in enumerate(channels):
        for ax, truth, guess in zip(axes[line], series, reconstruction, strict=True):
            places = np.arange(len(truth)) if time is None else time[: len(truth)]
            _draw_gappy(ax, places, truth[:, channel], guess[:, channel])
    _finish(figure, axes, time_name, title)
    return figure


def _grid(
    width: float,
    columns: int,
    channels: Sequence[int],
    channel_names: Sequence[str] | None,
    column_names: Sequence[str] | None,
) -> tuple[Figure, np.ndarray]:
    """Axes of some channels (down) and series (across)."""
    figure, axes = plt.subplots(
        len(channels),
        columns,
        figsize=(width, 1.9 * len(channels)),
        sharex="col",
        sharey="row",
        squeeze=False,
        layout="constrained",
    )
    for ax, channel in zip(axes[:, 0], channels, strict=True):
        ax.locator_params(axis="y", nbins=7)
        ax.set_ylabel(f"channel {channel}" if channel_names is None else channel_names[channel])
    for ax, name in zip(axes[0], column_names or (), strict=False):
        ax.set_title(name, fontsize="medium")
    return figure, axes


def _finish(figure: Figure, axes: np.ndarray, time_name: str, title: str) -> None:
    """Label the time axes and name the lines."""
    for ax in axes[-1]:
        ax.set_xlabel(time_name)
        ax.xaxis.get_major_locator().set_params(integer=True)
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
    figure.suptitle(title)


def _draw_gappy(ax: Axes, time: np.ndarray, truth: np.ndarray, guess: np.ndarray) -> None:
    """Draw one channel of one series."""
    missing = np.isnan(truth)
    # A step further on both sides, so that the dashes meet the lines.
    gap = np.convolve(missing, [1, 1, 1], mode="same") > 0
    across = ax.get_xaxis_transform()
    ax.fill_between(time, 0, 1, where=gap, transform=across, color="0.9", lw=0, label="missing")
    # Dots as wide as the line show a measurement that is alone between two gaps.
    ax.plot(time, truth, color="0.35", lw=0.9, marker="o", ms=0.9, mew=0, label="measured")
    drawn = np.where(missing, np.nan, guess)
    ax.plot(time, drawn, color=BLUE, lw=1.3, label="reconstruction")
    filled = np.where(gap, guess, np.nan)
    dashes = (0, (2, 1))
    ax.plot(time, filled, color=VERMILION, lw=1.3, ls=dashes, label="imputation")
