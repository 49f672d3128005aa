"""Choose hyper-parameters for the tables: the same number of trials for every method.

Trials see the parts that the corrected protocol keeps for it (``Benchmark.search``), never a test
part: an estimator is fitted on the training part, a linear probe is chosen on the validation part,
and the value is the mean, over parts and tasks, of its score there. The first trial of each method
is its untuned default. Optuna's tree-structured Parzen estimator proposes the others; each trial
has a seed of its own, so that a search which was stopped goes on as if it had not been. After the
twelfth come ideas (``IDEAS``), of which every method takes what it has parameters for, and leaves
the rest to the estimator. Trials of other ``--epochs`` are a search of their own beside it: for a
method whose trials cost less than another's, and may last longer for that. Rows marked
``earlier_code`` are of a search that this code does not repeat, number by number: they compete for
the preset, as trials that were made.

    python benchmarks/search.py [--trials 12] [--methods ...] [--datasets ...] [--epochs 100]
    python benchmarks/search.py --write     # the best trials, as presets, into the package

Needs the extra ``search``. Trials are kept in ``benchmarks/results/search.json``.
"""

import argparse
import json
import sys
import time
import warnings
from inspect import signature
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the root: "benchmarks" is a package there

import numpy as np
import optuna
import torch
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from benchmarks.measuring import add_row, read_rows
from benchmarks.tables import corrected
from benchmarks.tables.corrected import Benchmark
from benchmarks.tables.entries import METHODS
from tsdisentangle.presets.tuned import TUNED_FILE, tuned_parameters

RESULTS = Path(__file__).parent / "results" / "search.json"
DATASETS = {"air-quality": corrected.air_quality, "physionet": corrected.physionet}
EPOCHS = Benchmark.epochs  # of the tables, and an estimator's default
WINDOWS = {"air-quality": (12, 24, 48), "physionet": (2, 4, 8)}

# Trials that are not left to the sampler, by number. Much that stays and little that moves, read
# from all windows; with and without what was measured as a thing to tell.
WIDE = {"static_dim": 64, "dynamic_dim": 4, "dim": 64}
ANY_WINDOW = {"anchor": "random_batch", "static_pooling": "mean"}
IDEAS = {
    12: {**WIDE, **ANY_WINDOW, "missing": "mask"},
    13: {**WIDE, **ANY_WINDOW, "missing": "indicate"},
}


def propose(trial: optuna.Trial, method: str, dataset: str) -> dict[str, Any]:
    """Parameters of a trial, as they stand in the results; only those that the method has."""
    params = {
        "window": trial.suggest_categorical("window", WINDOWS[dataset]),
        "hidden": trial.suggest_categorical("hidden", [64, 128, 256]),
        "dynamic_dim": trial.suggest_categorical("dynamic_dim", [2, 4, 8, 24]),
        "missing": trial.suggest_categorical("missing", ["mask", "indicate"]),
        "lr": trial.suggest_float("lr", 1e-3, 1e-2, log=True),
    }
    has = signature(METHODS[method]).parameters
    if "static_dim" not in has:  # one code, which is static and dynamic
        params["dynamic_dim"] = trial.suggest_categorical("dim", [8, 16, 24, 64])
        params["beta"] = trial.suggest_float("beta", 0.02, 2.0, log=True)
    else:
        params["static_dim"] = trial.suggest_categorical("static_dim", [8, 16, 32, 64])
    if {"static_dim", "beta"} <= set(has):
        static = trial.suggest_float("static_beta", 0.02, 2.0, log=True)
        params["beta"] = [static, trial.suggest_float("dynamic_beta", 0.3, 6.0, log=True)]
    if "length_scale" in has:
        params["length_scale"] = trial.suggest_float("length_scale", 1.0, 8.0, log=True)
    if "counterfactual" in has:
        params["counterfactual"] = trial.suggest_float("counterfactual", 0.1, 10.0, log=True)
        params["subsequence"] = trial.suggest_float("subsequence", 0.3, 1.0)
    if "contrast" in has:
        params["contrast"] = trial.suggest_float("contrast", 0.1, 10.0, log=True)
        params["information"] = trial.suggest_float("information", 0.1, 3.0, log=True)
    if "consistency" in has:
        params["consistency"] = trial.suggest_float("consistency", 1.0, 1000.0, log=True)
    if "prediction" in has:
        params["prediction"] = trial.suggest_float("prediction", 0.01, 1.0, log=True)
    if "eigenvalues" in has:
        params["eigenvalues"] = trial.suggest_float("eigenvalues", 0.01, 1.0, log=True)
    if "discrimination" in has:
        params["discrimination"] = trial.suggest_float("discrimination", 0.1, 10.0, log=True)
    if "anchor" in has:
        params["alpha"] = trial.suggest_float("alpha", 0.05, 1.0, log=True)
        params["anchor"] = trial.suggest_categorical("anchor", ["first", "random_batch"])
        pooling = ["anchor", "mean", "precision"]
        params["static_pooling"] = trial.suggest_categorical("static_pooling", pooling)
    return params


