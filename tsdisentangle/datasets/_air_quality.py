"""Beijing multi-site air quality: pollutants and weather at twelve stations."""

import os
from io import BytesIO
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsdisentangle.datasets._archive import Members
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

AIR_QUALITY = RemoteFile(
    path="beijing_air_quality/PRSA2017_Data_20130301-20170228.zip",
    # A zip around the zip of that name; both forms are read.
    url="https://archive.ics.uci.edu/static/public/501/beijing+multi+site+air+quality+data.zip",
    pattern=r"PRSA_Data_[A-Za-z]+_20130301-20170228\.csv",
    verify=published_content(
        12, "75e5575d33bc9592e79a880dcb09b83d5c9ab04f68f4984a4acf5017e1e1ab85"
    ),
)
UNITS = {
    "PM2.5": "µg/m³",
    "PM10": "µg/m³",
    "SO2": "µg/m³",
    "NO2": "µg/m³",
    "CO": "µg/m³",
    "O3": "µg/m³",
    "TEMP": "°C",
    "PRES": "hPa",
    "DEWP": "°C",
    "WSPM": "m/s",
}
LENGTH = 28 * 24  # hours of a sample
TEST_YEAR = 2016
VALIDATION_YEAR = 2015

DESCR = """\
Beijing multi-site air quality: six pollutants and six weather variables at twelve stations, hourly
from 2013-03-01 to 2017-02-28. A series is the first 672 hours (28 days) of one calendar month at
one station: 48 months x 12 stations = 576 series of ten channels. Missing values are NaN.

static_target: month (0 January to 11 December), station (name), year.
dynamic_target, one value per hour: RAIN (mm, NaN where missing), day (of the month, 1 to 28).
"""
LICENCE = "CC BY 4.0"
CITATION = """\
S. Chen. Beijing Multi-Site Air Quality. UCI Machine Learning Repository, 2017.
doi:10.24432/C5RK5G.
S. Zhang, B. Guo, A. Dong, J. He, Z. Xu and S. X. Chen. Cautionary tales on air-quality improvement
in Beijing. Proceedings of the Royal Society A 473, 2017.
"""


@overload
def fetch_air_quality(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    protocol: Protocol = "corrected",
    return_X_y: Literal[False] = False,
) -> SequenceBunch: ...
@overload
def fetch_air_quality(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    protocol: Protocol = "corrected",
    return_X_y: Literal[True],
) -> tuple[NDArray[np.float32], NDArray[np.int64]]: ...
def fetch_air_quality(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    protocol: Protocol = "corrected",
    return_X_y: bool = False,
) -> SequenceBunch | tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Load Beijing multi-site air quality: 28 days of ten hourly channels, to predict the month.

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
        Return ``(data, month)`` instead of a bunch.

    Returns
    -------
    bunch : SequenceBunch
        ``data`` has the shape (576, 672, 10), ordered by year, month and station: PM2.5, PM10,
        SO2, NO2, CO, O3 (µg/m³), TEMP (°C), PRES (hPa), DEWP (°C), WSPM (m/s).
        ``static_target`` holds ``'month'`` (0 to 11), ``'station'`` and ``'year'``, each (576,);
        ``dynamic_target`` holds ``'RAIN'`` (mm) and ``'day'``, each (576, 672).
    (data, target) : tuple of ndarray, if ``return_X_y``
        The data, and the month of shape (576,).

    Raises
    ------
    OSError
        If the file is missing and may not be downloaded, or is not the published one.

    Notes
    -----
    The data are the same under both protocols, ``groups`` is the year, and the test part is 2016
    (144 series; they are twelve months seen by twelve correlated stations, so small differences
    mean nothing).

    *corrected*: validation is 2015 (144 series), training is 2013, 2014 and 2017 (288). No month
    is on two sides; December and the January after it are three days apart. With ``groups``,
    `sklearn.model_selection.LeaveOneGroupOut` leaves a year out.

    *published*: the split of the code released with [3]_. The other 432 series are shuffled into
    367 and 65. Each validation month is then seen in training at another station, so validation
    scores mean nothing. The shuffle repeats the call and the seed (1234) of that code, which
    numbers the stations in the order in which the file system lists them; here they are in
    alphabetical order, so the very same rows cannot be promised.

    Licence of the data: CC BY 4.0.

    References
    ----------
    .. [1] S. Chen, "Beijing Multi-Site Air Quality", UCI Machine Learning Repository, 2017,
       doi:10.24432/C5RK5G.
    .. [2] S. Zhang et al., "Cautionary tales on air-quality improvement in Beijing", Proceedings
       of the Royal Society A 473, 2017.
    .. [3] N. Berman et al., "Sequential Disentanglement by Extracting Static Information From A
       Single Sequence Element", ICML 2024.

    Examples
    --------
    >>> from tsdisentangle.datasets import fetch_air_quality
    >>> air = fetch_air_quality()  # doctest: +SKIP
    >>> air.data.shape, air.static_target["month"].shape  # doctest: +SKIP
    ((576, 672, 10), (576,))
    """
    check_protocol(protocol)
    path = fetch_file(AIR_QUALITY, data_home=data_home, download_if_missing=download_if_missing)
    table = read_series(read_verified(AIR_QUALITY, path))
    data = _by_series(table, list(UNITS)).astype(np.float32)
    month, year = (_by_series(table, [name])[:, 0, 0] for name in ("month", "year"))
    month = month - 1
    if return_X_y:
        return data, month
    return SequenceBunch(
        data=data,
        static_target={
            "month": month,
            "station": _by_series(table, ["station"])[:, 0, 0].astype(str),
            "year": year,
        },
        dynamic_target={name: _by_series(table, [name])[..., 0] for name in ("RAIN", "day")},
        groups=year,
        splits=year_splits(year, protocol),
        feature_names=list(UNITS),
        units=list(UNITS.values()),
        DESCR=DESCR,
        licence=LICENCE,
        citation=CITATION,
    )


def year_splits(year: NDArray[np.int64], protocol: Protocol) -> dict[str, NDArray[np.int64]]:
    """Return whole years (corrected), or the released shuffle outside the test year (published)."""
    test = year == TEST_YEAR
    if protocol == "published":
        return released_split(np.flatnonzero(~test), 0.85, np.flatnonzero(test))
    validation = year == VALIDATION_YEAR
    return {
        "train": np.flatnonzero(~test & ~validation),
        "validation": np.flatnonzero(validation),
        "test": np.flatnonzero(test),
    }


def read_series(members: Members) -> pd.DataFrame:
    """Return the hours of all series, one series after the other.

    Raises
    ------
    ValueError
        If a file does not have the published form.
    """
    table = pd.concat([_read_station(text) for text in members.values()], ignore_index=True)
    # The verified files have a row for every hour, so the first 672 hours are days 1 to 28.
    return table[table["day"] <= LENGTH // 24].sort_values(
        ["year", "month", "station", "day", "hour"], ignore_index=True
    )


def _read_station(text: bytes) -> pd.DataFrame:
    types: dict[str, Any] = {
        **dict.fromkeys(["year", "month", "day", "hour"], np.int64),
        **dict.fromkeys(["RAIN", *UNITS], np.float64),
        "station": str,
    }
    return pd.read_csv(BytesIO(text), usecols=list(types), dtype=types)


def _by_series(table: pd.DataFrame, columns: list[str]) -> NDArray[Any]:
    # A C-ordered copy: pandas hands out transposed, read-only views.
    values = np.array(table[columns], order="C")
    return values.reshape(-1, LENGTH, len(columns))
