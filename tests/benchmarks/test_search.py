"""The search: the same trials after a stop as without one, the default first, presets from it."""

import json

import numpy as np
import pytest

pytest.importorskip("optuna")

import optuna

from benchmarks import search as script
from benchmarks.tables.corrected import NOBODY, Benchmark
from benchmarks.tables.probes import Split, StaticLabel
from tsdisentangle import make_static_dynamic
from tsdisentangle.methods import METHODS


@pytest.fixture
def search(monkeypatch, tmp_path):
    """Return the script, writing to a folder of its own."""
    monkeypatch.setattr(script, "RESULTS", tmp_path / "search.json")
    monkeypatch.setattr(script, "TUNED_FILE", tmp_path / "tuned.json")
    monkeypatch.setattr(script, "EPOCHS", 1)
    script.TUNED_FILE.write_text('{"mars": {"VAE": {"lr": 1}}}')
    monkeypatch.setitem(script.DATASETS, "air-quality", small_benchmark)
    return script


def small_benchmark():
    bunch = make_static_dynamic(60, random_state=0)
    task = StaticLabel("level", bunch.static_target["level"])
    parts = [Split(np.arange(40), np.arange(40, 60), NOBODY)]
    return Benchmark("generated", bunch.data, 4, [task], [], search=parts)


def trials(search, monkeypatch, number, epochs=1):
    command = ["search.py", "--trials", str(number), "--epochs", str(epochs)]
    command += ["--datasets", "air-quality", "--methods", "VAE", "StaticDynamicVAE"]
    monkeypatch.setattr("sys.argv", command)
    search.main()
    rows = search.read()
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def test_search_that_was_stopped_goes_on_as_if_it_had_not_been(search, monkeypatch):
    trials(search, monkeypatch, 1)
    stopped = trials(search, monkeypatch, 3)
    search.RESULTS.unlink()
    assert trials(search, monkeypatch, 3) == stopped
    assert [row["params"] for row in stopped[:2]] == [{}, {}]
    assert {row["method"] for row in stopped[2:4]} == {"VAE", "StaticDynamicVAE"}
    search.write_presets()
    best = json.loads(search.TUNED_FILE.read_text())["air-quality"]["VAE"]
    values = {row["value"]: row["params"] for row in reversed(stopped) if row["method"] == "VAE"}
    assert best == values[max(values)]
    assert json.loads(search.TUNED_FILE.read_text())["mars"] == {"VAE": {"lr": 1}}  # as before


def test_no_presets_while_a_method_has_had_more_trials(search, monkeypatch, capsys):
    trials(search, monkeypatch, 1)
    row = search.of(search.read(), "air-quality", "VAE", 1)[0]
    search.add({**row, "number": 1})
    search.write_presets()
    assert list(json.loads(search.TUNED_FILE.read_text())) == ["mars"]
    assert "'StaticDynamicVAE': 1, 'VAE': 2" in capsys.readouterr().out


def test_longer_trials_compete_and_are_not_counted(search, monkeypatch):
    trials(search, monkeypatch, 1)
    both = trials(search, monkeypatch, 2, epochs=2)
    longer = [row for row in both if row["epochs"] == 2 and row["method"] == "VAE"]
    assert [row["number"] for row in longer] == [0, 1]
    search.add({**longer[1], "value": 2.0, "number": 2})
    search.write_presets()
    best = json.loads(search.TUNED_FILE.read_text())["air-quality"]["VAE"]
    assert best == {**longer[1]["params"], "max_epochs": 2}


def test_trials_of_earlier_code_compete_and_are_not_gone_on_with(search, monkeypatch):
    first = trials(search, monkeypatch, 1)
    rows = [row | {"earlier_code": True, "value": 2.0} for row in search.read()]
    rows[1]["params"] = {"lr": 0.5}
    search.RESULTS.unlink()
    for row in rows:
        search.add(row)
    assert trials(search, monkeypatch, 1)[2:] == first  # measured anew
    search.write_presets()
    best = json.loads(search.TUNED_FILE.read_text())["air-quality"]
    assert best[rows[1]["method"]] == {"lr": 0.5}


@pytest.mark.filterwarnings("error", "ignore:The fit made")
def test_ideas_are_tried_by_every_method_that_has_their_parameters(search, monkeypatch):
    monkeypatch.setattr(search, "IDEAS", {1: search.IDEAS[13]})
    rows = {row["method"]: row["params"] for row in trials(search, monkeypatch, 2) if row["number"]}
    wide = {"static_dim": 64, "dynamic_dim": 4, "anchor": "random_batch", "static_pooling": "mean"}
    assert rows["StaticDynamicVAE"].items() >= {**wide, "missing": "indicate"}.items()
    assert (rows["VAE"]["dynamic_dim"], rows["VAE"]["missing"]) == (64, "indicate")
    assert set(rows["StaticDynamicVAE"]) > {*wide, "window", "hidden", "lr", "beta", "alpha"}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dataset", ["air-quality", "physionet"])
def test_every_proposal_is_a_valid_estimator(search, method, dataset):
    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask()
    params = search.tuned_parameters(search.propose(trial, method, dataset))
    estimator = search.METHODS[method](**params, max_epochs=0)
    X = np.random.default_rng(0).normal(size=(4, 96, 2))
    assert estimator.fit(X).encode(X).static.shape[0] == 4
