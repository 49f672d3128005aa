"""Sprites as a benchmark: a judge and a fit of every row, which tables 1 and 2 share."""

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from skorch.callbacks import Callback

from benchmarks.tables.entries import FLAGSHIP, METHODS, Entry, entries_of, split_params
from benchmarks.tables.fits import Budget, Fit, cached, code_digest, file_name, fit_resumable
from benchmarks.tables.intervals import deviation, seed_interval
from benchmarks.tables.paper_numbers import cite
from benchmarks.tables.rows import CLIP_TABLES, Row
from benchmarks.tables.runner import Job
from tsdisentangle import metrics
from tsdisentangle.datasets import fetch_sprites
from tsdisentangle.encoders import VideoEncoder
from tsdisentangle.evaluation.generation_report import JOINT, GenerationReport, generation_report
from tsdisentangle.evaluation.judge import Judge
from tsdisentangle.evaluation.leakage_report import leakage_report
from tsdisentangle.presets.published import AS_PUBLISHED, preset_parameters

LOOKS = ("skin", "pants", "top", "hair")
ACTION = "action"
# A judge that errs more often than that on a label of real clips judges nothing.
LEAST_ACCURACY = 0.999

# What Table 1 calls the scores of clips whose static code was drawn anew.
SCORES = {
    "accuracy": "accuracy",
    "IS": "inception_score",
    "H(y given x)": "conditional_entropy",
    "H(y)": "marginal_entropy",
}


