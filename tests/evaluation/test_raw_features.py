"""Raw features as a transformer: as in the rows of the tables, input checks, pipelines."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tsdisentangle import make_static_dynamic
from tsdisentangle.evaluation import RawFeatures
from tsdisentangle.evaluation.raw_features import PLAIN


def panel():
    X = np.random.default_rng(0).normal(size=(12, 20, 2))
    X[0, 1, 0] = X[1, :, 1] = np.nan
    return X


@pytest.mark.parametrize("kind", PLAIN)
def test_features_are_those_of_the_rows(kind, tmp_path):
    X = 50 + 20 * panel()
    found = RawFeatures(kind).fit(X[2:]).transform(X)
    scaled = (X - np.nanmean(X[2:], axis=(0, 1))) / np.nanstd(X[2:], axis=(0, 1))
    np.testing.assert_allclose(found, PLAIN[kind](scaled), rtol=1e-4, atol=1e-5)
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(RawFeatures(kind).fit(X[2:]).transform(mapped), found)


@pytest.mark.parametrize("kind", PLAIN)
def test_a_shorter_series_is_one_with_missing_values(kind):
    X = panel()
    cut = X.copy()
    cut[3, 15:] = np.nan
    features = RawFeatures(kind).fit(X)
    ragged = [series[:15] if i == 3 else series for i, series in enumerate(X)]
    np.testing.assert_array_equal(features.transform(ragged), features.transform(cut))
    alone = features.transform([X[3, :15]])  # nothing depends on the longest of a panel
    np.testing.assert_array_equal(alone[0], features.transform(cut)[3])


def test_minirocket_reads_values_and_mask():
    pytest.importorskip("numba")
    X = panel()
    features = RawFeatures("minirocket", random_state=0).fit(X)
    found = features.transform(X)
    assert found.shape[0] == 12
    assert found.shape[1] > 1000
    again = clone(features).fit(X).transform(X)
    np.testing.assert_array_equal(found, again)
    holes = X.copy()
    holes[:, 5] = np.nan
    assert not np.allclose(found, features.transform(holes))


def test_grid_search_in_a_pipeline():
    X, y = make_static_dynamic(60, return_X_y=True, random_state=0)
    pipeline = make_pipeline(RawFeatures(), StandardScaler(), LogisticRegression())
    grid = {"rawfeatures__kind": ["summary", "missingness"]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X, y)
    assert search.best_params_ == {"rawfeatures__kind": "summary"}


def test_bad_input_is_refused():
    X = panel()
    with pytest.raises(NotFittedError):
        RawFeatures().transform(X)
    with pytest.raises(ValueError, match=r"kind='mean' is unknown; expected one of \['flat'"):
        RawFeatures("mean").fit(X)
    with pytest.raises(ValueError, match=r"up to 20 steps of 1 channels.* had 20 of 2"):
        RawFeatures().fit(X).transform(X[..., :1])
    with pytest.raises(ValueError, match=r"up to 20 steps of 2 channels.* had 9 of 2"):
        RawFeatures().fit(X[2:, :9]).transform(X)
    with pytest.raises(ValueError, match=r"inf|finite"):
        RawFeatures().fit(np.where(np.isnan(X), np.inf, X))
