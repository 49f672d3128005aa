"""Files are written as a whole or not at all, and only regular ones are read."""

import gzip
import io
import os
from pathlib import Path

import numpy as np
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


def test_the_users_home_is_found(fitted, tmp_path, monkeypatch, training_panel):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    fitted.save("~/model.tsd")
    assert [each.name for each in tmp_path.iterdir()] == ["model.tsd"]
    assert inspect_model("~/model.tsd").class_name == "StaticDynamicVAE"
    again = load(Path("~") / "model.tsd")
    np.testing.assert_array_equal(again.transform(training_panel), fitted.transform(training_panel))
    small(checkpoint_dir="~/run").fit(training_panel)
    assert (tmp_path / "run").is_dir()


def test_a_missing_folder_is_named(fitted, tmp_path):
    for path in (tmp_path / "no" / "such" / "model.tsd", str(tmp_path / "no" / "such" / "m")):
        with pytest.raises(FileNotFoundError, match=r"There is no folder.*mkdir.*no.such'$"):
            fitted.save(path)
    with pytest.raises(IsADirectoryError, match="This is a folder; add the name of the file"):
        fitted.save(tmp_path)
    assert not list(tmp_path.iterdir())


def test_files_that_are_open(fitted, model, tmp_path, training_panel):
    buffer = io.BytesIO(b"before")
    buffer.seek(6)
    fitted.save(buffer)
    assert buffer.getvalue() == b"before" + model.read_bytes()
    with pytest.raises(ModelFileError, match=r"nothing after its position; call seek\(0\)"):
        load(buffer)
    expected = fitted.transform(training_panel)
    for read in (lambda file: load(file).transform(training_panel), inspect_model):
        buffer.seek(6)
        found = read(buffer)
        if isinstance(found, np.ndarray):
            np.testing.assert_array_equal(found, expected)
        else:
            assert found == inspect_model(model)
        assert not buffer.closed
    with gzip.open(tmp_path / "model.gz", "wb") as packed:
        fitted.save(packed)
    with gzip.open(tmp_path / "model.gz") as packed:
        np.testing.assert_array_equal(load(packed).transform(training_panel), expected)


def test_what_is_no_binary_file_is_refused(fitted, model, tmp_path):
    for wrong in (io.StringIO(), None, 3, b"bytes"):
        for use in (fitted.save, load, inspect_model):
            with pytest.raises(ValueError, match="a path or a file that is open in binary mode"):
                use(wrong)
    with open(model) as text, pytest.raises(ValueError, match="open in binary mode"):
        load(text)


def test_pieces_are_joined_and_the_temporary_file_is_renamed(tmp_path):
    (tmp_path / "temporary").write_bytes(b"of a killed process")
    write_atomically(tmp_path / "file", [b"a", b"b"], tmp_path / "temporary")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    with open_regular_file(tmp_path / "file") as file:
        assert file.read() == b"ab"
