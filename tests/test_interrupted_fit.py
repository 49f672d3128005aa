"""What Ctrl-C, a NaN and other errors within a fit leave of the estimator."""

import copy
import pickle
import signal
import threading

import numpy as np
import pytest
import torch
from helpers import METHODS, assert_same_fit, fit_rows, small
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from skorch.callbacks import Callback, Checkpoint, EarlyStopping, LRScheduler

from tsdisentangle import SPYL, load
from tsdisentangle.persistence.checkpoint_file import LOCK, NAME
from tsdisentangle.training.skorch_net import DisentanglingNet


def panel():
    return np.random.default_rng(0).normal(size=(20, 9, 2)).astype("f4")


class At(Callback):
    """Does something in one place of each fit, once; batches are counted from 1."""

    def __init__(self, action, epoch, batch=None, event="on_batch_end"):
        self.action, self.epoch, self.batch, self.event = action, epoch, batch, event

    def initialize(self):
        self.done_ = False
        return self

    def on_epoch_begin(self, net, **kwargs):
        self.batches_ = 0
        self._look(net, "on_epoch_begin")

    def on_batch_end(self, net, training=False, **kwargs):
        self.batches_ += training
        self._look(net, "on_batch_end")

    def on_epoch_end(self, net, **kwargs):
        self._look(net, "on_epoch_end")

    def _look(self, net, event):
        here = (event, len(net.history)) == (self.event, self.epoch)
        if here and self.batch in (None, self.batches_) and not self.done_:
            self.done_ = True
            self.action()


def interrupt():
    raise KeyboardInterrupt


def ctrl_c():
    signal.raise_signal(signal.SIGINT)


PLACES = {
    "middle of an epoch": At(interrupt, 3, 2),
    "last batch": At(interrupt, 3, 3),
    "begin": At(interrupt, 3, event="on_epoch_begin"),
    "signal": At(ctrl_c, 3, 1),
    "signal at the end": At(ctrl_c, 3, event="on_epoch_end"),
}


@pytest.mark.parametrize("early", [False, 2])
@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_ctrl_c_leaves_the_last_finished_epoch(place, early):
    X = panel()
    params = {"early_stopping": early, "lr": 0.05, "validation_fraction": 0.15}
    estimator = small(max_epochs=9, callbacks=[place], **params)
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X)
    assert estimator.interrupted_ is True
    assert_same_fit(estimator, small(max_epochs=2, **params).fit(X), X)
    assert not estimator.net_.module_.training


@pytest.mark.parametrize("method", METHODS)
def test_ctrl_c_in_every_method(method):
    X = panel()
    # The length of SPYL's warm-up depends on max_epochs.
    params = {"warm_up": 0} if method is SPYL else {}
    estimator = small(method, max_epochs=9, callbacks=[At(interrupt, 3, 2)], **params)
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X)
    whole = small(method, max_epochs=2, **params).fit(X)
    assert_same_fit(estimator, whole, X)
    assert (estimator.interrupted_, whole.interrupted_) == (True, False)
    estimator.set_params(callbacks=None).partial_fit(X)
    assert_same_fit(estimator, whole.partial_fit(X), X)
    assert estimator.interrupted_ is False


def test_a_new_fit_that_is_interrupted_replaces_the_former_one():
    X = panel()
    estimator = small(max_epochs=4).fit(X)
    estimator.set_params(callbacks=[At(interrupt, 2, 1)])
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X[:12])
    assert_same_fit(estimator, small(max_epochs=1).fit(X[:12]), X)
    assert estimator.n_series_in_ == 12


@pytest.mark.parametrize("early", [False, True])
@pytest.mark.parametrize("batch", [1, 2])
def test_ctrl_c_in_the_first_epoch_changes_nothing(batch, early):
    X = panel()
    estimator = small(early_stopping=early, callbacks=[At(interrupt, 1, batch)])
    before = dict(vars(estimator))
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X)
    assert vars(estimator) == before
    with pytest.raises(NotFittedError):
        estimator.transform(X)
    former = small().fit(X)
    codes, net = former.transform(X), former.net_
    former.set_params(callbacks=[At(interrupt, 1, batch)])
    with pytest.raises(KeyboardInterrupt):
        former.fit(X)
    assert former.net_ is net
    assert former.interrupted_ is False
    np.testing.assert_array_equal(codes, former.transform(X))


def test_a_callback_may_still_end_training():
    """skorch's callbacks raise KeyboardInterrupt at the end of an epoch to say so."""
    X = panel()
    estimator = small(max_epochs=9, callbacks=[At(interrupt, 3, event="on_epoch_end")]).fit(X)
    assert estimator.interrupted_ is False
    assert_same_fit(estimator, small(max_epochs=3).fit(X), X)


