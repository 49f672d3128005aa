"""Pictures of tables hold what they are named after."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from table_cases import make_row

pytest.importorskip("matplotlib")

import matplotlib.pyplot as plt

from benchmarks.tables.pictures import plot_results, save_confusion, save_results
from benchmarks.tables.rows import Results
from tsdisentangle.evaluation.generation_report import GenerationReport

MONTH = {"table": "4", "task": "month", "split": "test", "metric": "accuracy"}


@pytest.fixture(autouse=True)
def _close_figures():
    yield
    plt.close("all")


def test_results_show_mean_interval_and_published_number():
    row = make_row(**MONTH, method="VAE", mean=0.5, ci_low=0.4, ci_high=0.6, published=0.27)
    other = replace(row, method="GLR", mean=0.7, published=None)
    figure = plot_results([row, other])
    (ax,) = figure.axes
    measured, cited = ax.lines
    np.testing.assert_array_equal(measured.get_xdata(), [0.5, 0.7])
    np.testing.assert_array_equal(cited.get_xdata(), [0.27])
    assert [label.get_text() for label in ax.get_yticklabels()] == ["VAE", "GLR"]


def test_legend_names_what_any_of_the_axes_shows():
    row = make_row(**MONTH, method="VAE")
    cited = replace(row, task="ICU type", published=0.3, ci_low=0.4, ci_high=0.6)

    def names(rows):
        return [text.get_text() for text in plot_results(rows).legends[0].get_texts()]

    assert names([row]) == ["measured"]
    assert sorted(names([row, cited])) == ["interval", "measured", "published"]


def test_rows_without_an_interval_are_drawn_without_it():
    known = make_row(**MONTH, method="VAE", ci_low=0.4, ci_high=0.6)
    unknown = make_row(**MONTH, method="GLR")
    (ax,) = plot_results([known, unknown]).axes
    (only,) = ax.collections[0].get_segments()
    np.testing.assert_allclose(only, [[0.4, 0], [0.6, 0]])
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [0.5, 0.5])


def test_many_columns_of_results_stand_in_several_lines():
    row = make_row(table="1", ci_low=0.4, ci_high=0.6)
    rows = [replace(row, metric=f"m{i}", mean=float(i)) for i in range(6)]
    axes = plot_results(rows).axes
    assert [ax.get_title().split()[-1] for ax in axes] == [f"m{i}" for i in range(6)]
    assert [float(ax.lines[0].get_xdata()[0]) for ax in axes] == [0, 1, 2, 3, 4, 5]
    assert len({ax.get_subplotspec().rowspan.start for ax in axes}) == 2


def test_each_protocol_of_a_table_has_its_picture(tmp_path):
    results = Results(tmp_path / "table4.json", {})
    results.add(make_row(**MONTH, protocol=name) for name in ("corrected", "as published"))
    written = save_results([results])
    names = ["table4_corrected.png", "table4_as_published.png"]
    assert written == [tmp_path / name for name in names]
    assert all(path.stat().st_size > 5_000 for path in written)
    assert not plt.get_fignums()


def test_confusion_has_one_axis_per_label(tmp_path, monkeypatch):
    seen = []
    savefig = plt.Figure.savefig
    monkeypatch.setattr(
        plt.Figure, "savefig", lambda self, *a, **k: seen.append(self) or savefig(self, *a, **k)
    )
    shares = np.array([[0.9, 0.1], [0.4, 0.6]])
    tables = {name: pd.DataFrame(shares, list("ab"), list("ab")) for name in ("hair", "action")}
    path = tmp_path / "confusion.png"
    save_confusion(GenerationReport(pd.DataFrame(), tables, None), path)
    assert path.stat().st_size > 5_000
    (figure,) = seen
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["hair, swapped clips", "action, swapped clips"]
    texts = [(text.get_text(), text.get_color()) for text in figure.axes[0].texts]
    assert texts == [("0.90", "white"), ("0.10", "black"), ("0.40", "black"), ("0.60", "white")]
