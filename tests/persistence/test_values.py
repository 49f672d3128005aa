"""Parameter values survive the way through JSON with their types."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skorch.callbacks import EarlyStopping

from tsdisentangle import TabularEncoder
from tsdisentangle.persistence.archive import ModelFileError
from tsdisentangle.persistence.class_table import ClassTable
from tsdisentangle.persistence.values import ValueWriter, parse_json, read_value

PLAIN = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text()
    | st.sampled_from([torch.device("cpu"), torch.device("cuda:1")])
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=3) | st.tuples(inner, inner), max_leaves=8
)


def there_and_back(value):
    written = json.dumps(ValueWriter().write(value, "x"), allow_nan=False).encode()
    return read_value(parse_json(written), "x", ClassTable().make_parameter_object)


@pytest.mark.slow
@settings(max_examples=200)
@given(VALUES)
def test_values_come_back_the_same(value):
    again = there_and_back(value)
    assert repr(again) == repr(value)  # tells 1, True and 1.0, lists and tuples, nan and nan apart


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (np.int64(3), 3),
        (np.float64(0.1), 0.1),
        (np.float32(0.1), float(np.float32(0.1))),
        (np.bool_(True), True),
        (np.str_("mask"), "mask"),
        (np.float32("inf"), math.inf),
    ],
)
def test_numpy_scalars_become_plain_ones(value, plain):
    again = there_and_back(value)
    assert again == plain
    assert type(again) is type(plain)


def test_parameter_objects_come_back():
    again = there_and_back([TabularEncoder("step", hidden=np.int64(7))])
    assert repr(again) == "[TabularEncoder(hidden=7, kind='step')]"


@pytest.mark.parametrize(
    "value", [{1, 2}, np.zeros(3), EarlyStopping(), TabularEncoder, len, 1j, {"a": 1}, b"a"]
)
def test_what_json_cannot_hold_is_refused_by_name(value):
    with pytest.raises(ModelFileError, match=r"encoder__size\[0\] is .*cannot hold"):
        ValueWriter().write([value], "encoder__size")


def test_endless_nests_are_refused():
    endless = []
    endless.append(endless)
    with pytest.raises(ModelFileError, match="nested more than 20"):
        ValueWriter().write(endless, "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "not valid JSON"),
        (b"\xff", "not valid JSON"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        (b"{} {}", "not valid JSON"),
        (b'{"a": NaN}', "holds NaN"),
        (b"[-Infinity]", "holds -Infinity"),
        (b"[1e999]", "overflows"),
        (b"9" * 5000, "not valid JSON"),
        (b'{"a": 1, "b": 2, "a": 3}', "the name 'a' twice"),
        (b"[" * 10**5, "not valid JSON|too deeply"),
        (b"[" * 10**5 + b"]" * 10**5, "too deeply"),
    ],
)
def test_json_is_read_strictly(text, message):
    with pytest.raises(ModelFileError, match=message):
        parse_json(text)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({}, "no value of this format"),
        ({"tuple": 1}, "no value of this format"),
        ({"tuple": [], "more": 1}, "no value of this format"),
        ({"float": "1e3"}, "no value of this format"),
        ({"device": "toaster"}, "no device of torch"),
        ({"class": "TabularEncoder"}, "no value of this format"),
        ({"class": "TabularEncoder", "parameters": {"a": 1}}, "cannot be made"),
        ({"class": "StaticDynamicVAE", "parameters": {}}, "does not have in that place"),
        ({"class": "make_static_dynamic", "parameters": {}}, "does not have in that place"),
        ({"class": "os.system", "parameters": {"command": "ls"}}, "does not have"),
        ({"class": "__class__", "parameters": {}}, "does not have"),
    ],
)
def test_tags_are_read_strictly(value, message):
    with pytest.raises(ModelFileError, match=message):
        read_value([value], "x", ClassTable().make_parameter_object)


def test_deep_values_are_refused():
    value = []
    for _ in range(30):
        value = [value]
    with pytest.raises(ModelFileError, match="nested more than 20"):
        read_value(value, "x", ClassTable().make_parameter_object)
