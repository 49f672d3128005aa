"""What a series and a clip cost, and what follows for 10 million series and a terabyte of video.

``python benchmarks/unit_cost.py`` fits on a few series and clips that are read from an array that
counts what is read, on one thread. It writes one line of JSON and prints the plan as Markdown:
machines and hours by the formulas of this file, from processor seconds a unit. ``--quick`` is what
a test runs; ``--plan`` prints the plan of the line that is there.
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
# Machines of so many processors, with one process each, that shall be done in so many hours.
PROCESSORS, HOURS = 64, 24


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


def cost(function: Callable[[], Any], X: Counted) -> dict[str, float]:
    """Processor seconds a unit, so that other work on the machine does not count, and bytes."""
    X.bytes, start = 0, time.process_time()
    function()
    spent = time.process_time() - start
    return {"seconds": spent / len(X.array), "bytes": X.bytes / len(X.array)}


def measure(estimator: StaticDynamicVAE, array: np.ndarray) -> dict[str, Any]:
    """Costs a unit: the check of the data and one epoch (apart), and encoding."""
    X = Counted(array)
    estimator.set_params(max_epochs=1).fit(array[: estimator.batch_size])  # loads what torch loads
    check = cost(lambda: estimator.set_params(max_epochs=0).fit(X), X)
    one, three = (
        cost(lambda epochs=epochs: estimator.set_params(max_epochs=epochs).fit(X), X)
        for epochs in (1, 3)
    )
    return {
        "shape": list(array.shape[1:]),
        "dtype": str(array.dtype),
        "units": len(array),
        "batch_size": estimator.batch_size,
        "parameters": sum(p.numel() for p in estimator.net_.module_.parameters()),
        "check": check,
        "epoch": {key: (three[key] - one[key]) / 2 for key in one},
        "encode": cost(lambda: estimator.transform(X), X),
    }


def measure_all(batches: int, width: int) -> dict[str, Any]:
    """Costs of both modalities, with where and by what they were measured."""
    rng = np.random.default_rng(0)
    options: dict[str, Any] = {"batch_size": 64, "random_state": 0}
    series = rng.normal(size=(64 * batches, *SERIES_SHAPE)).astype(np.float32)
    clips = rng.integers(0, 256, (64 * batches, *CLIP_SHAPE), dtype=np.uint8)
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


def project(measured: dict[str, Any], n: int, epochs: int) -> dict[str, Any]:
    """Processor hours, bytes, and machines for ``n`` units, if the work divides without loss."""
    unit = int(np.prod(measured["shape"])) * np.dtype(measured["dtype"]).itemsize
    check, epoch, encode = (measured[part]["seconds"] for part in ("check", "epoch", "encode"))
    # Every machine checks all of the data in each of its processes, so this does not divide.
    divided = n * (epochs * epoch + encode) / 3600
    every = n * check / 3600
    machines = max(1, math.ceil(divided / (PROCESSORS * max(HOURS - every, 1e-9))))
    hours = divided / (machines * PROCESSORS) + every
    step = measured["batch_size"] * epoch
    return {
        "units": n,
        "gigabytes": n * unit / 1e9,
        "epochs": epochs,
        "seconds_epoch": epoch,
        "seconds_encode": encode,
        "hours_check": every,
        "processor_hours": divided,
        "machines": machines,
        "hours": hours,
        "series_a_step": measured["batch_size"] * machines * PROCESSORS,
        "megabytes_read_a_second": measured["epoch"]["bytes"] * PROCESSORS / epoch / 1e6,
        # A ring sends and receives every gradient twice, once a machine.
        "megabytes_sent_a_second": 2 * 4 * measured["parameters"] / step / 1e6,
    }


ROWS = {
    "units": ("series or clips", "{:,.0f}"),
    "gigabytes": ("gigabytes", "{:,.0f}"),
    "seconds_epoch": ("seconds a unit and epoch, one processor (measured)", "{:.2g}"),
    "seconds_encode": ("seconds a unit, encoding (measured)", "{:.2g}"),
    "hours_check": ("hours of the pass that checks, in every process", "{:.2f}"),
    "epochs": ("epochs", "{}"),
    "processor_hours": ("processor hours, epochs and encoding", "{:,.0f}"),
    "machines": (f"machines of {PROCESSORS} processors, for a day", "{}"),
    "hours": ("hours on them", "{:.1f}"),
    "series_a_step": ("series or clips a step of training", "{:,}"),
    "megabytes_read_a_second": ("megabytes a machine reads, a second", "{:.0f}"),
    "megabytes_sent_a_second": ("megabytes of gradients a machine sends, a second", "{:.1f}"),
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
    parser.add_argument("--batches", type=int, default=8, help="of 64 series or clips")
    parser.add_argument("--width", type=int, default=16, help="of the network of clips")
    parser.add_argument("--quick", action="store_true", help="one batch, a narrow network")
    parser.add_argument("--plan", action="store_true", help="measure nothing")
    parser.add_argument("--output", type=Path, default=RESULT)
    given = parser.parse_args(arguments)
    if not given.plan:
        torch.set_num_threads(1)
        result = measure_all(*((1, 2) if given.quick else (given.batches, given.width)))
        given.output.parent.mkdir(parents=True, exist_ok=True)
        given.output.write_text(json.dumps(result) + "\n")
    print(plan(json.loads(given.output.read_text())))


if __name__ == "__main__":
    main()
