"""What every estimator promises, run over all methods, and both kinds of encoder."""

import pickle
from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import METHODS, small
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from skorch.callbacks import Callback

from tsdisentangle import Codes, TabularEncoder, load, make_static_dynamic
from tsdisentangle.nn.noise import mean_noise

KINDS = ("window", "step")


def dense(seed=0, shape=(8, 9, 2)):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def name_of(param):
    return f"{param[0].__name__}-{param[1]}"


@pytest.fixture(scope="module", params=product(METHODS, KINDS), ids=name_of)
def fitted(request):
    """An estimator fitted on gappy series, in windows of 3 steps."""
    method, kind = request.param
    X = dense(shape=(20, 9, 2))
    X[np.random.default_rng(1).random(X.shape) < 0.2] = np.nan
    return small(method, kind=kind, missing="mask", window=3).fit(X)


@pytest.fixture(params=METHODS, ids=lambda method: method.__name__)
def method(request):
    return request.param


# -- codes --------------------------------------------------------------------------------------


def sizes(estimator):
    """Sizes of the static and the dynamic code; some methods have one for both."""
    return getattr(estimator, "static_dim", estimator.dynamic_dim), estimator.dynamic_dim


@pytest.mark.parametrize(("output", "parts"), [("static", [0]), ("dynamic", [1]), ("both", [0, 1])])
def test_output_chooses_the_columns(fitted, output, parts):
    transformed = clone(fitted).set_params(output=output).fit_transform(dense())
    assert transformed.shape == (8, sum(sizes(fitted)[part] for part in parts))
    assert transformed.dtype == np.float32


def test_transform_is_static_beside_the_mean_of_dynamic(fitted, ragged):
    X = [x[:, :2] for x in ragged]
    codes = fitted.encode(X)
    assert codes.lengths.tolist() == [2, 3, 3, 4, 2, 2]
    means = [d[:n].mean(axis=0) for d, n in zip(codes.dynamic, codes.lengths, strict=True)]
    np.testing.assert_allclose(
        fitted.transform(X), np.hstack([codes.static, means]), rtol=1e-5, atol=1e-6
    )
    assert (codes.dynamic[0, 2:] == 0).all()


def test_set_output_names_the_columns(fitted):
    frame = clone(fitted).set_output(transform="pandas").fit_transform(dense())
    static, dynamic = sizes(fitted)
    names = [f"static{i}" for i in range(static)] + [f"dynamic{i}" for i in range(dynamic)]
    assert list(frame) == names


def test_standard_deviations_on_request(fitted):
    codes = fitted.encode(dense(), return_std=True)
    assert codes.static_std.shape == codes.static.shape
    assert codes.dynamic_std.shape == codes.dynamic.shape
    assert (codes.static_std > 0).all()
    assert (codes.dynamic_std > 0).all()
    assert fitted.encode(dense()).static_std is None


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 8), st.integers(1, 12))
def test_padding_never_changes_a_code_or_a_score(fitted, seed, length, longer):
    X = dense(seed, (1, length, 2))[0]
    alone = fitted.encode([X, X])
    other = dense(seed + 1, (1, length + longer, 2))[0]
    beside = fitted.encode([X, other])
    windows = alone.lengths[0]
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(alone.static[0], beside.static[0], **close)
    np.testing.assert_allclose(alone.dynamic[0], beside.dynamic[0, :windows], **close)
    np.testing.assert_allclose(
        fitted.score_samples([X, X])[0], fitted.score_samples([X, other])[0], rtol=1e-6
    )


def test_trailing_missing_steps_are_padding(fitted):
    X = dense()
    padded = np.concatenate([X, np.full((8, 6, 2), np.nan)], axis=1)
    np.testing.assert_allclose(fitted.transform(X), fitted.transform(padded), rtol=1e-4, atol=1e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000))
