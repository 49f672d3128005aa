import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import LogNorm, to_rgba

from tsdisentangle.data.codes import Codes
from tsdisentangle.plots import plot_code_maps, plot_map
from tsdisentangle.plots.maps import COLOURS


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
        kinds.collections, COLOURS[:3], ([1, 4], [2, 3], [0, 5]), strict=True
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
