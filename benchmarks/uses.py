"""What codes are used for: how well hidden values are imputed, beside the simple ways.

Fits on the training part of the data sets of ``rates.py``, hides values of the validation part (no
test part is touched), single ones and runs of steps, and asks for them: mean absolute error in
units of the training part's standard deviation.

    python benchmarks/uses.py [--seeds 2] [--epochs ...] [--datasets ...] [--methods ...]
    python benchmarks/uses.py --quick      # generated data, a row each to the screen

Rows are kept in ``benchmarks/results/uses.json``; what is there is not measured again.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the root: "benchmarks" is a package there

import numpy as np
import pandas as pd
import torch
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.linear_model import Ridge
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from benchmarks.measuring import add_row, read_rows
from benchmarks.rates import DATASETS, Part
from tsdisentangle import VAE, StaticDynamicVAE, make_static_dynamic

RESULTS = Path(__file__).parent / "results" / "uses.json"
KEYS = ("dataset", "method", "seed", "epochs")
SHARE = 0.2  # of the values that are hidden, or of the steps of each channel
KINDS = ("points", "blocks")
NEIGHBOURS = 2  # steps on each side that the ridge regression reads

Series = list[np.ndarray]


def standardised(part: Part) -> tuple[Series, Series]:
    """Training and validation series, by the moments of the training part."""
    values = np.concatenate([np.asarray(x, float) for x in part.train])
    mean, scale = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    return [(x - mean) / scale for x in part.train], [(x - mean) / scale for x in part.validation]


def hide(X: Series, kind: str, rng: np.random.RandomState) -> Series:
    """Hide single values, or one run of steps of each channel; of each series something is left."""
    hidden = []
    for x in X:
        if kind == "points":
            mask = rng.random_sample(x.shape) < SHARE
        else:
            size = round(SHARE * len(x))
            first = rng.randint(len(x) - size + 1, size=x.shape[1])
            steps = np.arange(len(x))[:, None]
            mask = (steps >= first) & (steps < first + size)
        left = np.isfinite(np.where(mask, np.nan, x)).any()
        hidden.append(np.where(mask & left, np.nan, x))
    return hidden


def last_value(train: Series, X: Series) -> Series:
    """The last value before, else the next one, else the mean of the training part."""
    return [pd.DataFrame(x).ffill().bfill().fillna(0.0).to_numpy() for x in X]


def interpolation(train: Series, X: Series) -> Series:
    """A line from the value before to the value after."""
    return [pd.DataFrame(x).interpolate(limit_direction="both").fillna(0.0).to_numpy() for x in X]


def series_mean(train: Series, X: Series) -> Series:
    """The mean of the channel in its series."""
    return [(frame := pd.DataFrame(x)).fillna(frame.mean()).fillna(0.0).to_numpy() for x in X]


def neighbourhoods(X: Series) -> list[np.ndarray]:
    """What stands near each step in all channels, gaps interpolated: ``(time, features)``."""
    padding = ((NEIGHBOURS, NEIGHBOURS), (0, 0))
    padded = [np.pad(x, padding, mode="edge") for x in interpolation([], X)]
    width = 2 * NEIGHBOURS + 1
    return [sliding_window_view(x, width, axis=0).reshape(len(x) - width + 1, -1) for x in padded]


def ridge(train: Series, X: Series) -> Series:
    """A ridge regression for each channel, which has learned from hidden training values."""
    seen = hide(train, "points", np.random.RandomState(0))
    near, truth = np.concatenate(neighbourhoods(seen)), np.concatenate(train)
    asked = np.isfinite(truth) & ~np.isfinite(np.concatenate(seen))
    new = neighbourhoods(X)
    filled = [x.copy() for x in last_value(train, X)]
    for channel, rows in enumerate(asked.T):
        if not rows.any():
            continue
        model = Ridge().fit(near[rows], truth[rows, channel])
        for x, out, features in zip(X, filled, new, strict=True):
            out[:, channel] = np.where(
                np.isfinite(x[:, channel]), x[:, channel], model.predict(features)
            )
    return filled


SIMPLE: dict[str, Callable[[Series, Series], Series]] = {
    "last value": last_value,
    "linear interpolation": interpolation,
    "ridge on neighbours": ridge,
    "series mean": series_mean,
}
HIDING = {"hidden_share": 0.5}
ESTIMATORS: dict[str, Callable[..., Any]] = {
    "VAE": VAE,
    "VAE, inputs hidden": lambda **params: VAE(**HIDING, **params),
    "StaticDynamicVAE": StaticDynamicVAE,
    "StaticDynamicVAE, inputs hidden": lambda **params: StaticDynamicVAE(**HIDING, **params),
    "StaticDynamicVAE, inputs hidden, mean as anchor": lambda **params: StaticDynamicVAE(
        anchor="mean", **HIDING, **params
    ),
    "StaticDynamicVAE, form of the paper": lambda **params: StaticDynamicVAE.from_preset(
        "paper", **params
    ),
}
METHODS = [*SIMPLE, *ESTIMATORS]


def measure(part: Part, method: str, seed: int, epochs: int | str) -> dict[str, float]:
    """Mean absolute error of the hidden values, of each kind."""
    train, validation = standardised(part)
    if method in SIMPLE:
        impute = lambda X: SIMPLE[method](train, X)  # noqa: E731
    else:
        estimator = ESTIMATORS[method](
            window=part.window, missing="mask", random_state=seed, max_epochs=epochs
        )
        impute = estimator.fit(train).impute
    found = {}
    for kind in KINDS:
        seen = hide(validation, kind, np.random.RandomState(seed))
        filled, truth = np.concatenate(impute(seen)), np.concatenate(validation)
        asked = np.isfinite(truth) & ~np.isfinite(np.concatenate(seen))
        found[kind] = float(np.abs(filled - truth)[asked].mean())
    return found


def generated() -> Part:
    """A few short series, with gaps."""
    X = make_static_dynamic(60, missing=0.1, random_state=0).data
    return Part(X[:40], X[40:], window=4)


def main(arguments: list[str] | None = None) -> None:
    """Measure the rows that are not there yet."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, help="in place of the default")
    parser.add_argument("--datasets", nargs="*", choices=list(DATASETS), default=list(DATASETS))
    parser.add_argument("--methods", nargs="*", choices=METHODS, default=METHODS)
    parser.add_argument("--quick", action="store_true", help="generated data, nothing is kept")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.quick:
        part = generated()
        for method in options.methods:
            print(json.dumps({"method": method, **measure(part, method, 0, options.epochs or 2)}))
        return
    done = {tuple(row[key] for key in KEYS) for row in read_rows(RESULTS)}
    jobs = [
        (dataset, method, seed, options.epochs or "auto")
        for seed in range(options.seeds)
        for method in options.methods
        for dataset in options.datasets
    ]
    parts = {name: DATASETS[name]() for name in options.datasets}
    with threadpool_limits(1):
        for job in tqdm([job for job in jobs if job not in done], unit="row"):
            dataset, method, seed, epochs = job
            found = measure(parts[dataset], method, seed, epochs)
            add_row(RESULTS, dict(zip(KEYS, job, strict=True)) | found)


if __name__ == "__main__":
    main()
