"""What holds numbers, at which precision, and what is refused with the line to write."""

import datetime as dt
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.sparse import csr_array, dok_array

from tsdisentangle.data.floats import (
    as_floats,
    float_dtype,
    numpy_dtype,
    refuse_other_containers,
    tensor_to_numpy,
)
from tsdisentangle.data.series import as_series

NUMBERS = hnp.boolean_dtypes() | hnp.integer_dtypes() | hnp.unsigned_integer_dtypes()
NUMBERS |= hnp.floating_dtypes(sizes=(16, 32, 64))


@given(NUMBERS.flatmap(lambda kind: hnp.arrays(kind, (2, 3))))
def test_numbers_are_held_exactly_up_to_those_of_float64(X):
    found = as_floats(X)
    assert found.dtype == float_dtype(X.dtype)
    np.testing.assert_array_equal(found, X.astype(np.float64))


def test_floats_in_the_right_precision_are_not_copied():
    for kind in (np.float32, np.float64):
        X = np.zeros((2, 3), kind)
        assert np.shares_memory(as_floats(X), X)


VALUES = [[1.0, np.nan], [16777217.0, 4.0]]
FRAME = pd.DataFrame(VALUES, columns=["a", "b"])
CONTAINERS = {
    "array": np.array(VALUES),
    "list": VALUES,
    "None for missing": [[1.0, None], [16777217.0, 4.0]],
    "objects": np.array([[1, None], [Decimal(16777217), np.float32(4)]], dtype=object),
    "NA among objects": np.array([[1, pd.NA], [16777217, 4.0]], dtype=object),
    "masked": np.ma.array([[1, 9], [16777217, 4]], mask=[[0, 1], [0, 0]]),
    "frame": FRAME,
    "nullable": FRAME.astype({"a": "Int64", "b": "Float32"}),
    "Arrow's columns": FRAME.astype(pd.ArrowDtype(pa.float64())),
    "objects in a frame": FRAME.astype({"b": object}),
    "sparse columns": FRAME.astype(pd.SparseDtype(float)),
    "polars": pl.DataFrame({"a": [1, 16777217], "b": [None, 4.0]}),
    "tensor": torch.tensor(VALUES, dtype=torch.float64, requires_grad=True),
}


@pytest.mark.parametrize("X", CONTAINERS.values(), ids=CONTAINERS.keys())
def test_every_container_holds_the_same_numbers(X):
    found = as_floats(X)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, VALUES)


def test_bfloat16_is_exact_in_float32():
    X = torch.tensor([[1.5, -3.0]]).bfloat16()
    assert as_floats(X).tolist() == [[1.5, -3.0]]
    assert as_floats(X).dtype == np.float32


@given(hnp.arrays(np.float32, (2, 3)))
def test_values_of_tensors(X):
    np.testing.assert_array_equal(tensor_to_numpy(torch.from_numpy(X).requires_grad_()), X)


@given(NUMBERS)
def test_dtypes_of_numpy_are_their_own(kind):
    assert numpy_dtype(kind) == kind


@pytest.mark.parametrize(
    "kind", ["i1", ">f4", pd.Int8Dtype(), pd.ArrowDtype(pa.int16()), pd.SparseDtype("f4")], ids=str
)
def test_the_dtype_beneath(kind):
    assert float_dtype(numpy_dtype(kind)) == np.float32


# -- dates --------------------------------------------------------------------------------------

