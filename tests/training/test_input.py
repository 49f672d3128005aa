"""Reading for a fit and after it: precision, names, and one series in the place of a panel."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pytest
import torch
import zarr
from helpers import METHODS, small

from tsdisentangle import Panel, SpectrogramEncoder, load
from tsdisentangle.data.series import as_series
from tsdisentangle.evaluation import RawFeatures
from tsdisentangle.io.arrow import ArrowPanel

N, TIME, CHANNELS = 12, 6, 2
OFFSET = 1e9


def exact(shape=(N, TIME, CHANNELS)):
    """Multiples of 2**-20: with an offset of 1e9 still exact in float64."""
    return np.round(np.random.default_rng(0).normal(size=shape) * 2**20) / 2**20


def panel_frame(X):
    index = pd.MultiIndex.from_product([range(len(X)), range(X.shape[1])])
    return pd.DataFrame(X.reshape(-1, X.shape[2]), index, columns=["a", "b"])


def mapped(X, folder):
    np.save(folder / "X.npy", X)
    return np.load(folder / "X.npy", mmap_mode="r")


def arrow(X, folder):
    lists = {name: list(X[..., i]) for i, name in enumerate("ab")}
    pa.feather.write_feather(pa.table(lists), folder / "X.arrow", compression="uncompressed")
    return ArrowPanel(folder / "X.arrow")


DOORS = {
    "array": lambda X, folder: X,
    "nested list": lambda X, folder: X.tolist(),
    "list": lambda X, folder: [*X[:-1], np.concatenate([X[-1], np.full((1, 2), np.nan)])],
    "list of frames": lambda X, folder: [pd.DataFrame(x) for x in X],
    "list of tensors": lambda X, folder: [torch.from_numpy(x) for x in X],
    "frame": lambda X, folder: panel_frame(X),
    "nullable frame": lambda X, folder: panel_frame(X).astype("Float64"),
    "Panel": lambda X, folder: Panel(panel_frame(X)),
    "masked": lambda X, folder: np.ma.array(X),
    "tensor": lambda X, folder: torch.from_numpy(X),
    "memmap": mapped,
    "zarr": lambda X, folder: zarr.array(X),
    "Arrow": arrow,
}


@pytest.mark.parametrize("door", DOORS)
def test_an_offset_changes_nothing(door, tmp_path):
    """In float32, all series would be the same."""
    X = exact()
    (tmp_path / "near").mkdir()
    far = DOORS[door](X + OFFSET, tmp_path)
    near = DOORS[door](X, tmp_path / "near")
    estimator = small(missing="mask")
    codes = estimator.fit(near).transform(near)
    scale = estimator.scaler_.scale
    moved = small(missing="mask").fit(far)
    np.testing.assert_allclose(moved.scaler_.scale, scale, rtol=1e-9)
    np.testing.assert_allclose(moved.transform(far), codes, rtol=1e-3, atol=1e-5)
    back, expected = moved.reconstruct(far), estimator.reconstruct(near)
    if isinstance(back, Panel):
        back, expected = back.to_frame(), expected.to_frame()
    if isinstance(back, pd.DataFrame):
        back, expected = (frame.to_numpy(float) for frame in (back, expected))
    else:
        back, expected = (np.asarray(panel[0], dtype=float) for panel in (back, expected))
    np.testing.assert_allclose(back - OFFSET, expected, atol=1e-4)


def test_an_offset_changes_no_raw_feature():
    X = exact()
    for kind in ("flat", "summary"):
        near, far = (RawFeatures(kind).fit_transform(each) for each in (X, X + OFFSET))
        np.testing.assert_allclose(near, far, atol=1e-6)


@pytest.mark.parametrize("kind", ["f2", "f4", "i2", "u1"])
def test_what_float32_holds_is_read_as_float32(kind):
    X = np.random.default_rng(0).integers(0, 50, (8, 5, 2)).astype(kind)
    estimator = small().fit(X)
    assert as_series(X).values.dtype == np.float32
    assert estimator.sample(1, 3).dtype == np.float32
    np.testing.assert_array_equal(
        estimator.transform(X), small().fit(X.astype("f4")).transform(X.astype("f4"))
    )


def test_the_dtype_of_decoded_series_is_that_of_the_training_panel(tmp_path):
    X = exact() + OFFSET
    estimator = small(METHODS[0]).fit(X)
    estimator.save(tmp_path / "model.tsd")
    for each in (estimator, load(tmp_path / "model.tsd")):
        assert each.scaler_.dtype == np.float64
        decoded = each.decode(each.encode(X))
        assert decoded.dtype == each.sample(2, 3).dtype == np.float64
        assert len(np.unique(decoded)) > N  # float32 has steps of 64 there
        assert each.reconstruct(X.astype("f4")).dtype == np.float32


# -- names --------------------------------------------------------------------------------------


def frames(names=("pulse", "warmth")):
    return [pd.DataFrame(x, columns=list(names)) for x in exact()]


@pytest.mark.parametrize("make", [small, RawFeatures], ids=["estimator", "raw features"])
def test_a_list_of_frames_is_checked_by_name_as_a_frame(make):
    X = frames()
    fitted = make().fit(X)
    assert fitted.feature_names_in_.tolist() == ["pulse", "warmth"]
    assert fitted.n_features_in_ == 2
    expected = fitted.transform([x.to_numpy() for x in X])
    np.testing.assert_array_equal(fitted.transform(X), expected)
    reordered = [x[["warmth", "pulse"]] for x in X]
    for other in (reordered, pd.concat(dict(enumerate(reordered)))):
        with pytest.raises(ValueError, match=r"same order.*\s+Pass .*\['pulse', 'warmth'\]"):
            fitted.transform(other)
    with pytest.raises(ValueError, match="feature names should match"):
        fitted.transform(frames(["x", "y"]))
    mixed = [X[0], *reordered[1:]]
    np.testing.assert_array_equal(fitted.transform(mixed), expected)
    np.testing.assert_array_equal(make().fit(mixed).transform(mixed), make().fit(X).transform(X))


def test_names_of_a_list_are_saved(tmp_path):
    small().fit(frames()).save(tmp_path / "model.tsd")
    with pytest.raises(ValueError, match="feature names"):
        load(tmp_path / "model.tsd").transform(frames(["x", "y"]))


@pytest.mark.parametrize("kind", ["dates", "text", "periods", "polars"])
def test_a_wide_frame_of_another_month(kind):
    """Dates as columns are steps, no features: another month has others, and as many as it has."""

    def month(start, days):
        columns = pd.date_range(start, periods=days)
        X = pd.DataFrame(exact((4, days)), columns=columns)
        if kind == "text" or kind == "polars":
            X.columns = columns.strftime("%Y-%m-%d")
        if kind == "periods":
            X.columns = columns.to_period("D")
        return pl.DataFrame(X.to_dict("list")) if kind == "polars" else X

    january, february = month("2024-01-01", 31), month("2024-02-01", 29)
    estimator = small(window=4).fit(january)
    assert not hasattr(estimator, "feature_names_in_")
    expected = estimator.transform(exact((4, 29))[..., None])
    np.testing.assert_array_equal(estimator.transform(february), expected)
    with pytest.raises(ValueError, match=r"29 features, but .* is expecting 31"):
        estimator.transform(exact((4, 29)))


def test_other_columns_of_a_wide_frame_are_refused():
    X = pd.DataFrame(exact((4, 5))).add_prefix("t")
    with pytest.raises(ValueError, match="feature names should match"):
        small().fit(X).transform(X.add_prefix("s"))


# -- one series, and series of one axis -----------------------------------------------------------

PANEL = exact((5, 20, 3))
FORMS = {
    "3-D": PANEL,
    "list": list(PANEL),
    "frames": [pd.DataFrame(x, columns=["a", "b", "c"]) for x in PANEL],
    "univariate": PANEL[..., :1],
    "univariate list": list(PANEL[..., :1]),
}


@pytest.mark.parametrize("make", [small, RawFeatures], ids=["estimator", "raw features"])
@pytest.mark.parametrize("form", FORMS)
def test_one_series_is_refused_with_the_line_to_write(make, form):
    X = FORMS[form]
    fitted = make().fit(X)
    line, right = ("X[None]", None) if isinstance(X[0], np.ndarray) else ("[X]", [X[0]])
    with pytest.raises(ValueError, match="one series") as caught:
        fitted.transform(X[0])
    assert line in str(caught.value)
    right = X[0][None] if right is None else right
    np.testing.assert_allclose(
        fitted.transform(right), fitted.transform(X)[:1], rtol=1e-5, atol=1e-6
    )


def test_one_series_of_a_frame():
    X = pd.concat({i: pd.DataFrame(x, columns=["a", "b", "c"]) for i, x in enumerate(PANEL)})
    estimator = small().fit(X)
    one = X.loc[0]
    with pytest.raises(ValueError, match=r"one series \(time, channel\).*Pass \[X\]"):
        estimator.transform(one)
    codes = estimator.transform([one])
    np.testing.assert_allclose(codes, estimator.transform(X)[:1], rtol=1e-5, atol=1e-6)


def test_one_series_of_a_2d_panel():
    X = PANEL[..., 0]
    estimator = small().fit(X)
    with pytest.raises(ValueError, match=r"X has 1 axes.*one series is X\[None\]"):
        estimator.transform(X[0])
    assert estimator.transform(X[0][None]).shape == estimator.transform([X[0]]).shape


def test_channels_before_time():
    with pytest.raises(ValueError, match=r"np.swapaxes\(X, 1, 2\)"):
        small().fit(PANEL).transform(PANEL.swapaxes(1, 2))
    turned = [x.T for x in PANEL]
    with pytest.raises(ValueError, match=r"\[x.T for x in X\]"):
        small().fit(PANEL).transform(turned)
    turned[1] = turned[1][:, :7]
    with pytest.raises(ValueError, match=r"Series 1 has 7 channels.*\[x.T for x in X\]"):
        small().fit(turned)


FLAT = {"equal": (10, 10), "unequal": (10, 11)}
CONTAINERS = {"arrays": np.asarray, "lists": list, "columns": pd.Series, "tensors": torch.tensor}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("lengths", FLAT.values(), ids=FLAT.keys())
@pytest.mark.parametrize("other", [*FLAT.values(), (12,), (12, 9)], ids=str)
def test_series_of_one_axis_have_any_length_at_fit_and_after_it(container, lengths, other):
    def panel(counts):
        return [CONTAINERS[container](exact((n,)).tolist()) for n in counts]

    estimator = small(missing="mask", max_epochs=0).fit(panel(lengths))
    X = panel(other)
    assert estimator.n_channels_in_ == 1
    expected = estimator.transform([np.asarray(x)[:, None] for x in X])
    np.testing.assert_array_equal(estimator.transform(X), expected)
    filled = estimator.impute(X)
    assert isinstance(filled, list)
    for x, full in zip(X, filled, strict=True):
        np.testing.assert_array_equal(np.asarray(full), np.asarray(x))
    assert estimator.sample(2, 7).shape == (2, 7)


def test_an_array_of_other_length_names_the_list():
    with pytest.raises(ValueError, match=r"12 features.*list\(X\)"):
        small().fit(PANEL[:, :10, 0]).transform(PANEL[:, :12, 0])
    codes = small().fit(PANEL[:, :10, 0]).transform(list(PANEL[:, :12, 0]))
    assert len(codes) == len(PANEL)


@pytest.mark.parametrize("lengths", FLAT.values(), ids=FLAT.keys())
def test_spectrograms_have_an_axis_of_bins(lengths):
    with pytest.raises(ValueError, match="expected spectrograms"):
        small(encoder=SpectrogramEncoder()).fit([np.ones(n) for n in lengths])


# -- impute and reconstruct -----------------------------------------------------------------------


def test_imputed_panels_keep_what_was_observed_bit_for_bit():
    X = np.arange(2**24, 2**24 + 40, dtype=float).reshape(4, 10, 1)
    X[0, 3] = np.nan
    filled = small(missing="mask").fit(X).impute(X)
    seen = ~np.isnan(X)
    assert filled.dtype == np.float64
    np.testing.assert_array_equal(filled[seen], X[seen])
    assert np.isfinite(filled).all()


@pytest.mark.parametrize("door", ["array", "memmap", "zarr", "Arrow"])
def test_imputed_stored_panels(door, tmp_path):
    X = exact() + OFFSET
    X[0, 3] = np.nan
    filled = small(missing="mask").fit(X).impute(DOORS[door](X, tmp_path))
    seen = ~np.isnan(X)
    assert filled.dtype == np.float64
    np.testing.assert_array_equal(filled[seen], X[seen])
    assert (np.abs(filled - OFFSET) < 10).all()


def test_forms_of_imputed_and_reconstructed_frames():
    X = panel_frame(exact()).astype({"a": "Float64"})
    X["count"] = pd.array(np.arange(len(X)) + 2**53 - len(X), dtype="Int64")
    X.iloc[3, 0] = pd.NA
    estimator = small(missing="mask").fit(X)
    filled, guessed = estimator.impute(X), estimator.reconstruct(X)
    pd.testing.assert_series_equal(filled["count"], X["count"])
    pd.testing.assert_frame_equal(filled.drop(X.index[3]), X.drop(X.index[3]), check_exact=True)
    assert not filled.isna().any(axis=None)
    assert guessed.dtypes.tolist() == ["Float64", "float64", "Float64"]
    for each in (filled, guessed):
        pd.testing.assert_index_equal(each.index, X.index)
        pd.testing.assert_index_equal(each.columns, X.columns)


def test_an_imputed_panel_is_one_with_its_ids():
    X = panel_frame(exact() + OFFSET).astype({"b": "Float64"})
    X.iloc[3, 1] = pd.NA
    filled = small(missing="mask").fit(Panel(X)).impute(Panel(X))
    assert isinstance(filled, Panel)
    assert filled.index.equals(Panel(X).index)
    pd.testing.assert_frame_equal(filled.to_frame().drop(X.index[3]), X.drop(X.index[3]))
    assert not filled.to_frame().isna().any(axis=None)


def test_swapped_frames_keep_their_form():
    one = panel_frame(exact())
    other = [pd.DataFrame(x.astype("f4"), columns=["a", "b"]) for x in exact()]
    like_other, like_one = small().fit(one).swap(one, other)
    assert [x.dtypes.tolist() for x in like_other] == [["float32"] * 2] * N
    pd.testing.assert_index_equal(like_one.index, one.index)


@pytest.mark.parametrize(("shape", "warns"), [((6, 3, 40), True), ((6, 40, 3), False)])
def test_channels_before_time_are_warned_of_at_fit(shape, warns):
    X = np.random.default_rng(0).normal(size=shape)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        small(max_epochs=0).fit(X)
    found = [str(each.message) for each in caught if "X.transpose(0, 2, 1)" in str(each.message)]
    assert bool(found) == warns
