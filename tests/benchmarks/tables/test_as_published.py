"""The released heads on codes whose content is known."""

import numpy as np
import pytest
import torch
from helpers import REAL

from benchmarks.tables import as_published
from benchmarks.tables.probes import Split, absolute_error, accuracy
from tsdisentangle.data.codes import Codes

SPLIT = Split(np.arange(140), np.arange(140, 180), np.arange(180, 240))


def make_codes(std=0.1, windows=5):
    rng = np.random.default_rng(0)
    static, dynamic = rng.normal(size=(240, 3)), rng.normal(size=(240, windows, 2))
    lengths = rng.integers(1, windows + 1, size=240)
    return Codes(static, dynamic, lengths, np.full_like(static, std), np.full_like(dynamic, std))


@pytest.mark.slow
def test_static_head_learns_from_the_static_code():
    codes = make_codes()
    label = np.array(["a", "b", "c"])[np.digitize(codes.static[:, 0], [-0.5, 0.5])]
    answers = as_published.PublishedStaticLabel("label", label).answer(codes, SPLIT)
    assert answers.guess.shape == (60, 5)
    assert accuracy(answers.truth, answers.guess) > 0.75
    assert set(answers.guess.ravel()) <= {"a", "b", "c"}


def test_risk_head_reads_the_last_valid_window():
    codes = make_codes()
    last = codes.dynamic[np.arange(240), codes.lengths - 1, 0]
    task = as_published.PublishedRisk("death", last > 0.5, 3 * codes.lengths + 2, 15)
    answers = task.answer(codes, SPLIT)
    assert task.metrics["AUROC"](answers.truth, answers.guess) > 0.85
    later = codes.dynamic.copy()
    later[np.arange(5) >= codes.lengths[:, None]] = 99.0
    moved = Codes(codes.static, later, codes.lengths, codes.static_std, codes.dynamic_std)
    np.testing.assert_allclose(task.answer(moved, SPLIT).guess, answers.guess, rtol=1e-4, atol=1e-5)


def test_partial_window_at_the_end_is_not_read():
    codes = make_codes()
    task = as_published.PublishedRisk("death", codes.static[:, 0] > 0, 3 * codes.lengths - 1, 15)
    later = codes.dynamic.copy()
    last = np.arange(5) == codes.lengths[:, None] - 1
    later[last & (codes.lengths > 1)[:, None]] = 99.0
    moved = Codes(codes.static, later, codes.lengths, codes.static_std, codes.dynamic_std)
    first, second = (task.answer(each, SPLIT).guess for each in (codes, moved))
    np.testing.assert_allclose(first, second, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("windows", "whole"), [(3, 2), (5, 3), (15, 11)])
def test_last_whole_window_is_one_of_the_codes(windows, whole):
    """Eleven of fifteen steps, whatever the windows of the row are."""
    codes = make_codes(windows=windows)
    task = as_published.PublishedRisk("death", codes.static[:, 0] > 0, np.full(240, 11), 15)
    read, later = codes.dynamic.copy(), codes.dynamic.copy()
    later[:, whole:] = 99.0
    read[:, whole - 1] += 1.0
    first, same, other = (
        task.answer(Codes(codes.static, dynamic, *rest), SPLIT).guess
        for rest in [(codes.lengths, codes.static_std, codes.dynamic_std)]
        for dynamic in (codes.dynamic, later, read)
    )
    np.testing.assert_allclose(first, same, rtol=1e-4, atol=1e-5)
    assert not np.allclose(first, other, atol=1e-3)


def test_windows_that_do_not_divide_the_time_are_refused():
    task = as_published.PublishedRisk("death", np.ones(240) > 0, np.full(240, 11), 16)
    with pytest.raises(ValueError, match="5 windows do not divide 16 steps"):
        task.answer(make_codes(windows=5), SPLIT)


def test_last_observed_step():
    data = np.full((3, 5, 2), np.nan)
    data[0, 2, 1] = data[1, 4, 0] = data[2, 0, 0] = 1.0
    assert as_published.last_observed(data).tolist() == [2, 4, 0]


