"""Which series, splits and tasks a data set brings, under each protocol."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedKFold, train_test_split

from benchmarks.tables.probes import Course, Risk, Split, StaticLabel, Task
from tsdisentangle.datasets import fetch_air_quality, fetch_etth1, fetch_physionet2012
from tsdisentangle.datasets._bunch import SequenceBunch

DataHome = str | os.PathLike[str] | None
NOBODY = np.array([], dtype=int)

# First record of set b of PhysioNet 2012; those of set a have lower numbers.
SET_B = 142675


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
    search : list of Split, default=()
        Training and validation parts that hyper-parameters may be chosen by; their labels are in
        no test part. Empty where the data are too few for that.
    preset : str, default=''
        Name of the tuned presets of this data set, or of the one that it borrows them from.
    settings : mapping, default={}
        Parameters of the untuned rows where they are not the defaults; a method takes those it has.
    own_settings : mapping, default={}
        The same of single methods, by name.
    units : array of shape (n,) or None, default=None
        What the series are drawn by for intervals, where some resemble each other; None: each one
        by itself.
    epochs : int, default=100
    protocol : {'corrected', 'as published'}
    device : str, default='cpu'
        Where the estimators compute.
    cache : Path or None, default=None
        Folder of the fits; None keeps none.
    """

    dataset: str
    data: np.ndarray
    window: int
    tasks: list[Task]
    resamplings: list[Resampling]
    search: Sequence[Split] = ()
    preset: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    own_settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    units: np.ndarray | None = None
    epochs: int = 100
    protocol: str = "corrected"
    device: str = "cpu"
    cache: Path | None = None

    @property
    def asks_windows(self) -> bool:
        """Whether a task has an answer for each window, which fixes their length."""
        return any(isinstance(task, Course) for task in self.tasks)


def air_quality(data_home: DataHome = None) -> Benchmark:
    """Beijing air quality, corrected: month of the year from a static code.

    Tested on 2016 (validated on 2015), and leave-one-year-out over 2013 (which begins in March)
    to 2016, each validated on another of these years. The two months of 2017 always train.
    Hyper-parameters are chosen on 2014 and 2015, without 2016.
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
        search=[_validation(year, held_out, without=2016) for held_out in (2014, 2015)],
        preset="air-quality",
        units=12 * year + bunch.static_target["month"],  # twelve stations each
    )


def physionet(data_home: DataHome = None) -> Benchmark:
    """PhysioNet 2012, sets a and b, corrected: unit type and mortality, one split per seed.

    Every seed draws its own stratified 64, 16 and 20 % of the patients. Hyper-parameters are chosen
    on 40 % of the patients, which no test part draws from; they are of set b, because the published
    protocol tests on set a.
    """
    bunch = fetch_physionet2012(data_home=data_home)
    died = bunch.static_target["mortality"].astype(bool)
    in_a, in_b = (np.flatnonzero(part) for part in (bunch.groups < SET_B, bunch.groups >= SET_B))

    def draw(rows: np.ndarray, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        rest, drawn = train_test_split(rows, test_size=size, stratify=died[rows], random_state=seed)
        return rest, drawn

    spare, development = draw(in_b, round(0.4 * len(died)), 0)
    tested = np.concatenate([in_a, spare])

    def patients(seed: int) -> list[Split]:
        rest, test = draw(tested, round(0.2 * len(died)), seed)
        train, valid = draw(np.concatenate([development, rest]), round(0.16 * len(died)), seed)
        return [Split(train, valid, test)]

    thirds = StratifiedKFold(3, shuffle=True, random_state=0).split(development, died[development])
    search = [Split(development[a], development[b], NOBODY) for a, b in thirds]
    return Benchmark(
        "PhysioNet 2012",
        np.asarray(bunch.data),
        4,
        [
            StaticLabel("ICU type", bunch.static_target["icu_type"]),
            Risk("mortality", died),
        ],
        [Resampling("random patients", patients, n_seeds=10)],
        search=search[:2],
        preset="physionet",
    )


def etth1(data_home: DataHome = None) -> Benchmark:
    """ETTh1, corrected: daily mean oil temperature, blocked cross-validation.

    Six blocks in time with gaps of 28 days; each is the test part once, the next one is the
    validation part, and probes are chosen by leaving out each of the five once.
    Six blocks are too few to choose hyper-parameters by: those of Air Quality, also hourly, serve.
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
        [Course("oil temperature", daily_mean(bunch), bunch.groups)],
        [Resampling("blocked folds", lambda seed: folds)],
        preset="air-quality",
        units=bunch.groups,
    )


def daily_mean(bunch: SequenceBunch) -> np.ndarray:
    """Return the mean oil temperature of each day: ``(n, days)``."""
    temperature = bunch.dynamic_target["OT"]
    return temperature.reshape(len(temperature), -1, 24).mean(axis=2)


def bunch_parts(bunch: SequenceBunch) -> Split:
    """Return the split that a loader gives."""
    return Split(*(bunch.splits[part] for part in ("train", "validation", "test")))


def _validation(groups: np.ndarray, held_out: int, without: int) -> Split:
    rest = np.flatnonzero((groups != held_out) & (groups != without))
    return Split(rest, np.flatnonzero(groups == held_out), NOBODY)


def _group_split(groups: np.ndarray, *, test: int, validation: int) -> Split:
    is_test, is_validation = groups == test, groups == validation
    rest = np.flatnonzero(~is_test & ~is_validation)
    return Split(rest, np.flatnonzero(is_validation), np.flatnonzero(is_test))
