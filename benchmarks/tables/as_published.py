"""The protocol of the published tables: released splits, heads and sampled codes.

Not its faults: labels belong to their samples, the mask reaches the encoder, every head starts
anew, and accuracy is that of the whole test part (see the documentation page "Evaluation").
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.tables.corrected import (
    Benchmark,
    DataHome,
    Resampling,
    bunch_parts,
    daily_mean,
)
from benchmarks.tables.probes import Answers, Course, Risk, Split, StaticLabel, Task
from tsdisentangle.data.codes import Codes
from tsdisentangle.datasets import (
    SequenceBunch,
    fetch_air_quality,
    fetch_etth1,
    fetch_physionet2012,
)
from tsdisentangle.presets.published import preset_parameters

LR = 1e-3
STATIC_EPOCHS, STATIC_PASSES = 41, 5
RISK_EPOCHS, COURSE_EPOCHS = 41, 301
RISK_CLIP = 1.0
HIDDEN = 32


class StaticNet(nn.Module):
    """Linear, ReLU, linear on the static code."""

    def __init__(self, codes: Codes, classes: int):
        super().__init__()
        size = codes.static.shape[1]
        self.layers = nn.Sequential(
            nn.Linear(size, classes), nn.ReLU(), nn.Linear(classes, classes)
        )

    def forward(self, static: Tensor, dynamic: Tensor, lengths: Tensor) -> Tensor:
        """Logits ``(rows, classes)``."""
        return self.layers(static)


class RiskNet(nn.Module):
    """LSTM over the dynamic codes up to the last whole window, then an MLP with the static code."""

    def __init__(self, codes: Codes):
        super().__init__()
        self.lstm = nn.LSTM(codes.dynamic.shape[2], HIDDEN, batch_first=True)
        self.layers = nn.Sequential(
            nn.Linear(HIDDEN + codes.static.shape[1], 16),
            nn.ReLU(),
            nn.Dropout(0.5),
            nn.Linear(16, 1),
        )

    def forward(self, static: Tensor, dynamic: Tensor, lengths: Tensor) -> Tensor:
        """Logits ``(rows,)``."""
        outputs = self.lstm(dynamic)[0][torch.arange(len(lengths)), lengths - 1]
        return self.layers(torch.cat([outputs, static], dim=1))[:, 0]


class CourseNet(nn.Module):
    """A small MLP on each window's dynamic code beside the static code."""

    def __init__(self, codes: Codes):
        super().__init__()
        size = codes.static.shape[1] + codes.dynamic.shape[2]
        self.norm = nn.BatchNorm1d(size)
        self.layers = nn.Sequential(
            nn.Linear(size, 32),
            nn.LeakyReLU(),
            nn.Linear(32, 8),
            nn.LeakyReLU(),
            nn.Linear(8, 1),
            nn.LeakyReLU(),
        )

    def forward(self, static: Tensor, dynamic: Tensor, lengths: Tensor) -> Tensor:
        """Values ``(rows, windows)``."""
        repeated = static[:, None].expand(-1, dynamic.shape[1], -1)
        both = torch.cat([dynamic, repeated], dim=2)
        flat = self.norm(both.flatten(0, 1))
        return self.layers(flat).view(both.shape[:2])


