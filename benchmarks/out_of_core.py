"""How little memory the estimator keeps of a panel that lies in a file.

``python benchmarks/out_of_core.py`` makes a sparse file of 50 GB of series, 512 steps of 8
channels, with random values at 100 places, and lets the estimator train on the parts around them
(``partial_fit``) and encode them, the features of each part written into a second file. Then one
epoch of ``fit`` runs over the first ``--fit-gigabytes`` of the file. It prints one line of JSON: by
how much the process's own memory (RssAnon: no files, no shared pages) has grown at its highest, and
the processor seconds. ``--quick`` is what a test runs. Needs Linux and a file system with holes.
"""

import argparse
import json
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the root: "benchmarks" is a package there

import numpy as np
import torch

from benchmarks.measuring import watch
from tsdisentangle import StaticDynamicVAE

TIME, CHANNELS = 512, 8
SERIES_BYTES = 4 * TIME * CHANNELS
PLACES, ROWS = 100, 8  # where random values stand, and how many series of them


def sparse_panel(path: Path, n: int) -> tuple[np.memmap, list[slice]]:
    """Series in a file that is mostly a hole, and where the random ones stand."""
    with path.open("wb") as file:
        file.truncate(n * SERIES_BYTES)
    panel = np.memmap(path, np.float32, "r+", shape=(n, TIME, CHANNELS))
    rng = np.random.default_rng(0)
    starts = np.sort(rng.choice(n // ROWS, PLACES, replace=False)) * ROWS
    for start in starts:
        panel[start : start + ROWS] = rng.normal(size=(ROWS, TIME, CHANNELS))
    panel.flush()
    return panel, [slice(int(start), int(start) + 2 * ROWS) for start in starts]


def measure(gigabytes: float, fit_gigabytes: float, every: int, folder: Path) -> dict[str, Any]:
    n, n_fit = (int(size * 1e9 / SERIES_BYTES) for size in (gigabytes, fit_gigabytes))
    panel, places = sparse_panel(folder / "panel", n)
    parts = places[::every]
    estimator = StaticDynamicVAE(batch_size=32, max_epochs=1, random_state=0)
    first = np.array(panel[parts[0]])
    estimator.fit(first).transform(first)  # loads what torch loads at its first use
    sums = {}

    def train() -> None:
        for part in parts:
            estimator.partial_fit(panel[part])

    features = np.memmap(folder / "features", np.float32, "w+", shape=(n, 48))

    def encode() -> None:
        for part in parts:
            estimator.transform(panel[part], out=features[part])

    sums["partial_fit"] = watch(train)
    sums["transform"] = watch(encode)
    expected = estimator.transform(np.array(panel[parts[7]]))
    np.testing.assert_allclose(features[parts[7]], expected, rtol=1e-5, atol=1e-6)
    sums["fit"] = watch(lambda: estimator.fit(panel[:n_fit]))
    return {
        "gigabytes": gigabytes,
        "fit_gigabytes": fit_gigabytes,
        "series": n,
        "series_of_fit": n_fit,
        "grown_megabytes": {name: round(grown, 1) for name, (grown, _) in sums.items()},
        "seconds": {name: round(spent, 1) for name, (_, spent) in sums.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=50.0, help="size of the sparse file")
    parser.add_argument("--fit-gigabytes", type=float, default=5.0, help="what fit runs over")
    parser.add_argument("--quick", action="store_true", help="visit 25 places, fit over 0.05 GB")
    given = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        fit_gigabytes = 0.05 if given.quick else given.fit_gigabytes
        result = measure(given.gigabytes, fit_gigabytes, 4 if given.quick else 1, Path(folder))
    print(json.dumps(result | {"torch": torch.__version__, "machine": platform.machine()}))


if __name__ == "__main__":
    main()
