"""Estimators come back from their documents as they were, or are not written."""

import copy
import json
import pickle

import numpy as np
import pandas as pd
import pytest
import safetensors.torch
import torch
from helpers import METHODS, small
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from skorch.callbacks import EarlyStopping, EpochTimer, PrintLog

from tsdisentangle import (
    VAE,
    ModelFileError,
    SpectrogramEncoder,
    StaticDynamicVAE,
    TabularDecoder,
    VideoEncoder,
    inspect_model,
    load,
)
from tsdisentangle.data.scaling import ChannelScaler
from tsdisentangle.nn import ElementEncoder
from tsdisentangle.nn.precision import cpu_has_bfloat16
from tsdisentangle.persistence.estimator_state import to_document
from tsdisentangle.persistence.scaler_state import ClipFormat, read_scaler, write_scaler

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 5, 3)).astype(np.float32)
CLIPS = RNG.integers(0, 256, (4, 3, 16, 16, 1), dtype=np.uint8)
VIDEO = VideoEncoder(16, 1, 1, out_features=4, hidden=4)
SPECTRA = SpectrogramEncoder("recurrent", hidden=4, out_features=4)


def through_a_file(estimator, folder, **options):
    estimator.save(folder / "model.tsd")
    return load(folder / "model.tsd", **options)


def check_same(one, other, panel):
    """Everything that an estimator tells is the same, to the bit."""
    for name in ("transform", "score_samples", "reconstruct"):
        np.testing.assert_array_equal(getattr(one, name)(panel), getattr(other, name)(panel))
    codes, again = (each.encode(panel, return_std=True) for each in (one, other))
    for name in ("static", "dynamic", "static_std", "dynamic_std", "lengths"):
        np.testing.assert_array_equal(getattr(codes, name), getattr(again, name))
    np.testing.assert_array_equal(one.decode(codes), other.decode(codes))
    np.testing.assert_array_equal(one.swap(panel, panel)[0], other.swap(panel, panel)[0])
    np.testing.assert_array_equal(one.get_feature_names_out(), other.get_feature_names_out())
    if one.random_state is not None:
        np.testing.assert_array_equal(one.sample(2, 4), other.sample(2, 4))
    params, again = one.get_params(), other.get_params()
    assert params.keys() == again.keys()
    for name, value in params.items():
        same_kind = type(value) is type(again[name]) and isinstance(value, BaseEstimator)
        assert value == again[name] or same_kind, name
    # Ids of the training series may be names of people: they stay out of files.
    assert set(vars(one)) ^ set(vars(other)) <= {"_training_steps_"}
    assert [row["train_loss"] for row in one.history_] == [
        row["train_loss"] for row in other.history_
    ]


# -- the same estimator -------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_every_method_comes_back(method, tmp_path):
    estimator = small(method, max_epochs=1).fit(X)
    check_same(estimator, through_a_file(estimator, tmp_path), X)


@pytest.mark.parametrize(
    ("params", "panel"),
    [
        ({"encoder": None}, X),
        ({"kind": "step", "missing": "mask"}, np.where(X > 1, np.nan, X)),
        ({"missing": "indicate"}, np.where(X > 1, np.nan, X)),
        ({"standardize": np.bool_(False), "alpha": np.float32(0.3)}, X),
        ({"random_state": None, "anchor": "random"}, X),
        ({"decoder": TabularDecoder(hidden=5), "device": torch.device("cpu")}, X),
        ({"early_stopping": 2, "window": 2, "beta": [1, np.int64(2)]}, X),
        ({"max_epochs": 1}, X[..., 0]),
        ({"encoder": SPECTRA}, X),
        ({"encoder": VIDEO}, CLIPS),
        ({"encoder": VIDEO}, np.moveaxis(CLIPS / 255, -1, 2)),
    ],
    ids=[
        "default",
        "masked",
        "indicate",
        "numpy",
        "random",
        "parts",
        "early",
        "2d",
        "spectra",
        "uint8",
        "floats",
    ],
)
def test_every_kind_of_input_and_parameter_comes_back(params, panel, tmp_path):
    estimator = small(**{"max_epochs": 1, **params}).fit(panel)
    check_same(estimator, through_a_file(estimator, tmp_path), panel)


