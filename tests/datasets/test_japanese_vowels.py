import sys

import numpy as np
import pytest

from tsdisentangle.datasets import load_japanese_vowels


@pytest.mark.slow
def test_sizes(vowels):
    assert [len(rows) for rows in vowels.splits.values()] == [270, 0, 370]
    assert {series.shape[1] for series in vowels.data} == {12}
    lengths = [len(series) for series in vowels.data]
    assert (min(lengths), max(lengths)) == (7, 29)
    assert {series.dtype for series in vowels.data} == {np.dtype(np.float32)}


def test_speakers(vowels):
    speaker = vowels.static_target["speaker"]
    assert np.bincount(speaker[vowels.splits["train"]]).tolist() == [30] * 9
    test = np.bincount(speaker[vowels.splits["test"]])
    assert test.tolist() == [31, 35, 88, 44, 29, 24, 40, 50, 29]


def test_first_value(vowels):
    assert vowels.data[0][0, 0] == np.float32(1.860936)
    assert vowels.data[0][1, 0] == np.float32(1.891651)


def test_without_sktime(monkeypatch):
    monkeypatch.setitem(sys.modules, "sktime.datasets", None)
    with pytest.raises(ImportError, match=r"tsdisentangle\[sktime\]"):
        load_japanese_vowels()
