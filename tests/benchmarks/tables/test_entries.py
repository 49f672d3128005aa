"""Rows of the tables: names, order and parameters; raw features; classes of one's own."""

import numpy as np
import pytest
from table_cases import entry
from toy_methods import DuckTyped, Subclass

from benchmarks.tables.entries import (
    METHODS,
    Entry,
    entries_of,
    load_estimator,
    mean_spectrum,
    split_params,
)
from tsdisentangle.evaluation.raw_features import missingness, summary
from tsdisentangle.methods import METHODS as NAMES
from tsdisentangle.presets.tuned import has_tuned


def names_of(table, *own):
    return [row.name for row in entries_of(table, own)]


def test_every_method_has_its_rows_and_a_new_one_would():
    rows = names_of("3")
    assert list(METHODS) == list(NAMES)
    for name in NAMES:
        assert {name, f"{name}/untrained"} <= set(rows)
        assert (f"{name}/tuned" in rows) == has_tuned("air-quality", name)
    assert rows == names_of("4")


def test_names_are_unique_within_a_table():
    for table in "1234578":
        names = names_of(table, Subclass, DuckTyped)
        assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("table", "first", "last"),
    [
        ("1", "StaticDynamicVAE", "StaticDynamicVAE/no_both"),
        ("3", "constant", "raw/missingness"),
        ("5", "constant@", "StaticDynamicVAE/untrained@first"),
        ("7", "StaticDynamicVAE", "raw/mean log-mel"),
    ],
)
def test_first_and_last_row_of_a_table(table, first, last):
    assert [names_of(table)[place] for place in (0, -1)] == [first, last]


def test_each_anchor_is_a_row_of_the_tables_of_anchors():
    constant, *rows = entries_of("5")
    assert [(row.method, row.params["anchor"], row.per_anchor) for row in rows] == [
        *(("StaticDynamicVAE", anchor, True) for anchor in ("first", "middle", "last")),
        *(("StaticDynamicVAE", anchor, True) for anchor in ("random", "random_batch")),
        ("StaticDynamicVAE/untrained", "first", True),
    ]
    assert (constant.method, constant.is_constant, constant.per_anchor) == ("constant", True, True)
    assert not any(row.per_anchor for row in entries_of("3"))


@pytest.mark.parametrize(
    ("name", "epochs"),
    [
        *(("constant", 0), ("constant@", 0), ("raw/flat", 0), ("VAE", 7)),
        *(("StaticDynamicVAE/pooled_untrained", 0), ("StaticDynamicVAE/tuned_untrained", 0)),
        *(("StaticDynamicVAE/untrained@first", 0), ("StaticDynamicVAE@last", 7)),
    ],
)
def test_rows_without_training_have_no_epochs(name, epochs):
    assert entry(name).epochs(7) == epochs


def test_an_estimator_takes_the_parameters_that_it_has():
    given = {"lr": 0.1, "window": 3, "static_pooling": "mean", "output": "static"}
    pooled = Entry("any", METHODS["StaticDynamicVAE"], {"static_pooling": "anchor"})
    after_fit = {"static_pooling": "anchor", "output": "static"}
    assert split_params(pooled, given) == ({"lr": 0.1, "window": 3}, after_fit)
    vae = Entry("any", METHODS["VAE"])
    assert split_params(vae, given) == ({"lr": 0.1, "window": 3}, {"output": "static"})
    assert split_params(Entry("any", DuckTyped), given) == ({"window": 3}, {})


# -- raw features -------------------------------------------------------------------------------


def test_raw_features_against_plain_loops():
    X = np.random.default_rng(0).normal(size=(3, 5, 2))
    X[0, 1, 0] = X[1, :, 1] = np.nan
    expected = []
    for series in X:
        columns = [series[:, c][~np.isnan(series[:, c])] for c in range(2)]
        parts = [
            [c.mean() if len(c) else 0 for c in columns],
            [c.std() if len(c) else 0 for c in columns],
            [c.min() if len(c) else 0 for c in columns],
            [c.max() if len(c) else 0 for c in columns],
            [np.isnan(series[:, c]).mean() for c in range(2)],
        ]
        expected.append(np.concatenate(parts))
    np.testing.assert_allclose(summary(X), expected, atol=1e-12)
    np.testing.assert_allclose(missingness(X), np.array(expected)[:, -2:])


