"""What all metrics ask of their input: every refusal says what was wrong, by name.

Written against the mutants that the other tests let live; see the documentation page "Trust".
"""

import warnings

import numpy as np
import pytest

from tsdisentangle import metrics
from tsdisentangle.metrics.information import top_two_gap
from tsdisentangle.metrics.validation import (
    check_codes,
    check_factor,
    check_factors,
    check_label,
    check_pair,
    split_rows,
)

RNG = np.random.RandomState(0)
GOOD = RNG.normal(size=(20, 3))
SHORT = GOOD[:19]
GAP = np.where(np.arange(60).reshape(20, 3) == 7, np.nan, GOOD)
TWO = np.arange(20) % 2
ONE = np.zeros(20, int)
RARE = (np.arange(20) == 0).astype(int)


# -- messages -----------------------------------------------------------------------------------

CONTAINS_NAN = {  # scikit-learn's words around our name
    "means": lambda: metrics.active_units(GAP),
    "dynamic": lambda: metrics.dynamic_smoothness(GAP[None]),
    "codes": lambda: metrics.silhouette(GAP, TWO),
    "probabilities": lambda: metrics.conditional_entropy(GAP),
    "vectors": lambda: metrics.equal_error_rate(GAP, TWO),
    "importance": lambda: metrics.dci(GAP),
    "information": lambda: metrics.modularity(GAP),
    "matrix": lambda: top_two_gap(GAP),
    "train_codes": lambda: metrics.read_factor(GAP, TWO, GOOD, TWO),
    "test_codes": lambda: metrics.read_factor(GOOD, TWO, GAP, TWO),
    "first": lambda: check_pair(GAP, GOOD, ("first", "second")),
    "second": lambda: check_pair(GOOD, GAP, ("first", "second")),
}


@pytest.mark.parametrize("name", CONTAINS_NAN)
def test_nan_is_reported_by_the_name_of_the_argument(name):
    with pytest.raises(ValueError, match=rf"^Input {name} contains NaN\."):
        CONTAINS_NAN[name]()


PAIRS = {
    ("means", "stds"): metrics.kl_to_standard_normal,
    ("static", "shuffled"): metrics.shuffle_shift,
    ("source", "target"): metrics.cross_prediction_r2,
    ("x", "y"): metrics.distance_correlation,
    ("x", "y", "hsic"): metrics.hsic,
    ("static", "dynamic"): lambda x, y: metrics.verification_gap(x, y, TWO),
    ("own", "other"): lambda x, y: metrics.group_mi_gap(x, y, TWO),
}


@pytest.mark.parametrize("names", PAIRS)
def test_unequal_rows_are_reported_by_the_names_of_both(names):
    expected = (
        f"{names[0]} has 20 rows and {names[1]} has 19; pass both codes of the same series, row by "
        "row."
    )
    with pytest.raises(ValueError) as caught:  # noqa: PT011, the whole text is compared
        PAIRS[names](GOOD, SHORT)
    assert str(caught.value) == expected


