"""Labels of pandas go by their index, never by the place where they happen to stand."""

import numpy as np
import pandas as pd
import pytest

from tsdisentangle import metrics
from tsdisentangle.metrics.alignment import align, align_labels
from tsdisentangle.metrics.verification import pair_cosines

N = 40
IDS = pd.Index([f"p{i}" for i in range(N)])
LABEL = pd.Series(np.arange(N) % 2, index=IDS)
CODES = pd.DataFrame(np.random.default_rng(0).normal(size=(N, 2)), index=IDS)
CODES[0] += 3 * LABEL
SHUFFLED = LABEL.sample(frac=1, random_state=1)


def accuracy(codes, labels):
    return metrics.latent_accuracies(codes, labels, n_splits=1, random_state=0)["svc"]


SEED = {"random_state": 0}
METRICS = {
    "importances": lambda c, y: metrics.code_importances(c, y, **SEED).importance,
    "sap": lambda c, y: metrics.sap(c, y, **SEED),
    "explicitness": lambda c, y: metrics.explicitness(c, y, **SEED),
    "groups": lambda c, y: metrics.sap(c, c[0].to_numpy(), groups=y, **SEED),
    "mutual information": metrics.mutual_information,
    "mig": metrics.mig,
    "mapping": lambda c, y: metrics.mig(c, {"y": y}),
    "columns": lambda c, y: metrics.mig(c, as_columns(y)),
    "group information": lambda c, y: metrics.group_information(c, y, **SEED),
    "gap": lambda c, y: metrics.group_mi_gap(c, as_other(c), y, **SEED),
    "accuracies": accuracy,
    "silhouette": metrics.silhouette,
    "cosines": lambda c, y: np.concatenate(pair_cosines(c, y)),
    "verification": lambda c, y: metrics.verification_gap(c, as_other(c), y).gap,
}


def as_columns(y):
    return y.to_frame("y") if isinstance(y, pd.Series) else y[:, None]


def as_other(codes):
    """Codes of the same series in another order, if they have ids."""
    return codes[::-1] + 1


@pytest.mark.parametrize("metric", METRICS.values(), ids=METRICS)
def test_metrics_align_labels_with_codes(metric):
    np.testing.assert_array_equal(metric(CODES, SHUFFLED), metric(CODES, LABEL))


def test_the_order_would_have_mattered():
    assert metrics.mig(CODES, LABEL) != metrics.mig(CODES, SHUFFLED.to_numpy())


def test_reading_aligns_both_sides():
    one = metrics.read_factor(CODES[:30], LABEL, CODES[30:], LABEL)
    assert one == metrics.read_factor(CODES[:30], SHUFFLED, CODES[30:], SHUFFLED)
    arrays = CODES.to_numpy(), LABEL.to_numpy()
    expected = metrics.read_factor(*(x[:30] for x in arrays), *(x[30:] for x in arrays))
    assert one == expected


def test_pairs_of_codes_are_aligned():
    stds = pd.DataFrame(1 + np.arange(2.0 * N).reshape(N, 2), index=IDS)
    expected = metrics.kl_to_standard_normal(CODES.to_numpy(), stds.to_numpy())
    assert metrics.kl_to_standard_normal(CODES, stds[::-1]) == expected
    with pytest.raises(ValueError, match="'stds' has no entry for series p0"):
        metrics.kl_to_standard_normal(CODES, stds[1:])


TAKEN = {
    "the same": LABEL,
    "another order": SHUFFLED,
    "more series": pd.concat([SHUFFLED, pd.Series([9], index=["p99"])]),
    "no index": LABEL.to_list(),
    "only numbered": LABEL.reset_index(drop=True),
}


@pytest.mark.parametrize("labels", TAKEN.values(), ids=TAKEN)
def test_what_is_aligned(labels):
    np.testing.assert_array_equal(align_labels(labels, IDS), LABEL)
    np.testing.assert_array_equal(align_labels({"y": labels}, IDS)["y"], LABEL)


@pytest.mark.parametrize("labels", [SHUFFLED, SHUFFLED.to_numpy()])
def test_codes_without_ids_are_aligned_by_position(labels):
    for codes in (CODES.to_numpy(), CODES.reset_index(drop=True)):
        np.testing.assert_array_equal(align(codes, labels)[0], SHUFFLED)


REFUSED = {
    "a series without": LABEL[:-1],
    "other ids": LABEL.rename(lambda name: name.upper()),
    "numbers in their own order": pd.Series(LABEL.to_numpy(), index=range(1, N + 1)),
    "one twice": pd.concat([LABEL, LABEL[:1]]),
    "too few numbers": LABEL.reset_index(drop=True)[:-1],
}


@pytest.mark.parametrize("labels", REFUSED.values(), ids=REFUSED)
def test_what_is_refused(labels):
    with pytest.raises(ValueError, match=r"'age' has (no entry|two entries).*to_numpy\(\)"):
        align_labels(labels, IDS, "age")
    with pytest.raises(ValueError, match=r"'age' has"):
        align_labels({"age": labels}, IDS)


def test_numbered_labels_of_numbered_series_go_by_number():
    """Ids that are numbers are looked up, also by an index that nobody gave."""
    ids = pd.Index([2, 0, 1])
    assert align_labels(pd.Series([5, 6, 7]), ids).tolist() == [7, 5, 6]
    with pytest.raises(ValueError, match="no entry for series 3"):
        align_labels(pd.Series([5, 6, 7]), pd.Index([3, 1, 2]))


def test_categories_keep_their_order():
    sizes = pd.Series(pd.Categorical(["big", "small"], ["small", "big"]), index=["a", "b"])
    found = align_labels(sizes, pd.Index(["b", "a"]))
    assert list(found.categories) == ["small", "big"]
    assert list(found) == ["small", "big"]
