"""The speed benchmark: what it compares computes the same, and its tables say what was measured."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import literal, measuring, speed, speed_cases, speed_quality
from tsdisentangle.data.series import as_series
from tsdisentangle.data.windows import to_windows

ROOT = Path(__file__).parents[2]

TINY = speed.Steps(time=24, channels=2, window=4, batch=4, n_samples=2, batches=2)


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_quick(capsys):
    speed.main(["--quick"])
    rows = json.loads(capsys.readouterr().out)
    assert rows.keys() == {"series", "defaults", "video", "vowels", "memory"}
    assert min(rows.pop("memory")["megabytes"].values()) > 0
    for row in rows.values():
        for low, middle, high in [*row["seconds"].values(), *row["ratios"].values()]:
            assert 0 < low <= middle <= high
        assert row["matrix_product_seconds"] > 0


def test_both_sides_have_one_network_and_one_loss():
    X = speed_cases.noise_series(TINY)
    estimator = speed_cases.published_estimator(TINY).set_params(max_epochs=0).fit(X)
    network = estimator.net_.module_
    twin = speed_cases.literal_network(TINY)
    literal.copy_weights(network, twin)
    windows = to_windows(as_series(X).scaled_by(estimator.scaler_), TINY.window)
    values = windows.values.flatten(1, 2)
    noise = literal.draw_noise(twin, values)
    ours = network(windows, lambda name, shape, like: noise[name].reshape(shape))
    theirs = literal.literal_terms(twin, values, torch.ones_like(values, dtype=torch.bool), noise)
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert network.weights == literal.WEIGHTS


def test_every_side_trains():
    X = speed_cases.noise_series(TINY)
    estimator = speed_cases.published_estimator(TINY).set_params(max_epochs=0).fit(X)
    network = estimator.net_.module_
    before = {name: value.clone() for name, value in network.state_dict().items()}
    windows = to_windows(as_series(X).scaled_by(estimator.scaler_), TINY.window)
    speed_cases.bare_steps(estimator, windows)()
    assert not network.training
    still = [name for name, value in network.state_dict().items() if value.equal(before[name])]
    assert not still


def test_sides_run_in_turn_and_ratios_are_taken_round_by_round(monkeypatch):
    clock = iter([9, 9, 9, 4.0, 2.0, 1.0, 6.0, 1.0, 1.0, 8.0, 8.0, 2.0])
    order = []
    monkeypatch.setattr(measuring, "seconds", lambda function: function() or next(clock))
    monkeypatch.setattr(speed_cases, "matrix_product", lambda: 0.02)
    sides = {name: lambda name=name: order.append(name) for name in "abc"}
    row = speed_cases.compare(sides, 3, 2, {"train": ("a", "b")})
    assert order == list("abcabcabcabc")
    assert row["seconds"]["a"] == [2.5, 3.0, 3.5]
    assert row["ratios"]["train"] == [1.5, 2.0, 4.0]  # of 2, 6 and 1


# -- time to one quality ------------------------------------------------------------------------


@pytest.fixture
def problem(monkeypatch):
    """A problem in the form of Air Quality, small, with gaps."""
    preset = {**speed_quality.PRESETS["air-quality"], "window": 4, "batch_size": 8}
    monkeypatch.setitem(speed_quality.PRESETS, "tiny", preset)
    rng = np.random.default_rng(0)
    base = np.sin(np.arange(48) / 4 + rng.uniform(0, 6, (40, 1)))
    X = np.stack([base, base**2], axis=2).astype(np.float32) * 5 + 3
    X[rng.random(X.shape) < 0.05] = np.nan
    return speed_quality.Problem(X[:30], X[30:], "tiny", 2)


def test_quality_is_measured_in_units_of_the_training_part(problem):
    window = speed_quality.standardise(problem, 4)[1]
    nothing = torch.zeros_like(window.values)
    found = speed_quality.error(nothing, window.values, window.observed)
    mean, spread = np.nanmean(problem.train, (0, 1)), np.nanstd(problem.train, (0, 1))
    expected = np.nanmean(((problem.held_out - mean) / spread) ** 2)
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_an_interrupted_literal_run_goes_on(problem, tmp_path):
    whole = speed_quality.literal_run(problem, 3, tmp_path / "whole.pt")
    speed_quality.literal_run(problem, 2, tmp_path / "parts.pt")
    continued = speed_quality.literal_run(problem, 3, tmp_path / "parts.pt")
    errors = [[point["error"] for point in run["curve"]] for run in (whole, continued)]
    assert errors[0] == errors[1]
    assert len(set(errors[1])) == 3
    spent = [point["seconds"] for point in continued["curve"]]
    assert spent == sorted(spent)


def test_the_package_stops_where_it_is_as_good(problem):
    run = speed_quality.our_run(problem, 0.95, 0, max_epochs=50)
    assert [point["error"] > 0.95 for point in run] == [True] * (len(run) - 1) + [False]
    hopeless = speed_quality.our_run(problem, 0.0, 0, max_epochs=3)
    assert len(hopeless) == 3


def test_the_literal_form_is_charged_no_more_than_it_needs(problem, monkeypatch, tmp_path):
    errors = [0.9, 0.4, 0.6, 0.5]
    literal_run = {
        "curve": [{"seconds": 40.0 * (i + 1), "error": e} for i, e in enumerate(errors)],
        "steps": 10,
        "step_seconds": 4.0,
        "complete_step_seconds": 3.0,
    }
    monkeypatch.setattr(speed_quality, "literal_run", lambda *given: literal_run)
    for reached, seconds, ratio in ((0.45, 2.0, 30.0), (0.55, None, None)):
        run = [{"seconds": 1.0, "error": 0.7}, {"seconds": 2.0, "error": reached}]
        monkeypatch.setattr(speed_quality, "our_run", lambda *given, run=run: run)
        row = speed_quality.time_to_quality(problem, 4, tmp_path)
        assert row["error"] == 0.5
        assert row["literal_epochs_needed"] == 2
        assert row["literal_seconds"] == 60.0
        assert (row["our_seconds"], row["ratio"]) == (seconds, ratio)


# -- results and tables -------------------------------------------------------------------------


def row_of(ratio, *sides):
    return {
        "seconds": {side: [1.0, float(place + 1), 9.0] for place, side in enumerate(sides)},
        "ratios": {"train": [ratio - 0.1, ratio, ratio + 0.1]},
        "matrix_product_seconds": 0.02,
    }


def test_main_measures_what_is_named_and_what_is_not_there(tmp_path, monkeypatch, capsys):
    results, page = tmp_path / "speed.json", tmp_path / "speed.md"
    page.write_text("Before\n{}\nold\n{}\nAfter\n".format(*measuring.marks("speed.py")))
    ran = []

    def cases(rounds):
        def make(name):
            return lambda: ran.append(name) or row_of(rounds, "literal_train", "train")

        return {name: make(name) for name in ("air_quality_m15", "physionet_m10")}

    monkeypatch.setattr(speed, "cases", cases)
    speed.main(["--cases", "physionet_m10", "--rounds", "3"], results, page)
    speed.main(["--rounds", "1"], results, page)
    speed.main([], results, page)
    assert ran == ["physionet_m10", "air_quality_m15"]
    rows = speed.read(results)
    assert all(row["meta"]["versions"]["torch"] for row in rows.values())
    text = page.read_text()
    assert text.startswith("Before\n")
    assert text.endswith("\nAfter\n")
    assert "old" not in text
    lines = [line for line in text.splitlines() if "training step" in line]
    assert "| 1 s | 2 s | 1.00 (0.90 to 1.10) | >= 2.0, **missed** |" in lines[0]
    assert "| 1 s | 2 s | 3.00 (2.90 to 3.10) | >= 1.4 |" in lines[1]


@pytest.mark.parametrize(("ratio", "met"), [(1.09, True), (1.11, False)])
def test_overhead_has_an_upper_limit(ratio, met):
    said = speed.verdict("sprites", "over_bare", ratio)
    assert said.startswith("<= 1.10")
    assert ("missed" not in said) == met


@pytest.mark.parametrize(
    ("ratio", "epochs", "said"),
    [
        (31.0, 30, "| 31 | >= 30 |"),
        (29.0, 30, "| 29 | >= 30, **missed** |"),
        (None, 30, "| not reached | 2 to 4 |  | >= 30, **missed** |"),
        (31.0, 9, "| 31 | >= 30 after 30 epochs, which the literal form has not had yet |"),
    ],
)
def test_table_of_time_to_quality(ratio, epochs, said):
    row = {
        "n_samples": 15,
        "error": 0.5,
        "literal_seconds": 300.0,
        "literal_epochs_needed": 8,
        "epochs": epochs,
        "ours": [[{}] * 4, [{}] * 2, [{}] * 3],
        "our_seconds": ratio and 300 / ratio,
        "ratio": ratio,
    }
    line = speed.quality_table({"quality_air_quality": row}).splitlines()[2]
    assert line.startswith(f"| Air Quality, M = 15 | 0.500 | 300 s | 8 of {epochs} |")
    assert line.endswith(said)


def test_every_case_and_ratio_has_a_name():
    assert set(speed.cases(5)) == set(speed.TITLES)
    assert {name for name, _ in speed.AIMS} <= set(speed.TITLES)


def test_the_page_shows_the_results_that_are_there():
    shown = measuring.shown_tables(ROOT / "docs" / "speed.md", "speed.py")
    assert shown == speed.tables(speed.read(speed.RESULTS))
