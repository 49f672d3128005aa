"""What a series and a clip cost, and what follows for 10 million series and a terabyte of video.

``python benchmarks/unit_cost.py`` fits on a few series and clips that are read from an array that
counts what is read, on one thread. It writes one line of JSON and prints the plan as Markdown:
machines and hours by the formulas of this file, from processor seconds per unit. ``--quick`` is
what a test runs; ``--plan`` prints the plan of the line that is there.
"""

import argparse
import json
import math
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tsdisentangle import StaticDynamicVAE, VideoEncoder

RESULT = Path("benchmarks/results/unit_cost.json")
SERIES_SHAPE, CLIP_SHAPE = (512, 8), (8, 64, 64, 3)
# What the plan is for: units, and passes over them in training.
N_SERIES, SERIES_EPOCHS = 10_000_000, 10
VIDEO_BYTES, VIDEO_EPOCHS = 1e12, 10
# Machines of so many processors, a process on each, whose storage gives so many bytes per second in
# scattered rows (assumed), and the hours in which they must be done.
PROCESSORS, STORAGE, HOURS = 64, 500e6, 24


class Counted:
    """An array that counts the bytes that are read from it, a file's stand-in."""

    def __init__(self, array: np.ndarray):
        self.array = array
        self.shape, self.dtype = array.shape, array.dtype
        self.bytes = 0

    def __getitem__(self, rows: slice) -> np.ndarray:
        part = self.array[rows]
        self.bytes += part.nbytes
        return part


def cost(function: Callable[[], Any], X: Counted) -> np.ndarray:
    """Processor seconds, so that other work on the machine does not count, and bytes read."""
    X.bytes, start = 0, time.process_time()
    function()
    return np.array([time.process_time() - start, X.bytes])


def measure(estimator: StaticDynamicVAE, array: np.ndarray) -> dict[str, Any]:
    """Costs per unit of the check of the data, an epoch and encoding, without what they start with.

    Each is a difference: of all units and the first batch, or of three epochs and one.
    """
    n, batch = len(array), estimator.batch_size
    X, first = Counted(array), Counted(array[:batch])

    def fit(panel: Counted, epochs: int) -> np.ndarray:
        return cost(lambda: estimator.set_params(max_epochs=epochs).fit(panel), panel)

    fit(first, 1)  # loads what torch loads at its first use
    none, start = fit(X, 0), fit(first, 0)
    one, three = fit(X, 1), fit(X, 3)
    encode, encode_first = (cost(lambda x=x: estimator.transform(x), x) for x in (X, first))
    costs = {
        "check": (none - start) / (n - batch),
        "epoch": (three - one) / (2 * n),
        "encode": (encode - encode_first) / (n - batch),
    }
    return {
        "shape": list(array.shape[1:]),
        "dtype": str(array.dtype),
        "units": n,
        "batch_size": batch,
        "parameters": sum(p.numel() for p in estimator.net_.module_.parameters()),
        **{name: {"seconds": float(c[0]), "bytes": float(c[1])} for name, c in costs.items()},
    }


def measure_all(batches: int, batch: int, width: int) -> dict[str, Any]:
    """Costs of both modalities, with where and by what they were measured."""
    rng = np.random.default_rng(0)
    options: dict[str, Any] = {"batch_size": batch, "random_state": 0}
    series = rng.normal(size=(batch * batches, *SERIES_SHAPE)).astype(np.float32)
    clips = rng.integers(0, 256, (batch * batches, *CLIP_SHAPE), dtype=np.uint8)
    video = VideoEncoder(size=64, width=width)
    return {
        "series": measure(StaticDynamicVAE(**options), series),
        "clips": {
            "width": width,
            **measure(StaticDynamicVAE.from_preset("sprites", encoder=video, **options), clips),
        },
        "torch": torch.__version__,
        "machine": platform.machine(),
    }


# -- the plan -----------------------------------------------------------------------------------


def hours(unit: dict[str, float], n: float, processors: int) -> float:
    """Hours of a machine for ``n`` units: of its processors, or of its storage if that is more."""
    return n * max(unit["seconds"] / processors, unit["bytes"] / STORAGE) / 3600


