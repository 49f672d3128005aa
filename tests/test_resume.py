"""A fit that was stopped and started again ends like one that never was, to the last bit."""

import errno
import os
import resource
import signal
import time
from inspect import signature

import numpy as np
import pytest
import torch
from helpers import METHODS, assert_same_fit, processes, small
from sklearn.model_selection import cross_val_score
from skorch.callbacks import Callback

from tsdisentangle import SPYL, VAE, StaticDynamicVAE, TabularEncoder, VideoEncoder
from tsdisentangle.persistence import CheckpointError
from tsdisentangle.persistence.checkpoint_file import LOCK, NAME, CheckpointFile

EPOCHS = 5


class Stop(Exception):  # noqa: N818 - a signal, not an error
    """The process would be gone here."""


def panel(n=20, time=9, seed=0, gaps=False):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, time, 2)).astype("f4")
    if gaps:
        X[rng.random(X.shape) < 0.3] = np.nan
    return X


def stopped_fit(monkeypatch, epoch, estimator, X):
    """Fit until the checkpoint of an epoch is written."""
    save = CheckpointFile.save

    def save_and_stop(self, state, history):
        save(self, state, history)
        if state.epochs == epoch:
            raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(CheckpointFile, "save", save_and_stop)
        with pytest.raises(Stop):
            estimator.fit(X)


STOPPING = {"early_stopping": 3, "validation_fraction": 0.3, "lr": 0.05}
FOR_ALL = {"plain": {}, "stopping, gaps": {"missing": "mask", "kind": "step", **STOPPING}}
FOR_ONE = {
    "steps": {"kind": "step"},
    "indicated": {"missing": "indicate", "early_stopping": True},
    "partial windows": {"window": 4},
    "random anchor": {"anchor": "random"},
    "random anchors": {"anchor": "random_batch"},
    "all options": {
        **{"anchor": "mean", "static_contrast": 0.1, "moments": 20.0, "hidden_share": 0.5},
        **{"missing": "mask", "window": 3, "early_stopping": True},
    },
}
ALL = {
    **{
        f"{method.__name__} {name}": (method, FOR_ALL[name])
        for method in METHODS
        for name in FOR_ALL
    },
    **{name: (StaticDynamicVAE, params) for name, params in FOR_ONE.items()},
}


@pytest.mark.slow
@pytest.mark.parametrize(("method", "params"), ALL.values(), ids=ALL.keys())
def test_a_resumed_fit_is_the_whole_fit(method, params, tmp_path, monkeypatch):
    X = panel(gaps="missing" in params)
    whole = small(method, max_epochs=EPOCHS, **params).fit(X)

    def resumable():
        return small(method, max_epochs=EPOCHS, checkpoint_dir=tmp_path, **params)

    stopped_fit(monkeypatch, 1, resumable(), X)
    stopped_fit(monkeypatch, 3, resumable(), X)
    assert_same_fit(resumable().fit(X), whole, X)


def test_mapped_panels_and_clips(tmp_path, monkeypatch):
    np.save(tmp_path / "panel.npy", panel())
    mapped = np.load(tmp_path / "panel.npy", mmap_mode="r")
    clips = np.random.default_rng(0).integers(0, 256, (6, 3, 16, 16, 1), dtype=np.uint8)
    video = {"encoder": VideoEncoder(size=16, channels=1, width=1, hidden=4, out_features=4)}
    for name, X, params in (("mapped", mapped, {}), ("clips", clips, video)):
        params = {"max_epochs": 3, "batch_size": 4, **params}
        whole = small(**params).fit(X)
        params["checkpoint_dir"] = tmp_path / name
        stopped_fit(monkeypatch, 2, small(**params), X)
        assert_same_fit(small(**params).fit(X), whole, X)


