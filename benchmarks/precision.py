"""What half precision and compilation bring, and how far they move the codes.

``python benchmarks/precision.py [--device cuda]`` fits the same estimator to the same data, tabular
series and clips, once for each precision and with and without ``compile``, and prints one line of
JSON for each: seconds of a training step and of the encoding of a batch (medians over epochs, the
first left out), and the largest difference of a static code from float32 with the same weights, in
standard deviations of its posterior. What the device refuses is named. Times are processor seconds
on a CPU, and wall-clock seconds with a synchronised GPU otherwise.
"""

import argparse
import itertools
import json
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from tsdisentangle import StaticDynamicVAE, VideoEncoder

PRECISIONS = ("float32", "bfloat16", "float16")


def seconds(function: Callable[[], Any], device: str) -> float:
    clock = time.process_time if device == "cpu" else time.perf_counter
    start = clock()
    function()
    if device != "cpu":
        torch.cuda.synchronize()
    return clock() - start


def make(modality: str, width: int, device: str, precision: str, compiled: bool) -> Any:
    settings = {"device": device, "precision": precision, "compile": compiled, "random_state": 0}
    if modality == "tabular":
        return StaticDynamicVAE(max_epochs=0, **settings)
    encoder = VideoEncoder(width=width)
    return StaticDynamicVAE.from_preset(
        "sprites", encoder=encoder, max_epochs=0, batch_size=32, **settings
    )


def data(modality: str, batches: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    if modality == "tabular":
        return rng.normal(size=(64 * batches, 672, 10)).astype(np.float32)
    return rng.integers(0, 256, (32 * batches, 8, 64, 64, 3), dtype=np.uint8)


def measure(estimator: Any, reference: Any, X: np.ndarray, rounds: int) -> dict[str, float]:
    """Times of one setting; ``reference`` is the same estimator in float32."""
    device, times = estimator.device, {"train": [], "encode": []}
    estimator.fit(X)
    estimator.net_.module_.load_state_dict(reference.net_.module_.state_dict())
    expected = reference.encode(X, return_std=True)
    apart = np.abs(estimator.encode(X).static - expected.static) / expected.static_std
    for _ in range(rounds + 1):
        times["train"].append(seconds(lambda: estimator.partial_fit(X), device))
        times["encode"].append(seconds(lambda: estimator.encode(X), device))
    batches = -(-len(X) // estimator.batch_size)
    medians = {name: statistics.median(spent[1:]) / batches for name, spent in times.items()}
    return {**medians, "code_apart": float(apart.max())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--modality", nargs="*", default=["tabular", "video"])
    parser.add_argument("--precision", nargs="*", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--width", type=int, default=64, help="of the video network")
    parser.add_argument("--batches", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    if given.device == "cpu":
        torch.set_num_threads(1)
    for modality in given.modality:
        X = data(modality, given.batches)
        reference = make(modality, given.width, given.device, "float32", False)
        reference.fit(X).partial_fit(X)
        for precision, compiled in itertools.product(given.precision, (False, True)):
            row = {"modality": modality, "precision": precision, "compile": compiled}
            estimator = make(modality, given.width, given.device, precision, compiled)
            try:
                row |= measure(estimator, reference, X, given.rounds)
            except ValueError as error:  # a precision that the device does not have
                row["refused"] = str(error)
            about = {"device": given.device, "torch": torch.__version__}
            print(json.dumps(row | about | {"machine": platform.machine()}), flush=True)


if __name__ == "__main__":
    main()
