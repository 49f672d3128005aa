"""Seconds to one quality: the literal form as published, and the package's defaults.

Quality is the squared error per observed value of held-out series, standardised, decoded from the
means of the codes. The literal form trains as published (network, loss, batch and number of draws);
its error after the last epoch is what the package has to reach, counted from the start of ``fit``.
Evaluation is not counted on either side.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from skorch.callbacks import Callback
from torch import Tensor

from benchmarks.literal import (
    LiteralNetwork,
    literal_loader,
    literal_reconstruction,
    literal_train_step,
)
from benchmarks.measuring import seconds
from tsdisentangle import StaticDynamicVAE
from tsdisentangle.data.scaling import ChannelScaler
from tsdisentangle.data.series import as_series
from tsdisentangle.data.windows import Windows, resolve_window, to_windows
from tsdisentangle.nn.noise import mean_noise
from tsdisentangle.presets.published import PRESETS

SEEDS = 3  # of the package's fits; the slow side has one
COMPLETE_STEPS = 10  # steps without masks, for what the masks cost the literal form


class Problem(NamedTuple):
    """Series with NaN where nothing was observed, and how the literal form trains on them."""

    train: np.ndarray
    held_out: np.ndarray
    preset: str
    n_samples: int


class Standardised(NamedTuple):
    """Series in units of the training part."""

    values: Tensor
    observed: Tensor


def standardise(problem: Problem, window: int) -> tuple[Windows, Windows]:
    """Training and held-out windows, scaled by the training part, as the estimator does."""
    raw = [as_series(X, missing="mask") for X in (problem.train, problem.held_out)]
    scaler = ChannelScaler.fit(raw[0])
    train, held_out = (to_windows(scaler.transform(series), window) for series in raw)
    return train, held_out


def error(predicted: Tensor, values: Tensor, observed: Tensor) -> float:
    """Mean squared error over the observed values."""
    return float((predicted - values)[observed].square().mean())


# -- the literal form ---------------------------------------------------------------------------


def literal_run(problem: Problem, epochs: int, checkpoint: Path) -> dict[str, Any]:
    """Train the literal form, or go on where ``checkpoint`` stands.

    Returns
    -------
    dict
        ``curve``: processor seconds so far, held-out error after each epoch; ``steps`` per epoch;
        ``step_seconds`` and ``complete_step_seconds``: medians with the masks of the data and
        without a mask, which is cheaper for the literal form.
    """
    preset = PRESETS[problem.preset]
    train, held_out = (as_sequences(part) for part in standardise(problem, preset["window"]))
    torch.manual_seed(0)
    network = LiteralNetwork(train.values.shape[2], preset["window"], n_samples=problem.n_samples)
    optimiser = torch.optim.Adam(network.parameters(), lr=preset["lr"])
    curve = restore(checkpoint, network, optimiser)
    weights = {
        "reconstruction": 1.0,
        "anchor": preset["alpha"],
        "static_kl": preset["beta"],
        "dynamic_kl": preset["beta"],
    }
    loader = literal_loader(*train, preset["batch_size"])

    def epoch() -> None:
        for batch in loader:
            literal_train_step(network, optimiser, batch, weights)

    while len(curve) < epochs:
        spent = seconds(epoch)
        before = curve[-1]["seconds"] if curve else 0.0
        curve.append({"seconds": before + spent, "error": literal_error(network, held_out)})
        keep(checkpoint, network, optimiser, curve)
    batch = next(iter(loader))
    complete = batch[0], torch.ones_like(batch[1])
    spent = [
        seconds(lambda: literal_train_step(network, optimiser, complete, weights))
        for _ in range(COMPLETE_STEPS)
    ]
    return {
        "curve": curve,
        "steps": len(loader),
        "step_seconds": curve[-1]["seconds"] / (epochs * len(loader)),
        "complete_step_seconds": statistics.median(spent),
    }


def as_sequences(windows: Windows) -> Standardised:
    """Windows joined again: the literal form cuts them itself."""
    return Standardised(windows.values.flatten(1, 2), windows.observed.flatten(1, 2))


def literal_error(network: LiteralNetwork, series: Standardised) -> float:
    with torch.no_grad():
        return error(literal_reconstruction(network, *series), *series)


def keep(
    path: Path, network: LiteralNetwork, optimiser: torch.optim.Optimizer, curve: list[Any]
) -> None:
    """Write all that a run needs to go on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    state = network.state_dict(), optimiser.state_dict(), torch.get_rng_state(), curve
    torch.save(state, path)


def restore(
    path: Path, network: LiteralNetwork, optimiser: torch.optim.Optimizer
) -> list[dict[str, float]]:
    """Bring back what :func:`keep` wrote; the curve so far."""
    if not path.exists():
        return []
    weights, moments, generator, curve = torch.load(path)
    network.load_state_dict(weights)
    optimiser.load_state_dict(moments)
    torch.set_rng_state(generator)
    return curve


# -- the package --------------------------------------------------------------------------------


class Reach(Callback):
    """Note time and held-out error after each epoch, and stop at a wanted error."""

    def __init__(self, measure: Callable[[Any], float], wanted: float):
        self.measure = measure
        self.wanted = wanted
        self.curve: list[dict[str, float]] = []
        self.aside = 0.0
        self.start = time.process_time()

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Measure, outside of the time that counts."""
        now = time.process_time()
        net.module_.eval()
        found = self.measure(net.module_)
        self.curve.append({"seconds": now - self.start - self.aside, "error": found})
        self.aside += time.process_time() - now
        if found <= self.wanted:
            raise KeyboardInterrupt  # how skorch's callbacks end training


def our_run(problem: Problem, wanted: float, seed: int, **params: Any) -> list[dict[str, float]]:
    """Fit the package's defaults until the held-out error is as low as wanted."""
    held_out = standardise(problem, resolve_window("auto", problem.train.shape[1]))[1]

    def measure(network: Any) -> float:
        with torch.inference_mode():
            posterior = network.encode(held_out)
            means = posterior.static.mean, posterior.dynamic.mean
            return error(
                network.decode(*means, mean_noise).mean, held_out.values, held_out.observed
            )

    reach = Reach(measure, wanted)
    StaticDynamicVAE(missing="mask", random_state=seed, callbacks=[reach], **params).fit(
        problem.train
    )
    return reach.curve


# -- both ---------------------------------------------------------------------------------------


def time_to_quality(problem: Problem, epochs: int, checkpoint: Path) -> dict[str, Any]:
    """Curves of both sides, and how many times sooner the package is there.

    The literal form is charged what it costs without masks, and only up to the first epoch that was
    as good as the last.
    """
    literal = literal_run(problem, epochs, checkpoint)
    wanted = literal["curve"][-1]["error"]
    first = next(i for i, point in enumerate(literal["curve"], 1) if point["error"] <= wanted)
    step = min(literal["step_seconds"], literal["complete_step_seconds"])
    charged = first * literal["steps"] * step
    runs = [our_run(problem, wanted, seed) for seed in range(SEEDS)]
    reached = [run[-1]["seconds"] for run in runs if run[-1]["error"] <= wanted]
    ours = statistics.median(reached) if len(reached) == SEEDS else None
    return {
        "epochs": epochs,
        "n_samples": problem.n_samples,
        "error": wanted,
        "literal": literal,
        "literal_epochs_needed": first,
        "literal_seconds": charged,
        "ours": runs,
        "our_seconds": ours,
        "ratio": charged / ours if ours else None,
    }
