"""Sprites as a benchmark: a judge and a fit of every method, which tables 1 and 2 share."""

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from skorch.callbacks import Callback
from tqdm.auto import tqdm

from benchmarks.tables.corrected import DataHome
from benchmarks.tables.fits import (
    Budget,
    Fit,
    code_digest,
    default_cache,
    file_name,
    fit_kept,
    kept,
)
from benchmarks.tables.paper_numbers_generation import GENERATION
from benchmarks.tables.rows import Results
from benchmarks.tables.runner import metadata
from tsdisentangle import metrics
from tsdisentangle.datasets import fetch_sprites
from tsdisentangle.encoders import VideoEncoder
from tsdisentangle.evaluation.generation_report import JOINT, GenerationReport, generation_report
from tsdisentangle.evaluation.judge import Judge
from tsdisentangle.evaluation.leakage_report import leakage_report
from tsdisentangle.methods.static_dynamic_vae import StaticDynamicVAE

LOOKS = ("skin", "pants", "top", "hair")
ACTION = "action"
# A judge that errs more often than that on a label of real clips judges nothing.
LEAST_ACCURACY = 0.999
NORMAL = 1.96  # deviations to either side of a 95 % interval

UNTRAINED = "StaticDynamicVAE/untrained"
# Parameters that a row replaces.
ROWS: dict[str, dict[str, Any]] = {
    "StaticDynamicVAE": {},
    "StaticDynamicVAE/no_loss": {"anchor_loss": "none"},
    "StaticDynamicVAE/no_sub": {"subtract": False},
    "StaticDynamicVAE/no_both": {"anchor_loss": "none", "subtract": False},
    UNTRAINED: {},
}

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
    action. With a dear static code they take it, and what they cannot see stays for that code.

    Parameters
    ----------
    epochs : int
        So many.
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
    """Clips with their labels, one value a clip."""

    clips: np.ndarray
    looks: dict[str, np.ndarray]
    action: dict[str, np.ndarray]

    @property
    def labels(self) -> dict[str, np.ndarray]:
        """All that a judge learns."""
        return self.looks | self.action


def load_part(size: int, parts: Iterable[str], step: int = 1, data_home: DataHome = None) -> Part:
    """Return clips of one or more parts of the corrected protocol.

    Parameters
    ----------
    size : int
        Side of a frame.
    parts : iterable of {'train', 'validation', 'test'}
    step : int, default=1
        Every so many clips of each part.
    data_home : str or path-like, default=None
    """
    bunch = fetch_sprites(size=size, data_home=data_home)
    rows = np.concatenate([bunch.splits[part][::step] for part in parts])
    looks = {name: bunch.static_target[name][rows] for name in LOOKS}
    action = {ACTION: bunch.dynamic_target[ACTION][rows, 0]}
    return Part(np.asarray(bunch.data)[rows], looks, action)


@dataclass(frozen=True)
class Sprites:
    """The data, the judge and the fits of a setting; the last two are kept in a folder.

    Parameters
    ----------
    setting : Setting
    cache : Path
    device : str, default='cpu'
    data_home : str or path-like, default=None
    """

    setting: Setting
    cache: Path
    device: str = "cpu"
    data_home: DataHome = None
    _parts: dict[tuple[str, ...], Part] = field(default_factory=dict, init=False, repr=False)

    def part(self, *names: str) -> Part:
        """Clips of parts, loaded once."""
        if names not in self._parts:
            setting = self.setting
            self._parts[names] = load_part(setting.size, names, setting.step, self.data_home)
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
        return kept(self.cache / name, make)

    def estimator(self, row: str, seed: int) -> StaticDynamicVAE:
        """Return the estimator of a row, not fitted."""
        params = self.setting.params | ROWS[row] | {"random_state": seed, "device": self.device}
        if self.device.startswith("cuda"):  # which every CUDA device has, unlike bfloat16
            params["precision"] = "float16"
        if self.setting.first is not None:
            params["callbacks"] = [DynamicsFirst(*self.setting.first)]
        preset = params.pop("preset", None)
        if preset is None:
            return StaticDynamicVAE(**params)
        return StaticDynamicVAE.from_preset(preset, **params)

    def fit(self, row: str, seed: int) -> Fit:
        """Return the fitted estimator of a row, and what it has cost."""
        budget = replace(self.setting.budget, epochs=0) if row == UNTRAINED else self.setting.budget
        path = self.cache / self._name(row, seed)
        return fit_kept(path, self.estimator(row, seed), self.part("train").clips, budget)

    def generation(self, row: str, seed: int) -> GenerationReport:
        """Return what the judge says of a row's clips, of which one code is new."""
        return kept(
            self.cache / self._name(f"{row} generation", seed), lambda: self._judged(row, seed)
        )

    def _judged(self, row: str, seed: int) -> GenerationReport:
        test, judge = self.part("test"), self.judge()[0]
        return generation_report(
            self.fit(row, seed).estimator,
            judge,
            test.clips,
            test.looks,
            test.action,
            repeats=self.setting.repeats,
            random_state=seed,
        )

    def _name(self, title: str, seed: int) -> str:
        setting = self.setting
        parts = setting.params, setting.first, setting.budget, self.device, code_digest()
        return file_name(f"{setting.task} {title} {seed}", setting.size, setting.step, *parts)


class Value(NamedTuple):
    """A metric of one fit, and its deviation over the draws from the prior."""

    mean: float
    std: float = 0.0


def generation_values(sprites: Sprites, row: str, seed: int) -> dict[str, Value]:
    """Return the numbers of Table 1 of one fit, and those beside them."""
    report = sprites.generation(row, seed)
    scores = {
        (line["sequences"], line["label"], line["metric"]): Value(line["mean"], line["std"])
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
        **_reconstruction(sprites, row, seed),
    }


