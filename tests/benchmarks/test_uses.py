"""The benchmark of imputation: what it hides, the simple ways, no row measured twice."""

import json

import numpy as np
import pytest

from benchmarks import rates, uses

X = [np.array([[1.0, np.nan], [np.nan, np.nan], [4.0, np.nan], [7.0, np.nan]])]


@pytest.mark.parametrize(
    ("method", "first", "second"),
    [("last value", 1.0, 0.0), ("linear interpolation", 2.5, 0.0), ("series mean", 4.0, 0.0)],
)
def test_simple_ways_by_hand(method, first, second):
    filled = uses.SIMPLE[method](X, X)[0]
    np.testing.assert_allclose(filled[:, 0], [1.0, first, 4.0, 7.0])
    assert (filled[:, 1] == second).all()


def test_ridge_finds_a_linear_law():
    rng = np.random.RandomState(0)
    series = [np.outer(rng.normal(size=20), [1.0, -2.0]) for _ in range(30)]
    seen = [x.copy() for x in series]
    for x in seen:
        x[5, 1] = np.nan
    errors = [
        [abs(filled[5, 1] - x[5, 1]) for filled, x in zip(way(series, seen), series, strict=True)]
        for way in (uses.ridge, uses.interpolation)
    ]
    assert np.mean(errors[0]) < 0.7 * np.mean(errors[1])


@pytest.mark.parametrize("kind", uses.KINDS)
def test_a_fifth_is_hidden_and_something_left(kind):
    series = [np.ones((20, 2)) for _ in range(50)] + [np.ones((1, 1)) for _ in range(20)]
    seen = uses.hide(series, kind, np.random.RandomState(0))
    assert np.isnan(seen[:50]).mean() == pytest.approx(0.2, abs=0.02)
    assert all(np.isfinite(x).any() for x in seen)


@pytest.mark.slow
def test_quick(capsys):
    uses.main(["--quick", "--epochs", "1"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["method"] for row in rows] == uses.METHODS
    assert all(0 < row[kind] < 3 for row in rows for kind in uses.KINDS)


def test_rows_are_measured_once(tmp_path, monkeypatch):
    monkeypatch.setattr(uses, "RESULTS", tmp_path / "uses.json")
    part = uses.generated()
    monkeypatch.setitem(rates.DATASETS, "synthetic", lambda: part)
    counted = []
    measure = uses.measure
    monkeypatch.setattr(uses, "measure", lambda *a: counted.append(a[1:]) or measure(*a))
    some = ["--seeds", "1", "--datasets", "synthetic", "--methods", "series mean"]
    uses.main(some)
    uses.main([*some, "last value"])
    assert [method for method, *_ in counted] == ["series mean", "last value"]
