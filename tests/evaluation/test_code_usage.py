"""What reconstruction loses without a code: closed forms, loops, and decoders that ignore one."""

from inspect import signature

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import METHODS, small
from hypothesis import given
from hypothesis import strategies as st
from known import Given
from numpy.testing import assert_allclose
from pandas.testing import assert_series_equal

from tsdisentangle import (
    CDSVAE,
    FHVAE,
    GLR,
    GPVAE,
    S3VAE,
    SPYL,
    VAE,
    Codes,
    StaticDynamicVAE,
    VideoEncoder,
    make_static_dynamic,
)
from tsdisentangle.evaluation import code_usage, disentanglement_report
from tsdisentangle.evaluation.code_usage import ROWS, _partners
from tsdisentangle.network import Posterior
from tsdisentangle.nn.gaussian import Gaussian

OWN, OVERALL, POSITION, OTHER, STATIC, OTHER_STATIC = ROWS
DYNAMIC = [OVERALL, POSITION, OTHER]


def panel(n=12, time=8, seed=0):
    return np.random.default_rng(seed).normal(size=(n, time, 2)).astype("f4")


def ragged():
    """Series of 2 to 4 windows of 2 steps, with gaps."""
    X = [x[:length] for x, length in zip(panel(), [4, 5, 6, 8] * 3, strict=True)]
    X[0][1, 0] = X[5][2] = np.nan
    return X


# -- closed forms --------------------------------------------------------------------------------


class Sum(torch.nn.Module):
    """Static code: a series' first value; dynamic codes: the differences; decoded: their sum."""

    static_dim = dynamic_dim = 1

    def encode(self, batch, **options):
        x = batch.values[:, :, 0]
        return Posterior(
            *(Gaussian(code, torch.zeros_like(code)) for code in (x[:, 0], x - x[:, :1]))
        )

    def decode(self, static, dynamic, noise, valid=None):
        mean = (static[:, None] + dynamic)[:, :, None]
        return Gaussian(mean, torch.zeros_like(mean))

    def bound(self, batch, noise, draws):
        n = len(batch.values)
        return {
            "reconstruction": torch.zeros(n),
            "static_kl": torch.full((n,), 2.0),
            "dynamic_kl": 3.0 * batch.valid.sum(1),
        }


def sums(X):
    """R2 of codes that add up, and a function of what was reconstructed instead."""
    estimator = small(VAE, window=1, standardize=False, max_epochs=0).fit(X)
    estimator.net_.module_ = Sum()
    return code_usage(estimator, X[..., None], random_state=0)


@pytest.fixture
def parts():
    """Series ``a_i + b_t + c_it``, where the first step is ``a_i``."""
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(9, 1)), rng.normal(size=(1, 7)), rng.normal(size=(9, 7))
    b[:, 0] = c[:, 0] = 0
    return a, b, c


def r2(X, guess):
    return 1 - np.square(X - guess).sum() / np.square(X - X.mean()).sum()


def test_codes_that_add_up(parts):
    a, b, c = parts
    X = a + b + c
    found = sums(X)
    assert_allclose(found[OWN], 1)
    assert_allclose(found[OVERALL], r2(X, a + (b + c).mean()), rtol=1e-5)
    assert_allclose(found[POSITION], r2(X, a + b + c.mean(axis=0)), rtol=1e-5)
    assert_allclose(found[STATIC], r2(X, a.mean() + b + c), rtol=1e-5)
    assert found[OTHER] < found[POSITION] < 1
    assert found[OTHER_STATIC] < found[STATIC] < 1


def test_a_clock_is_worth_nothing_above_the_mean_of_the_position(parts):
    a, b, _ = parts
    found = sums(a + b)
    assert_allclose(found[[OWN, POSITION, OTHER]], 1)
    assert_allclose(found[OVERALL], r2(a + b, a + b.mean()), rtol=1e-5)


def test_another_series_costs_twice_what_the_mean_costs():
    """The difference of two independent codes has twice the variance of one."""
    c = np.random.default_rng(0).normal(size=(400, 5))
    c[:, 0] = 0
    found = 1 - sums(c)
    assert_allclose(found[OTHER] / found[POSITION], 2, rtol=0.15)
    a = np.random.default_rng(1).normal(size=(400, 1))
    found = 1 - sums(a + 0 * c)
    assert_allclose(found[OTHER_STATIC] / found[STATIC], 2, rtol=0.15)


def test_costs_are_per_series_and_per_window(parts):
    found = sums(sum(parts))
    assert found["KL of static from N(0, I), per series"] == 2
    assert found["KL of dynamic from its prior, per window"] == 3
    assert found.index.tolist()[: len(ROWS)] == list(ROWS)


