"""Rows of the tables: each a way to turn series into codes."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from inspect import signature
from typing import Any, NamedTuple

import numpy as np

from benchmarks.tables.corrected import Benchmark
from benchmarks.tables.fits import fit_once
from tsdisentangle.data.codes import Codes
from tsdisentangle.data.scaling import ChannelScaler
from tsdisentangle.evaluation.raw_features import PLAIN, Features, RawFeatures, read, standardise
from tsdisentangle.methods.cdsvae import CDSVAE
from tsdisentangle.methods.glr import GLR
from tsdisentangle.methods.gpvae import GPVAE
from tsdisentangle.methods.spyl import SPYL
from tsdisentangle.methods.static_dynamic_vae import StaticDynamicVAE
from tsdisentangle.methods.vae import VAE
from tsdisentangle.presets.tuned import SUFFIX, tuned_preset

Encode = Callable[..., Codes]  # of series; of estimators also return_std=True


class Encoding(NamedTuple):
    """What encodes any series, and the processor seconds that its fit has cost."""

    encode: Encode
    seconds: float = 0.0


# Takes training series, their benchmark, seed and epochs.
Representation = Callable[[np.ndarray, Benchmark, int, int], Encoding]

AFTER_FIT = ("static_pooling",)  # parameters that change no fit: rows with other ones share it
METHODS = (VAE, GPVAE, CDSVAE, GLR, SPYL)
FAMILY = {method.__name__: method for method in (StaticDynamicVAE, *METHODS)}
ABLATIONS: dict[str, dict[str, Any]] = {
    "StaticDynamicVAE": {},
    "StaticDynamicVAE/pooled": {"static_pooling": "mean"},
    "StaticDynamicVAE/no_loss": {"anchor_loss": "none"},
    "StaticDynamicVAE/no_sub": {"subtract": False},
    "StaticDynamicVAE/no_both": {"anchor_loss": "none", "subtract": False},
}


def fit_method(
    method: type,
    params: dict[str, Any],
    X: np.ndarray,
    benchmark: Benchmark,
    seed: int,
    epochs: int,
) -> Encoding:
    """Fit an estimator of the package on training series, or find it fitted."""
    known = signature(method).parameters
    given = {name: value for name, value in benchmark.settings.items() if name in known}
    fixed = {"missing": "mask", "window": benchmark.window, "device": benchmark.device}
    given |= {**benchmark.own_settings.get(method.__name__, {}), **fixed, **params}
    later = {name: given.pop(name) for name in AFTER_FIT if name in given}
    estimator = method(**given, random_state=seed, max_epochs=epochs)
    title = f"{benchmark.dataset} {method.__name__}"
    fit = fit_once(estimator, X, benchmark.cache, title=title)
    return Encoding(fit.estimator.set_params(**later).encode, fit.seconds)


def fit_tuned(
    method: type, X: np.ndarray, benchmark: Benchmark, seed: int, epochs: int
) -> Encoding:
    """Fit an estimator with the parameters that the search chose for it, but for the epochs."""
    params = tuned_preset(benchmark.preset + SUFFIX, method.__name__)
    params.pop("max_epochs", None)
    if benchmark.asks_windows:
        params["window"] = benchmark.window
    return fit_method(method, params, X, benchmark, seed, epochs)


def untrained(
    method: type,
    params: dict[str, Any],
    X: np.ndarray,
    benchmark: Benchmark,
    seed: int,
    epochs: int,
) -> Encoding:
    """Return a network as it is initialised."""
    return fit_method(method, params, X, benchmark, seed, 0)


def tuned_untrained(X: np.ndarray, benchmark: Benchmark, seed: int, epochs: int) -> Encoding:
    """Return the flagship's network of the searched sizes, as it is initialised."""
    return fit_tuned(StaticDynamicVAE, X, benchmark, seed, 0)


def _raw(
    features: Features,
    X: np.ndarray,
    benchmark: Benchmark,
    seed: int,
    epochs: int,
) -> Encoding:
    """Features of the series as if they were a static code, of each window as dynamic codes."""
    window, scaler = benchmark.window, ChannelScaler.fit(read(X))

    def encode(series: np.ndarray, return_std: bool = False) -> Codes:
        series = standardise(read(series), scaler)
        windows = _cut(series, window)
        dynamic = features(windows.reshape(-1, window, series.shape[2]))
        dynamic = dynamic.reshape(len(series), windows.shape[1], -1)
        lengths = np.full(len(series), windows.shape[1])
        codes = Codes(features(series), dynamic, lengths)
        if not return_std:
            return codes
        stds = (np.zeros_like(codes.static), np.zeros_like(dynamic))
        return replace(codes, static_std=stds[0], dynamic_std=stds[1])

    return Encoding(encode)


def _cut(series: np.ndarray, window: int) -> np.ndarray:
    """Windows ``(n, windows, window, channel)``; an incomplete last one is filled up with NaN."""
    n, time, channels = series.shape
    padded = np.pad(series, ((0, 0), (0, -time % window), (0, 0)), constant_values=np.nan)
    return padded.reshape(n, -1, window, channels)


def minirocket(X: np.ndarray, benchmark: Benchmark, seed: int, epochs: int) -> Encoding:
    """MiniRocket over the whole series; it has no features of a window."""
    start = time.process_time()
    features = RawFeatures("minirocket", random_state=seed).fit(X)
    seconds = time.process_time() - start

    def encode(series: np.ndarray) -> Codes:
        nothing = np.zeros((len(series), 1, 0))
        return Codes(features.transform(series), nothing, np.ones(len(series), dtype=int))

    return Encoding(encode, seconds)


def anchors() -> dict[str, Representation]:
    """Return the flagship with each anchor, and untrained, by ``method@anchor``."""
    rows: dict[str, Representation] = {
        f"StaticDynamicVAE@{anchor}": partial(fit_method, StaticDynamicVAE, {"anchor": anchor})
        for anchor in ("first", "middle", "last", "random", "random_batch")
    }
    return rows | {"StaticDynamicVAE/untrained@first": partial(untrained, StaticDynamicVAE, {})}


def representations() -> dict[str, Representation]:
    """Return every row of the tables of methods by its name in the results."""
    rows: dict[str, Representation] = {
        name: partial(fit_method, StaticDynamicVAE, params) for name, params in ABLATIONS.items()
    }
    rows["StaticDynamicVAE/untrained"] = partial(untrained, StaticDynamicVAE, {})
    pooled = ABLATIONS["StaticDynamicVAE/pooled"]
    rows["StaticDynamicVAE/pooled_untrained"] = partial(untrained, StaticDynamicVAE, pooled)
    rows |= {method.__name__: partial(fit_method, method, {}) for method in METHODS}
    for method in METHODS:
        rows[f"{method.__name__}/untrained"] = partial(untrained, method, {})
    rows |= {f"{name}/tuned": partial(fit_tuned, method) for name, method in FAMILY.items()}
    rows["StaticDynamicVAE/tuned_untrained"] = tuned_untrained
    rows["raw/minirocket"] = minirocket
    for name, features in PLAIN.items():
        rows[f"raw/{name}"] = partial(_raw, features)
    return rows