class DynamicsFirst(Callback):
    """Weigh the static divergence more in the first epochs, so that the dynamic codes learn first.

    The direction in which a character looks stays during a clip and shows in the anchor: a static
    code that learns first takes it, and the dynamic codes need it no more. But it is part of the
    action. With a costly static code they take it, and what they cannot see stays for that code.

    Parameters
    ----------
    epochs : int
        Number of first epochs.
    weight : float
        Of the static divergence in them; afterwards the estimator's own.
    """

    def __init__(self, epochs: int, weight: float):
        self.epochs = epochs
        self.weight = weight

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Remember the estimator's weight, also of an estimator that goes on."""
        if not hasattr(self, "own_"):
            self.own_ = net.module_.weights["static_kl"]

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Set the weight of the epoch that begins."""
        early = len(net.history) <= self.epochs
        net.module_.weights["static_kl"] = self.weight if early else self.own_


@dataclass(frozen=True)
class Setting:
    """Sizes and budgets of a run.

    Attributes
    ----------
    task : str
        As it stands in the results.
    size : int
        Side of a frame.
    judge, params : dict
        Of the judge and of the estimator.
    budget : Budget
        Of one fit.
    first : tuple of int and float or None, default=None
        Parameters of :class:`DynamicsFirst`.
    step : int, default=1
        Every so many clips of each part are used.
    repeats : int, default=5
        Draws from the prior.
    n_splits : int, default=10
        Random splits of the classifiers of codes.
    least_accuracy : float, default=0.999
        What the judge must reach on every label of the real test part.
    """

    task: str
    size: int
    judge: dict[str, Any]
    params: dict[str, Any]
    budget: Budget
    first: tuple[int, float] | None = None
    step: int = 1
    repeats: int = 5
    n_splits: int = 10
    least_accuracy: float = LEAST_ACCURACY


SETTINGS = {
    # The paper's sizes; days on a processor, so meant for a GPU.
    "full": Setting(
        "Sprites",
        64,
        {"width": 64, "lr": 1e-4, "random_state": 0},
        {"preset": "sprites"},
        Budget(epochs=2000),
        repeats=300,
    ),
    # Chosen on the validation characters; see the documentation page "Video and audio".
    "cpu": Setting(
        "Sprites 32",
        32,
        {"width": 16, "lr": 1e-4, "max_epochs": 25, "patience": 10, "random_state": 0},
        {
            "encoder": VideoEncoder(size=32, width=16, out_features=128, hidden=64),
            "static_dim": 32,
            "dynamic_dim": 16,
            "alpha": 0.2,
            "beta": (1.0, 0.2),
            **AS_PUBLISHED,
            "lr": 2e-3,
            "batch_size": 32,
        },
        Budget(epochs=2000, seconds=720),
        first=(12, 10.0),
        n_splits=2,
    ),
    # To see that everything runs; its judge has no time to become good.
    "quick": Setting(
        "Sprites 16",
        16,
        {"width": 4, "max_epochs": 2, "random_state": 0},
        {
            "encoder": VideoEncoder(size=16, width=4, out_features=16, hidden=16),
            "static_dim": 8,
            "dynamic_dim": 4,
            "batch_size": 32,
        },
        Budget(epochs=1),
        step=25,
        repeats=1,
        n_splits=1,
        least_accuracy=0.0,
    ),
}


class Part(NamedTuple):
    """Clips with their labels, one value per clip."""

    clips: np.ndarray
    looks: dict[str, np.ndarray]
    action: dict[str, np.ndarray]

    @property
    def labels(self) -> dict[str, np.ndarray]:
        """All that a judge learns."""
        return self.looks | self.action


def load_part(size: int, parts: Iterable[str], step: int = 1) -> Part:
    """Return clips of one or more parts of the corrected protocol.

    Parameters
    ----------
    size : int
        Side of a frame.
    parts : iterable of {'train', 'validation', 'test'}
    step : int, default=1
        Every so many clips of each part.
    """
    bunch = fetch_sprites(size=size)
    rows = np.concatenate([bunch.splits[part][::step] for part in parts])
    looks = {name: bunch.static_target[name][rows] for name in LOOKS}
    action = {ACTION: bunch.dynamic_target[ACTION][rows, 0]}
    return Part(np.asarray(bunch.data)[rows], looks, action)


@dataclass(frozen=True)
class Sprites:
    """The data, the judge and the fits of a setting; the last two are cached in a folder.

    Parameters
    ----------
    setting : Setting
    cache : Path
    device : str, default='cpu'
    """

    setting: Setting
    cache: Path
    device: str = "cpu"
    _parts: dict[tuple[str, ...], Part] = field(default_factory=dict, init=False, repr=False)

    def part(self, *names: str) -> Part:
        """Clips of parts, loaded once."""
        if names not in self._parts:
            self._parts[names] = load_part(self.setting.size, names, self.setting.step)
        return self._parts[names]

    def judge(self) -> tuple[Judge, dict[str, float]]:
        """Return the judge, and its accuracy on real test clips by label.

        It learns from all characters that are not in the test part.
        """

        def make() -> tuple[Judge, dict[str, float]]:
            test, seen = self.part("test"), self.part("train", "validation")
            judge = Judge(**self.setting.judge, device=self.device).fit(seen.clips, seen.labels)
            return judge, judge.score(test.clips, test.labels)

        setting = self.setting
        name = file_name(f"{setting.task} judge", setting.size, setting.step, setting.judge)
        return cached(self.cache / name, make)

    @cached_property
    def checked_judge(self) -> Judge:
        """The judge; one that is too poor ends the program."""
        judge, accuracies = self.judge()
        shown = ", ".join(f"{name} {share:.4f}" for name, share in accuracies.items())
        print(f"The judge on real test clips: {shown}")
        if min(accuracies.values()) < self.setting.least_accuracy:
            raise SystemExit(
                f"The judge must reach {self.setting.least_accuracy} on every label of real test "
                f"clips, but has {shown}: no row is written."
            )
        return judge

    def estimator(self, entry: Entry, seed: int) -> Any:
        """Return the estimator of a row, not fitted."""
        params = dict(self.setting.params)
        if preset := params.pop("preset", None):
            params = preset_parameters(preset) | params
        params |= {"random_state": seed, "device": self.device}
        if self.device.startswith("cuda"):  # which every CUDA device has, unlike bfloat16
            params["precision"] = "float16"
        if self.setting.first is not None and issubclass(entry.estimator, METHODS[FLAGSHIP]):
            params["callbacks"] = [DynamicsFirst(*self.setting.first)]
        of_fit, after_fit = split_params(entry, params)
        return entry.estimator(**of_fit, **after_fit)

    def fit(self, entry: Entry, seed: int) -> Fit:
        """Return the fitted estimator of a row, and what it has cost."""
        budget = self.setting.budget
        budget = replace(budget, epochs=entry.epochs(budget.epochs))
        path = self.cache / self._name(entry.name, entry, seed)
        return fit_resumable(path, self.estimator(entry, seed), self.part("train").clips, budget)

    def generation(self, entry: Entry, seed: int) -> GenerationReport:
        """Return what the judge says of a row's clips, of which one code is new."""
        judge = self.checked_judge  # whatever is cached
        path = self.cache / self._name(f"{entry.name} generation", entry, seed)
        return cached(path, partial(self._report, entry, seed, judge))

    def _report(self, entry: Entry, seed: int, judge: Judge) -> GenerationReport:
        test = self.part("test")
        return generation_report(
            self.fit(entry, seed).estimator,
            judge,
            test.clips,
            test.looks,
            test.action,
            repeats=self.setting.repeats,
            random_state=seed,
        )

    def _name(self, title: str, entry: Entry, seed: int) -> str:
        setting, digest = self.setting, code_digest(entry.estimator)
        parts = setting.params, setting.first, setting.budget, self.device, digest
        return file_name(f"{setting.task} {title} {seed}", setting.size, setting.step, *parts)


