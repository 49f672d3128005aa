"""Properties of every public function, on inputs that nobody chose.

Those of functions whose module has its own tests stand there; the last test finds them all.
"""

import ast
import inspect
import pickle
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import numpy as np
import pytest
import torch
from helpers import METHODS, small
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import tsdisentangle
from tsdisentangle import (
    Codes,
    SpectrogramDecoder,
    SpectrogramEncoder,
    TabularDecoder,
    TabularEncoder,
    VideoDecoder,
    VideoEncoder,
    inspect_model,
    load,
    make_static_dynamic,
    metrics,
)
from tsdisentangle.data.clips import as_clips
from tsdisentangle.data.codes import check_out, check_out_codes
from tsdisentangle.data.panel import as_is, first_channel, observe
from tsdisentangle.data.series import as_series
from tsdisentangle.data.stored import as_stored, blocks, is_stored
from tsdisentangle.data.windows import count_windows, resolve_window
from tsdisentangle.losses.contrastive import contrast_negatives, cosine, farthest
from tsdisentangle.losses.elbo import kl_gaussian
from tsdisentangle.losses.gp_kl import kl_gaussian_process
from tsdisentangle.losses.mutual_information import log_density, mutual_information
from tsdisentangle.nn.gaussian import Gaussian
from tsdisentangle.nn.gaussian_process import BandedGaussian

FEW = settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
MORE = settings(max_examples=15, deadline=None)
CLOSE = {"rtol": 1e-4, "atol": 1e-5}
SEEDS = st.integers(0, 2**16)
COUNTS = st.integers(1, 5)

# -- every method -------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=METHODS, ids=lambda method: method.__name__)
def fitted(request):
    """An estimator of two channels, in windows of 3 steps, which takes gaps."""
    X = np.random.default_rng(0).normal(size=(16, 9, 2)).astype(np.float32)
    X[X > 1.5] = np.nan
    return small(request.param, missing="mask", window=3).fit(X)


@st.composite
def panels(draw, n=COUNTS):
    """Lists of series: any lengths, missing pattern, dtype and layout."""
    rng = np.random.default_rng(draw(SEEDS))
    dtype = draw(st.sampled_from([np.float32, np.float64, np.float16, ">f4"]))
    share = draw(st.sampled_from([0.0, 0.3, 0.7]))
    result = []
    for _ in range(draw(n)):
        x = rng.normal(size=(draw(st.integers(1, 12)), 2))
        x[rng.random(x.shape) < share] = np.nan
        x[0, 0] = rng.normal()  # at least one value
        x = x.astype(dtype)
        layout = draw(st.sampled_from(["C", "F", "stride"]))
        result.append(np.repeat(x, 2, axis=0)[::2] if layout == "stride" else x.copy(layout))
    return result


@FEW
@given(panels(), panels(), st.randoms(use_true_random=False))
def test_rows_are_read_one_by_one(fitted, X, Y, random):
    """Order, company and selection change no code and no score."""
    Z = X + Y
    order = random.sample(range(len(Z)), len(Z))
    codes, scores = fitted.transform(Z), fitted.score_samples(Z)
    shuffled = [Z[i] for i in order]
    assert_allclose(fitted.transform(shuffled), codes[order], **CLOSE)
    assert_allclose(fitted.score_samples(shuffled), scores[order], **CLOSE)
    assert_allclose(np.concatenate([fitted.transform(X), fitted.transform(Y)]), codes, **CLOSE)
    assert_allclose(fitted.transform(Z[: len(X)]), codes[: len(X)], **CLOSE)
    assert_allclose(fitted.score_samples(X), scores[: len(X)], **CLOSE)


@FEW
@given(panels(), st.integers(1, 5), SEEDS)
def test_what_is_not_observed_has_no_effect(fitted, X, more, seed):
    codes = fitted.transform(X)
    padded = [np.concatenate([x, np.full((more, 2), np.nan, x.dtype)]) for x in X]
    assert_allclose(fitted.transform(padded), codes, **CLOSE)
    steps = max(map(len, X))
    dense = np.full((len(X), steps, 2), np.nan)
    for row, x in zip(dense, X, strict=True):
        row[: len(x)] = x
    garbage = np.random.default_rng(seed).normal(scale=100, size=dense.shape)
    mask = np.isnan(dense)
    hidden = np.ma.array(np.where(mask, garbage, dense), mask=mask)
    assert_allclose(fitted.transform(hidden), codes, **CLOSE)