def test_a_handler_that_keeps_the_signal_to_itself_interrupts_nothing(monkeypatch):
    """It may ask for an orderly end: the epoch counts, and a callback may end training."""
    seen = []
    before = signal.signal(signal.SIGINT, lambda *signal_and_frame: seen.append(1))
    try:
        callbacks = [At(ctrl_c, 3, 1), At(interrupt, 3, event="on_epoch_end")]
        estimator = small(max_epochs=9, callbacks=callbacks).fit(panel())
    finally:
        signal.signal(signal.SIGINT, before)
    assert (seen, estimator.interrupted_) == ([1], False)
    assert_same_fit(estimator, small(max_epochs=3).fit(panel()), panel())


@pytest.mark.parametrize("kind", ["Ctrl-C", "NaN"])
def test_a_callback_that_cannot_end_does_not_hide_the_error(kind, monkeypatch):
    """skorch's early stopping expects that there was an epoch."""
    stopping = EarlyStopping(monitor="train_loss", load_best=True, sink=lambda message: None)
    callbacks = [stopping]
    if kind == "NaN":
        nan_loss(monkeypatch, 1)
    else:
        callbacks.append(At(interrupt, 1, 1))
    with pytest.raises(FloatingPointError if kind == "NaN" else KeyboardInterrupt):
        small(callbacks=callbacks).fit(panel())


@pytest.mark.parametrize(
    "callback",
    [
        EarlyStopping(),
        ("stop", EarlyStopping(patience=2)),
        EarlyStopping,
        Checkpoint(monitor="valid_loss_best"),
        LRScheduler("ReduceLROnPlateau", monitor="valid_loss"),
    ],
)
def test_what_watches_a_validation_loss_needs_one(callback):
    estimator = small(callbacks=[callback])
    for fit in (estimator.fit, estimator.partial_fit):
        with pytest.raises(ValueError, match=r"\(monitor='valid_loss.*early_stopping=True.*train"):
            fit(panel())
    assert not hasattr(estimator, "net_")


def test_what_watches_a_loss_that_is_there_may_do_so():
    quiet = {"sink": lambda message: None}
    stopping = EarlyStopping(patience=1, threshold=1e9, threshold_mode="abs", **quiet)
    options = {"early_stopping": True, "validation_fraction": 0.3, "max_epochs": 9}
    assert len(small(callbacks=[stopping], **options).fit(panel()).history_) == 2
    stopping = EarlyStopping("train_loss", **quiet)
    assert len(small(callbacks=[stopping]).fit(panel()).history_) == 2


def test_a_callback_that_cannot_end_a_good_fit_is_heard():
    class Fails(Callback):
        def on_train_end(self, net, **kwargs):
            raise OSError("no room for the report")

    with pytest.raises(OSError, match="no room for the report"):
        small(callbacks=[Fails()]).fit(panel())


def test_the_handler_of_ctrl_c_comes_back():
    before = signal.getsignal(signal.SIGINT)
    small().fit(panel())
    with pytest.raises(KeyboardInterrupt):
        small(callbacks=[At(ctrl_c, 2, 1)]).fit(panel())
    assert signal.getsignal(signal.SIGINT) is before


def test_fit_in_another_thread():
    estimator = small()
    thread = threading.Thread(target=estimator.fit, args=(panel(),))
    thread.start()
    thread.join()
    assert_same_fit(estimator, small().fit(panel()), panel())


