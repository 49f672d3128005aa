"""Rows of time series: what a data set gives an estimator, shared fits, budgets, jobs."""

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import REAL
from table_cases import CONSTANT, entry, make_benchmark, one_task, run_time_series
from toy_methods import DuckTyped, MeansOnly, Subclass

from benchmarks.tables import corrected, runner, time_series
from benchmarks.tables.corrected import Resampling
from benchmarks.tables.entries import METHODS, Entry, entries_of
from benchmarks.tables.probes import Course, Split
from benchmarks.tables.rows import Results, Row
from benchmarks.tables.time_series import anchor_of, applies, make_job, represent, table_of
from tsdisentangle import VAE, StaticDynamicVAE
from tsdisentangle.presets.tuned import tuned_parameters

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"
X = np.random.default_rng(0).normal(size=(6, 8, 2))
NO_OPTIONS = {"seeds": None, "epochs": None, "quick": False}


# -- representations ----------------------------------------------------------------------------


def test_settings_reach_the_methods_that_have_them(monkeypatch):
    seen = []
    monkeypatch.setattr(VAE, "fit", lambda self, X: seen.append(self.get_params()) or self)
    own = {"VAE": {"beta": 0.7}, "StaticDynamicVAE": {"beta": 0.1}}
    made = make_benchmark(X, 4, settings={"lr": 0.5, "alpha": 0.3}, own_settings=own)
    represent(entry("VAE"), X, made, 7, 3)
    assert seen[0]["beta"] == 0.7
    assert (seen[0]["lr"], seen[0]["window"], seen[0]["max_epochs"]) == (0.5, 4, 3)


def test_rows_that_differ_after_fit_only_share_it(tmp_path):
    apart, shared = make_benchmark(X, 2), make_benchmark(X, 2, cache=tmp_path)
    names = ["StaticDynamicVAE", "StaticDynamicVAE/pooled", "StaticDynamicVAE@first"]
    expected = [represent(entry(name), X, apart, 0, 2).encode(X) for name in names]
    found = [represent(entry(name), X, shared, 0, 2) for name in names]
    assert len(list(tmp_path.iterdir())) == 1
    assert found[0].seconds == found[1].seconds > 0  # of one fit, for each of its rows
    for codes, encoding in zip(expected, found, strict=True):
        again = encoding.encode(X)
        np.testing.assert_array_equal(codes.static, again.static)
        np.testing.assert_array_equal(codes.dynamic, again.dynamic)
    assert not np.allclose(expected[0].static, expected[1].static)


def test_other_fits_are_not_shared(tmp_path):
    shared = make_benchmark(X, 2, cache=tmp_path)
    for name, series, seed, epochs in [
        ("StaticDynamicVAE", X, 0, 2),
        ("StaticDynamicVAE", X[:5], 0, 2),
        ("StaticDynamicVAE", X, 1, 2),
        ("StaticDynamicVAE", X, 0, 1),
        ("StaticDynamicVAE/no_sub", X, 0, 2),
        ("VAE", X, 0, 2),
    ]:
        represent(entry(name), series, shared, seed, epochs)
    assert len(list(tmp_path.iterdir())) == 6


def test_tuned_rows_take_the_preset_and_the_windows_of_the_task(monkeypatch):
    found = {"hidden": 32, "window": 2, "beta": [0.1, 2.0], "missing": "indicate"}
    found["max_epochs"] = 50  # what the command line or the preset says comes as an argument
    monkeypatch.setattr(time_series, "tuned_preset", lambda *names: tuned_parameters(found))
    seen = []
    monkeypatch.setattr(StaticDynamicVAE, "fit", lambda self, X: seen.append(self) or self)
    course = Course("oil temperature", np.zeros((6, 2)))
    for tasks in ([], [course]):
        represent(entry("StaticDynamicVAE/tuned"), X, make_benchmark(X, 4, tasks), 0, 3)
    free, fixed = seen
    assert (free.window, fixed.window) == (2, 4)
    assert free.max_epochs == 3
    assert free.encoder.get_params() == {"kind": "window", "hidden": 32, "out_features": 16}
    assert free.beta == (0.1, 2.0)


