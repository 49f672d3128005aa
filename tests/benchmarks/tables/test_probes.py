"""Probes on codes whose content is known."""

import numpy as np
import pytest

from benchmarks.tables.probes import (
    Answers,
    Course,
    Risk,
    Split,
    StaticLabel,
    absolute_error,
    accuracy,
    by_unit,
    join,
    pooled,
)
from tsdisentangle.data.codes import Codes

SPLIT = Split(np.arange(120), np.arange(120, 160), np.arange(160, 200))


def known_codes(label, seed=0):
    """Static code: the label; dynamic codes: noise."""
    rng = np.random.default_rng(seed)
    static = np.eye(int(label.max()) + 1)[label] + 0.01 * rng.normal(size=(200, label.max() + 1))
    return Codes(static, rng.normal(size=(200, 6, 2)), np.full(200, 6))


def test_static_label_reads_the_static_code_and_reports_the_leak():
    label = np.random.default_rng(0).integers(4, size=200)
    answers = StaticLabel("label", label).answer(known_codes(label), SPLIT)
    np.testing.assert_array_equal(answers.truth, label[160:])
    assert accuracy(answers.truth, answers.guess) == 1
    assert all(accuracy(answers.truth, leaked) < 0.5 for leaked in answers.leaked.values())


def test_leak_is_seen_where_the_dynamic_code_holds_the_label():
    label = np.random.default_rng(0).integers(4, size=200)
    codes = known_codes(label)
    swapped = Codes(codes.dynamic[:, 0], np.repeat(codes.static[:, None], 6, 1), codes.lengths)
    answers = StaticLabel("label", label).answer(swapped, SPLIT)
    assert {name: accuracy(answers.truth, leaked) for name, leaked in answers.leaked.items()} == {
        "leakage": 1,
        "leakage_course": 1,
    }
    assert StaticLabel("label", label).answer(codes, SPLIT, raw=True).leaked == {}


def test_leak_is_seen_where_only_the_spread_of_the_dynamic_code_holds_the_label():
    label = np.random.default_rng(0).integers(4, size=200)
    codes = known_codes(label)
    signs = np.array([-1.0, 1.0, -1.0, 1.0, 1.0, -1.0])
    spread = signs[None, :, None] * (1.0 + label)[:, None, None]
    dynamic = np.concatenate([codes.dynamic, spread], axis=2)
    answers = StaticLabel("label", label).answer(Codes(codes.static, dynamic, codes.lengths), SPLIT)
    assert accuracy(answers.truth, answers.leaked["leakage"]) < 0.5
    assert accuracy(answers.truth, answers.leaked["leakage_course"]) > 0.9


def test_probe_never_sees_test_labels():
    label = np.random.default_rng(0).integers(4, size=200)
    codes = known_codes(label)
    other = label.copy()
    other[160:] = (other[160:] + 1) % 4
    first = StaticLabel("label", label).answer(codes, SPLIT)
    second = StaticLabel("label", other).answer(codes, SPLIT)
    np.testing.assert_array_equal(first.guess, second.guess)


def test_risk_ranks_by_the_dynamics_too():
    rng = np.random.default_rng(1)
    died = rng.random(200) < 0.3
    codes = Codes(rng.normal(size=(200, 2)), rng.normal(size=(200, 6, 2)), np.full(200, 6))
    codes.dynamic[:, 5, 0] += 6 * died  # only the last window knows
    task = Risk("death", died)
    answers = task.answer(codes, SPLIT)
    assert task.metrics["AUROC"](answers.truth, answers.guess) > 0.95
    without = Codes(codes.static, codes.dynamic[:, :5], np.full(200, 5))
    blind = task.answer(without, SPLIT)
    assert task.metrics["AUROC"](blind.truth, blind.guess) < 0.8


def test_pooled_features_ignore_what_lies_after_the_end():
    codes = Codes(np.array([[9.0]]), np.array([[[1.0], [3.0], [77.0]]]), np.array([2]))
    np.testing.assert_allclose(pooled(codes), [[9.0, 2.0, 1.0, 3.0]])


def test_course_predicts_each_window():
    rng = np.random.default_rng(2)
    target = rng.normal(size=(200, 6)) + 20
    codes = Codes(
        rng.normal(size=(200, 2)), np.stack([target, rng.normal(size=(200, 6))], 2), np.full(200, 6)
    )
    task = Course("course", target)
    answers = task.answer(codes, SPLIT)
    assert answers.guess.shape == (40, 6)
    assert absolute_error(answers.truth, answers.guess) < 0.05
    assert answers.constant == 0.0


