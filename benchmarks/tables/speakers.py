"""Spoken digits as a benchmark: who speaks, by equal error rates of both codes. Table 7."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.tables.corrected import bunch_parts
from benchmarks.tables.entries import Entry, entries_of, split_params
from benchmarks.tables.fits import Budget, code_digest, file_name, fit_resumable
from benchmarks.tables.intervals import bootstrap, bootstrap_interval, deviation
from benchmarks.tables.probes import Answers, Split, accuracy, join
from benchmarks.tables.rows import ERROR_RATES, Row
from benchmarks.tables.runner import Job
from tsdisentangle.data.codes import Codes
from tsdisentangle.datasets import fetch_fsdd
from tsdisentangle.encoders import TabularEncoder
from tsdisentangle.metrics.verification import SpeakerPairs
from tsdisentangle.presets.published import AS_PUBLISHED

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

# Chosen on the validation takes; see the documentation page "Video and audio".
PARAMS: dict[str, Any] = {
    "encoder": TabularEncoder("window", hidden=128, out_features=64),
    "window": 5,
    "static_dim": 32,
    "dynamic_dim": 4,
    "static_pooling": "mean",
    "anchor": "random_batch",
    # The anchor's own sounds must not stand in the static code.
    "alpha": 0.0,
    "beta": (8.0, 4.0),
    **AS_PUBLISHED,
    "lr": 2e-3,
    "batch_size": 64,
}
BUDGET = Budget(epochs=500, seconds=60)
QUICK_BUDGET = Budget(epochs=2)


@dataclass(frozen=True)
class Recordings:
    """Spectrograms of recordings, with who says what, and splits by name.

    Attributes
    ----------
    spectrograms : list of arrays of shape (frames, bands)
    speaker, digit : arrays of shape (n,)
    splits : dict of str to list of Split
        By takes there is one; by speakers one per fold.
    """

    spectrograms: list[np.ndarray]
    speaker: np.ndarray
    digit: np.ndarray
    splits: dict[str, list[Split]]

    def take(self, rows: np.ndarray) -> list[np.ndarray]:
        """Spectrograms of some recordings."""
        return [self.spectrograms[row] for row in rows]


def load(step: int = 1) -> Recordings:
    """Return log-mel spectrograms of the Free Spoken Digit Dataset.

    Parameters
    ----------
    step : int, default=1
        Every so many recordings of each part.
    """
    from tsdisentangle.io.audio import Spectrogram  # needs the extra "audio"

    bunch = fetch_fsdd()
    front_end = Spectrogram(kind="log-mel", **FRONT_END)
    spectrograms = [x[:MOST_FRAMES] for x in front_end.fit_transform(bunch.data)]
    splits = {
        "takes": [bunch_parts(bunch)],
        "speakers": [bunch_parts(fetch_fsdd(fold=fold)) for fold in FOLDS],
    }
    thinned = {name: [_thin(part, step) for part in parts] for name, parts in splits.items()}
    labels = bunch.static_target
    return Recordings(spectrograms, labels["speaker"], labels["digit"], thinned)


def _thin(split: Split, step: int) -> Split:
    return Split(split.train[::step], split.validation[::step], split.test[::step])


class Fold(NamedTuple):
    """What the codes of the recordings of a part say.

    Attributes
    ----------
    static, dynamic : SpeakerPairs
        All pairs of recordings, by either code.
    answers : dict of str to Answers
        Of linear probes; the units are the speakers.
    """

    static: SpeakerPairs
    dynamic: SpeakerPairs
    answers: dict[str, Answers]

    def error_rates(self, times: np.ndarray | None = None) -> np.ndarray:
        """Numbers of :data:`ERROR_RATES`, where speakers count so often; None: once each."""
        static, dynamic = (
            pairs.equal_error_rate(times).eer for pairs in (self.static, self.dynamic)
        )
        return np.array([static, dynamic, dynamic - static])


def measure(codes: Codes, data: Recordings, split: Split, part: np.ndarray) -> Fold:
    """Return the pairs, and the answers, of the recordings of a part.

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

    def answer(features: np.ndarray, labels: np.ndarray) -> Answers:
        probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        probe.fit(features[split.train], labels[split.train])
        return Answers(labels[part], probe.predict(features[part]), units=speaker[part])

    answers = {}
    if np.isin(speaker[part], speaker[split.train]).all():
        answers["speaker, from static"] = answer(static, speaker)
        answers["speaker, from dynamic"] = answer(dynamic, speaker)
    # An empty dynamic code has a dynamic EER of one half too: what is said must be in it.
    answers["digit, from dynamic"] = answer(spread(codes), data.digit)
    return Fold(
        SpeakerPairs(static[part], speaker[part]),
        SpeakerPairs(dynamic[part], speaker[part]),
        answers,
    )


class Estimate(NamedTuple):
    """A metric per seed, and an interval of their mean; None where there is none."""

    values: list[float]
    interval: tuple[float, float] | tuple[None, None]