# -- loops ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_against_loops_over_single_values(method):
    X = ragged()
    estimator = small(method, missing="mask", window=2).fit([x * [1, 100] for x in panel()])
    X = [x * np.float32([1, 100]) for x in X]
    codes = estimator.encode(X)
    n, lengths = len(X), codes.lengths

    def loss(static, dynamic):
        decoded = estimator.decode(Codes(static, dynamic, lengths))
        mean, scale = np.nanmean(np.concatenate(X), axis=0), estimator.scaler_.scale
        error = total = 0.0
        for i in range(n):
            for t, k in np.argwhere(np.isfinite(X[i])):
                error += ((X[i][t, k] - decoded[i, t, k]) / scale[k]) ** 2
                total += ((X[i][t, k] - mean[k]) / scale[k]) ** 2
        return 1 - error / total

    windows = [codes.dynamic[i, : lengths[i]] for i in range(n)]
    overall, position = codes.dynamic.copy(), codes.dynamic.copy()
    overall[:] = np.concatenate(windows).mean(axis=0)
    for t in range(codes.dynamic.shape[1]):
        position[:, t] = np.mean([codes.dynamic[i, t] for i in range(n) if t < lengths[i]], axis=0)
    static = np.tile(codes.static.mean(axis=0), (n, 1))
    expected = {
        OWN: loss(codes.static, codes.dynamic),
        OVERALL: loss(codes.static, overall),
        POSITION: loss(codes.static, position),
        STATIC: loss(static, codes.dynamic),
    }
    found = code_usage(estimator, X, random_state=0)
    for name, value in expected.items():
        assert_allclose(found[name], value, rtol=1e-4, err_msg=name)


# -- decoders that ignore a code -------------------------------------------------------------------


@pytest.mark.parametrize("method", [VAE, GPVAE])
def test_without_a_static_code_nothing_is_lost_by_another(method):
    found = code_usage(small(method).fit(panel()), panel())
    assert found[STATIC] == found[OTHER_STATIC] == found[OWN]
    assert np.isnan(found["KL of static from N(0, I), per series"])


@pytest.mark.parametrize(
    ("ignored", "equal"), [("static", [STATIC, OTHER_STATIC]), ("dynamic", DYNAMIC)]
)
def test_a_decoder_that_ignores_a_code(ignored, equal):
    estimator = small(StaticDynamicVAE, max_epochs=1).fit(panel())
    codes = slice(0, 2) if ignored == "dynamic" else slice(2, None)  # [d_t, s]
    estimator.net_.module_.decoder.mlp[0].weight.data[:, codes] = 0
    found = code_usage(estimator, panel(), random_state=0)
    assert_allclose(found[equal], found[OWN], rtol=1e-6)
    others = [name for name in ROWS[1:] if name not in equal]
    assert (np.abs(found[others] - found[OWN]) > 1e-5).all()


SIZES = {"static_dim": 4, "dynamic_dim": 4, "beta": 0.3, "lr": 2e-2, "batch_size": 20}


# FHVAE's windows have a code each beside the dynamic one, which decoding replaces by its mean.
ASKED = [m for m in METHODS if "static_dim" in signature(m).parameters and m is not FHVAE]


@pytest.mark.slow
@pytest.mark.parametrize("method", ASKED)
def test_both_codes_are_used_on_series_that_need_both(method):
    X = make_static_dynamic(100, n_steps=10, random_state=0).data
    known = {name: SIZES[name] for name in SIZES if name in signature(method).parameters}
    strict = method in (StaticDynamicVAE, CDSVAE, GLR, SPYL)
    slow = {"lr": 5e-3, "max_epochs": 300} if method is S3VAE else {}  # its many terms need it
    estimator = small(method, **{"max_epochs": 60 if strict else 100, **known, **slow}).fit(X)
    found = code_usage(estimator, X, random_state=0)
    least, loss = (0.6, 0.2) if strict else (0.5, 0.15)
    assert found[OWN] > least
    assert found[[POSITION, OTHER, STATIC, OTHER_STATIC]].max() < found[OWN] - loss


# -- partners --------------------------------------------------------------------------------------


@given(st.lists(st.integers(1, 4), min_size=1, max_size=30), st.integers(0, 99))
def test_partners_are_of_the_same_length(lengths, seed):
    lengths = np.array(lengths)
    partner = _partners(lengths, np.random.RandomState(seed))
    assert (lengths[partner] == lengths).all()
    assert sorted(partner) == list(range(len(lengths)))
    alone = np.bincount(lengths)[lengths] == 1
    assert ((partner == np.arange(len(lengths))) == alone).all()


