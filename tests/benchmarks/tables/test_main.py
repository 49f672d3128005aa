"""The one command: a class of one's own in every table, on generated data."""

import json

import numpy as np
import pytest
from table_cases import one_task
from toy_methods import DuckTyped

pytest.importorskip("matplotlib")

from benchmarks.tables import runner, speakers, sprites, time_series
from benchmarks.tables.__main__ import LOADERS, load_jobs, main
from benchmarks.tables.corrected import Resampling
from benchmarks.tables.probes import Split, StaticLabel
from benchmarks.tables.rows import TABLES

OWN = ("--estimator", "toy_methods:Subclass")
ROWS = {"Subclass", "Subclass/untrained"}


def run(folder, *arguments):
    """Run the command, and return the rows of each written table."""
    main([*arguments, "--quick", "--output", str(folder), "--cache", str(folder / "fits")])
    paths = sorted((folder / "quick").glob("table*.json"))
    return {path.stem.removeprefix("table"): json.loads(path.read_text())["rows"] for path in paths}


def methods_of(rows):
    return {row["method"] for row in rows}


def labelled():
    """Return a benchmark of tables 4 and 8: a label of each series."""
    X = np.random.default_rng(0).normal(size=(30, 8, 2))
    part = Split(np.arange(15), np.arange(15, 21), np.arange(21, 30))
    task = StaticLabel("month", np.arange(30) % 3)
    splits = [Resampling("one", lambda seed: [part], 1)]
    return time_series.Benchmark("labelled", X, 4, [task], splits)


@pytest.fixture
def generated(monkeypatch):
    """Generated series in the place of the real ones, under both protocols."""

    def published():
        return one_task(protocol="as published")

    makers = [(one_task, ("3", "5")), (labelled, ("4", "8")), (published, ("3", "5"))]
    monkeypatch.setattr(time_series, "MAKERS", makers)
    monkeypatch.setattr(time_series.as_published, "COURSE_EPOCHS", 3)


def test_every_table_is_loaded_by_one_file():
    assert sorted(table for tables in LOADERS for table in tables) == list(TABLES)


def test_tables_of_methods(generated, tmp_path, capsys):
    own = [*OWN, "--estimator", "toy_methods:DuckTyped"]
    names = ["constant", *sorted(ROWS), "DuckTyped"]
    found = run(tmp_path, "3", "4", *own, "--methods", *names)
    assert methods_of(found["3"]) == methods_of(found["4"]) == set(names)
    assert {row["protocol"] for row in found["3"]} == {"corrected", "as published"}
    epochs = {row["method"]: row["epochs"] for row in found["4"]}
    assert epochs["Subclass"] == time_series.QUICK_EPOCHS
    assert epochs["Subclass/untrained"] == 0
    anchors = {row["method"]: row["anchor"] for row in found["4"]}
    assert (anchors["Subclass"], anchors["DuckTyped"]) == ("first", None)
    assert all(0 <= row["leakage"] <= 1 for row in found["4"] if row["method"] == "DuckTyped")
    # The same rows, of which none is to be measured again, and a picture of each protocol.
    assert run(tmp_path, "3", "4", *own, "--methods", *names) == found
    assert (tmp_path / "quick" / "table3_as_published.png").stat().st_size > 5_000
    assert "| Subclass/untrained |" in capsys.readouterr().out


def test_tables_of_anchors(generated, tmp_path):
    names = ["Subclass@last", "Subclass/untrained@first"]
    found = run(tmp_path, "5", "8", *OWN, "--methods", *names)
    for table in "58":
        rows = {(row["method"], row["anchor"]) for row in found[table]}
        assert rows == {("Subclass", "last"), ("Subclass/untrained", "first")}
    assert "| Subclass, anchor last |" in (tmp_path / "quick" / "table8.md").read_text()


def test_codes_without_spread_have_no_published_row(generated, tmp_path, capsys):
    own = ["--estimator", "toy_methods:MeansOnly"]
    found = run(tmp_path, "3", *own, "--methods", "MeansOnly")
    assert [row["protocol"] for row in found["3"]] == ["corrected"]
    assert "MeansOnly.encode has no return_std" in capsys.readouterr().out
    run(tmp_path, "3", *own, "--methods", "MeansOnly", "--protocol", "corrected")
    assert "return_std" not in capsys.readouterr().out


