"""Splits that do not leak, raw features against plain loops, and results that survive a stop."""

import json
from argparse import Namespace
from dataclasses import replace

import numpy as np
import pytest
from helpers import REAL

import benchmarks.tables.entries as representations_module
from benchmarks.tables import corrected as protocols
from benchmarks.tables import rows as table
from benchmarks.tables import runner
from benchmarks.tables.entries import (
    FAMILY,
    anchors,
    representations,
)
from benchmarks.tables.probes import Course, Split
from benchmarks.tables.rows import KEY, Results, split_name, table_of
from tsdisentangle import VAE, StaticDynamicVAE
from tsdisentangle.datasets import fetch_physionet2012
from tsdisentangle.evaluation.raw_features import missingness, summary
from tsdisentangle.presets.tuned import tuned_parameters

real = pytest.mark.skipif(
    not REAL.is_dir(), reason="the published files are not here; set TSDISENTANGLE_DATA"
)
MAKERS = (protocols.air_quality, protocols.physionet, protocols.etth1)
FIELDS = {
    *KEY,
    *("mean", "std", "ci_low", "ci_high", "n_seeds", "seeds", "epochs", "anchor"),
    *("leakage", "leakage_course", "values", "constant_share", "by_block"),
    *("seconds", "published", "best_public", "params", "run"),
}


def benchmark(X, window, **more):
    return protocols.Benchmark("generated", X, window, [], [], **more)


@real
@pytest.mark.parametrize("make", MAKERS)
def test_parts_are_disjoint_in_every_split(make):
    for resampling in make(REAL).resamplings:
        for split in resampling.splits(0):
            rows = np.concatenate([split.train, split.validation, split.test])
            assert len(np.unique(rows)) == len(rows)
            assert len(split.train) > len(split.test) / 2 > 0


@real
def test_every_year_and_every_block_is_tested_once():
    leave_out = protocols.air_quality(REAL).resamplings[1].splits(0)
    tested = np.concatenate([s.test for s in leave_out])
    assert len(np.unique(tested)) == len(tested) == 46 * 12  # 2013 begins in March
    etth1 = protocols.etth1(REAL)
    tested = np.concatenate([s.test for s in etth1.resamplings[0].splits(0)])
    np.testing.assert_array_equal(np.sort(tested), np.arange(len(etth1.data)))


@real
def test_patients_are_drawn_anew_for_each_seed_and_stratified():
    made = protocols.physionet(REAL)
    died = made.tasks[1].target
    first, second = (made.resamplings[0].splits(seed)[0] for seed in (0, 1))
    assert set(first.test) != set(second.test)
    assert died[first.test].mean() == pytest.approx(died.mean(), abs=0.01)


@real
@pytest.mark.parametrize("make", [protocols.air_quality, protocols.physionet])
def test_search_never_sees_a_series_of_the_test_parts(make):
    made = make(REAL)
    searched = np.concatenate([[*part.train, *part.validation] for part in made.search])
    assert len(made.search) == 2
    for split in made.resamplings[0].splits(0) + made.resamplings[0].splits(1):
        assert not set(searched) & set(split.test)


@real
def test_search_on_patients_leaves_the_published_records_alone():
    records = fetch_physionet2012(data_home=REAL).groups
    published = fetch_physionet2012(data_home=REAL, protocol="published").groups
    parts = protocols.physionet(REAL).search
    searched = np.concatenate([[*part.train, *part.validation] for part in parts])
    assert not set(records[searched]) & set(published)


def test_settings_reach_the_methods_that_have_them(monkeypatch):
    seen = []
    X = np.random.default_rng(0).normal(size=(6, 8, 2))
    monkeypatch.setattr(VAE, "fit", lambda self, X: seen.append(self.get_params()) or self)
    own = {"VAE": {"beta": 0.7}, "StaticDynamicVAE": {"beta": 0.1}}
    made = benchmark(X, 4, settings={"lr": 0.5, "alpha": 0.3}, own_settings=own)
    representations()["VAE"](X, made, 7, 3)
    assert seen[0]["beta"] == 0.7
    assert (seen[0]["lr"], seen[0]["window"], seen[0]["max_epochs"]) == (0.5, 4, 3)