def test_a_stop_between_two_checkpoints_goes_back_to_the_last_one(tmp_path, monkeypatch):
    X = panel()
    whole = small(max_epochs=7).fit(X)
    params = {"max_epochs": 7, "checkpoint_dir": tmp_path, "checkpoint_every": 3}
    epochs = []
    save = CheckpointFile.save

    def count(self, state, history):
        epochs.append(state.epochs)
        save(self, state, history)

    step = whole.net_.train_step.__func__
    calls = []

    def fail_in_epoch_5(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 3 * 4 + 2:  # three batches an epoch
            raise Stop
        return step(self, *args, **kwargs)

    monkeypatch.setattr(CheckpointFile, "save", count)
    with monkeypatch.context() as patch:
        patch.setattr(type(whole.net_), "train_step", fail_in_epoch_5)
        with pytest.raises(Stop):
            small(**params).fit(X)
    assert epochs == [3]
    assert_same_fit(small(**params).fit(X), whole, X)
    assert epochs == [3, 6, 7]


# -- going on, and not ---------------------------------------------------------------------------


def refuse_training(monkeypatch):
    def train_step(self, *args, **kwargs):
        raise AssertionError("trains")

    monkeypatch.setattr("tsdisentangle.training.skorch_net.DisentanglingNet.train_step", train_step)


@pytest.mark.parametrize("early", [False, 2])
def test_a_finished_fit_comes_back_without_training(early, tmp_path, monkeypatch):
    X = panel()
    params = {"early_stopping": early, "lr": 0.05, "max_epochs": 4, "checkpoint_dir": tmp_path}
    first = small(**params).fit(X)
    refuse_training(monkeypatch)
    assert_same_fit(small(**params).fit(X), first, X)


@pytest.mark.slow
@pytest.mark.parametrize("early", [False, 3])
@pytest.mark.parametrize("method", [method for method in METHODS if method is not SPYL])
def test_more_epochs_go_on_as_if_they_had_been_asked_for_at_once(method, early, tmp_path):
    X = panel()
    params = {"early_stopping": early, "checkpoint_dir": tmp_path}
    small(method, max_epochs=2, **params).fit(X)
    whole = small(method, max_epochs=5, early_stopping=early).fit(X)
    assert_same_fit(small(method, max_epochs=5, **params).fit(X), whole, X)


def test_the_warm_up_of_spyl_is_part_of_the_fit(tmp_path):
    X = panel()
    params = {"checkpoint_dir": tmp_path / "one", "warm_up": 0.5}
    small(SPYL, max_epochs=2, **params).fit(X)
    with pytest.raises(CheckpointError, match=r"warm_up \* max_epochs is 2.0 now and was 1.0"):
        small(SPYL, max_epochs=4, **params).fit(X)
    params = {"checkpoint_dir": tmp_path / "two", "warm_up": 0}
    small(SPYL, max_epochs=2, **params).fit(X)
    whole = small(SPYL, max_epochs=4, warm_up=0).fit(X)
    assert_same_fit(small(SPYL, max_epochs=4, **params).fit(X), whole, X)


def test_what_has_stopped_early_stays_stopped(tmp_path, monkeypatch):
    X = panel()
    params = {"early_stopping": 1, "validation_fraction": 0.5, "lr": 0.3, "batch_size": 2}
    params |= {"checkpoint_dir": tmp_path, "checkpoint_every": 100}
    first = small(max_epochs=50, **params).fit(X)
    assert len(first.history_) < 50
    refuse_training(monkeypatch)
    assert_same_fit(small(max_epochs=70, **params).fit(X), first, X)


def test_what_may_be_different(tmp_path, monkeypatch):
    X = panel()
    whole = small(max_epochs=4).fit(X)
    stopped_fit(monkeypatch, 2, small(max_epochs=9, checkpoint_dir=str(tmp_path / "old")), X)
    (tmp_path / "old").rename(tmp_path / "new")
    again = small(
        max_epochs=4,
        checkpoint_dir=tmp_path / "new",
        checkpoint_every=2,
        device=torch.device("cpu"),
        verbose=1,
        output="dynamic",
        static_pooling="mean",
    )
    again.fit(X).set_params(output=whole.output, static_pooling=whole.static_pooling)
    assert_same_fit(again, whole, X)


def test_fewer_epochs_than_there_are(tmp_path):
    small(max_epochs=3, checkpoint_dir=tmp_path).fit(panel())
    with pytest.raises(CheckpointError, match=r"of epoch 3, beyond max_epochs=2"):
        small(max_epochs=2, checkpoint_dir=tmp_path).fit(panel())


def other_value():
    X = panel()
    X[7, 3, 1] += 1e-3
    return X


OTHERS = {
    "lr": ({"lr": 0.1}, panel(), "lr is 0.1 now and was 0.004"),
    "seed": ({"random_state": 3}, panel(), "random_state is 3 now and was 0"),
    "window": ({"window": 3}, panel(), "window is 3 now and was 'auto'.*window_ is 3 now and was"),
    "batches": ({"batch_size": 5}, panel(), "batch_size is 5 now"),
    "pair": ({"beta": (0.5, 2.0)}, panel(), r"beta is .*2\.0.* now and was .*1\.0"),
    "size": (
        {"encoder": TabularEncoder(hidden=9, out_features=6)},
        panel(),
        "encoder__hidden is 9",
    ),
    "no encoder": ({"encoder": None}, panel(), "encoder is None now and was 'TabularEncoder'"),
    "early stopping": ({"early_stopping": True}, panel(), "early_stopping is True now"),
    "a value": ({}, other_value(), "sha256 of X is '[0-9a-f]{64}' now and was '[0-9a-f]{64}'"),
    "a row": ({}, panel(21), "n_series_in_ is 21 now and was 20"),
    "order": ({}, panel()[::-1], "sha256 of X"),
    "channels": ({}, panel()[..., :1], "n_channels_in_ is 1 now and was 2"),
}


@pytest.mark.parametrize(("params", "X", "words"), OTHERS.values(), ids=OTHERS.keys())
def test_the_checkpoint_of_another_fit_is_refused(params, X, words, tmp_path):
    small(checkpoint_dir=tmp_path).fit(panel())
    before = (tmp_path / NAME).read_bytes()
    estimator = small(**{"checkpoint_dir": tmp_path, **params})
    with pytest.raises(CheckpointError, match=words) as caught:
        estimator.fit(X)
    assert all(word in str(caught.value) for word in (str(tmp_path), "Delete it"))
    assert not hasattr(estimator, "net_")
    assert (tmp_path / NAME).read_bytes() == before


def test_true_is_not_one(tmp_path):
    """As early_stopping, True waits for ten epochs and 1 for one."""
    small(early_stopping=True, checkpoint_dir=tmp_path).fit(panel())
    with pytest.raises(CheckpointError, match="early_stopping is 1 now and was True"):
        small(early_stopping=1, checkpoint_dir=tmp_path).fit(panel())


def test_every_parameter_but_the_named_ones_is_compared(tmp_path):
    """No parameter is forgotten: each is in the file, or is one of those that may differ."""
    for method in METHODS:
        small(method, checkpoint_dir=tmp_path / method.__name__).fit(panel())
        content = (tmp_path / method.__name__ / NAME).read_bytes()
        fit = content.partition(b'"fit":{')[2].partition(b'"epochs":')[0]
        for name in signature(method).parameters:
            written = f'"{name}":'.encode() in fit
            free = ("max_epochs", "device", "verbose", "callbacks")
            free += ("output", "static_pooling", "static_prior")
            assert written != (name in free or name.startswith("checkpoint_")), name


def test_another_method_and_other_versions(tmp_path, monkeypatch):
    small(VAE, checkpoint_dir=tmp_path).fit(panel())
    with pytest.raises(CheckpointError, match="method is 'StaticDynamicVAE' now and was 'VAE'"):
        small(StaticDynamicVAE, checkpoint_dir=tmp_path).fit(panel())
    versions = {"python": "3.99.0", "torch": "99.1.0", "skorch": "0.7.9"}
    place = "tsdisentangle.persistence.checkpoint_file.current_versions"
    monkeypatch.setattr(place, lambda: versions)
    with pytest.raises(CheckpointError, match="version of torch is '99' now") as caught:
        small(VAE, checkpoint_dir=tmp_path).fit(panel())
    assert "version of skorch is '0.7'" in str(caught.value)
    assert "version of python" not in str(caught.value)


@pytest.mark.parametrize("seed", [None, np.random.RandomState(0)])
def test_a_seed_is_needed(seed, tmp_path):
    with pytest.raises(ValueError, match="needs an int as random_state"):
        small(checkpoint_dir=tmp_path, random_state=seed).fit(panel())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("folder", ["run-{fit}", "runs/{fit}/a"])
def test_a_search_has_a_folder_for_each_fit(folder, tmp_path, monkeypatch):
    X = panel(30)
    plain = cross_val_score(small(max_epochs=1), X, cv=3)
    estimator = small(max_epochs=1, checkpoint_dir=tmp_path / folder)
    np.testing.assert_array_equal(cross_val_score(estimator, X, cv=3), plain)
    files = sorted(tmp_path.rglob(NAME))
    assert len(files) == 3
    # The second time each fit finds its own, and has nothing left to train.
    monkeypatch.setattr(CheckpointFile, "save", None)
    np.testing.assert_array_equal(cross_val_score(estimator, X, cv=3), plain)
    assert sorted(tmp_path.rglob(NAME)) == files


def test_a_search_in_one_folder_is_told_what_to_do(tmp_path):
    small(checkpoint_dir=tmp_path).fit(panel())
    with pytest.raises(CheckpointError, match="For cross-validation or a search") as caught:
        small(checkpoint_dir=tmp_path).fit(panel(seed=1))
    line = str(caught.value).rpartition("pass ")[2].removesuffix(".")
    assert eval(f"dict({line})") == {"checkpoint_dir": str(tmp_path / "{fit}")}


# -- one folder, one fit ------------------------------------------------------------------------


def test_a_second_fit_in_the_same_folder_is_refused(tmp_path):
    """A folder is let go when its fit has ended, also by an error."""
    seen = []

    class Second(Callback):
        def on_epoch_end(self, net, **kwargs):
            other = small(checkpoint_dir=tmp_path, random_state=len(seen))
            with pytest.raises(CheckpointError, match=r"Another fit is writing to .*\{fit\}") as e:
                other.fit(panel())
            assert not hasattr(other, "net_")
            seen.append(str(e.value))
            if len(seen) == 2:
                raise Stop

    first = small(max_epochs=3, checkpoint_dir=tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(first), "_callbacks", lambda self: [("second", Second())])
        with pytest.raises(Stop):
            first.fit(panel())
    assert len(seen) == 2
    assert_same_fit(first.fit(panel()), small(max_epochs=3).fit(panel()), panel())


def hold(sender, folder):
    """Fit, and stand still after the first checkpoint."""
    save = CheckpointFile.save

    def save_and_wait(self, state, history):
        save(self, state, history)
        sender.send(None)
        time.sleep(600)

    CheckpointFile.save = save_and_wait
    small(checkpoint_dir=folder, max_epochs=3).fit(panel())


@pytest.mark.slow
def test_another_process_is_refused_until_the_first_is_gone(tmp_path):
    context = processes()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=hold, args=(sender, tmp_path))
    process.start()
    receiver.recv()
    estimator = small(checkpoint_dir=tmp_path, max_epochs=3)
    with pytest.raises(CheckpointError, match="Another fit is writing to"):
        estimator.fit(panel())
    process.kill()  # which leaves no lock
    process.join()
    assert_same_fit(estimator.fit(panel()), small(max_epochs=3).fit(panel()), panel())


