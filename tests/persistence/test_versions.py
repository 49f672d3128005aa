"""Pickles say which versions wrote them."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from helpers import small
from sklearn.base import clone

from tsdisentangle.persistence import PickleVersionWarning
from tsdisentangle.persistence import versions as pickled


@pytest.fixture(scope="module")
def fitted():
    return small(max_epochs=1).fit(np.random.default_rng(0).normal(size=(4, 5, 2)))


@pytest.fixture
def another_version(monkeypatch):
    def pretend(**versions):
        now = {**pickled.current_versions(), **versions}
        monkeypatch.setattr(pickled, "current_versions", lambda: now)

    return pretend


def test_same_versions_no_warning_and_no_trace(fitted):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for again in (pickle.loads(pickle.dumps(fitted)), copy.copy(fitted), clone(fitted)):
            assert not any("pickled" in name for name in vars(again))
    assert vars(copy.copy(fitted)) == vars(fitted)


@pytest.mark.parametrize("package", pickled.PICKLED_PACKAGES)
def test_other_versions_are_named(fitted, package, another_version):
    written = pickle.dumps(fitted)
    another_version(**{package: "99.1"})
    with pytest.warns(PickleVersionWarning, match=rf"{package} .* \(installed: 99\.1\)\. It may"):
        again = pickle.loads(written)
    assert vars(again).keys() == vars(fitted).keys()


def test_a_pickle_without_versions_is_named_too(fitted):
    again = object.__new__(type(fitted))
    with pytest.warns(PickleVersionWarning, match="tsdisentangle of unknown version"):
        again.__setstate__(dict(vars(fitted)))
    assert vars(again) == vars(fitted)
