"""Splits by rows of a frame in long form are found, and others are let through."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from helpers import small
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, KFold

from tsdisentangle import Panel
from tsdisentangle.training.cut_series import TrainingSteps

INDEX = pd.MultiIndex.from_product([range(12), range(10)])


def frame(index=INDEX):
    return pd.DataFrame({"a": np.arange(float(len(index)))}, index=index)


def test_a_search_over_rows_warns_and_one_over_series_does_not():
    cv = KFold(3, shuffle=True, random_state=0)
    values = np.random.default_rng(0).normal(size=(120, 2))
    X = pd.DataFrame(values, index=INDEX, columns=["a", "b"])
    search = GridSearchCV(small(max_epochs=1), {"lr": [1e-3]}, cv=cv, error_score="raise")
    with pytest.warns(UserWarning, match=r"12 series, such as 0, have .* Panel\(X\)"):
        search.fit(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        search.fit(Panel(X))


STEP = INDEX.get_level_values(1)
CUT = {
    "every second step": (STEP % 2 == 0, STEP % 2 == 1),
    "steps amid the others": ((STEP < 3) | (STEP > 6), (STEP >= 3) & (STEP <= 6)),
    "the beginning of one": (np.arange(120) >= 7, np.arange(120) < 7),
}
WHOLE = {
    "the training panel": (STEP >= 0, STEP >= 0),
    "other series": (np.arange(120) < 60, np.arange(120) >= 60),
    "later steps": (STEP < 6, STEP >= 6),
    "some of the training steps": (STEP >= 0, STEP > 3),
    "training steps and what came late": (STEP % 2 == 0, STEP >= 0),
}


@pytest.mark.parametrize(("train", "test"), CUT.values(), ids=CUT)
def test_cut_series_are_told(train, test):
    with pytest.warns(UserWarning, match="cut the frame by rows"):
        TrainingSteps(frame()[train]).warn_if_cut(frame()[test])


@pytest.mark.parametrize(("train", "test"), WHOLE.values(), ids=WHOLE)
def test_whole_series_are_not(train, test, recwarn):
    TrainingSteps(frame()[train]).warn_if_cut(frame()[test])
    assert not recwarn.list


def test_other_forms_and_times_do_not_compare(recwarn):
    seen = TrainingSteps(frame())
    dates = pd.MultiIndex.from_product([range(12), pd.date_range("2024-01-01", periods=10)])
    deeper = pd.MultiIndex.from_product([[0], range(12), range(10)])
    for X in (np.zeros((2, 3)), Panel(frame()), frame(dates), frame(deeper)):
        seen.warn_if_cut(X)
        TrainingSteps(X).warn_if_cut(frame()[::2])
    assert not recwarn.list


def test_ids_stay_out_of_pickles(recwarn):
    names = pd.MultiIndex.from_product([["Jane Doe", "John Doe"], range(10)])
    fitted = small(max_epochs=1).fit(frame(names))
    assert b"Doe" not in pickle.dumps(fitted)
    again = pickle.loads(pickle.dumps(fitted))
    again.transform(frame(names))
    again.transform(frame(names)[::2])
    assert not [w for w in recwarn.list if "cut the frame" in str(w.message)]
