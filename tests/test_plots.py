"""Pictures hold what they are named after."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from tsdisentangle.data.codes import Codes
from tsdisentangle.plots import plot_code_maps, plot_panels, plot_results


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


def test_panels_draw_each_version_of_each_series():
    series = [np.arange(6.0).reshape(3, 2), np.arange(8.0).reshape(4, 2)]
    figure = plot_panels({"a": series, "b": series}, channels=(0, 1), column_names=["x", "y"])
    assert len(figure.axes) == 4
    first, second = figure.axes[0].lines
    np.testing.assert_array_equal(first.get_ydata(), [0, 2, 4])
    assert first.get_color() != second.get_color()
    assert [ax.get_title() for ax in figure.axes[:2]] == ["x", "y"]


def test_results_show_mean_interval_and_published_number():
    row = {"task": "month", "split": "test", "metric": "accuracy", "anchor": None}
    row |= {"method": "VAE", "mean": 0.5, "ci_low": 0.4, "ci_high": 0.6, "published": 0.27}
    other = {**row, "method": "GLR", "mean": 0.7, "published": None}
    figure = plot_results([row, other])
    (ax,) = figure.axes
    measured, cited = ax.lines
    np.testing.assert_array_equal(measured.get_xdata(), [0.5, 0.7])
    np.testing.assert_array_equal(cited.get_xdata(), [0.27])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["VAE", "GLR"]
