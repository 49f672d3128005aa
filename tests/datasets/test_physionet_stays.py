"""From the text of the records to the hourly grid: parser, cleaning rules, bins."""

import io
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tsdisentangle.datasets._physionet_stays import (
    CODE,
    DESCRIPTOR_RULES,
    MEASUREMENT_RULES,
    PARAMETERS,
    Events,
    apply_rules,
    clean_measurements,
    corrected_hours,
    descriptor,
    hourly_means,
    measurements,
    parse,
    released_hours,
)

# -- records -------------------------------------------------------------------------------------

HEAD = "Time,Parameter,Value\n00:00,RecordID,{id}\n00:00,Age,54\n00:00,Gender,0\n00:00,Height,-1\n"
TAIL = "00:00,ICUType,4\n00:00,Weight,80.5\n"


def record(id=100001, rows="00:07,HR,73\n"):
    return (HEAD + TAIL).format(id=id).encode() + rows.encode()


def as_rows(events):
    return [(int(r), int(m), PARAMETERS[p], float(v)) for r, m, p, v in zip(*events, strict=True)]


def test_rows():
    members = {
        "100002.txt": record(100002, "47:59,Temp,36.6\n48:00,Temp,-17.8\n"),
        "100001.txt": record(100001),
    }
    assert as_rows(measurements(parse(members))) == [
        (100001, 7, "HR", 73.0),
        (100002, 2879, "Temp", 36.6),
        (100002, 2880, "Temp", -17.8),
    ]


def test_record_without_measurements():
    events = parse({"100001.txt": record(rows="")})
    assert len(events.record) == 6
    assert as_rows(measurements(events)) == []


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_line_ends(end, line_end):
    text = record().decode().rstrip() + end
    members = {f"10000{i}.txt": record(f"10000{i}") for i in (1, 3)}
    members["100002.txt"] = text.replace("100001", "100002").replace("\n", line_end).encode()
    events = parse(members)
    assert np.bincount(events.record - 100001).tolist() == [7, 7, 7]


@pytest.mark.parametrize("row", ['00:07,"HR,73\n00:08,HR",73\n', "00:07,HR,73\r00:08,HR,73\n"])
def test_rows_that_are_not_lines_are_refused(row):
    """Found by fuzzing."""
    with pytest.raises(ValueError, match=r"rows, but \d are read"):
        parse({"100001.txt": record(rows=row)})


def test_row_without_parameter_is_left_out():
    events = parse({"100001.txt": record(rows="00:07,,0\n00:08,HR,70\n")})
    assert as_rows(measurements(events)) == [(100001, 8, "HR", 70.0)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("100001.txt", b"", "does not begin with"),
        ("100001.txt", b"a,b,c\n1,2,3\n", "does not begin with"),
        ("100002.txt", record(), r"100002\.txt does not begin with .* its RecordID"),
        ("100001.txt", record(rows="0:7,HR,70\n"), "a time is '0:7'"),
        ("100001.txt", record(rows="00:61,HR,70\n"), "a time is '00:61'"),
        ("100001.txt", record(rows="00:07,Mood,70\n"), "'Mood' is not one of the challenge"),
        ("100001.txt", record(rows="00:07,HR,high\n"), "high"),
        ("100001.txt", record(rows="00:07,HR,70,80\n"), "Expected 3 fields"),
    ],
)
def test_other_forms_are_errors(name, text, message):
    with pytest.raises(ValueError, match=message):
        parse({name: text})


def test_descriptor_is_the_first_value_at_midnight():
    # As in the data: measurements at 00:00 stand among the descriptors, and Weight repeats.
    rows = "00:00,Weight,79\n00:30,Weight,78\n"
    members = {"100001.txt": record(rows=rows), "100002.txt": record(100002)}
    events = parse(members)
    records = np.array([100001, 100002])
    assert descriptor(events, "Weight", records).tolist() == [80.5, 80.5]
    assert descriptor(events, "Height", records).tolist() == [-1, -1]


def test_missing_descriptor_is_an_error():
    events = parse({"100001.txt": record().replace(b"00:00,Age,54\n", b"")})
    with pytest.raises(ValueError, match=r"no Age at 00:00 in the records \[100001\]"):
        descriptor(events, "Age", np.array([100001]))