def test_network_of_the_searched_sizes_is_not_trained(monkeypatch):
    found = {"hidden": 32, "window": 2, "static_pooling": "mean"}
    monkeypatch.setattr(time_series, "tuned_preset", lambda *names: tuned_parameters(found))
    seen = []
    monkeypatch.setattr(StaticDynamicVAE, "fit", lambda self, X: seen.append(self) or self)
    represent(entry("StaticDynamicVAE/tuned_untrained"), X, make_benchmark(X, 4), 0, 3)
    assert (seen[0].max_epochs, seen[0].window, seen[0].static_pooling) == (0, 2, "mean")


def test_an_anchor_row_is_trained_with_its_anchor():
    encode, seconds = represent(entry("StaticDynamicVAE@last"), X, make_benchmark(X, 2), 0, 1)
    assert seconds > 0
    assert encode.__self__.anchor == "last"


def test_every_estimator_computes_where_the_command_says(tmp_path, monkeypatch):
    options = ["--quick", "--device", "cuda:99", "--methods"]
    for name in ("StaticDynamicVAE", "StaticDynamicVAE/untrained", *METHODS):
        with pytest.raises(ValueError, match=r"device='cuda:99' cannot be used"):
            run_time_series(monkeypatch, tmp_path, *options, name)
    elsewhere = one_task(preset="air-quality", device="cuda:99")
    rows = [row for row in entries_of("3") if row.tuned] + entries_of("5")[1:]
    for row in rows:
        with pytest.raises(ValueError, match=r"device='cuda:99' cannot be used"):
            represent(row, X, elsewhere, 0, 1)


def test_a_duck_typed_estimator_has_what_it_has(tmp_path):
    shared = make_benchmark(X, 2, cache=tmp_path, settings={"lr": 0.1})
    encoding = represent(Entry("DuckTyped", DuckTyped), X, shared, 5, 3)
    fitted = encoding.encode.__self__
    assert vars(fitted).keys() == {"window", "random_state", "mean_"}
    assert (fitted.window, fitted.random_state) == (2, 5)
    assert not list(tmp_path.iterdir())  # nobody knows what such a fit depends on


# -- names, anchors, tables ---------------------------------------------------------------------


def test_anchor_of_a_tuned_row_is_the_one_it_was_trained_with():
    made = make_benchmark(X, 2, preset="air-quality")
    assert anchor_of(entry("StaticDynamicVAE/tuned"), made) == "random_batch"
    assert anchor_of(entry("StaticDynamicVAE/pooled"), made) == "first"
    assert anchor_of(entry("StaticDynamicVAE@last"), made) == "last"
    for name in ("VAE/tuned", "VAE", "raw/flat", "constant", "constant@"):
        assert anchor_of(entry(name), made) is None


def test_tasks_stand_in_the_tables_of_the_paper():
    names = ("month", "ICU type", "mortality", "oil temperature")
    tasks = [Course(name, np.zeros((1, 1))) for name in names]
    assert [table_of(task, entry("VAE")) for task in tasks] == ["4", "4", "3", "3"]
    assert [table_of(task, entry("constant@")) for task in tasks] == ["8", "8", "5", "5"]


@pytest.mark.parametrize("table", ["3", "4", "5", "8"])
def test_committed_rows_have_the_anchor_and_parameters_of_their_entry(table):
    presets = {"Air Quality": "air-quality", "ETTh1": "air-quality", "PhysioNet 2012": "physionet"}
    entries = {(row.method, row.params.get("anchor")): row for row in entries_of(table)}
    course = Course("oil temperature", np.zeros((1, 1)))
    rows = Results(RESULTS / f"table{table}.json", {}).rows
    assert rows
    for row in rows:
        chosen = entries[row.method, row.anchor if table in "58" else None]
        tasks = [course] if row.dataset == "ETTh1" else []
        window = 24 if row.dataset == "ETTh1" else 4
        made = make_benchmark(X, window, tasks, preset=presets[row.dataset])
        assert row.anchor == anchor_of(chosen, made)
        assert row.params == time_series.params_of(chosen, made)


