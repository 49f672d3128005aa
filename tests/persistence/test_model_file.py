"""Model files are loaded as a whole or not at all, and inspected without loading."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tsdisentangle import ModelFileError, inspect_model, load


def test_a_look_inside(fitted, model):
    info = inspect_model(model)
    assert info.class_name == "StaticDynamicVAE"
    assert info.parameters["beta"] == (0.2, 1.0)
    assert info.parameters["encoder"] == "TabularEncoder(hidden=4, kind='window', out_features=3)"
    assert (info.n_series, info.n_channels, info.window, info.kind) == (6, 3, 1, "3d")
    assert (info.epochs, info.format_version) == (2, 1)
    assert info.history[1]["train_loss"] == fitted.history_[1]["train_loss"]
    assert info.versions["torch"] == torch.__version__
    assert "history" not in repr(info)


def test_a_look_inside_reads_no_weights(model, tmp_path):
    data = bytearray(model.read_bytes())
    data[-500] ^= 1
    (tmp_path / "model.tsd").write_bytes(data)
    assert inspect_model(tmp_path / "model.tsd") == inspect_model(model)
    with pytest.raises(ModelFileError):
        load(tmp_path / "model.tsd")


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_damage_is_always_noticed(model, tmp_path, data):
    content = model.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    length = data.draw(st.integers(0, 50))
    other = data.draw(st.binary(max_size=50))
    damaged = content[:place] + other + content[place + length :]
    if data.draw(st.booleans()):
        damaged = content[:place] + bytes([content[place] ^ data.draw(st.integers(1, 255))])
        damaged += content[place + 1 :]
    if damaged == content:
        return
    (tmp_path / "damaged").write_bytes(damaged)
    with pytest.raises(ModelFileError):
        load(tmp_path / "damaged")


def test_a_file_for_another_machine_is_loaded_where_the_user_says(parts, tmp_path, forge):
    document, weights = copy.deepcopy(parts)
    document["parameters"]["device"] = {"device": "cuda:77"}
    path = forge(tmp_path / "forged", document, weights)
    with pytest.raises(ModelFileError, match=r"load\(path, device='cpu'\)"):
        load(path)
    assert load(path, device="cpu", verbose=1).get_params()["verbose"] == 1
    with pytest.raises(ModelFileError, match="unexpected keyword argument 'divice'"):
        load(path, divice="cpu")


# -- the machine, not the file -------------------------------------------------------------------


def refuse(error):
    def call(*args, **kwargs):
        raise error

    return call


def test_loading_needs_no_optimizer(model, training_panel, fitted, monkeypatch):
    """Adam brings torch's compiler with it, which wants a folder that it may write to."""
    monkeypatch.setattr(torch.optim.Adam, "__init__", refuse(PermissionError("read-only")))
    again = load(model)
    np.testing.assert_array_equal(again.transform(training_panel), fitted.transform(training_panel))
    before = again.transform(training_panel)
    with pytest.raises(PermissionError):
        again.partial_fit(training_panel)
    monkeypatch.undo()
    assert not np.array_equal(again.partial_fit(training_panel).transform(training_panel), before)


@pytest.mark.parametrize(
    "error",
    [
        PermissionError("read-only"),
        ModuleNotFoundError("no such library"),
        MemoryError(),
        RuntimeError("can't allocate memory"),
        torch.cuda.OutOfMemoryError("out of memory"),
    ],
)
def test_what_the_machine_lacks_is_not_the_files_fault(error, model, monkeypatch, fitted, tmp_path):
    # The network is made twice, first without memory.
    monkeypatch.setattr("tsdisentangle.training.skorch_net.DisentanglingNet", refuse(error))
    with pytest.raises(type(error)) as caught:
        load(model)
    assert caught.value is error
    with pytest.raises(type(error)) as caught:
        fitted.save(tmp_path / "model.tsd")
    assert caught.value is error


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ("safetensors.torch.load", MemoryError()),
        ("tsdisentangle.encoders.tabular.TabularEncoder.__init__", ImportError("no library")),
        ("tsdisentangle.encoders.tabular.TabularEncoder.build", OSError("no folder")),
    ],
)
def test_nor_is_it_on_the_way_there(place, error, model, monkeypatch):
    monkeypatch.setattr(place, refuse(error))
    with pytest.raises(type(error)) as caught:
        load(model)
    assert caught.value is error