def test_ctrl_c_while_a_checkpoint_is_written(tmp_path, monkeypatch):
    import os

    X = panel()
    whole = small(max_epochs=4).fit(X)
    calls = []

    def fsync(file):
        calls.append(file)
        if len(calls) == 3:
            ctrl_c()

    estimator = small(max_epochs=4, checkpoint_dir=tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        with pytest.raises(KeyboardInterrupt):
            estimator.fit(X)
    assert {path.name for path in tmp_path.iterdir()} - {LOCK} == {NAME}
    assert b'"epochs":2,' in (tmp_path / NAME).read_bytes()
    assert_same_fit(estimator, small(max_epochs=3).fit(X), X)
    assert_same_fit(estimator.fit(X), whole, X)
    assert estimator.interrupted_ is False


def test_ctrl_c_while_the_state_is_kept(monkeypatch):
    import tsdisentangle.training.skorch_net as module

    clone_state, calls = module.clone_state, []

    def keep(state, memory):
        calls.append(1)
        if len(calls) == 3:  # a half of the memory is written
            for tensor in list(memory.tensors.values())[::2]:
                tensor.zero_()
            raise KeyboardInterrupt
        return clone_state(state, memory)

    estimator = small(max_epochs=5)
    with monkeypatch.context() as patch:
        patch.setattr(module, "clone_state", keep)
        with pytest.raises(KeyboardInterrupt):
            estimator.fit(panel())
    assert_same_fit(estimator, small(max_epochs=2).fit(panel()), panel())


def test_a_second_ctrl_c_leaves_no_half_state(monkeypatch):
    def restore_state(net, state):
        raise KeyboardInterrupt

    monkeypatch.setattr("tsdisentangle.training.skorch_net.restore_state", restore_state)
    estimator = small(max_epochs=5, callbacks=[At(interrupt, 3, 1)])
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(panel())
    assert not hasattr(estimator, "net_")


def test_the_kept_state_is_not_kept_after_fit():
    estimator = small().fit(panel())
    assert estimator.net_.last_state_ is None
    longer = small(max_epochs=9, callbacks=[At(interrupt, 3, 2)])
    with pytest.raises(KeyboardInterrupt):
        longer.fit(panel())
    assert longer.net_.last_state_ is None
    assert longer.net_.train_split is None


# -- partial_fit --------------------------------------------------------------------------------


def nan_loss(monkeypatch, call):
    """Let the loss of one batch be NaN, counted over training and validation."""
    get_loss, calls = DisentanglingNet.get_loss, []

    def loss(self, *args, **kwargs):
        calls.append(1)
        value = get_loss(self, *args, **kwargs)
        return value * float("nan") if len(calls) == call else value

    monkeypatch.setattr(DisentanglingNet, "get_loss", loss)


@pytest.mark.parametrize("kind", ["Ctrl-C", "NaN"])
@pytest.mark.parametrize("epochs", [0, 2])
def test_partial_fit_that_fails_changes_nothing(kind, epochs, monkeypatch):
    X = panel()
    estimator = small(max_epochs=epochs).fit(X)
    other = copy.deepcopy(estimator)
    with monkeypatch.context() as patch:
        if kind == "NaN":
            nan_loss(patch, 2)
        else:
            callback = ("at", At(interrupt, epochs + 1, 2).initialize())
            patch.setattr(estimator.net_, "callbacks_", [*estimator.net_.callbacks_, callback])
        with pytest.raises(FloatingPointError if kind == "NaN" else KeyboardInterrupt):
            estimator.partial_fit(X)
    assert_same_fit(estimator, other, X)
    assert estimator.interrupted_ is False
    # The optimizer and the generators are where they were, too.
    assert_same_fit(estimator.partial_fit(X), other.partial_fit(X), X)


def test_first_partial_fit_that_fails(monkeypatch):
    estimator = small(callbacks=[At(interrupt, 1, 2)])
    with pytest.raises(KeyboardInterrupt):
        estimator.partial_fit(panel())
    with pytest.raises(NotFittedError):
        estimator.transform(panel())


# -- NaN ----------------------------------------------------------------------------------------


def test_nan_says_where_and_leaves_the_estimator_unfitted(tmp_path, monkeypatch):
    X = panel()
    whole = small(max_epochs=4).fit(X)
    estimator = small(max_epochs=4, checkpoint_dir=tmp_path)
    with monkeypatch.context() as patch:
        nan_loss(patch, 2 * 3 + 2)
        with pytest.raises(FloatingPointError) as caught:
            estimator.fit(X)
    words = str(caught.value)
    assert words.startswith("The training loss is not finite in epoch 3, batch 2: {'reconstruction")
    assert "Lower lr" in words
    assert not hasattr(estimator, "net_")
    assert not hasattr(estimator, "interrupted_")
    assert_same_fit(estimator.fit(X), whole, X)


def test_nan_in_validation(monkeypatch):
    nan_loss(monkeypatch, 2 + 2)  # ten series to train on, in two batches; ten to look at
    with pytest.raises(FloatingPointError, match=r"validation loss .* in epoch 1, batch 2: \{"):
        small(early_stopping=True, validation_fraction=0.5).fit(panel())


# -- copies -------------------------------------------------------------------------------------


def test_copies_know_whether_the_fit_was_interrupted(tmp_path):
    X = panel()
    estimator = small(max_epochs=9, callbacks=[At(interrupt, 3, 2)])
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(X)
    estimator.set_params(callbacks=None, checkpoint_dir=tmp_path / "run")
    again = pickle.loads(pickle.dumps(estimator))
    assert_same_fit(again, estimator, X)
    estimator.save(tmp_path / "model.tsd")
    loaded = load(tmp_path / "model.tsd")
    assert (again.interrupted_, loaded.interrupted_) == (True, True)
    assert fit_rows(loaded) == fit_rows(estimator)
    assert not hasattr(clone(estimator), "interrupted_")
    # Where the checkpoints of a run lay is nothing of the model's.
    assert (loaded.checkpoint_dir, loaded.checkpoint_every) == (None, 1)
    assert b"run" not in (tmp_path / "model.tsd").read_bytes()
    loaded.partial_fit(X).save(tmp_path / "model.tsd")
    assert load(tmp_path / "model.tsd").interrupted_ is False
    assert b"interrupted" not in (tmp_path / "model.tsd").read_bytes()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_resume_on_a_gpu(tmp_path):
    X = panel()
    params = {"device": "cuda", "checkpoint_dir": tmp_path, "precision": "float16"}
    small(max_epochs=2, **params).fit(X)
    resumed = small(max_epochs=4, **params).fit(X)
    whole = small(max_epochs=4, device="cuda", precision="float16").fit(X)
    np.testing.assert_allclose(resumed.transform(X), whole.transform(X), rtol=1e-3, atol=1e-4)