def test_rows_that_differ_after_fit_only_share_it(tmp_path, monkeypatch):
    X = np.random.default_rng(0).normal(size=(6, 8, 2))
    apart, shared = benchmark(X, 2), replace(benchmark(X, 2), cache=tmp_path)
    rows = representations() | anchors()
    names = ["StaticDynamicVAE", "StaticDynamicVAE/pooled", "StaticDynamicVAE@first"]
    expected = [rows[name](X, apart, 0, 2).encode(X) for name in names]
    found = [rows[name](X, shared, 0, 2) for name in names]
    assert len(list(tmp_path.iterdir())) == 1
    assert found[0].seconds == found[1].seconds > 0  # of one fit, for each of its rows
    for codes, encoding in zip(expected, found, strict=True):
        again = encoding.encode(X)
        np.testing.assert_array_equal(codes.static, again.static)
        np.testing.assert_array_equal(codes.dynamic, again.dynamic)
    assert not np.allclose(expected[0].static, expected[1].static)


def test_other_fits_are_not_shared(tmp_path):
    X = np.random.default_rng(0).normal(size=(6, 8, 2))
    shared = replace(benchmark(X, 2), cache=tmp_path)
    rows = representations()
    for name, series, seed, epochs in [
        ("StaticDynamicVAE", X, 0, 2),
        ("StaticDynamicVAE", X[:5], 0, 2),
        ("StaticDynamicVAE", X, 1, 2),
        ("StaticDynamicVAE", X, 0, 1),
        ("StaticDynamicVAE/no_sub", X, 0, 2),
        ("VAE", X, 0, 2),
    ]:
        rows[name](series, shared, seed, epochs)
    assert len(list(tmp_path.iterdir())) == 6


def test_tuned_rows_take_the_preset_and_the_windows_of_the_task(monkeypatch):
    found = {"hidden": 32, "window": 2, "beta": [0.1, 2.0], "missing": "indicate"}
    found["max_epochs"] = 50  # what the command line or the preset says comes as an argument
    monkeypatch.setattr(
        representations_module, "tuned_preset", lambda *names: tuned_parameters(found)
    )
    seen = []
    X = np.random.default_rng(0).normal(size=(6, 8, 2))
    monkeypatch.setattr(StaticDynamicVAE, "fit", lambda self, X: seen.append(self) or self)
    course = Course("oil temperature", np.zeros((6, 2)))
    for tasks in ([], [course]):
        made = protocols.Benchmark("generated", X, 4, tasks, [])
        representations()["StaticDynamicVAE/tuned"](X, made, 0, 3)
    free, fixed = seen
    assert (free.window, fixed.window) == (2, 4)
    assert free.max_epochs == 3
    assert free.encoder.get_params() == {"kind": "window", "hidden": 32, "out_features": 16}
    assert free.beta == (0.1, 2.0)


def test_every_estimator_computes_where_the_command_says(tmp_path):
    X = np.random.default_rng(0).normal(size=(6, 8, 2))
    part = Split(np.arange(4), np.arange(4, 5), np.arange(5, 6))
    splits = [protocols.Resampling("one", lambda seed: [part], 1)]
    made = protocols.Benchmark("generated", X, 4, [Course("oil temperature", X[..., 0])], splits)
    rows = representations() | anchors()
    folders = ["--output", str(tmp_path), "--cache", str(tmp_path)]
    elsewhere = ["--quick", *folders, "--device", "cuda:99", "--methods"]
    for name in ("StaticDynamicVAE", "StaticDynamicVAE/untrained", *FAMILY):
        with pytest.raises(ValueError, match=r"device='cuda:99' cannot be used"):
            runner.run("table", [lambda: made], ["3"], rows, [*elsewhere, name])
    for name in (name for name in rows if "@" in name or name.endswith("/tuned")):
        with pytest.raises(ValueError, match=r"device='cuda:99' cannot be used"):
            rows[name](X, replace(made, preset="air-quality", device="cuda:99"), 0, 1)


def test_tuned_rows_wait_for_the_search(monkeypatch):
    seen = []
    monkeypatch.setattr(runner, "has_tuned", lambda *names: seen.append(names) or False)
    options = Namespace(protocol=None, datasets=None, methods=None)
    made = benchmark(np.zeros((1, 1, 1)), 1, preset="mars")
    waits = {
        name: not runner._is_wanted(runner.Job(made, None, name), options)
        for name in ("VAE/tuned", "VAE", "StaticDynamicVAE/no_sub")
    }
    assert waits == {"VAE/tuned": True, "VAE": False, "StaticDynamicVAE/no_sub": False}
    assert seen == [("mars", "VAE")]