def project(measured: dict[str, Any], n: int, epochs: int) -> dict[str, Any]:
    """Machines, hours and rates for ``n`` units, if the work divides without loss."""
    check, epoch, encode = (measured[part] for part in ("check", "epoch", "encode"))
    # Each process checks all of the data, so more machines do not make that shorter.
    checked = hours(check, n, 1)
    divided = epochs * hours(epoch, n, PROCESSORS) + hours(encode, n, PROCESSORS)
    machines = max(1, math.ceil(divided / (HOURS - checked)))
    of_processors = epoch["seconds"] / PROCESSORS > epoch["bytes"] / STORAGE
    step = measured["batch_size"] * epoch["seconds"]
    return {
        "units": n,
        "gigabytes": n
        * int(np.prod(measured["shape"]))
        * np.dtype(measured["dtype"]).itemsize
        / 1e9,
        "parameters": measured["parameters"],
        "seconds_epoch": epoch["seconds"],
        "seconds_encode": encode["seconds"],
        "seconds_check": check["seconds"],
        "bytes_epoch": epoch["bytes"],
        "epochs": epochs,
        "processor_hours": n * (epochs * epoch["seconds"] + encode["seconds"]) / 3600,
        "waits": "processors" if of_processors else "storage",
        "machines": machines,
        "hours": divided / machines + checked,
        "units_a_step": measured["batch_size"] * machines * PROCESSORS,
        # In a ring, every gradient leaves a machine twice a step.
        "megabytes_sent": 2 * 4 * measured["parameters"] / step / 1e6,
    }


ROWS = {
    "units": ("series or clips", "{:,}"),
    "gigabytes": ("gigabytes", "{:,.0f}"),
    "parameters": ("weights of the network", "{:,}"),
    "seconds_epoch": ("measured: processor seconds per unit and epoch", "{:.2g}"),
    "seconds_encode": ("measured: processor seconds per unit, encoding", "{:.2g}"),
    "seconds_check": ("measured: processor seconds per unit, the check before training", "{:.1g}"),
    "bytes_epoch": ("measured: bytes read per unit and epoch", "{:,.0f}"),
    "epochs": ("epochs", "{}"),
    "processor_hours": ("processor hours of epochs and encoding", "{:,.0f}"),
    "waits": ("an epoch waits for", "{}"),
    "machines": (f"machines of {PROCESSORS} processors, to be done in {HOURS} hours", "{}"),
    "hours": ("hours on them", "{:.1f}"),
    "units_a_step": ("series or clips per step of training", "{:,}"),
    "megabytes_sent": ("megabytes of gradients that leave a machine per second", "{:.0f}"),
}


def plan(measured: dict[str, Any]) -> str:
    """Return the plan for both as Markdown."""
    clip = int(np.prod(CLIP_SHAPE))
    columns = [
        project(measured["series"], N_SERIES, SERIES_EPOCHS),
        project(measured["clips"], int(VIDEO_BYTES / clip), VIDEO_EPOCHS),
    ]
    lines = ["| | 10 million series | a terabyte of video |", "| --- | --- | --- |"]
    for key, (title, form) in ROWS.items():
        lines.append(f"| {title} | {' | '.join(form.format(column[key]) for column in columns)} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batches", type=int, default=4, help="of 64 series or clips")
    parser.add_argument("--width", type=int, default=64, help="of the network of clips")
    parser.add_argument("--quick", action="store_true", help="few units, a narrow network")
    parser.add_argument("--plan", action="store_true", help="measure nothing")
    parser.add_argument("--output", type=Path, default=RESULT)
    given = parser.parse_args(arguments)
    if not given.plan:
        torch.set_num_threads(1)
        result = measure_all(*((2, 8, 2) if given.quick else (given.batches, 64, given.width)))
        given.output.parent.mkdir(parents=True, exist_ok=True)
        given.output.write_text(json.dumps(result) + "\n")
    print(plan(json.loads(given.output.read_text())))


if __name__ == "__main__":
    main()