class SampledCodes:
    """Codes drawn anew from their posterior at every pass.

    Parameters
    ----------
    codes : Codes
        With standard deviations.
    generator : torch.Generator
    """

    def __init__(self, codes: Codes, generator: torch.Generator):
        if codes.static_std is None or codes.dynamic_std is None:
            raise ValueError("The published heads draw codes: encode with return_std=True.")
        self.codes, self.generator = codes, generator
        self.parts = [
            torch.as_tensor(part, dtype=torch.float32)
            for part in (codes.static, codes.static_std, codes.dynamic, codes.dynamic_std)
        ]
        self.lengths = torch.as_tensor(codes.lengths)

    def draw(self, rows: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Static codes, dynamic codes and lengths of some series."""
        index = torch.as_tensor(rows)
        static, static_std, dynamic, dynamic_std = (part[index] for part in self.parts)
        return (
            self._around(static, static_std),
            self._around(dynamic, dynamic_std),
            self.lengths[index],
        )

    def batches(self, rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
        """Rows in random order."""
        order = torch.randperm(len(rows), generator=self.generator).numpy()
        yield from np.array_split(rows[order], -(-len(rows) // size))

    def _around(self, mean: Tensor, std: Tensor) -> Tensor:
        return mean + std * torch.randn(mean.shape, generator=self.generator)


Loss = Callable[[Tensor, Tensor], Tensor]


def train_head(
    net: nn.Module,
    codes: SampledCodes,
    target: Tensor,
    rows: np.ndarray,
    loss: Loss,
    *,
    passes: int,
    batch_size: int,
    clip: float | None = None,
    after_pass: Callable[[int], None] = lambda number: None,
) -> None:
    """Adam over so many passes, each with fresh draws of the codes."""
    optimiser = torch.optim.Adam(net.parameters(), lr=LR)
    for number in range(passes):
        net.train()
        for batch in codes.batches(rows, batch_size):
            optimiser.zero_grad()
            loss(net(*codes.draw(batch)), target[batch]).backward()
            if clip is not None:
                nn.utils.clip_grad_norm_(net.parameters(), clip)
            optimiser.step()
        net.eval()
        after_pass(number)


@dataclass(frozen=True)
class PublishedStaticLabel(StaticLabel):
    """Static label by the released head; the epoch with the best validation loss counts."""

    known: ClassVar[tuple[str, ...]] = ("train",)  # as the head
    batch_size: int = 10

    def answer(self, codes: Codes, split: Split, raw: bool = False, seed: int = 0) -> Answers:
        """Train the head, and answer by several draws, each for itself."""
        values, target = np.unique(self.target, return_inverse=True)
        sampled = SampledCodes(codes, torch.Generator().manual_seed(seed))
        labels = torch.as_tensor(target)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            net = StaticNet(codes, len(values))
            best = _BestState(net, sampled, labels, split.validation)
            train_head(
                net,
                sampled,
                labels,
                split.train,
                functional.cross_entropy,
                passes=STATIC_EPOCHS * STATIC_PASSES,
                batch_size=self.batch_size,
                after_pass=best,
            )
        net.load_state_dict(best.state)
        with torch.no_grad():
            logits = [net(*sampled.draw(split.test)) for _ in range(STATIC_PASSES)]
        guess = torch.stack(logits, dim=1).argmax(2).numpy()
        return Answers(self.target[split.test], values[guess])


class _BestState:
    """Keeps the weights with the lowest validation loss, looked at once per epoch."""

    def __init__(self, net: nn.Module, codes: SampledCodes, target: Tensor, rows: np.ndarray):
        self.net, self.codes, self.target, self.rows = net, codes, target, rows
        self.lowest, self.state = np.inf, net.state_dict()

    def __call__(self, number: int) -> None:
        if (number + 1) % STATIC_PASSES:
            return
        with torch.no_grad():
            logits = self.net(*self.codes.draw(self.rows))
            loss = float(functional.cross_entropy(logits, self.target[self.rows]))
        if loss < self.lowest:
            self.lowest = loss
            self.state = {k: v.clone() for k, v in self.net.state_dict().items()}


@dataclass(frozen=True)
class PublishedRisk(Risk):
    """Mortality by the released head; the last epoch counts.

    ``hours`` of each stay, of ``time``, say which window is the last whole one; a partial one is
    not read.
    """

    hours: np.ndarray
    time: int
    batch_size: int = 30

    def answer(self, codes: Codes, split: Split, raw: bool = False, seed: int = 0) -> Answers:
        """Train the head, and answer with one draw."""
        windows = codes.dynamic.shape[1]
        if self.time % windows:
            raise ValueError(
                f"{windows} windows do not divide {self.time} steps, so the last whole window of a "
                "stay is not known. Pass a window length that divides them."
            )
        window = self.time // windows
        codes = replace(codes, lengths=np.maximum(self.hours // window, 1))
        sampled = SampledCodes(codes, torch.Generator().manual_seed(seed))
        target = torch.as_tensor(self.target, dtype=torch.float32)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            net = RiskNet(codes)
            train_head(
                net,
                sampled,
                target,
                split.train,
                functional.binary_cross_entropy_with_logits,
                passes=RISK_EPOCHS,
                batch_size=self.batch_size,
                clip=RISK_CLIP,
            )
        with torch.no_grad():
            guess = net(*sampled.draw(split.test)).numpy()
        return Answers(self.target[split.test], guess)


@dataclass(frozen=True)
class PublishedCourse(Course):
    """Temperature by the released head; the last epoch counts."""

    known: ClassVar[tuple[str, ...]] = ("train",)  # as the head
    batch_size: int = 10

    def answer(self, codes: Codes, split: Split, raw: bool = False, seed: int = 0) -> Answers:
        """Train the head, and answer with one draw."""
        sampled = SampledCodes(codes, torch.Generator().manual_seed(seed))
        target = torch.as_tensor(self.target, dtype=torch.float32)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            net = CourseNet(codes)
            train_head(
                net,
                sampled,
                target,
                split.train,
                functional.l1_loss,
                passes=COURSE_EPOCHS,
                batch_size=self.batch_size,
            )
        with torch.no_grad():
            guess = net(*sampled.draw(split.test)).numpy()
        return Answers(self.target[split.test], guess)


def air_quality(data_home: DataHome = None) -> Benchmark:
    """Beijing air quality, the released split and head."""
    bunch = fetch_air_quality(data_home=data_home, protocol="published")
    task = PublishedStaticLabel("month", bunch.static_target["month"])
    return _benchmark("Air Quality", bunch, [task], "air-quality")


def physionet(data_home: DataHome = None) -> Benchmark:
    """PhysioNet 2012, set a, the released split and heads; one representation for both tasks."""
    bunch = fetch_physionet2012(data_home=data_home, protocol="published")
    died, data = bunch.static_target["mortality"].astype(bool), np.asarray(bunch.data)
    tasks: list[Task] = [
        PublishedStaticLabel("ICU type", bunch.static_target["icu_type"], batch_size=30),
        PublishedRisk("mortality", died, last_observed(data) + 1, data.shape[1]),
    ]
    return _benchmark("PhysioNet 2012", bunch, tasks, "physionet-mortality", subsequence=0.6)


def etth1(data_home: DataHome = None) -> Benchmark:
    """ETTh1, the released split and head, labels kept with their samples."""
    bunch = fetch_etth1(data_home=data_home, protocol="published")
    task = PublishedCourse("oil temperature", daily_mean(bunch))
    return _benchmark("ETTh1", bunch, [task], "etth1")


def last_observed(data: np.ndarray) -> np.ndarray:
    """Last step of each series with an observed value."""
    seen = ~np.isnan(data).all(axis=2)
    return seen.shape[1] - 1 - seen[:, ::-1].argmax(axis=1)


def released_weights(
    data: np.ndarray, window: int, code: int, subsequence: float
) -> dict[str, dict[str, Any]]:
    """Loss weights of the baselines of Tonekaboni et al. (2022), for the sums of this package.

    There likelihoods are averaged over entries, and divergences as each docstring says beside its
    conversion. Weights of CDSVAE and SPYL are not
    published for time series: they keep their defaults.
    """
    _, time, channels = data.shape
    per_code = window * channels * float((~np.isnan(data)).mean()) / code
    return {
        "VAE": {"beta": float(window)},
        "GPVAE": {"beta": per_code},
        "GLR": {
            "beta": (0.1 * time * channels, 0.1 * per_code),
            "counterfactual": time * channels / code,
            "subsequence": subsequence,
        },
    }


def _benchmark(
    dataset: str,
    bunch: SequenceBunch,
    tasks: list[Task],
    preset: str,
    *,
    subsequence: float = 0.3,
) -> Benchmark:
    """Sizes and optimiser of the paper's preset for all methods, loss weights of each one's own."""
    params = preset_parameters(preset)
    window, epochs = params.pop("window"), params.pop("max_epochs")
    flagship = {name: params.pop(name) for name in ("alpha", "beta")}
    data = np.asarray(bunch.data)
    train = data[bunch.splits["train"]]
    weights = released_weights(train, window, params["dynamic_dim"], subsequence)
    return Benchmark(
        dataset,
        data,
        window,
        tasks,
        [Resampling("published split", lambda seed: [bunch_parts(bunch)], n_seeds=1)],
        settings=params,
        own_settings={"StaticDynamicVAE": flagship, **weights},
        units=bunch.static_target.get("month"),
        epochs=epochs,
        protocol="as published",
    )