def test_raw_features_against_plain_loops():
    X = np.random.default_rng(0).normal(size=(3, 5, 2))
    X[0, 1, 0] = X[1, :, 1] = np.nan
    expected = []
    for series in X:
        columns = [series[:, c][~np.isnan(series[:, c])] for c in range(2)]
        parts = [
            [c.mean() if len(c) else 0 for c in columns],
            [c.std() if len(c) else 0 for c in columns],
            [c.min() if len(c) else 0 for c in columns],
            [c.max() if len(c) else 0 for c in columns],
            [np.isnan(series[:, c]).mean() for c in range(2)],
        ]
        expected.append(np.concatenate(parts))
    np.testing.assert_allclose(summary(X), expected, atol=1e-12)
    np.testing.assert_allclose(missingness(X), np.array(expected)[:, -2:])


def test_window_features_of_raw_rows_cover_a_partial_window():
    X = np.arange(10.0).reshape(1, 5, 2)
    codes = representations()["raw/summary"](X, benchmark(X, 2), 0, 1).encode(X)
    assert codes.dynamic.shape == (1, 3, 10)
    last = (X[0, 4] - X[0].mean(axis=0)) / X[0].std(axis=0)
    np.testing.assert_allclose(
        codes.dynamic[0, 2, :2], last, rtol=1e-6
    )  # means of the last, partial one
    np.testing.assert_allclose(codes.dynamic[0, 2, -2:], 0.5)  # half of it is missing


def test_raw_features_are_codes_without_spread():
    X = np.arange(20.0).reshape(2, 5, 2)
    codes = representations()["raw/flat"](X, benchmark(X, 2), 0, 1).encode(X, return_std=True)
    assert codes.static_std.shape == codes.static.shape
    assert codes.dynamic_std.shape == codes.dynamic.shape == (2, 3, 8)
    assert not codes.static_std.any()
    assert not codes.dynamic_std.any()


@pytest.mark.parametrize("protocol", ["as published", "corrected"])
def test_raw_features_are_standardised(protocol):
    """By the training series, observed values alone; a missing one stands at the mean."""
    X = np.random.default_rng(0).normal(50, 20, size=(30, 4, 2))
    X[0, 1, 0] = np.nan
    made = benchmark(X, 2, protocol=protocol)
    static = representations()["raw/flat"](X[:20], made, 0, 1).encode(X[20:]).static
    expected = (X[20:] - np.nanmean(X[:20], axis=(0, 1))) / np.nanstd(X[:20], axis=(0, 1))
    np.testing.assert_allclose(static[:, :8], expected.reshape(10, 8), rtol=1e-5, atol=1e-6)


def test_minirocket_row_reads_values_and_mask():
    pytest.importorskip("numba")
    X = np.random.default_rng(0).normal(size=(12, 20, 2))
    holes = X.copy()
    holes[:, 5] = np.nan
    encode, seconds = representations()["raw/minirocket"](X, benchmark(X, 4), 0, 1)
    assert seconds > 0
    static = encode(X).static
    assert static.shape[0] == 12
    assert static.shape[1] > 1000
    np.testing.assert_array_equal(static, encode(X).static)
    assert not np.allclose(static, encode(holes).static)


