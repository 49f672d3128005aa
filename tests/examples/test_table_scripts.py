"""The table scripts in their smallest form, on the real data: rows, Markdown and pictures."""

import json
import runpy
from pathlib import Path

import pytest
from helpers import REAL

EXAMPLES = Path(__file__).parents[2] / "examples"
SMALLEST = {
    "table3_prediction": ("3", "ETTh1", ["constant", "raw/summary", "StaticDynamicVAE"]),
    "table4_classification": ("4", "PhysioNet 2012", ["raw/missingness", "VAE"]),
    "table5_anchor": (
        "5",
        "ETTh1",
        ["constant@", "StaticDynamicVAE@last", "StaticDynamicVAE/untrained@first"],
    ),
}


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the published files are not here")
@pytest.mark.parametrize("script", SMALLEST)
def test_script_writes_its_table(script, monkeypatch, tmp_path):
    table, dataset, methods = SMALLEST[script]
    monkeypatch.setenv("TSDISENTANGLE_DATA", str(REAL))
    folders = ["--output", str(tmp_path), "--cache", str(tmp_path / "fits")]
    command = [script, "--quick", "--protocol", "corrected", *folders]
    monkeypatch.setattr("sys.argv", [*command, "--datasets", dataset, "--methods", *methods])
    runpy.run_path(str(EXAMPLES / f"{script}.py"), run_name="__main__")
    path = tmp_path / "quick" / f"table{table}.json"
    rows = json.loads(path.read_text())["rows"]
    expected = {name.partition("@")[0] for name in methods}
    assert {row["method"] for row in rows} == expected
    assert {row["dataset"] for row in rows} == {dataset}
    assert all(row["published"] is None for row in rows)
    assert "Still to come" in path.with_suffix(".md").read_text()
    assert path.with_name(f"table{table}_corrected.png").stat().st_size > 0
    if script == "table3_prediction":
        means = {row["method"]: row["mean"] for row in rows}
        assert 5 < means["constant"] < 10  # degrees Celsius; see the documentation page
