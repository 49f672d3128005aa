"""Fits that go on where they were stopped, within budgets of epochs and seconds."""

import subprocess
import sys
import time

import numpy as np
import pytest
from helpers import small
from toy_methods import DuckTyped, Subclass

from benchmarks.tables import fits
from benchmarks.tables.fits import (
    Budget,
    Fit,
    cached,
    code_digest,
    file_name,
    fit_cached,
    fit_resumable,
    fit_within,
)
from tsdisentangle import VAE, StaticDynamicVAE


class Counts:
    """An estimator whose epoch takes so many processor seconds; may be stopped in one."""

    def __init__(self, seconds=0.0, stop_in=None):
        self.seconds, self.stop_in, self.seen = seconds, stop_in, []

    def partial_fit(self, X):
        if len(self.seen) == self.stop_in:
            raise KeyboardInterrupt
        end = time.process_time() + self.seconds
        while time.process_time() < end:
            pass
        self.seen.append(X)


@pytest.mark.parametrize(
    ("budget", "share"),
    [
        (Budget(epochs=10), 0.3),
        (Budget(epochs=10, seconds=100), 0.3),
        (Budget(epochs=10, seconds=5), 0.4),
        (Budget(epochs=3, seconds=5), 1),
        (Budget(epochs=10, seconds=1.5), 1),
    ],
)
def test_share_of_the_tighter_limit(budget, share):
    assert budget.share(Fit(None, epochs=3, seconds=2.0)) == pytest.approx(share)


def test_epochs_end_a_fit():
    fit = fit_within(Counts(), "data", Budget(epochs=3))
    assert (fit.epochs, fit.estimator.seen) == (3, ["data"] * 3)


def test_seconds_end_a_fit_after_the_epoch_that_uses_them_up():
    fit = fit_within(Counts(seconds=0.05), "data", Budget(epochs=1000, seconds=0.12))
    assert fit.epochs == 3
    assert 0.15 <= fit.seconds < 0.3


def test_a_stopped_fit_goes_on(tmp_path):
    path = tmp_path / "fit.pkl"
    with pytest.raises(KeyboardInterrupt):
        fit_resumable(path, Counts(stop_in=2), "first", Budget(epochs=5))
    # Of the estimator that is passed nothing is left but its state in the file.
    with pytest.raises(KeyboardInterrupt):
        fit_resumable(path, Counts(), "second", Budget(epochs=5))
    stopped = cached(path, pytest.fail)
    assert (stopped.epochs, stopped.estimator.seen) == (2, ["first"] * 2)


def test_stopping_changes_no_weight(tmp_path):
    X = np.random.default_rng(0).normal(size=(12, 8, 2))
    whole = fit_resumable(tmp_path / "whole.pkl", small(), X, Budget(epochs=4))
    fit_resumable(tmp_path / "halves.pkl", small(), X, Budget(epochs=2))
    halves = fit_resumable(tmp_path / "halves.pkl", small(), X, Budget(epochs=4))
    assert halves.epochs == 4
    assert halves.seconds > 0
    np.testing.assert_array_equal(whole.estimator.transform(X), halves.estimator.transform(X))
    trained = whole.estimator.transform(X)
    assert not np.allclose(trained, fit_within(small(), X, Budget(epochs=2)).estimator.transform(X))


def test_no_epochs_leave_an_estimator_untrained(tmp_path):
    X = np.random.default_rng(0).normal(size=(12, 8, 2))
    fit = fit_resumable(tmp_path / "fit.pkl", small(), X, Budget(epochs=0))
    untrained = small(max_epochs=0).fit(X)
    np.testing.assert_array_equal(fit.estimator.transform(X), untrained.transform(X))
    assert (fit.epochs, fit.seconds) == (0, 0)
    assert not list(tmp_path.iterdir())


def test_what_is_cached_is_made_once(tmp_path):
    made = iter([{"a": 1}, {"a": 2}])
    for _ in range(2):
        assert cached(tmp_path / "folder" / "value.pkl", lambda: next(made)) == {"a": 1}


def test_a_damaged_file_is_named_with_what_to_do(tmp_path):
    path = tmp_path / "value.pkl"
    cached(path, lambda: {"a": 1})
    whole = path.read_bytes()
    for part in (b"", whole[:-3]):
        path.write_bytes(part)
        with pytest.raises(ValueError, match=r"value\.pkl' is damaged .* Delete it"):
            cached(path, pytest.fail)


def test_file_names_tell_settings_apart_and_stay_in_their_folder():
    names = {file_name("a/b", {"lr": lr}, Budget(epochs)) for lr in (1, 2) for epochs in (1, 2)}
    assert len(names) == 4
    assert all(name.startswith("a-b-") and "/" not in name for name in names)


def test_a_fit_is_made_once_and_remembers_its_cost(tmp_path):
    X = np.random.default_rng(0).normal(size=(12, 8, 2))
    first, second = (fit_cached(small(), X, tmp_path, title="any") for _ in range(2))
    assert [path.name.startswith("any-") for path in tmp_path.iterdir()] == [True]
    assert first.seconds == second.seconds > 0
    np.testing.assert_array_equal(first.estimator.transform(X), second.estimator.transform(X))
    uncached = fit_cached(small(), X, None)
    np.testing.assert_array_equal(uncached.estimator.transform(X), first.estimator.transform(X))


def test_fits_of_other_code_are_not_found(tmp_path, monkeypatch):
    X = np.random.default_rng(0).normal(size=(12, 8, 2))
    fit_cached(small(), X, tmp_path)
    monkeypatch.setattr(fits, "code_digest", lambda kind: "of another version")
    fit_cached(small(), X, tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_a_fit_whose_settings_nobody_knows_is_not_cached(tmp_path):
    X = np.random.default_rng(0).normal(size=(12, 8, 2))
    fit = fit_cached(DuckTyped(), X, tmp_path)
    assert (fit.epochs, list(tmp_path.iterdir())) == (0, [])


def test_a_class_of_ones_own_counts_with_its_file(tmp_path):
    digests = {code_digest(kind) for kind in (None, StaticDynamicVAE, VAE, Subclass, DuckTyped)}
    assert len(digests) == 2  # of the package, and with the file of the last two
    assert code_digest(VAE) == code_digest()


def test_the_digest_names_what_there_is():
    assert all((fits.PACKAGE / name).exists() for name in fits.FIT_CODE)


@pytest.mark.slow
def test_the_digest_counts_all_that_the_estimators_import():
    """But for what stores them, and the names of the package."""
    script = "import sys; from tsdisentangle.methods import load_methods; load_methods();"
    script += "print(*(name for name in sys.modules if name.startswith('tsdisentangle.')))"
    command = [sys.executable, "-c", script]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    used = {name.split(".")[1] for name in names}
    counted = {name.removesuffix(".py") for name in fits.FIT_CODE}
    assert used - counted == {"persistence", "registry"}


def test_the_digest_is_of_what_a_fit_runs_through(tmp_path, monkeypatch):
    for name in ("base.py", "nn/deep/layer.py", "evaluation/table.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
    monkeypatch.setattr(fits, "PACKAGE", tmp_path)
    monkeypatch.setattr(fits, "FIT_CODE", ("base.py", "nn"))
    digests = [code_digest.__wrapped__()]
    for name in ("evaluation/table.py", "base.py", "nn/deep/layer.py"):
        (tmp_path / name).write_text("two")
        digests.append(code_digest.__wrapped__())
    assert digests[0] == digests[1]
    assert len(set(digests)) == 3