def _reconstruction(sprites: Sprites, row: str, seed: int) -> dict[str, Value]:
    clips = sprites.part("test").clips
    again = sprites.fit(row, seed).estimator.reconstruct(clips)
    return {
        "MSE": Value(metrics.mean_squared_error(clips, again)),
        "PSNR": Value(float(metrics.psnr(clips, again).mean())),
        "SSIM": Value(float(metrics.ssim(clips, again).mean())),
    }


def leakage_values(sprites: Sprites, row: str, seed: int) -> dict[str, Value]:
    """Return the numbers of Table 2 of one fit: by generation, and read from the codes.

    Of the codes: the mean of the three classifiers, dynamic codes flattened.
    """
    test = sprites.part("test")
    read = leakage_report(
        sprites.fit(row, seed).estimator,
        test.clips,
        test.looks,
        test.action,
        n_splits=sprites.setting.n_splits,
        random_state=seed,
    )
    latent = read.gaps[(read.gaps["reader"] == "average")].iloc[0]
    names = [*metrics.LeakageGaps._fields, "static_gap", "dynamic_gap"]
    judged = sprites.generation(row, seed).gaps
    return {
        **{f"generation, {_spaced(name)}": Value(getattr(judged, name)) for name in names},
        **{f"latent, {_spaced(name)}": Value(float(latent[name])) for name in names},
    }


def _spaced(name: str) -> str:
    return name.replace("_", " ")


# By table: what it measures.
TABLES: dict[str, Callable[[Sprites, str, int], dict[str, Value]]] = {
    "1": generation_values,
    "2": leakage_values,
}


def make_rows(
    table: str, sprites: Sprites, row: str, seeds: list[int], found: list[dict[str, Value]]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a method, one a metric; ``found`` has an entry a seed."""
    fits = [sprites.fit(row, seed) for seed in seeds]
    task = sprites.setting.task
    for metric in found[0]:
        means = [values[metric].mean for values in found]
        # Seeds and draws both make the mean of the seeds uncertain.
        error = np.hypot(np.std(means), np.mean([values[metric].std for values in found]))
        mean = float(np.mean(means))
        # The published numbers are of the published size alone.
        published = GENERATION.get((task, SCORES.get(metric, "")), {}) if table == "1" else {}
        yield {
            "table": table,
            "protocol": "corrected",
            "dataset": task,
            "task": task,
            "split": "test",
            "method": row,
            "metric": metric,
            "mean": mean,
            "std": float(np.std(means)),
            "ci_low": mean - NORMAL * float(error),
            "ci_high": mean + NORMAL * float(error),
            "n_seeds": len(seeds),
            "seeds": seeds,
            "epochs": int(np.mean([fit.epochs for fit in fits])),
            "anchor": fits[0].estimator.anchor,
            "leakage": None,
            "seconds": float(np.mean([fit.seconds for fit in fits])),
            "published": published.get(row),
            "best_public": published.get("SKD"),
        }


def run(
    title: str,
    table: str,
    arguments: list[str] | None = None,
    *,
    settings: Mapping[str, Setting] = SETTINGS,
    data_home: DataHome = None,
) -> tuple[list[Results], Sprites]:
    """Measure every row that is not there yet, and print the table.

    Parameters
    ----------
    title : str
        Shown by ``--help``.
    table : {'1', '2'}
    arguments : list of str, default=None
        Command line; None means ``sys.argv``.
    settings : mapping of str to Setting, default=SETTINGS
        By preset.
    data_home : str or path-like, default=None

    Returns
    -------
    results : list of Results
        Empty where there is no row.
    sprites : Sprites
        Of the chosen setting.
    """
    options = _parse(title, arguments)
    setting = settings["quick" if options.quick else options.preset]
    if options.device == "cpu":
        torch.set_num_threads(1)
    sprites = Sprites(setting, options.cache, options.device, data_home)
    # Quick rows never take the place of full ones.
    folder = options.output / "quick" if options.quick else options.output
    results = Results(folder / f"table{table}.json", metadata())
    seeds = list(range(options.seeds))
    accuracies = sprites.judge()[1]
    shown = ", ".join(f"{name} {share:.4f}" for name, share in accuracies.items())
    print(f"The judge on real test clips: {shown}")
    if min(accuracies.values()) < setting.least_accuracy:
        print(f"It must reach {setting.least_accuracy} on every label: no row is written.")
        return [], sprites

    def is_there(row: str) -> bool:
        return results.has(method=row, task=setting.task, seeds=seeds)

    for row in tqdm([row for row in options.methods if not is_there(row)]):
        found = [TABLES[table](sprites, row, seed) for seed in seeds]
        results.add(list(make_rows(table, sprites, row, seeds, found)))
    to_come = [row for row in ROWS if not is_there(row)]
    print("\n" + results.write_markdown(to_come))
    return [results], sprites


def _parse(title: str, arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--preset", choices=["cpu", "full"], default="cpu")
    parser.add_argument("--quick", action="store_true", help="few small clips, one epoch")
    parser.add_argument("--device", default="cpu", help="e.g. cuda")
    parser.add_argument("--methods", nargs="*", choices=list(ROWS), default=list(ROWS))
    parser.add_argument("--seeds", type=int, default=1, help="default: 1")
    parser.add_argument("--cache", type=Path, default=default_cache(), help="folder of the fits")
    parser.add_argument("--output", type=Path, default=Path("benchmarks/results"))
    return parser.parse_args(arguments)
