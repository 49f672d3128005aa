"""What holds for every loader."""

import inspect
import subprocess
import sys

import numpy as np
import pytest

from tsdisentangle import datasets
from tsdisentangle.datasets import (
    SequenceBunch,
    fetch_air_quality,
    fetch_etth1,
    fetch_physionet2012,
    load_japanese_vowels,
)

FETCHERS = [fetch_air_quality, fetch_etth1, fetch_physionet2012]
PRIMARY = {
    fetch_air_quality: ("static_target", "month"),
    fetch_etth1: ("dynamic_target", "OT"),
    fetch_physionet2012: ("static_target", "icu_type"),
}


@pytest.fixture(params=[(f, p) for f in FETCHERS for p in ("corrected", "published")])
def bunch(request, load_real):
    loader, protocol = request.param
    return load_real(loader, protocol=protocol)


def check_form(bunch):
    n = len(bunch.data)
    channels = len(bunch.feature_names)
    assert isinstance(bunch, SequenceBunch)
    assert len(bunch.units) == channels == len(set(bunch.feature_names))
    assert all(series.shape[1] == channels for series in bunch.data)
    assert all(series.dtype == np.float32 for series in bunch.data)
    assert all(target.shape == (n,) for target in bunch.static_target.values())
    assert bunch.groups.shape == (n,)
    assert all(rows.dtype == np.int64 for rows in bunch.splits.values())
    assert all(text.strip() for text in (bunch.DESCR, bunch.licence, bunch.citation))


@pytest.mark.slow
def test_form(bunch):
    check_form(bunch)
    assert bunch.data.flags.c_contiguous
    for array in (bunch.data, bunch.groups, *bunch.static_target.values()):
        assert array.flags.writeable
    for target in bunch.dynamic_target.values():
        assert target.shape == bunch.data.shape[:2]
        assert target.flags.writeable


def test_form_of_vowels(vowels):
    check_form(vowels)
    data, speaker = load_japanese_vowels(return_X_y=True)
    assert len(data) == len(speaker) == 640


@pytest.mark.slow
@pytest.mark.parametrize("loader", FETCHERS)
def test_return_X_y(loader, load_real):  # noqa: N802
    bunch = load_real(loader)
    data, target = load_real(loader, return_X_y=True)
    np.testing.assert_array_equal(data, bunch.data)
    kind, name = PRIMARY[loader]
    assert next(iter(bunch[kind])) == name
    np.testing.assert_array_equal(target, bunch[kind][name])


@pytest.mark.parametrize("loader", FETCHERS)
def test_missing_files(loader, tmp_path):
    with pytest.raises(OSError, match="is missing and download_if_missing=False"):
        loader(data_home=tmp_path, download_if_missing=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("loader", FETCHERS)
def test_unknown_protocol(loader, tmp_path):
    with pytest.raises(ValueError, match=r"protocol must be one of .* got 'fixed'"):
        loader(data_home=tmp_path, protocol="fixed")


def test_environment_names_the_folder(real_data, monkeypatch):
    monkeypatch.setenv("TSDISENTANGLE_DATA", str(real_data))
    assert len(fetch_etth1(download_if_missing=False, protocol="published").data) == 23


@pytest.mark.parametrize(
    "name", [*(loader.__name__ for loader in FETCHERS), "load_japanese_vowels"]
)
def test_docstring_has_every_section(name):
    text = inspect.getdoc(getattr(datasets, name))
    for section in ("Parameters", "Returns", "Raises", "Notes", "References", "Examples"):
        assert f"\n{section}\n---" in text


@pytest.mark.slow
def test_loaders_need_no_torch():
    code = "import sys, tsdisentangle.datasets; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
