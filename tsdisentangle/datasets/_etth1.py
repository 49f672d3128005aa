"""ETTh1: hourly loads and oil temperature of an electricity transformer."""

import os
from io import BytesIO
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsdisentangle.datasets._base import (
    Protocol,
    RemoteFile,
    check_protocol,
    fetch_file,
    published_content,
    read_verified,
    released_split,
)
from tsdisentangle.datasets._bunch import SequenceBunch

ETTH1 = RemoteFile(
    path="etth1/ETTh1.csv",
    url="https://raw.githubusercontent.com/zhouhaoyi/ETDataset/main/ETT-small/ETTh1.csv",
    pattern=r"ETTh1\.csv",
    verify=published_content(1, "2bc7794c0ceeb884849679a2537c6889b449a264bbf9378196a8f233a1150991"),
)
LOADS = ["HUFL", "HULL", "MUFL", "MULL", "LUFL", "LULL"]
DATE = "%Y-%m-%d %H:%M:%S"
LENGTH = 28 * 24  # hours of a sample
STRIDE = 24
GAP = 28 * 24  # hours between the samples of neighbouring blocks
N_BLOCKS = 6  # 125 days from start to start: blocks 0 and 3, 1 and 4, 2 and 5 share a season
TEST_YEAR = 2016

DESCR = """\
ETTh1: six load features and the oil temperature of one electricity transformer in China, hourly
from 2016-07-01 to 2018-06-26 (17,420 rows, none missing). A series is 672 consecutive hours
(28 days) of the six loads. The task is the oil temperature, which is not among the channels.

static_target: month (0 to 11) and year of the first hour.
dynamic_target, one value per hour: OT (oil temperature, degrees Celsius), hour (0 to 23),
day_of_year (1 to 366).
"""
LICENCE = "CC BY-ND 4.0"
CITATION = """\
H. Zhou, S. Zhang, J. Peng, S. Zhang, J. Li, H. Xiong and W. Zhang. Informer: Beyond Efficient
Transformer for Long Sequence Time-Series Forecasting. AAAI 2021. The data: ETDataset.
"""


