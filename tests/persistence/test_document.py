"""Forged documents give an estimator of the package, or a clear refusal."""

import copy
import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tsdisentangle import ModelFileError, load

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "cuda", "meta", "last", "VAE", "TabularEncoder", "VideoEncoder", "<f8"])
    | st.sampled_from([{}, [], [1], {"tuple": []}, {"float": "nan"}, {"device": "cuda:9"}])
    | st.just({"class": "TabularEncoder", "parameters": {"kind": "step"}})
)


def places(value, path=()):
    """Paths to everything in a JSON document."""
    if path:
        yield path
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if isinstance(item, dict | list):
            yield from places(item, (*path, key))
        else:
            yield (*path, key)


@pytest.mark.slow
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.data())
def test_forged_documents_give_an_estimator_or_a_clear_refusal(parts, tmp_path, forge, data):
    document, weights = copy.deepcopy(parts)
    path = data.draw(st.sampled_from(list(places(document))))
    spot = document
    for key in path[:-1]:
        spot = spot[key]
    action = data.draw(st.sampled_from(["set", "set", "set", "remove", "add"]))
    if action == "remove":
        del spot[path[-1]]
    elif action == "add" and isinstance(spot, dict):
        spot["other"] = data.draw(LEAVES)
    else:
        spot[path[-1]] = data.draw(LEAVES)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            loaded = load(forge(tmp_path / "forged", document, weights))
    except ModelFileError:
        return
    assert type(loaded).__module__.startswith("tsdisentangle.methods.")
    assert next(loaded.net_.module_.parameters()).device.type == "cpu"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("format",), "other", "does not describe a model"),
        (("format_version",), 2, "format version 2, written by tsdisentangle .* Upgrade"),
        (("format_version",), 0, "none below 1"),
        (("format_version",), True, "format_version is True; expected int"),
        (("class_name",), "Popen", "'Popen', which tsdisentangle does not have"),
        (("class_name",), "TabularEncoder", "does not have in that place"),
        (("parameters", "encoder", "class"), "StaticDynamicVAE", "does not have in that place"),
        (("parameters", "other"), 1, "cannot be made from the file's parameters.*other"),
        (("parameters", "lr"), -1.0, "'lr' parameter"),
        (("parameters", "callbacks"), [1], "do not make a network"),
        (("parameters", "device"), "cuda:77", r"cannot be used.*device='cpu'"),
        (("parameters", "device"), "meta", "meta"),
        (("encoder", "parameters", "hidden"), 10**9, r"has shape \(4,.*ask for \(1000000000,"),
        (("encoder", "parameters", "hidden"), 10**30, "do not make a network"),
        (("parameters", "static_dim"), 10**9, "the parameters ask for"),
        (("window",), 10**9, "the parameters ask for"),
        (("n_channels",), 10**9, "expected.*1000000000"),
        (("n_channels",), 0, "n_channels is 0; expected at least 1"),
        (("n_channels",), 3.0, "n_channels is 3.0; expected int"),
        (("feature_names",), ["a"], "feature_names is not a list of n_features names"),
        (("scaler", "class"), "FrameForm", "size is missing"),
        (("scaler", "class"), "ClipFormat", "size is missing"),
        (("scaler", "class"), "Other", "'Other' does not exist"),
        (("network", "anchor_fraction"), None, "network holds the numbers|has"),
        (("network", "decoder"), 1.0, "network holds the numbers"),
        (("generator", "position"), 10**6, "no position of a random generator"),
        (("generator", "position"), -1, "no position of a random generator"),
        (("generator",), None, "position is missing"),
        (("history",), [1], "not a list of objects"),
        (("versions", "torch"), 2, "something else than text"),
        (("surprise",), 1, "model.json holds 'surprise'"),
    ],
)
def test_forged_documents_are_refused(path, value, message, parts, tmp_path, forge):
    document, weights = copy.deepcopy(parts)
    spot = document
    for key in path[:-1]:
        spot = spot[key]
    spot[path[-1]] = value
    with pytest.raises(ModelFileError, match=message):
        load(forge(tmp_path / "forged", document, weights))


def test_a_later_version_with_more_parameters_reads_old_files(
    parts, tmp_path, fitted, training_panel, forge
):
    """What the file does not name takes its default."""
    document, weights = copy.deepcopy(parts)
    del document["parameters"]["n_samples"]
    again = load(forge(tmp_path / "old", document, weights))
    np.testing.assert_array_equal(again.transform(training_panel), fitted.transform(training_panel))
