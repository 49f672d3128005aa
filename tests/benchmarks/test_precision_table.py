"""The benchmark of precisions: it names what is refused, and measures the rest."""

import json
import sys

import pytest

from benchmarks import precision


def test_rows(monkeypatch, capsys):
    monkeypatch.setattr("tsdisentangle.nn.precision.COMPILER", "eager")
    small = {"tabular": precision.data("tabular", 1)[:8, :60, :2]}
    monkeypatch.setattr(precision, "data", lambda modality, batches: small[modality])
    options = "--modality tabular --precision float32 float16 --rounds 1"
    monkeypatch.setattr(sys, "argv", ["precision.py", *options.split()])
    precision.main()
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["precision"], row["compile"]) for row in rows] == [
        ("float32", False),
        ("float32", True),
        ("float16", False),
        ("float16", True),
    ]
    for row in rows[:2]:
        assert min(row["train"], row["encode"]) > 0
        assert row["code_apart"] == pytest.approx(0, abs=1e-3)
    assert all("needs device='cuda'" in row["refused"] for row in rows[2:])
