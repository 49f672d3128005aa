"""How much faster than a literal form the package is, and how much the estimator costs.

    python benchmarks/speed.py [--cases ...] [--rounds 7] [--quick]

Every case is kept in ``benchmarks/results/speed.json`` as soon as it is there, and is not measured
again unless it is named. At the end the tables of ``docs/speed.md`` are written anew, and printed.
The two ``quality`` cases train the literal form for 30 epochs on real data, about ten processor
minutes, and go on where an interrupted run stopped. Seconds are processor seconds on one thread.
Needs Linux.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))  # the root: "benchmarks" is a package there

import torch
from threadpoolctl import threadpool_limits

from benchmarks.measuring import write_tables
from benchmarks.speed_cases import (
    Steps,
    defaults_case,
    grown_memory,
    memory_case,
    series_case,
    video_case,
    vowels_case,
)
from benchmarks.speed_quality import Problem, time_to_quality
from benchmarks.tables.rows import change_json, metadata
from tsdisentangle.datasets import fetch_air_quality, fetch_physionet2012

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "speed.json"
CHECKPOINTS = ROOT / "benchmarks" / "results" / "quick"
PAGE = ROOT / "docs" / "speed.md"
EPOCHS = 30  # of the literal form, whose quality is then asked for

AIR_QUALITY = Steps(time=672, channels=10, window=24, batch=10, n_samples=15, batches=3)
PHYSIONET = Steps(time=80, channels=10, window=4, batch=30, n_samples=10, batches=6)

# Seconds per step of the released code on one core of another EPYC, before this package existed.
RELEASED_SECONDS = {
    "air_quality_m15": 0.73,
    "air_quality_m1_small": 0.090,
    "physionet_m10": 0.24,
}

TITLES = {
    "air_quality_m15": "Air Quality, 672 x 10, M = 15, batch 10",
    "air_quality_m1": "Air Quality, 672 x 10, M = 1, batch 64",
    "air_quality_m1_small": "Air Quality, 672 x 10, M = 1, batch 10",
    "physionet_m10": "PhysioNet, 80 x 10, M = 10, batch 30",
    "physionet_m1": "PhysioNet, 80 x 10, M = 1, batch 30",
    "sprites": "Sprites, 8 x 64 x 64 x 3, released size, batch 16",
    "japanese_vowels": "JapaneseVowels, fit of 30 epochs and codes",
    "defaults_air_quality": "defaults, 367 x 672 x 10, a fit of 5 epochs",
    "defaults_physionet": "defaults, 1189 x 80 x 10, a fit of 5 epochs",
    "memory_air_quality": "memory, Air Quality, M = 15",
    "quality_air_quality": "time to one quality, Air Quality",
    "quality_physionet": "time to one quality, PhysioNet",
}

# What a ratio compares (names of seconds), what it is called, and what was aimed for.
MEANINGS = {
    "train": ("literal_train", "train", "training step"),
    "encode": ("literal_encode", "encode", "codes against a full forward pass"),
    "over_bare": ("train", "bare_train", "estimator over a bare loop"),
    "encode_over_bare": ("encode", "bare_encode", "codes over a bare loop"),
    "whole": ("literal_whole", "whole", "fit and codes"),
}
AIMS = {
    ("air_quality_m15", "train"): 2.0,
    ("air_quality_m1", "train"): 1.6,
    ("physionet_m10", "train"): 1.4,
    ("sprites", "train"): 1.2,
    ("sprites", "encode"): 1.3,
    ("air_quality_m15", "encode"): 2.5,
    ("air_quality_m1", "encode"): 2.5,
    ("physionet_m10", "encode"): 2.5,
    ("physionet_m1", "encode"): 2.5,
}
AIM_OVER_BARE, AIM_MEMORY, AIM_QUALITY = 1.10, 0.25, 30


def fetched(name: str) -> Problem:
    """Series of a data set in the published split; held out is its test part."""
    fetch, preset, n_samples = {
        "air_quality": (fetch_air_quality, "air-quality", AIR_QUALITY.n_samples),
        "physionet": (fetch_physionet2012, "physionet-icu", PHYSIONET.n_samples),
    }[name]
    bunch = fetch(protocol="published")
    train, test = (bunch.data[bunch.splits[part]] for part in ("train", "test"))
    return Problem(train, test, preset, n_samples)


def cases(rounds: int) -> dict[str, Callable[[], dict[str, Any]]]:
    """All cases by name."""
    one_draw = AIR_QUALITY._replace(batch=64, n_samples=1)
    return {
        "air_quality_m15": lambda: series_case(AIR_QUALITY, rounds),
        "air_quality_m1": lambda: series_case(one_draw, rounds),
        "air_quality_m1_small": lambda: series_case(AIR_QUALITY._replace(n_samples=1), rounds),
        "physionet_m10": lambda: series_case(PHYSIONET, rounds),
        "physionet_m1": lambda: series_case(PHYSIONET._replace(n_samples=1), rounds),
        "sprites": lambda: video_case(64, 256, 16, 1, rounds),
        "japanese_vowels": lambda: vowels_case(30, rounds),
        "defaults_air_quality": lambda: defaults_case(367, 672, 10, 5, rounds),
        "defaults_physionet": lambda: defaults_case(1189, 80, 10, 5, rounds),
        "memory_air_quality": lambda: memory_case(AIR_QUALITY, Path(__file__)),
        "quality_air_quality": lambda: quality("air_quality"),
        "quality_physionet": lambda: quality("physionet"),
    }


def quality(name: str) -> dict[str, Any]:
    return time_to_quality(fetched(name), EPOCHS, CHECKPOINTS / f"literal_{name}.pt")


def quick_cases() -> dict[str, Callable[[], dict[str, Any]]]:
    """The smallest form of each kind of case."""
    tiny = Steps(time=24, channels=2, window=4, batch=4, n_samples=2, batches=1)
    return {
        "series": lambda: series_case(tiny, 2),
        "defaults": lambda: defaults_case(8, 24, 2, 1, 2),
        "video": lambda: video_case(1, 4, 2, 1, 2),
        "vowels": lambda: vowels_case(1, 1),
        "memory": lambda: memory_case(tiny, Path(__file__)),
    }


# -- results ------------------------------------------------------------------------------------


def read(path: Path) -> dict[str, Any]:
    """Cases that were measured."""
    return json.loads(path.read_text()) if path.exists() else {}


def add(path: Path, name: str, row: dict[str, Any]) -> None:
    """Write a case, in the place of an older one."""
    change_json(path, lambda old: old | {name: row})


# -- tables -------------------------------------------------------------------------------------


def number(value: float) -> str:
    """Three digits, no exponent.

    Examples
    --------
    >>> number(0.01234), number(5.678), number(456.7)
    ('0.0123', '5.68', '457')
    """
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def verdict(name: str, kind: str, ratio: float) -> str:
    """What was aimed for, and whether it was met; empty where there was no aim."""
    if kind in ("over_bare", "encode_over_bare"):
        aim, met = f"<= {AIM_OVER_BARE:.2f}", ratio <= AIM_OVER_BARE
    elif (name, kind) in AIMS:
        aim, met = f">= {AIMS[name, kind]}", ratio >= AIMS[name, kind]
    else:
        return ""
    return aim if met else f"{aim}, **missed**"


def ratio_table(rows: dict[str, Any]) -> str:
    """Literal form against package, and package against a bare loop."""
    lines = [
        "| case | what | slower or larger side | package | ratio (quartiles) | aim |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in TITLES:
        for kind, (low, middle, high) in rows.get(name, {}).get("ratios", {}).items():
            over, under, meaning = MEANINGS[kind]
            ours = over if kind.endswith("over_bare") else under
            other = under if kind.endswith("over_bare") else over
            spent = {side: number(rows[name]["seconds"][side][1]) + " s" for side in (ours, other)}
            cells = [
                TITLES[name],
                meaning,
                spent[other],
                spent[ours],
                f"{middle:.2f} ({low:.2f} to {high:.2f})",
                verdict(name, kind, middle),
            ]
            lines.append("| " + " | ".join(cells) + " |")
    if "memory_air_quality" in rows:
        row = rows["memory_air_quality"]
        grown = [f"{row['megabytes'][side]:,.0f} MiB" for side in ("literal", "ours")]
        missed = "" if row["ratio"] <= AIM_MEMORY else ", **missed**"
        lines.append(
            f"| {TITLES['memory_air_quality']} | highest growth in training | {grown[0]} | "
            f"{grown[1]} | {row['ratio']:.2f} | <= {AIM_MEMORY}{missed} |"
        )
    return "\n".join(lines)


def quality_verdict(row: dict[str, Any]) -> str:
    """What was aimed for after :data:`EPOCHS` epochs of the literal form."""
    aim = f">= {AIM_QUALITY}"
    if row["epochs"] < EPOCHS:
        return f"{aim} after {EPOCHS} epochs, which the literal form has not had yet"
    return aim if row["ratio"] and row["ratio"] >= AIM_QUALITY else f"{aim}, **missed**"


def quality_table(rows: dict[str, Any]) -> str:
    """Seconds until the held-out error of the literal form."""
    lines = [
        "| data | held-out error | literal form | epochs | package | epochs | ratio | aim |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name in ("quality_air_quality", "quality_physionet"):
        if name not in rows:
            continue
        row = rows[name]
        epochs = sorted({len(run) for run in row["ours"]})
        reached = row["ratio"] is not None
        cells = [
            f"{TITLES[name].split(', ')[1]}, M = {row['n_samples']}",
            f"{row['error']:.3f}",
            f"{number(row['literal_seconds'])} s",
            f"{row['literal_epochs_needed']} of {row['epochs']}",
            f"{number(row['our_seconds'])} s" if reached else "not reached",
            " to ".join(str(epoch) for epoch in {epochs[0]: 0, epochs[-1]: 0}),
            f"{row['ratio']:.0f}" if reached else "",
            quality_verdict(row),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def released_table(rows: dict[str, Any]) -> str:
    """The literal form beside what was measured of the released code."""
    lines = [
        "| case | literal form here, s per step | released code, s | product 1024^3 here, ms |",
        "| --- | --- | --- | --- |",
    ]
    for name, released in RELEASED_SECONDS.items():
        if name in rows:
            row = rows[name]
            lines.append(
                f"| {TITLES[name]} | {number(row['seconds']['literal_train'][1])} | {released} | "
                f"{1000 * row['matrix_product_seconds']:.1f} |"
            )
    return "\n".join(lines)


def tables(rows: dict[str, Any]) -> str:
    """All tables of the documentation."""
    return "\n\n".join([ratio_table(rows), quality_table(rows), released_table(rows)])


def main(arguments: list[str] | None = None, results: Path = RESULTS, page: Path = PAGE) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", nargs="*", choices=list(TITLES), help="measure these anew")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="smallest cases, written nowhere")
    parser.add_argument("--memory", nargs=2, help="measure the memory of one side, print it")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with threadpool_limits(1):
        if options.memory:
            side, sizes = options.memory
            print(grown_memory(side, Steps(*json.loads(sizes))))
            return
        if options.quick:
            print(json.dumps({name: case() for name, case in quick_cases().items()}))
            return
        known = cases(options.rounds)
        wanted = options.cases or [name for name in known if name not in read(results)]
        for name in wanted:
            print(name, file=sys.stderr)
            add(results, name, {**known[name](), "meta": metadata()})
    text = tables(read(results))
    write_tables(page, "speed.py", text)
    print(text)


if __name__ == "__main__":
    main()