@pytest.mark.parametrize(
    ("name", "make", "expected"),
    [
        ("raw/flat", "published", True),
        ("raw/summary", "published", False),
        ("raw/flat", "corrected", True),
        ("raw/minirocket", "corrected", False),
        ("VAE", "published", True),
        ("VAE/untrained", "published", True),
        ("VAE/tuned", "published", False),
        ("StaticDynamicVAE/tuned_untrained", "published", False),
        ("VAE/tuned", "corrected", True),
    ],
)
def test_rows_that_make_no_sense_are_left_out(name, make, expected):
    protocol = "as published" if make == "published" else make
    made = one_task(protocol=protocol)
    assert applies(entry(name), made) == expected


def test_published_heads_need_codes_with_spread():
    published, ours = one_task(protocol="as published"), one_task()
    for kind, expected in ((DuckTyped, True), (Subclass, True), (MeansOnly, False)):
        assert applies(Entry("own", kind), published) == expected
        assert applies(Entry("own", kind), ours)


# -- jobs ---------------------------------------------------------------------------------------


def test_tuned_rows_wait_for_the_search(monkeypatch):
    seen = []
    monkeypatch.setattr(time_series, "has_tuned", lambda *names: seen.append(names) and False)
    made = make_benchmark(np.zeros((1, 1, 1)), 1, preset="mars")
    waits = {
        name: not make_job(
            made, Resampling("one", None), entry(name), Namespace(**NO_OPTIONS)
        ).is_ready
        for name in ("VAE/tuned", "VAE", "StaticDynamicVAE/no_sub")
    }
    assert waits == {"VAE/tuned": True, "VAE": False, "StaticDynamicVAE/no_sub": False}
    assert set(seen) == {("mars", "VAE")}


def test_a_row_is_measured_anew_when_the_search_has_chosen_otherwise(tmp_path, monkeypatch):
    monkeypatch.setattr(time_series, "has_tuned", lambda *names: True)
    chosen = {"lr": 1, "window": 2}
    monkeypatch.setattr(time_series, "tuned_trial", lambda *names: dict(chosen))
    made = one_task()
    options = Namespace(seeds=1, epochs=3, quick=False)
    stores = {"3": Results(tmp_path / "table3.json", {})}

    def is_done():
        return make_job(made, made.resamplings[0], entry("VAE/tuned"), options).is_done(stores)

    assert not is_done()
    fields = {"table": "3", "protocol": "corrected", "dataset": "generated", "split": "one"}
    fields |= {"task": "oil temperature", "method": "VAE/tuned", "metric": "MAE", "mean": 0.5}
    fields |= {"std": None, "ci_low": 0.0, "ci_high": 1.0, "seeds": [0], "epochs": 3, "seconds": 1}
    # The window is the task's.
    stores["3"].add([Row(**fields, params={"lr": 1, "window": 4})])
    assert is_done()
    chosen["lr"] = 2
    assert not is_done()


def test_tuned_rows_have_the_epochs_of_their_trial(monkeypatch):
    chosen = {"VAE": {"max_epochs": 250}, "GPVAE": {}}
    monkeypatch.setattr(time_series, "has_tuned", lambda *names: True)
    monkeypatch.setattr(time_series, "tuned_trial", lambda preset, method: dict(chosen[method]))

    def epochs(name, **options):
        given = Namespace(**{**NO_OPTIONS, **options})
        return make_job(make_benchmark(X, 4), Resampling("one", None), entry(name), given).epochs

    assert epochs("VAE/tuned") == 250
    assert epochs("GPVAE/tuned") == epochs("VAE") == 100
    assert epochs("VAE/tuned", epochs=7) == 7
    assert epochs("VAE/tuned", quick=True) == time_series.QUICK_EPOCHS
    assert epochs("VAE/untrained", epochs=7) == 0