@FEW
@given(panels())
def test_decoded_codes_have_the_form_of_the_panel(fitted, X):
    codes = fitted.encode(X)
    decoded = fitted.decode(codes)
    assert decoded.shape == (len(X), codes.dynamic.shape[1] * 3, 2)
    last = codes.lengths * 3
    assert (np.isfinite(decoded).all(axis=2) == (np.arange(decoded.shape[1]) < last[:, None])).all()
    for x, back, filled in zip(X, fitted.reconstruct(X), fitted.impute(X), strict=True):
        assert back.shape == filled.shape == x.shape
        assert np.isfinite(back).all()
        seen = ~np.isnan(x)
        assert filled.dtype == x.dtype
        assert_array_equal(filled[seen], x[seen])


@FEW
@given(panels(n=st.just(3)), panels(n=st.just(3)))
def test_codes_that_are_swapped_twice_are_as_before(fitted, X, Y):
    """Of codes this is exact; a swapped *series* is encoded anew, with whatever the model loses."""
    one, two = fitted.encode(X), fitted.encode(Y)
    there = Codes(two.static, one.dynamic, one.lengths)
    back = Codes(one.static, there.dynamic, there.lengths)
    assert_array_equal(fitted.decode(back), fitted.decode(one))
    X12, X21 = fitted.swap(X, Y)
    Y21, Y12 = fitted.swap(Y, X)
    for left, right in zip([*X12, *X21], [*Y12, *Y21], strict=True):
        assert_allclose(left, right, **CLOSE)


BAD = {
    "objects": np.array([[[{}], [1.0]]], dtype=object),
    "text": np.array([[["a", "b"]]]),
    "words": ["one", "two"],
    "complex": np.ones((2, 3, 2), complex),
    "a number": np.float64(3.0),
    "one axis": np.ones(4),
    "four axes": np.ones((2, 3, 2, 2)),
    "no series": np.ones((0, 3, 2)),
    "no steps": np.ones((2, 0, 2)),
    "no channels": np.ones((2, 3, 0)),
    "empty list": [],
    "an empty series": [np.ones((3, 2)), np.ones((0, 2))],
    "inf": np.full((2, 3, 2), np.inf),
    "beyond float32": np.full((2, 3, 2), 1e300),
    "nothing observed": np.full((2, 3, 2), np.nan),
    "channels": np.ones((2, 3, 3)),
    "unequal channels": [np.ones((3, 2)), np.ones((3, 1))],
    "dates": np.full((2, 3, 2), np.datetime64("2020-01-01")),
    "None": None,
    "a dict": {"a": [1.0]},
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_refused_and_changes_nothing(fitted, case):
    """TypeError only where scikit-learn's own check of a container raises it."""
    before = pickle.dumps(vars(fitted)["net_"].module_.state_dict())
    reference = np.ones((2, 3, 2))
    codes = fitted.transform(reference)
    for call in ("transform", "encode", "reconstruct", "impute", "score_samples", "partial_fit"):
        with pytest.raises((ValueError, TypeError)):
            getattr(fitted, call)(BAD[case])
    with pytest.raises((ValueError, TypeError)):
        fitted.swap(reference, BAD[case])
    if case != "channels":
        with pytest.raises((ValueError, TypeError)):
            fitted.fit(BAD[case])
    assert pickle.dumps(vars(fitted)["net_"].module_.state_dict()) == before
    assert_array_equal(fitted.transform(reference), codes)


# -- encoders and decoders ----------------------------------------------------------------------


@MORE
@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 4), st.integers(1, 5))
def test_parts_make_what_the_other_takes(n, windows, channels, code_dim):
    """Encoders give features a window, decoders elements of the shape of the data."""
    pairs = [
        (TabularEncoder(hidden=4, out_features=3), TabularDecoder(hidden=4), (2, channels)),
        (
            SpectrogramEncoder("recurrent", hidden=4, out_features=3),
            SpectrogramDecoder("recurrent", hidden=4),
            (1, channels),
        ),
        (
            VideoEncoder(16, 1, 1, out_features=3, hidden=3),
            VideoDecoder(16, 1, 1),
            (1, 256),
        ),
    ]
    for encoder, decoder, (window, width) in pairs:
        estimator = small(encoder=encoder, decoder=decoder, window=window, max_epochs=0)
        estimator.set_params(dynamic_dim=code_dim)
        if isinstance(encoder, VideoEncoder):
            X = np.random.default_rng(0).random((n, windows, 16, 16, 1), dtype=np.float32)
        else:
            X = np.random.default_rng(0).normal(size=(n, windows * window, width))
        estimator.fit(X)
        assert estimator.encode(X).dynamic.shape == (n, windows, code_dim)
        assert estimator.reconstruct(X).shape == X.shape


