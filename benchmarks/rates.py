"""How many nats a window the dynamic codes should have: what they are used for, and what they leak.

Fits ``StaticDynamicVAE`` on the training part of six data sets, and asks its validation part (no
test part is touched): how much of it is reconstructed from the codes of its own, from dynamic codes
that know the position only, and from another series'; how well a linear probe reads a label of the
whole series from the static code (to be high) and from the averaged dynamic code (to be low); how
much samples differ from each other, relative to the data.

    python benchmarks/rates.py [--seeds 2] [--epochs ...] [--datasets ...] [--settings ...]

Rows are kept in ``benchmarks/results/rates.json``; what is there is not measured again. At the end
the curve of use against leak is drawn to ``docs/images/rates.png``, and the table of
``docs/design.md`` is written anew.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))  # the root: "benchmarks" is a package there

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from benchmarks.measuring import add_row, read_rows, write_tables
from benchmarks.tables import corrected, speakers
from benchmarks.tables.corrected import Benchmark
from tsdisentangle import StaticDynamicVAE, make_static_dynamic
from tsdisentangle.datasets import load_japanese_vowels
from tsdisentangle.evaluation import code_usage
from tsdisentangle.evaluation.code_usage import OWN, POSITION_MEAN
from tsdisentangle.network import AUTO_RATE
from tsdisentangle.presets.published import AS_PUBLISHED

RESULTS = Path(__file__).parent / "results" / "rates.json"
DOCS = Path(__file__).parents[1] / "docs"
FIGURE, PAGE = DOCS / "images" / "rates.png", DOCS / "design.md"
KEYS = ("dataset", "setting", "seed", "epochs")
FEW = 1000  # training series at most: the curve takes many fits


class Part(NamedTuple):
    """Training and validation series, and a label of each series or None."""

    train: Any
    validation: Any
    y_train: Any = None
    y_validation: Any = None
    window: int | str = "auto"


def vowels() -> Part:
    """Speakers; a third of the training utterances is held out."""
    bunch = load_japanese_vowels()
    rows = bunch.splits["train"]
    y = bunch.static_target["speaker"]
    train, held_out = train_test_split(rows, test_size=1 / 3, stratify=y[rows], random_state=0)
    take = lambda part: [bunch.data[i] for i in part]  # noqa: E731
    return Part(take(train), take(held_out), y[train], y[held_out])


def of_search(benchmark: Benchmark) -> Part:
    """Parts that hyper-parameters may be chosen by."""
    split = benchmark.search[0]
    train, held_out = split.train[:FEW], split.validation[:FEW]
    y, window = benchmark.tasks[0].target, benchmark.window
    return Part(benchmark.data[train], benchmark.data[held_out], y[train], y[held_out], window)


def etth1() -> Part:
    """No label; a validation block of the first fold."""
    benchmark = corrected.etth1()
    split = benchmark.resamplings[0].splits(0)[0]
    return Part(benchmark.data[split.train], benchmark.data[split.validation], window=24)


def digits() -> Part:
    """Speakers of spoken digits, new takes; every third recording."""
    data = speakers.load(step=3)
    split = data.splits["takes"][0]
    train, held_out = split.train[:FEW], split.validation[:FEW]
    return Part(
        data.take(train), data.take(held_out), data.speaker[train], data.speaker[held_out], 5
    )


def synthetic() -> Part:
    """Levels of series whose factors are known."""
    bunch = make_static_dynamic(600, random_state=0)
    train, held_out = bunch.splits["train"], bunch.splits["validation"]
    y = bunch.static_target["level"]
    return Part(bunch.data[train], bunch.data[held_out], y[train], y[held_out])


DATASETS: dict[str, Callable[[], Part]] = {
    "JapaneseVowels": vowels,
    "synthetic": synthetic,
    "PhysioNet 2012": lambda: of_search(corrected.physionet()),
    "Air Quality": lambda: of_search(corrected.air_quality()),
    "spoken digits": digits,
    "ETTh1": etth1,
}

FORMER = AS_PUBLISHED | {"beta": (0.5, 3.0)}
NEW = {"observation_scale": "fitted", "dynamic_rate": None, "dynamic_skip": True}
# A rate is per root of the observed values per window.
CHOSEN = NEW | {"dynamic_rate": AUTO_RATE, "beta": (0.2, 1.0)}
SETTINGS: dict[str, dict[str, Any]] = {
    "former: beta (0.5, 3), scale of the decoder": FORMER,
    "chosen: rate 0.35, beta 0.2": CHOSEN,
    "rate 0.125": CHOSEN | {"dynamic_rate": 0.125},
    "rate 0.25": CHOSEN | {"dynamic_rate": 0.25},
    "rate 0.5": CHOSEN | {"dynamic_rate": 0.5},
    "rate 1": CHOSEN | {"dynamic_rate": 1.0},
    "rate 0.35, no skip": CHOSEN | {"dynamic_skip": False},
    "rate 0.35, beta 0.5": CHOSEN | {"beta": (0.5, 1.0)},
    "rate 0.35, scale of the decoder": CHOSEN | {"observation_scale": "decoder"},
    "former, scale fitted": FORMER | {"observation_scale": "fitted"},
    "rate 0.35, anchor per batch, pooled": CHOSEN
    | {"anchor": "random_batch", "static_pooling": "mean"},
}


def probe(codes: np.ndarray, y: np.ndarray, new: np.ndarray, y_new: np.ndarray) -> float:
    """Accuracy of a linear probe of frozen codes."""
    return float(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        .fit(codes, y)
        .score(new, y_new)
    )


def observed_per_window(X: Any, window: int) -> float:
    """Observed values of a window with an observed value, on average."""
    values = windows = 0
    for series in X:
        seen = np.isfinite(series).sum(axis=1)
        each = np.add.reduceat(seen, np.arange(0, len(seen), window))
        values += each.sum()
        windows += np.flatnonzero(each)[-1] + 1
    return values / windows


def measure(part: Part, params: dict[str, Any], seed: int, epochs: int | str) -> dict[str, float]:
    """Fit once and ask everything."""
    start = time.process_time()
    estimator = StaticDynamicVAE(
        missing="mask", window=part.window, random_state=seed, max_epochs=epochs, **params
    )
    if params["dynamic_rate"] is not None:
        window = StaticDynamicVAE(missing="mask", window=part.window, max_epochs=0).fit(part.train)
        root = np.sqrt(observed_per_window(part.train, window.window_))
        estimator.set_params(dynamic_rate=float(params["dynamic_rate"] * root))
    estimator.fit(part.train)
    found = {"seconds to fit": time.process_time() - start}
    found |= code_usage(estimator, part.validation, random_state=0).to_dict()
    found["score"] = estimator.score(part.validation)
    found["dynamic nats per window"] = float(estimator.history_[-1].get("train_rate", np.nan))
    length = int(np.median([len(x) for x in part.train]))
    found["spread of samples over data's"] = spread(estimator.sample(500, length)) / spread(
        part.validation
    )
    if part.y_train is not None:
        known, new = estimator.encode(part.train), estimator.encode(part.validation)
        y = part.y_train, part.y_validation
        found["static accuracy"] = probe(known.static, y[0], new.static, y[1])
        found["leak"] = probe(known.mean_dynamic(), y[0], new.mean_dynamic(), y[1])
    return found


def spread(X: Any) -> float:
    """Standard deviation between the series' means, averaged over channels."""
    means = np.array([np.nanmean(x, axis=0) for x in X])
    return float(np.nanmean(np.nanstd(means, axis=0)))


