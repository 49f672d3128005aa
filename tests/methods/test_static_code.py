"""What the methods with a static code of their own draw it from."""

import numpy as np
import pytest
from helpers import METHODS, small
from numpy.testing import assert_array_equal
from sklearn.exceptions import NotFittedError

from tsdisentangle import (
    FHVAE,
    GPVAE,
    SKD,
    VAE,
    MoCoGAN,
    StaticDynamicVAE,
    TabularEncoder,
    load,
    make_static_dynamic,
)
from tsdisentangle.methods import _static_code
from tsdisentangle.training.inference import Inference

WITH_STATIC = [method for method in METHODS if "static_prior" in method().get_params()]
ARRAYS = ("weights", "means", "choleskys")


def panel(n=20, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 9, 2)).astype("f4")


@pytest.fixture(params=WITH_STATIC, ids=lambda method: method.__name__)
def method(request):
    return request.param


def assert_same_prior(one, other):
    for name in ARRAYS:
        assert_array_equal(getattr(one.static_prior_, name), getattr(other.static_prior_, name))


def drawn_codes(monkeypatch, estimator, **options):
    """Static and dynamic codes that ``sample`` decodes."""
    seen, decode = [], Inference.decode

    def record(self, static, dynamic, *rest, **named):
        seen.append((static, dynamic))
        return decode(self, static, dynamic, *rest, **named)

    with monkeypatch.context() as patch:
        patch.setattr(Inference, "decode", record)
        estimator.sample(5, 9, **options)
    return seen[0]


def test_who_has_one():
    assert set(METHODS) - set(WITH_STATIC) == {VAE, GPVAE, SKD, MoCoGAN}
    assert not hasattr(small(VAE).fit(panel()), "static_prior_")


def test_before_fit():
    with pytest.raises(NotFittedError):
        small().static_prior_  # noqa: B018


@pytest.mark.slow
def test_static_codes_come_from_the_mixture_and_nothing_else_changes(method, monkeypatch):
    estimator = small(method).fit(panel())
    static, dynamic = drawn_codes(monkeypatch, estimator)
    normal, same = drawn_codes(monkeypatch, estimator.set_params(static_prior="normal"))
    assert_array_equal(dynamic, same)
    prior = estimator.static_prior_
    shapes = [(prior.means + normal[i] @ prior.choleskys.transpose(0, 2, 1)) for i in range(5)]
    distance = [np.abs(shapes[i] - static[i]).max(axis=1).min() for i in range(5)]
    assert max(distance) < 1e-5
    assert np.abs(static - normal).max() > 0.01


def test_normal_is_what_the_network_draws(method, monkeypatch):
    """As in every version before there was another prior."""
    estimator = small(method, static_prior="normal").fit(panel())
    seed = int(np.random.RandomState(0).randint(2**31 - 1))
    expected = estimator._inference().sample(5, 9, seed, False)
    for one, other in zip(drawn_codes(monkeypatch, estimator), expected, strict=True):
        assert_array_equal(one, other)


def test_given_static_codes_are_kept(method, monkeypatch):
    estimator = small(method).fit(panel())
    given = np.arange(3, dtype="f4")
    static, dynamic = drawn_codes(monkeypatch, estimator, static=given)
    assert_array_equal(static, np.tile(given, (5, 1)))
    assert_array_equal(dynamic, drawn_codes(monkeypatch, estimator)[1])


def test_it_is_fitted_to_the_training_series(method):
    X = panel(8)  # too few to choose by: a Gaussian of the moments of the draws
    estimator = small(method).fit(X)
    codes, prior = estimator.encode(X, return_std=True), estimator.static_prior_
    deviation = np.sqrt(codes.static.var(0) + np.square(codes.static_std).mean(0))
    assert np.abs(prior.means[0] - codes.static.mean(0)).max() < 0.15 * deviation.max()
    np.testing.assert_allclose(prior.choleskys[0].diagonal(), deviation, rtol=0.1)


def test_of_the_code_that_the_decoder_has_learned_from():
    """A pooled code is narrower, and the dynamics are not relative to it."""
    pooled, anchor = (small(static_pooling=pooling).fit(panel()) for pooling in ("mean", "anchor"))
    assert_same_prior(pooled, anchor)


