"""The page of the evaluation shows the rows that are there."""

from pathlib import Path

import numpy as np
import pytest
from table_cases import make_row

from benchmarks import measuring
from benchmarks.tables import page

ROOT = Path(__file__).parents[3]


def row(**fields):
    return make_row(
        **{
            **{"table": "3", "protocol": "corrected", "method": "VAE"},
            **{"task": "oil temperature", "split": "blocked folds", "metric": "MAE"},
            **{"mean": 8.0, "std": 0.1, "ci_low": 4.0, "ci_high": 12.0},
            **{"dataset": "ETTh1", "seconds": 36.0, "seeds": list(range(5)), "values": [8.0]},
            **fields,
        }
    )


def parts_of(text):
    """Lines of each table by its title, without its head."""
    parts = [part.split("**\n\n") for part in text.split("\n\nAll corrected")[0].split("\n\n**")]
    return {title.strip("*"): table.splitlines()[2:] for title, table in parts}


def test_a_cell_has_spread_leaks_and_what_was_published():
    known = row(mean=0.5, std=0.01, metric="accuracy", leakage=0.1, leakage_course=0.25)
    assert page.cell(known) == "0.500 ± 0.010 (leak 0.10 / 0.25)"
    assert page.cell(row(mean=0.5, std=None, metric="accuracy", published=0.6)) == "0.500 [0.6]"


def test_a_difference_has_the_corrected_error_of_shared_patients():
    one = row(values=[0.5, 0.7, 0.6], seeds=[0, 1, 2])
    other = row(values=[0.4, 0.5, 0.6], seeds=[0, 1, 2])
    assert page.difference(one, other) == "+0.100 ± 0.076"


def test_a_method_of_ones_own_comes_last():
    lines = page.section([row(method="Mine"), row()], page.ETTH1).splitlines()
    assert [line.split("`")[1] for line in lines[2:]] == ["VAE", "Mine"]


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
    found = parts_of(page.tables(rows, [], []))
    assert found == {
        "Air Quality, corrected: accuracy of the month": [
            "| `VAE` | 0.250 ± 0.100 (leak 0.90 / -) | - |"
        ],
        "PhysioNet 2012, corrected, ten splits of patients": [],
        "PhysioNet 2012, corrected: more than `StaticDynamicVAE/tuned`, on the same splits": [],
        "ETTh1, corrected, six blocks": ["| `VAE` | 8.000 ± 0.100 (4.0 to 12.0) |"],
        "ETTh1, corrected, MAE in °C of each block": [],
        "As published, in brackets the paper's numbers": [
            "| `VAE` | - | - | - | - | 12.000 ± 0.100 (4.0 to 12.0) [11.21] |"
        ],
        "Anchors, corrected": [
            "| `StaticDynamicVAE, anchor last` | - | - | - | - | - | 7.000 ± 0.100 (4.0 to 12.0) |"
        ],
        "Anchors, as published": [],
    }


def test_methods_are_compared_on_the_same_splits():
    seeds = list(range(10))
    values = {name: np.random.default_rng(len(name)).random(10) for name in ("VAE", page.REFERENCE)}
    column = {"table": "4", "task": "ICU type", "split": "random patients", "metric": "accuracy"}
    rows = [
        row(**column, dataset="PhysioNet 2012", method=name, values=list(of), seeds=seeds)
        for name, of in values.items()
    ]
    more = values["VAE"] - values[page.REFERENCE]
    # One part in five is tested: the variance of a mean of ten, and a quarter of that of each.
    error = np.sqrt(sum((more - more.mean()) ** 2) / 9 * (0.1 + 0.25))
    title = "PhysioNet 2012, corrected: more than `StaticDynamicVAE/tuned`, on the same splits"
    lines = parts_of(page.tables(rows, [], []))[title]
    assert lines == [f"| `VAE` | {more.mean():+.3f} ± {error:.3f} | - | - |"]


def test_other_splits_are_not_compared():
    with pytest.raises(ValueError, match="not the same"):
        page.difference(row(seeds=[0, 1]), row(seeds=[0, 2]))


def test_errors_of_each_block_and_how_often_the_probe_is_the_constant():
    errors = [1.0, 2.0, 3.0, 4.0, 5.0, 6.04]
    rows = [
        row(method="constant", by_block=errors),
        row(by_block=errors[::-1], constant_share=0.25),
        row(protocol="as published", split="published split"),
    ]
    assert parts_of(page.tables(rows, [], []))["ETTh1, corrected, MAE in °C of each block"] == [
        "| `constant` |  | 1.0 | 2.0 | 3.0 | 4.0 | 5.0 | 6.0 |",
        "| `VAE` | 25 % | 6.0 | 5.0 | 4.0 | 3.0 | 2.0 | 1.0 |",
    ]


def test_hours_count_a_representation_once_for_all_tasks():
    month = {"dataset": "Air Quality", "task": "month"}
    rows = [row(), row(task="another"), row(**month, split="test 2016"), row(**month, split="b")]
    assert page.hours(rows) == pytest.approx(3 * 5 * 36 / 3600)


def test_trials_of_a_method_are_summed_up_by_epochs():
    trial = {"dataset": "mars", "method": "VAE", "epochs": 100}
    trials = [
        {**trial, "value": 0.5, "seconds": 1.0},
        {**trial, "value": 0.7, "seconds": 4.0},
        {**trial, "value": 0.6, "seconds": 9.0, "epochs": 250},
        {**trial, "value": 0.4, "seconds": 3.0},
        {**trial, "value": 0.9, "seconds": 7.0, "earlier_code": True},
    ]
    assert page.searched(trials).splitlines()[2:] == [
        "| `mars, VAE, 100 epochs` | 3 | 3 | 0.500 | 0.700 |",
        "| `mars, VAE, 100 epochs, earlier code` | 1 | 7 | 0.900 | 0.900 |",
        "| `mars, VAE, 250 epochs` | 1 | 9 | 0.600 | 0.600 |",
    ]


def test_ideas_stand_side_by_side():
    ideas = [
        {"idea": "plain", "seed": 0, "month": 0.5},
        {"idea": "plain", "seed": 1, "month": 0.25},
        {"idea": "plain", "seed": 0, "ICU type": 0.75, "mortality": 0.125},
    ]
    assert page.tried(ideas).splitlines()[2:] == ["| `plain` | 0.500, 0.250 | 0.750 | 0.125 |"]


def test_the_page_shows_the_results_that_are_there():
    shown = measuring.shown_tables(ROOT / "docs" / "evaluation.md", page.SCRIPT)
    assert shown == page.tables(*page.read_all())
