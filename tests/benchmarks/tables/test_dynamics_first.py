"""The static divergence weighs more in the first epochs, and what it should afterwards."""

import pickle

import numpy as np
from helpers import small
from skorch.callbacks import Callback

from benchmarks.tables.fits import Budget, fit_resumable
from benchmarks.tables.sprites import DynamicsFirst

X = np.random.default_rng(0).normal(size=(8, 8, 2))


class Watch(Callback):
    """Write down the weight of every batch."""

    def __init__(self):
        self.seen = []

    def on_batch_end(self, net, training=False, **kwargs):
        self.seen.append(net.module_.weights["static_kl"])


def test_weights_of_every_epoch():
    watch = Watch()
    small(beta=(0.5, 3.0), max_epochs=5, callbacks=[DynamicsFirst(2, 10.0), watch]).fit(X)
    assert watch.seen == [10.0, 10.0, 0.5, 0.5, 0.5]


def test_a_fit_that_was_stopped_has_not_forgotten_its_own_weight(tmp_path):
    estimator = small(beta=(0.5, 3.0), callbacks=[DynamicsFirst(3, 10.0)])
    path = tmp_path / "fit.pkl"
    weights = []
    for epochs in range(1, 6):
        fit = fit_resumable(path, estimator, X, Budget(epochs))
        weights.append(fit.estimator.net_.module_.weights["static_kl"])
    assert weights == [10.0, 10.0, 10.0, 0.5, 0.5]
    assert pickle.loads(path.read_bytes()).epochs == 5


def test_it_changes_what_is_learned():
    plain, first = (
        small(beta=(0.0, 0.0), max_epochs=20, callbacks=callbacks).fit(X)
        for callbacks in (None, [DynamicsFirst(20, 100.0)])
    )
    divergence = [fit.history_[-1]["train_static_kl"] for fit in (plain, first)]
    assert divergence[1] < divergence[0]
