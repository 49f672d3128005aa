"""Which tabular encoder should be the default: quality on validation data, and time.

Fits ``StaticDynamicVAE`` with its defaults and each kind of encoder, without labels, on the
training part of each data set; measures on its validation part only (JapaneseVowels, which has
none: cross-validated on the training part). One row per data set, kind and seed, written as soon
as it is there, so an interrupted run goes on where it was. ``seconds`` are those of the
processor, on one thread, so that other work on the machine does not count:

    python benchmarks/encoders.py [--seeds 3] [--output benchmarks/results/encoders.json]
"""

import argparse
import json
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # the root: "benchmarks" is a package there

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.tables.rows import metadata
from tsdisentangle import StaticDynamicVAE, TabularEncoder
from tsdisentangle.datasets import fetch_air_quality, fetch_physionet2012, load_japanese_vowels

KINDS = ("window", "step")
SHARED = {"missing": "mask"}


def probe() -> Pipeline:
    """Return the linear probe of frozen codes."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))


def japanese_vowels() -> tuple:
    """Speakers of the training utterances; no validation part."""
    bunch = load_japanese_vowels()
    rows = bunch.splits["train"]
    return [bunch.data[i] for i in rows], bunch.static_target["speaker"][rows], None, None


def split(bunch: dict, label: str) -> tuple:
    """Training and validation part of a Bunch."""
    train, valid = bunch["splits"]["train"], bunch["splits"]["validation"]
    target = bunch["static_target"][label]
    return bunch["data"][train], target[train], bunch["data"][valid], target[valid]


DATA = {
    "JapaneseVowels": japanese_vowels,
    "Air Quality": lambda: split(fetch_air_quality(), "month"),
    "PhysioNet 2012": lambda: split(fetch_physionet2012(), "icu_type"),
}


def accuracy(train: np.ndarray, y_train: np.ndarray, valid: np.ndarray | None, y_valid) -> float:
    """Validation accuracy of a logistic regression; cross-validated where nothing is held out."""
    if valid is None:
        folds = StratifiedKFold(5, shuffle=True, random_state=0)
        return float(cross_val_score(probe(), train, y_train, cv=folds).mean())
    return float(probe().fit(train, y_train).score(valid, y_valid))


def error(estimator: StaticDynamicVAE, X) -> float:
    """Mean squared error of the reconstruction of observed values, standardised."""
    truth, guess = np.concatenate(list(X)), np.concatenate(list(estimator.reconstruct(X)))
    return float(np.nanmean(np.square((guess - truth) / estimator.scaler_.scale)))


def measure(name: str, kind: str, seed: int) -> dict:
    """One row."""
    X_train, y_train, X_valid, y_valid = DATA[name]()
    start = time.process_time()
    estimator = StaticDynamicVAE(TabularEncoder(kind), random_state=seed, **SHARED).fit(X_train)
    row = {"dataset": name, "kind": kind, "seed": seed, "seconds": time.process_time() - start}
    for pooling in ("anchor", "mean"):
        estimator.set_params(static_pooling=pooling)
        train = estimator.encode(X_train)
        valid = None if X_valid is None else estimator.encode(X_valid)
        row[f"static_{pooling}"] = accuracy(
            train.static, y_train, None if valid is None else valid.static, y_valid
        )
    row["dynamic_mean"] = accuracy(
        train.mean_dynamic(), y_train, None if valid is None else valid.mean_dynamic(), y_valid
    )
    held_out = X_train if X_valid is None else X_valid
    estimator.set_params(static_pooling="anchor")
    row["reconstruction_mse"] = error(estimator, held_out)
    row["elbo"] = estimator.score(held_out)
    row["epochs"] = estimator.max_epochs_
    return row


def main() -> None:
    """Run what is not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", nargs="*", default=list(DATA), choices=list(DATA))
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results/encoders.json"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = json.loads(arguments.output.read_text())["rows"] if arguments.output.exists() else []
    done = {(row["dataset"], row["kind"], row["seed"]) for row in rows}
    for seed in range(arguments.seeds):
        for name in arguments.data:
            for kind in KINDS:
                if (name, kind, seed) in done:
                    continue
                rows.append(measure(name, kind, seed))
                print(json.dumps(rows[-1]), flush=True)
                text = json.dumps({"meta": metadata(), "rows": rows}, indent=1)
                arguments.output.write_text(text + "\n")


if __name__ == "__main__":
    main()
