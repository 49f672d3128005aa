"""Ids on the way out of an estimator, and pairs and labels by id."""

import numpy as np
import pandas as pd
import pytest
from helpers import small
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from tsdisentangle import Panel

IDS = ["b", "a", "c", "e", "d", "f"]


def frame(ids=IDS, names=("patient", "hour"), levels=1):
    index = pd.MultiIndex.from_product([*[[0]] * (levels - 1), ids, range(6)])
    if levels == 1:
        index = index.set_names(names)
    values = [np.random.default_rng(ord(name)).normal(size=(6, 2)) for name in ids]
    return pd.DataFrame(np.concatenate(values), index=index, columns=["hr", "rr"])


@pytest.fixture(scope="module", name="fitted")
def fit():
    return small(max_epochs=1).fit(frame())


def wide():
    return pd.DataFrame(frame()["hr"].to_numpy().reshape(6, 6), index=IDS).add_prefix("hour")


FORMS = {
    "frame": frame,
    "panel": lambda: Panel(frame()),
    "shuffled": lambda: frame().sample(frac=1, random_state=0),
    "three levels": lambda: frame(levels=2),
    "a row per series": wide,
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_pandas_output_has_a_row_per_series_under_its_id(form):
    X = form()
    estimator = small(max_epochs=1)
    plain = estimator.fit_transform(X)
    codes = estimator.encode(X)
    estimator.set_output(transform="pandas")
    for table in (estimator.transform(X), estimator.fit_transform(X)):
        np.testing.assert_array_equal(table, plain)
        assert list(table) == list(estimator.get_feature_names_out())
        assert table.index.equals(codes.index)
    one_row_each = form in (wide, FORMS["panel"])
    expected = X.index if one_row_each else X.index.droplevel(-1).unique()
    assert codes.index.equals(expected)
    pd.testing.assert_frame_equal(codes.to_frame(), table)


def test_every_row_is_that_of_its_series(fitted):
    alone = {name: fitted.transform(frame([name]))[0] for name in IDS}
    table = fitted.encode(Panel(frame())[::-1]).to_frame()
    assert table.index.tolist() == IDS[::-1]
    assert table.index.name == "patient"
    for name, row in table.iterrows():
        np.testing.assert_allclose(row, alone[name], atol=1e-6)


@pytest.mark.parametrize("X", [np.zeros((3, 6, 2)), [np.zeros((6, 2))] * 3], ids=["array", "list"])
def test_series_without_names_are_numbered(fitted, X):
    codes = fitted.encode(X)
    assert codes.index is None
    assert codes.to_frame().index.equals(pd.RangeIndex(3))


def test_given_arrays_come_back_under_the_ids(fitted):
    empty = fitted.encode(frame().to_numpy().reshape(6, 6, 2))
    codes = fitted.encode(frame(), out=empty)
    assert codes.static is empty.static
    assert codes.index.tolist() == IDS


@pytest.mark.parametrize("output", ["polars", "default"])
def test_other_outputs_stay_as_they_were(fitted, output):
    other = small(max_epochs=1).set_output(transform=output).fit(frame())
    np.testing.assert_array_equal(other.transform(frame()), fitted.transform(frame()))


def test_what_comes_back_has_the_form_of_x(fitted):
    panel = Panel(frame())
    for method in (fitted.reconstruct, fitted.impute):
        back = method(panel)
        assert isinstance(back, Panel)
        pd.testing.assert_frame_equal(back.to_frame(), method(frame()))


def test_names_of_the_channels_are_those_of_the_panel(fitted):
    renamed = Panel(frame().rename(columns={"rr": "bp"}))
    assert small(max_epochs=1).fit(renamed).feature_names_in_.tolist() == ["hr", "bp"]
    with pytest.raises(ValueError, match="rr"):
        fitted.transform(renamed)


def test_swap_pairs_by_id(fitted):
    X, reversed_ = frame(), frame(IDS[::-1])
    for expected, found in zip(fitted.swap(X, X), fitted.swap(X, reversed_), strict=True):
        for name in IDS:  # swapped with itself
            np.testing.assert_allclose(found.loc[name], expected.loc[name], atol=1e-5)
    other = frame(list("uvwxyz"))
    by_row = fitted.swap(*(x.to_numpy().reshape(6, 6, 2) for x in (X, other)))
    for found, expected in zip(fitted.swap(X, other), by_row, strict=True):
        np.testing.assert_allclose(found.to_numpy().reshape(6, 6, 2), expected, atol=1e-6)
    assert fitted.swap(X, other)[0].index.equals(other.index)


@pytest.mark.parametrize("ids", [["b", "a", "c", "e", "d", "x"], ["a", *"uvwxy"]])
def test_swap_of_some_common_ids_is_refused(fitted, ids):
    with pytest.raises(ValueError, match=r"same ids, but not all, such as '(f|b)'"):
        fitted.swap(frame(), frame(ids))


def test_labels_in_another_order_are_refused():
    y = pd.Series([0, 1] * 3, index=IDS)
    panel = Panel(frame())
    pipeline = make_pipeline(small(max_epochs=1), LogisticRegression())
    for wrong in (y.sort_index(), y.sort_index().to_frame("age"), y.rename({"b": "x"})):
        with pytest.raises(ValueError, match=r"y.loc\[panel.index\].*y.to_numpy\(\)"):
            pipeline.fit(panel, wrong)
    for right in (y, y.to_numpy(), y.reset_index(drop=True), y.loc[panel.index].tolist()):
        pipeline.fit(panel, right)


def test_searches_and_scores_by_series():
    y = pd.Series([0, 0, 0, 1, 1, 1], index=IDS)
    panel = Panel(frame())
    search = GridSearchCV(small(max_epochs=1), {"lr": [1e-3, 1e-2]}, cv=3, error_score="raise")
    search.fit(panel)
    assert search.best_estimator_.n_series_in_ == 6
    pipeline = make_pipeline(small(max_epochs=1), LogisticRegression())
    assert len(cross_val_score(pipeline, panel, y, cv=3, error_score="raise")) == 3
