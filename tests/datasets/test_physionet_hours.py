import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from tsdisentangle.datasets._physionet_hours import (
    corrected_hours,
    hourly_means,
    released_hours,
)

N_RECORDS, N_CHANNELS = 3, 2

row = st.tuples(
    st.integers(0, N_RECORDS - 1),
    st.integers(0, 2880) | st.integers(0, 48).map(lambda hour: 60 * hour),
    st.integers(0, N_CHANNELS - 1),
    st.floats(-100, 100) | st.just(np.nan),
)
tables = st.lists(row, max_size=60)


def columns(table):
    record, minute, channel = (np.array([r[i] for r in table], dtype=np.int64) for i in range(3))
    return record, minute, channel, np.array([r[3] for r in table], dtype=float)


def grid(hours, table):
    record, _, channel, value = columns(table)
    return hourly_means(record, hours.hour, channel, value, (N_RECORDS, hours.length, N_CHANNELS))


def mean(values):
    values = [value for value in values if not np.isnan(value)]
    return np.float32(sum(values) / len(values)) if values else np.nan


@settings(deadline=None)
@given(tables)
def test_corrected_bins_by_brute_force(table):
    record, minute, *_ = columns(table)
    hours = corrected_hours(record, minute, N_RECORDS)
    expected = np.full((N_RECORDS, 48, N_CHANNELS), np.nan)
    for r, h, c in np.ndindex(*expected.shape):
        expected[r, h, c] = mean(
            [v for i, m, k, v in table if (i, k) == (r, c) and 60 * h <= m < 60 * h + 60]
        )
    np.testing.assert_allclose(grid(hours, table), expected, rtol=1e-5, atol=1e-5)
    for r in range(N_RECORDS):
        last = max((m for i, m, *_ in table if i == r), default=-1)
        assert hours.stay[r] == min(last // 60 + 1, 48)


@settings(deadline=None)
@given(tables)
def test_released_bins_by_brute_force(table):
    """Compare with what the released code calls: ``pd.cut`` of ``np.arange``, record by record."""
    record, minute, *_ = columns(table)
    hours = released_hours(record, minute, N_RECORDS)
    expected = np.full((N_RECORDS, 80, N_CHANNELS), np.nan)
    for r in range(N_RECORDS):
        own = [(m, c, v) for i, m, c, v in table if i == r]
        edges = np.arange(min(own)[0], max(own)[0], 60) if own else []
        assert hours.stay[r] == max(len(edges) - 1, 0)
        if len(edges) < 2:
            continue
        bins = pd.cut(pd.Series([m for m, *_ in own]), edges, labels=False)
        for h, c in np.ndindex(len(edges) - 1, N_CHANNELS):
            expected[r, h, c] = mean(
                [v for (_, k, v), bin in zip(own, bins, strict=True) if (bin, k) == (h, c)]
            )
    np.testing.assert_allclose(grid(hours, table), expected, rtol=1e-5, atol=1e-5)


def test_the_first_measurement_and_the_last_hour():
    minute = np.array([5, 65, 66, 125, 130])
    zeros = np.zeros(5, dtype=np.int64)
    assert corrected_hours(zeros, minute, 1).hour.tolist() == [0, 1, 1, 2, 2]
    assert corrected_hours(zeros, minute, 1).stay.tolist() == [3]
    # Edges 5, 65, 125: the first measurement and what follows 125 belong to no bin.
    assert released_hours(zeros, minute, 1).hour.tolist() == [-1, 0, 1, 1, -1]
    assert released_hours(zeros, minute, 1).stay.tolist() == [2]


def test_no_measurements_at_all():
    nothing = np.array([], dtype=np.int64)
    for bins in (corrected_hours, released_hours):
        hours = bins(nothing, nothing, 2)
        assert hours.stay.tolist() == [0, 0]
        means = hourly_means(nothing, hours.hour, nothing, nothing.astype(float), (2, 3, 1))
        assert np.isnan(means).all()
