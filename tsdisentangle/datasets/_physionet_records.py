"""Text files of the PhysioNet/CinC challenge 2012 as one table of measurements."""

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ._archive import Members

PARSER_VERSION = 1  # part of the derived cache's key: count it up when `parse` changes
HEADER = b"Time,Parameter,Value"
RECORD_NAME = r"\d{6}\.txt"

DESCRIPTORS = ("RecordID", "Age", "Gender", "Height", "ICUType", "Weight")
# Weight is a descriptor at 00:00 and a measurement later.
PARAMETERS = (
    *DESCRIPTORS,
    *("Albumin", "ALP", "ALT", "AST", "Bilirubin", "BUN", "Cholesterol", "Creatinine", "DiasABP"),
    *("FiO2", "GCS", "Glucose", "HCO3", "HCT", "HR", "K", "Lactate", "MAP", "MechVent", "Mg"),
    *("Na", "NIDiasABP", "NIMAP", "NISysABP", "PaCO2", "PaO2", "pH", "Platelets", "RespRate"),
    *("SaO2", "SysABP", "Temp", "TroponinI", "TroponinT", "Urine", "WBC"),
)
CODE = {name: code for code, name in enumerate(PARAMETERS)}


class Events(NamedTuple):
    """All rows of all records, each an array of the same length."""

    record: NDArray[Any]  # RecordID
    minute: NDArray[Any]  # since admission
    parameter: NDArray[Any]  # position in PARAMETERS
    value: NDArray[Any]

    def where(self, keep: NDArray[np.bool_]) -> "Events":
        """Return some of the rows."""
        return Events(*(column[keep] for column in self))


def parse(members: Members) -> Events:
    """Read all records at once, ordered by record; rows keep their order in the file.

    Rows without a parameter name say nothing and are left out.

    Raises
    ------
    ValueError
        If a record does not have the published form.
    """
    names = sorted(members)
    for name in names:
        _check_record(name, members[name])
    # One text, one pass: a reader call per record would take most of a minute.
    bodies = [members[name].split(b"\n", 1)[1].rstrip() + b"\n" for name in names]
    table = pd.read_csv(
        BytesIO(b"".join(bodies)),
        header=None,
        names=["time", "parameter", "value"],
        dtype={"time": "category", "parameter": "category", "value": "float64"},
        skip_blank_lines=False,
    )
    rows = [body.count(b"\n") for body in bodies]
    if len(table) != sum(rows):  # a quote joins rows, a lone carriage return parts them
        raise ValueError(f"the records have {sum(rows)} rows, but {len(table)} are read from them")
    events = Events(
        record=np.repeat([int(name[:6]) for name in names], rows).astype(np.int32),
        minute=_translate(table["time"], _minute).astype(np.int16),
        parameter=_translate(table["parameter"], _code).astype(np.int8),
        value=table["value"].to_numpy(),
    )
    return events.where(events.parameter >= 0)


def descriptor(events: Events, name: str, records: NDArray[Any]) -> NDArray[np.float64]:
    """Return a descriptor of each record: its first value at 00:00."""
    rows = np.flatnonzero((events.parameter == CODE[name]) & (events.minute == 0))
    owner, first = np.unique(events.record[rows], return_index=True)
    if not np.array_equal(owner, records):
        lacking = np.setdiff1d(records, owner)
        raise ValueError(f"no {name} at 00:00 in the records {lacking[:5].tolist()}")
    return events.value[rows[first]]


def measurements(events: Events) -> Events:
    """Return the rows that are not descriptors."""
    is_descriptor = (events.minute == 0) & (events.parameter < len(DESCRIPTORS))
    return events.where(~is_descriptor)


def _check_record(name: str, text: bytes) -> None:
    first = b"\n00:00,RecordID," + name[:6].encode()
    head = text[: len(HEADER) + len(first) + 2].replace(b"\r", b"")
    if not head.startswith(HEADER + first):
        raise ValueError(f"{name} does not begin with {HEADER.decode()!r} and its RecordID")


def _translate(column: pd.Series, translate: Callable[[str], int]) -> NDArray[np.int64]:
    # Few distinct texts, millions of rows: translate the texts, then look the rows up.
    # The last place answers the code -1, which pandas gives to an empty text.
    table = np.array([translate(text) for text in column.cat.categories] + [-1])
    return table[column.cat.codes.to_numpy()]


def _minute(time: str) -> int:
    match = re.fullmatch(r"(\d\d):([0-5]\d)", time)
    if match is None:
        raise ValueError(f"a time is {time!r}, expected hours and minutes as in '07:45'")
    return 60 * int(match[1]) + int(match[2])


def _code(parameter: str) -> int:
    if parameter not in CODE:
        raise ValueError(f"the parameter {parameter!r} is not one of the challenge")
    return CODE[parameter]