HALF = np.full((20, 2), 0.5)
CLIPS = np.zeros((1, 1, 10, 12, 1), np.uint8)
MESSAGES = {
    "kl": (
        lambda: metrics.kl_to_standard_normal(GOOD, -np.ones((20, 3))),
        "means has shape (20, 3) and stds (20, 3); expected equal shapes and positive standard "
        "deviations.",
    ),
    "stability": (
        lambda: metrics.static_stability(np.zeros((2, 2, 2))),
        "static holds NaN, or a zero code, which has no direction.",
    ),
    "shift": (
        lambda: metrics.shuffle_shift(np.ones((3, 1)), np.ones((3, 1))),
        "static is the same for all series, so there is nothing to compare with.",
    ),
    "smoothness": (
        lambda: metrics.dynamic_smoothness(np.ones((2, 3, 1)), [1, 1]),
        "lengths must hold one number of windows per series, of at most 3, and one of at least 2.",
    ),
    "silhouette": (
        lambda: metrics.silhouette(GOOD, TWO[:4]),
        "labels has shape (4,); expected (20,), one value per row of the codes.",
    ),
    "scores": (
        lambda: metrics.generation_scores(HALF, TWO / 1),
        "labels has shape (20,) and type float64; expected (20,) integers, the column of each "
        "row's class.",
    ),
    "joint": (
        lambda: metrics.joint_accuracy(HALF, HALF[:3]),
        "truth has shape (20, 2) and guess (3, 2); expected the same (n, attributes), not empty.",
    ),
    "probabilities": (
        lambda: metrics.conditional_entropy(2 * HALF),
        "probabilities has rows that are negative or do not sum to 1; pass class probabilities, "
        "(n, classes), not logits.",
    ),
    "ssim": (lambda: metrics.ssim(CLIPS, CLIPS), "Frames have 10 x 12 pixels; "),
    "masked": (
        lambda: metrics.masked_mse([[np.nan]], [[0.0]]),
        "series has no observed value, or an infinite one, or reconstruction is not finite where "
        "series is observed.",
    ),
    "clips": (lambda: metrics.psnr(CLIPS, CLIPS[0]), "not empty."),
    "unit": (lambda: metrics.psnr(CLIPS + 2.0, CLIPS), "floats between 0 and 1."),
    "swap": (
        lambda: metrics.swap_score([0, 1], [0.0, 1.0], 2),
        "guess has shape (2,) and type float64; expected (2,) integers.",
    ),
    "swap classes": (
        lambda: metrics.swap_score([0, 1], [0, 2], 2),
        "guess is empty, or holds classes outside of 0 to 1; number the classes from 0.",
    ),
    "speakers": (
        lambda: metrics.equal_error_rate(GOOD, TWO[:4]),
        "speakers has shape (4,); expected (20,), one value per row of the codes.",
    ),
    "single utterances": (
        lambda: metrics.equal_error_rate(GOOD, np.arange(20)),
        "Every speaker has a single utterance; pass at least two of one speaker.",
    ),
    "one row": (
        lambda: metrics.dci([[1.0, 2.0]]),
        "importance has one row; completeness compares at least two coordinates.",
    ),
    "zeros": (
        lambda: metrics.dci(np.zeros((2, 2))),
        "importance is zero everywhere: no coordinate serves any factor.",
    ),
    "negative": (
        lambda: metrics.dci(-np.ones((2, 2))),
        "importance holds negative values; it is an amount, so pass magnitudes.",
    ),
    "explicitness": (
        lambda: metrics.explicitness(GOOD, RARE, random_state=0),
        "The held-out rows have a single class; pass more rows.",
    ),
    "group information": (
        lambda: metrics.group_information(GOOD, RARE, random_state=0),
        "The held-out rows have a single class; pass more rows.",
    ),
    "unseen labels": (
        lambda: metrics.group_information(GOOD, np.arange(20) % 3, groups=np.arange(20) % 3),
        "No label of the held-out rows occurs among the training rows.",
    ),
    "labels": (
        lambda: metrics.group_information(GOOD, TWO[:4]),
        "labels has shape (4,); expected (20,), one value per row of the codes.",
    ),
    "labels of one side": (
        lambda: metrics.group_information(GOOD, TWO, groups=TWO),
        "labels of the training rows has the single value ",
    ),
    "table": (
        lambda: metrics.table_information([[0, 0]]),
        "table holds NaN, a negative count, or nothing but zeros.",
    ),
    "modularity": (
        lambda: metrics.modularity([[1.0], [1.0]]),
        "Modularity compares factors; information has one column, pass two.",
    ),
    "gap": (
        lambda: metrics.mig(GOOD[:, :1], TWO),
        "A gap needs at least two coordinates; got one.",
    ),
    "leakage": (
        lambda: metrics.normalized_leakage(0.5, 1.0),
        "accuracy=0.5 and chance=1.0; expected shares, and chance below 1 (at 1 there is a single "
        "class, and nothing to read).",
    ),
    "no reading": (
        lambda: metrics.retention_minus_leak([], []),
        "retention and leak need at least one reading each.",
    ),
    "factor": (
        lambda: metrics.read_factor(GOOD, TWO, GOOD, TWO[:4]),
        "factor has shape (24,); expected (40,), one value per row of the codes.",
    ),
    "train factor": (
        lambda: metrics.read_factor(GOOD, ONE, GOOD, TWO),
        "train_factor has the single value ",
    ),
    "accuracies": (
        lambda: metrics.latent_accuracies(GOOD, RARE),
        "labels has a class of 1 rows; expected at least 5, so that it occurs in both parts of a "
        "split. Pass more codes, or leave rare classes out.",
    ),
    "labels of accuracies": (
        lambda: metrics.latent_accuracies(GOOD, TWO[:4]),
        "labels has shape (4,); expected (20,), one value per row of the codes.",
    ),
    "groups": (
        lambda: split_rows(20, 0.2, [1], None),
        "groups has shape (1,); expected (20,), one per row.",
    ),
    "unknown": (
        lambda: check_factor([None, "a"], 2),
        "factor holds unknown or infinite values; leave these rows out.",
    ),
    "infinite": (
        lambda: check_factors({"age": [1.0, np.inf]}, 2),
        "age holds unknown or infinite values; leave these rows out.",
    ),
    "second factor": (
        lambda: check_factors(np.array([[0, 1], [1, 1]]), 2),
        "factor1 has the single value ",
    ),
    "floats": (
        lambda: metrics.silhouette(GOOD, TWO / 1),
        "labels holds floats, which are read as a continuous factor; this metric takes labels: "
        "integers, booleans or strings.",
    ),
    "a label by no name": (
        lambda: check_label([0.5, 1.5], 2),
        "factor holds floats, which are read as a continuous factor; this metric takes labels: "
        "integers, booleans or strings.",
    ),
    "r2": (lambda: metrics.r2_leakage(1.5), "r2 is 1.5; a coefficient of determination is at most"),
}
BEGINNINGS = ("ssim", "labels of one side", "train factor", "second factor", "r2")
ENDS = ("clips", "unit")


