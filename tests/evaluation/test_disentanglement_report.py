import numpy as np
import pandas as pd
import pytest
from helpers import small
from known import Given
from numpy.testing import assert_allclose
from pandas.testing import assert_frame_equal

from tsdisentangle import make_static_dynamic
from tsdisentangle.evaluation import disentanglement_report

N, STEPS = 160, 6
NOISE = np.random.RandomState(0).normal(size=(N, 2))


@pytest.fixture(scope="module")
def bunch():
    return make_static_dynamic(N, n_steps=STEPS, n_classes=3, random_state=0)


def one_hot(bunch):
    return np.eye(3)[bunch.static_target["level"]]


def phase(bunch):
    return np.stack([bunch.dynamic_target["cos"], bunch.dynamic_target["sin"]], axis=-1)


def right(bunch, **options):
    return Given(one_hot(bunch), phase(bunch), **options)


def swapped(bunch):
    """The level in every window, and of the dynamics the series' mean only."""
    level = np.repeat(one_hot(bunch)[:, None], STEPS, axis=1)
    return Given(phase(bunch).mean(axis=1), level)


def report(estimator, bunch, **options):
    options = {"dynamic": bunch.dynamic_target, "random_state": 0, **options}
    return disentanglement_report(estimator, bunch.data, bunch.static_target, **options)


@pytest.fixture(scope="module")
def separate(bunch):
    return report(right(bunch), bunch)


def readings(report, kind, code, column="normalized"):
    probes = report.probes
    return probes[(probes["kind"] == kind) & (probes["code"] == code)][column].to_numpy()


def test_codes_that_hold_their_own_factors(separate):
    assert_allclose(readings(separate, "retention", "static"), 1)
    assert_allclose(readings(separate, "retention", "dynamic, one window"), 1, atol=0.01)
    assert separate.probes.query("kind == 'leak'")["normalized"].max() < 0.25
    assert separate.retention_minus_leak > 0.85
    assert separate.factors.loc["level", "mi_gap"] > 0.7
    assert separate.factors.loc["level", "silhouette"] == 1
    assert separate.codes["R2, static from dynamic"] < 0.05


def test_swapped_codes_give_the_reverse(bunch):
    result = report(swapped(bunch), bunch)
    level = result.probes.query("factor == 'level'").set_index("code")["normalized"]
    assert level["static"] < 0.25
    assert_allclose(level.drop("static"), 1)
    assert readings(result, "retention", "dynamic, one window")[1:].max() < 0.1
    assert readings(result, "leak", "static").min() > 0.1  # all that a code of the series can say
    assert result.retention_minus_leak < -0.3
    assert result.factors.loc["level", "mi_gap"] < -0.7


def test_one_factor_per_coordinate_scores_high(bunch, separate):
    numbers = np.random.RandomState(1).normal(size=(N, 2))
    codes = Given(np.column_stack([bunch.static_target["level"], numbers[:, 0]]), NOISE[:, None])
    static = {"level": bunch.static_target["level"], "number": numbers[:, 0]}
    scores = disentanglement_report(codes, bunch.data, static, random_state=0).factors.loc["all"]
    assert scores[["mig", "modularity"]].min() > 0.5
    assert scores["disentanglement"] > 0.7
    assert scores["completeness"] > 0.7
    assert separate.factors.loc["all", "disentanglement"] > 0.5


def test_tables(separate):
    assert separate.probes.columns.tolist() == [
        *("factor", "code", "kind", "measure", "score", "chance", "normalized", "unscaled")
    ]
    assert separate.probes["measure"].tolist() == ["accuracy"] * 4 + ["R2"] * 4
    assert separate.factors.index.tolist() == ["level", "cos", "sin", "all"]
    assert np.isnan(separate.factors.loc["cos", "explicitness"])
    assert separate.codes.filter(like="KL").isna().all()  # no posterior here
    assert separate.cumulative["windows"].tolist() == [1, 2, 4, 6]


def test_long_form_holds_every_number(separate):
    frame = separate.to_frame()
    assert frame.columns.tolist() == ["table", "factor", "code", "metric", "value"]
    cumulative = len(separate.cumulative) * 4
    assert len(frame) == 8 * 4 + separate.factors.size + cumulative + separate.codes.size
    score = frame.query("factor == 'level' and code == 'static' and metric == 'score'")["value"]
    assert score.item() == 1


def test_prints(separate):
    text = str(separate)
    assert "Retention minus leak: 0." in text
    assert "dynamic, mean and std" in text
    assert "nan" not in text.lower()
    assert max(map(len, text.splitlines())) <= 120


def test_same_seed_same_report(bunch, separate):
    assert_frame_equal(report(right(bunch), bunch).to_frame(), separate.to_frame())


def test_static_array_alone(bunch):
    level = bunch.static_target["level"].astype(str)
    result = disentanglement_report(right(bunch), bunch.data, level, random_state=0)
    assert result.probes["factor"].unique().tolist() == ["static"]
    assert result.factors.loc["all", ["disentanglement", "modularity"]].isna().all()


