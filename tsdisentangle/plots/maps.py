"""Codes as points in the plane."""

from collections.abc import Mapping

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from numpy.typing import ArrayLike
from sklearn.decomposition import PCA

from tsdisentangle.data.codes import Codes
from tsdisentangle.metrics.alignment import align_labels

# Of Okabe and Ito, which colour-blind readers tell apart; markers for print without colours.
COLOURS = ("#0072B2", "#009E73", "#E69F00", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000")
MARKERS = "o^sDvPX<"


def plot_code_maps(
    codes: Codes, labels: np.ndarray, *, label_name: str = "label", title: str = ""
) -> Figure:
    """Static and averaged dynamic codes side by side, as 2-D maps coloured by label.

    Parameters
    ----------
    codes : Codes
    labels : array of shape (n,)
        Colours; at most 20 different ones can be told apart. A Series is aligned with the ids of
        the codes by its index.
    label_name : str, default='label'
        Heading of the legend.
    title : str, default=''
        Heading.

    Returns
    -------
    Figure
        The maps are the first two principal components.
    """
    labels = align_labels(labels, codes.index, label_name)
    figure, axes = plt.subplots(1, 2, figsize=(10, 4.6), layout="constrained")
    names = ("static code", "dynamic code, averaged over time")
    for ax, points, name in zip(axes, (codes.static, codes.mean_dynamic()), names, strict=True):
        flat = PCA(2).fit_transform(points) if points.shape[1] > 2 else points
        _scatter_kinds(ax, flat, labels)
        ax.set(title=name, xlabel="first component", ylabel="second component")
    axes[1].legend(title=label_name, bbox_to_anchor=(1.02, 1), loc="upper left", frameon=False)
    figure.suptitle(title)
    return figure


def plot_map(
    points: np.ndarray,
    labels: Mapping[str, ArrayLike],
    *,
    norm: Normalize | None = None,
    axis_name: str = "component",
    title: str = "",
) -> Figure:
    """The same 2-D map several times, each time coloured by something else.

    Parameters
    ----------
    points : array of shape (n, 2)
        For example a t-SNE of static codes.
    labels : mapping of name to array of shape (n,)
        One panel each. Floats get a colour bar; anything else a legend, in the order of the
        categories of a pandas Categorical, else sorted.
    norm : matplotlib Normalize, default=None
        Scale of the colour bars, for example logarithmic; None is linear.
    axis_name : str, default='component'
        Label of both axes, before their number.
    title : str, default=''
        Heading.

    Returns
    -------
    Figure
        Without ticks: places in such a map have no unit.

    Raises
    ------
    ValueError
        Points that are not 2-D, or NaN among floats.
    """
    if points.shape != (len(points), 2):
        raise ValueError(
            f"points has the shape {points.shape}; expected (n, 2). Bring codes into the plane "
            "first, for example with scikit-learn's TSNE or PCA(2)."
        )
    figure, axes = plt.subplots(
        1, len(labels), figsize=(4.6 * len(labels), 4.8), squeeze=False, layout="constrained"
    )
    for ax, (name, values) in zip(axes[0], labels.items(), strict=True):
        column = pd.Series(values)
        if pd.api.types.is_float_dtype(column):
            if column.isna().any():
                raise ValueError(f"labels[{name!r}] has NaN, which has no colour; leave them out.")
            dots = ax.scatter(
                *points.T, c=column, s=16, cmap="viridis_r", norm=norm, edgecolors="0.4", lw=0.2
            )
            beneath = ax.inset_axes((0.1, -0.15, 0.8, 0.035))
            figure.colorbar(dots, cax=beneath, orientation="horizontal", label=name, format="{x:g}")
        else:
            _scatter_kinds(ax, points, column)
            ax.legend(
                title=name, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=4, frameon=False
            )
        ax.set(xlabel=f"{axis_name} 1", ylabel=f"{axis_name} 2", xticks=[], yticks=[])
    figure.suptitle(title)
    return figure


def _scatter_kinds(ax: Axes, points: np.ndarray, labels: ArrayLike) -> None:
    """Draw each kind in its own colour and with its own marker."""
    labels = pd.Series(labels).astype("category")
    kinds = labels.cat.categories
    n = len(kinds)
    colours = COLOURS if n <= len(COLOURS) else mpl.color_sequences["tab10" if n <= 10 else "tab20"]
    for i, kind in enumerate(kinds):
        chosen = points[labels == kind]
        colour, marker = colours[i % len(colours)], MARKERS[i % len(MARKERS)]
        ax.scatter(
            chosen[:, 0], chosen[:, -1], s=14, color=colour, marker=marker, label=kind, alpha=0.8
        )