def make_part(size, parts, step):
    """Clips of two looks and two actions, which a judge need not tell apart."""
    rng = np.random.default_rng(len(parts))
    clips = rng.integers(0, 256, (48, 3, 16, 16, 3), dtype=np.uint8)
    looks = {name: np.arange(48) // 2**place % 2 for place, name in enumerate(sprites.LOOKS)}
    return sprites.Part(clips, looks, {sprites.ACTION: np.arange(48) // 16 % 2})


@pytest.mark.slow
def test_tables_of_clips(monkeypatch, tmp_path):
    monkeypatch.setattr(sprites, "load_part", make_part)
    found = run(tmp_path, "1", "2", *OWN, "--methods", *ROWS)
    assert methods_of(found["1"]) == methods_of(found["2"]) == ROWS
    epochs = {row["method"]: row["epochs"] for row in found["1"]}
    assert epochs == {"Subclass": 1, "Subclass/untrained": 0}
    assert {row["anchor"] for row in found["1"]} == {"first"}
    metrics = [{row["metric"] for row in found["2"] if row["method"] == name} for name in ROWS]
    assert metrics[0] == metrics[1]
    assert not (tmp_path / "quick" / "table1_confusion.png").exists()  # that of the flagship


def test_a_schedule_of_the_flagship_is_for_its_subclasses(tmp_path):
    options = runner.parse(["1", *OWN])
    made = sprites.make_sprites(options)
    entries = {entry.name: entry for entry in sprites.entries_of("1", options.estimators)}
    for name in ("StaticDynamicVAE", "Subclass"):
        (callback,) = made.estimator(entries[name], 0).callbacks
        assert isinstance(callback, sprites.DynamicsFirst)
    duck = made.estimator(sprites.Entry("DuckTyped", DuckTyped), 0)
    assert vars(duck) == {"window": 4, "random_state": 0}


def make_recordings(step):
    """Four speakers, of whom the last two are strangers to the second kind of split."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(10, 20, size=48)
    spectrograms = [rng.normal(size=(length, 40)).astype(np.float32) for length in lengths]
    rows, nobody = np.arange(48), np.array([], dtype=int)
    splits = {
        "takes": [Split(rows[::2], nobody, rows[1::2])],
        "speakers": [Split(rows[:24], nobody, rows[24:])],
    }
    return speakers.Recordings(spectrograms, rows // 12, rows // 2 % 3, splits)


def test_table_of_speakers(monkeypatch, tmp_path):
    monkeypatch.setattr(speakers, "load", make_recordings)
    raw = "raw/mean log-mel"
    found = run(tmp_path, "7", *OWN, "--seeds", "1", "--methods", *ROWS, raw)["7"]
    assert methods_of(found) == {*ROWS, raw}
    assert {row["split"] for row in found} == {"takes", "speakers"}
    epochs = {row["method"]: row["epochs"] for row in found}
    assert epochs == {"Subclass": 2, "Subclass/untrained": 0, raw: 0}
    anchors = {row["method"]: row["anchor"] for row in found}
    assert anchors == {"Subclass": "random_batch", "Subclass/untrained": "random_batch", raw: None}
    names = {(row["split"], row["metric"]) for row in found}
    assert ("takes", "speaker, from static") in names
    assert ("speakers", "speaker, from static") not in names
    # A fit of each split; the untrained one is made anew.
    assert len(list((tmp_path / "fits").iterdir())) == 2


def test_splits_are_chosen_by_name(monkeypatch, tmp_path):
    monkeypatch.setattr(speakers, "load", make_recordings)
    raw = ["--methods", "raw/mean log-mel"]
    found = run(tmp_path, "7", "--splits", "takes", *raw)["7"]
    assert {row["split"] for row in found} == {"takes"}
    assert found[0]["seeds"] == [0, 1, 2]


def test_jobs_of_several_files_are_measured_in_one_run(generated, monkeypatch, tmp_path):
    monkeypatch.setattr(speakers, "load", make_recordings)
    names = ["--methods", "constant", "raw/mean log-mel"]
    found = run(tmp_path, "7", "3", *names, "--protocol", "corrected")
    assert {table: methods_of(rows) for table, rows in found.items()} == {
        "3": {"constant"},
        "7": {"raw/mean log-mel"},
    }
    jobs = load_jobs(runner.parse(["7", "3"]))
    assert {table for job in jobs for table in job.tables} == {"3", "7"}
