import io
import tarfile

import numpy as np
import pytest

from tsdisentangle.datasets._physionet_files import RECORDS
from tsdisentangle.datasets._physionet_records import (
    CODE,
    PARAMETERS,
    descriptor,
    measurements,
    parse,
)

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


def test_published_records_line_by_line(real_data):
    members = {}
    with tarfile.open(real_data / RECORDS["a"].path) as archive:
        for info in archive:
            if info.name.endswith(("0.txt", "551.txt")):
                members[info.name[-10:]] = archive.extractfile(info).read()
    assert len(members) > 300
    expected = []
    for name in sorted(members):
        for line in io.StringIO(members[name].decode()).readlines()[1:]:
            time, parameter, value = line.strip().split(",")
            minute = int(time[:2]) * 60 + int(time[3:])
            expected.append((int(name[:6]), minute, CODE[parameter], float(value)))
    events = parse(members)
    np.testing.assert_array_equal(np.column_stack(events), np.array(expected))
