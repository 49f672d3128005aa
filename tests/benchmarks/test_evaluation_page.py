"""The page of the evaluation shows the rows that are there."""

from pathlib import Path

from helpers import load_script

ROOT = Path(__file__).parents[2]
page = load_script(ROOT / "benchmarks" / "evaluation_page.py")

import measuring  # noqa: E402 - the folder of scripts is on the path now


def row(**fields):
    return {
        **{"table": "3", "protocol": "corrected", "method": "VAE", "anchor": None},
        **{"task": "oil temperature", "split": "blocked folds", "metric": "MAE"},
        **{"mean": 8.0, "std": 0.1, "ci_low": 4.0, "ci_high": 12.0, "published": None},
        **{"leakage": None, "leakage_course": None},
        **fields,
    }


def test_rows_stand_in_the_order_of_the_tables():
    rows = [row(), row(method="constant", std=0.0), row(method="StaticDynamicVAE", anchor="first")]
    lines = page.section(rows, page.ETTH1).splitlines()
    assert [line.split("`")[1] for line in lines[2:]] == ["constant", "StaticDynamicVAE", "VAE"]
    assert lines[-1] == "| `VAE` | 8.000 ± 0.100 (4.0 to 12.0) |"


def test_each_row_stands_in_its_own_table():
    other = {"task": "month", "metric": "accuracy", "mean": 0.25}
    rows = [
        row(),
        row(table="5", method="StaticDynamicVAE", anchor="last", mean=7.0),
        row(protocol="as published", split="published split", mean=12.0, published=11.21),
        row(table="4", split="test 2016", leakage=0.9, **other),
    ]
    parts = [part.split("**\n\n") for part in page.tables(rows).split("\n\n**")]
    found = {title.strip("*"): text.splitlines()[2:] for title, text in parts}
    assert found == {
        "Air Quality, corrected: accuracy of the month": [
            "| `VAE` | 0.250 ± 0.100 (leak 0.90 / -) | - |"
        ],
        "PhysioNet 2012, corrected, ten splits of patients": [],
        "ETTh1, corrected, six blocks": ["| `VAE` | 8.000 ± 0.100 (4.0 to 12.0) |"],
        "As published, in brackets the paper's numbers": [
            "| `VAE` | - | - | - | - | 12.000 ± 0.100 (4.0 to 12.0) [11.21] |"
        ],
        "Anchors, corrected": [
            "| `StaticDynamicVAE, anchor last` | - | - | - | - | - | 7.000 ± 0.100 (4.0 to 12.0) |"
        ],
        "Anchors, as published": [],
    }


def test_the_page_shows_the_results_that_are_there():
    shown = measuring.shown_tables(ROOT / "docs" / "evaluation.md", "evaluation_page.py")
    assert shown == page.tables(page.read())