@FEW
@given(st.integers(1, 4), st.integers(1, 4), SEEDS)
def test_a_model_file_says_what_was_fitted(tmp_path, static_dim, dynamic_dim, seed):
    X = np.random.default_rng(seed).normal(size=(6, 5, 3))
    estimator = small(static_dim=static_dim, dynamic_dim=dynamic_dim, random_state=seed).fit(X)
    estimator.save(tmp_path / "model.tsd")
    info = inspect_model(tmp_path / "model.tsd")
    assert (info.n_series, info.n_channels, info.epochs) == (6, 3, 2)
    assert info.parameters["static_dim"] == static_dim
    assert_array_equal(load(tmp_path / "model.tsd").transform(X), estimator.transform(X))


# -- data ---------------------------------------------------------------------------------------


@MORE
@given(st.integers(1, 30), st.integers(1, 9), st.integers(2, 5), st.integers(1, 4), SEEDS)
def test_synthetic_series_are_their_factors(n, steps, channels, classes, seed):
    """Without noise, a series is its level plus a plane's rotation of constant radius."""
    sizes = {"n_steps": steps, "n_channels": channels, "n_classes": classes, "noise": 0.0}
    made = make_static_dynamic(n, **sizes, random_state=seed)
    again, level = make_static_dynamic(n, **sizes, random_state=seed, return_X_y=True)
    assert_array_equal(made.data, again)
    assert_array_equal(made.static_target["level"], level)
    assert made.data.shape == (n, steps, channels)
    assert_allclose(made.dynamic_target["cos"] ** 2 + made.dynamic_target["sin"] ** 2, 1)
    rows = np.concatenate([made.splits[part] for part in ("train", "validation", "test")])
    assert sorted(rows) == list(range(n))


@MORE
@given(st.integers(1, 4), st.integers(1, 5), st.integers(1, 3), SEEDS)
def test_observed_values_and_their_containers(n, time, channels, seed):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, time, channels)).astype(np.float32)
    values[rng.random(values.shape) < 0.3] = np.nan
    values[:, 0] = 1
    series = observe(values.copy(), np.full(n, time), "mask", as_is, "3d")
    assert_array_equal(series.observed, ~np.isnan(values))
    assert_array_equal(series.values, np.nan_to_num(values))
    for i, length in enumerate(series.lengths):
        assert series.observed[i, length - 1].any()
        assert not series.observed[i, length:].any()
    assert_array_equal(first_channel(values), as_is(values)[:, :, 0])


@MORE
@given(st.integers(1, 50), st.integers(1, 10**7))
def test_blocks_are_all_rows_in_order(n, row_size):
    assert np.concatenate(blocks(n, row_size)).tolist() == list(range(n))


@FEW
@given(st.integers(1, 6), st.integers(1, 5), SEEDS)
def test_stored_series_are_those_in_memory(tmp_path, n, time, seed):
    X = np.random.default_rng(seed).normal(size=(n, time, 2)).astype(np.float32)
    np.save(tmp_path / "x.npy", X)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert is_stored(mapped)
    assert not is_stored(X)
    stored, series = (panel.cut(slice(None)) for panel in (as_stored(mapped), as_series(X)))
    assert_array_equal(stored.values, series.values)
    assert_array_equal(stored.lengths, series.lengths)