@pytest.mark.skipif(not cpu_has_bfloat16(), reason="this processor has no bfloat16")
def test_half_precision_comes_back(tmp_path):
    estimator = small(precision="bfloat16", max_epochs=1).fit(X)
    check_same(estimator, through_a_file(estimator, tmp_path), X)


def test_columns_are_remembered(tmp_path):
    frame = pd.DataFrame(X[..., 0], columns=list("abcde"))
    again = through_a_file(small(max_epochs=1).fit(frame), tmp_path)
    assert again.feature_names_in_.tolist() == list("abcde")
    assert inspect_model(tmp_path / "model.tsd").feature_names == list("abcde")
    with pytest.raises(ValueError, match="feature names"):
        again.transform(frame[list("edcba")])


def test_clone_pickle_copy_and_refit_work_on_what_was_loaded(fitted, model, training_panel):
    again = load(model)
    for other in (
        pickle.loads(pickle.dumps(again)),
        copy.deepcopy(again),
        clone(again).fit(training_panel),
    ):
        check_same(fitted, other, training_panel)
    check_same(fitted, again.fit(training_panel), training_panel)


def test_what_may_change_after_fit_may_change_before_saving(tmp_path):
    estimator = small(max_epochs=1).fit(X)
    estimator.set_params(output="static", static_pooling="mean", batch_size=2, alpha=0.9)
    estimator.set_params(random_state=5, encoder__hidden=99)
    check_same(estimator, through_a_file(estimator, tmp_path), X)


def test_partial_fit_goes_on_with_a_new_optimiser(tmp_path):
    """The same as an estimator whose Adam is made anew: same draws, same history."""
    estimator = small(max_epochs=2).fit(X)
    again = through_a_file(estimator, tmp_path)
    estimator.net_.initialize_optimizer()
    estimator.partial_fit(X)
    again.partial_fit(X)
    np.testing.assert_array_equal(estimator.transform(X), again.transform(X))
    assert len(again.history_) == 3
    assert again.history_ is again.net_.history


def test_loading_and_saving_leave_the_global_generators_alone(tmp_path):
    estimator = small(max_epochs=1, random_state=None).fit(X)
    before = torch.random.get_rng_state(), np.random.get_state()  # noqa: NPY002
    through_a_file(estimator, tmp_path)
    assert torch.equal(before[0], torch.random.get_rng_state())
    np.testing.assert_array_equal(before[1][1], np.random.get_state()[1])  # noqa: NPY002
    assert before[1][2] == np.random.get_state()[2]  # noqa: NPY002


# -- own classes --------------------------------------------------------------------------------


class MeanNet(ElementEncoder):
    def __init__(self, n_channels, width):
        super().__init__()
        self.out_features = width
        self.offset = torch.tensor([float(width)]).item()  # not possible without memory
        self.layer = torch.nn.Linear(n_channels, width)

    def forward(self, values, observed):
        return self.layer(values.mean(2)) + self.offset


class MeanEncoder(BaseEstimator):
    def __init__(self, width=4, hook=None):
        self.width = width
        self.hook = hook

    def build(self, n_channels, window):
        return MeanNet(n_channels, self.width)

    def decoder(self):
        return TabularDecoder(hidden=4)


class MyVAE(StaticDynamicVAE):
    pass


def test_own_encoders_and_methods_are_passed_by_the_user(tmp_path):
    own = small(MyVAE, encoder=MeanEncoder(3), max_epochs=1).fit(X)
    check_same(own, through_a_file(own, tmp_path, types=[MyVAE, MeanEncoder]), X)
    with pytest.raises(ModelFileError, match=r"'MyVAE'.*types=\[MyVAE\]"):
        load(tmp_path / "model.tsd")
    with pytest.raises(ModelFileError, match=r"'MeanEncoder'.*types=\[MeanEncoder\]"):
        load(tmp_path / "model.tsd", [MyVAE])
    assert inspect_model(tmp_path / "model.tsd").encoder == "MeanEncoder(hook=None, width=3)"


