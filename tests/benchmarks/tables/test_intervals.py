"""Intervals against closed forms."""

import numpy as np
import pytest
from scipy.stats import ttest_1samp

from benchmarks.tables.intervals import bootstrap, bootstrap_interval, deviation, seed_interval
from benchmarks.tables.probes import Answers, accuracy

# -- over test units ----------------------------------------------------------------------------


def test_bootstrap_interval_of_a_share_is_the_binomial_one():
    rng = np.random.default_rng(0)
    truth = np.ones(400)
    guess = (rng.random(400) < 0.7).astype(float)
    low, high = bootstrap_interval(accuracy, [Answers(truth, guess)], draws=1000)
    share = guess.mean()
    half = 1.96 * np.sqrt(share * (1 - share) / 400)
    assert low == pytest.approx(share - half, abs=0.01)
    assert high == pytest.approx(share + half, abs=0.01)


def test_more_runs_give_a_narrower_interval():
    rng = np.random.default_rng(0)
    runs = [Answers(np.ones(50), (rng.random(50) < 0.6).astype(float)) for _ in range(16)]
    one, many = (bootstrap_interval(accuracy, part, draws=400) for part in (runs[:1], runs))
    assert many[1] - many[0] < 0.5 * (one[1] - one[0])


def test_runs_on_the_same_cases_are_no_further_cases():
    """Five deterministic runs say no more than one."""
    guess = (np.random.default_rng(0).random(50) < 0.6).astype(float)
    runs = [Answers(np.ones(50), guess)] * 5
    one, five = (bootstrap_interval(accuracy, part, draws=400) for part in (runs[:1], runs))
    assert one == five


def test_cases_of_a_unit_are_drawn_together():
    """Ten copies of every case: the interval is that of the cases without their copies."""
    guess = (np.random.default_rng(0).random(40) < 0.6).astype(float)
    once = bootstrap_interval(accuracy, [Answers(np.ones(40), guess)], draws=400)
    copies = Answers(np.ones(400), np.repeat(guess, 10), units=np.repeat(np.arange(40) + 7, 10))
    assert bootstrap_interval(accuracy, [copies], draws=400) == pytest.approx(once)


def test_units_of_several_runs_may_differ():
    """By hand: units 1 and 3 of two runs; a draw without any case of a run leaves it out."""
    first = Answers(np.ones(2), np.array([1.0, 0.0]), units=np.array([1, 3]))
    second = Answers(np.ones(1), np.array([1.0]), units=np.array([3]))
    low, high = bootstrap_interval(accuracy, [first, second], draws=400)
    # Units drawn: 1 and 3 (0.5 and 1), 1 twice (1 of the first run alone), 3 twice (0 and 1).
    assert (low, high) == (0.5, 1.0)


def test_draws_have_as_many_different_units_as_are_asked_for():
    seen = []
    bootstrap(lambda times: seen.append(times) or 0.0, 3, distinct=2)
    assert {int(times.sum()) for times in seen} == {3}
    assert {np.count_nonzero(times) for times in seen} == {2, 3}
    seen.clear()
    bootstrap(lambda times: seen.append(times) or 0.0, 3)
    assert {np.count_nonzero(times) for times in seen} == {1, 2, 3}


def test_several_values_of_a_draw_have_an_interval_each():
    heights = np.array([1.0, 4.0, 2.0, 8.0])

    def mean(times):
        return times @ heights / times.sum()

    both = bootstrap(lambda times: np.array([mean(times), -mean(times)]), 4)
    low, high = bootstrap(mean, 4)
    np.testing.assert_allclose(both, [[low, -high], [high, -low]])


@pytest.mark.parametrize(("units", "distinct"), [(0, 1), (1, 1), (1, 2), (2, 3)])
def test_an_interval_of_too_few_units_is_refused(units, distinct):
    with pytest.raises(ValueError, match=f"Units: {units}; an interval takes"):
        bootstrap(lambda times: 0.0, units, distinct=distinct)


def test_cases_of_a_single_unit_have_no_interval():
    with pytest.raises(ValueError, match="Units: 1"):
        bootstrap_interval(accuracy, [Answers(np.ones(5), np.ones(5), units=np.zeros(5))])


# -- over seeds ---------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [[0.2, 0.9], [0.1, 0.2, 0.4], [5.0, 5.0, 5.0, 6.0]])
def test_interval_over_seeds_is_that_of_a_t_test(values):
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    np.testing.assert_allclose(seed_interval(values), expected)


@pytest.mark.parametrize("values", [[0.5], [0.1, 0.1, 0.1]])
def test_seeds_that_do_not_differ_have_no_interval(values):
    assert seed_interval(values) == (None, None)


def test_a_single_seed_has_no_deviation():
    assert deviation([0.5]) is None
    assert deviation([0.5, 0.5]) == 0
    assert deviation([1.0, 3.0]) == 1
