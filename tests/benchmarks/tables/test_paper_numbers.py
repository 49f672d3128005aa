"""The printed numbers agree with each other, but for those that the documentation names."""

import numpy as np
import pytest

from benchmarks.tables.entries import entries_of
from benchmarks.tables.paper_numbers import BEST_PUBLIC, PUBLISHED, cite
from benchmarks.tables.rows import TABLES

METHODS = ("MoCoGAN", "DSVAE", "R-WAE", "S3VAE", "SKD", "CDSVAE", "SPYL", "StaticDynamicVAE")

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
        PUBLISHED["1"][dataset, name][method] for name in ("IS", "H(y given x)", "H(y)")
    )
    # Half a thousandth is the rounding of either entropy; as much again, for these are means over
    # repeats, and a mean of exponentials is not the exponential of means.
    consistent = abs(np.log(score) - (marginal - conditional)) < 0.002
    assert consistent == ((dataset, method) not in INCONSISTENT_SCORES)


def off(printed, computed):
    """By more than the rounding of three numbers to a hundredth of a percent."""
    return abs(printed - computed) > 1.6e-4


def wrong_gaps(own, other):
    """Reader and method of the printed gaps that are no differences of printed accuracies."""
    return {
        (reader, method)
        for reader in ("generation", "latent")
        for method, gap in PUBLISHED["2"]["MUG", f"{reader}, {own} gap"].items()
        if off(
            gap,
            PUBLISHED["2"]["MUG", f"{reader}, {own} from {own}"][method]
            - PUBLISHED["2"]["MUG", f"{reader}, {other} from {own}"][method],
        )
    }


def test_gaps_of_table_2_are_differences():
    assert wrong_gaps("static", "dynamic") == {
        ("generation", "StaticDynamicVAE/no_both"),
        ("latent", "CDSVAE"),
    }
    assert wrong_gaps("dynamic", "static") == {("generation", "StaticDynamicVAE/no_sub")}


def test_gaps_of_table_7_are_differences():
    rates = {name: PUBLISHED["7"]["TIMIT", name] for name in ("static EER", "dynamic EER", "gap")}
    assert len(rates["gap"]) == 8
    for method, gap in rates["gap"].items():
        assert not off(gap, rates["dynamic EER"][method] - rates["static EER"][method])


def test_accuracies_of_both_tables_are_the_same():
    for method in ("CDSVAE", "SPYL", "StaticDynamicVAE"):
        printed = PUBLISHED["2"]["MUG", "generation, dynamic from dynamic"][method]
        assert printed == PUBLISHED["1"]["MUG", "accuracy"][method]


def test_the_bar_of_every_column():
    bars = {
        key: min(row.values()) if key[1] == "H(y given x)" else max(row.values())
        for key, row in PUBLISHED["1"].items()
    }
    assert bars["Sprites", "IS"] == PUBLISHED["1"]["Sprites", "IS"]["SKD"]
    assert bars["MUG", "accuracy"] == PUBLISHED["1"]["MUG", "accuracy"]["StaticDynamicVAE"]
    rates = PUBLISHED["7"]["TIMIT", "static EER"]
    assert min(rates, key=rates.get) == "SPYL"


def test_the_best_public_numbers_of_sprites_are_those_of_one_method():
    of_sprites = {key: row["SKD"] for key, row in PUBLISHED["1"].items() if key[0] == "Sprites"}
    assert len(of_sprites) == 4
    assert {key: BEST_PUBLIC[key] for key in of_sprites} == of_sprites


def test_the_anchor_of_tables_3_and_4_is_the_first_one():
    for methods, anchors in (("3", "5"), ("4", "8")):
        assert PUBLISHED[methods].keys() == PUBLISHED[anchors].keys()
        for column, row in PUBLISHED[anchors].items():
            assert row["StaticDynamicVAE@first"] == PUBLISHED[methods][column]["StaticDynamicVAE"]


@pytest.mark.parametrize("table", ["3", "4", "5", "8"])
def test_every_published_number_has_a_row_that_cites_it(table):
    names = {entry.name for entry in entries_of(table)}
    for row in PUBLISHED[table].values():
        assert set(row) <= names


def test_cited_numbers_are_complete():
    columns = PUBLISHED["3"] | PUBLISHED["4"]
    assert len(columns) == 5
    assert all(len(column) == 10 for column in columns.values())  # and the best public one
    assert set(columns) <= set(BEST_PUBLIC)
    assert columns["mortality", "AUPRC"]["StaticDynamicVAE"] == 0.473
    assert columns["oil temperature", "MAE"]["raw/flat"] == 10.19


def test_cited_numbers_of_tables_of_methods_and_of_anchors():
    column = ("oil temperature", "MAE")
    cited = cite("5", *column, "StaticDynamicVAE@last"), cite("3", *column, "VAE")
    assert [each.published for each in cited] == [11.11, 13.66]
    assert cite("5", *column, "StaticDynamicVAE/untrained@first").published is None
    assert cite("3", *column, "constant").published is None
    assert {each.best_public for each in cited} == {9.89}
    assert cite("2", "Sprites", "latent, static gap", "SPYL") == (None, None)


def test_all_tables_are_cited():
    assert list(PUBLISHED) == list(TABLES)