def estimate(runs: list[list[Fold]]) -> dict[str, Estimate]:
    """Return every metric with its interval, over speakers drawn with replacement.

    Parameters
    ----------
    runs : list of list of Fold
        By seed, the folds.
    """
    rates = np.array([np.mean([fold.error_rates() for fold in folds], axis=0) for folds in runs])
    intervals = rate_intervals(runs)
    found = {
        name: Estimate(values.tolist(), interval)
        for name, values, interval in zip(ERROR_RATES, rates.T, intervals, strict=True)
    }
    for name in runs[0][0].answers:
        # Every speaker is tested once, whatever the fold.
        joined = [join([fold.answers[name] for fold in folds]) for folds in runs]
        values = [accuracy(answers.truth, answers.guess) for answers in joined]
        found[name] = Estimate(values, bootstrap_interval(accuracy, joined))
    return found


def rate_intervals(
    runs: list[list[Fold]],
) -> Sequence[tuple[float, float] | tuple[None, None]]:
    """Return an interval of each error rate, over speakers drawn with replacement.

    There is none of several folds or of two speakers. Codes of different folds are of different
    fits, so that there are no pairs across them, and of two speakers every draw is the same: each
    fold has one pair of different speakers, which says nothing of other pairs.
    """
    n_speakers = runs[0][0].static.n_speakers
    if len(runs[0]) > 1 or n_speakers < 3:
        return [(None, None)] * len(ERROR_RATES)
    parts = [fold for (fold,) in runs]

    def value(times: np.ndarray) -> np.ndarray:
        return np.mean([part.error_rates(times) for part in parts], axis=0)

    low, high = bootstrap(value, n_speakers, distinct=2)
    return list(zip(low.tolist(), high.tolist(), strict=True))


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
    entry: Entry,
    data: Recordings,
    train: np.ndarray,
    seed: int,
    budget: Budget,
    cache: Path,
    device: str,
) -> tuple[Codes, int, float]:
    """Return codes of all recordings, epochs and processor seconds of a row."""
    if entry.features is not None:
        encoding = entry.features(data.take(train), PARAMS["window"], seed)
        return encoding.encode(data.spectrograms), 0, encoding.seconds
    of_fit, after_fit = split_params(entry, PARAMS | {"device": device, "random_state": seed})
    budget = replace(budget, epochs=entry.epochs(budget.epochs))
    # What is read after the fit does not count: rows that differ by it share a fit.
    settings = of_fit, budget, FRONT_END, train.tolist(), code_digest(entry.estimator)
    path = cache / file_name(f"FSDD {entry.estimator.__name__} {seed}", *settings)
    fit = fit_resumable(path, entry.estimator(**of_fit), data.take(train), budget)
    fitted = fit.estimator.set_params(**after_fit) if after_fit else fit.estimator
    return fitted.encode(data.spectrograms), fit.epochs, fit.seconds


def n_pairs(data: Recordings, split: Split) -> int:
    """Return the number of unordered pairs of test recordings."""
    return len(split.test) * (len(split.test) - 1) // 2


def load_jobs(options: argparse.Namespace) -> list[Job]:
    """Jobs of table 7.

    Parameters
    ----------
    options : argparse.Namespace
        Of :func:`benchmarks.tables.runner.parse`.
    """
    data = load(step=10 if options.quick else 1)
    budget = QUICK_BUDGET if options.quick else BUDGET
    encode = partial(encode_row, budget=budget, cache=options.cache, device=options.device)
    # Each fold of the speakers is a fit.
    seeds = {"takes": list(range(options.seeds or 3)), "speakers": [0]}
    return [
        Job(
            entry.name,
            "FSDD",
            split,
            "corrected",
            [{"table": "7", "split": split, "method": entry.name}],
            partial(measure_rows, entry, split, data, seeds[split], encode),
            seeds[split],
        )
        for split in data.splits
        for entry in entries_of("7", options.estimators)
    ]


def measure_rows(
    entry: Entry, name: str, data: Recordings, seeds: list[int], encode: Callable[..., Any]
) -> list[Row]:
    """Measure a row, one per metric: over the folds of each seed, and an interval over speakers.

    Parameters
    ----------
    entry : Entry
    name : str
        Of the splits.
    data : Recordings
    seeds : list of int
    encode : callable
        Takes entry, data, training rows and seed, and returns what :func:`encode_row` does.
    """
    runs: list[list[Fold]] = []
    epochs, seconds = [], []
    for seed in seeds:
        folds = []
        for split in data.splits[name]:
            codes, trained, spent = encode(entry, data, split.train, seed)
            folds.append(measure(codes, data, split, split.test))
            epochs.append(trained)
            seconds.append(spent)
        runs.append(folds)
    return [
        Row(
            table="7",
            protocol="corrected",
            dataset=_describe(name, data),
            task="FSDD",
            split=name,
            method=entry.name,
            metric=metric,
            mean=float(np.mean(values)),
            std=deviation(values),
            ci_low=low,
            ci_high=high,
            seeds=seeds,
            epochs=int(np.mean(epochs)),
            anchor=_anchor(entry),
            seconds=float(np.sum(seconds) / len(seeds)),
        )
        for metric, (values, (low, high)) in estimate(runs).items()
    ]


def _anchor(entry: Entry) -> str | None:
    """Anchor that the estimator is trained with, if it has one."""
    if entry.estimator is None:
        return None
    return split_params(entry, PARAMS)[0].get("anchor")


def _describe(name: str, data: Recordings) -> str:
    """Data set with the test speakers and the pairs of their recordings, of a fold."""
    split = data.splits[name][0]
    speakers = len(np.unique(data.speaker[split.test]))
    return f"FSDD ({speakers} test speakers, {n_pairs(data, split)} pairs)"
