"""scikit-learn's own checks, and those that it does not yield by itself."""

import os
import subprocess
import sys
from inspect import signature

import pytest
from helpers import METHODS
from sklearn.utils import estimator_checks
from sklearn.utils.estimator_checks import estimator_checks_generator

from tsdisentangle import StaticDynamicVAE

ESTIMATORS = [
    *(method(max_epochs=2, batch_size=16) for method in METHODS),
    StaticDynamicVAE(max_epochs=2, missing="mask", static_pooling="precision"),
]

ARRAY_API = "check_array_api_input"


def label(estimator):
    return f"{type(estimator).__name__}-{estimator.missing}"


def slow_but_flagship(estimator):
    """All methods share their base: while one works, the flagship stands for them."""
    return [] if type(estimator) is StaticDynamicVAE else [pytest.mark.slow]


def yielded_checks():
    for estimator in ESTIMATORS:
        for checked, check in estimator_checks_generator(estimator):
            name = getattr(check, "func", check).__name__
            if name == ARRAY_API:
                continue  # needs a variable set before scipy is imported, see below
            yield pytest.param(
                checked, check, id=f"{label(estimator)}-{name}", marks=slow_but_flagship(estimator)
            )


@pytest.mark.parametrize(("estimator", "check"), list(yielded_checks()))
def test_estimator_check(estimator, check):
    check(estimator)


NOT_YIELDED = [
    "check_dataframe_column_names_consistency",
    "check_estimators_partial_fit_n_features",
    "check_global_output_transform_pandas",
    "check_global_set_output_transform_polars",
    "check_set_output_transform",
    "check_set_output_transform_pandas",
    "check_set_output_transform_polars",
    "check_transformer_get_feature_names_out",
    "check_transformer_get_feature_names_out_pandas",
]


@pytest.mark.parametrize(
    "estimator", [pytest.param(e, id=label(e), marks=slow_but_flagship(e)) for e in ESTIMATORS]
)
@pytest.mark.parametrize("name", [*NOT_YIELDED, "check_param_validation"])
def test_check_that_is_not_yielded(estimator, name):
    getattr(estimator_checks, name)(type(estimator).__name__, estimator)


def test_tags_admit_both_ranks_so_that_the_checks_run():
    tags = StaticDynamicVAE().__sklearn_tags__().input_tags
    assert tags.two_d_array
    assert tags.three_d_array
    assert len(list(yielded_checks())) >= 43 * len(ESTIMATORS)


@pytest.mark.slow
@pytest.mark.skipif(
    "expect_only_array_outputs" not in signature(getattr(estimator_checks, ARRAY_API)).parameters,
    reason="this scikit-learn's check takes no estimator that has other methods than transform",
)
def test_array_api_check():
    script = (
        "from sklearn.utils.estimator_checks import check_array_api_input as check\n"
        "from tsdisentangle import StaticDynamicVAE\n"
        "check('StaticDynamicVAE', StaticDynamicVAE(max_epochs=1), array_namespace='numpy',"
        "      expect_only_array_outputs=False)"
    )
    environment = {**os.environ, "SCIPY_ARRAY_API": "1", "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-W", "ignore", "-c", script], env=environment, check=True)