def test_series_without_a_partner_do_not_count_in_that_line():
    X = [*panel(4, 8), panel(1, 6)[0], panel(1, 4)[0]]
    estimator = small(window=1).fit(X)
    found, paired = (code_usage(estimator, each, random_state=0) for each in (X, X[:4]))
    assert_allclose(found[OTHER], paired[OTHER], rtol=1e-5)
    assert abs(found[OWN] - paired[OWN]) > 1e-4


def test_a_line_that_is_not_defined_is_nan():
    estimator = small(window=1).fit(panel())
    found = code_usage(estimator, [panel()[0, :5], panel()[0, :6]])
    assert np.isnan(found[OTHER])
    assert found.drop(OTHER).notna().all()
    single = code_usage(estimator, panel(1))
    assert single[[OTHER, OTHER_STATIC]].isna().all()
    assert single[OWN] == single[STATIC]
    constant = np.ones((3, 8, 2), "f4")
    assert code_usage(estimator, constant)[list(ROWS)].isna().all()


def test_the_exchange_is_seeded():
    estimator = small().fit(panel())
    one, same, other = (code_usage(estimator, panel(), random_state=seed) for seed in (0, 0, 1))
    assert_series_equal(one, same)
    differ = one[one != other].index.tolist()
    assert differ == [OTHER, OTHER_STATIC]


# -- input -----------------------------------------------------------------------------------------


def test_a_pooled_code_is_not_decoded():
    estimator = small(window=1).fit(panel())
    expected = code_usage(estimator, panel(), random_state=0)
    pooled = code_usage(estimator.set_params(static_pooling="mean"), panel(), random_state=0)
    assert_series_equal(pooled, expected)


def test_marks_of_missing_values_do_not_count():
    X = panel()
    X[::2, 3:5, 1] = np.nan
    estimator = small(missing="indicate").fit(X)
    filled = np.where(np.isnan(X), 0, X)
    decoded = estimator.decode(estimator.encode(X))[:, : X.shape[1]]
    scale = estimator.scaler_.scale
    mean = np.nanmean(X, axis=(0, 1))
    error, total = (
        np.square(np.where(np.isnan(X), 0, (filled - guess) / scale)).sum()
        for guess in (decoded, mean)
    )
    assert_allclose(code_usage(estimator, X)[OWN], 1 - error / total, rtol=1e-4)


def test_the_form_of_the_input_does_not_matter():
    X = panel()
    estimator = small(batch_size=5).fit(X)
    index = pd.MultiIndex.from_product([range(12), range(8)])
    frame = pd.DataFrame(X.reshape(-1, 2), index=index)
    expected = code_usage(estimator, X, random_state=0)
    assert_series_equal(code_usage(estimator, list(X), random_state=0), expected)
    framed = small(batch_size=5).fit(frame)
    assert_series_equal(code_usage(framed, frame, random_state=0), expected)
    estimator.set_params(batch_size=12)
    assert_series_equal(code_usage(estimator, X, random_state=0), expected, rtol=1e-5)


def test_clips():
    clips = np.random.default_rng(0).integers(0, 256, (5, 3, 16, 16, 1), dtype=np.uint8)
    encoder = VideoEncoder(16, 1, 1, out_features=4, hidden=4)
    estimator = small(encoder=encoder, max_epochs=1).fit(clips)
    truth, guess = clips / 255, estimator.reconstruct(clips) / 255
    expected = 1 - np.square(truth - guess).sum() / np.square(truth - truth.mean()).sum()
    assert_allclose(code_usage(estimator, clips)[OWN], expected, atol=1e-3)


# -- in the report ---------------------------------------------------------------------------------


def test_the_report_has_the_same_lines():
    bunch = make_static_dynamic(60, n_steps=6, n_classes=2, random_state=0)
    estimator = small(window=2).fit(bunch.data)
    report = disentanglement_report(estimator, bunch.data, bunch.static_target, random_state=0)
    usage = code_usage(estimator, bunch.data)
    same = [OWN, OVERALL, POSITION, STATIC, *usage.index[len(ROWS) :]]
    assert_series_equal(report.codes[same], usage[same])
    assert report.codes[list(ROWS)].notna().all()
    assert all(name in str(report) for name in ROWS)
    frame = report.to_frame()
    assert set(ROWS) <= set(frame[frame["table"] == "codes"]["metric"])


def test_what_a_foreign_estimator_decodes_is_not_asked():
    rng = np.random.RandomState(0)
    estimator = Given(rng.normal(size=(40, 2)), rng.normal(size=(40, 3, 2)))
    report = disentanglement_report(estimator, None, np.arange(40) % 2, random_state=0)
    assert report.codes[list(ROWS)].isna().all()