SHOWN = {  # in the figure and in the table
    "former: beta (0.5, 3), scale of the decoder": "former defaults",
    "rate 0.125": "0.125",
    "rate 0.25": "0.25",
    "chosen: rate 0.35, beta 0.2": "0.35, the default",
    "rate 0.5": "0.5",
    "rate 1": "1",
}
NATS = "KL of dynamic from its prior, per window"
COLUMNS = {
    OWN: "R2, own codes",
    POSITION_MEAN: "mean of the position",
    "static accuracy": "static, label",
    "leak": "dynamic, label (leak)",
    NATS: "nats per window",
    "spread of samples over data's": "spread of samples",
}


def means(rows: list[dict[str, Any]], dataset: str, setting: str) -> dict[str, float]:
    """Means over the seeds; of nothing, if there is no row."""
    of = [row for row in rows if (row["dataset"], row["setting"]) == (dataset, setting)]
    found = {key: float(np.mean([row.get(key, np.nan) for row in of])) for key in COLUMNS if of}
    return found | ({"seeds": len(of)} if of else {})


def table(rows: list[dict[str, Any]]) -> str:
    """Rows of the page."""
    lines = [
        f"| data set | rate | seeds | {' | '.join(COLUMNS.values())} |",
        "| --- " * (3 + len(COLUMNS)) + "|",
    ]
    for dataset in DATASETS:
        for setting, name in SHOWN.items():
            if found := means(rows, dataset, setting):
                values = [found[key] for key in COLUMNS]
                shown = ["-" if np.isnan(value) else f"{value:.2f}" for value in values]
                lines.append(f"| {dataset} | {name} | {found['seeds']} | {' | '.join(shown)} |")
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]]) -> None:
    """Draw what dynamic codes are worth against what they leak, a panel per data set."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(11, 7), layout="constrained")
    for axis, dataset in zip(axes.flat, DATASETS, strict=True):
        curve = []
        for setting, name in SHOWN.items():
            if not (found := means(rows, dataset, setting)):
                continue
            x = found[NATS] if np.isnan(found["leak"]) else found["leak"]
            point = x, found[OWN] - found[POSITION_MEAN]
            former = setting.startswith("former")
            axis.plot(*point, "x" if former else "o", color="tab:red" if former else "tab:blue")
            axis.annotate(name, point, xytext=(4, 4), textcoords="offset points", fontsize=8)
            curve += [] if former else [point]
        axis.plot(*np.transpose(curve), color="tab:blue", alpha=0.4)
        without_label = np.isnan(means(rows, dataset, next(iter(SHOWN)))["leak"])
        axis.set_xlabel("nats per window" if without_label else "label told by the dynamic codes")
        axis.set(title=dataset, ylabel="R2 above the mean of the position")
        axis.margins(0.2)
    figure.savefig(FIGURE, dpi=110)


def main() -> None:
    """Measure the rows that are not there yet, and draw all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--epochs", type=int, help="in place of the default")
    parser.add_argument("--datasets", nargs="*", choices=list(DATASETS), default=list(DATASETS))
    parser.add_argument("--settings", nargs="*", choices=list(SETTINGS), default=list(SETTINGS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    done = {tuple(row[key] for key in KEYS) for row in read_rows(RESULTS)}
    jobs = [
        (dataset, setting, seed, options.epochs or "auto")
        for seed in range(options.seeds)
        for setting in options.settings
        for dataset in options.datasets
    ]
    parts = {name: DATASETS[name]() for name in options.datasets}
    with threadpool_limits(1):
        for job in tqdm([job for job in jobs if job not in done], unit="fit"):
            dataset, setting, seed, epochs = job
            found = measure(parts[dataset], SETTINGS[setting], seed, epochs)
            add_row(RESULTS, dict(zip(KEYS, job, strict=True)) | found)
    rows = read_rows(RESULTS)
    draw(rows)
    write_tables(PAGE, "rates.py", table(rows))


if __name__ == "__main__":
    main()
