"""Pictures hold what they are named after."""

import importlib
import sys

import numpy as np
import pytest

import tsdisentangle.plots
from benchmarks.tables.pictures import plot_results


def test_without_matplotlib_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r"tsdisentangle\[plots\]"):
        importlib.reload(tsdisentangle.plots)


def test_results_show_mean_interval_and_published_number():
    row = {"table": "4", "task": "month", "split": "test", "metric": "accuracy", "anchor": None}
    row |= {"method": "VAE", "mean": 0.5, "ci_low": 0.4, "ci_high": 0.6, "published": 0.27}
    other = {**row, "method": "GLR", "mean": 0.7, "published": None}
    figure = plot_results([row, other])
    (ax,) = figure.axes
    measured, cited = ax.lines
    np.testing.assert_array_equal(measured.get_xdata(), [0.5, 0.7])
    np.testing.assert_array_equal(cited.get_xdata(), [0.27])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["VAE", "GLR"]


def test_legend_names_what_any_of_the_axes_shows():
    row = {"table": "4", "task": "month", "split": "test", "metric": "accuracy", "anchor": None}
    row |= {"method": "VAE", "mean": 0.5, "ci_low": None, "ci_high": None, "published": None}
    cited = {**row, "task": "ICU type", "published": 0.3, "ci_low": 0.4, "ci_high": 0.6}

    def names(rows):
        return [text.get_text() for text in plot_results(rows).legends[0].get_texts()]

    assert names([row]) == ["measured"]
    assert sorted(names([row, cited])) == ["interval", "measured", "published"]


def test_rows_without_an_interval_are_drawn_without_it():
    row = {"table": "4", "task": "month", "split": "test", "metric": "accuracy", "mean": 0.5}
    row |= {"anchor": None, "published": None}
    known = {**row, "method": "VAE", "ci_low": 0.4, "ci_high": 0.6}
    unknown = {**row, "method": "GLR", "ci_low": None, "ci_high": None}
    (ax,) = plot_results([known, unknown]).axes
    (only,) = ax.collections[0].get_segments()
    np.testing.assert_allclose(only, [[0.4, 0], [0.6, 0]])
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [0.5, 0.5])


def test_many_columns_of_results_stand_in_several_lines():
    row = {"table": "1", "task": "Sprites", "split": "test", "method": "VAE", "anchor": None}
    row |= {"ci_low": 0.4, "ci_high": 0.6, "published": None}
    rows = [{**row, "metric": f"m{i}", "mean": float(i)} for i in range(6)]
    axes = plot_results(rows).axes
    assert [ax.get_title().split()[-1] for ax in axes] == [f"m{i}" for i in range(6)]
    assert [float(ax.lines[0].get_xdata()[0]) for ax in axes] == [0, 1, 2, 3, 4, 5]
    assert len({ax.get_subplotspec().rowspan.start for ax in axes}) == 2
