"""Whether a fit that is killed again and again ends like one that never was.

``python benchmarks/kill_resume.py --kills 20`` fits estimators of several methods in processes of
their own, kills these with SIGKILL at random moments (``--seed`` is that of the moments), starts
them again with the same ``checkpoint_dir`` until the fit is finished, and compares weights, history
and codes with those of a fit in one go, bit for bit. A line of JSON is added to
``results/kill_resume.jsonl``. ``--cases glr`` takes one of the cases only, ``--epochs`` makes the
fits longer or shorter, ``--quick`` prints the line instead of keeping it.

``python benchmarks/kill_resume.py --cost`` measures what an epoch pays for the state that is kept
for Ctrl-C, and for the checkpoint, with a small network and with one of 10 million weights.
"""

import argparse
import json
import multiprocessing
import os
import random
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tsdisentangle import CDSVAE, GLR, SPYL, StaticDynamicVAE, TabularEncoder, make_static_dynamic
from tsdisentangle.persistence.archive import read_document
from tsdisentangle.persistence.checkpoint_file import NAME, CheckpointFile
from tsdisentangle.persistence.versions import current_versions
from tsdisentangle.training.state import TrainingState, clone_state, get_state

RESULTS = Path(__file__).parent / "results" / "kill_resume.jsonl"
SERIES, EPOCHS = 200, 60

CASES: dict[str, tuple[type, dict[str, Any]]] = {
    "random_batch": (StaticDynamicVAE, {"anchor": "random_batch"}),
    "early_stopping": (StaticDynamicVAE, {"early_stopping": 20}),
    "step_encoder": (StaticDynamicVAE, {"encoder": TabularEncoder("step"), "missing": "mask"}),
    "glr": (GLR, {"missing": "indicate"}),
    "cdsvae": (CDSVAE, {}),
    "spyl": (SPYL, {"early_stopping": 20}),
}


def make_case(name: str, epochs: int, folder: Path | None) -> tuple[Any, np.ndarray]:
    """Estimator and training panel of a case."""
    method, params = CASES[name]
    X = make_static_dynamic(SERIES, random_state=0).data
    if params.get("missing", "error") != "error":
        X[np.random.default_rng(0).random(X.shape) < 0.2] = np.nan
    return method(**params, max_epochs=epochs, checkpoint_dir=folder, random_state=0), X


def child(begun: Connection, name: str, epochs: int, folder: Path | None, result: Path) -> None:
    """Fit, and write all that the fit has made."""
    torch.set_num_threads(1)
    estimator, X = make_case(name, epochs, folder)
    begun.send(name)
    estimator.fit(X)
    codes = estimator.encode(X, return_std=True)
    arrays = {f"codes.{key}": value for key, value in vars(codes).items() if value is not None}
    for key, tensor in estimator.net_.module_.state_dict().items():
        arrays[f"weights.{key}"] = tensor.numpy()
    rows = [
        {key: value for key, value in row.items() if key not in ("batches", "dur")}
        for row in estimator.history_
    ]
    arrays["history"] = np.array(json.dumps(rows))  # repr of a float tells all its bits
    with open(result, "wb") as file:
        np.savez(file, **arrays)


def start(name: str, epochs: int, folder: Path | None, result: Path) -> BaseProcess:
    """Start the fit in a process of its own; returns when it begins."""
    # The server imports torch once and forks; it has no threads that a fork would lose.
    context = multiprocessing.get_context("forkserver")
    # So does torch._dynamo, which the first optimizer of a process would import.
    context.set_forkserver_preload([child.__module__, "torch._dynamo"])
    waits, begun = context.Pipe(duplex=False)
    process = context.Process(target=child, args=(begun, name, epochs, folder, result))
    process.start()
    begun.close()
    waits.recv()  # EOFError if the child has died; its own error stands above
    return process


def finish(process: BaseProcess) -> None:
    process.join()
    if process.exitcode:
        raise RuntimeError(f"The fit ended with code {process.exitcode}.")


def identical(one: Path, other: Path) -> bool:
    """Whether two results have the same bytes in every array."""
    a, b = np.load(one), np.load(other)
    return sorted(a.files) == sorted(b.files) and all(
        a[key].dtype == b[key].dtype
        and a[key].shape == b[key].shape
        and a[key].tobytes() == b[key].tobytes()
        for key in a.files
    )