DAYS = pd.date_range("2024-01-01", periods=3)
TABLE = pd.DataFrame({"a": DAYS, "b": DAYS})
DATED = {
    "numpy": TABLE.to_numpy(),
    "durations": TABLE.to_numpy() - TABLE.to_numpy(),
    "masked": np.ma.array(TABLE.to_numpy()),
    "rows of numpy": list(TABLE.to_numpy()),
    "nested list of numpy": [[np.datetime64("2024-01-01")] * 2] * 3,
    "nested list of dates": [[dt.date(2024, 1, 1)] * 2] * 3,
    "nested list of times": [[dt.time(12)] * 2] * 3,
    "nested list of durations": [[dt.timedelta(1)] * 2] * 3,
    "ragged list": [[dt.date(2024, 1, 1)], [dt.date(2024, 1, 1)] * 2],
    "frame": TABLE,
    "zones": TABLE.apply(lambda column: column.dt.tz_localize("UTC")),
    "objects in a frame": TABLE.astype(object),
    "periods": TABLE.apply(lambda column: column.dt.to_period("M")),
    "durations in a frame": TABLE - TABLE,
    "one column": TABLE.assign(b=1.0),
    "a list of frames": [TABLE, TABLE],
    "polars": pl.DataFrame({"a": list(DAYS)}),
    "one column of polars": pl.DataFrame({"a": list(DAYS), "b": [1.0, 2.0, 3.0]}),
    "days of polars": pl.DataFrame({"a": list(DAYS)}).cast(pl.Date),
    "durations of polars": pl.DataFrame({"a": [dt.timedelta(1)] * 2}),
    "a list of polars": [pl.DataFrame({"a": list(DAYS)})] * 2,
    "columns": [TABLE["a"], TABLE["b"]],
}


@pytest.mark.parametrize("X", DATED.values(), ids=DATED.keys())
def test_dates_are_no_values(X):
    with pytest.raises(ValueError, match="X holds dates or durations") as caught:
        as_series(X, missing="mask")
    assert "Subtract a date and divide by a unit" in str(caught.value)


# -- other containers ---------------------------------------------------------------------------

SERIES = [np.zeros((5, 2)), np.ones((6, 2))]
COLUMN = np.empty(2, dtype=object)
COLUMN[:] = SERIES
REFUSED = {
    "column of arrays": (COLUMN, r"pass list\(X\)"),
    "Series of arrays": (pd.Series(SERIES), r"pass list\(X\)"),
    "dict": (dict(enumerate(SERIES)), r"X is a dict.*list\(X.values\(\)\)"),
    "generator": ((s for s in SERIES), r"X is a generator.*Pass list\(X\)"),
    "values of a dict": (dict(enumerate(SERIES)).values(), r"Pass list\(X\)"),
    "dicts": ([{"start": "2020", "target": [1.0]}] * 2, r"\[each\['target'\] for each in X\]"),
    "nested frame": (
        pd.DataFrame({"x": [pd.Series([1.0, 2.0])] * 3}),
        r"sktime.datatypes.convert_to\(X, 'pd-multiindex'\)",
    ),
    "Arrow table": (pa.table({"x": [1.0], "y": [2.0]}), r"Pass X.to_pandas\(\)"),
    "Arrow tables": ([pa.table({"x": [1.0]})] * 2, r"Table in series 0.*x.to_pandas\(\)"),
    "lazy": (pl.LazyFrame({"x": [1.0]}), r"Pass X.collect\(\)"),
    "sparse": (csr_array(np.zeros((2, 3))), r"Pass X.toarray\(\): sparse"),
    "sparse by keys": (dok_array(np.zeros((2, 3))), r"Pass X.toarray\(\): sparse"),
    "text": (pd.DataFrame({"a": ["x", "y"], "b": [1.0, 2.0]}), "X holds text.*from_long"),
    "records": (np.zeros((2, 2), [("a", "f4"), ("b", "f4")]), "X holds text or records"),
    "nothing": (None, r"X has 0 axes.*X\[None\], or \[X\]"),
    "uneven rows": ([[[1.0], [2.0, 3.0]], [[1.0], [2.0]]], "makes no array"),
}


@pytest.mark.parametrize(("X", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_other_containers_are_refused_with_the_line_to_write(X, message):
    with pytest.raises(ValueError, match=message):
        as_series(X)


@given(st.lists(hnp.arrays(np.float64, (2, 1)), min_size=1, max_size=3))
def test_lists_are_taken_and_what_only_yields_is_not(X):
    refuse_other_containers(X)
    for other in (dict(enumerate(X)), iter(X), (x for x in X), dict(enumerate(X)).values()):
        with pytest.raises(ValueError, match=r"Pass list\(X"):
            refuse_other_containers(other)


@pytest.mark.parametrize("cell", [{}, 1 + 2j, object()], ids=["dict", "complex", "object"])
def test_objects_that_are_no_numbers(cell):
    with pytest.raises(TypeError, match=r"X holds objects that are no numbers.*expected|Expected"):
        as_series(np.array([[cell, 1.0]], dtype=object))