@overload
def fetch_etth1(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    protocol: Protocol = "corrected",
    return_X_y: Literal[False] = False,
) -> SequenceBunch: ...
@overload
def fetch_etth1(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    protocol: Protocol = "corrected",
    return_X_y: Literal[True],
) -> tuple[NDArray[np.float32], NDArray[np.float64]]: ...
def fetch_etth1(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    protocol: Protocol = "corrected",
    return_X_y: bool = False,
) -> SequenceBunch | tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Load ETTh1: 28 days of six hourly loads, to predict the oil temperature.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Data folder. None means the environment variable ``TSDISENTANGLE_DATA`` if it is set, else
        the user's cache folder.
    download_if_missing : bool, default=True
        If False, raise OSError instead of downloading.
    protocol : {'corrected', 'published'}, default='corrected'
        See Notes.
    return_X_y : bool, default=False
        Return ``(data, oil temperature)`` instead of a bunch.

    Returns
    -------
    bunch : SequenceBunch
        ``data`` has the shape (n, 672, 6), n = 420 (corrected) or 23 (published): HUFL, HULL,
        MUFL, MULL, LUFL, LULL, whose unit the publisher does not state. ``dynamic_target`` holds
        ``'OT'`` in degrees Celsius, ``'hour'`` and ``'day_of_year'``, each (n, 672);
        ``static_target`` holds ``'month'`` (0 to 11) and ``'year'`` of the first hour.
    (data, target) : tuple of ndarray, if ``return_X_y``
        The data, and the oil temperature of shape (n, 672).

    Raises
    ------
    OSError
        If the file is missing and may not be downloaded, or is not the published one.

    Notes
    -----
    *corrected*: the two years are cut into six contiguous blocks of 97 days, 28 days apart.
    Samples overlap (one starts each day) but are wholly inside a block: 70 per block. ``groups`` is
    the block, so `sklearn.model_selection.LeaveOneGroupOut` is blocked cross-validation, which is
    the recommended use. ``splits`` is one chronological split: blocks 0 to 3, 4, and 5.

    *published*: the samples and the split of the code released with [2]_. One sample per calendar
    month, its first 672 hours; June 2018 is too short and left out. Test is 2016 (6 samples), the
    other 17 are shuffled into 14 and 3, by the call and the seed (1234) of that code. ``groups``
    is the year. That code trains with labels of other samples; here labels follow their signal
    under both protocols.

    Licence of the data: CC BY-ND 4.0.

    References
    ----------
    .. [1] H. Zhou et al., "Informer: Beyond Efficient Transformer for Long Sequence Time-Series
       Forecasting", AAAI 2021.
    .. [2] N. Berman et al., "Sequential Disentanglement by Extracting Static Information From A
       Single Sequence Element", ICML 2024.

    Examples
    --------
    >>> from tsdisentangle.datasets import fetch_etth1
    >>> etth1 = fetch_etth1()  # doctest: +SKIP
    >>> etth1.data.shape, etth1.dynamic_target["OT"].shape  # doctest: +SKIP
    ((420, 672, 6), (420, 672))
    """
    check_protocol(protocol)
    path = fetch_file(ETTH1, data_home=data_home, download_if_missing=download_if_missing)
    table = read_table(read_verified(ETTH1, path)["ETTh1.csv"])
    time = pd.DatetimeIndex(table.index)
    year = time.year.to_numpy(np.int64)
    if protocol == "corrected":
        starts, groups = block_starts(len(table))
        splits = _block_splits(groups)
    else:
        starts = month_starts(time)
        groups = year[starts]
        test = groups == TEST_YEAR
        splits = released_split(np.flatnonzero(~test), 0.85, np.flatnonzero(test))
    hours = starts[:, None] + np.arange(LENGTH)
    dynamic: dict[str, NDArray[Any]] = {
        "OT": table["OT"].to_numpy()[hours],
        "hour": time.hour.to_numpy(np.int64)[hours],
        "day_of_year": time.dayofyear.to_numpy(np.int64)[hours],
    }
    data = table[LOADS].to_numpy(np.float32)[hours]
    if return_X_y:
        return data, dynamic["OT"]
    return SequenceBunch(
        data=data,
        static_target={
            "month": time.month.to_numpy(np.int64)[starts] - 1,
            "year": year[starts],
        },
        dynamic_target=dynamic,
        groups=groups,
        splits=splits,
        feature_names=list(LOADS),
        units=["not stated"] * len(LOADS),
        DESCR=DESCR,
        licence=LICENCE,
        citation=CITATION,
    )


def read_table(text: bytes) -> pd.DataFrame:
    """Return loads and oil temperature by their time.

    Raises
    ------
    ValueError
        If the text does not have the published form.
    """
    table = pd.read_csv(
        BytesIO(text),
        usecols=["date", *LOADS, "OT"],
        dtype=dict.fromkeys([*LOADS, "OT"], np.float64),
        index_col="date",
    )
    table.index = pd.to_datetime(table.index, format=DATE)
    return table


def block_starts(n_hours: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the first hour and the block of each sample of the corrected protocol."""
    block_hours = (n_hours - (N_BLOCKS - 1) * GAP) // N_BLOCKS // STRIDE * STRIDE
    inside = np.arange(0, block_hours - LENGTH + 1, STRIDE)
    blocks = np.repeat(np.arange(N_BLOCKS), len(inside))
    return blocks * (block_hours + GAP) + np.tile(inside, N_BLOCKS), blocks


def month_starts(time: pd.DatetimeIndex) -> NDArray[np.int64]:
    """Return the first row of each calendar month that has 672 hours."""
    month = time.year.to_numpy() * 12 + time.month.to_numpy()
    _, first, count = np.unique(month, return_index=True, return_counts=True)
    return first[count >= LENGTH]


def _block_splits(blocks: NDArray[np.int64]) -> dict[str, NDArray[np.int64]]:
    return {
        "train": np.flatnonzero(blocks < N_BLOCKS - 2),
        "validation": np.flatnonzero(blocks == N_BLOCKS - 2),
        "test": np.flatnonzero(blocks == N_BLOCKS - 1),
    }
