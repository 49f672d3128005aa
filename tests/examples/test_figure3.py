"""The script of Figure 3 on the published files, with a few epochs; its parts on closed forms."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import REAL, load_script

from tsdisentangle.datasets import fetch_air_quality

pytest.importorskip("matplotlib")

SCRIPT = Path(__file__).parents[2] / "examples" / "figure3_air_quality.py"


@pytest.fixture(scope="module")
def figure3():
    return load_script(SCRIPT)


def test_seasons_are_those_of_the_north(figure3):
    expected = ["winter"] * 2 + ["spring"] * 3 + ["summer"] * 3 + ["autumn"] * 3 + ["winter"]
    assert list(figure3.season(np.arange(12))) == expected


def test_squared_error_counts_observed_values_in_training_deviations(figure3):
    estimator = SimpleNamespace(scaler_=SimpleNamespace(scale=np.array([2.0, 10.0])))
    truth = np.array([[[4.0, np.nan], [0.0, 30.0]]])
    guess = np.array([[[0.0, 7.0], [0.0, 20.0]]])
    assert figure3.squared_error(estimator, truth, guess) == pytest.approx((4 + 0 + 1) / 3)


def test_the_series_with_most_gaps_is_drawn_from_its_month_of_the_test_part(figure3):
    data = np.ones((4, 3, 2))
    data[0] = np.nan  # of the training part
    data[1, 0, 0] = np.nan
    data[2, :2, 0] = np.nan
    data[3] = np.nan  # of another month
    air = SimpleNamespace(
        data=data,
        static_target={"month": np.array([6, 6, 6, 0])},
        splits={"test": np.array([1, 2, 3])},
    )
    assert figure3.most_missing(air, 6) == 2


def variance_within_series():
    """Variance around the channel means of the test series, in variances of the training part."""
    air = fetch_air_quality(data_home=REAL, download_if_missing=False)
    train, test = (air.data[air.splits[part]].astype(float) for part in ("train", "test"))
    count = (~np.isnan(test)).sum(1)
    scaled = np.nanvar(test, axis=1) / np.nanvar(train, axis=(0, 1))
    return (count * scaled).sum() / count.sum()


@pytest.mark.slow
@pytest.mark.skipif(
    not REAL.is_dir(), reason="the published files are not here; set TSDISENTANGLE_DATA"
)
def test_the_script_writes_both_pictures_and_one_line(figure3, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("TSDISENTANGLE_DATA", str(REAL))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    pictures = tmp_path / "pictures"
    monkeypatch.setattr(sys, "argv", ["figure3", "--epochs", "10", "--output", str(pictures)])
    figure3.main()
    assert {path.name for path in pictures.iterdir()} == {
        "figure3.png",
        "figure_reconstructions.png",
    }
    assert all(path.stat().st_size > 50_000 for path in pictures.iterdir())
    (line,) = capsys.readouterr().out.splitlines()
    error, plain = (float(number) for number in re.findall(r"\b0\.\d{3}\b", line))
    assert plain == pytest.approx(variance_within_series(), abs=6e-4)
    assert error < plain
