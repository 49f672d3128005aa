"""Figure 3 of Berman et al. (2024) and their reconstructions (Appendix B.8), on Air Quality.

Fits on the training years without a label and draws two pictures. ``figure3.png``: t-SNE of the
static codes of all series, of training and held-out years alike, coloured by season and by the
rain of the month; neither is an input. Rain falls in summer, so the second colouring can hardly
contradict the first. ``figure_reconstructions.png``: of three months of the test year 2016, the
series with the most missing values.

Then it prints the squared error over the observed values of the test year. The codes describe
a series of 6720 values by 696 numbers; the error of its ten channel means is printed beside it.

    python examples/figure3_air_quality.py [--epochs 100] [--output demo_output]
"""

import argparse
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import SymLogNorm
from sklearn.manifold import TSNE

mpl.use("Agg")

from tsdisentangle import StaticDynamicVAE
from tsdisentangle.datasets import SequenceBunch, fetch_air_quality
from tsdisentangle.plots import plot_map, plot_reconstructions

SEASONS = ("winter", "spring", "summer", "autumn")
MONTHS = {0: "January", 6: "July", 9: "October"}  # that are drawn, a test series each
CHANNELS = ("PM2.5", "NO2", "O3", "TEMP")


def season(month: np.ndarray) -> pd.Categorical:
    """Season of each month (0 January to 11 December); December is winter."""
    return pd.Categorical.from_codes((month + 1) // 3 % 4, SEASONS)


def draw_map(estimator: StaticDynamicVAE, air: SequenceBunch, path: Path) -> None:
    """Figure 3: all static codes, coloured by what the estimator has not seen."""
    codes = estimator.encode(air.data).static
    # Under 5 % of a series' hours of rain are missing; they count as dry.
    rain = np.nansum(air.dynamic_target["RAIN"], axis=1)
    labels = {"season": season(air.static_target["month"]), "rain of the 28 days (mm)": rain}
    figure = plot_map(
        TSNE(random_state=0).fit_transform(codes),
        labels,
        norm=SymLogNorm(linthresh=1, vmin=0),  # a sixth of the series has no rain at all
        axis_name="t-SNE",
        title="Air Quality: static codes of 48 months at 12 stations",
    )
    figure.savefig(path, dpi=150)


def most_missing(air: SequenceBunch, month: int) -> int:
    """Test series of a month with the most missing values."""
    test = air.splits["test"]
    chosen = test[air.static_target["month"][test] == month]
    return int(chosen[np.isnan(air.data[chosen]).sum((1, 2)).argmax()])


def draw_reconstructions(estimator: StaticDynamicVAE, air: SequenceBunch, path: Path) -> None:
    """Appendix B.8: what was measured, and its reconstruction."""
    chosen = [most_missing(air, month) for month in MONTHS]
    series = air.data[chosen]
    stations = air.static_target["station"][chosen]
    figure = plot_reconstructions(
        series,
        estimator.reconstruct(series),
        time=np.arange(series.shape[1]) / 24,
        time_name="days since the first of the month",
        channels=[air.feature_names.index(name) for name in CHANNELS],
        channel_names=[f"{n} ({u})" for n, u in zip(air.feature_names, air.units, strict=True)],
        column_names=[f"{s}, {m} 2016" for s, m in zip(stations, MONTHS.values(), strict=True)],
        title="Air Quality, test year: of each month the station with the most missing values",
    )
    figure.savefig(path, dpi=150)


def squared_error(estimator: StaticDynamicVAE, truth: np.ndarray, guess: np.ndarray) -> float:
    """Mean squared error over the observed values, in standard deviations of the training part."""
    return float(np.nanmean(np.square((truth - guess) / estimator.scaler_.scale)))


def main() -> None:
    """Fit, draw and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--output", type=Path, default=Path("demo_output"))
    options = parser.parse_args()
    air = fetch_air_quality()
    estimator = StaticDynamicVAE(
        window=24,
        missing="mask",
        anchor="random_batch",
        static_pooling="mean",
        max_epochs=options.epochs,
        random_state=0,
    ).fit(air.data[air.splits["train"]])
    options.output.mkdir(parents=True, exist_ok=True)
    paths = [options.output / name for name in ("figure3.png", "figure_reconstructions.png")]
    draw_map(estimator, air, paths[0])
    draw_reconstructions(estimator, air, paths[1])
    test = air.data[air.splits["test"]]
    error = squared_error(estimator, test, estimator.reconstruct(test))
    plain = squared_error(estimator, test, np.nanmean(test, axis=1, keepdims=True))
    print(
        f"{paths[0]}, {paths[1]}: held-out squared error {error:.3f} (standardised units), "
        f"{plain:.3f} by the mean of each channel of the series"
    )


if __name__ == "__main__":
    main()
