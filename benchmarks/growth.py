"""How time and memory grow with the number of series, steps, channels, windows and code size.

Each point is a process of its own: one epoch of ``fit``, then ``transform``, of a panel of noise in
memory, on one thread. Seconds are processor seconds; memory is the highest growth of the process's
own pages (RssAnon) above what it had with the panel. The exponent is the slope of a line through
the logarithms of the three largest points.

    python benchmarks/growth.py [--axes ...] [--quick]

Points are kept in ``benchmarks/results/growth.json``; what is there is not measured again. Draws
``docs/images/growth.png``, writes the table of ``docs/speed.md`` anew, and prints it. Needs Linux.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the root: "benchmarks" is a package there

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import torch

from benchmarks.measuring import add_row, read_rows, watch, write_tables
from tsdisentangle import StaticDynamicVAE, TabularEncoder

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "growth.json"
FIGURE = ROOT / "docs" / "images" / "growth.png"
PAGE = ROOT / "docs" / "speed.md"
# A point has these sizes but for the one that its axis names.
SIZES: dict[str, dict[str, int]] = {
    "series": {"time": 24, "channels": 2, "window": 4, "code": 8, "batch": 1024},
    "time": {"series": 8, "channels": 2, "window": 50, "code": 8, "batch": 8},
    "channels": {"series": 256, "time": 240, "window": 10, "code": 8, "batch": 64},
    "windows": {"series": 256, "time": 960, "channels": 4, "code": 8, "batch": 64},
    "code": {"series": 256, "time": 240, "channels": 4, "window": 10, "batch": 64},
}
POINTS = {
    "series": [1_000, 10_000, 100_000, 1_000_000],
    "time": [100, 1_000, 10_000, 100_000],
    "channels": [4, 16, 64, 256],
    "windows": [4, 16, 60, 240],
    "code": [4, 16, 64, 256],
}
UPPER = 3  # points of the fitted line
MEASURES = ("fit_seconds", "transform_seconds", "fit_megabytes", "transform_megabytes")


def sizes_of(axis: str, value: int) -> dict[str, int]:
    """All sizes of a point."""
    sizes = {axis: value, **SIZES[axis]}
    if axis == "windows":
        sizes["window"] = sizes["time"] // sizes.pop("windows")
    return sizes


def measure(axis: str, value: int) -> dict[str, Any]:
    """Measure a point in this process."""
    torch.set_num_threads(1)
    sizes = sizes_of(axis, value)
    rng = np.random.default_rng(0)
    shape = sizes["series"], sizes["time"], sizes["channels"]
    X = rng.standard_normal(shape, dtype=np.float32)
    estimator = StaticDynamicVAE(
        TabularEncoder(hidden=32, out_features=16),
        window=sizes["window"],
        static_dim=sizes["code"],
        dynamic_dim=sizes["code"],
        batch_size=sizes["batch"],
        max_epochs=1,
        random_state=0,
    )
    estimator.fit(X[:2, : 4 * sizes["window"]])  # loads what torch loads at its first use
    fit_megabytes, fit_seconds = watch(lambda: estimator.fit(X))
    transform_megabytes, transform_seconds = watch(lambda: estimator.transform(X))
    values = fit_seconds, transform_seconds, fit_megabytes, transform_megabytes
    return {"axis": axis, "value": value, **sizes, **dict(zip(MEASURES, values, strict=True))}


def in_child(axis: str, value: int) -> dict[str, Any]:
    """Measure a point in a process of its own."""
    command = [sys.executable, __file__, "--point", axis, str(value)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)


def exponent(values: list[float], costs: list[float]) -> float:
    """Slope of the logarithms, of the largest points.

    Examples
    --------
    >>> round(exponent([1, 10, 100, 1000], [5, 2e2, 2e4, 2e6]), 2)
    2.0
    """
    x, y = (np.log(each[-UPPER:]) for each in (values, costs))
    return float(np.polyfit(x, y, 1)[0])


def table(rows: list[dict[str, Any]]) -> str:
    """Largest point and exponents of each axis, as Markdown."""
    lines = [
        "| | largest | fit, s | slope | transform, s | slope | fit, MiB | slope |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for axis in POINTS:
        points = [row for row in rows if row["axis"] == axis]
        if len(points) < UPPER:
            continue
        cells = [axis, f"{points[-1]['value']:,}"]
        for name in MEASURES[:3]:
            costs = [max(point[name], 1e-3) for point in points]
            slope = exponent([point["value"] for point in points], costs)
            cells += [
                f"{costs[-1]:,.3g}" if costs[-1] < 1e3 else f"{costs[-1]:,.0f}",
                f"{slope:.2f}",
            ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw cost over size, a panel an axis, with a line of slope 1 to compare with.

    Not the memory of ``transform``: it runs in the pages that ``fit`` has left.
    """
    measured = [axis for axis in POINTS if any(row["axis"] == axis for row in rows)]
    figure, axes = plt.subplots(
        2,
        len(measured),
        figsize=(3 * len(measured), 6),
        layout="constrained",
        sharex="col",
        squeeze=False,
    )
    for column, axis in enumerate(measured):
        points = [row for row in rows if row["axis"] == axis]
        x = np.array([point["value"] for point in points], dtype=float)
        for ax, names in zip(axes[:, column], (MEASURES[:2], MEASURES[2:3]), strict=True):
            for name in names:
                ax.loglog(x, [point[name] for point in points], "o-", label=name.split("_")[0])
            ax.loglog(x, points[-1][names[0]] * x / x[-1], ":", color="grey", label="linear")
            ax.grid(alpha=0.3)
        axes[1, column].set_xlabel(axis)
    axes[0, 0].set_ylabel("processor seconds")
    axes[1, 0].set_ylabel("memory grown, MiB")
    axes[0, 0].legend()
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main(
    arguments: list[str] | None = None,
    results: Path = RESULTS,
    figure: Path = FIGURE,
    page: Path = PAGE,
) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--axes", nargs="*", choices=list(POINTS), default=list(POINTS))
    parser.add_argument("--point", nargs=2, help="measure one point, print it")
    parser.add_argument("--quick", action="store_true", help="small points, written nowhere")
    options = parser.parse_args(arguments)
    if options.point:
        print(json.dumps(measure(options.point[0], int(options.point[1]))))
        return
    if options.quick:
        rows = [measure(axis, value) for axis in options.axes for value in POINTS[axis][:1]]
        print(json.dumps(rows))
        return
    for axis in options.axes:
        for value in POINTS[axis]:
            if not any((row["axis"], row["value"]) == (axis, value) for row in read_rows(results)):
                add_row(results, in_child(axis, value))
    rows = read_rows(results)
    draw(rows, figure)
    write_tables(page, "growth.py", table(rows))
    print(table(rows))


if __name__ == "__main__":
    main()