def test_probes_never_see_a_group_that_they_are_tested_on(bunch):
    owner = np.repeat(np.arange(N // 8), 8)
    label = np.random.RandomState(0).randint(2, size=N // 8)[owner]
    codes = Given(np.eye(N // 8)[owner], NOISE[:, None])
    alone, together = (
        disentanglement_report(codes, bunch.data, label, groups=groups, random_state=0)
        for groups in (None, owner)
    )
    assert readings(alone, "retention", "static") > 0.9
    assert readings(together, "retention", "static") < 0.5


def test_dynamic_factor_is_reduced_to_valid_windows(bunch):
    # Windows of 2: the mean of a number; after the last window of a series nothing is read.
    steps = bunch.dynamic_target["cos"].copy()
    dynamic = steps.reshape(N, 3, 2).mean(axis=2)[..., None]
    lengths = np.full(N, 2)
    steps[:, 4:] = 1e6
    steps[:5, 0] = np.nan
    dynamic[:, 2] = 0.0
    codes = Given(one_hot(bunch), dynamic, lengths, window=2)
    result = report(codes, bunch, dynamic=steps)
    assert_allclose(readings(result, "retention", "dynamic, one window"), 1, atol=0.05)
    assert result.probes["factor"].tolist()[-1] == "dynamic"


def test_labels_of_steps(bunch):
    up = bunch.dynamic_target["sin"] > 0
    result = report(right(bunch), bunch, dynamic={"up": up})
    assert readings(result, "retention", "dynamic, one window") > 0.85
    assert result.factors.loc["up", "mi_gap"] > 0.5


def test_unknown_values_are_left_out(bunch):
    level = bunch.static_target["level"].astype(float)
    level[::5] = np.nan
    result = disentanglement_report(right(bunch), bunch.data, level, random_state=0)
    assert result.probes["measure"].eq("accuracy").all()
    assert readings(result, "retention", "static") == 1


def test_dynamic_factors_that_are_the_same_for_all_whole_series(bunch):
    rare = np.zeros((N, STEPS), dtype=int)
    rare[:, 0] = 1
    wave = np.tile([-0.5, 0.5], (N, STEPS // 2))
    result = report(right(bunch), bunch, dynamic={"rare": rare, "wave": wave})
    assert result.factors.index.tolist() == ["level", "rare", "wave", "all"]
    assert result.factors["mig"].isna().tolist() == [False, True, True, False]
    assert np.isfinite(result.factors.loc["rare", "mi_gap"])
    assert np.isnan(result.factors.loc["all", "modularity"])


def test_groups_of_the_wrong_length(bunch):
    with pytest.raises(ValueError, match="groups has shape"):
        report(right(bunch), bunch, groups=[1, 2])


@pytest.mark.parametrize(
    ("static", "dynamic", "message"),
    [
        (np.zeros((N, 2)), None, "one value per series"),
        (np.zeros(N), None, "fewer than two"),
        (np.arange(N) % 2, np.zeros((N, 5)), "dynamic factor 'dynamic' has shape"),
        (np.arange(N) % 2, np.zeros(N), "one value per step"),
        ({"a": np.arange(N) % 2}, {"a": np.arange(N * STEPS).reshape(N, STEPS)}, "share a name"),
        (np.where(np.arange(N) == 0, 1.5, np.where(np.arange(N) == 1, 2.5, np.nan)), None, "known"),
    ],
)
def test_bad_factors(bunch, static, dynamic, message):
    with pytest.raises(ValueError, match=message):
        disentanglement_report(right(bunch), bunch.data, static, dynamic, random_state=0)


def test_dependence_stands_beside_that_of_shuffled_rows(bunch, separate):
    codes = separate.codes
    assert codes["distance correlation"] < codes["distance correlation, shuffled"] + 0.1
    mean = phase(bunch).mean(axis=1)
    same = report(Given(mean, phase(bunch)), bunch).codes
    assert same["distance correlation"] > same["distance correlation, shuffled"] + 0.3
    assert same["HSIC"] > 5 * same["HSIC, shuffled"]


def test_fitted_estimator(bunch):
    estimator = small(window=2, max_epochs=3).fit(bunch.data)
    result = report(estimator, bunch)
    assert isinstance(result.factors, pd.DataFrame)
    assert result.codes.notna().all()
    assert result.probes["normalized"].between(0, 1).all()


def test_series_of_unequal_length(bunch):
    X = [x[: 2 + i % (STEPS - 1)] for i, x in enumerate(bunch.data)]
    estimator = small(window=2, max_epochs=1).fit(X)
    targets = bunch.static_target, bunch.dynamic_target
    result = disentanglement_report(estimator, X, *targets, random_state=0)
    assert result.codes.notna().all()


def test_leak_grows_with_the_windows_that_are_read(bunch):
    # The level has three classes: windows 0 and 3 reveal one of them each, and both all.
    level = bunch.static_target["level"]
    dynamic = np.zeros((N, STEPS, 1))
    dynamic[:, 0, 0], dynamic[:, 3, 0] = level == 0, level == 1
    found = report(Given(one_hot(bunch), dynamic), bunch).cumulative
    chance = np.array([(level == k).mean() for k in range(3)])
    reading = found.set_index("windows")["normalized"]
    assert chance.max() < 0.5
    assert 0.2 < reading[1] == reading[2] < 0.8
    assert reading[4] == reading[6] == 1
