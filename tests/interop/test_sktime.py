"""sktime's own checks over the adapter, and what it promises beyond them."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sktime")

from helpers import METHODS
from helpers import small as make_small
from sklearn.linear_model import LogisticRegression
from sktime.datasets import load_basic_motions
from sktime.transformations.compose import FeatureUnion
from sktime.transformations.series.summarize import SummaryTransformer
from sktime.utils.estimator_checks import check_estimator

from tsdisentangle import StaticDynamicVAE, TabularEncoder
from tsdisentangle.interop.sktime import DisentanglingTransformer


@pytest.fixture
def small():
    return StaticDynamicVAE(
        TabularEncoder(hidden=8, out_features=4), static_dim=2, dynamic_dim=3, max_epochs=1
    )


@pytest.mark.slow
def test_sktime_check_estimator():
    results = check_estimator(DisentanglingTransformer, raise_exceptions=True, verbose=False)
    assert len(results) > 200
    assert set(results.values()) == {"PASSED"}


@pytest.mark.slow
@pytest.mark.parametrize("method", METHODS[1:], ids=lambda method: method.__name__)
def test_sktime_check_of_every_other_method(method):
    transformer = DisentanglingTransformer(make_small(method, max_epochs=1))
    results = check_estimator(
        transformer,
        raise_exceptions=True,
        verbose=False,
        # Of the class, not of the method: the examples have run in the test above.
        tests_to_exclude=["test_doctest_examples"],
    )
    assert len(results) > 100
    assert set(results.values()) == {"PASSED"}


def test_pipeline_with_a_scikit_learn_classifier(small):
    X, y = load_basic_motions(split="train")
    pipeline = DisentanglingTransformer(small) * LogisticRegression()
    assert pipeline.fit(X, y).predict(X).shape == y.shape


def test_axis_order_is_transposed_only_in_the_adapter(small):
    """sktime's numpy3D is (n, channel, time); ours is (n, time, channel)."""
    X = np.random.default_rng(0).normal(size=(6, 3, 10)).astype(np.float32)
    small.set_params(random_state=0)
    adapted = DisentanglingTransformer(small).fit_transform(X)
    np.testing.assert_allclose(
        adapted.to_numpy(), small.fit_transform(list(X.swapaxes(1, 2))), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize(("output", "columns"), [("static", 2), ("dynamic", 3), ("both", 5)])
def test_primitive_outputs(small, output, columns):
    X = np.random.default_rng(0).normal(size=(6, 3, 10))
    transformed = DisentanglingTransformer(small, output=output).fit_transform(X)
    assert transformed.shape == (6, columns)
    assert next(iter(transformed.columns)).startswith(
        "dynamic" if output == "dynamic" else "static"
    )


def test_series_output_has_one_row_per_window(small):
    X = [np.random.default_rng(i).normal(size=(length, 2)) for i, length in enumerate([5, 9])]
    frames = [pd.DataFrame(x) for x in X]
    codes = DisentanglingTransformer(small, output="series").fit_transform(frames)
    assert [len(frame) for frame in codes] == [5, 9]
    assert list(codes[0]) == ["dynamic0", "dynamic1", "dynamic2"]


def panel(levels=(("b", "a", "c"),), time=None, names=("id", "hour")):
    time = pd.RangeIndex(9) if time is None else time
    index = pd.MultiIndex.from_product([*levels, time], names=names)
    values = np.random.default_rng(0).normal(size=(len(index), 2))
    return pd.DataFrame(values, index=index, columns=["x", "y"]).sort_index()


HIERARCHY = {"levels": (("v", "u"), ("b", "a")), "names": ("plant", "id", "hour")}


@pytest.mark.parametrize("options", [{}, HIERARCHY], ids=["panel", "hierarchy"])
def test_rows_stand_under_their_ids_and_one_network_reads_all(small, options):
    X = panel(**options)
    transformer = DisentanglingTransformer(small.set_params(random_state=0))
    features = transformer.fit_transform(X)
    ids = X.index.droplevel(-1).unique()
    assert features.index.equals(ids)
    assert features.index.names == ids.names
    assert transformer.estimator_.n_series_in_ == len(ids)
    np.testing.assert_array_equal(features, small.fit(X).transform(X))


def test_a_union_with_other_features_has_no_holes(small):
    union = FeatureUnion(
        [("codes", DisentanglingTransformer(small)), ("sum", SummaryTransformer())]
    )
    features = union.fit_transform(panel())
    assert features.index.tolist() == ["a", "b", "c"]
    assert not features.isna().any(axis=None)


@pytest.mark.parametrize("options", [{}, HIERARCHY], ids=["panel", "hierarchy"])
@pytest.mark.parametrize("window", [1, 4])
def test_series_output_keeps_ids_and_times(small, options, window):
    X = panel(time=pd.date_range("2024-01-01", periods=9, freq="h"), **options)
    X = X.drop(index=X.index[[0, 1]])  # the first series starts later
    small.set_params(window=window, random_state=0)
    codes = DisentanglingTransformer(small, output="series").fit_transform(X)
    starts = [
        rows[::window] for rows in X.groupby(level=[*range(X.index.nlevels - 1)]).groups.values()
    ]
    assert codes.index.tolist() == [row for rows in starts for row in rows]
    assert codes.index.names == X.index.names
    encoded = small.fit(X).encode(X)
    np.testing.assert_array_equal(
        codes.iloc[: encoded.lengths[0]], encoded.dynamic[0, : encoded.lengths[0]]
    )


def test_a_single_series_keeps_its_times(small):
    X = panel().loc["a"]
    codes = DisentanglingTransformer(small.set_params(window=4), output="series").fit_transform(X)
    assert codes.index.tolist() == [0, 4, 8]


def test_wrong_output_is_refused(small):
    with pytest.raises(ValueError, match="'series'"):
        DisentanglingTransformer(small, output="all").fit(np.zeros((3, 1, 4)))
