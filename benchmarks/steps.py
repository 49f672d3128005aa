"""How many steps a small panel needs: an epoch of sixty series is one.

Fits ``StaticDynamicVAE`` with its defaults, but for the number of epochs, on sixty training series
of each data set of ``benchmarks/rates.py``, and asks the validation part. No test part is touched.

    python benchmarks/steps.py [--seeds 2] [--datasets ...]

Rows are kept in ``benchmarks/results/steps.json``; what is there is not measured again. At the end
the table of ``docs/design.md`` is written anew.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the root: "benchmarks" is a package there

import numpy as np
import torch
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from benchmarks.measuring import add_row, read_rows, write_tables
from benchmarks.rates import CHOSEN, DATASETS, PAGE, Part, measure
from tsdisentangle.evaluation.code_usage import OWN

RESULTS = Path(__file__).parent / "results" / "steps.json"
N_SERIES = 60
STEPS = (100, 300, 600, 1200)
COLUMNS = {OWN: "R2", "static accuracy": "static, label", "leak": "dynamic, label (leak)"}
KEYS = ("dataset", "steps", "seed")


def few(part: Part) -> Part:
    """Return a part with the first training series only."""
    y = None if part.y_train is None else part.y_train[:N_SERIES]
    return part._replace(train=part.train[:N_SERIES], y_train=y)


def table(rows: list[dict[str, Any]]) -> str:
    """Means over the seeds; a column per number of steps."""
    lines = [f"| data set | on validation series | {' | '.join(map(str, STEPS))} |"]
    lines.append("| --- " * (2 + len(STEPS)) + "|")
    for dataset in DATASETS:
        for key, name in COLUMNS.items():
            of = [
                [r[key] for r in rows if (r["dataset"], r["steps"]) == (dataset, n) and key in r]
                for n in STEPS
            ]
            if all(of):
                shown = " | ".join(f"{np.mean(values):.2f}" for values in of)
                lines.append(f"| {dataset} | {name} | {shown} |")
    return "\n".join(lines)


def main() -> None:
    """Measure the rows that are not there yet, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--datasets", nargs="*", choices=list(DATASETS), default=list(DATASETS))
    options = parser.parse_args()
    torch.set_num_threads(1)
    done = {tuple(row[key] for key in KEYS) for row in read_rows(RESULTS)}
    jobs = [
        (dataset, steps, seed)
        for seed in range(options.seeds)
        for dataset in options.datasets
        for steps in STEPS
    ]
    parts = {name: few(DATASETS[name]()) for name in options.datasets}
    with threadpool_limits(1):
        for job in tqdm([job for job in jobs if job not in done], unit="fit"):
            dataset, steps, seed = job
            found = measure(parts[dataset], CHOSEN, seed, steps)
            add_row(RESULTS, dict(zip(KEYS, job, strict=True)) | found)
    write_tables(PAGE, "steps.py", table(read_rows(RESULTS)))


if __name__ == "__main__":
    main()