def test_own_classes_do_not_allow_huge_networks_of_the_package(parts, tmp_path, forge):
    document, weights = copy.deepcopy(parts)
    document["encoder"]["parameters"]["hidden"] = 10**9
    with pytest.raises(ModelFileError, match="the parameters ask for"):
        load(forge(tmp_path / "forged", document, weights), [MeanEncoder])


def test_an_own_class_with_a_name_of_the_package_is_not_written(tmp_path):
    imposter = type("TabularEncoder", (MeanEncoder,), {})
    with pytest.raises(ModelFileError, match="TabularEncoder, a name that another class has"):
        small(encoder=imposter(), max_epochs=1).fit(X).save(tmp_path / "model.tsd")


# -- refused at saving --------------------------------------------------------------------------


def test_an_unfitted_estimator_is_not_written(tmp_path):
    with pytest.raises(NotFittedError):
        small().save(tmp_path / "model.tsd")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"random_state": np.random.RandomState(0)}, r"random_state is .*random_state=0"),
        ({"encoder": MeanEncoder(hook=print)}, "encoder__hook is <built-in function print>"),
        ({"dynamic_dim": 7}, r"cannot be written.*shape.*changed after fit"),
        ({"n_samples": 9}, r"network\.n_samples is 1, not 9.*changed after fit"),
        ({"precision": "bfloat16"}, "changed after fit"),
        ({"anchor": "last"}, r"network\.anchor is 'first', not 'last'"),
        ({"lr": -1.0}, r"cannot be written.*'lr' parameter.*-1\.0"),
    ],
)
def test_what_a_file_cannot_hold_is_refused_by_name(params, message, tmp_path, fitted):
    with pytest.raises(ModelFileError, match=message):
        copy.deepcopy(fitted).set_params(**params).save(tmp_path / "model.tsd")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "callbacks",
    [[EpochTimer()], [("log", PrintLog(sink=print)), EarlyStopping]],
    ids=["instance", "named"],
)
def test_callbacks_are_left_out_with_a_warning(callbacks, tmp_path, fitted):
    estimator = copy.deepcopy(fitted).set_params(callbacks=callbacks)
    with pytest.warns(UserWarning, match=r"leaves out callbacks=\[.*set_params\(callbacks=...\)"):
        estimator.save(tmp_path / "model.tsd")
    assert estimator.callbacks is callbacks
    again = load(tmp_path / "model.tsd")
    assert again.callbacks is None
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))


def test_odd_entries_of_the_history_are_refused_or_kept(tmp_path, fitted):
    estimator = copy.deepcopy(fitted)
    estimator.history_.record("mine", np.float32("nan"))
    assert np.isnan(through_a_file(estimator, tmp_path).history_[-1]["mine"])
    assert np.isnan(inspect_model(tmp_path / "model.tsd").history[-1]["mine"])
    estimator.history_.record("mine", np.zeros(2))
    with pytest.raises(ModelFileError, match=r"history_\[1\]\['mine'\] is array"):
        estimator.save(tmp_path / "model.tsd")


def test_weights_that_are_not_finite_are_refused(tmp_path, fitted):
    broken = copy.deepcopy(fitted)
    next(broken.net_.module_.parameters()).data[0] = torch.nan
    with pytest.raises(ModelFileError, match=r"network\..* holds NaN or infinite"):
        broken.save(tmp_path / "model.tsd")


# -- scaler and format of clips -------------------------------------------------------------------


CLIP_FORMAT = {"size": 16, "channels": 1, "channels_last": False, "dtype": "<f4"}


