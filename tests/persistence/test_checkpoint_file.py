"""A checkpoint that is damaged, or that somebody else has made, is refused and runs nothing."""

import json

import numpy as np
import pytest
import safetensors.torch
import torch
from helpers import small

from tsdisentangle import ModelFileError, StaticDynamicVAE, load
from tsdisentangle.persistence.archive import pack, read_document, read_weights
from tsdisentangle.persistence.checkpoint_file import LOCK, NAME, _release_series

X = np.random.default_rng(0).normal(size=(12, 6, 2)).astype("f4")


def estimator(folder):
    return small(max_epochs=3, early_stopping=True, validation_fraction=0.3, checkpoint_dir=folder)


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    estimator(folder).fit(X)
    return (folder / NAME).read_bytes()


def refused(folder, content):
    """Return what is said about a file in the place of a checkpoint."""
    (folder / NAME).write_bytes(content)
    fit = estimator(folder)
    with pytest.raises(ModelFileError) as caught:
        fit.fit(X)
    assert not hasattr(fit, "net_")
    assert (folder / NAME).read_bytes() == content
    words = str(caught.value)
    assert words.startswith(f"{folder / NAME} cannot be read as a checkpoint: ")
    assert words.endswith("Delete it to fit from the start.")
    return words


def test_a_flipped_bit_anywhere(content, tmp_path):
    places = np.random.default_rng(0).integers(0, len(content), 30)
    for place in [0, len(content) - 1, *places]:
        damaged = bytearray(content)
        damaged[place] ^= 4
        refused(tmp_path, bytes(damaged))


def test_a_file_that_was_cut_off_or_goes_on(content, tmp_path):
    for length in (0, 20, 500, len(content) // 2, len(content) - 1):
        assert "cut off" in refused(tmp_path, content[:length]) or length in (0, len(content) - 1)
    assert "appended" in refused(tmp_path, content + b"\0")


def test_model_files_and_checkpoints_are_told_apart(content, tmp_path):
    small().fit(X).save(tmp_path / "model.tsd")
    assert "does not describe a checkpoint" in refused(
        tmp_path, (tmp_path / "model.tsd").read_bytes()
    )
    (tmp_path / NAME).write_bytes(content)
    with pytest.raises(ModelFileError, match="does not describe a model"):
        load(tmp_path / NAME)


def forge(content, folder, change_document=None, change_tensors=None):
    """Return a file with other contents and the right checksums."""
    (folder / NAME).write_bytes(content)
    with open(folder / NAME, "rb") as file:
        document = read_document(file)
        tensors = safetensors.torch.load(read_weights(file, document))
    fields = json.loads(document)
    if change_document:
        change_document(fields)
    if change_tensors:
        change_tensors(tensors)
    return b"".join(pack(json.dumps(fields).encode(), safetensors.torch.save(tensors)))


CLASS = {"class": "VAE", "parameters": {}}
DOCUMENTS = {
    "has format version 2": lambda d: d.update(format_version=2),
    "which this format does not have": lambda d: d.update(more=1),
    "epochs is": lambda d: d.update(epochs="3"),
    "history does not have a row": lambda d: d["history"].pop(),
    "history does not have a row for each of": lambda d: d.update(epochs=0, history=[]),
    "names the class 'VAE'": lambda d: d["history"][0].update(train_loss=CLASS),
    "numbers of early_stopping": lambda d: d["numbers"]["callbacks"]["early_stopping"].update(
        on_train_end=1
    ),
    "misses_ is": lambda d: d["numbers"]["callbacks"]["early_stopping"].update(misses_=[]),
    "what this training loop remembers": lambda d: d["numbers"]["callbacks"].pop("valid_loss"),
    "network holds the numbers": lambda d: d["numbers"]["network"].update(forward=1.0),
    "network is missing": lambda d: d["numbers"].pop("network"),
}
TENSORS = {
    "lacks: network.": lambda t: pop(t, "network."),
    "which has no place": lambda t: t.update({"scaler.mean": torch.zeros(2)}),
    "optimizer.999 does not belong": lambda t: t.update({"optimizer.999.step": torch.zeros(())}),
    "optimizer.x does not belong": lambda t: t.update({"optimizer.x.step": torch.zeros(())}),
    "optimizer.0 does not belong": lambda t: t.update({"optimizer.0.exp_avg": torch.zeros(1, 1)}),
    "does not hold the averages": lambda t: drop(t, "optimizer."),
    "optimizer.1 does not belong": lambda t: t.pop("optimizer.1.exp_avg"),
    "optimizer.2 does not belong": lambda t: t.update({"optimizer.2.exp_avg": torch.zeros(())}),
    "holds NaN": lambda t: t[next(n for n in t if n.startswith("best."))].fill_(np.nan),
    "expected cpu": lambda t: t.pop("generator.cpu"),
    "no position of torch's generator": lambda t: t["generator.cpu"].fill_(255),
    "no position": lambda t: t.update({"generator.cpu": torch.zeros(7, dtype=torch.uint8)}),
}


def drop(tensors, prefix):
    for name in [name for name in tensors if name.startswith(prefix)]:
        del tensors[name]


def pop(tensors, prefix):
    del tensors[next(name for name in sorted(tensors) if name.startswith(prefix))]


@pytest.mark.parametrize("words", DOCUMENTS)
def test_a_forged_document(words, content, tmp_path):
    assert words in refused(tmp_path, forge(content, tmp_path, DOCUMENTS[words]))


@pytest.mark.parametrize("words", TENSORS)
def test_forged_tensors(words, content, tmp_path):
    assert words in refused(tmp_path, forge(content, tmp_path, None, TENSORS[words]))


def test_an_unchanged_forgery_is_taken(content, tmp_path):
    """So that the tests above refuse what they change, and nothing else."""
    (tmp_path / NAME).write_bytes(forge(content, tmp_path))
    assert len(estimator(tmp_path).fit(X).history_) == 3


def test_what_a_killed_write_has_left_is_removed(content, tmp_path):
    (tmp_path / f".{NAME}.tmp").write_bytes(content[:100])
    estimator(tmp_path).fit(X)
    assert {path.name for path in tmp_path.iterdir()} == {NAME, LOCK}
    assert len(estimator(tmp_path).fit(X).history_) == 3


class TunedAfterFit(StaticDynamicVAE):
    _after_fit = ("beta",)


def test_parameters_that_are_read_after_fit_alone_are_those_that_the_class_names(tmp_path):
    small(TunedAfterFit, checkpoint_dir=tmp_path).fit(X)
    with open(tmp_path / NAME, "rb") as file:
        fit = json.loads(read_document(file))["fit"]
    assert "beta" not in fit
    assert {"alpha", "output", "static_pooling"} <= set(fit)
    assert len(small(TunedAfterFit, beta=3.0, checkpoint_dir=tmp_path).fit(X).history_) == 2


def test_compatible_releases_are_of_one_series():
    assert [_release_series(each) for each in ("2.13.0+cpu", "0.3.1", "0.1.0.dev0", "3.11.7")] == [
        "2",
        "0.3",
        "0.1",
        "3",
    ]