def generation_values(sprites: Sprites, entry: Entry, seed: int) -> dict[str, float]:
    """Return the numbers of Table 1 of one fit, and those beside them."""
    report = sprites.generation(entry, seed)
    scores = {
        (line["sequences"], line["label"], line["metric"]): line["mean"]
        for line in report.scores.to_dict("records")
    }
    found = {name: scores["static resampled", ACTION, key] for name, key in SCORES.items()}
    new = "dynamics resampled"
    return {
        **found,
        "all static, new dynamics": scores[new, JOINT, "accuracy"],
        "action, new dynamics": scores[new, ACTION, "accuracy"],
        "H(y), new dynamics": scores[new, ACTION, "marginal_entropy"],
        "pixel change, new static": scores["static resampled", "pixels", "change"],
        "action, swapped": scores["swapped", ACTION, "accuracy"],
        "all static, swapped": scores["swapped", JOINT, "accuracy"],
        **_reconstruction(sprites, entry, seed),
    }


def _reconstruction(sprites: Sprites, entry: Entry, seed: int) -> dict[str, float]:
    clips = sprites.part("test").clips
    again = sprites.fit(entry, seed).estimator.reconstruct(clips)
    return {
        "MSE": metrics.mean_squared_error(clips, again),
        "PSNR": float(metrics.psnr(clips, again).mean()),
        "SSIM": float(metrics.ssim(clips, again).mean()),
    }


def leakage_values(sprites: Sprites, entry: Entry, seed: int) -> dict[str, float]:
    """Return the numbers of Table 2 of one fit: by generation, and read from the codes.

    Of the codes: the mean of the three classifiers, dynamic codes flattened.
    """
    test = sprites.part("test")
    judged = sprites.generation(entry, seed).gaps
    read = leakage_report(
        sprites.fit(entry, seed).estimator,
        test.clips,
        test.looks,
        test.action,
        n_splits=sprites.setting.n_splits,
        random_state=seed,
    )
    latent = read.gaps[(read.gaps["reader"] == "average")].iloc[0]
    names = [*metrics.LeakageGaps._fields, "static_gap", "dynamic_gap"]
    return {
        **{f"generation, {_spaced(name)}": getattr(judged, name) for name in names},
        **{f"latent, {_spaced(name)}": float(latent[name]) for name in names},
    }


def _spaced(name: str) -> str:
    return name.replace("_", " ")


# By table: what it measures.
VALUES: dict[str, Callable[[Sprites, Entry, int], dict[str, float]]] = {
    "1": generation_values,
    "2": leakage_values,
}


def load_jobs(options: argparse.Namespace) -> list[Job]:
    """Jobs of tables 1 and 2 among those of the command line.

    Parameters
    ----------
    options : argparse.Namespace
        Of :func:`benchmarks.tables.runner.parse`.
    """
    sprites = make_sprites(options)
    task, seeds = sprites.setting.task, list(range(options.seeds or 1))
    return [
        Job(
            entry.name,
            task,
            "test",
            "corrected",
            [{"table": table, "task": task, "method": entry.name}],
            partial(measure_rows, table, sprites, entry, seeds),
            seeds,
        )
        for table in CLIP_TABLES
        if table in options.tables
        for entry in entries_of(table, options.estimators)
    ]


def make_sprites(options: argparse.Namespace) -> Sprites:
    """The data, the judge and the fits that the command line asks for."""
    setting = SETTINGS["quick" if options.quick else options.preset or "cpu"]
    return Sprites(setting, options.cache, options.device)


def measure_rows(table: str, sprites: Sprites, entry: Entry, seeds: list[int]) -> list[Row]:
    """Measure a row, one per metric."""
    found = [VALUES[table](sprites, entry, seed) for seed in seeds]
    return make_rows(table, sprites, entry, seeds, found)


def make_rows(
    table: str, sprites: Sprites, entry: Entry, seeds: list[int], found: list[dict[str, float]]
) -> list[Row]:
    """Return the rows of a method, one per metric; ``found`` has an entry per seed."""
    fits = [sprites.fit(entry, seed) for seed in seeds]
    task = sprites.setting.task
    rows = []
    for metric in found[0]:
        values = [numbers[metric] for numbers in found]
        low, high = seed_interval(values)  # a seed has draws of its own from the prior
        cited = cite(table, task, metric, entry.name)
        rows.append(
            Row(
                table=table,
                protocol="corrected",
                dataset=task,
                task=task,
                split="test",
                method=entry.name,
                metric=metric,
                mean=float(np.mean(values)),
                std=deviation(values),
                ci_low=low,
                ci_high=high,
                seeds=seeds,
                epochs=int(np.mean([fit.epochs for fit in fits])),
                anchor=getattr(fits[0].estimator, "anchor", None),
                seconds=float(np.mean([fit.seconds for fit in fits])),
                published=cited.published,
                best_public=cited.best_public,
            )
        )
    return rows


def swapped_clips(options: argparse.Namespace, rows: Iterable[Row]) -> GenerationReport | None:
    """What the judge saw in the flagship's swapped clips, if Table 1 has its row."""
    measured = {row.method: row.seeds for row in rows}
    if FLAGSHIP not in measured:
        return None
    entry = next(entry for entry in entries_of("1") if entry.name == FLAGSHIP)
    return make_sprites(options).generation(entry, measured[FLAGSHIP][0])