def test_callbacks_and_partial_fit_are_refused(tmp_path):
    from skorch.callbacks import EpochTimer

    with pytest.raises(ValueError, match="cannot be combined with callbacks"):
        small(checkpoint_dir=tmp_path, callbacks=[("timer", EpochTimer())]).fit(panel())
    with pytest.raises(ValueError, match="partial_fit writes no checkpoints"):
        small(checkpoint_dir=tmp_path).partial_fit(panel())
    assert not list(tmp_path.iterdir())


# -- kills and a full disk while a checkpoint is written ----------------------------------------


def fit_and_wait(sender, folder, place):
    """Fit, and for ever stand still in one place of the third write."""
    calls, real = [], getattr(os, place)

    def stand_still(*args):
        calls.append(1)
        if len(calls) == 3:
            sender.send(None)
            time.sleep(600)
        real(*args)

    setattr(os, place, stand_still)
    small(max_epochs=6, checkpoint_dir=folder).fit(panel())


@pytest.mark.slow
@pytest.mark.parametrize("place", ["fsync", "replace"])
def test_a_kill_within_a_write(place, tmp_path):
    X = panel()
    context = processes()
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=fit_and_wait, args=(sender, tmp_path, place))
    process.start()
    sender.close()
    receiver.recv()
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert {path.name for path in tmp_path.iterdir()} - {LOCK} == {NAME, f".{NAME}.tmp"}
    assert b'"epochs":2,' in (tmp_path / NAME).read_bytes()
    again = small(max_epochs=6, checkpoint_dir=tmp_path).fit(X)
    assert_same_fit(again, small(max_epochs=6).fit(X), X)
    assert {path.name for path in tmp_path.iterdir()} - {LOCK} == {NAME}


