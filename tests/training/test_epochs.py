import warnings

import numpy as np
import pytest
from helpers import METHODS, small
from sklearn.exceptions import ConvergenceWarning

from tsdisentangle.training import epochs
from tsdisentangle.training.epochs import last_quarter_of_fall, resolve_epochs


def dense(n=20):
    return np.random.default_rng(0).normal(size=(n, 9, 2))


@pytest.mark.parametrize(
    ("n", "batch_size", "expected"),
    [(1, 64, 600), (64, 64, 600), (65, 64, 300), (384, 64, 100), (10**6, 64, 100), (60, 7, 100)],
)
def test_auto_makes_enough_steps_of_small_panels(n, batch_size, expected):
    assert resolve_epochs("auto", n, batch_size) == expected
    assert resolve_epochs(3, n, batch_size) == 3


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_so_long_by_default(method, monkeypatch):
    monkeypatch.setattr(epochs, "AUTO_EPOCHS", 3)
    monkeypatch.setattr(epochs, "AUTO_STEPS", 11)
    estimator = small(method, batch_size=2).set_params(max_epochs=method().max_epochs)
    for n, expected in ((5, 4), (20, 3)):
        assert len(estimator.fit(dense(n)).history_) == estimator.max_epochs_ == expected


def test_few_steps_are_said_with_the_number_to_pass():
    with pytest.warns(ConvergenceWarning, match=r"made 6 steps \(2 epochs\).*max_epochs=200"):
        small(max_epochs=2).fit(dense())


def test_a_fall_that_goes_on_is_said_with_the_number_to_pass(monkeypatch):
    monkeypatch.setattr(epochs, "AUTO_STEPS", 1)
    # A slow fit of a level: at this rate of learning it has not come far after 40 steps.
    with pytest.warns(ConvergenceWarning, match="still falling after 40 epochs.*max_epochs=80"):
        small(max_epochs=40, batch_size=64, lr=1e-4).fit(dense() + np.arange(20)[:, None, None])


@pytest.mark.parametrize("params", [{"max_epochs": 0}, {"early_stopping": True, "max_epochs": 2}])
def test_ends_that_were_chosen_are_not_warned_of(params):
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        small(**params).fit(dense())


def test_enough_is_not_warned_of(monkeypatch):
    monkeypatch.setattr(epochs, "AUTO_STEPS", 6)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ConvergenceWarning)
        small(max_epochs=2).fit(dense())


def test_the_last_quarter_of_a_line_has_its_share():
    # Means of quarters lie a quarter apart; the start is the mean of a twentieth.
    line = np.linspace(1, 0, 1000)
    assert last_quarter_of_fall(list(line)) == pytest.approx(0.25 / (1 - 0.025 - 0.125), rel=0.01)
    assert last_quarter_of_fall(list(line[::-1])) == 0
    assert last_quarter_of_fall(list(line[:19])) == 0


def test_auto_goes_on_from_a_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr(epochs, "AUTO_EPOCHS", 1)
    monkeypatch.setattr(epochs, "AUTO_STEPS", 7)
    params = {"max_epochs": "auto", "batch_size": 2, "checkpoint_dir": tmp_path}
    once = small(**params).fit(dense(4)).transform(dense(4))
    again = small(**params).fit(dense(4))
    assert len(again.history_) == 4
    np.testing.assert_array_equal(again.transform(dense(4)), once)
