"""Sides of the speed benchmark: the literal forms, the package, and a bare loop over its network.

All sides of a case run in one process, in turn, and have networks of the same sizes.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

from benchmarks.literal import (
    LiteralNetwork,
    literal_evaluation,
    literal_loader,
    literal_train_step,
)
from benchmarks.literal_video import LiteralVideoNetwork
from benchmarks.literal_video import literal_epoch as literal_video_epoch
from benchmarks.literal_video import literal_evaluation as literal_video_evaluation
from benchmarks.measuring import interleave, quartiles, seconds, watch
from benchmarks.video_step import bare_encode, bare_epoch, make_estimator
from tsdisentangle import StaticDynamicVAE, TabularEncoder
from tsdisentangle.data.scaling import ChannelScaler
from tsdisentangle.data.series import as_series
from tsdisentangle.data.windows import Windows, resolve_window, to_windows
from tsdisentangle.datasets import load_japanese_vowels
from tsdisentangle.nn.noise import normal_noise
from tsdisentangle.nn.recurrent import PRIOR_HIDDEN
from tsdisentangle.presets.published import AS_PUBLISHED
from tsdisentangle.training.callbacks import GRADIENT_NORM

PRODUCT_SIDE = 1024


class Steps(NamedTuple):
    """A training set of noise without gaps, and how it is trained on."""

    time: int
    channels: int
    window: int
    batch: int
    n_samples: int
    batches: int = 4


def matrix_product() -> float:
    """Median seconds of a product of two square float32 matrices: how fast the core is today."""
    a = torch.randn(PRODUCT_SIDE, PRODUCT_SIDE)
    return statistics.median(seconds(lambda: a @ a) for _ in range(15))


def compare(
    sides: dict[str, Callable[[], Any]], rounds: int, parts: int, ratios: dict[str, tuple[str, str]]
) -> dict[str, Any]:
    """Run all sides in turn.

    Returns
    -------
    dict
        ``seconds``: quartiles of each side, divided by ``parts``; ``ratios``: quartiles of the
        quotients of the sides that each names, round by round; ``matrix_product_seconds``.
    """
    times = interleave(sides, rounds)
    quotients = {
        name: [a / b for a, b in zip(times[over], times[under], strict=True)]
        for name, (over, under) in ratios.items()
    }
    return {
        "rounds": rounds,
        "seconds": {side: [t / parts for t in quartiles(spent)] for side, spent in times.items()},
        "ratios": {name: quartiles(values) for name, values in quotients.items()},
        "matrix_product_seconds": matrix_product(),
    }


# -- training and encoding of series ------------------------------------------------------------


def noise_series(sizes: Steps) -> np.ndarray:
    shape = sizes.batch * sizes.batches, sizes.time, sizes.channels
    return np.random.default_rng(0).standard_normal(shape, dtype=np.float32)


def published_estimator(sizes: Steps) -> StaticDynamicVAE:
    """The network and loss of the paper."""
    return StaticDynamicVAE(
        TabularEncoder("step", hidden=64, out_features=32),
        window=sizes.window,
        static_dim=8,
        dynamic_dim=8,
        n_samples=sizes.n_samples,
        alpha=0.28,
        beta=2e-4,
        lr=3e-3,
        batch_size=sizes.batch,
        random_state=0,
        static_prior="normal",
        **AS_PUBLISHED,
    )


def literal_network(sizes: Steps) -> LiteralNetwork:
    """The same, with a prior as small as the package's (the released one is twice as wide)."""
    return LiteralNetwork(
        sizes.channels, sizes.window, n_samples=sizes.n_samples, prior_hidden=PRIOR_HIDDEN
    )


def literal_steps(sizes: Steps, X: np.ndarray) -> Callable[[], None]:
    """Epochs of the literal form."""
    network = literal_network(sizes)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    values = torch.from_numpy(X)
    observed = torch.ones_like(values, dtype=torch.bool)

    def epoch() -> None:
        for batch in literal_loader(values, observed, sizes.batch):
            literal_train_step(network, optimiser, batch)

    return epoch


def bare_steps(estimator: StaticDynamicVAE, windows: Windows) -> Callable[[], None]:
    """Epochs of a plain loop over the estimator's own network."""
    network = estimator.net_.module_
    optimiser = torch.optim.Adam(network.parameters(), lr=estimator.lr)

    def epoch() -> None:
        network.train()
        for rows in torch.randperm(len(windows.values)).split(estimator.batch_size):
            terms = network(windows.take(rows), normal_noise)
            loss = sum(network.weights[name] * term for name, term in terms.items())
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), GRADIENT_NORM)
            optimiser.step()
        network.eval()

    return epoch


