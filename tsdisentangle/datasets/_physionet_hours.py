"""Hourly bins for the PhysioNet challenge 2012: the corrected and the released ones."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


class Hours(NamedTuple):
    """Where measurements fall on the hourly grid."""

    hour: Rows  # of each measurement; -1 if it falls outside its record's bins
    stay: Rows  # number of bins of each record
    length: int  # of the grid


def corrected_hours(row: Rows, minute: Rows, n_records: int) -> Hours:
    """Return bins [60 k, 60 k + 60) from admission: 48 of them.

    A stay ends with its last measurement. The few measurements at 48:00 sharp fall outside.
    """
    length = 48
    last = np.full(n_records, -1)  # a stay without measurements has no bins
    np.maximum.at(last, row, minute)
    hour = minute // 60
    return Hours(
        hour=np.where(hour < length, hour, -1),
        stay=np.minimum(last // 60 + 1, length),
        length=length,
    )


def released_hours(row: Rows, minute: Rows, n_records: int) -> Hours:
    """Return the released bins: (first + 60 k, first + 60 k + 60], on a grid of 80.

    They begin at the first measurement, which is thus lost, and the edges are
    ``arange(first, last, 60)``, so the last and partial hour is lost too.
    """
    first = np.full(n_records, np.iinfo(np.int64).max)
    last = np.zeros(n_records, dtype=np.int64)
    np.minimum.at(first, row, minute)
    np.maximum.at(last, row, minute)
    n_edges = -((first - last) // 60)  # division rounds up
    stay = np.maximum(n_edges - 1, 0)
    hour = (minute - first[row] - 1) // 60
    return Hours(hour=np.where(hour < stay[row], hour, -1), stay=stay, length=80)


def hourly_means(
    row: Rows, hour: Rows, channel: Rows, value: NDArray[np.float64], shape: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Return the mean of the values in each cell; NaN where there are none.

    Parameters
    ----------
    row, hour, channel : ndarray of int
        Cell of each value; it is left out if its hour is negative.
    value : ndarray of float
        Values; NaN counts as not measured.
    shape : tuple of int
        Records, hours and channels of the grid.
    """
    keep = (hour >= 0) & ~np.isnan(value)
    cell = np.ravel_multi_index((row[keep], hour[keep], channel[keep]), shape)
    size = int(np.prod(shape))
    count = np.bincount(cell, minlength=size)
    total = np.bincount(cell, weights=value[keep], minlength=size)
    mean = np.full(size, np.nan, dtype=np.float32)
    np.divide(total, count, out=mean, where=count > 0, casting="same_kind")
    return mean.reshape(shape)