@pytest.mark.parametrize(
    ("name", "make", "applies"),
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
def test_rows_that_make_no_sense_are_left_out(name, make, applies):
    protocol = "as published" if make == "published" else make
    task = Course("oil temperature", np.zeros((1, 1)))
    made = protocols.Benchmark("ETTh1", np.zeros((1, 1, 1)), 1, [task], [], protocol=protocol)
    assert runner._applies(name, made) == applies


@pytest.mark.parametrize("n", [1, 400, 401, 2288])
def test_quick_runs_train_on_a_part_and_test_on_all(n):
    split = Split(np.arange(n), np.arange(n, n + 7), np.arange(n + 7, n + 16))
    (quick,) = runner.thinned(protocols.Resampling("any", lambda seed: [split])).splits(0)
    assert min(n, 200) <= len(quick.train) <= 400
    assert len(set(np.diff(quick.train))) <= 1  # evenly, whatever the rows are sorted by
    np.testing.assert_array_equal(quick.validation, split.validation)
    np.testing.assert_array_equal(quick.test, split.test)


@real
@pytest.mark.slow
def test_quick_run_writes_rows_and_goes_on_where_it_was(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TSDISENTANGLE_DATA", str(REAL))
    monkeypatch.setattr(runner, "QUICK_EPOCHS", 2)
    folders = ["--output", str(tmp_path), "--cache", str(tmp_path / "fits")]
    command = ["--quick", *folders, "--methods", "constant", "raw/summary"]
    runner.run("table", [protocols.air_quality], ["4"], None, command)
    first = json.loads((tmp_path / "quick" / "table4.json").read_text())
    assert {row["method"] for row in first["rows"]} == {"constant", "raw/summary"}
    assert set(first["rows"][0]) == FIELDS
    calls = []
    monkeypatch.setattr(runner, "measure", lambda *a, **k: calls.append(a[2]) or _measure(*a, **k))
    runner.run("table", [protocols.air_quality], ["4"], None, [*command, "StaticDynamicVAE"])
    assert calls == ["StaticDynamicVAE"]
    assert len(list((tmp_path / "fits").iterdir())) == 1
    rows = json.loads((tmp_path / "quick" / "table4.json").read_text())["rows"]
    assert rows[:2] == first["rows"]
    flagship = rows[2]
    assert flagship["ci_low"] <= flagship["mean"] <= flagship["ci_high"]
    assert 0 <= flagship["leakage"] <= 1
    assert "| StaticDynamicVAE |" in capsys.readouterr().out
    written = (tmp_path / "quick" / "table4.md").read_text()
    assert "accuracy (1 seeds) |" in written
    place, _, names = written.split("Still to come: ")[1].rstrip(".\n").partition(": ")
    assert place == "Air Quality, test 2016, corrected"
    measured = {"constant", "raw/summary", "StaticDynamicVAE"}
    assert set(names.split(", ")) == set(representations()) - measured


_measure = runner.measure


def test_new_rows_replace_older_ones_of_the_same_key(tmp_path):
    row = {
        **dict.fromkeys(FIELDS),
        **dict.fromkeys(KEY, "a"),
        "protocol": "a",
        "mean": 0.5,
        "std": 0.1,
        "seconds": 2.6,
        "ci_low": 0.4,
    }
    results = Results(tmp_path / "t.json", {})
    results.add([row])
    results.add([{**row, "mean": 0.7}])
    again = Results(tmp_path / "t.json", {})
    assert [r["mean"] for r in again.rows] == [0.7]
    assert not list(tmp_path.glob(".*.tmp"))
    assert "0.700 ± 0.100, 3 s" in again.to_markdown("a")
    assert again.protocols() == ["a"]
    assert again.has(method="a")
    older_file = {name: value for name, value in row.items() if name != "params"}
    again.add([older_file])
    assert again.has(method="a", params=None)
    assert not again.has(method="a", params={"lr": 1})
    for older in ({"ci_low": None}, {"leakage": 0.3}):
        again.add([row | older])  # measured before its interval, or its second leak
        assert not again.has(method="a")  # to be measured anew
    again.add([row | {"leakage": 0.3, "leakage_course": 0.4}])
    assert again.has(method="a")
    assert "± 0.100 (leak 0.300 / 0.400), 3 s" in again.to_markdown("a")


def test_each_row_keeps_the_run_that_measured_it(tmp_path):
    row = {**dict.fromkeys(FIELDS - {"run"}), **dict.fromkeys(KEY, "a")}
    Results(tmp_path / "t.json", {"date": "yesterday"}).add([row])
    Results(tmp_path / "t.json", {"date": "today"}).add([{**row, "method": "b"}])
    dates = {each["method"]: each["run"]["date"] for each in Results(tmp_path / "t.json", {}).rows}
    assert dates == {"a": "yesterday", "b": "today"}


@pytest.mark.parametrize(("number", "together"), [("4", 1), ("8", 2)])
def test_the_anchor_tells_rows_apart_in_tables_of_anchors_alone(tmp_path, number, together):
    row = {**dict.fromkeys(FIELDS - {"run"}), **dict.fromkeys(KEY, "a"), "table": number}
    results = Results(tmp_path / "t.json", {})
    for anchor in ("first", "last"):
        results.add([{**row, "anchor": anchor}])
    assert len(results.rows) == together


def test_a_row_is_measured_anew_when_the_search_has_chosen_otherwise(tmp_path, monkeypatch):
    monkeypatch.setattr(table, "has_tuned", lambda *names: True)
    chosen = {"lr": 1, "window": 2}
    monkeypatch.setattr(table, "tuned_trial", lambda *names: dict(chosen))
    course = Course("oil temperature", np.zeros((6, 2)))
    made = protocols.Benchmark("generated", np.zeros((6, 8, 1)), 4, [course], [])
    job = runner.Job(made, protocols.Resampling("one", None), "VAE/tuned")
    row = {**dict.fromkeys(FIELDS), **dict.fromkeys(KEY, "a"), "ci_low": 0.0, "table": "3"}
    row |= {"protocol": "corrected", "dataset": "generated", "task": "oil temperature"}
    row |= {"split": "one", "method": "VAE/tuned", "seeds": [0], "epochs": 3}
    store = {"3": Results(tmp_path / "table3.json", {})}
    store["3"].add([row | {"params": {"lr": 1, "window": 4}}])  # the window is the task's
    assert runner._is_there(job, store, [0], 3)
    chosen["lr"] = 2
    assert not runner._is_there(job, store, [0], 3)


def test_cells_say_how_much_better_than_the_constant_an_error_is(tmp_path):
    row = {**dict.fromkeys(FIELDS), **dict.fromkeys(KEY, "a"), "protocol": "a", "metric": "MAE"}
    row |= {"mean": 2.0, "std": 0.0, "seconds": 1.0, "n_seeds": 5, "epochs": 0}
    results = Results(tmp_path / "t.json", {})
    better = {**row, "method": "b", "mean": 1.5, "epochs": 9, "published": 3.0}
    results.add([{**row, "method": "constant"}, better])
    assert "| b | 1.500 ± 0.000 (skill 0.25), 9 epochs, 1 s [paper 3.0] |" in results.to_markdown(
        "a"
    )
    assert "skill: 1 - error / that of the constant" in results.write_markdown([])


@pytest.mark.parametrize(
    ("name", "epochs"),
    [
        *(("constant", 0), ("constant@", 0), ("raw/flat", 0), ("VAE", 7)),
        *(("StaticDynamicVAE/pooled_untrained", 0), ("StaticDynamicVAE/tuned_untrained", 0)),
        *(("StaticDynamicVAE/untrained@first", 0), ("StaticDynamicVAE@last", 7)),
    ],
)
def test_rows_without_training_have_no_epochs(name, epochs):
    assert table.epochs_of(name, 7) == epochs


def test_cited_numbers_of_tables_of_methods_and_of_anchors():
    column = ("oil temperature", "MAE")
    cited = table._cited(column, "StaticDynamicVAE", "last"), table._cited(column, "VAE")
    assert [each["published"] for each in cited] == [11.11, 13.66]
    assert table._cited(column, "StaticDynamicVAE/untrained", "first")["published"] is None
    assert table._cited(column, "constant")["published"] is None
    assert {each["best_public"] for each in cited} == {9.89}


def one_task(series=6):
    X = np.random.default_rng(0).normal(size=(series, 8, 2))
    part = Split(np.arange(4), np.arange(4, 5), np.arange(5, series))
    splits = [protocols.Resampling("one", lambda seed: [part], 2)]
    course = Course("oil temperature", X[:, ::4, 0])
    return protocols.Benchmark("generated", X, 4, [course], splits, epochs=2)


def run_constant(folder, *more):
    command = ["--output", str(folder), "--cache", str(folder), *more]
    return runner.run("table", [one_task], ["3", "8"], {"constant": None}, command)


def test_one_seed_has_no_spread(tmp_path):
    (one, empty) = run_constant(tmp_path / "one", "--seeds", "1")
    two = run_constant(tmp_path / "two")[0]
    assert (one.rows[0]["std"], two.rows[0]["std"]) == (None, 0.0)
    assert "±" not in one.to_markdown("corrected")
    assert empty.rows == []  # the rows to come of a table without any are named as well
    assert (tmp_path / "one" / "table8.md").read_text().rstrip().endswith("Still to come: nothing.")


def test_rows_are_shown_in_the_order_of_the_methods(tmp_path):
    known = {"constant": None, "raw/flat": representations()["raw/flat"]}
    command = ["--output", str(tmp_path), "--cache", str(tmp_path), "--methods"]
    for name in reversed(known):
        results = runner.run("table", [one_task], ["3"], known, [*command, name])[0]
    assert [row["method"] for row in results.rows] == ["constant", "raw/flat"]


def test_rows_of_more_seeds_are_not_replaced(tmp_path):
    first = run_constant(tmp_path)[0].rows
    with pytest.raises(SystemExit, match=r"2 seeds and 0 epochs; 1 and 0 would take its place"):
        run_constant(tmp_path, "--seeds", "1")
    assert run_constant(tmp_path)[0].rows == first
    assert len(run_constant(tmp_path, "--seeds", "3")[0].rows[0]["seeds"]) == 3
    run_constant(tmp_path, "--quick")  # in a folder of its own


def test_budget_of_the_command_line(tmp_path):
    assert run_constant(tmp_path, "--quick", "--seeds", "2")[0].rows[0]["seeds"] == [0, 1]
    with pytest.raises(
        SystemExit, match=r"\['Mars'\] are unknown; expected some of \['generated'\]"
    ):
        run_constant(tmp_path, "--datasets", "Mars", "generated")
    with pytest.raises(SystemExit):
        run_constant(tmp_path, "--seeds", "0")


def test_tuned_rows_have_the_epochs_of_their_trial(monkeypatch):
    chosen = {"VAE": {"max_epochs": 250}, "GPVAE": {}}
    monkeypatch.setattr(table, "has_tuned", lambda *names: True)
    monkeypatch.setattr(table, "tuned_trial", lambda preset, method: dict(chosen[method]))

    def epochs(name, **options):
        given = Namespace(**{"seeds": None, "epochs": None, "quick": False, **options})
        made = benchmark(np.zeros((6, 8, 1)), 4)
        return runner._budget(runner.Job(made, protocols.Resampling("one", None), name), given)

    assert epochs("VAE/tuned")["epochs"] == 250
    assert epochs("GPVAE/tuned")["epochs"] == epochs("VAE")["epochs"] == 100
    assert epochs("VAE/tuned", epochs=7)["epochs"] == 7
    assert epochs("VAE/tuned", quick=True)["epochs"] == runner.QUICK_EPOCHS


def test_network_of_the_searched_sizes_is_not_trained(monkeypatch):
    found = {"hidden": 32, "window": 2, "static_pooling": "mean"}
    monkeypatch.setattr(
        representations_module, "tuned_preset", lambda *names: tuned_parameters(found)
    )
    seen = []
    monkeypatch.setattr(StaticDynamicVAE, "fit", lambda self, X: seen.append(self) or self)
    X = np.zeros((6, 8, 2))
    representations()["StaticDynamicVAE/tuned_untrained"](X, benchmark(X, 4), 0, 3)
    assert (seen[0].max_epochs, seen[0].window, seen[0].static_pooling) == (0, 2, "mean")


def test_anchor_of_a_tuned_row_is_the_one_it_was_trained_with():
    assert split_name("StaticDynamicVAE/tuned", "air-quality")[1] == "random_batch"
    assert split_name("StaticDynamicVAE/pooled", "air-quality")[1] == "first"
    assert split_name("VAE/tuned", "air-quality")[1] is None


def test_each_anchor_is_a_row_of_the_tables_of_anchors():
    names = [split_name(name) for name in anchors()]
    assert names == [
        *(("StaticDynamicVAE", anchor, True) for anchor in ("first", "middle", "last")),
        *(("StaticDynamicVAE", anchor, True) for anchor in ("random", "random_batch")),
        ("StaticDynamicVAE/untrained", "first", True),
    ]
    assert split_name("constant@") == ("constant", None, True)
    assert (table_of("month", True), table_of("mortality", True)) == ("8", "5")
    X = np.zeros((4, 6, 2))
    encode, seconds = anchors()["StaticDynamicVAE@last"](X, benchmark(X, 2), 0, 1)
    assert seconds > 0
    assert encode.__self__.anchor == "last"
