"""The protocols over an estimator and a judge whose every answer is known."""

import numpy as np
import pandas as pd
import pytest
from helpers import small
from known import DYNAMIC, MOVE, STATIC, TIME, Entangled, Known, Reads, clips
from numpy.testing import assert_allclose, assert_array_equal

from tsdisentangle import make_static_dynamic
from tsdisentangle.evaluation.generation_report import generation_report


def report(estimator=None, X=None, **options):
    estimator = Known() if estimator is None else estimator
    X = clips() if X is None else X
    options = {"static": STATIC, "dynamic": DYNAMIC, "random_state": 0, **options}
    return generation_report(estimator, Reads(), X, **options)


def means(found, sequences):
    part = found.scores[found.scores["sequences"] == sequences]
    return part.set_index(["label", "metric"])["mean"]


# Of the move: accuracy, inception score, H(y|x), H(y).
RIGHT, CONSTANT = (1, 3, 0, np.log(3)), (1 / 3, 1, 0, 0)


@pytest.mark.parametrize(
    ("sequences", "static", "move", "change"),
    [
        ("data", (1, 1, 1), RIGHT, None),
        ("reconstruction", (1, 1, 1), RIGHT, None),
        # Half of the shapes, half of the colours and a quarter of the pairs are those of look 0.
        # Looks differ from 0 by 1.5 in the mean, in one of two pixels.
        ("static resampled", (0.5, 0.5, 0.25), RIGHT, 0.75 / 255),
        # Moves 0, 1 and 2 differ from 1 by 2/3 in the mean.
        ("dynamics resampled", (1, 1, 1), CONSTANT, 1 / 3 / 255),
        ("swapped", (1, 1, 1), RIGHT, "any"),
    ],
)
def test_every_number_of_a_perfect_estimator(sequences, static, move, change):
    found = means(report(), sequences)
    labels = ("shape", "colour", "all static")
    assert_allclose([found[label, "accuracy"] for label in labels], static)
    assert_allclose(found["move"], move, atol=1e-12)
    if change is None:
        assert "pixels" not in found.index.get_level_values("label")
    elif change != "any":
        assert_allclose(found["pixels", "change"], change)


def test_gaps():
    perfect = report().gaps
    assert_allclose(perfect, (1, 1 / 3, 0.5, 1))
    assert_allclose([perfect.static_gap, perfect.dynamic_gap], [2 / 3, 0.5])
    # With all in the static code, keeping the dynamic one keeps nothing.
    entangled = report(Entangled()).gaps
    assert_allclose(entangled, (1, 1, 0.5, 1 / 3))
    assert_allclose([entangled.static_gap, entangled.dynamic_gap], [0, -1 / 6])


def test_swaps():
    X = clips(np.array([0, 3]), np.array([0, 2]))
    options = {"static": {"shape": [0, 1]}, "dynamic": {"move": [0, 2]}, "X": X}
    perfect, entangled = report(**options), report(Entangled(), **options)
    for found in (perfect, entangled):
        assert_allclose(found.confusion["shape"], np.eye(2))
    assert means(perfect, "swapped")["move", "accuracy"] == 1
    assert_allclose(perfect.confusion["move"], np.diag([1, 0, 1]))
    # Two sequences have a single way to be swapped, and the move goes along with the look.
    assert means(entangled, "swapped")["move", "accuracy"] == 0
    expected = pd.DataFrame([[0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=float)
    assert_allclose(entangled.confusion["move"], expected)
    assert entangled.confusion["move"].index.name == "true"


class Drawing(Known):
    """Looks are drawn, with the estimator's seed."""

    def prior(self, n):
        looks = np.random.RandomState(self.random_state).randint(4, size=(n, 1))
        return looks.astype(float), np.ones((n, TIME, 1))


def test_repeats_draw_anew_and_the_estimator_stays():
    estimator = Drawing(random_state=7)
    found, again, other = (
        report(estimator, repeats=20, random_state=seed).scores for seed in (0, 0, 1)
    )
    assert found.equals(again)
    assert not found.equals(other)
    assert estimator.random_state == 7
    line = found.query("sequences == 'static resampled' and label == 'all static'").iloc[0]
    # A drawn look is right in one case of four: deviation sqrt(3/16 / 12) = 0.125 of 12 draws.
    assert_allclose(line["mean"], 0.25, atol=0.11)
    assert_allclose(line["std"], 0.125, atol=0.06)
    kept = found.query("sequences == 'dynamics resampled' and metric == 'accuracy'")
    assert kept["std"].max() < 1e-12


def test_the_prior_of_the_dynamics_can_be_chosen():
    seen = []

    class Asked(Known):
        def sample(self, n, length, **options):
            seen.append(options.get("dynamic_prior"))
            return super().sample(n, length, **options)

    report(Asked(), repeats=1)
    report(Asked(), repeats=1, dynamic_prior="sample")
    assert seen == [None, "mean_path", None, "sample"]


class Watches:
    """A judge that keeps what it is shown, and has no opinion."""

    classes_ = {"look": np.arange(2), "move": np.arange(2)}

    def __init__(self):
        self.seen = []

    def predict_proba(self, X):
        self.seen.append(X)
        return {name: np.full((len(X), 2), 0.5) for name in self.classes_}


@pytest.mark.parametrize("prior", ["aggregate", "normal"])
def test_static_codes_are_drawn_as_the_estimator_draws_them(prior):
    X = make_static_dynamic(12, n_steps=3, random_state=0).data
    estimator, judge = small(max_epochs=3, static_prior=prior).fit(X), Watches()
    labels = {"look": np.arange(12) % 2}, {"move": np.arange(12) % 2}
    generation_report(estimator, judge, X, *labels, repeats=1, random_state=0)
    dynamic = estimator.encode(X).dynamic
    estimator.set_params(random_state=np.random.RandomState(0).randint(2**31 - 1))
    assert_array_equal(judge.seen[2], estimator.sample(12, 3, dynamic=dynamic))


def test_change_of_floats_is_in_their_units():
    class Floats(Known):
        def decode(self, codes):
            return super().decode(codes).astype(np.float64)

    found = means(report(Floats(), X=clips().astype(float)), "static resampled")
    assert_allclose(found["pixels", "change"], 0.75)


def test_prints_a_line_per_label():
    text = repr(report())
    assert len(text.splitlines()) == 1 + 2 * 4 + 3 * 5
    assert text.index("data") < text.index("static resampled") < text.index("swapped")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"static": STATIC["shape"]}, "mappings"),
        ({"dynamic": {}}, "mappings"),
        ({"dynamic": {"pose": MOVE}}, "no label 'pose'"),
        ({"dynamic": {"move": MOVE[:3]}}, r"expected \(12,\)"),
        ({"dynamic": {"move": MOVE + 1}}, "classes"),
        ({"repeats": 0}, "at least 1"),
    ],
)
def test_refuses(options, message):
    with pytest.raises(ValueError, match=message):
        report(**options)