def test_course_reads_the_static_code_unless_it_is_too_wide():
    rng = np.random.default_rng(3)
    target = np.repeat(rng.normal(size=(200, 1)), 3, axis=1)
    nothing = np.zeros((200, 3, 1))
    for width, knows in [(1, True), (1000, True), (1001, False)]:
        static = np.zeros((200, width))
        static[:, 0] = target[:, 0]
        answers = Course("course", target).answer(Codes(static, nothing, np.full(200, 3)), SPLIT)
        assert (absolute_error(answers.truth, answers.guess) < 0.1) == knows


def test_constants_know_as_much_as_probes():
    """Of the training and of the validation part: 0 to 159."""
    label = np.array([2] * 70 + [1] * 50 + [1] * 40 + [0] * 40)
    answers = StaticLabel("label", label).constant(SPLIT)
    assert (answers.guess == 1).all()
    assert accuracy(answers.truth, answers.guess) == 0
    target = np.random.default_rng(2).normal(size=(200, 6))
    constant = Course("course", target).constant(SPLIT).guess
    assert (constant == np.median(target[:160])).all()
    # What a probe falls back to where the features say nothing is the same.
    nothing = Codes(np.zeros((200, 1)), np.zeros((200, 6, 1)), np.full(200, 6))
    skewed = np.exp(3 * target)  # the mean, which ridge regression would answer, is far away
    answers = Course("course", skewed)
    fallen_back = answers.answer(nothing, SPLIT)
    np.testing.assert_array_equal(fallen_back.guess, answers.constant(SPLIT).guess)
    assert fallen_back.constant == 1.0


def test_several_draws_count_one_by_one():
    truth, guess = np.array([1, 2]), np.array([[1, 1, 2], [2, 1, 1]])
    assert accuracy(truth, guess) == pytest.approx(3 / 6)


def test_course_is_chosen_by_leaving_each_block_out():
    """The validation block alone is odd, and would choose a constant."""
    blocks = np.repeat(np.arange(6), 10)
    dynamic = np.random.default_rng(0).normal(size=(60, 4, 1))
    target = np.where(blocks == 4, -5.0, 5.0)[:, None] * dynamic[..., 0]
    codes = Codes(np.zeros((60, 1)), dynamic, np.full(60, 4))
    parts = (np.flatnonzero(chosen) for chosen in (blocks < 4, blocks == 4, blocks == 5))
    split = Split(*parts)
    alone = Course("course", target).answer(codes, split)
    by_blocks = Course("course", target, blocks).answer(codes, split)
    errors = [absolute_error(each.truth, each.guess) for each in (alone, by_blocks)]
    assert errors[1] < 0.6 * errors[0]
    parts = Course("course", target, blocks)._parts(split)
    assert [set(blocks[part.validation]) for part in parts] == [{block} for block in range(5)]
    assert all(not set(part.train) & set(part.validation) for part in parts)
    assert all(5 not in blocks[[*part.train, *part.validation]] for part in parts)


def test_join_keeps_each_leak():
    part = Answers(np.array([1]), np.array([2]), {"a": np.array([3]), "b": np.array([4])})
    joined = join([part, part]).leaked
    assert {name: leaked.tolist() for name, leaked in joined.items()} == {"a": [3, 3], "b": [4, 4]}
    assert join([Answers(np.array([1]), np.array([2]))]).leaked == {}


def test_codes_that_say_nothing_cost_nothing():
    """The median is one of the probes: an outlier shall not draw the answer to the mean."""
    rng = np.random.default_rng(0)
    target = np.where(rng.random((200, 6)) < 0.2, 50.0, 1.0)
    codes = Codes(rng.normal(size=(200, 2)), rng.normal(size=(200, 6, 2)), np.full(200, 6))
    assert (Course("course", target).answer(codes, SPLIT).guess == 1.0).all()


def test_absolute_error_skips_unknown_values():
    assert absolute_error(np.array([1.0, np.nan]), np.array([3.0, 5.0])) == 2


def test_joined_folds_tell_how_many_fell_back_to_the_constant():
    parts = [Answers(np.ones(1), np.ones(1), constant=share) for share in (1.0, 0.0, 0.0, 1.0)]
    assert join(parts).constant == 0.5
    assert join([Answers(np.ones(1), np.ones(1))]).constant is None


def test_each_unit_for_itself_over_all_runs():
    units = np.array([4, 2, 4, 2])
    runs = [
        Answers(np.zeros(4), np.array([1.0, 10.0, 3.0, 30.0]), units=units),
        Answers(np.zeros(4), np.array([5.0, 50.0, 7.0, 70.0]), units=units),
    ]
    assert by_unit(absolute_error, runs, units) == [40.0, 4.0]  # unit 2, unit 4