def test_values_under_the_mask_never_change_a_code(fitted, seed):
    X = dense(seed)
    mask = np.random.default_rng(seed).random(X.shape) < 0.4
    mask[:, 0] = False
    garbage = np.where(mask, 1e3 * dense(seed + 1), X)
    expected = fitted.transform(np.where(mask, np.nan, X))
    np.testing.assert_array_equal(expected, fitted.transform(np.ma.array(X, mask=mask)))
    np.testing.assert_array_equal(expected, fitted.transform(np.ma.array(garbage, mask=mask)))
    assert not np.allclose(expected, fitted.transform(garbage))


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_picked_windows_are_read_as_if_they_were_all(fitted, data):
    X = dense(data.draw(st.integers(0, 100)), (6, 12, 2))
    X[np.random.default_rng(1).random(X.shape) < 0.4] = np.nan
    X[:, :, 0] = np.nan_to_num(X[:, :, 0])
    window = fitted.window_
    picks = st.lists(st.integers(0, 12 // window - 1), min_size=1, max_size=5)
    rows = [data.draw(picks) for _ in X]
    order = np.full((6, max(map(len, rows))), -1)
    for row, picked in zip(order, rows, strict=True):
        row[: len(picked)] = picked
    parts = X.reshape(6, -1, window, 2)
    made = [part[picked].reshape(-1, 2) for part, picked in zip(parts, rows, strict=True)]
    found = fitted.encode(X, windows=order, return_std=True)
    expected = fitted.encode(made, return_std=True)
    for name in ("static", "dynamic", "lengths", "static_std", "dynamic_std"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(expected, name), rtol=1e-4, atol=1e-5
        )


VARIANTS = [{"missing": "indicate"}, {"static_pooling": "mean"}, {"static_pooling": "precision"}]


@pytest.mark.parametrize("params", VARIANTS, ids=str)
def test_picked_windows_of_series_with_gaps_and_an_end(params):
    X = dense(0, (4, 12, 2))
    X[0, 3:6] = X[1, 6:9] = X[2, :3] = np.nan
    X[3, 2, 1] = np.nan
    estimator = small(**{"missing": "mask", "window": 3, **params}).fit(X)
    order = np.array([[0, 1, -1], [3, 2, 2], [1, 0, 1], [0, 0, 3]])
    parts = X.reshape(4, 4, 3, 2)
    made = [
        part[row[row >= 0]].reshape(-1, 2)
        for part, row in zip(parts, order, strict=True)  # the first two end with gaps
    ]
    found, expected = estimator.encode(X, windows=order), estimator.encode(made)
    assert expected.lengths.tolist() == [1, 1, 3, 3]
    np.testing.assert_array_equal(found.lengths, expected.lengths)
    np.testing.assert_allclose(found.static, expected.static, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.dynamic, expected.dynamic, rtol=1e-4, atol=1e-5)
    nothing = estimator.encode(X, windows=np.array([[1], [2], [0], [0]]))
    assert np.isnan(nothing.static).all(axis=1).tolist() == [True, True, True, False]


def test_scores_have_unit_weights(fitted):
    X, weights = dense(), fitted.net_.module_.weights
    expected = fitted.score_samples(X)
    fitted.net_.module_.weights = {name: 7 * weight + 1 for name, weight in weights.items()}
    np.testing.assert_array_equal(fitted.score_samples(X), expected)
    fitted.net_.module_.weights = weights


def test_codes_of_nothing_are_nan(fitted):
    X = dense(0, (3, 12, 2))
    X[1, : fitted.window_] = np.nan
    codes = fitted.encode(X, windows=np.zeros((3, 1), int), return_std=True)
    for values in (codes.static, codes.dynamic, codes.static_std, codes.dynamic_std):
        assert np.isnan(values[1]).all()
        assert np.isfinite(values[[0, 2]]).all()
    assert codes.lengths.tolist() == [1, 1, 1]


def test_picked_windows_are_written_to_given_arrays(fitted):
    X = dense()
    order = np.zeros((8, 2), int)
    made = fitted.encode(X, windows=order)
    out = Codes(np.empty_like(made.static), np.empty_like(made.dynamic), np.empty(8, int))
    assert fitted.encode(X, windows=order, out=out) is out
    np.testing.assert_array_equal(out.dynamic, made.dynamic)
    with pytest.raises(ValueError, match="windows picks"):
        fitted.encode(X, windows=order + 12)


def test_parts_of_the_score(fitted):
    X = dense()
    terms = fitted.score_terms(X)
    assert set(terms) <= {"reconstruction", "static_kl", "dynamic_kl"}
    np.testing.assert_allclose(fitted.score_samples(X), -sum(terms.values()))
    if "static_kl" in terms:
        codes = fitted.encode(X, return_std=True)
        mean, variance = codes.static.astype(float), codes.static_std.astype(float) ** 2
        kl = 0.5 * (mean**2 + variance - 1 - np.log(variance)).sum(axis=1)
        np.testing.assert_allclose(terms["static_kl"], kl, rtol=1e-3, atol=1e-4)


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(8)))
def test_row_order_does_not_matter(fitted, order):
    X = dense()
    rows = list(order)
    close = {"rtol": 1e-4, "atol": 1e-5}
    np.testing.assert_allclose(fitted.transform(X)[rows], fitted.transform(X[rows]), **close)
    np.testing.assert_allclose(
        fitted.score_samples(X)[rows], fitted.score_samples(X[rows]), rtol=1e-9
    )


