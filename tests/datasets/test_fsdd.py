import builtins
import inspect
import io
import wave
import zipfile
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("soundfile")

from tsdisentangle.datasets import SequenceBunch, _fsdd, fetch_fsdd
from tsdisentangle.datasets._archive import content_digest
from tsdisentangle.datasets._base import published_content
from tsdisentangle.datasets._fsdd import FSDD, recording_splits

SPEAKERS = ["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]
TAKES = (0, 4, 5, 9, 10, 49)


def wav(samples):
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(np.asarray(samples, dtype="<i2").tobytes())
    return buffer.getvalue()


def samples(digit, speaker, take):
    """A recording that says in its values whose it is, and has its own length."""
    return [100 * digit, 100 * speaker, 100 * take, -32768, *range(digit + speaker + take)]


@pytest.fixture
def generated(tmp_path, monkeypatch, pack):
    """A small archive in the published layout."""
    recordings = {
        f"{digit}_{name}_{take}.wav": wav(samples(digit, speaker, take))
        for take in TAKES
        for speaker, name in reversed(list(enumerate(SPEAKERS)))
        for digit in (0, 7)
    }
    others = {"README.md": b"", "recordings/": b"", "a/b/trimmer.py": b""}
    path = tmp_path / "home" / FSDD.path
    path.parent.mkdir(parents=True)
    members = {f"free-spoken/recordings/{name}": text for name, text in recordings.items()}
    path.write_bytes(pack[".zip"](members | others))
    verify = published_content(len(recordings), content_digest(recordings))
    monkeypatch.setattr(_fsdd, "FSDD", replace(FSDD, verify=verify))
    return tmp_path / "home"


def test_recordings_and_labels_of_a_generated_archive(generated):
    fsdd = fetch_fsdd(data_home=generated, download_if_missing=False)
    assert len(fsdd.data) == 2 * 6 * len(TAKES)
    labels = [fsdd.static_target[name] for name in ("digit", "speaker", "take")]
    assert len(set(zip(*labels, strict=True))) == len(fsdd.data)
    for recording, *label in zip(fsdd.data, *labels, strict=True):
        assert recording.dtype == np.float32
        np.testing.assert_array_equal(recording, np.divide(samples(*label), 32768))


def test_return_X_y(generated):  # noqa: N802
    fsdd = fetch_fsdd(data_home=generated)
    data, speaker = fetch_fsdd(data_home=generated, return_X_y=True)
    assert next(iter(fsdd.static_target)) == "speaker"
    np.testing.assert_array_equal(speaker, fsdd.static_target["speaker"])
    np.testing.assert_array_equal(np.concatenate(data), np.concatenate(fsdd.data))


@pytest.mark.parametrize(
    ("protocol", "takes"),
    [
        ("corrected", {"train": {10, 49}, "validation": {5, 9}, "test": {0, 4}}),
        ("published", {"train": {5, 9, 10, 49}, "validation": set(), "test": {0, 4}}),
    ],
)
def test_split_by_takes(generated, protocol, takes):
    fsdd = fetch_fsdd(data_home=generated, protocol=protocol)
    take, speaker = fsdd.static_target["take"], fsdd.static_target["speaker"]
    assert {name: set(take[rows]) for name, rows in fsdd.splits.items()} == takes
    assert set(speaker[fsdd.splits["test"]]) == set(range(6))
    assert len(set(fsdd.groups)) == len(fsdd.data)


def test_split_by_speakers(generated):
    tested = []
    for fold in range(3):
        fsdd = fetch_fsdd(data_home=generated, fold=fold)
        take, speaker = fsdd.static_target["take"], fsdd.static_target["speaker"]
        parts = {name: set(speaker[rows]) for name, rows in fsdd.splits.items()}
        assert [len(part) for part in parts.values()] == [4, 4, 2]
        assert parts["train"] == parts["validation"] == set(range(6)) - parts["test"]
        assert set(take[fsdd.splits["validation"]]) == {5, 9}
        assert set(take[fsdd.splits["test"]]) == set(TAKES)
        np.testing.assert_array_equal(fsdd.groups, speaker)
        tested += sorted(parts["test"])
    assert tested == list(range(6))


@pytest.mark.parametrize(
    ("protocol", "fold", "sizes"),
    [
        ("corrected", None, [2400, 300, 300]),
        ("published", None, [2700, 0, 300]),
        ("corrected", 0, [1800, 200, 1000]),
        ("corrected", 2, [1800, 200, 1000]),
    ],
)
def test_published_sizes(protocol, fold, sizes):
    speaker, take, _ = (a.ravel() for a in np.mgrid[:6, :50, :10])
    splits = recording_splits(speaker, take, protocol, fold)
    assert [len(rows) for rows in splits.values()] == sizes


@pytest.mark.parametrize("fold", [3, -1, "speakers"])
def test_unknown_fold(tmp_path, fold):
    with pytest.raises(ValueError, match=r"fold must be None or one of \(0, 1, 2\), got"):
        fetch_fsdd(data_home=tmp_path, fold=fold)


def test_the_published_split_has_no_folds(tmp_path):
    with pytest.raises(ValueError, match="split by takes, without folds, got fold=1"):
        fetch_fsdd(data_home=tmp_path, protocol="published", fold=1)


def test_unknown_protocol(tmp_path):
    with pytest.raises(ValueError, match=r"protocol must be one of .* got 'fixed'"):
        fetch_fsdd(data_home=tmp_path, protocol="fixed")


def test_missing_file(tmp_path):
    with pytest.raises(OSError, match="is missing and download_if_missing=False"):
        fetch_fsdd(data_home=tmp_path, download_if_missing=False)
    assert list(tmp_path.iterdir()) == []


def test_other_recordings_are_refused(generated):
    with zipfile.ZipFile(generated / FSDD.path, "a") as archive:
        archive.writestr("0_somebody_0.wav", wav([1, 2]))
    with pytest.raises(OSError, match="holds 73 of the 72 expected members"):
        fetch_fsdd(data_home=generated)


def test_soundfile_is_asked_for(generated, monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "soundfile":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r"soundfile.*pip install 'tsdisentangle\[audio\]'"):
        fetch_fsdd(data_home=generated)


def test_docstring_has_every_section():
    text = inspect.getdoc(fetch_fsdd)
    for section in ("Parameters", "Returns", "Raises", "Notes", "References", "Examples"):
        assert f"\n{section}\n---" in text


def test_the_published_recordings(load_real, real_data):
    fsdd = load_real(fetch_fsdd)
    assert isinstance(fsdd, SequenceBunch)
    assert [len(rows) for rows in fsdd.splits.values()] == [2400, 300, 300]
    lengths = [len(recording) for recording in fsdd.data]
    assert (min(lengths), max(lengths)) == (1148, 18262)
    for name, count in {"speaker": 6, "digit": 10, "take": 50}.items():
        np.testing.assert_array_equal(
            np.bincount(fsdd.static_target[name]), np.full(count, 3000 / count)
        )
    with zipfile.ZipFile(real_data / FSDD.path) as archive:
        for row in range(0, 3000, 97):
            digit, speaker, take = (
                fsdd.static_target[name][row] for name in ("digit", "speaker", "take")
            )
            content = archive.read(f"recordings/{digit}_{SPEAKERS[speaker]}_{take}.wav")
            with wave.open(io.BytesIO(content)) as file:
                assert file.getparams()[:3] == (1, 2, 8000)
                stored = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
            np.testing.assert_array_equal(fsdd.data[row], stored / np.float32(32768))