def kill_case(
    name: str, epochs: int, kills: int, rng: random.Random, folder: Path
) -> dict[str, Any]:
    """Kill a fit so many times, let it end, and compare."""
    whole, resumed, checkpoints = folder / "whole.npz", folder / "resumed.npz", folder / "run"
    process, begin = start(name, epochs, None, whole), time.perf_counter()
    finish(process)
    seconds = time.perf_counter() - begin
    row: dict[str, Any] = {"case": name, "kills": 0, "epoch_of_checkpoint": [], "within_a_write": 0}
    ends = []  # whether each fit that has ended is like the whole one
    while row["kills"] < kills:
        process = start(name, epochs, checkpoints, resumed)
        # On the average the kills share the fit out among them.
        time.sleep(rng.uniform(0, 2 * seconds / (kills + 1)))
        process.kill()
        process.join()
        if process.exitcode == 0:  # too late to kill it: compare, and begin another
            ends.append(identical(whole, resumed))
            shutil.rmtree(checkpoints)
            continue
        row["kills"] += 1
        row["within_a_write"] += (checkpoints / f".{NAME}.tmp").exists()
        row["epoch_of_checkpoint"].append(last_epoch(checkpoints))
    finish(start(name, epochs, checkpoints, resumed))
    ends.append(identical(whole, resumed))
    return row | {"fits_compared": len(ends), "identical": all(ends)}


def last_epoch(folder: Path) -> int:
    """Epoch of the checkpoint that a kill has left."""
    path = folder / NAME
    if not path.exists():
        return 0

    with path.open("rb") as file:
        return json.loads(read_document(file))["epochs"]


def kill_all(cases: list[str], epochs: int, kills: int, seed: int) -> dict[str, Any]:
    """Share the kills out among the cases."""
    rng, rows = random.Random(seed), []
    for i, name in enumerate(cases):
        share = kills // len(cases) + (i < kills % len(cases))
        with tempfile.TemporaryDirectory() as folder:
            rows.append(kill_case(name, epochs, share, rng, Path(folder)))
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return {
        "kills": sum(row["kills"] for row in rows),
        "identical": all(row["identical"] for row in rows),
        "epochs": epochs,
        "series": SERIES,
        "seed": seed,
        "cases": rows,
    }


def cost(repeats: int = 20) -> dict[str, Any]:
    """Milliseconds of an epoch, of keeping its state and of its checkpoint, for two sizes.

    Processor time, but that of the checkpoint, which waits for the disk.
    """
    torch.set_num_threads(1)
    X = make_static_dynamic(SERIES, random_state=0).data
    encoders = {"small": TabularEncoder(), "10M": TabularEncoder(hidden=2600, out_features=600)}
    return {name: _cost_of(encoder, X, repeats) for name, encoder in encoders.items()}


def _cost_of(encoder: TabularEncoder, X: np.ndarray, repeats: int) -> dict[str, float]:
    estimator = StaticDynamicVAE(encoder, max_epochs=2, random_state=0).fit(X)
    net = estimator.net_
    memory: list[TrainingState | None] = [clone_state(get_state(net))]

    def keep() -> None:
        memory[0] = clone_state(get_state(net), memory[0])

    with tempfile.TemporaryDirectory() as folder:
        file = CheckpointFile(Path(folder, NAME), {}, 1, 2)
        write = _milliseconds(
            lambda: file.save(get_state(net), net.history), repeats, time.perf_counter
        )
        size = file.path.stat().st_size
    return {
        "weights": sum(each.numel() for each in net.module_.parameters()),
        "epoch_ms": _milliseconds(lambda: estimator.partial_fit(X), min(repeats, 3)),
        "keep_ms": _milliseconds(keep, repeats),
        "kept_megabytes": round(
            sum(each.nbytes for each in get_state(net).tensors.values()) / 1e6, 2
        ),
        "checkpoint_ms": write,
        "checkpoint_megabytes": round(size / 1e6, 2),
    }


def _milliseconds(
    function: Callable[[], Any], repeats: int, clock: Callable[[], float] = time.process_time
) -> float:
    """Median over the repeats; of processor time, since other work on the machine is not ours."""
    times = []
    for _ in range(repeats):
        begin = clock()
        function()
        times.append(clock() - begin)
    return round(1000 * float(np.median(times)), 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--cost", action="store_true", help="measure the cost instead")
    parser.add_argument("--quick", action="store_true", help="print the line, do not keep it")
    given = parser.parse_args()
    result = cost() if given.cost else kill_all(given.cases, given.epochs, given.kills, given.seed)
    line = json.dumps(
        {
            "command": shlex.join(["python", "benchmarks/kill_resume.py", *sys.argv[1:]]),
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "versions": current_versions(),
            "cores": os.cpu_count(),
            **result,
        }
    )
    print(line)
    if not given.quick:
        with RESULTS.open("a") as file:
            file.write(line + "\n")
    if not result.get("identical", True):
        sys.exit("A fit that was killed did not end like the one that was not.")


if __name__ == "__main__":
    main()