@pytest.mark.parametrize("case", MESSAGES)
def test_refusals_say_what_was_wrong(case):
    call, text = MESSAGES[case]
    with pytest.raises(ValueError) as caught:  # noqa: PT011, the whole text is compared
        call()
    found = str(caught.value)
    if case in BEGINNINGS:
        assert found.startswith(text)
    elif case in ENDS:
        assert found.endswith(text)
    else:
        assert found == text


def test_the_fewest_rows():
    with pytest.raises(ValueError, match="minimum of 5 is required"):
        metrics.cross_prediction_r2(GOOD[:3], GOOD[:3])
    with pytest.raises(ValueError, match="minimum of 2 is required"):
        check_codes(GOOD[:1])
    assert len(check_codes(GOOD[:1], min_rows=1)) == 1
    owner = np.arange(20) % 5  # five folds by default, so five groups do
    assert np.isfinite(metrics.cross_prediction_r2(GOOD, GOOD, groups=owner))


def test_codes_are_in_double_precision():
    assert check_codes(GOOD.astype(np.float32)).dtype == np.float64


def test_objects_are_labels_and_small_integers_do_not_overflow():
    assert check_factor(np.array(["b", "a", "b"], object), 3).tolist() == [1, 0, 1]
    assert metrics.modularity(np.array([[16, 0], [0, 16]], np.uint8)) == 1  # 16 * 16 is 0 there


# -- limits and precision ------------------------------------------------------------------------


def test_scores_at_their_limits_give_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert metrics.hsic(GOOD, np.ones((20, 1))) < 1e-15
        assert metrics.marginal_entropy([[1.0, 0.0]]) == 0
        assert metrics.inception_score([[1.0, 0.0], [1.0, 0.0]]) == 1
        assert metrics.psnr(CLIPS, CLIPS) == np.inf
        assert np.isnan(metrics.dci([[1.0], [0.0]]).disentanglement)
    assert metrics.r2_leakage(1.0) == 1


def shares(x):
    return abs(x) / abs(x).sum(axis=1, keepdims=True)


SINGLE = {
    "stability": (metrics.static_stability, np.stack([GOOD, GOOD + 1])),
    "smoothness": (metrics.dynamic_smoothness, GOOD[None]),
    "masked": (lambda x: metrics.masked_mse(x, np.zeros((20, 3))), GOOD),
    "masked guess": (lambda x: metrics.masked_mse(np.zeros((20, 3)), x), GOOD),
    "table": (metrics.table_information, abs(GOOD)),
    "entropy": (metrics.conditional_entropy, shares(GOOD)),
}


@pytest.mark.parametrize("name", SINGLE)
def test_single_precision_is_summed_in_double(name):
    """The numbers are those of the same values in double precision."""
    metric, values = SINGLE[name]
    single = values.astype(np.float32)
    assert metric(single) == metric(single.astype(float))


# -- options of the metrics with a held-out part ------------------------------------------------

OWNER = np.repeat(np.arange(40), 2)
LABEL = OWNER % 2
NOISY = LABEL[:, None] + RNG.normal(size=(80, 3))
HELD_OUT = {
    "importances": lambda **kw: metrics.code_importances(NOISY, LABEL, **kw)[1].item(),
    "sap": lambda **kw: metrics.sap(NOISY, LABEL, **kw),
    "explicitness": lambda **kw: metrics.explicitness(NOISY, LABEL, **kw),
    "information": lambda **kw: metrics.group_information(NOISY, LABEL, **kw),
    "gap": lambda **kw: metrics.group_mi_gap(3 * NOISY, NOISY[:, 2:], LABEL, **kw),
}


@pytest.mark.parametrize("name", HELD_OUT)
def test_seed_share_and_groups_of_the_held_out_rows(name):
    metric = HELD_OUT[name]
    seeds = range(4)
    plain = [metric(random_state=seed) for seed in seeds]
    assert plain == [metric(random_state=seed) for seed in seeds]
    assert plain != [metric(random_state=seed, test_size=0.5) for seed in seeds]
    assert plain != [metric(random_state=seed, groups=OWNER) for seed in seeds]
    assert len(set(plain)) > 1
