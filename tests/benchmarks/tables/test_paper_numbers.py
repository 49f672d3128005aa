"""The printed numbers agree with each other, but for those that the documentation names."""

import numpy as np
import pytest

from benchmarks.tables.paper_numbers_generation import GENERATION, LEAKAGE, METHODS, VERIFICATION

# Inception scores that are not exp(H(y) - H(y|x)).
INCONSISTENT_SCORES = {
    ("Sprites", "MoCoGAN"),
    ("Sprites", "DSVAE"),
    ("MUG", "MoCoGAN"),
    ("MUG", "S3VAE"),
    ("MUG", "CDSVAE"),
    ("MUG", "StaticDynamicVAE"),
}


@pytest.mark.parametrize("dataset", ["Sprites", "MUG"])
@pytest.mark.parametrize("method", METHODS)
def test_inception_scores_follow_from_the_entropies(dataset, method):
    score, conditional, marginal = (
        GENERATION[dataset, name][method]
        for name in ("inception_score", "conditional_entropy", "marginal_entropy")
    )
    # Half a thousandth is the rounding of either entropy; as much again, for these are means over
    # repeats, and a mean of exponentials is not the exponential of means.
    consistent = abs(np.log(score) - (marginal - conditional)) < 0.002
    assert consistent == ((dataset, method) not in INCONSISTENT_SCORES)


def off(printed, computed):
    """By more than the rounding of three numbers to a hundredth of a percent."""
    return abs(printed - computed) > 1.6e-4


def test_gaps_of_table_2_are_differences():
    static = {
        key
        for key, row in LEAKAGE.items()
        if off(row.static_gap, row.static_from_static - row.dynamic_from_static)
    }
    dynamic = {
        key
        for key, row in LEAKAGE.items()
        if off(row.dynamic_gap, row.dynamic_from_dynamic - row.static_from_dynamic)
    }
    assert static == {("generation", "StaticDynamicVAE/no_both"), ("latent", "CDSVAE")}
    assert dynamic == {("generation", "StaticDynamicVAE/no_sub")}


def test_gaps_of_table_7_are_differences():
    for row in VERIFICATION.values():
        assert not off(row.gap, row.dynamic - row.static)


def test_accuracies_of_both_tables_are_the_same():
    for method in ("CDSVAE", "SPYL", "StaticDynamicVAE"):
        printed = LEAKAGE["generation", method].dynamic_from_dynamic
        assert printed == GENERATION["MUG", "accuracy"][method]


def test_the_bar_of_every_column():
    bars = {
        key: min(row.values()) if "cond" in key[1] else max(row.values())
        for key, row in GENERATION.items()
    }
    assert bars["Sprites", "inception_score"] == GENERATION["Sprites", "inception_score"]["SKD"]
    assert bars["MUG", "accuracy"] == GENERATION["MUG", "accuracy"]["StaticDynamicVAE"]
    assert min(VERIFICATION, key=lambda name: VERIFICATION[name].static) == "SPYL"
