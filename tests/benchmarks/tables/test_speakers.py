"""Table 7 on a tenth of the published recordings; its parts on closed forms."""

import json

import numpy as np
import pytest
from helpers import REAL

pytest.importorskip("matplotlib")
pytest.importorskip("librosa")
pytest.importorskip("soundfile")

from benchmarks.tables.__main__ import main
from benchmarks.tables.entries import entries_of
from benchmarks.tables.probes import Split
from benchmarks.tables.speakers import QUICK_BUDGET, Recordings, encode_row, measure, spread
from tsdisentangle import Codes

METHODS = ["StaticDynamicVAE", "StaticDynamicVAE/untrained", "raw/mean log-mel"]


def codes(static, dynamic, lengths):
    return Codes(np.asarray(static, float), np.asarray(dynamic, float), np.asarray(lengths))


def test_thirds_keep_the_order_of_sounds():
    dynamic = np.zeros((3, 6, 1))
    dynamic[:, :, 0] = [[1, 1, 2, 2, 3, 3], [1, 2, 3, 9, 9, 9], [5, 9, 9, 9, 9, 9]]
    rows = spread(codes(np.zeros((3, 1)), dynamic, [6, 3, 1]))
    np.testing.assert_allclose(rows, [[1, 2, 3], [1, 2, 3], [5, 5, 5]])


def test_numbers_of_perfect_codes():
    """Speakers are axes of the static code; the dynamic code is the digit and nothing else."""
    speaker, digit = np.repeat(np.arange(4), 20), np.tile(np.arange(10), 8)
    dynamic = np.repeat(np.eye(10)[digit][:, None], 3, axis=1)
    perfect = codes(np.eye(4)[speaker], dynamic, np.full(80, 3))
    rows = np.arange(80)
    both = Recordings([], speaker, digit, {})
    takes = Split(rows[::2], rows[:0], rows[1::2])
    found = measure(perfect, both, takes, takes.test)
    assert found["static EER"] == 0
    assert found["gap"] == found["dynamic EER"]
    assert found["speaker, from static"] == 1
    assert found["speaker, from dynamic"] <= 0.5
    # Even and odd digits: nothing that was trained on is asked for.
    assert found["digit, from dynamic"] == 0
    strangers = Split(rows[:40], rows[:0], rows[40:])
    found = measure(perfect, both, strangers, strangers.test)
    assert "speaker, from static" not in found
    assert found["digit, from dynamic"] == 1


def test_the_estimator_computes_where_the_command_says(tmp_path):
    spectrograms = [np.zeros((6, 2), np.float32)] * 3
    data = Recordings(spectrograms, np.arange(3), np.arange(3), {})
    rows = {row.name: row for row in entries_of("7")}
    for row in (rows[name] for name in METHODS[:2]):
        with pytest.raises(ValueError, match=r"device='cuda:99' cannot be used"):
            encode_row(row, data, np.arange(2), 0, QUICK_BUDGET, tmp_path, "cuda:99")


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="needs the published files")
def test_quick_rows(tmp_path, monkeypatch):
    monkeypatch.setenv("TSDISENTANGLE_DATA", str(REAL))
    arguments = ["7", "--quick", "--cache", str(tmp_path / "fits"), "--output", str(tmp_path)]
    arguments += ["--splits", "takes", "--seeds", "1", "--methods", *METHODS]
    main(arguments)
    rows = json.loads((tmp_path / "quick" / "table7.json").read_text())["rows"]
    found = {(row["method"], row["metric"]): row["mean"] for row in rows}
    assert {method for method, _ in found} == set(METHODS)
    assert all(row["published"] is None for row in rows)
    for method in METHODS:
        gap = found[method, "dynamic EER"] - found[method, "static EER"]
        assert found[method, "gap"] == pytest.approx(gap)
    # Raw features of both kinds are the same.
    assert found[METHODS[2], "gap"] == pytest.approx(0)
    assert found[METHODS[2], "speaker, from static"] > 0.5
    text = (tmp_path / "quick" / "table7.md").read_text()
    to_come = dict(part.split(": ") for part in text.split("Still to come: ")[1].split("; "))
    assert "StaticDynamicVAE" not in to_come["FSDD, takes, corrected"].split(", ")
    assert "StaticDynamicVAE" in to_come["FSDD, speakers, corrected"].split(", ")
    assert (tmp_path / "quick" / "table7_corrected.png").stat().st_size > 5_000
    measured = (tmp_path / "quick" / "table7.json").read_text()
    main(arguments)
    assert json.loads(measured)["rows"] == rows
