import io
import zipfile

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import LeaveOneGroupOut

from tsdisentangle.datasets import fetch_air_quality
from tsdisentangle.datasets._air_quality import AIR_QUALITY


@pytest.mark.parametrize(
    ("protocol", "sizes"), [("corrected", [288, 144, 144]), ("published", [367, 65, 144])]
)
def test_sizes(load_real, protocol, sizes):
    air = load_real(fetch_air_quality, protocol=protocol)
    assert air.data.shape == (576, 672, 10)
    assert [len(rows) for rows in air.splits.values()] == sizes
    assert set(air.groups[air.splits["test"]]) == {2016}


def test_no_year_is_on_two_sides(load_real):
    air = load_real(fetch_air_quality)
    years = {name: set(air.groups[rows]) for name, rows in air.splits.items()}
    assert years == {"train": {2013, 2014, 2017}, "validation": {2015}, "test": {2016}}
    train = air.static_target["month"][air.splits["train"]]
    assert set(train) == set(range(12))


def test_published_validation_leaks(load_real):
    """As documented: each validation month is in training, at another station."""
    air = load_real(fetch_air_quality, protocol="published")
    dates = 12 * air.groups + air.static_target["month"]
    assert set(dates[air.splits["validation"]]) <= set(dates[air.splits["train"]])


def test_a_year_can_be_left_out(load_real):
    air = load_real(fetch_air_quality)
    folds = list(LeaveOneGroupOut().split(air.data, groups=air.groups))
    assert sorted(len(test) for _, test in folds) == [24, 120, 144, 144, 144]


def test_protocols_share_the_data(load_real):
    corrected = load_real(fetch_air_quality)
    published = load_real(fetch_air_quality, protocol="published")
    np.testing.assert_array_equal(corrected.data, published.data)
    np.testing.assert_array_equal(corrected.groups, published.groups)


def test_series_against_the_files(load_real, real_data):
    air = load_real(fetch_air_quality)
    static = air.static_target
    assert len(set(zip(static["year"], static["month"], static["station"], strict=True))) == 576
    with zipfile.ZipFile(real_data / AIR_QUALITY.path) as archive:
        for name in archive.namelist():
            station = name.split("_")[-2]
            table = pd.read_csv(io.BytesIO(archive.read(name)))
            for year, month in [(2013, 3), (2015, 2), (2016, 12), (2017, 2)]:
                part = table[(table["year"] == year) & (table["month"] == month)].iloc[:672]
                row = np.flatnonzero(
                    (static["year"] == year)
                    & (static["month"] == month - 1)
                    & (static["station"] == station)
                )
                assert len(row) == 1
                np.testing.assert_array_equal(
                    air.data[row[0]], part[air.feature_names].to_numpy(np.float32)
                )
                np.testing.assert_array_equal(air.dynamic_target["RAIN"][row[0]], part["RAIN"])
                np.testing.assert_array_equal(air.dynamic_target["day"][row[0]], part["day"])
