"""Splits of the corrected protocol that do not leak."""

import numpy as np
import pytest
from helpers import REAL

from benchmarks.tables import corrected
from tsdisentangle.datasets import fetch_physionet2012

pytestmark = pytest.mark.skipif(
    not REAL.is_dir(), reason="the published files are not here; set TSDISENTANGLE_DATA"
)
MAKERS = (corrected.air_quality, corrected.physionet, corrected.etth1)


@pytest.mark.slow
@pytest.mark.parametrize("make", MAKERS)
def test_parts_are_disjoint_in_every_split(make):
    for resampling in make(REAL).resamplings:
        for split in resampling.splits(0):
            rows = np.concatenate([split.train, split.validation, split.test])
            assert len(np.unique(rows)) == len(rows)
            assert len(split.train) > len(split.test) / 2 > 0


def test_every_year_and_every_block_is_tested_once():
    leave_out = corrected.air_quality(REAL).resamplings[1].splits(0)
    tested = np.concatenate([s.test for s in leave_out])
    assert len(np.unique(tested)) == len(tested) == 46 * 12  # 2013 begins in March
    etth1 = corrected.etth1(REAL)
    tested = np.concatenate([s.test for s in etth1.resamplings[0].splits(0)])
    np.testing.assert_array_equal(np.sort(tested), np.arange(len(etth1.data)))


def test_patients_are_drawn_anew_for_each_seed_and_stratified():
    made = corrected.physionet(REAL)
    died = made.tasks[1].target
    first, second = (made.resamplings[0].splits(seed)[0] for seed in (0, 1))
    assert set(first.test) != set(second.test)
    assert died[first.test].mean() == pytest.approx(died.mean(), abs=0.01)


@pytest.mark.parametrize("make", [corrected.air_quality, corrected.physionet])
def test_search_never_sees_a_series_of_the_test_parts(make):
    made = make(REAL)
    searched = np.concatenate([[*part.train, *part.validation] for part in made.search])
    assert len(made.search) == 2
    for split in made.resamplings[0].splits(0) + made.resamplings[0].splits(1):
        assert not set(searched) & set(split.test)


@pytest.mark.slow
def test_search_on_patients_leaves_the_published_records_alone():
    records = fetch_physionet2012(data_home=REAL).groups
    published = fetch_physionet2012(data_home=REAL, protocol="published").groups
    parts = corrected.physionet(REAL).search
    searched = np.concatenate([[*part.train, *part.validation] for part in parts])
    assert not set(records[searched]) & set(published)
