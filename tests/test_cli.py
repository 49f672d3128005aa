"""The command line does what the library does with the same table, and says what is wrong."""

import runpy
import sys
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tsdisentangle import Panel, StaticDynamicVAE, inspect_model, load
from tsdisentangle.cli import main

TABLE = ["--id", "machine", "--time", "t"]
QUICK = [f"--set={each}" for each in ("max_epochs=1", "static_dim=2", "random_state=0")]
pytestmark = pytest.mark.filterwarnings("ignore:The fit made")


def write_table(path="data.csv", gap=False, **columns):
    """Three machines, whose ids would lose their zeros as numbers, of 8, 9 and 10 hours."""
    rng, tables = np.random.default_rng(0), []
    for i, name in enumerate(["010", "007", "100"]):
        hours = pd.date_range("2024-03-01", periods=8 + i, freq="h")
        one = pd.DataFrame({"t": hours, "machine": name, "load": rng.normal(size=len(hours))})
        tables.append(one.assign(heat=-2 * one["load"], **columns))
    frame = pd.concat(tables, ignore_index=True)
    frame = frame.drop(index=3) if gap else frame
    frame.to_csv(path, index=False)
    return frame


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture(name="fitted", scope="module")
def fit_once(tmp_path_factory):
    """Model file of a table, and the panel that the library makes of the same."""
    folder = tmp_path_factory.mktemp("fitted")
    data, model = folder / "data.csv", folder / "model.tsd"
    frame = write_table(data)
    assert main(["fit", str(data), *TABLE, "-o", str(model), *QUICK]) == 0
    return model, Panel.from_long(frame, id="machine", time="t")


def test_fit_is_that_of_the_library(fitted):
    model, panel = fitted
    expected = StaticDynamicVAE(max_epochs=1, static_dim=2, random_state=0).fit(panel)
    np.testing.assert_array_equal(load(model).transform(panel), expected.transform(panel))


def test_codes_keep_the_ids(fitted, capsys):
    model, panel = fitted
    write_table(kind="text that is no channel of the model")
    assert main(["encode", str(model), "data.csv", *TABLE, "-o", "codes.csv"]) == 0
    codes = pd.read_csv("codes.csv", dtype={"machine": str}).set_index("machine")
    assert codes.index.tolist() == ["010", "007", "100"]
    expected = load(model).encode(panel).to_frame()
    pd.testing.assert_frame_equal(codes.astype("float32"), expected, check_index_type=False)
    assert capsys.readouterr().out == "codes.csv: 3 rows\n"


def test_scores_of_series_and_of_values(fitted):
    model, panel = fitted
    write_table()
    score = ["score", str(model), "data.csv", *TABLE, "-o", "scores.csv"]
    assert main(score) == 0
    scores = pd.read_csv("scores.csv", dtype={"machine": str})
    assert scores["machine"].tolist() == panel.index.tolist()
    expected = load(model).score_samples(panel, normalize="observed")
    np.testing.assert_allclose(scores["score"], expected, rtol=1e-12)
    assert main([*score, "--steps"]) == 0  # a file that is there is replaced
    steps = pd.read_csv("scores.csv", dtype={"machine": str}, parse_dates=["t"])
    expected = load(model).score_steps(panel).to_frame()
    pd.testing.assert_frame_equal(
        steps.set_index(["machine", "t"]), expected, check_index_type=False, check_dtype=False
    )


def test_series_of_two_columns_steps_and_method():
    write_table(gap=True, plant="p1")
    table = ["--id", "plant", "machine", "--time", "t", "--freq", "h"]
    options = ["--method", "VAE", "--channels", "load", "--set", "missing=mask", "--set"]
    command = ["fit", "data.csv", *table, "-o", "vae.tsd", *options, "encoder__hidden=8"]
    assert main([*command, "--set", "max_epochs=1"]) == 0
    assert main(["encode", "vae.tsd", "data.csv", *table, "-o", "codes.csv"]) == 0
    codes = pd.read_csv("codes.csv", dtype=str)
    assert codes[["plant", "machine"]].drop_duplicates().shape == (3, 2)
    info = inspect_model("vae.tsd")
    assert (info.class_name, info.feature_names) == ("VAE", ["load"])
    assert "hidden=8" in info.encoder


def test_inspect_says_what_is_in_the_file(fitted, capsys):
    capsys.readouterr()
    assert main(["inspect", str(fitted[0])]) == 0
    lines = capsys.readouterr().out.splitlines()
    expected = ["method: StaticDynamicVAE", "fitted to: 3 series", "channels: load, heat"]
    assert lines[:3] == expected
    assert "parameter static_dim: 2" in lines