def test_window_features_of_raw_rows_cover_a_partial_window():
    X = np.arange(10.0).reshape(1, 5, 2)
    codes = entry("raw/summary").features(X, 2, 0).encode(X)
    assert codes.dynamic.shape == (1, 3, 10)
    last = (X[0, 4] - X[0].mean(axis=0)) / X[0].std(axis=0)
    np.testing.assert_allclose(
        codes.dynamic[0, 2, :2], last, rtol=1e-6
    )  # means of the last, partial one
    np.testing.assert_allclose(codes.dynamic[0, 2, -2:], 0.5)  # half of it is missing


def test_raw_features_are_codes_without_spread():
    X = np.arange(20.0).reshape(2, 5, 2)
    codes = entry("raw/flat").features(X, 2, 0).encode(X, return_std=True)
    assert codes.static_std.shape == codes.static.shape
    assert codes.dynamic_std.shape == codes.dynamic.shape == (2, 3, 8)
    assert not codes.static_std.any()
    assert not codes.dynamic_std.any()


def test_raw_features_are_standardised():
    """By the training series, observed values alone; a missing one stands at the mean."""
    X = np.random.default_rng(0).normal(50, 20, size=(30, 4, 2))
    X[0, 1, 0] = np.nan
    static = entry("raw/flat").features(X[:20], 2, 0).encode(X[20:]).static
    expected = (X[20:] - np.nanmean(X[:20], axis=(0, 1))) / np.nanstd(X[:20], axis=(0, 1))
    np.testing.assert_allclose(static[:, :8], expected.reshape(10, 8), rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_minirocket_row_reads_values_and_mask():
    pytest.importorskip("numba")
    X = np.random.default_rng(0).normal(size=(12, 20, 2))
    holes = X.copy()
    holes[:, 5] = np.nan
    encode, seconds = entry("raw/minirocket").features(X, 4, 0)
    assert seconds > 0
    static = encode(X).static
    assert static.shape[0] == 12
    assert static.shape[1] > 1000
    np.testing.assert_array_equal(static, encode(X).static)
    assert not np.allclose(static, encode(holes).static)


def test_mean_spectrum_is_over_the_frames_that_are_there():
    found = mean_spectrum([np.array([[1.0, 0.0], [3.0, 4.0]]), np.array([[5.0, 6.0]])])
    np.testing.assert_allclose(found.static, [[2, 2], [5, 6]])
    np.testing.assert_allclose(found.mean_dynamic(), found.static)


# -- a class of one's own -----------------------------------------------------------------------


def test_a_class_of_ones_own_comes_last_trained_and_untrained():
    for table in "12347":
        assert names_of(table, Subclass) == [*names_of(table), "Subclass", "Subclass/untrained"]
        assert names_of(table, DuckTyped) == [*names_of(table), "DuckTyped"]  # has no epochs
    anchors = [f"Subclass@{anchor}" for anchor in ("first", "middle", "last")]
    anchors += ["Subclass@random", "Subclass@random_batch", "Subclass/untrained@first"]
    for table in "58":
        assert names_of(table, Subclass) == [*names_of(table), *anchors]
        assert names_of(table, DuckTyped) == names_of(table)


def test_an_estimator_is_found_as_an_import_would_find_it():
    assert load_estimator("toy_methods:Subclass") is Subclass


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Subclass", r"'Subclass' has not the form mypackage\.module:MyMethod"),
        ("toy_methods:", r"has not the form"),
        (":Subclass", r"has not the form"),
        ("no_such:Method", r"'no_such:Method' cannot be imported: No module named 'no_such'"),
        ("toy_methods:Nothing", r"toy_methods has no class 'Nothing'"),
        ("toy_methods:number", r"toy_methods has no class 'number'"),
        ("toy_methods:EncodesNothing", r"EncodesNothing has no encode"),
        ("toy_methods:Anonymous", r"Anonymous has no fit and no encode"),
        ("toy_methods:Taken", r"the tables have a row 'VAE' already"),
    ],
)
def test_what_is_no_estimator_is_refused(text, message):
    with pytest.raises(SystemExit, match=message):
        load_estimator(text)