def fit_on_a_full_disk(sender, folder, size):
    """Fit where no file may be larger than a size, and send the error."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    try:
        small(max_epochs=6, checkpoint_dir=folder).fit(panel())
    except OSError as error:
        sender.send((type(error).__name__, error.errno, str(error)))
    else:
        sender.send(None)


@pytest.mark.slow
def test_a_full_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch):
    X = panel()
    whole = small(max_epochs=6).fit(X)
    stopped_fit(monkeypatch, 3, small(max_epochs=6, checkpoint_dir=tmp_path), X)
    before = (tmp_path / NAME).read_bytes()
    context = processes()  # the limit cannot be taken back
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=fit_on_a_full_disk, args=(sender, tmp_path, len(before) // 2))
    process.start()
    sender.close()
    name, number, words = receiver.recv()
    process.join()
    assert (name, number) == ("OSError", errno.EFBIG)
    assert "The checkpoint of epoch 4 cannot be written: File too large" in words
    assert "that of epoch 3 is to go on from" in words
    assert str(tmp_path / NAME) in words
    assert {path.name for path in tmp_path.iterdir()} - {LOCK} == {NAME}
    assert (tmp_path / NAME).read_bytes() == before
    assert_same_fit(small(max_epochs=6, checkpoint_dir=tmp_path).fit(X), whole, X)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    estimator = small(checkpoint_dir=tmp_path / "file")
    with pytest.raises(FileExistsError, match="file"):
        estimator.fit(panel())
    assert not hasattr(estimator, "net_")
