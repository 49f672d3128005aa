"""Rows in JSON files: the committed ones to the byte, several writers, Markdown."""

import json
import runpy
from concurrent.futures import ProcessPoolExecutor
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from helpers import processes
from json_writers import add_numbers
from table_cases import make_row

from benchmarks.tables.entries import entries_of
from benchmarks.tables.rows import (
    CLIP_TABLES,
    PROBE_FIELDS,
    TABLES,
    Results,
    Row,
    change_json,
    metadata,
)

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "benchmarks" / "results"


def read(table):
    """Rows of a committed file, in the order in which they are shown."""
    results = Results(RESULTS / f"table{table}.json", {})
    results.sort([entry.method for entry in entries_of(table)])
    return results


# -- the committed files ------------------------------------------------------------------------


@pytest.mark.parametrize("table", TABLES)
def test_committed_rows_are_written_again_to_the_byte(table, tmp_path):
    path = RESULTS / f"table{table}.json"
    meta = json.loads(path.read_text())["meta"]
    again = Results(tmp_path / path.name, meta)
    again.add(Results(path, {}).rows)
    assert again.path.read_bytes() == path.read_bytes()
    assert Results(again.path, {}).rows == Results(path, {}).rows


# Methods whose rows are still to be measured; the page says so.
WAITING = {"DSVAE", "FHVAE", "MoCoGAN", "RWAE", "S3VAE", "SKD"}


@pytest.mark.parametrize("table", TABLES)
def test_committed_markdown_is_that_of_the_rows(table, tmp_path):
    results = read(table)
    shown = results.path.with_suffix(".md").read_text()
    results.path = tmp_path / results.path.name
    assert results.write_markdown([]) == shown


@pytest.mark.parametrize("table", TABLES)
def test_committed_rows_are_those_of_their_table(table):
    rows = read(table).rows
    assert {row.table for row in rows} == {table}
    assert len({row.key for row in rows}) == len(rows)
    # Table 7 waits for its intervals over speakers: the next run measures it again.
    assert all(row.is_complete for row in rows) == (table != "7")
    asked = {entry.method for entry in entries_of(table)}
    assert {row.method for row in rows} == {m for m in asked if m.partition("/")[0] not in WAITING}


@pytest.mark.parametrize("table", TABLES)
def test_committed_rows_of_one_seed_have_no_deviation(table):
    for row in read(table).rows:
        assert (row.std is None) == (row.n_seeds == 1)
        if table in CLIP_TABLES and row.n_seeds == 1:
            assert (row.ci_low, row.ci_high) == (None, None)


# -- rows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "complete"),
    [
        ({"table": "1"}, True),  # one seed has no interval
        ({"table": "2", "seeds": [0, 1]}, True),  # nor have seeds that do not differ
        ({"table": "4"}, False),
        ({"table": "7", "split": "takes", "metric": "gap"}, False),
        ({"table": "7", "split": "speakers", "metric": "gap"}, True),  # of one pair a fold
        ({"table": "7", "split": "speakers", "metric": "digit, from dynamic"}, False),
    ],
)
def test_rows_without_an_interval_are_measured_again_where_there_is_one(fields, complete, tmp_path):
    row = make_row(**fields)
    assert row.is_complete == complete
    assert replace(row, ci_low=0.4, ci_high=0.6).is_complete
    results = Results(tmp_path / f"table{row.table}.json", {})
    results.add([row])
    text = results.write_markdown([])
    older = f"Older than their interval, to be measured again: {row.split}, {row.metric}.\n"
    assert (older in text) == (not complete)


def test_a_method_is_there_when_all_of_its_rows_are_complete(tmp_path):
    results = Results(tmp_path / "table7.json", {})
    unseen = make_row(table="7", split="speakers", metric="gap")
    digit = replace(unseen, metric="digit, from dynamic")
    results.add([unseen, digit])
    assert not results.has(method="a")
    results.add([replace(digit, ci_low=0.4, ci_high=0.6)])
    assert results.has(method="a")
    assert not results.has(method="b")


def test_a_row_says_how_many_seeds_it_has():
    row = make_row(seeds=[3, 5])
    assert (row.n_seeds, row.to_json()["n_seeds"]) == (2, 2)
    assert Row.from_json(row.to_json()) == row


def test_fields_of_time_series_are_written_together_or_not_at_all():
    names = [field.name for field in fields(Row)]
    assert list(make_row(values=[0.5]).to_json()) == names
    assert list(make_row(leakage_course=0.5).to_json()) == names
    assert list(make_row().to_json()) == [name for name in names if name not in PROBE_FIELDS]


@pytest.mark.parametrize(("number", "together"), [("4", 1), ("8", 2)])
def test_the_anchor_tells_rows_apart_in_tables_of_anchors_alone(tmp_path, number, together):
    results = Results(tmp_path / "t.json", {})
    for anchor in ("first", "last"):
        results.add([make_row(table=number, anchor=anchor)])
    assert len(results.rows) == together


