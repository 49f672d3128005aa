"""Which series, splits and tasks a data set brings, under each protocol."""

import os
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import train_test_split

from tsdisentangle.data.bunch import SequenceBunch
from tsdisentangle.datasets import fetch_air_quality, fetch_etth1, fetch_physionet2012
from tsdisentangle.evaluation.tasks import Course, Risk, Split, StaticLabel, Task

DataHome = str | os.PathLike[str] | None


@dataclass(frozen=True)
class Resampling:
    """A named way to split the series.

    Attributes
    ----------
    name : str
        As it stands in the results.
    splits : callable
        Takes a seed, returns the folds of that seed; their answers are joined.
    n_seeds : int, default=5
        Seeds of a full row.
    """

    name: str
    splits: Callable[[int], list[Split]]
    n_seeds: int = 5


@dataclass(frozen=True)
class Benchmark:
    """A data set with its tasks.

    Attributes
    ----------
    dataset : str
    data : array of shape (n, time, channel)
        Raw units, NaN where missing.
    window : int
        Steps of a window, the paper's.
    tasks : list of Task
    resamplings : list of Resampling
    protocol : {'corrected', 'as published'}
    """

    dataset: str
    data: np.ndarray
    window: int
    tasks: list[Task]
    resamplings: list[Resampling]
    protocol: str = "corrected"


def air_quality(data_home: DataHome = None) -> Benchmark:
    """Beijing air quality, corrected: month of the year from a static code.

    Tested on 2016 (validated on 2015), and leave-one-year-out over 2013 (which begins in March)
    to 2016, each validated on another of these years. The two months of 2017 always train.
    """
    bunch = fetch_air_quality(data_home=data_home)
    year = bunch.groups
    years = [2013, 2014, 2015, 2016]
    folds = [
        _group_split(year, test=a, validation=b)
        for a, b in zip(years, years[1:] + years[:1], strict=True)
    ]
    return Benchmark(
        "Air Quality",
        np.asarray(bunch.data),
        24,
        [StaticLabel("month", bunch.static_target["month"])],
        [
            Resampling("test 2016", lambda seed: [bunch_parts(bunch)]),
            Resampling("leave one year out", lambda seed: folds),
        ],
    )


def physionet(data_home: DataHome = None) -> Benchmark:
    """PhysioNet 2012, sets a and b, corrected: unit type and mortality, a split of patients a seed.

    Every seed draws its own stratified 64, 16 and 20 % of the patients.
    """
    bunch = fetch_physionet2012(data_home=data_home)
    died = bunch.static_target["mortality"].astype(bool)

    def patients(seed: int) -> list[Split]:
        rows = np.arange(len(died))
        rest, test = train_test_split(rows, test_size=0.2, stratify=died, random_state=seed)
        train, valid = train_test_split(rest, test_size=0.2, stratify=died[rest], random_state=seed)
        return [Split(train, valid, test)]

    return Benchmark(
        "PhysioNet 2012",
        np.asarray(bunch.data),
        4,
        [
            StaticLabel("ICU type", bunch.static_target["icu_type"]),
            Risk("mortality", died),
        ],
        [Resampling("random patients", patients, n_seeds=10)],
    )


def etth1(data_home: DataHome = None) -> Benchmark:
    """ETTh1, corrected: daily mean oil temperature, blocked cross-validation.

    Six blocks in time with gaps of 28 days; each is the test part once, validated on the next one.
    """
    bunch = fetch_etth1(data_home=data_home)
    blocks = np.unique(bunch.groups)
    folds = [
        _group_split(bunch.groups, test=a, validation=b)
        for a, b in zip(blocks, np.roll(blocks, -1), strict=True)
    ]
    return Benchmark(
        "ETTh1",
        np.asarray(bunch.data),
        24,
        [Course("oil temperature", daily_mean(bunch))],
        [Resampling("blocked folds", lambda seed: folds)],
    )


def daily_mean(bunch: SequenceBunch) -> np.ndarray:
    """Return the mean oil temperature of each day: ``(n, days)``."""
    temperature = bunch.dynamic_target["OT"]
    return temperature.reshape(len(temperature), -1, 24).mean(axis=2)


def bunch_parts(bunch: SequenceBunch) -> Split:
    """Return the split that a loader gives."""
    return Split(*(bunch.splits[part] for part in ("train", "validation", "test")))


def _group_split(groups: np.ndarray, *, test: int, validation: int) -> Split:
    is_test, is_validation = groups == test, groups == validation
    rest = np.flatnonzero(~is_test & ~is_validation)
    return Split(rest, np.flatnonzero(is_validation), np.flatnonzero(is_test))
