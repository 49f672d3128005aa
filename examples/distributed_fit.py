r"""Fit with several processes, on one machine or many; each reads its share of a file.

Alone, in two processes without a GPU, or on two machines with four GPUs each (the last command
once on every machine, with its own rank):

    python examples/distributed_fit.py
    ACCELERATE_USE_CPU=true accelerate launch --multi_gpu --num_processes 2 \
        examples/distributed_fit.py
    accelerate launch --multi_gpu --num_machines 2 --num_processes 8 --machine_rank 0 \
        --main_process_ip HOST --main_process_port 29500 examples/distributed_fit.py

The series are made up: each has a level that stays (static) and a rotation (dynamic). Every process
gets the same weights; the first one saves them and shows what they are worth.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from accelerate import Accelerator
from sklearn.linear_model import LogisticRegression

from tsdisentangle import StaticDynamicVAE, make_static_dynamic
from tsdisentangle.datasets import SequenceBunch
from tsdisentangle.interop.accelerate import fit_distributed


def main(arguments: list[str] | None = None) -> StaticDynamicVAE:
    """Make a panel in a file, fit on it together, save and score."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--series", type=int, default=400)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=16, help="per process")
    parser.add_argument("--output", type=Path, default=Path("demo_output"))
    options = parser.parse_args(arguments)
    accelerator = Accelerator()

    bunch = make_static_dynamic(options.series, random_state=0)
    with tempfile.TemporaryDirectory() as folder:  # in practice: a file that all machines see
        path = Path(folder) / "panel.npy"
        np.save(path, bunch.data)
        estimator = StaticDynamicVAE(
            max_epochs=options.epochs,
            batch_size=options.batch_size,
            early_stopping=5,
            device=accelerator.device.type,
            random_state=0,
            verbose=1,
        )
        fit_distributed(estimator, np.load(path, mmap_mode="r"), accelerator)

    if accelerator.is_main_process:
        options.output.mkdir(parents=True, exist_ok=True)
        estimator.save(options.output / "distributed.tsd")
        print(report(estimator, bunch, accelerator.num_processes))
    accelerator.end_training()
    return estimator


def report(estimator: StaticDynamicVAE, bunch: SequenceBunch, processes: int) -> str:
    """Return a line: what was done, and how well the level is read from the static code."""
    labels = bunch.static_target["level"]
    static, half = estimator.encode(bunch.data).static, len(labels) // 2
    probe = LogisticRegression(max_iter=1000).fit(static[:half], labels[:half])
    accuracy = probe.score(static[half:], labels[half:])
    last = estimator.history_[-1]
    return (
        f"{processes} processes, {last['epoch']} epochs, {last['train_batch_count']} steps each; "
        f"validation loss {last['valid_loss']:.2f}; level from the static code: {accuracy:.2f}"
    )


if __name__ == "__main__":
    main()