@MORE
@given(st.integers(1, 3), st.integers(1, 3), st.sampled_from([1, 3]), st.booleans())
def test_clips_in_either_layout_are_the_same_frames(n, time, channels, last):
    X = np.random.default_rng(0).integers(0, 256, (n, time, 4, 4, channels), dtype=np.uint8)
    given_layout = X if last else np.moveaxis(X, -1, 2)
    one = as_clips(X, size=4, channels=channels)
    other = as_clips(given_layout, size=4, channels=channels)
    assert one.steps.tolist() == other.steps.tolist() == [time] * n
    assert_array_equal(other.restore(np.asarray(given_layout)), given_layout)


@MORE
@given(st.lists(st.integers(1, 5), min_size=1, max_size=3), st.integers(1, 4))
def test_sinks_have_the_shapes_that_were_asked_for(shape, dim):
    shape = tuple(shape)
    assert check_out(None, shape).shape == shape
    mine = np.empty(shape, np.float64)
    assert check_out(mine, shape) is mine
    with pytest.raises(ValueError, match="has shape"):
        check_out(np.empty((*shape, 2), np.float32), shape)
    codes = check_out_codes(None, (shape[0], dim), (shape[0], 3, dim), std=True)
    assert codes.static.shape == codes.static_std.shape == (shape[0], dim)
    assert check_out_codes(codes, (shape[0], dim), (shape[0], 3, dim), std=True) is codes


@MORE
@given(st.integers(1, 500), st.integers(1, 20))
def test_windows_cover_the_series_and_no_more(time, window):
    assert resolve_window(window, time) == window
    assert 1 <= resolve_window("auto", time) <= time
    count = int(count_windows(torch.tensor([time]), window)[0])
    assert (count - 1) * window < time <= count * window


# -- losses -------------------------------------------------------------------------------------


def draws(seed, *shape):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float64)


@MORE
@given(SEEDS, st.integers(1, 4), st.integers(1, 4), st.floats(0.1, 10))
def test_contrast_sees_directions_only(seed, n, m, scale):
    a, b, c = draws(seed, n, 3), draws(seed + 1, n, 3), draws(seed + 2, m, 3)
    similar = cosine(a, b)
    assert similar.abs().max() <= 1 + 1e-12
    torch.testing.assert_close(cosine(scale * a, b), similar)
    torch.testing.assert_close(cosine(b, a), similar.T)
    every = torch.arange(m).expand(n, m)
    loss = contrast_negatives(a, b, c, every, 0.5)
    assert (loss > 0).all()
    torch.testing.assert_close(contrast_negatives(a, scale * b, c, every.flip(1), 0.5), loss)


@MORE
@given(SEEDS, st.integers(1, 4), st.integers(1, 5))
def test_farthest_is_never_nearer_than_what_is_left_out(seed, n, m):
    q = Gaussian(draws(seed, n, 2), draws(seed + 1, n, 2))
    bank = Gaussian(draws(seed + 2, m, 2), draws(seed + 3, m, 2))
    every = kl_gaussian(Gaussian(q.mean[:, None], q.logvar[:, None]), bank)
    found = farthest(q, bank, m)
    torch.testing.assert_close(found, every.sort(descending=True).indices)
    torch.testing.assert_close(farthest(q, bank, 1), found[:, :1])


@MORE
@given(SEEDS, st.integers(1, 4), st.integers(1, 4), st.floats(-3, 3))
def test_densities_follow_a_change_of_origin(seed, n, m, shift):
    points, q = draws(seed, n, 2), Gaussian(draws(seed + 1, m, 2), draws(seed + 2, m, 2))
    moved = log_density(points + shift, Gaussian(q.mean + shift, q.logvar))
    torch.testing.assert_close(moved, log_density(points, q))