def test_the_anchor_is_named_in_tables_of_anchors_alone():
    labels = [
        make_row(table=table, method="VAE", anchor=anchor).label
        for table, anchor in (("4", "last"), ("8", "last"), ("8", None))
    ]
    assert labels == ["VAE", "VAE, anchor last", "VAE"]


# -- files --------------------------------------------------------------------------------------


def test_new_rows_replace_older_ones_of_the_same_key(tmp_path):
    row = make_row(std=0.1, ci_low=0.4)
    results = Results(tmp_path / "t.json", {})
    results.add([row])
    results.add([replace(row, mean=0.7)])
    again = Results(tmp_path / "t.json", {})
    assert [r.mean for r in again.rows] == [0.7]
    assert not list(tmp_path.glob(".*.tmp"))
    assert "0.700 ± 0.100, 3 s" in again.to_markdown("a")
    assert again.protocols() == ["a"]
    assert again.has(method="a")
    assert again.has(method="a", params=None)  # of a file that is older than the field
    assert not again.has(method="a", params={"lr": 1})
    for older in ({"ci_low": None}, {"leakage": 0.3}):
        again.add([replace(row, **older)])  # measured before its interval, or its second leak
        assert not again.has(method="a")  # to be measured anew
    again.add([replace(row, mean=0.7, leakage=0.3, leakage_course=0.4)])
    assert again.has(method="a")
    assert "± 0.100 (leak 0.300 / 0.400), 3 s" in again.to_markdown("a")


def test_each_row_keeps_the_run_that_measured_it(tmp_path):
    Results(tmp_path / "t.json", {"date": "yesterday"}).add([make_row()])
    Results(tmp_path / "t.json", {"date": "today"}).add([make_row(method="b")])
    dates = {each.method: each.run["date"] for each in Results(tmp_path / "t.json", {}).rows}
    assert dates == {"a": "yesterday", "b": "today"}


def test_rows_of_another_process_are_seen_and_kept(tmp_path):
    one, other = (Results(tmp_path / "t.json", {}) for _ in range(2))
    one.add([make_row()])
    other.add([make_row(method="b")])
    assert [row.method for row in other.rows] == ["a", "b"]


@pytest.mark.slow
def test_nothing_is_lost_between_two_writers(tmp_path):
    path = tmp_path / "new" / "rows.json"
    with ProcessPoolExecutor(2, mp_context=processes()) as pool:
        list(pool.map(add_numbers, [path, path], [0, 25]))
    assert sorted(json.loads(path.read_text())["rows"]) == list(range(50))
    assert {file.name for file in path.parent.iterdir()} <= {"rows.json", "rows.lock"}


def test_a_change_that_fails_leaves_the_file(tmp_path):
    path = tmp_path / "rows.json"
    change_json(path, lambda old: {"a": 1})
    with pytest.raises(KeyError):
        change_json(path, lambda old: old["b"])
    assert change_json(path, lambda old: old | {"c": 2}) == {"a": 1, "c": 2}


@pytest.mark.parametrize(
    ("start", "command"),
    [
        (runpy.run_module, "python -m printing 4 'a b'"),
        (runpy.run_path, "python printing/__main__.py 4 'a b'"),
    ],
)
def test_the_command_can_be_repeated(start, command, monkeypatch, tmp_path):
    (tmp_path / "printing").mkdir()
    script = "from benchmarks.tables.rows import metadata\ncommand = metadata()['command']"
    (tmp_path / "printing" / "__main__.py").write_text(script)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["printing/__main__.py", "4", "a b"])
    if start is runpy.run_module:
        found = runpy.run_module("printing", run_name="__main__", alter_sys=True)
    else:
        found = runpy.run_path("printing/__main__.py", run_name="__main__")
    assert found["command"] == command


def test_metadata_names_code_and_versions():
    meta = metadata()
    assert len(meta["fit_code"]) == 12
    assert meta["versions"]["numpy"] == np.__version__


# -- Markdown -----------------------------------------------------------------------------------


def test_cells_say_how_much_better_than_the_constant_an_error_is(tmp_path):
    row = make_row(metric="MAE", mean=2.0, std=0.0, seconds=1.0, seeds=[0, 1, 2, 3, 4])
    results = Results(tmp_path / "t.json", {})
    better = replace(row, method="b", mean=1.5, epochs=9, published=3.0)
    results.add([replace(row, method="constant"), better])
    assert "| b | 1.500 ± 0.000 (skill 0.25), 9 epochs, 1 s [paper 3.0] |" in results.to_markdown(
        "a"
    )
    assert "skill: 1 - error / that of the constant" in results.write_markdown([])