def series_case(sizes: Steps, rounds: int) -> dict[str, Any]:
    """Same mathematics: seconds per step of training, and per batch of encoding."""
    X = noise_series(sizes)
    estimator = published_estimator(sizes).set_params(max_epochs=0).fit(X)
    twin = published_estimator(sizes).set_params(max_epochs=0).fit(X)
    windows = to_windows(as_series(X).scaled_by(twin.scaler_), sizes.window)
    # At evaluation one draw is enough for the codes: the cheaper form of the literal side.
    network = literal_network(sizes._replace(n_samples=1))
    values = torch.from_numpy(X)
    observed = torch.ones_like(values, dtype=torch.bool)
    sides = {
        "literal_train": literal_steps(sizes, X),
        "train": lambda: estimator.partial_fit(X),
        "bare_train": bare_steps(twin, windows),
        "literal_encode": lambda: literal_evaluation(network, values, observed, sizes.batch),
        "encode": lambda: estimator.transform(X),
    }
    ratios = {
        "train": ("literal_train", "train"),
        "encode": ("literal_encode", "encode"),
        "over_bare": ("train", "bare_train"),
    }
    return sizes._asdict() | compare(sides, rounds, sizes.batches, ratios)


def defaults_case(
    n_series: int, time: int, channels: int, epochs: int, rounds: int
) -> dict[str, Any]:
    """What the estimator adds to a bare loop, with its defaults: seconds of a whole fit."""
    shape = n_series, time, channels
    X = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    estimator = StaticDynamicVAE(max_epochs=epochs, random_state=0)
    twin = StaticDynamicVAE(max_epochs=0, random_state=0).fit(X)

    def bare() -> None:
        series = as_series(X)
        windows = to_windows(series.scaled_by(ChannelScaler.fit(series)), twin.window_)
        epoch = bare_steps(twin, windows)
        for _ in range(epochs):
            epoch()

    sides = {"train": lambda: estimator.fit(X), "bare_train": bare}
    row = compare(sides, rounds, 1, {"over_bare": ("train", "bare_train")})
    return {"shape": shape, "epochs": epochs, "batch": estimator.batch_size, **row}


# -- video --------------------------------------------------------------------------------------


def video_case(width: int, features: int, batch: int, batches: int, rounds: int) -> dict[str, Any]:
    """Training and encoding of clips in the form of Sprites."""
    shape = batch * batches, 8, 64, 64, 3
    clips = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    estimator = make_estimator(width, features, batch).partial_fit(clips)
    twin = make_estimator(width, features, batch).partial_fit(clips).net_.module_
    optimiser = torch.optim.Adam(twin.parameters(), lr=2e-3)
    network = LiteralVideoNetwork(3, width, features, features, features)
    literal_optimiser = torch.optim.Adam(network.parameters(), lr=2e-3)
    sides = {
        "literal_train": lambda: literal_video_epoch(network, literal_optimiser, clips, batch),
        "train": lambda: estimator.partial_fit(clips),
        "bare_train": lambda: bare_epoch(twin, optimiser, clips, batch),
        "literal_encode": lambda: literal_video_evaluation(network, clips, batch),
        "encode": lambda: estimator.encode(clips),
        "bare_encode": lambda: bare_encode(twin, clips, batch),
    }
    ratios = {
        "train": ("literal_train", "train"),
        "encode": ("literal_encode", "encode"),
        "over_bare": ("train", "bare_train"),
        "encode_over_bare": ("encode", "bare_encode"),
    }
    sizes = {"width": width, "features": features, "batch": batch, "batches": batches}
    return sizes | compare(sides, rounds, batches, ratios)


# -- a data set from end to end -----------------------------------------------------------------


def vowels_case(epochs: int, rounds: int) -> dict[str, Any]:
    """JapaneseVowels: fit on the training part, codes of all; the literal form as many epochs."""
    bunch = load_japanese_vowels()
    X, train = list(bunch.data), [bunch.data[row] for row in bunch.splits["train"]]
    estimator = StaticDynamicVAE(max_epochs=epochs, random_state=0)

    def ours() -> None:
        estimator.fit(train).transform(X)

    def literal() -> None:
        fitted = ChannelScaler.fit(as_series(train))
        parts = (to_windows(as_series(part).scaled_by(fitted), 1) for part in (train, X))
        (values, observed), rest = ((w.values[:, :, 0], w.observed[:, :, 0]) for w in parts)
        window = resolve_window("auto", values.shape[1])
        network = LiteralNetwork(values.shape[2], window, prior_hidden=PRIOR_HIDDEN)
        optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
        for _ in range(epochs):
            for batch in literal_loader(values, observed, estimator.batch_size):
                literal_train_step(network, optimiser, batch)
        literal_evaluation(network, *rest, estimator.batch_size)

    row = compare(
        {"literal_whole": literal, "whole": ours}, rounds, 1, {"whole": ("literal_whole", "whole")}
    )
    return {"epochs": epochs, "batch": estimator.batch_size, "series": len(X), **row}


# -- memory -------------------------------------------------------------------------------------


def grown_memory(side: str, sizes: Steps) -> float:
    """Highest growth of this process's memory, in MB, over an epoch of training."""
    X = noise_series(sizes)
    if side == "literal":
        return watch(lambda: literal_steps(sizes, X)())[0]
    return watch(lambda: published_estimator(sizes).partial_fit(X))[0]


def memory_case(sizes: Steps, script: Path) -> dict[str, Any]:
    """Memory of both sides, each in a process of its own."""
    megabytes = {}
    for side in ("literal", "ours"):
        command = [sys.executable, str(script), "--memory", side, json.dumps(sizes)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        megabytes[side] = json.loads(done.stdout)
    return {
        **sizes._asdict(),
        "megabytes": megabytes,
        "ratio": megabytes["ours"] / megabytes["literal"],
    }
