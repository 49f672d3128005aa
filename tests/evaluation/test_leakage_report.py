from functools import partial

import numpy as np
import pytest
from known import DYNAMIC, STATIC, Known, Reads, clips
from numpy.testing import assert_allclose
from sklearn.ensemble import RandomForestClassifier

from tsdisentangle import Codes
from tsdisentangle.evaluation.leakage_report import leakage_report
from tsdisentangle.metrics import leakage_gaps

N = 60
WHO, WHAT = np.arange(N) % 2, np.arange(N) // 2 % 3
ACCURACIES = [
    "static_from_static",
    "dynamic_from_static",
    "static_from_dynamic",
    "dynamic_from_dynamic",
]


@pytest.fixture(autouse=True)
def _small_forests(monkeypatch):
    """Forests of ten trees, where nothing depends on how well they classify."""
    small = partial(RandomForestClassifier, n_estimators=10)
    monkeypatch.setattr(leakage_gaps, "RandomForestClassifier", small)


class Given:
    """An estimator whose codes were chosen beforehand."""

    def __init__(self, static, dynamic):
        self.codes = Codes(static, dynamic, np.full(len(static), dynamic.shape[1]))

    def encode(self, X):
        return self.codes


def every_step(code, time=3):
    return np.repeat(code[:, None], time, axis=1)


def report(static, dynamic, **options):
    options = {"n_splits": 1, "random_state": 0, **options}
    who, what = options.pop("who", {"who": WHO}), options.pop("what", {"what": WHAT})
    return leakage_report(Given(static, dynamic), np.zeros((N, 3)), who, what, **options)


def gaps(found, form="dynamic, flattened"):
    return found.gaps[found.gaps["form"] == form].set_index("reader")


BOTH = np.hstack([np.eye(2)[WHO], np.eye(3)[WHAT]])
# The same for all: classifiers answer one class, and the classes are equally frequent.
NOTHING = np.ones((N, 2))


@pytest.mark.parametrize(
    ("static", "dynamic", "expected"),
    [
        (np.eye(2)[WHO], NOTHING, (1, None, 1 / 2, 1 / 3)),
        (NOTHING, np.eye(3)[WHAT], (1 / 2, 1 / 3, None, 1)),
        (BOTH, BOTH, (1, 1, 1, 1)),
        (BOTH, NOTHING, (1, 1, 1 / 2, 1 / 3)),
    ],
)
def test_accuracies_and_gaps(static, dynamic, expected):
    found = gaps(report(static, every_step(dynamic)))
    assert list(found.index) == ["svc", "random_forest", "knn", "average"]
    for _, line in found.iterrows():
        for name, value in zip(ACCURACIES, expected, strict=True):
            # Labels are independent, so one code says nothing of the other's; but a classifier of
            # few rows does not answer the majority exactly.
            assert value is None or abs(line[name] - value) < 1e-9
            assert value is not None or line[name] < 0.75
        assert_allclose(line["static_gap"], line[ACCURACIES[0]] - line[ACCURACIES[1]])
        assert_allclose(line["dynamic_gap"], line[ACCURACIES[3]] - line[ACCURACIES[2]])


def test_the_order_is_lost_in_the_average():
    sign = 2.0 * WHO - 1
    dynamic = np.stack([sign, -sign], axis=1)[..., None]
    found = report(NOTHING, dynamic, who={"what": WHAT}, what={"who": WHO})
    assert (gaps(found)["dynamic_from_dynamic"] == 1).all()
    assert_allclose(gaps(found, "dynamic, mean")["dynamic_from_dynamic"], 0.5)


def test_several_labels_are_averaged():
    found = report(np.eye(2)[WHO], every_step(NOTHING), who={"who": WHO, "what": WHAT})
    lines = found.accuracies.query("code == 'static' and reader == 'average'")
    by_label = lines.query("kind == 'static'").set_index("label")["mean"]
    assert by_label["who"] == 1
    expected = (1 + by_label["what"]) / 2
    assert_allclose(gaps(found).loc["average", "static_from_static"], expected)


def test_average_chance_and_seed():
    noise = np.random.RandomState(0).normal(size=(N, 3))
    found, again, other = (
        report(noise, every_step(noise), random_state=seed).accuracies for seed in (0, 0, 1)
    )
    assert found.equals(again)
    assert not found.equals(other)
    assert len(found) == 3 * 2 * 4  # codes, labels, readers
    table = found.pivot(index=["code", "label"], columns="reader", values="mean")
    assert_allclose(table["average"], table[["svc", "random_forest", "knn"]].mean(axis=1))
    chances = found.groupby("label")["chance"].unique()
    assert (chances["who"], chances["what"]) == ([1 / 2], [1 / 3])


def test_deviation_is_that_over_the_splits():
    noise = np.random.RandomState(0).normal(size=(N, 3))
    one, two = (report(NOTHING, every_step(noise[:, :1], 1), n_splits=n) for n in (1, 2))
    assert one.accuracies["std"].isna().all()
    assert two.accuracies["std"].max() > 0


def test_a_judge_adds_the_gaps_by_generation():
    X = np.tile(clips(), (5, 1, 1, 1, 1))
    static, dynamic = ({k: np.tile(v, 5) for k, v in part.items()} for part in (STATIC, DYNAMIC))
    found = leakage_report(
        Known(), X, static, dynamic, judge=Reads(), n_splits=1, random_state=0
    ).gaps
    line = found.set_index("reader").loc["judge"]
    assert_allclose(line[ACCURACIES].astype(float), (1, 1 / 3, 0.5, 1))
    assert_allclose([line["static_gap"], line["dynamic_gap"]], [2 / 3, 0.5])
    assert len(found) == 4 * 2 + 1


def test_prints_both_tables():
    text = repr(report(BOTH, every_step(BOTH)))
    assert "Leakage gaps" in text
    assert "random_forest" in text


def test_refuses_rare_classes():
    with pytest.raises(ValueError, match="class of 1 rows"):
        report(BOTH, every_step(BOTH), who={"who": np.append(WHO[:-1], 5)})