@pytest.mark.parametrize("n", [1, 400, 401, 2288])
def test_quick_runs_train_on_a_part_and_test_on_all(n):
    split = Split(np.arange(n), np.arange(n, n + 7), np.arange(n + 7, n + 16))
    (quick,) = time_series.thinned(Resampling("any", lambda seed: [split])).splits(0)
    assert min(n, 200) <= len(quick.train) <= 400
    assert len(set(np.diff(quick.train))) <= 1  # evenly, whatever the rows are sorted by
    np.testing.assert_array_equal(quick.validation, split.validation)
    np.testing.assert_array_equal(quick.test, split.test)


def test_data_sets_without_a_task_of_the_tables_are_not_loaded(monkeypatch):
    loaded = []

    def load(name):
        loaded.append(name)
        return one_task()

    makers = [(lambda name=name: load(name), tables) for name, tables in (("a", "48"), ("b", "35"))]
    monkeypatch.setattr(time_series, "MAKERS", makers)
    jobs = time_series.load_jobs(runner.parse(["5", "--protocol", "corrected"]))
    assert loaded == ["b"]
    assert {name for job in jobs for name in job.tables} == {"5"}
    assert [job.name for job in jobs] == [row.name for row in entries_of("5")]


def test_a_row_has_every_number_of_every_seed(tmp_path, monkeypatch):
    (table,) = run_time_series(monkeypatch, tmp_path, "--methods", "raw/flat")
    (row,) = table.rows
    assert row.seeds == [0, 1]
    assert len(row.values) == 2
    assert row.mean == pytest.approx(np.mean(row.values))
    assert row.ci_low <= row.mean <= row.ci_high
    assert (row.published, row.best_public, row.leakage) == (None, None, None)
    published = replace(one_task(), protocol="as published")
    (cited,) = time_series.measure_rows(published, published.resamplings[0], CONSTANT, [0], 0)
    assert (cited.published, cited.best_public, cited.std) == (None, 9.89, None)


@pytest.mark.skipif(not REAL.is_dir(), reason="the published files are not here")
@pytest.mark.slow
def test_quick_run_writes_rows_and_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TSDISENTANGLE_DATA", str(REAL))
    monkeypatch.setattr(time_series, "QUICK_EPOCHS", 2)

    def run(*methods):
        makers = (corrected.air_quality,)
        options = ["--quick", "--methods", *methods]
        run_time_series(monkeypatch, tmp_path, *options, tables=("4",), makers=makers)
        return json.loads((tmp_path / "quick" / "table4.json").read_text())["rows"]

    first = run("constant", "raw/summary")
    assert {row["method"] for row in first} == {"constant", "raw/summary"}
    assert list(first[0]) == list(Row.__dataclass_fields__)
    calls = []
    measure = time_series.measure
    monkeypatch.setattr(time_series, "measure", lambda *a: calls.append(a[2].name) or measure(*a))
    rows = run("constant", "raw/summary", "StaticDynamicVAE")
    assert calls == ["StaticDynamicVAE"]
    assert len(list((tmp_path / "fits").iterdir())) == 1
    assert rows[:2] == first
    flagship = rows[2]
    assert flagship["ci_low"] <= flagship["mean"] <= flagship["ci_high"]
    assert 0 <= flagship["leakage"] <= 1
    assert "| StaticDynamicVAE |" in capsys.readouterr().out
    written = (tmp_path / "quick" / "table4.md").read_text()
    assert "accuracy (1 seeds) |" in written
    place, _, names = written.split("Still to come: ")[1].rstrip(".\n").partition(": ")
    assert place == "Air Quality, test 2016, corrected"
    measured = {"constant", "raw/summary", "StaticDynamicVAE"}
    assert set(names.split(", ")) == {row.name for row in entries_of("4")} - measured
