"""Raw features as a transformer: as in the rows of the tables, input checks, pipelines."""

import numpy as np
import pandas as pd
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


@pytest.mark.parametrize("kind", PLAIN)
def test_names_say_what_the_columns_are(kind):
    X = panel()
    features = RawFeatures(kind).fit(X)
    names, found = features.get_feature_names_out().tolist(), features.transform(X)
    assert len(names) == found.shape[1] == len(set(names))
    alone = np.full_like(X, np.nan)
    alone[:, :, 1] = X[:, :, 1]  # only the columns of channel 0 change
    alone[:, 3, 0] = 0.0
    changed = (features.transform(alone) != found).any(axis=0)
    assert {name.split("_")[0] for name, c in zip(names, changed, strict=True) if c} == {"channel0"}
    for part, expected in {"mean": np.nanmean, "max": np.nanmax, "min": np.nanmin}.items():
        if kind == "summary":
            scaled = (X[..., 1] - np.nanmean(X[..., 1])) / np.nanstd(X[..., 1])
            column = found[2:, names.index(f"channel1_{part}")]
            np.testing.assert_allclose(column, expected(scaled[2:], axis=1), atol=1e-5)
    if kind == "flat":
        assert found[0, names.index("channel0_step1_missing")] == 1


def test_pandas_output_has_a_row_per_series():
    X = panel()
    index = pd.MultiIndex.from_product([list("lkjihgfedcba"), range(20)], names=["id", "time"])
    frame = pd.DataFrame(X.reshape(-1, 2), index=index)
    features = RawFeatures().set_output(transform="pandas").fit(frame)
    found = features.transform(frame)
    assert found.index.tolist() == list("lkjihgfedcba")
    assert found.index.name == "id"
    assert found.columns.tolist() == features.get_feature_names_out().tolist()
    np.testing.assert_array_equal(found, RawFeatures().fit(X).transform(X))
    assert features.transform(X).index.tolist() == list(range(12))


def test_minirocket_reads_values_and_mask():
    pytest.importorskip("numba")
    X = panel()
    features = RawFeatures("minirocket", random_state=0).fit(X)
    found = features.transform(X)
    assert features.get_feature_names_out().shape == found.shape[1:]
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
