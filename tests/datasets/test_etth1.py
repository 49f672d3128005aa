import numpy as np
import pandas as pd
import pytest

from tsdisentangle.datasets import fetch_etth1
from tsdisentangle.datasets._etth1 import GAP, LENGTH, LOADS, block_starts, month_starts


@pytest.fixture(scope="session")
def raw(real_data):
    return pd.read_csv(real_data / "etth1" / "ETTh1.csv", index_col="date", parse_dates=True)


@pytest.fixture(scope="session")
def days(raw):
    """The hour at which each day of oil temperatures begins in the raw file."""
    return {tuple(raw["OT"].to_numpy()[i : i + 24]): i for i in range(len(raw) - 23)}


def start_hours(bunch, days):
    """Find each sample in the raw file by its first day of oil temperatures."""
    return np.array([days[tuple(row[:24])] for row in bunch.dynamic_target["OT"]])


@pytest.mark.parametrize("n_hours", [17420, 17000, 10000])
def test_blocks(n_hours):
    starts, blocks = block_starts(n_hours)
    assert starts[-1] + LENGTH <= n_hours
    for block in range(5):
        end = starts[blocks == block].max() + LENGTH
        assert starts[blocks == block + 1].min() - end >= GAP
    assert (np.diff(starts)[np.diff(blocks) == 0] == 24).all()


def test_short_months_are_left_out():
    time = pd.date_range("2018-01-31 00:00", "2018-04-28 22:00", freq="h")
    assert time[month_starts(time)].strftime("%Y-%m-%d %H").tolist() == [
        "2018-02-01 00",
        "2018-03-01 00",
    ]


def test_corrected(load_real, days):
    etth1 = load_real(fetch_etth1)
    assert etth1.data.shape == (420, 672, 6)
    assert [len(rows) for rows in etth1.splits.values()] == [280, 70, 70]
    starts = start_hours(etth1, days)
    groups = etth1.groups
    gaps = starts - (starts[:, None] + LENGTH)  # from the end of a row to the start of another
    assert (gaps[groups[:, None] < groups] >= 28 * 24).all()
    for name, rows in etth1.splits.items():
        for other, more in etth1.splits.items():
            if name != other:
                assert not set(groups[rows]) & set(groups[more])


def test_published(load_real, raw, days):
    etth1 = load_real(fetch_etth1, protocol="published")
    assert etth1.data.shape == (23, 672, 6)
    assert [len(rows) for rows in etth1.splits.values()] == [14, 3, 6]
    assert set(etth1.static_target["year"][etth1.splits["test"]]) == {2016}
    first = raw.index[start_hours(etth1, days)]
    assert (first.day == 1).all()
    assert (first.hour == 0).all()
    assert len(set(first)) == 23


@pytest.mark.parametrize("protocol", ["corrected", "published"])
def test_targets_follow_the_signal(load_real, raw, days, protocol):
    etth1 = load_real(fetch_etth1, protocol=protocol)
    loads, time = raw[LOADS].to_numpy(np.float32), raw.index
    columns = {"OT": raw["OT"].to_numpy(), "hour": time.hour, "day_of_year": time.dayofyear}
    for row, start in enumerate(start_hours(etth1, days)):
        part = slice(start, start + LENGTH)
        np.testing.assert_array_equal(etth1.data[row], loads[part])
        for name, column in columns.items():
            np.testing.assert_array_equal(etth1.dynamic_target[name][row], column[part])
        assert etth1.static_target["month"][row] == time[start].month - 1
        assert etth1.static_target["year"][row] == time[start].year