@MORE
@given(SEEDS, st.integers(1, 4), st.integers(1, 4))
def test_information_is_not_negative_and_ignores_what_is_not_valid(seed, n, windows):
    static, dynamic = draws(seed, n, 2), draws(seed + 1, n, windows, 2)
    q = Gaussian(static, torch.zeros_like(static)), Gaussian(dynamic, torch.zeros_like(dynamic))
    valid = torch.arange(windows) < 1 + torch.arange(n)[:, None] % windows
    value = mutual_information(static, dynamic, *q, valid, 10)
    assert (value >= 0).all()
    dynamic = torch.where(valid[..., None], dynamic, 50.0)
    q = q[0], Gaussian(dynamic, torch.zeros_like(dynamic))
    torch.testing.assert_close(mutual_information(static, dynamic, *q, valid, 10), value)


@MORE
@given(SEEDS, st.integers(1, 3), st.integers(1, 5))
def test_divergence_to_a_process_is_zero_at_it_and_positive_elsewhere(seed, dim, windows):
    root = draws(seed, dim, windows, windows).tril(-1) + torch.eye(windows).double()
    mean = draws(seed + 1, 2, windows, dim)
    valid = torch.ones(2, windows, dtype=torch.bool)
    same = BandedGaussian(torch.zeros_like(mean), root.expand(2, -1, -1, -1))
    assert kl_gaussian_process(same, root, valid).abs().max() < 1e-9
    assert (kl_gaussian_process(same._replace(mean=mean), root, valid) > 0).all()


# -- metrics ------------------------------------------------------------------------------------


def example(seed, n=24):
    """Codes, a label that they know something of, and a number."""
    rng = np.random.RandomState(seed)
    label = np.arange(n) % 3
    codes = rng.normal(size=(n, 3)) + label[:, None]
    return codes, label, codes @ [1.0, 2.0, 0.5] + rng.normal(size=n)


# Of metrics that look at rows as a set: the same in any order.
ANY_ORDER = {
    "active_units": lambda c, y: metrics.active_units(c),
    "kl_to_standard_normal": lambda c, y: metrics.kl_to_standard_normal(c, np.exp(c)),
    "majority_share": lambda c, y: metrics.majority_share(y),
    "joint_accuracy": lambda c, y: metrics.joint_accuracy(c > 0, c > 0.3),
    "masked_mse": lambda c, y: metrics.masked_mse(np.where(c > 1, np.nan, c), c + y[:, None]),
    "retention_minus_leak": lambda c, y: metrics.retention_minus_leak(c[:, 0], c[:, 1]),
    "swap_score": lambda c, y: metrics.swap_score(y, (c[:, 0] > 1).astype(int), 3).accuracy,
    "verification_gap": lambda c, y: metrics.verification_gap(c, c[:, :1] - 1, y).gap,
    "read_factor": lambda c, y: metrics.read_factor(c, y, c, y).score,
    "linear_probe": lambda c, y: metrics.linear_probe(True).fit(c, y).score(c, y),
}


@pytest.mark.parametrize("name", ANY_ORDER)
@MORE
@given(SEEDS, st.randoms(use_true_random=False))
def test_metrics_take_rows_in_any_order(name, seed, random):
    codes, label, _ = example(seed)
    order = random.sample(range(24), 24)
    value = ANY_ORDER[name](codes, label)
    assert_allclose(ANY_ORDER[name](codes[order], label[order]), value, rtol=1e-6, atol=1e-9)


@pytest.mark.slow
@FEW
@given(SEEDS, st.floats(0.01, 100), st.floats(-10, 10))
def test_metrics_with_a_held_out_part_ignore_the_scale_of_codes(seed, scale, shift):
    codes, label, number = example(seed, 60)
    moved = scale * codes + shift
    for values in (
        lambda c: metrics.cross_prediction_r2(c, number[:, None]),
        lambda c: metrics.group_information(c, label, random_state=seed),
        lambda c: metrics.group_mi_gap(c, c[:, :1], label, random_state=seed),
    ):
        assert_allclose(values(moved), values(codes), atol=1e-3)
    one, other = (
        metrics.latent_accuracies(c, label, n_splits=1, random_state=seed) for c in (codes, moved)
    )
    assert_allclose(one["knn"], other["knn"], atol=0.1)
    found = metrics.code_importances(codes, label, predictor="random_forest", random_state=seed)
    assert_allclose(found.importance.sum(axis=0), 1)


