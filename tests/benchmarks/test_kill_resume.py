"""Real kills, and a comparison that sees a bit."""

import random

import numpy as np
import pytest

from benchmarks import kill_resume


@pytest.mark.slow
def test_three_kills_change_nothing(tmp_path, monkeypatch):
    row = kill_resume.kill_case("early_stopping", 8, 3, random.Random(0), tmp_path)
    assert row["kills"] == len(row["epoch_of_checkpoint"]) == 3
    assert row["identical"]
    assert row["fits_compared"] >= 1


def test_one_bit_is_a_difference(tmp_path):
    arrays = {"weights.a": np.array([0.0, 1.0]), "history": np.array("[]")}
    others = {
        "same": arrays,
        "sign of zero": arrays | {"weights.a": np.array([-0.0, 1.0])},
        "dtype": arrays | {"weights.a": np.array([0.0, 1.0], "f4")},
        "history": arrays | {"history": np.array("[1]")},
        "less": {"history": np.array("[]")},
    }
    np.savez(tmp_path / "one.npz", **arrays)
    for name, other in others.items():
        np.savez(tmp_path / "other.npz", **other)
        same = kill_resume.identical(tmp_path / "one.npz", tmp_path / "other.npz")
        assert same is (name == "same"), name


def test_the_kept_state_is_three_times_the_weights():
    """Weights and both of Adam's averages, four bytes each, and the generator."""
    X = np.zeros((4, 48, 2), "f4")
    row = kill_resume._cost_of(kill_resume.TabularEncoder(hidden=64), X, repeats=1)
    assert row["kept_megabytes"] == pytest.approx(12 * row["weights"] / 1e6, abs=0.02)