def value_of(benchmark: Benchmark, method: str, params: dict[str, Any], epochs: int) -> list[float]:
    """Mean validation score of each task over the parts of the search."""
    scores = []
    for split in benchmark.search:
        given = {"window": benchmark.window, "missing": "mask", **tuned_parameters(params)}
        estimator = METHODS[method](**given, random_state=0, max_epochs=epochs)
        codes = estimator.fit(benchmark.data[split.train]).encode(benchmark.data)
        scores.append([task.validate(codes, split) for task in benchmark.tasks])
    return np.mean(scores, axis=0).tolist()


def run_trial(
    benchmark: Benchmark, dataset: str, method: str, known: list[dict[str, Any]], epochs: int
) -> dict[str, Any]:
    """Propose the next trial after the known ones, and measure it."""
    number = len(known)
    sampler = optuna.samplers.TPESampler(seed=number, n_startup_trials=4)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for row in known[1:]:
        study.add_trial(
            optuna.trial.create_trial(
                params=row["proposed"],
                distributions={
                    name: optuna.distributions.json_to_distribution(text)
                    for name, text in row["space"].items()
                },
                value=row["value"],
            )
        )
    params, space, proposed = {}, {}, {}
    if number:
        if number in IDEAS:
            study.enqueue_trial(IDEAS[number])
        trial = study.ask()
        params = propose(trial, method, dataset)
        proposed = trial.params
        space = {
            name: optuna.distributions.distribution_to_json(kind)
            for name, kind in trial.distributions.items()
        }
    start = time.process_time()
    scores = value_of(benchmark, method, params, epochs)
    return {
        "dataset": dataset,
        "method": method,
        "number": number,
        "params": params,
        "value": float(np.mean(scores)),
        "scores": dict(zip([task.name for task in benchmark.tasks], scores, strict=True)),
        "seconds": time.process_time() - start,
        "epochs": epochs,
        "proposed": proposed,
        "space": space,
    }


def read() -> list[dict[str, Any]]:
    """Trials that were measured."""
    return read_rows(RESULTS)


def of(rows: list[dict[str, Any]], dataset: str, method: str, epochs: int) -> list[dict[str, Any]]:
    """Trials of a method on a data set, of so many epochs, by this code."""
    key = (dataset, method, epochs)
    return [
        row
        for row in rows
        if (row["dataset"], row["method"], row["epochs"]) == key and not row.get("earlier_code")
    ]


def add(row: dict[str, Any]) -> None:
    """Write a trial after the others."""
    add_row(RESULTS, row)


def write_presets() -> None:
    """Put the best trial of each method into the package, of data sets with equally many.

    Other data sets keep what they have. Trials of other epochs compete, and are not counted.
    """
    rows = read()
    keys = sorted({(row["dataset"], row["method"]) for row in rows})
    best: dict[str, dict[str, Any]] = json.loads(TUNED_FILE.read_text())
    for dataset, method in keys:
        others = [other for name, other in keys if name == dataset]
        counts = {other: len(of(rows, dataset, other, EPOCHS)) for other in others}
        if len(set(counts.values())) > 1:
            print(f"{dataset}: the search goes on ({counts} trials), no preset of {method}")
            continue
        trials = [row for row in rows if (row["dataset"], row["method"]) == (dataset, method)]
        winner = max(trials, key=lambda row: row["value"])
        longer = {} if winner["epochs"] == EPOCHS else {"max_epochs": winner["epochs"]}
        best.setdefault(dataset, {})[method] = winner["params"] | longer
        print(f"{dataset} {method}: {winner['value']:.3f} of {len(trials)} trials,", end=" ")
        print(f"untuned {trials[0]['value']:.3f}, {winner['params']}")
    TUNED_FILE.write_text(json.dumps(best, indent=1) + "\n")


def main() -> None:
    """Run the trials that are not there yet, a round of all methods at a time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--methods", nargs="*", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--datasets", nargs="*", choices=list(DATASETS), default=list(DATASETS))
    parser.add_argument("--write", action="store_true", help="only write the presets")
    options = parser.parse_args()
    if options.write:
        write_presets()
        return
    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    benchmarks = {name: DATASETS[name]() for name in options.datasets}
    jobs = [
        (number, dataset, method)
        for number in range(options.trials)
        for dataset in options.datasets
        for method in options.methods
    ]
    with threadpool_limits(1):
        for number, dataset, method in tqdm(jobs, unit="trial"):
            known = of(read(), dataset, method, options.epochs)
            if len(known) <= number:
                add(run_trial(benchmarks[dataset], dataset, method, known, options.epochs))


if __name__ == "__main__":
    main()