def test_batch_size_does_not_matter_after_fit(fitted):
    X = dense()
    other = clone(fitted)
    vars(other).update(vars(fitted))
    other.set_params(batch_size=3)
    np.testing.assert_allclose(fitted.transform(X), other.transform(X), rtol=1e-4, atol=1e-5)


# -- the way back -------------------------------------------------------------------------------


def test_reconstruct_is_decode_of_encode(fitted):
    X = dense()
    np.testing.assert_allclose(
        fitted.reconstruct(X), fitted.decode(fitted.encode(X)), rtol=1e-5, atol=1e-6
    )


def test_decode_refuses_what_are_not_its_codes(fitted):
    codes = fitted.encode(dense())
    with pytest.raises(ValueError, match="codes is a ndarray; expected Codes"):
        fitted.decode(codes.dynamic)
    wide = Codes(np.hstack([codes.static, codes.static]), codes.dynamic, codes.lengths)
    with pytest.raises(ValueError, match=r"static and dynamic codes have shapes \(8, "):
        fitted.decode(wide)
    with pytest.raises(ValueError, match="shapes"):
        fitted.decode(Codes(codes.static, codes.dynamic[:, 0], codes.lengths))


def test_decode_takes_edited_codes_in_float64(fitted):
    codes = fitted.encode(dense())
    edited = Codes(codes.static.astype(float), codes.dynamic.astype(float), codes.lengths)
    np.testing.assert_array_equal(fitted.decode(edited), fitted.decode(codes))


def test_decode_marks_what_lies_behind_the_end(fitted):
    decoded = fitted.decode(fitted.encode([dense()[0], dense()[1, :2]]))
    assert np.isfinite(decoded[0]).all()
    assert np.isnan(decoded[1, 3:]).all()
    assert np.isfinite(decoded[1, :3]).all()


@pytest.mark.parametrize("form", ["3d", "list", "panel"])
def test_reconstruct_and_impute_keep_the_form(fitted, form):
    X = dense()
    X[0, 4] = np.nan
    X[2, 7:] = np.nan  # behind the last observed step
    index = pd.MultiIndex.from_product([range(8), range(9)])
    given_form = {
        "3d": X,
        "list": list(X),
        "panel": pd.DataFrame(X.reshape(-1, 2), index=index, columns=["a", "b"]),
    }[form]
    if form == "panel":
        fitted = clone(fitted).fit(given_form)
    for result in (fitted.reconstruct(given_form), fitted.impute(given_form)):
        assert type(result) is type(given_form)
        assert np.isfinite(np.asarray(result)).all()
    imputed = np.asarray(fitted.impute(given_form)).reshape(X.shape)
    seen = ~np.isnan(X)
    np.testing.assert_array_equal(imputed[seen], X[seen])


def test_swap_with_itself_is_a_reconstruction(fitted):
    X = dense()
    swapped12, swapped21 = fitted.swap(X, X)
    np.testing.assert_array_equal(swapped12, fitted.reconstruct(X))
    np.testing.assert_array_equal(swapped21, fitted.reconstruct(X))


