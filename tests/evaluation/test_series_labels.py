"""Reports are the same however the user's labels are ordered, and refuse other series'."""

import numpy as np
import pandas as pd
import pytest
from helpers import small

from tsdisentangle import Panel, make_static_dynamic
from tsdisentangle.evaluation import disentanglement_report, leakage_report
from tsdisentangle.evaluation.series_labels import by_series, by_step

IDS = [f"p{i}" for i in range(40)]


@pytest.fixture(scope="module", name="known")
def make_known():
    X, level = make_static_dynamic(40, return_X_y=True, random_state=0)
    frame = pd.concat({name: pd.DataFrame(x) for name, x in zip(IDS, X, strict=True)})
    frame.columns = [f"c{i}" for i in range(X.shape[2])]
    rising = frame["c0"].groupby(level=0, sort=False).diff().gt(0)
    return small(max_epochs=1).fit(frame), frame, pd.Series(level, index=IDS), rising


def test_disentanglement_report_goes_by_id(known):
    estimator, X, level, _ = known
    groups, height = pd.Series(np.arange(40) // 2, index=IDS), X["c0"]
    arrays = {"level": level.to_numpy()}, {"height": height.to_numpy().reshape(40, -1)}
    frames = level.sample(frac=1, random_state=0).to_frame("level"), height[::-1].to_frame("height")
    expected, found = (
        disentanglement_report(estimator, form, *labels, groups=rows, random_state=0).to_frame()
        for form, labels, rows in ((X, arrays, groups.to_numpy()), (Panel(X), frames, groups[::-1]))
    )
    pd.testing.assert_frame_equal(found, expected)


def test_leakage_report_goes_by_id(known):
    estimator, X, level, rising = known
    late = rising.groupby(level=0, sort=False).mean().gt(0.5)
    seed = {"n_splits": 1, "random_state": 0}
    expected = leakage_report(
        estimator, X, {"level": level.to_numpy()}, {"late": late.loc[IDS].to_numpy()}, **seed
    )
    found = leakage_report(
        estimator, X, {"level": level[::-1]}, late[::-1].to_frame("late"), **seed
    )
    pd.testing.assert_frame_equal(found.accuracies, expected.accuracies)


def test_labels_of_other_series_are_refused(known):
    estimator, X, level, rising = known
    with pytest.raises(ValueError, match="'level' has no entry for series p0"):
        disentanglement_report(estimator, X, {"level": level[1:]})
    with pytest.raises(ValueError, match="'late' has no entry"):
        leakage_report(estimator, X, {"level": level}, {"late": level.rename(str.upper)})
    with pytest.raises(ValueError, match=r"'dynamic' has no entry for series \('p0', 0\)"):
        by_step(X, rising[1:])


def ragged():
    index = pd.MultiIndex.from_tuples([("b", 1), ("b", 0), ("a", 0), ("b", 2)])
    return pd.DataFrame({"x": np.arange(4.0)}, index=index)


@pytest.mark.parametrize("form", [ragged, lambda: Panel(ragged())], ids=["frame", "panel"])
def test_steps_beyond_the_end_are_unknown(form):
    labels = ragged().assign(kind=list("uvwx")).sort_index()
    found = by_step(form(), labels)
    np.testing.assert_array_equal(found["x"], [[1, 0, 3], [2, np.nan, np.nan]])
    assert found["kind"].tolist() == [["v", "u", "x"], ["w", None, None]]


def test_a_row_per_series_and_what_has_no_ids():
    wide = pd.DataFrame([[1, 2], [3, 4]], index=["a", "b"])
    assert by_step(ragged(), wide).tolist() == [[3, 4], [1, 2]]
    assert by_step(np.zeros((2, 2)), wide).tolist() == [[1, 2], [3, 4]]
    assert by_step(ragged(), None) is None
    assert by_series(np.zeros((2, 2)), pd.Series([1, 2], index=["b", "a"]), "y").tolist() == [1, 2]
    with pytest.raises(ValueError, match=r"X as a frame with the index \(series, time\)"):
        by_step(np.zeros((2, 2)), {"kind": ragged()["x"]})
