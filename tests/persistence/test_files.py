"""Files are written as a whole or not at all, and only regular ones are read."""

import os

import pytest
from helpers import small

from tsdisentangle import VAE, ModelFileError, inspect_model, load
from tsdisentangle.persistence.files import open_regular_file, write_atomically


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_write_leaves_the_old_file(failing, fitted, tmp_path, monkeypatch):
    path = tmp_path / "model.tsd"
    path.write_bytes(b"old")

    def fail(*args):
        raise OSError("disk full")

    monkeypatch.setattr(os, failing, fail)
    with pytest.raises(OSError, match="disk full"):
        fitted.save(path)
    assert [each.name for each in tmp_path.iterdir()] == ["model.tsd"]
    assert path.read_bytes() == b"old"


def test_a_file_is_replaced_and_paths_may_be_text(fitted, tmp_path, training_panel):
    path = str(tmp_path / "model.tsd")
    small(VAE, max_epochs=1).fit(training_panel).save(path)
    fitted.save(path)
    assert inspect_model(path).class_name == "StaticDynamicVAE"
    assert os.listdir(tmp_path) == ["model.tsd"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes on this system")
def test_what_is_no_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", "/dev/zero"):
        for read in (load, inspect_model):
            with pytest.raises(ModelFileError, match="is not a file"):
                read(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "nothing")


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_failed_write_leaves_no_temporary_file(failing, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"old")

    def interrupt(*args):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, failing, interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "file", [b"new"])
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_pieces_are_joined_and_the_temporary_file_is_renamed(tmp_path):
    (tmp_path / "temporary").write_bytes(b"of a killed process")
    write_atomically(tmp_path / "file", [b"a", b"b"], tmp_path / "temporary")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    with open_regular_file(tmp_path / "file") as file:
        assert file.read() == b"ab"
