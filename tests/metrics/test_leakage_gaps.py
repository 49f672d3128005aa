from functools import partial

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.ensemble import RandomForestClassifier

from tsdisentangle.metrics import LeakageGaps, latent_accuracies, leakage_gaps

LABELS = np.arange(60) % 3
NOISE = np.random.RandomState(0).normal(size=(60, 4))


@pytest.fixture
def small_forests(monkeypatch):
    """Forests of ten trees, where nothing depends on how well they classify."""
    small = partial(RandomForestClassifier, n_estimators=10)
    monkeypatch.setattr(leakage_gaps, "RandomForestClassifier", small)


def test_gaps_keep_their_sign():
    gaps = LeakageGaps(0.1094, 0.1786, 0.1576, 0.7195)
    assert_allclose([gaps.static_gap, gaps.dynamic_gap], [-0.0692, 0.5619])


def test_codes_that_know_the_label_and_codes_that_do_not():
    clear = latent_accuracies(np.eye(3)[LABELS], LABELS, n_splits=3, random_state=0)
    assert list(clear) == ["svc", "random_forest", "knn"]
    for accuracies in clear.values():
        assert accuracies.tolist() == [1, 1, 1]
    labels, codes = np.arange(600) % 3, np.random.RandomState(1).normal(size=(600, 4))
    noise = latent_accuracies(codes, labels, n_splits=2, random_state=0)
    for accuracies in noise.values():
        assert accuracies.shape == (2,)
        assert abs(accuracies.mean() - 1 / 3) < 0.1


@pytest.mark.usefixtures("small_forests")
def test_a_fifth_is_tested():
    # Of 60 rows 12 are tested, so accuracies are whole twelfths.
    found = latent_accuracies(NOISE, LABELS, n_splits=4, random_state=1)
    for accuracies in found.values():
        assert_allclose(accuracies * 12, np.round(accuracies * 12))
    twelfths = np.round(np.concatenate(list(found.values())) * 12)
    assert (twelfths % 2).any()  # a tenth, 6 rows, would give even ones only


@pytest.mark.usefixtures("small_forests")
def test_scale_of_a_coordinate_changes_nothing_of_distances():
    # Without standardisation the noise, a thousand times larger, would drown the label.
    codes = np.hstack([np.eye(3)[LABELS], 1000 * NOISE[:, :1]])
    found = latent_accuracies(codes, LABELS, n_splits=2, random_state=0)
    assert found["knn"].min() > 0.8
    assert found["svc"].min() > 0.8


@pytest.mark.usefixtures("small_forests")
def test_seeds():
    first, again, other = (
        latent_accuracies(NOISE, LABELS, n_splits=3, random_state=seed) for seed in (0, 0, 1)
    )
    assert_allclose(np.stack(list(first.values())), np.stack(list(again.values())))
    assert not np.allclose(np.stack(list(first.values())), np.stack(list(other.values())))


@pytest.mark.usefixtures("small_forests")
def test_every_class_occurs_in_both_parts():
    # The fewest rows that are let pass: five of a class, whatever the seed.
    labels = np.repeat([0, 1, 2], [5, 29, 5])
    codes = np.eye(3)[labels]
    for seed in range(5):
        # Rare classes are recognised only if they occur among the rows trained on.
        found = latent_accuracies(codes, labels, n_splits=2, random_state=seed)
        assert found["svc"].min() == 1
    with pytest.raises(ValueError, match="class of 4 rows"):
        latent_accuracies(codes[1:], labels[1:])


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(60, int), "single value"),
        (np.linspace(0, 1, 60), "takes labels"),
        (LABELS[:5], "shape"),
    ],
)
def test_refuses(labels, message):
    with pytest.raises(ValueError, match=message):
        latent_accuracies(NOISE, labels)