def test_swap_takes_static_of_one_and_dynamics_of_the_other(fitted):
    X1, X2 = [dense()[0]], [dense()[1, :5]]
    X12, X21 = fitted.swap(X1, X2)
    one, two = fitted.encode(X1), fitted.encode(X2)
    expected = fitted.decode(Codes(one.static, two.dynamic, two.lengths))
    np.testing.assert_allclose(X12[0], expected[0, :5], rtol=1e-5, atol=1e-6)
    assert X21[0].shape == (9, 2)


def test_swap_needs_as_many_partners(fitted):
    with pytest.raises(ValueError, match="X1 has 8 series and X2 has 3"):
        fitted.swap(dense(), dense()[:3])


def test_sample_each_factor(fitted):
    drawn = fitted.sample(5, 7)
    assert drawn.shape == (5, 7, 2)
    np.testing.assert_array_equal(drawn, fitted.sample(5, 7))
    codes = fitted.encode(dense())
    still = fitted.sample(5, 9, static=codes.static[0], dynamic=codes.dynamic[0])
    np.testing.assert_allclose(still[4], fitted.reconstruct(dense())[0], rtol=1e-4, atol=1e-5)
    moving = fitted.sample(5, 9, static=codes.static[0])
    assert not np.allclose(moving[0], moving[1])
    mean_path = fitted.sample(5, 9, static=codes.static[0], dynamic_prior="mean_path")
    assert not np.allclose(moving, mean_path)


def test_sample_refuses_codes_of_another_shape(fitted):
    with pytest.raises(ValueError, match=r"static has shape \(4,\); expected \(5, \d\)"):
        fitted.sample(5, 9, static=np.zeros(4))
    with pytest.raises(ValueError, match="dynamic_prior"):
        fitted.sample(5, 9, dynamic_prior="free")
    with pytest.raises(ValueError, match="at least 1"):
        fitted.sample(0, 9)


def test_observation_noise_is_that_of_the_likelihood(method):
    estimator = small(method).fit(dense() * [1, 100])
    codes = estimator.encode(dense() * [1, 100])
    kept = {"static": codes.static[0], "dynamic": codes.dynamic[0]}
    means = estimator.sample(2000, 9, **kept)
    np.testing.assert_allclose(means, np.broadcast_to(means[:1], means.shape), rtol=1e-5)
    drawn = estimator.sample(2000, 9, **kept, observation_noise=True)
    s, d = torch.from_numpy(codes.static[:1]), torch.from_numpy(codes.dynamic[:1])
    with torch.no_grad():
        std = estimator.net_.module_.decode(s, d, mean_noise).std[0, :, 0].numpy()
    error = (drawn - means) / (std * estimator.scaler_.scale)
    np.testing.assert_allclose(error.mean(0), 0, atol=5 / np.sqrt(2000))
    np.testing.assert_allclose(error.std(0), 1, atol=5 / np.sqrt(2 * 2000))
    correlation = np.corrcoef(error.reshape(2000, -1).T) - np.eye(18)
    assert np.abs(correlation).max() < 5 / np.sqrt(2000)