@pytest.mark.parametrize("name", ["ClipFormat", "FrameForm"])
def test_the_format_of_clips_is_read_by_its_former_name_too(name, tmp_path, forge):
    read = read_scaler({"class": name, **CLIP_FORMAT}, {}, 1)
    assert read == ClipFormat(16, 1, False, np.dtype("<f4"))
    assert write_scaler(read) == ({"class": ClipFormat.__name__, **CLIP_FORMAT}, {})
    estimator = small(encoder=VIDEO, max_epochs=1).fit(CLIPS)
    document, weights = to_document(estimator)
    fields = json.loads(document)
    assert fields["scaler"]["class"] == ClipFormat.__name__
    fields["scaler"]["class"] = name
    check_same(estimator, load(forge(tmp_path / "renamed", fields, weights)), CLIPS)


@pytest.mark.parametrize("name", ["ClipFormat", "FrameForm"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 0}, "no format of clips with 1 colours"),
        ({"channels": 3}, "no format of clips with 1 colours"),
        ({"dtype": "O"}, "no format of clips with 1 colours"),
        ({"channels_last": 1}, "channels_last is 1; expected bool"),
        ({"more": 1}, "scaler holds 'more'"),
    ],
)
def test_a_wrong_format_of_clips_is_refused(name, change, message):
    with pytest.raises(ModelFileError, match=message):
        read_scaler({"class": name, **CLIP_FORMAT, **change}, {}, 1)
    with pytest.raises(ModelFileError, match="no format of clips"):
        read_scaler({"class": name, **CLIP_FORMAT}, {"mean": torch.zeros(1)}, 1)


def test_the_dtype_of_series_is_written_and_older_files_have_float32():
    scaler = ChannelScaler(np.zeros(2), np.ones(2), np.dtype(np.float64))
    fields, arrays = write_scaler(scaler)
    assert read_scaler(fields, arrays, 2).dtype == np.float64
    assert read_scaler({"class": "ChannelScaler"}, arrays, 2).dtype == np.float32
    with pytest.raises(ModelFileError, match=r"scaler.dtype is 'int8'"):
        read_scaler({"class": "ChannelScaler", "dtype": "int8"}, arrays, 2)


def test_a_scaler_that_files_do_not_know_is_not_written():
    odd = type("ChannelScaler", (ChannelScaler,), {})(np.zeros(2), np.ones(2))
    for scaler in (odd, None, ClipFormat(16, 1, True, np.dtype("g"))):
        with pytest.raises(ModelFileError, match="cannot hold the scaler"):
            write_scaler(scaler)


# -- prior of the static codes --------------------------------------------------------------------


def before(method):
    """What parameters mean that files of the first version do not have."""
    return getattr(method, "_before", {})


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_a_file_from_before_a_parameter_means_what_it_meant(method, tmp_path, forge):
    """Every parameter that a method has gained since the first version of the format."""
    estimator = small(method, max_epochs=1, **before(method)).fit(X)
    document, weights = to_document(estimator)
    fields, arrays = json.loads(document), safetensors.torch.load(weights)
    for name in before(method):
        del fields["parameters"][name]
    arrays = {name: array for name, array in arrays.items() if "static_prior" not in name}
    former = load(forge(tmp_path / "former", fields, arrays))
    assert {name: former.get_params()[name] for name in before(method)} == before(method)
    for name in ("transform", "score_samples", "reconstruct"):
        np.testing.assert_array_equal(getattr(former, name)(X), getattr(estimator, name)(X))
    np.testing.assert_array_equal(former.sample(2, 4), estimator.sample(2, 4))


def test_the_prior_comes_back_without_the_codes(fitted, model, parts):
    prior, again = fitted.static_prior_, load(model).static_prior_
    for name in ("weights", "means", "choleskys"):
        np.testing.assert_array_equal(getattr(prior, name), getattr(again, name))
    names = {name for name in parts[1] if name.startswith("static_prior.")}
    assert names == {f"static_prior.{name}" for name in ("weights", "means", "choleskys")}


