"""The curve of use against leak, and what steps gain: from rows to the page."""

from pathlib import Path

import numpy as np
import pytest
from helpers import load_script

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def rates():
    return load_script(ROOT / "benchmarks" / "rates.py")


@pytest.fixture(scope="module")
def steps():
    return load_script(ROOT / "benchmarks" / "steps.py")


def test_observed_values_per_window_against_a_loop(rates):
    X = np.ones((2, 7, 2))
    X[0, 4:] = np.nan  # two windows of 3 steps: 6 and 2 values
    X[1, :3, 0] = np.nan  # three: 3, 6 and 2 values
    assert rates.observed_per_window(X, 3) == pytest.approx((6 + 2 + 3 + 6 + 2) / 5)


def test_a_table_has_the_means_of_the_seeds(rates):
    row = dict.fromkeys(rates.COLUMNS, 0.5) | {"dataset": "ETTh1", "setting": "rate 1"}
    text = rates.table([row | {"leak": 0.2}, row | {"leak": 0.4}])
    assert text.splitlines()[-1] == "| ETTh1 | 1 | 2 | 0.50 | 0.50 | 0.50 | 0.30 | 0.50 | 0.50 |"


@pytest.mark.slow
def test_a_fit_is_asked_everything(rates, steps):
    part = rates.synthetic()
    part = rates.Part(part.train[:80], part.validation, part.y_train[:80], part.y_validation)
    found = rates.measure(steps.few(part), rates.CHOSEN, 0, 2)
    assert set(rates.COLUMNS) <= set(found)
    assert all(np.isfinite(found[key]) for key in rates.COLUMNS)


def test_a_table_has_a_column_per_number_of_steps(steps):
    rows = [{"dataset": "synthetic", "steps": n, "leak": n / 1000} for n in (*steps.STEPS, 600)]
    last = steps.table(rows).splitlines()[-1]
    assert last == "| synthetic | dynamic, label (leak) | 0.10 | 0.30 | 0.60 | 1.20 |"
