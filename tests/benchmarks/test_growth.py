"""The benchmark of growth: its points, the fitted slope, and that no point is measured twice."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import growth, measuring

ROOT = Path(__file__).parents[2]

PROC = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")


@PROC
def test_quick(capsys):
    growth.main(["--quick", "--axes", "time", "windows"])
    rows = json.loads(capsys.readouterr().out)
    assert [row["axis"] for row in rows] == ["time", "windows"]
    for row in rows:
        assert row["time"] == (row["value"] if row["axis"] == "time" else 960)
        assert row["fit_seconds"] > 0
        assert row["transform_seconds"] > 0
        assert row["fit_megabytes"] >= 0


@given(st.floats(-1, 3), st.floats(1e-3, 1e3))
def test_slope_of_a_power_is_its_exponent(power, factor):
    values = [1.0, 10.0, 100.0, 1000.0, 10_000.0]
    costs = [factor * value**power for value in values]
    costs[0] = 1e6  # the small points hold what does not grow, and do not count
    assert growth.exponent(values, costs) == pytest.approx(power, abs=1e-9)


def test_windows_share_the_steps():
    for windows in growth.POINTS["windows"]:
        sizes = growth.sizes_of("windows", windows)
        assert sizes["window"] * windows == sizes["time"]
        assert "windows" not in sizes


def test_largest_points():
    assert growth.POINTS["series"][-1] == 1_000_000
    assert growth.POINTS["time"][-1] == 100_000
    for points in growth.POINTS.values():
        assert len(points) >= 4
        assert points == sorted(points)


def test_resumes_draws_and_writes(tmp_path, monkeypatch, capsys):
    results, figure, page = (tmp_path / name for name in ("g.json", "g.png", "g.md"))
    page.write_text("Before\n{}\n{}\nAfter\n".format(*measuring.marks("growth.py")))
    asked = []

    def point(axis, value):
        asked.append((axis, value))
        if len(asked) == 3:
            raise KeyboardInterrupt
        costs = dict.fromkeys(growth.MEASURES, value / 1000)
        return {"axis": axis, "value": value, **costs}

    monkeypatch.setattr(growth, "in_child", point)
    with pytest.raises(KeyboardInterrupt):
        growth.main(["--axes", "series", "code"], results, figure, page)
    growth.main(["--axes", "series", "code"], results, figure, page)
    wanted = [(axis, value) for axis in ("series", "code") for value in growth.POINTS[axis]]
    assert asked == [*wanted[:3], *wanted[2:]]
    rows = growth.read_rows(results)
    assert [(row["axis"], row["value"]) for row in rows] == wanted
    assert figure.stat().st_size > 10_000
    shown = measuring.shown_tables(page, "growth.py")
    assert shown.splitlines()[2:] == [
        "| series | 1,000,000 | 1,000 | 1.00 | 1,000 | 1.00 | 1,000 | 1.00 |",
        "| code | 256 | 0.256 | 1.00 | 0.256 | 1.00 | 0.256 | 1.00 |",
    ]


def test_what_is_measured_is_linear_in_series_and_steps():
    rows = growth.read_rows(growth.RESULTS)
    for axis in ("series", "time"):
        points = [row for row in rows if row["axis"] == axis]
        values = [row["value"] for row in points]
        assert values == growth.POINTS[axis]
        assert np.all(np.diff([row["fit_seconds"] for row in points]) > 0)
        assert growth.exponent(values, [row["fit_seconds"] for row in points]) < 1.1
    shown = measuring.shown_tables(ROOT / "docs" / "speed.md", "growth.py")
    assert shown == growth.table(rows)