@pytest.mark.slow
def test_no_more_series_are_read_than_it_takes(method, monkeypatch):
    X, rows, posterior = panel(), [], Inference.static_posterior

    def count(self, dataset):
        rows.append(dataset.rows.tolist())
        return posterior(self, dataset)

    monkeypatch.setattr(Inference, "static_posterior", count)
    whole = small(method).fit(X)
    monkeypatch.setattr(_static_code, "MAX_SERIES", 7)
    part, again = small(method).fit(X), small(method).fit(X)
    assert [len(each) for each in rows] == [20, 7, 7]
    assert rows[1] == sorted(set(rows[1])) == rows[2]
    assert_same_prior(part, again)
    assert not np.array_equal(part.static_prior_.means[0], whole.static_prior_.means[0])


@pytest.mark.slow
def test_partial_fit_looks_at_its_own_series(method):
    X = panel()
    estimator = small(method, max_epochs=1).fit(X)
    first = estimator.static_prior_
    estimator.partial_fit(X[:9])
    assert estimator.static_prior_ is not first
    one = small(method, max_epochs=1).fit(X).partial_fit(X[:9])
    other = small(method, max_epochs=1).fit(X).partial_fit(X[:9])
    assert_same_prior(one, other)
    assert_same_prior(one, estimator)


def test_a_new_fit_forgets_the_former_prior():
    again = small().fit(panel(12, seed=1)).fit(panel())
    assert_same_prior(again, small().fit(panel()))


def test_ctrl_c_while_the_series_are_read_leaves_the_whole_fit(monkeypatch):
    calls, posterior = [], Inference.static_posterior

    def interrupted_once(self, dataset):
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return posterior(self, dataset)

    monkeypatch.setattr(Inference, "static_posterior", interrupted_once)
    estimator = small()
    with pytest.raises(KeyboardInterrupt):
        estimator.fit(panel())
    assert estimator.interrupted_
    assert_same_prior(estimator, small().fit(panel()))


def test_a_file_from_before_draws_from_the_normal_prior(method, tmp_path, monkeypatch):
    estimator = small(method).fit(panel())
    del estimator._static_codes_
    estimator.save(tmp_path / "model.tsd")
    former = load(tmp_path / "model.tsd", static_prior="normal")
    assert_array_equal(
        former.sample(3, 9), small(method, static_prior="normal").fit(panel()).sample(3, 9)
    )
    assert not hasattr(former, "static_prior_")
    with pytest.raises(AttributeError, match=r"no static_prior_.*static_prior='normal', or fit"):
        former.set_params(static_prior="aggregate").sample(3, 9)
    assert np.isfinite(former.partial_fit(panel()).sample(3, 9)).all()


def test_codes_that_are_not_finite_leave_the_estimator_usable():
    estimator = small().fit(panel())
    estimator._static_codes_ = _static_code.LazyPrior(np.full((3, 3), np.nan), np.ones((3, 3)))
    with pytest.raises(AttributeError, match="not finite"):
        estimator.sample(2, 3)
    assert np.isfinite(estimator.sample(2, 3, static=np.zeros(3))).all()


# -- what it is for -------------------------------------------------------------------------------


def spread(X):
    """Standard deviation, between series, of their means over time; mean over channels."""
    return np.std(np.mean(X, axis=1), axis=0).mean()


@pytest.mark.slow
@pytest.mark.parametrize(
    "method",
    [
        each if each is StaticDynamicVAE else pytest.param(each, marks=pytest.mark.slow)
        for each in WITH_STATIC
    ],
)
def test_samples_differ_from_each_other_as_the_data_do(method):
    X = make_static_dynamic(120, n_steps=12, random_state=0).data
    encoder = TabularEncoder(hidden=32, out_features=16)
    sizes = {"static_dim": 8, "dynamic_dim": 8, "batch_size": 20}
    estimator = method(encoder, **sizes, max_epochs=40, lr=1e-2, random_state=0).fit(X)
    assert 0.85 < spread(estimator.sample(500, 12)) / spread(X) < 1.15
    normal = estimator.set_params(static_prior="normal").sample(500, 12)
    # The means of FHVAE are costly once a series, and its windows' codes only around them.
    assert (spread(normal) / spread(X) < 0.7) == (method is not FHVAE)


def test_a_fit_with_the_normal_prior_makes_no_further_pass(method, monkeypatch):
    def refuse(*args):
        raise AssertionError("the static codes were read once more")

    monkeypatch.setattr(Inference, "static_posterior", refuse)
    estimator = small(method, static_prior="normal").fit(panel()).partial_fit(panel())
    assert np.isfinite(estimator.sample(2, 9)).all()
    with pytest.raises(AttributeError, match="fitted with static_prior='normal'"):
        estimator.set_params(static_prior="aggregate").sample(2, 9)