def test_a_prior_is_refused_where_there_is_no_static_code(tmp_path, forge):
    document, weights = to_document(small(VAE, max_epochs=1).fit(X))
    arrays = safetensors.torch.load(weights)
    arrays["static_prior.weights"] = torch.ones(1, dtype=torch.float64)
    with pytest.raises(ModelFileError, match="a static prior, which VAE does not have"):
        load(forge(tmp_path / "forged", json.loads(document), arrays))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"weights": None}, "static_prior has the arrays"),
        ({"more": torch.zeros(1)}, "static_prior has the arrays"),
        ({"means": lambda t: t[:, :1]}, r"'means': \(1, 1\).*expected.*\(1, 3\)"),
        ({"means": lambda t: t.float()}, "in torch.float64"),
        ({"choleskys": lambda t: t[:, :1]}, "static_prior has the arrays"),
        ({"weights": lambda t: t[:0]}, "static_prior has the arrays"),
        ({"weights": lambda t: t.repeat(2)}, "static_prior has the arrays"),
        ({"means": lambda t: t * torch.nan}, "NaN or infinite"),
        ({"weights": lambda t: 2 * t}, "no probabilities"),
        ({"weights": lambda t: -t}, "no probabilities"),
        ({"choleskys": lambda t: t + 1}, "no Cholesky factors"),
        ({"choleskys": lambda t: -t}, "no Cholesky factors"),
    ],
)
def test_forged_priors_are_refused(change, message, parts, tmp_path, forge):
    document, weights = copy.deepcopy(parts)
    for name, made in change.items():
        key = f"static_prior.{name}"
        weights[key] = made(weights[key]) if callable(made) else made
    weights = {name: array for name, array in weights.items() if array is not None}
    with pytest.raises(ModelFileError, match=message):
        load(forge(tmp_path / "forged", document, weights))


# -- forged arrays ------------------------------------------------------------------------------


def changed(name, change):
    def apply(weights):
        return {**weights, name: change(weights[name])}

    return apply


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: pickle.dumps(w), "weights.safetensors cannot be read"),
        (lambda w: b"", "weights.safetensors cannot be read"),
        (lambda w: b"\xff" * 100, "weights.safetensors cannot be read"),
        (lambda w: safetensors.torch.save(w)[:-1], "weights.safetensors cannot be read"),
        (lambda w: {}, "mean and scale"),
        (lambda w: {**w, "network.other": torch.zeros(1)}, "has too much: network.other"),
        (lambda w: {**w, "other": torch.zeros(1)}, "'other', which has no place"),
        (changed("scaler.mean", lambda t: t[:1]), r"scaler.mean has shape \(1,\)"),
        (changed("scaler.mean", lambda t: t.float()), "torch.float32; expected"),
        (changed("scaler.scale", lambda t: 0 * t), "not above 0"),
        (changed("scaler.scale", lambda t: t / 0), "NaN or infinite"),
        (changed("generator.key", lambda t: t[:5]), "is not 624 integers"),
        (changed("generator.key", lambda t: t - 2**40), "no random generator has"),
        (changed("generator.key", lambda t: 0 * t), "no random generator has"),
    ],
)
def test_forged_weights_are_refused(change, message, parts, tmp_path, forge):
    document, weights = copy.deepcopy(parts)
    with pytest.raises(ModelFileError, match=message):
        load(forge(tmp_path / "forged", document, change(weights)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.double(), "torch.float64; .* ask for .*torch.float32|and torch.float64"),
        (lambda t: t.view(torch.int32), "torch.int32"),
        (lambda t: t.flatten(), "has shape"),
        (lambda t: t[None], "has shape"),
        (lambda t: t * torch.inf, "NaN or infinite"),
    ],
)
def test_forged_tensors_of_the_network_are_refused(change, message, parts, tmp_path, forge):
    document, weights = copy.deepcopy(parts)
    name = "network.static_head.hidden.weight"
    weights[name] = change(weights[name])
    with pytest.raises(ModelFileError, match=message):
        load(forge(tmp_path / "forged", document, weights))
    del weights[name]
    with pytest.raises(ModelFileError, match="lacks: network"):
        load(forge(tmp_path / "forged", document, weights))
