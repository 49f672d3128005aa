import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsdisentangle.datasets._physionet_records import CODE, PARAMETERS, Events
from tsdisentangle.datasets._physionet_rules import (
    DESCRIPTOR_RULES,
    MEASUREMENT_RULES,
    apply_rules,
    clean_measurements,
)

NAN = math.nan

DESCRIPTOR_CASES = [
    ("Age", 54, 54),
    ("Age", 130, 130),
    ("Age", 300, 91.4),
    ("Gender", -1, NAN),
    ("Gender", 0, 0),
    ("Gender", 1, 1),
    ("Height", -1, NAN),
    ("Height", 1.8, 180),
    ("Height", 18, 180),
    ("Height", 81.8, 81.8 * 2.2),
    ("Height", 1800, 180),
    ("Height", 400, 400 * 0.3937),
    ("Height", 0, 0),
    ("Height", 2.4, 240),
    ("Height", 2.6, 260 * 0.3937),  # a changed value meets the later rules
    ("Height", 5, 500 * 0.3937),
    ("Height", 9.5, 950 * 0.3937),
    ("Height", 10, 100),  # x10, and then it is not below 100
    ("Height", 25, 55),
    ("Height", 100, 100),
    ("Height", 177.8, 177.8),
    ("Height", 250, 250),
    ("Height", 1000, 1000 * 0.3937),
    ("Height", 3000, 300 * 0.3937),
    ("Weight", -1, NAN),
    ("Weight", 34.9, NAN),
    ("Weight", 35, 35),
    ("Weight", 299, 299),
    ("Weight", 299.1, NAN),
]

MEASUREMENT_CASES = [
    ("DiasABP", -1, NAN),
    ("DiasABP", 0.9, NAN),
    ("DiasABP", 1, 1),
    ("DiasABP", 200, 200),
    ("DiasABP", 201, NAN),
    *[(name, 0, NAN) for name in ("SysABP", "MAP", "NIDiasABP", "NISysABP", "NIMAP")],
    *[(name, 1, 1) for name in ("SysABP", "MAP", "NIDiasABP", "NISysABP", "NIMAP")],
    ("SysABP", 250, 250),
    ("HR", 0, NAN),
    ("HR", 299, 299),
    ("HR", 300, NAN),
    ("PaCO2", 0.5, NAN),
    ("PaCO2", 4, 40),
    ("PaCO2", 10, 10),
    ("PaO2", 0, NAN),
    ("PaO2", 12, 120),
    ("PaO2", 20, 20),
    ("pH", 0.74, 7.4),
    ("pH", 74, 7.4),
    ("pH", 735, 7.35),
    ("pH", 7.4, 7.4),
    ("pH", 6.4, NAN),
    ("pH", 8.1, NAN),
    ("pH", 0.65, NAN),
    ("pH", 100, NAN),
    ("Temp", 36.6, 36.6),
    ("Temp", 3.0, 37.4),
    ("Temp", 10, NAN),
    ("Temp", 98.6, 37),
    ("Temp", 95, NAN),
    ("Temp", 113, NAN),
    ("Temp", 24.9, NAN),
    ("Temp", 45.1, NAN),
    ("Temp", -17.8, NAN),
    ("RespRate", 0, NAN),
    ("RespRate", 12, 12),
    ("WBC", 0.9, NAN),
    ("WBC", 1, 1),
    ("Weight", 34, NAN),
    ("Weight", 300, NAN),
    ("Weight", 70, 70),
    ("GCS", 3, 3),  # no rule
]


@pytest.mark.parametrize(("name", "value", "expected"), DESCRIPTOR_CASES)
def test_descriptor(name, value, expected):
    cleaned = apply_rules(np.array([value, value], dtype=float), DESCRIPTOR_RULES[name])
    np.testing.assert_allclose(cleaned, [expected, expected], rtol=1e-12)


@pytest.mark.parametrize(("name", "value", "expected"), MEASUREMENT_CASES)
def test_measurement(name, value, expected):
    events = Events(
        record=np.array([1, 1]),
        minute=np.array([5, 6]),
        parameter=np.array([CODE[name], CODE["Urine"]]),
        value=np.array([value, value], dtype=float),
    )
    cleaned = clean_measurements(events)
    np.testing.assert_allclose(cleaned.value, [expected, value], rtol=1e-12)
    assert events.value.tolist() == [value, value]  # the input stays as it was


def test_cases_cover_every_rule():
    assert {name for name, *_ in DESCRIPTOR_CASES} == set(DESCRIPTOR_RULES)
    assert {name for name, *_ in MEASUREMENT_CASES} - {"GCS"} == set(MEASUREMENT_RULES)
    assert set(MEASUREMENT_RULES) <= set(PARAMETERS)


def height(x):
    """Apply the rules one by one to one number."""
    if x < 0:
        return NAN
    if x < 10:
        x = x * 100
    if x < 25:
        x = x * 10
    if x < 100:
        x = x * 2.2
    if x > 1000:
        x = x * 0.1
    if x > 250:
        x = x * 0.3937
    return x


@settings(deadline=None)
@given(st.lists(st.floats(-10, 5000) | st.integers(-1, 300).map(float)))
def test_height_by_brute_force(values):
    cleaned = apply_rules(np.array(values, dtype=float), DESCRIPTOR_RULES["Height"])
    np.testing.assert_array_equal(cleaned, [height(value) for value in values])


def temperature(x):
    if 1 < x < 10:
        x = x * 9 / 5 + 32
    if 95 < x < 113:
        x = (x - 32) * 5 / 9
    return NAN if x < 25 or x > 45 else x


@settings(deadline=None)
@given(st.lists(st.floats(-20, 130)))
def test_temperature_by_brute_force(values):
    cleaned = apply_rules(np.array(values, dtype=float), MEASUREMENT_RULES["Temp"])
    np.testing.assert_array_equal(cleaned, [temperature(value) for value in values])
