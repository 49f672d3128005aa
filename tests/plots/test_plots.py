"""Pictures hold what they are named after."""

import importlib
import sys

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import LogNorm, to_rgba

mpl.use("Agg")

import tsdisentangle.plots
from tsdisentangle.data.codes import Codes
from tsdisentangle.plots import (
    plot_code_maps,
    plot_map,
    plot_panels,
    plot_reconstructions,
)
from tsdisentangle.plots.colours import SAFE


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    mpl.pyplot.close("all")


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"tsdisentangle\[plots\]"):
        importlib.reload(tsdisentangle.plots)


@pytest.mark.parametrize("kinds", [3, 12])
def test_code_maps_show_every_series_in_the_colour_of_its_label(kinds):
    rng = np.random.default_rng(0)
    codes = Codes(rng.normal(size=(60, 4)), rng.normal(size=(60, 5, 3)), np.full(60, 5))
    labels = np.arange(60) % kinds
    figure = plot_code_maps(codes, labels, label_name="kind")
    for ax in figure.axes:
        assert sum(len(dots.get_offsets()) for dots in ax.collections) == 60
        colours = {tuple(dots.get_facecolor()[0]) for dots in ax.collections}
        assert len(colours) == kinds
    assert figure.axes[1].get_legend().get_title().get_text() == "kind"


def test_map_draws_kinds_in_their_given_order_and_floats_by_their_norm():
    points = np.arange(12.0).reshape(6, 2)
    size = pd.Categorical(["big", "small", "mid", "mid", "small", "big"], ["small", "mid", "big"])
    amount = np.array([1.0, 10.0, 100.0, 10.0, 1.0, 1.0])
    figure = plot_map(points, {"size": size, "amount": amount}, norm=LogNorm(), axis_name="PC")
    kinds, amounts = figure.axes[:2]
    legend = kinds.get_legend()
    assert legend.get_title().get_text() == "size"
    assert [text.get_text() for text in legend.get_texts()] == ["small", "mid", "big"]
    for dots, colour, rows in zip(
        kinds.collections, SAFE[:3], ([1, 4], [2, 3], [0, 5]), strict=True
    ):
        np.testing.assert_array_equal(dots.get_offsets(), points[rows])
        assert tuple(dots.get_facecolor()[0][:3]) == to_rgba(colour)[:3]
    (dots,) = amounts.collections
    np.testing.assert_array_equal(dots.get_offsets(), points)
    np.testing.assert_allclose(dots.norm(amount), [0, 0.5, 1, 0.5, 0, 0])
    assert dots.colorbar.ax.get_xlabel() == "amount"
    assert all(ax.get_xlabel() == "PC 1" and ax.get_ylabel() == "PC 2" for ax in (kinds, amounts))


@pytest.mark.parametrize(
    ("points", "labels", "match"),
    [
        (np.zeros((3, 5)), np.zeros(3), r"shape \(3, 5\).*TSNE or PCA"),
        (np.zeros((3, 2)), np.array([0, np.nan, 1]), r"labels\['rain'\] has NaN"),
    ],
)
def test_map_refuses_what_it_cannot_show(points, labels, match):
    with pytest.raises(ValueError, match=match):
        plot_map(points, {"rain": labels})


def test_panels_draw_each_version_of_each_series():
    series = [np.arange(6.0).reshape(3, 2), np.arange(8.0).reshape(4, 2)]
    figure = plot_panels({"a": series, "b": series}, channels=(0, 1), column_names=["x", "y"])
    assert len(figure.axes) == 4
    first, second = figure.axes[0].lines
    np.testing.assert_array_equal(first.get_ydata(), [0, 2, 4])
    assert first.get_color() != second.get_color()
    assert [ax.get_title() for ax in figure.axes[:2]] == ["x", "y"]


def test_reconstructions_split_lines_where_nothing_was_measured():
    nan = np.nan
    truth = [np.array([[0, 5], [1, 5], [nan, 5], [nan, 5], [4, 5.0]]), np.ones((3, 2))]
    guess = [np.arange(10.0, 20).reshape(5, 2), np.zeros((3, 2))]
    time = np.array([0, 0.5, 1, 1.5, 2])
    figure = plot_reconstructions(
        truth, guess, time=time, time_name="day", channels=(0, 1), channel_names=["a", "b (m)"]
    )
    gappy, short, whole, _ = figure.axes
    measured, solid, dashed = gappy.lines
    np.testing.assert_array_equal(measured.get_ydata(), truth[0][:, 0])
    np.testing.assert_array_equal(measured.get_xdata(), time)
    np.testing.assert_array_equal(solid.get_ydata(), [10, 12, nan, nan, 18])
    # One step further on both sides than the gap, to meet the lines.
    np.testing.assert_array_equal(dashed.get_ydata(), [nan, 12, 14, 16, 18])
    assert dashed.is_dashed()
    assert not solid.is_dashed()
    (shade,) = gappy.collections
    x = shade.get_paths()[0].vertices[:, 0]
    assert (x.min(), x.max()) == (0.5, 2.0)
    assert np.isnan(whole.lines[2].get_ydata()).all()
    np.testing.assert_array_equal(short.lines[0].get_xdata(), time[:3])
    assert (whole.get_ylabel(), whole.get_xlabel()) == ("b (m)", "day")
