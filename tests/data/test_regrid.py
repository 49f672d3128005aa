"""Steps of one length, against what pandas counts day by day."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tsdisentangle.data.regrid import regrid


def on_grid(times, freq, values=None):
    values = np.arange(1.0, len(times) + 1) if values is None else values
    dense, _, steps = regrid(values[:, None], np.zeros(len(times), int), pd.Index(times), freq)
    return dict(zip(steps, dense[:, 0], strict=True))


@given(st.data())
def test_every_row_is_in_the_mean_of_its_step(data):
    """Brute force: the rows of each series and step, one by one."""
    n = data.draw(st.integers(1, 30))
    owner = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    owner = pd.factorize(owner)[0]
    times = pd.Index(data.draw(st.lists(st.integers(-50, 50), min_size=n, max_size=n)))
    freq = data.draw(st.integers(1, 9))
    values = np.random.default_rng(n).normal(size=(n, 2))
    values[::4, 1] = np.nan
    dense, who, steps = regrid(values, owner, times, freq)
    for series in range(owner.max() + 1):
        own = times[owner == series] // freq
        assert (steps[who == series] == np.arange(own.min(), own.max() + 1) * freq).all()
    for row, series, start in zip(dense, who, steps, strict=True):
        inside = (owner == series) & (times >= start) & (times < start + freq)
        expected = pd.DataFrame(values[inside]).mean().to_numpy()
        np.testing.assert_allclose(row, expected if inside.any() else [np.nan] * 2)


CALENDARS = {
    "days": (["2024-01-01", "2024-01-02 13:00", "2024-01-05"], "D", 5),
    "half days": (["2024-01-05", "2024-01-02", "2024-01-01 13:00"], "12h", 8),
    "months": (["2024-01-05", "2024-02-28", "2024-05-31 13:00"], "MS", 5),
    "ends of months": (["2024-01-31", "2024-02-29", "2024-04-30"], "ME", 4),
    "working days": (["2024-01-04", "2024-01-05", "2024-01-09"], "B", 4),
    "an offset": (["2024-01-01", "2024-01-02", "2024-01-04"], pd.offsets.Day(1), 4),
    "a duration": (["2024-01-01", "2024-01-02", "2024-01-04"], pd.Timedelta("1D"), 4),
}


@pytest.mark.parametrize(("times", "freq", "steps"), CALENDARS.values(), ids=CALENDARS)
def test_calendars(times, freq, steps):
    found = on_grid(pd.to_datetime(times, format="ISO8601"), freq)
    assert len(found) == steps
    assert sorted(value for value in found.values() if value == value) == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(("freq", "steps"), [("h", 26), ("D", 2)])
def test_the_long_night_of_october_has_all_its_hours(freq, steps):
    every_hour = pd.date_range("2024-10-27", "2024-10-28", freq="h", tz="Europe/Berlin")
    found = on_grid(every_hour, freq)
    assert len(found) == steps
    assert not np.isnan(list(found.values())).any()
    assert next(iter(found)).tzinfo is every_hour.tz


def test_durations_periods_and_rounded_numbers():
    assert list(on_grid(pd.to_timedelta([1, 3], unit="h"), "h")) == list(
        pd.to_timedelta([1, 2, 3], unit="h")
    )
    months = pd.PeriodIndex(["2024-01", "2024-04"], freq="M")
    assert len(on_grid(months, "MS")) == 4
    assert len(on_grid([0.1, 0.3, 0.7], 0.1)) == 7  # 0.3 / 0.1 is below 3
    assert list(on_grid([1, 3], 1)) == [1, 2, 3]


DATES = ["2024-01-01", "2024-01-05"]
REFUSED = {
    "name for numbers": ([1, 2], "h", "times are numbers"),
    "zero": ([1, 2], 0, "times are numbers"),
    "number for dates": (pd.to_datetime(DATES), 1, "no frequency for times"),
    "nonsense": (pd.to_datetime(DATES), "often", "no frequency for times"),
    "backwards": (pd.to_datetime(DATES), "-1D", "no frequency for times"),
    "months of durations": (pd.to_timedelta([1, 2], unit="h"), "MS", "no frequency for times"),
    "seconds since 1970": (pd.to_datetime(["1970-01-01", "2024-01-01"]), "s", "1,704,067,2"),
    "a wrong number": ([0, 1e12], 1, "longer step"),
}


@pytest.mark.parametrize(("times", "freq", "message"), REFUSED.values(), ids=REFUSED)
def test_frequencies_that_do_not_fit(times, freq, message):
    with pytest.raises(ValueError, match=message):
        on_grid(times, freq)