@MORE
@given(st.lists(st.integers(0, 4), min_size=1, max_size=30))
def test_balanced_rows_are_as_many_of_each_class(labels):
    rows = metrics.first_of_each_class(labels)
    counts = np.unique(np.array(labels)[rows], return_counts=True)[1]
    assert set(counts) == {min(labels.count(label) for label in set(labels))}


@MORE
@given(SEEDS, st.integers(1, 4))
def test_a_judge_that_is_always_right_and_sure(seed, classes):
    labels = np.random.RandomState(seed).randint(classes, size=12)
    scores = metrics.generation_scores(np.eye(classes)[labels], labels)
    present = len(set(labels))
    assert scores.accuracy == 1
    assert_allclose(scores[1:], (present, 0, np.log(present)), atol=1e-9)


@MORE
@given(st.floats(-5, 1), st.floats(0, 1))
def test_leakage_of_a_number_is_a_share_and_grows(r2, more):
    value = metrics.r2_leakage(r2)
    assert 0 <= value <= 1
    assert metrics.r2_leakage(min(1.0, r2 + more)) >= value


@MORE
@given(SEEDS)
def test_errors_of_frames_agree_with_each_other(seed):
    x, y = np.random.default_rng(seed).random((2, 2, 3, 5, 4, 1))
    sse = metrics.sequence_sse(x, y)
    assert_allclose(sse, metrics.sequence_sse(y, x))
    assert_allclose(metrics.mean_squared_error(x, y), sse.sum() / x.size)
    errors = 10 ** (-metrics.psnr(x, y) / 10)  # mean square of each frame
    assert_allclose(errors.mean(axis=1) * x[0].size, sse)


# -- nothing is left out ------------------------------------------------------------------------

TESTS = Path(__file__).parent
# Chooses a scaler, which have their own properties; terms of losses, against loops in tests/losses.
ELSEWHERE = {
    "fit_scaler",
    "agreement",
    "latent_prediction_error",
    "motion_error",
    "same_variance_kl",
    "estimate_mean",
    "sequence_kl",
    "tell_sequences_apart",
}


def public_functions():
    """Names of all public functions and estimators of the package, its metrics, losses and data."""
    for name in ("tsdisentangle", "tsdisentangle.metrics"):
        module = import_module(name)
        yield from (n for n in module.__all__ if callable(getattr(module, n)))
    for part in ("losses", "data"):
        package = import_module(f"tsdisentangle.{part}")
        for found in iter_modules(package.__path__, f"{package.__name__}."):
            module = import_module(found.name)
            yield from (
                name
                for name, value in vars(module).items()
                if inspect.isfunction(value)
                and value.__module__ == found.name
                and not name.startswith("_")
            )


def is_result(name):
    """Whether a public name is only what a function returns."""
    value = getattr(metrics, name, None) or getattr(tsdisentangle, name, None)
    return inspect.isclass(value) and issubclass(value, tuple)


def names_in(node):
    return {
        found.id if isinstance(found, ast.Name) else found.attr
        for found in ast.walk(node)
        if isinstance(found, ast.Name | ast.Attribute)
    }


def names_with_a_property():
    """Names that stand in a test with ``@given``, or anywhere in this file's tables and tests."""
    found = {method.__name__ for method in METHODS}
    for path in TESTS.rglob("test_*.py"):
        for node in ast.parse(path.read_text()).body:
            decorators = getattr(node, "decorator_list", [])
            of_hypothesis = any("given" in names_in(each) for each in decorators)
            table = path.samefile(__file__) and isinstance(node, ast.Assign)
            if of_hypothesis or table:
                found |= names_in(node)
    return found


def test_every_public_function_has_a_property():
    wanted = {name for name in public_functions() if not is_result(name)}
    lacking = wanted - names_with_a_property() - ELSEWHERE
    assert not lacking, f"write a test with @given for {sorted(lacking)}"