def test_baselines_have_their_own_published_weights():
    """Averages of the released code as the sums of this package, by hand."""
    data = np.ones((2, 24, 10))
    data[:, ::2] = np.nan
    weights = as_published.released_weights(data, 6, 8, 0.3)
    assert weights["VAE"] == {"beta": 6.0}
    assert weights["GPVAE"] == {"beta": pytest.approx(6 * 10 * 0.5 / 8)}
    assert weights["GLR"]["beta"] == pytest.approx((24.0, 0.375))
    assert weights["GLR"]["counterfactual"] == 30.0


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the published files are not here")
@pytest.mark.parametrize(
    "make", [as_published.air_quality, as_published.physionet, as_published.etth1]
)
def test_weights_of_the_flagship_are_its_own(make):
    made = make(REAL)
    assert set(made.own_settings) == {"StaticDynamicVAE", "VAE", "GPVAE", "GLR"}
    assert set(made.own_settings["StaticDynamicVAE"]) == {"alpha", "beta"}
    assert not {"alpha", "beta"} & set(made.settings)


@pytest.mark.slow
def test_course_head_beats_the_constant():
    codes = make_codes()
    target = 20 + 3 * codes.dynamic[..., 0] + codes.static[:, :1]
    task = as_published.PublishedCourse("course", target)
    answers, constant = task.answer(codes, SPLIT), task.constant(SPLIT)
    ours = absolute_error(answers.truth, answers.guess)
    assert ours < 0.7 * absolute_error(constant.truth, constant.guess)


def test_same_answers_twice_and_untouched_generator():
    codes = make_codes()
    task = as_published.PublishedRisk("death", codes.static[:, 0] > 0, 3 * codes.lengths, 15)
    state = torch.random.get_rng_state()
    first, second = (task.answer(codes, SPLIT).guess for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert not np.allclose(first, task.answer(codes, SPLIT, seed=1).guess)
    assert torch.equal(state, torch.random.get_rng_state())


def test_draws_have_the_posterior_spread():
    codes = make_codes(std=0.5)
    sampled = as_published.SampledCodes(codes, torch.Generator().manual_seed(0))
    draws = torch.stack([sampled.draw(np.arange(240))[0] for _ in range(200)])
    assert float(draws.std(0).mean()) == pytest.approx(0.5, abs=0.02)
    assert float((draws.mean(0) - torch.as_tensor(codes.static)).abs().max()) < 0.2


def test_codes_without_spread_are_refused():
    codes = make_codes()
    with pytest.raises(ValueError, match="return_std=True"):
        as_published.SampledCodes(
            Codes(codes.static, codes.dynamic, codes.lengths), torch.Generator()
        )


@pytest.mark.skipif(not REAL.is_dir(), reason="the published files are not here")
@pytest.mark.parametrize(
    ("make", "sizes"),
    [
        (as_published.air_quality, (367, 65, 144)),
        (as_published.physionet, (1189, 298, 371)),
        (as_published.etth1, (14, 3, 6)),
    ],
)
def test_published_splits_have_the_released_sizes(make, sizes):
    benchmark = make(REAL)
    split = benchmark.resamplings[0].splits(0)[0]
    assert (len(split.train), len(split.validation), len(split.test)) == sizes
    assert benchmark.protocol == "as published"


def test_constant_on_the_published_etth1_split_is_the_known_one():
    """12.34 degrees: an earlier measurement of the training median, independent of this code."""
    if not REAL.is_dir():
        pytest.skip("the published files are not here")
    benchmark = as_published.etth1(REAL)
    answers = benchmark.tasks[0].constant(benchmark.resamplings[0].splits(0)[0])
    # the exact 14 of 17 training months depend on a shuffle; the size of the figure does not
    assert absolute_error(answers.truth, answers.guess) == pytest.approx(12.3, abs=0.6)


def test_constants_are_made_of_the_training_part_as_the_heads_are():
    split = Split(np.arange(4), np.arange(4, 10), np.arange(10, 12))
    label = as_published.PublishedStaticLabel("label", np.array([1, 1, 1, 0, *[0] * 6, 0, 1]))
    assert (label.constant(split).guess == 1).all()
    target = np.repeat(np.array([1.0, 2, 3, 4, *[9] * 8])[:, None], 2, axis=1)
    assert (as_published.PublishedCourse("course", target).constant(split).guess == 2.5).all()
