"""The presets that ship are the best trials that were written down, a fresh encoder each time."""

import json
from pathlib import Path

import pytest

from tsdisentangle import VAE, StaticDynamicVAE
from tsdisentangle.presets import tuned

SEARCH = Path(__file__).parents[2] / "benchmarks" / "results" / "search.json"


def test_presets_are_the_best_of_equally_many_trials():
    rows = json.loads(SEARCH.read_text())["rows"]
    shipped = json.loads(tuned.TUNED_FILE.read_text())
    trials, studies = {}, {}
    for row in rows:
        trials.setdefault((row["dataset"], row["method"]), []).append(row)
        study = row["dataset"], row["method"], row["epochs"], row.get("earlier_code", False)
        studies.setdefault(study, []).append(row)
    assert "air-quality" in shipped
    for dataset, methods in shipped.items():
        assert set(methods) == {method for name, method in trials if name == dataset}
        counts = {len(studies[dataset, method, 100, False]) for method in methods}
        assert len(counts) == 1, "every method gets the same number of trials"
        for method, params in methods.items():
            best = max(trials[dataset, method], key=lambda row: row["value"])
            longer = {} if best["epochs"] == 100 else {"max_epochs": best["epochs"]}
            assert params == best["params"] | longer
            assert studies[dataset, method, 100, False][0]["params"] == {}
    for rows in studies.values():
        assert rows[0]["params"] == {}, "the untuned default is a trial"
        assert [row["number"] for row in rows] == list(range(len(rows)))


@pytest.mark.parametrize("method", [VAE, StaticDynamicVAE])
def test_preset_is_an_estimator_whose_parameters_can_be_replaced(method):
    estimator = method.from_preset("air-quality-tuned", max_epochs=7, random_state=3)
    assert type(estimator) is method
    assert (estimator.max_epochs, estimator.random_state) == (7, 3)
    other = method.from_preset("air-quality-tuned")
    assert estimator.encoder is None or estimator.encoder is not other.encoder


def test_trial_becomes_parameters():
    found = {"hidden": 32, "beta": [0.1, 2.0], "lr": 0.01}
    params = tuned.tuned_parameters(found)
    assert params["encoder"].get_params() == {"kind": "window", "hidden": 32, "out_features": 16}
    assert (params["beta"], params["lr"]) == ((0.1, 2.0), 0.01)
    assert found == {"hidden": 32, "beta": [0.1, 2.0], "lr": 0.01}


@pytest.mark.parametrize("method", [VAE, StaticDynamicVAE])
def test_unknown_preset_is_refused_with_those_that_there_are(method):
    with pytest.raises(ValueError, match=r"no preset 'mars-tuned'.*air-quality-tuned"):
        method.from_preset("mars-tuned")