def test_published_records_line_by_line(physionet_texts):
    texts = physionet_texts("a").items()
    members = {name: text for name, text in texts if name.endswith(("0.txt", "551.txt"))}
    assert len(members) > 300
    expected = []
    for name in sorted(members):
        for line in io.StringIO(members[name].decode()).readlines()[1:]:
            time, parameter, value = line.strip().split(",")
            minute = int(time[:2]) * 60 + int(time[3:])
            expected.append((int(name[:6]), minute, CODE[parameter], float(value)))
    events = parse(members)
    np.testing.assert_array_equal(np.column_stack(events), np.array(expected))


# -- cleaning rules ------------------------------------------------------------------------------

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


# -- hourly bins ---------------------------------------------------------------------------------

N_RECORDS, N_CHANNELS = 3, 2

row = st.tuples(
    st.integers(0, N_RECORDS - 1),
    st.integers(0, 2880) | st.integers(0, 48).map(lambda hour: 60 * hour),
    st.integers(0, N_CHANNELS - 1),
    st.floats(-100, 100) | st.just(np.nan),
)
tables = st.lists(row, max_size=60)


def columns(table):
    record, minute, channel = (np.array([r[i] for r in table], dtype=np.int64) for i in range(3))
    return record, minute, channel, np.array([r[3] for r in table], dtype=float)


def grid(hours, table):
    record, _, channel, value = columns(table)
    return hourly_means(record, hours.hour, channel, value, (N_RECORDS, hours.length, N_CHANNELS))


def mean(values):
    values = [value for value in values if not np.isnan(value)]
    return np.float32(sum(values) / len(values)) if values else np.nan


@settings(deadline=None)
@given(tables)
def test_corrected_bins_by_brute_force(table):
    record, minute, *_ = columns(table)
    hours = corrected_hours(record, minute, N_RECORDS)
    expected = np.full((N_RECORDS, 48, N_CHANNELS), np.nan)
    for r, h, c in np.ndindex(*expected.shape):
        expected[r, h, c] = mean(
            [v for i, m, k, v in table if (i, k) == (r, c) and 60 * h <= m < 60 * h + 60]
        )
    np.testing.assert_allclose(grid(hours, table), expected, rtol=1e-5, atol=1e-5)
    for r in range(N_RECORDS):
        last = max((m for i, m, *_ in table if i == r), default=-1)
        assert hours.stay[r] == min(last // 60 + 1, 48)


@settings(deadline=None)
@given(tables)
def test_released_bins_by_brute_force(table):
    """Compare with what the released code calls: ``pd.cut`` of ``np.arange``, record by record."""
    record, minute, *_ = columns(table)
    hours = released_hours(record, minute, N_RECORDS)
    expected = np.full((N_RECORDS, 80, N_CHANNELS), np.nan)
    for r in range(N_RECORDS):
        own = [(m, c, v) for i, m, c, v in table if i == r]
        edges = np.arange(min(own)[0], max(own)[0], 60) if own else []
        assert hours.stay[r] == max(len(edges) - 1, 0)
        if len(edges) < 2:
            continue
        bins = pd.cut(pd.Series([m for m, *_ in own]), edges, labels=False)
        for h, c in np.ndindex(len(edges) - 1, N_CHANNELS):
            expected[r, h, c] = mean(
                [v for (_, k, v), bin in zip(own, bins, strict=True) if (bin, k) == (h, c)]
            )
    np.testing.assert_allclose(grid(hours, table), expected, rtol=1e-5, atol=1e-5)


def test_the_first_measurement_and_the_last_hour():
    minute = np.array([5, 65, 66, 125, 130])
    zeros = np.zeros(5, dtype=np.int64)
    assert corrected_hours(zeros, minute, 1).hour.tolist() == [0, 1, 1, 2, 2]
    assert corrected_hours(zeros, minute, 1).stay.tolist() == [3]
    # Edges 5, 65, 125: the first measurement and what follows 125 belong to no bin.
    assert released_hours(zeros, minute, 1).hour.tolist() == [-1, 0, 1, 1, -1]
    assert released_hours(zeros, minute, 1).stay.tolist() == [2]


def test_no_measurements_at_all():
    nothing = np.array([], dtype=np.int64)
    for bins in (corrected_hours, released_hours):
        hours = bins(nothing, nothing, 2)
        assert hours.stay.tolist() == [0, 0]
        means = hourly_means(nothing, hours.hour, nothing, nothing.astype(float), (2, 3, 1))
        assert np.isnan(means).all()