def test_observation_noise_is_reproducible_and_leaves_the_rest(fitted):
    before = torch.random.get_rng_state()
    one, other = (fitted.sample(3, 7, observation_noise=True) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not np.isclose(one, fitted.sample(3, 7)).any()


def test_univariate_series_come_back_without_a_channel_axis(method):
    X = dense()[..., 0]
    estimator = small(method, window=3).fit(X)
    assert estimator.reconstruct(X).shape == X.shape
    assert estimator.sample(2, 4).shape == (2, 4)
    assert estimator.decode(estimator.encode(X)).shape == X.shape


def test_units_are_the_users(fitted):
    X = dense(shape=(20, 9, 2))
    scale, shift = np.float32([100.0, 0.01]), np.float32([1e4, -5.0])
    plain = small(window=3).fit(X)
    other = small(window=3).fit(X * scale + shift)
    np.testing.assert_allclose(
        (other.reconstruct(X * scale + shift) - shift) / scale, plain.reconstruct(X), atol=2e-2
    )


# -- scikit-learn and skorch --------------------------------------------------------------------


def test_same_seed_same_codes_and_untouched_global_generators(method):
    X = dense()
    torch.manual_seed(3)
    before = torch.random.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    first, second = (small(method).fit(X) for _ in range(2))
    first.sample(3, 4)
    after = torch.random.get_rng_state(), np.random.get_state()[1]  # noqa: NPY002
    np.testing.assert_array_equal(first.transform(X), second.transform(X))
    assert torch.equal(before[0], after[0])
    np.testing.assert_array_equal(before[1], after[1])
    assert not np.allclose(first.transform(X), small(method, random_state=1).fit_transform(X))


def test_pipeline_without_arguments():
    X, y = make_static_dynamic(40, n_classes=2, return_X_y=True, random_state=0)
    steps = [("sdvae", small(max_epochs=20)), ("clf", LogisticRegression())]
    assert Pipeline(steps).fit(X, y).score(X, y) > 0.8


def test_grid_search_over_the_encoder_without_labels(method):
    search = GridSearchCV(small(method), {"encoder__hidden": [4, 8]}, cv=2)
    search.fit(dense())
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_nested_parameter_of_none_says_what_to_pass():
    with pytest.raises(ValueError, match=r"encoder=TabularEncoder\(\)"):
        small(encoder=None).set_params(encoder__hidden=4)
    nested = small(encoder=None).set_params(encoder=TabularEncoder(), encoder__hidden=4)
    assert nested.encoder.hidden == 4


def test_pickle_gives_the_same_codes(fitted):
    X = dense()
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.transform(X), fitted.transform(X))
    assert again.history_[-1]["train_loss"] == fitted.history_[-1]["train_loss"]


def test_partial_fit_goes_on_from_where_it_was(method):
    X = dense()
    estimator = small(method)
    for _ in range(3):
        estimator.partial_fit(X)
    assert len(estimator.history_) == 3
    scaler = estimator.scaler_
    estimator.partial_fit(X + 5)
    np.testing.assert_array_equal(scaler.mean, estimator.scaler_.mean)


def test_first_partial_fit_that_diverges_leaves_nothing():
    estimator = small(lr=1e30, batch_size=2)
    with pytest.raises(FloatingPointError):
        estimator.partial_fit(dense())
    with pytest.raises(NotFittedError):
        estimator.transform(dense())


def test_partial_fit_cannot_stop_early():
    with pytest.raises(ValueError, match="cannot stop early"):
        small(early_stopping=True).partial_fit(dense())


def test_partial_fit_goes_on_after_a_fit_that_stopped_early(tmp_path):
    X = dense(shape=(20, 6, 2))
    estimator = small(early_stopping=2, max_epochs=3).fit(X)
    estimator.save(tmp_path / "model.tsd")
    for each in (estimator, load(tmp_path / "model.tsd")):
        each.set_params(early_stopping=False).partial_fit(X)
        assert len(each.history_) == 4
        assert "valid_loss" not in each.history_[-1]


def test_partial_fit_after_fit_keeps_the_weights():
    X = dense()
    estimator = small(lr=1e-12).fit(X)
    codes = estimator.transform(X)
    np.testing.assert_allclose(estimator.partial_fit(X).transform(X), codes, atol=1e-5)


def test_early_stopping_keeps_the_best_epoch():
    X = dense(shape=(40, 6, 2))
    estimator = small(early_stopping=2, max_epochs=60, lr=0.05, validation_fraction=0.25).fit(X)
    losses = estimator.history_[:, "valid_loss"]
    assert len(losses) < 60
    assert int(np.argmin(losses)) == len(losses) - 3
    assert "valid_dynamic_kl" in estimator.history_[-1]


def test_early_stopping_needs_something_to_train_on():
    with pytest.raises(ValueError, match="leaves none to train on"):
        small(early_stopping=True).fit(dense()[:1])


class Count(Callback):
    epochs = 0

    def on_epoch_end(self, net, **kwargs):
        type(self).epochs += 1


def test_callbacks_are_called():
    Count.epochs = 0
    small(callbacks=[Count()], max_epochs=4).fit(dense())
    assert Count.epochs == 4


