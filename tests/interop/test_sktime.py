"""sktime's own checks over the adapter, and what it promises beyond them."""

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("sktime")

from helpers import METHODS
from helpers import small as make_small
from sklearn.linear_model import LogisticRegression
from sktime.datasets import load_basic_motions
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


def test_wrong_output_is_refused(small):
    with pytest.raises(ValueError, match="'series'"):
        DisentanglingTransformer(small, output="all").fit(np.zeros((3, 1, 4)))
