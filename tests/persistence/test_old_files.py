"""Files of every version of the format load for ever, with the codes that they gave then.

Never write these files anew; a new version of the format adds its own.
"""

import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load as load_arrays

import tsdisentangle
from tsdisentangle import VAE, ModelFileError, StaticDynamicVAE, inspect_model, load
from tsdisentangle.persistence.document import FORMAT_VERSION
from tsdisentangle.persistence.scaler_state import read_scaler
from tsdisentangle.registry import METHODS, PARAMETER_OBJECTS

FILES = Path(__file__).parents[1] / "files"
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture
def series():
    time = np.arange(6.0)
    rows = [np.stack([np.sin(time + i), 3 * i + np.cos(2 * time)], 1) for i in range(4)]
    series = np.stack(rows)
    series[1, 2, 0] = np.nan
    return series


@pytest.fixture
def clips():
    return (np.arange(2 * 2 * 16 * 16).reshape(2, 2, 1, 16, 16) % 251).astype(np.uint8)


def test_every_version_of_the_format_has_its_files():
    versions = {inspect_model(path).format_version for path in FILES.glob("*.tsd")}
    assert versions == set(range(1, FORMAT_VERSION + 1))


def test_a_tabular_file_of_version_1(series):
    loaded = load(FILES / "tabular_v1.tsd")
    assert isinstance(loaded, VAE)
    assert (loaded.window_, loaded.n_channels_in_, loaded.random_state) == (2, 2, 0)
    np.testing.assert_allclose(
        loaded.encode(series).static,
        [[0.54567, -0.04673], [0.52806, -0.07242], [0.51809, -0.07888], [0.51522, -0.08648]],
        **CLOSE,
    )
    # It was written when scores were densities in standardised units.
    observed = np.isfinite(series).sum(axis=1)
    in_their_units = loaded.score(series) + (observed @ np.log(loaded.scaler_.scale)).mean()
    assert in_their_units == pytest.approx(-94.7278, rel=1e-4)
    assert loaded.history_[-1]["train_loss"] == pytest.approx(95.34872, rel=1e-6)
    assert np.isfinite(loaded.partial_fit(series).impute(series)).all()


def test_a_video_file_of_version_1(clips):
    loaded = load(FILES / "video_v1.tsd")
    assert isinstance(loaded, StaticDynamicVAE)
    np.testing.assert_allclose(
        loaded.transform(clips),
        [[0.0815802, -0.158325, -0.617950], [0.0815806, -0.158324, -0.617950]],
        **CLOSE,
    )
    frames = loaded.reconstruct(clips)
    assert (frames.shape, frames.dtype) == (clips.shape, np.uint8)
    assert frames[0, 0, 0, 0, :4].tolist() == pytest.approx([131] * 4, abs=1)


def test_a_file_without_a_prior_of_static_codes_draws_from_the_normal_one():
    loaded = load(FILES / "video_v1.tsd")
    assert loaded.static_prior == "normal"
    assert np.isfinite(loaded.sample(2, 2)).all()
    assert not hasattr(loaded, "static_prior_")


def gappy(series):
    series[:, 1:3, 1] = np.nan
    return series


@pytest.mark.parametrize("scale", ["decoder", "fitted"])
def test_a_file_from_before_the_bernoulli_likelihood_keeps_gaussian_marks(
    series, tmp_path, forge, scale
):
    """It goes on so in every use but a new fit."""
    X = gappy(series)
    former = VAE(missing="indicate", dynamic_dim=2, window=2, max_epochs=1, random_state=0)
    former.set_params(observation_scale=scale).fit(X)
    as_it_was = former.net_.module_
    as_it_was.set_likelihood(4, 0, scale == "fitted")
    former.scaler_ = replace(former.scaler_, marks="gaussian")
    former.save(tmp_path / "model")
    with zipfile.ZipFile(tmp_path / "model") as archive:
        document = json.loads(archive.read("model.json"))
        weights = archive.read("weights.safetensors")
    assert document["scaler"].pop("marks") == "gaussian"
    loaded = load(forge(tmp_path / "old", document, weights))
    assert loaded.net_.module_.n_marks == 0
    np.testing.assert_array_equal(loaded.score_samples(X), former.score_samples(X))
    loaded.save(tmp_path / "again")
    np.testing.assert_array_equal(
        load(tmp_path / "again").score_samples(X), former.score_samples(X)
    )
    assert loaded.partial_fit(X).net_.module_.n_marks == 0
    assert loaded.fit(X).net_.module_.n_marks == 2


@pytest.mark.parametrize(
    ("scaler", "message"),
    [
        ({"class": "IndicatingScaler", "marks": "poisson"}, "marks is 'poisson'; expected"),
        ({"class": "IndicatingScaler", "marks": 1}, "marks is 1; expected str"),
        ({"class": "IndicatingScaler", "other": 1}, "scaler holds 'other'"),
        ({"class": "ChannelScaler", "marks": "gaussian"}, "scaler holds 'marks'"),
    ],
)
def test_a_likelihood_of_marks_that_does_not_exist_is_refused(scaler, message):
    arrays = {"mean": torch.zeros(2).double(), "scale": torch.ones(2).double()}
    with pytest.raises(ModelFileError, match=message):
        read_scaler(scaler, arrays, 2)


def test_a_file_can_be_used_without_this_package(series):
    """As docs/model_files.md describes it: the codes from unzip, JSON and numpy alone."""
    with zipfile.ZipFile(FILES / "tabular_v1.tsd") as archive:
        document = json.loads(archive.read("model.json"))
        arrays = load_arrays(archive.read("weights.safetensors"))
    net = {name.removeprefix("network."): array for name, array in arrays.items()}
    scaled = (series - arrays["scaler.mean"]) / arrays["scaler.scale"]
    observed = ~np.isnan(scaled)
    elements = (len(series), series.shape[1] // document["window"], -1)
    inputs = [np.where(observed, scaled, 0).reshape(elements), observed.reshape(elements)]

    def layer(x, name):
        return x @ net[f"{name}.weight"].T + net[f"{name}.bias"]

    hidden = np.maximum(layer(np.concatenate(inputs, 2), "encoder.mlp.0"), 0)
    codes = layer(layer(hidden, "encoder.mlp.2"), "head.mean")
    loaded = load(FILES / "tabular_v1.tsd").encode(series)
    np.testing.assert_allclose(loaded.dynamic, codes, **CLOSE)
    np.testing.assert_allclose(loaded.static, codes.mean(1), **CLOSE)


NAMES = json.loads((FILES / "names_v1.json").read_text())


@pytest.mark.parametrize("case", NAMES)
def test_weights_keep_their_names(case):
    """A renamed layer would make old files of that method or encoder unreadable."""
    method, encoder, *kind = case.split()
    sizes = {"size": 16, "channels": 1} if encoder == "VideoEncoder" else {}
    part = getattr(tsdisentangle, encoder)(*kind, **sizes, hidden=2, out_features=2)
    window = getattr(part, "auto_window", 4)
    estimator = getattr(tsdisentangle, method)(part)
    estimator._encoder_, estimator.random_state_ = part, np.random.RandomState(0)
    estimator.n_series_in_ = 5
    assert sorted(estimator._build_network(1, window).state_dict()) == NAMES[case]


def test_every_method_and_encoder_has_its_names():
    classes = {*METHODS, *PARAMETER_OBJECTS}
    named = {word for case in NAMES for word in case.split()}
    assert {name for name in classes if not name.endswith("Decoder")} <= named