def test_history_holds_the_terms_and_their_weighted_sum():
    estimator = small(alpha=0.5, beta=(2.0, 3.0), dynamic_rate=None).fit(dense())
    last = estimator.history_[-1]
    weights = {"reconstruction": 1, "anchor": 0.5, "static_kl": 2, "dynamic_kl": 3}
    total = sum(weight * last[f"train_{name}"] for name, weight in weights.items())
    assert total == pytest.approx(last["train_loss"], rel=1e-5)


def test_progress_bar(capsys):
    small(verbose=1, max_epochs=3).fit(dense())
    assert "3/3" in capsys.readouterr().err


def test_device_that_is_not_there_is_refused():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="device='cuda' cannot be used"):
        small(device="cuda").fit(dense())


# -- what a failed fit leaves behind ------------------------------------------------------------


class Interrupt(Callback):
    def on_batch_begin(self, net, **kwargs):
        raise KeyboardInterrupt


FAILURES = {
    "bad input": ({}, np.full((3, 4, 2), np.nan), ValueError),
    "bad parameter": ({"alpha": -1}, dense(), ValueError),
    "diverged": ({"lr": 1e30}, dense(), FloatingPointError),
    "interrupted": ({"callbacks": [Interrupt()]}, dense(), KeyboardInterrupt),
}


@pytest.mark.parametrize(("params", "X", "error"), FAILURES.values(), ids=FAILURES.keys())
def test_estimator_stays_as_it_was(params, X, error):
    estimator = small(max_epochs=5).fit(dense())
    codes = estimator.transform(dense())
    estimator.set_params(**params)
    with pytest.raises(error):
        estimator.fit(X)
    np.testing.assert_array_equal(codes, estimator.transform(dense()))
    fresh = small(**{"max_epochs": 5, **params})
    with pytest.raises(error):
        fresh.fit(X)
    with pytest.raises(NotFittedError):
        fresh.transform(dense())


def test_channel_count_must_be_that_of_fit(fitted):
    with pytest.raises(ValueError, match=r"X has 3 channels.*fitted with 2"):
        fitted.transform(dense(shape=(4, 9, 3)))
    with pytest.raises(ValueError, match=r"np.swapaxes\(X, 1, 2\)"):
        fitted.transform(dense(shape=(4, 2, 9)))


def test_missing_values_after_fit(fitted):
    strict = small().fit(dense())
    X = dense()
    X[1, 2, 0] = np.nan
    with pytest.raises(ValueError, match="series 1, step 2, channel 0"):
        strict.transform(X)
    assert np.isfinite(fitted.transform(X)).all()


def test_codes_that_are_not_finite_are_refused():
    estimator = small().fit(dense())
    estimator.net_.module_.encoder.mlp[0].weight.data.fill_(1e38)
    with pytest.raises(ValueError, match=r"codes are not finite.*standardised magnitude"):
        estimator.transform(dense())


# -- missing pattern ----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_modelled_missing_pattern_speaks_in_the_codes_but_not_in_the_output(method, kind):
    """Series of one constant value: only the pattern of the gaps differs."""
    X = np.ones((16, 12, 2))
    rare = np.arange(16) % 2 == 0
    X[rare, 1::2, 0] = np.nan
    encoder = TabularEncoder(kind, hidden=32, out_features=16)
    estimator = small(method, encoder=encoder, missing="indicate", window=3, max_epochs=10).fit(X)
    assert estimator.n_channels_in_ == 2
    codes = estimator.encode(X)
    np.testing.assert_allclose(codes.static[rare], codes.static[:1].repeat(8, 0), atol=1e-5)
    if kind == "window":  # the paper's encoder skips steps, and reads each window on its own
        assert np.abs(codes.static[0] - codes.static[1]).max() > 1e-3
    assert estimator.reconstruct(X).shape == estimator.decode(codes).shape == X.shape
    assert estimator.sample(3, 6).shape == (3, 6, 2)
    filled = estimator.impute(X)
    assert np.isfinite(filled).all()
    assert (filled[~np.isnan(X)] == 1).all()