FIT = ["fit", "data.csv", *TABLE, "-o", "new.tsd"]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["fit", "nothing.csv", *TABLE, "-o", "new.tsd"], "nothing.csv"),
        (["fit", "empty.csv", *TABLE, "-o", "new.tsd"], "No columns"),
        (["fit", "latin.csv", *TABLE, "-o", "new.tsd"], "latin.csv is not a CSV file in UTF-8"),
        ([*FIT, "--set", "window=99999999999999"], "allocate"),
        (["fit", "wide.csv", *TABLE, "-o", "new.tsd"], "rows with more values"),
        (["fit", "data.csv", "--id", "pump", "--time", "t", "-o", "new.tsd"], "no column 'pump'"),
        (["fit", "text.csv", *TABLE, "-o", "new.tsd"], "--channels NAME"),
        (["fit", "gap.csv", *TABLE, "--freq", "h", "-o", "new.tsd"], "--set missing=mask"),
        ([*FIT, "--freq", "fortnight"], "fortnight"),
        ([*FIT, "--set", "static_dim=0"], "static_dim"),
        ([*FIT, "--set", "static_dims=2"], "static_dims"),
        ([*FIT, "--set", "device=abacus"], "--set device=cpu"),
        (["fit", "data.csv", *TABLE, "-o", "data.csv"], "name another file"),
        (["fit", "data.csv", *TABLE, "-o", "."], "name another file"),
        (["fit", "data.csv", *TABLE, "-o", "no/new.tsd"], "no folder 'no'"),
        (["encode", "data.csv", "data.csv", *TABLE, "-o", "new.csv"], "model file"),
        (["encode", "MODEL", "data.csv", *TABLE, "-o", "MODEL"], "name another file"),
        (["score", "MODEL", "lacking.csv", *TABLE, "-o", "new.csv"], "no column 'heat'"),
        (["inspect", "data.csv"], "model file"),
    ],
)
def test_an_error_is_one_line_and_writes_nothing(command, message, fitted, capsys):
    frame = write_table()
    write_table("gap.csv", gap=True)
    write_table("text.csv", kind="a")
    frame.drop(columns="heat").to_csv("lacking.csv", index=False)
    Path("empty.csv").write_text("")
    Path("latin.csv").write_bytes("machine,t,load\né,1,2.0\n".encode("latin-1"))
    Path("wide.csv").write_text("machine,t,load\nm1,1,2.0,3.0\nm1,2,2.0,3.0\n")
    files, model = set(Path().iterdir()), fitted[0].read_bytes()
    assert main([str(fitted[0]) if word == "MODEL" else word for word in command]) == 2
    said = capsys.readouterr().err
    assert said.startswith("tsdisentangle: error: ")
    assert said.count("\n") == 1
    assert message in said
    assert set(Path().iterdir()) == files
    assert fitted[0].read_bytes() == model
    pd.testing.assert_frame_equal(
        pd.read_csv("data.csv", dtype={"machine": str}, parse_dates=["t"]), frame, check_dtype=False
    )


@pytest.mark.parametrize("words", [[], ["fit"], ["split"], [*FIT, "--set", "lr"]])
def test_words_that_are_no_command(words, capsys):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_a_warning_is_one_line(fitted, capsys):
    write_table(gap=True)
    assert main(["encode", str(fitted[0]), "data.csv", *TABLE, "-o", "codes.csv"]) == 0
    said = capsys.readouterr().err
    assert said.startswith("tsdisentangle: warning: Steps of X are not of one length")
    assert "--freq STEP" in said
    assert said.count("\n") == 1


def test_ctrl_c_writes_nothing(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    write_table()
    monkeypatch.setattr(StaticDynamicVAE, "fit", interrupt)
    assert main(FIT) == 130
    assert "interrupted" in capsys.readouterr().err
    assert not Path("new.tsd").exists()


def test_both_ways_to_call_it(monkeypatch, capsys):
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    assert project["scripts"] == {"tsdisentangle": "tsdisentangle.cli:main"}
    monkeypatch.setattr(sys, "argv", ["tsdisentangle", "--help"])
    with pytest.raises(SystemExit) as end:
        runpy.run_module("tsdisentangle", run_name="__main__")
    assert end.value.code == 0
    assert "encode" in capsys.readouterr().out
