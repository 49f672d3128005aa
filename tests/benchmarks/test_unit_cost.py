"""The plan against sums by hand, and the measurement in its smallest form."""

import json

import numpy as np
import pytest

from benchmarks import unit_cost

PART = {"seconds": 0.0, "bytes": 0.0}


def measured(**parts):
    form = {"shape": [100, 10], "dtype": "float32", "parameters": 1000, "batch_size": 10}
    return {**form, "check": PART, "epoch": PART, "encode": PART, **parts}


def test_processors_are_what_an_epoch_waits_for():
    """A second per unit and epoch: 640 million processor seconds, in 64 processes 10^7 seconds."""
    found = unit_cost.project(measured(epoch={"seconds": 1.0, "bytes": 4000.0}), 10**6, 640)
    assert found["gigabytes"] == 4
    assert found["processor_hours"] == pytest.approx(640e6 / 3600)
    assert found["waits"] == "processors"
    hours_of_one = 640e6 / 64 / 3600
    assert found["machines"] == -(-hours_of_one // 24)
    assert found["hours"] == pytest.approx(hours_of_one / found["machines"])
    assert found["units_a_step"] == 10 * 64 * found["machines"]
    assert found["megabytes_sent"] == pytest.approx(8000 / 10 / 1e6)  # a step takes 10 seconds


def test_or_the_storage():
    """4 GB at half a gigabyte a second, ten times and once for the check."""
    read = {"seconds": 1e-9, "bytes": 4000.0}
    found = unit_cost.project(measured(check=read, epoch=read), 10**6, 10)
    assert found["waits"] == "storage"
    assert found["machines"] == 1
    assert found["hours"] == pytest.approx(11 * 8 / 3600)


def test_quick(tmp_path, capsys):
    output = tmp_path / "cost.json"
    unit_cost.main(["--quick", "--output", str(output)])
    found = json.loads(output.read_text())
    series = int(np.prod(unit_cost.SERIES_SHAPE)) * 4
    assert [found["series"][part]["bytes"] for part in ("check", "epoch", "encode")] == [
        # The check reads what the prior of the static codes is fitted to, encoding what it checks.
        *(2 * series, series, 2 * series)
    ]
    clip = int(np.prod(unit_cost.CLIP_SHAPE))
    assert [found["clips"][part]["bytes"] for part in ("check", "epoch")] == [clip, clip]
    printed = capsys.readouterr().out
    assert "| series or clips | 10,000,000 | 10,172,526 |" in printed
    unit_cost.main(["--plan", "--output", str(output)])
    assert capsys.readouterr().out == printed


def test_the_page_has_the_plan_that_was_measured():
    root = unit_cost.Path(__file__).parents[2]
    result = json.loads((root / unit_cost.RESULT).read_text())
    assert unit_cost.plan(result) in (root / "docs" / "distributed.md").read_text()
