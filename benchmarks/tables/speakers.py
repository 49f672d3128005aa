"""Spoken digits as a benchmark: who speaks, by equal error rates of both codes."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

from benchmarks.tables.corrected import DataHome, bunch_parts
from benchmarks.tables.fits import Budget, code_digest, default_cache, file_name, fit_kept
from benchmarks.tables.probes import Split
from benchmarks.tables.rows import Results
from benchmarks.tables.runner import metadata
from tsdisentangle.data.codes import Codes
from tsdisentangle.datasets import fetch_fsdd
from tsdisentangle.encoders import TabularEncoder
from tsdisentangle.methods.static_dynamic_vae import StaticDynamicVAE
from tsdisentangle.metrics import verification_gap

# Frames of 25 ms, one every 10 ms, in 40 bands, of whole recordings at their 8000 Hz.
FRONT_END: dict[str, Any] = {
    "rate": 8000,
    "segment": None,
    "n_fft": 256,
    "window": 200,
    "hop": 80,
    "n_mels": 40,
}
# One second: longer recordings, one in a hundred, are long by their silence.
MOST_FRAMES = 100
FOLDS = (0, 1, 2)
NORMAL = 1.96  # deviations to either side of a 95 % interval

# Chosen on the validation takes; see the documentation page "Video and audio".
PARAMS: dict[str, Any] = {
    "encoder": TabularEncoder("window", hidden=128, out_features=64),
    "window": 5,
    "static_dim": 32,
    "dynamic_dim": 4,
    "static_pooling": "mean",
    "anchor": "random_batch",
    # The anchor's own sounds shall not stand in the static code.
    "alpha": 0.0,
    "beta": (8.0, 4.0),
    "lr": 2e-3,
    "batch_size": 64,
}
BUDGET = Budget(epochs=500, seconds=60)
QUICK_BUDGET = Budget(epochs=2)

FLAGSHIP, UNTRAINED, RAW = "StaticDynamicVAE", "StaticDynamicVAE/untrained", "raw/mean log-mel"
# Parameters that a row replaces; the codes of raw features have none.
ROWS: dict[str, dict[str, Any]] = {
    FLAGSHIP: {},
    "StaticDynamicVAE/anchor": {"static_pooling": "anchor"},
    "StaticDynamicVAE/no_loss": {"anchor_loss": "none"},
    "StaticDynamicVAE/no_sub": {"subtract": False},
    UNTRAINED: {},
    RAW: {},
}


@dataclass(frozen=True)
class Recordings:
    """Spectrograms of recordings, with who says what, and splits by name.

    Attributes
    ----------
    spectrograms : list of arrays of shape (frames, bands)
    speaker, digit : arrays of shape (n,)
    splits : dict of str to list of Split
        By takes there is one; by speakers one a fold.
    """

    spectrograms: list[np.ndarray]
    speaker: np.ndarray
    digit: np.ndarray
    splits: dict[str, list[Split]]

    def take(self, rows: np.ndarray) -> list[np.ndarray]:
        """Spectrograms of some recordings."""
        return [self.spectrograms[row] for row in rows]


def load(data_home: DataHome = None, step: int = 1) -> Recordings:
    """Return log-mel spectrograms of the Free Spoken Digit Dataset.

    Parameters
    ----------
    data_home : str or path-like, default=None
    step : int, default=1
        Every so many recordings of each part.
    """
    from tsdisentangle.io.audio import Spectrogram  # needs the extra "audio"

    bunch = fetch_fsdd(data_home=data_home)
    front_end = Spectrogram(kind="log-mel", **FRONT_END)
    spectrograms = [x[:MOST_FRAMES] for x in front_end.fit_transform(bunch.data)]
    splits = {
        "takes": [bunch_parts(bunch)],
        "speakers": [bunch_parts(fetch_fsdd(data_home=data_home, fold=fold)) for fold in FOLDS],
    }
    thinned = {name: [_thin(part, step) for part in parts] for name, parts in splits.items()}
    labels = bunch.static_target
    return Recordings(spectrograms, labels["speaker"], labels["digit"], thinned)


def _thin(split: Split, step: int) -> Split:
    return Split(split.train[::step], split.validation[::step], split.test[::step])


def mean_spectrum(spectrograms: list[np.ndarray]) -> Codes:
    """Return the mean over time as if it were a static code, frames as dynamic ones."""
    lengths = np.array([len(x) for x in spectrograms])
    dynamic = np.zeros((len(lengths), lengths.max(), spectrograms[0].shape[1]))
    for row, x in zip(dynamic, spectrograms, strict=True):
        row[: len(x)] = x
    return Codes(np.array([x.mean(axis=0) for x in spectrograms]), dynamic, lengths)


def measure(codes: Codes, data: Recordings, split: Split, part: np.ndarray) -> dict[str, float]:
    """Return error rates and accuracies of the recordings of a part.

    Parameters
    ----------
    codes : Codes
        Of all recordings.
    data : Recordings
    split : Split
        The linear probes learn from its training part; that of the speaker is left out where the
        speakers of the part are not in it.
    part : array of int
        Validation or test rows.
    """
    static, dynamic, speaker = codes.static, codes.mean_dynamic(), data.speaker
    gap = verification_gap(static[part], dynamic[part], speaker[part])
    found = {"static EER": gap.static.eer, "dynamic EER": gap.dynamic.eer, "gap": gap.gap}

    def accuracy(features: np.ndarray, labels: np.ndarray) -> float:
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        probe.fit(features[split.train], labels[split.train])
        return float(probe.score(features[part], labels[part]))

    if np.isin(speaker[part], speaker[split.train]).all():
        found["speaker, from static"] = accuracy(static, speaker)
        found["speaker, from dynamic"] = accuracy(dynamic, speaker)
    # An empty dynamic code has a dynamic EER of one half too: what is said must be in it.
    return found | {"digit, from dynamic": accuracy(spread(codes), data.digit)}


def spread(codes: Codes, thirds: int = 3) -> np.ndarray:
    """Dynamic codes averaged over each third of a recording, ``(n, thirds * coordinates)``.

    The order of sounds tells digits apart, and a mean over time has lost it.
    """
    rows = []
    for dynamic, length in zip(codes.dynamic, codes.lengths, strict=True):
        ends = np.ceil(np.linspace(0, length, thirds + 1)).astype(int)
        starts = np.minimum(ends[:-1], length - 1)  # a recording may have fewer windows than thirds
        pairs = zip(starts, np.maximum(ends[1:], starts + 1), strict=True)
        rows.append(np.concatenate([dynamic[a:b].mean(axis=0) for a, b in pairs]))
    return np.array(rows)


def encode_row(
    row: str,
    data: Recordings,
    train: np.ndarray,
    seed: int,
    budget: Budget,
    cache: Path,
    device: str,
) -> tuple[Codes, int, float]:
    """Return codes of all recordings, epochs and processor seconds of a row."""
    if row == RAW:
        return mean_spectrum(data.spectrograms), 0, 0.0
    params = PARAMS | ROWS[row] | {"device": device}
    pooling = params.pop("static_pooling")
    budget = replace(budget, epochs=0) if row == UNTRAINED else budget
    estimator = StaticDynamicVAE(**params, random_state=seed)
    # Without the pooling, which concerns encoding alone: rows that differ by it share a fit.
    settings = params, budget, FRONT_END, train.tolist(), code_digest()
    path = cache / file_name(f"FSDD {seed}", *settings)
    fit = fit_kept(path, estimator, data.take(train), budget)
    codes = fit.estimator.set_params(static_pooling=pooling).encode(data.spectrograms)
    return codes, fit.epochs, fit.seconds


def n_pairs(data: Recordings, split: Split) -> int:
    """Return the number of unordered pairs of test recordings."""
    return len(split.test) * (len(split.test) - 1) // 2


def make_rows(
    row: str, name: str, data: Recordings, seeds: list[int], encode: Callable[..., Any]
) -> list[dict[str, Any]]:
    """Measure a row; one line a metric, the mean over folds of each seed."""
    splits = data.splits[name]
    values: dict[str, list[float]] = {}
    epochs, seconds = [], []
    for seed in seeds:
        found = []
        for split in splits:
            codes, trained, spent = encode(row, data, split.train, seed)
            found.append(measure(codes, data, split, split.test))
            epochs.append(trained)
            seconds.append(spent)
        for metric in found[0]:
            mean = float(np.mean([fold[metric] for fold in found]))
            values.setdefault(metric, []).append(mean)
    anchor = None if row == RAW else PARAMS["anchor"]
    return [
        {
            "table": "7",
            "protocol": "corrected",
            "dataset": _describe(name, data),
            "task": "FSDD",
            "split": name,
            "method": row,
            "metric": metric,
            "mean": float(np.mean(means)),
            "std": float(np.std(means)),
            "ci_low": float(np.mean(means) - NORMAL * np.std(means)),
            "ci_high": float(np.mean(means) + NORMAL * np.std(means)),
            "n_seeds": len(seeds),
            "seeds": seeds,
            "epochs": int(np.mean(epochs)),
            "anchor": anchor,
            "leakage": None,
            "seconds": float(np.sum(seconds) / len(seeds)),
            "published": None,
            "best_public": None,
        }
        for metric, means in values.items()
    ]


def _describe(name: str, data: Recordings) -> str:
    """Data set with the test speakers and the pairs of their recordings, of a fold."""
    split = data.splits[name][0]
    speakers = len(np.unique(data.speaker[split.test]))
    return f"FSDD ({speakers} test speakers, {n_pairs(data, split)} pairs)"


def run(
    title: str, arguments: list[str] | None = None, *, data_home: DataHome = None
) -> list[Results]:
    """Measure every row that is not there yet, and print the table.

    Parameters
    ----------
    title : str
        Shown by ``--help``.
    arguments : list of str, default=None
        Command line; None means ``sys.argv``.
    data_home : str or path-like, default=None

    Returns
    -------
    list of Results
    """
    options = _parse(title, arguments)
    torch.set_num_threads(1)
    data = load(data_home, step=10 if options.quick else 1)
    budget = QUICK_BUDGET if options.quick else BUDGET
    folder = options.output / "quick" if options.quick else options.output
    results = Results(folder / "table7.json", metadata())
    seeds = {"takes": list(range(options.seeds)), "speakers": [0]}

    def encode(row: str, data: Recordings, train: np.ndarray, seed: int) -> Any:
        return encode_row(row, data, train, seed, budget, options.cache, options.device)

    def is_there(row: str, name: str) -> bool:
        return results.has(method=row, split=name, seeds=seeds[name])

    jobs = [(row, name) for name in data.splits for row in ROWS]
    wanted = [job for job in jobs if job[0] in options.methods and job[1] in options.splits]
    for row, name in tqdm([job for job in wanted if not is_there(*job)], unit="row"):
        results.add(make_rows(row, name, data, seeds[name], encode))
    to_come = [f"{row} ({name})" for row, name in jobs if not is_there(row, name)]
    print("\n" + results.write_markdown(to_come))
    return [results]


def _parse(title: str, arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--quick", action="store_true", help="a tenth of the data, two epochs")
    parser.add_argument("--methods", nargs="*", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--splits", nargs="*", default=["takes", "speakers"])
    parser.add_argument("--device", default="cpu", help="e.g. cuda")
    parser.add_argument("--seeds", type=int, default=3, help="of takes; speakers have one a fold")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder of the fits")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    return parser.parse_args(arguments)
