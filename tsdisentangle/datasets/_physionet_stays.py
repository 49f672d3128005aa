"""Records of the PhysioNet/CinC challenge 2012 to stays on an hourly grid.

The text of the records is parsed into one table of measurements, cleaned by the released rules, and
averaged in hourly bins; stays that are too short or too empty are left out.
"""

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tsdisentangle.datasets._archive import Members
from tsdisentangle.datasets._base import Protocol

# -- records -------------------------------------------------------------------------------------

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

    Rows without a parameter name carry no information and are left out.

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


# -- cleaning rules of the released code ---------------------------------------------------------

Values = NDArray[np.float64]


def _missing(x: Values) -> Values:
    return np.full_like(x, np.nan)


class Rule(NamedTuple):
    """Values strictly between two limits are replaced."""

    above: float = -np.inf
    below: float = np.inf
    fix: Callable[[Values], Values] = _missing


_WEIGHT = (Rule(below=35), Rule(above=299))
_POSITIVE = (Rule(below=1),)

DESCRIPTOR_RULES: dict[str, tuple[Rule, ...]] = {
    "Age": (Rule(above=130, fix=lambda x: np.full_like(x, 91.4)),),  # hidden ages
    "Gender": (Rule(below=0),),
    "Height": (
        Rule(below=0),
        Rule(below=10, fix=lambda x: x * 100),  # 1.8 -> 180
        Rule(below=25, fix=lambda x: x * 10),  # 18 -> 180
        Rule(below=100, fix=lambda x: x * 2.2),  # inches, as the released code has it
        Rule(above=1000, fix=lambda x: x * 0.1),  # 1800 -> 180
        Rule(above=250, fix=lambda x: x * 0.3937),  # 400 -> 157
    ),
    "Weight": _WEIGHT,
}

MEASUREMENT_RULES: dict[str, tuple[Rule, ...]] = {
    "DiasABP": (Rule(below=1), Rule(above=200)),
    "SysABP": _POSITIVE,
    "MAP": _POSITIVE,
    "NIDiasABP": _POSITIVE,
    "NISysABP": _POSITIVE,
    "NIMAP": _POSITIVE,
    "HR": (Rule(below=1), Rule(above=299)),
    "PaCO2": (Rule(below=1), Rule(below=10, fix=lambda x: x * 10)),
    "PaO2": (Rule(below=1), Rule(below=20, fix=lambda x: x * 10)),
    "pH": (
        Rule(0.65, 0.8, lambda x: x * 10),
        Rule(65, 80, lambda x: x * 0.1),
        Rule(650, 800, lambda x: x * 0.01),
        Rule(below=6.5),
        Rule(above=8.0),
    ),
    "Temp": (
        Rule(1, 10, lambda x: x * 9 / 5 + 32),  # as the released code has it
        Rule(95, 113, lambda x: (x - 32) * 5 / 9),  # Fahrenheit
        Rule(below=25),
        Rule(above=45),
    ),
    "RespRate": _POSITIVE,
    "WBC": _POSITIVE,
    "Weight": _WEIGHT,
}


def apply_rules(values: Values, rules: tuple[Rule, ...]) -> Values:
    """Return cleaned values; each rule sees what the one before it left."""
    values = values.copy()
    for rule in rules:
        hit = (values > rule.above) & (values < rule.below)
        values[hit] = rule.fix(values[hit])
    return values


def clean_measurements(events: Events) -> Events:
    """Return events with the rules applied to every parameter that has some."""
    values = events.value.copy()
    for name, rules in MEASUREMENT_RULES.items():
        own = events.parameter == CODE[name]
        values[own] = apply_rules(values[own], rules)
    return events._replace(value=values)


# -- hourly bins: the corrected and the released ones --------------------------------------------

Rows = NDArray[np.int64]


class Hours(NamedTuple):
    """Where measurements fall on the hourly grid."""

    hour: Rows  # of each measurement; -1 if it falls outside its record's bins
    stay: Rows  # number of bins of each record
    length: int  # of the grid


def corrected_hours(row: Rows, minute: Rows, n_records: int) -> Hours:
    """Return bins [60 k, 60 k + 60) from admission: 48 of them.

    A stay ends with its last measurement. The few measurements at 48:00 sharp fall outside.
    """
    length = 48
    last = np.full(n_records, -1)  # a stay without measurements has no bins
    np.maximum.at(last, row, minute)
    hour = minute // 60
    return Hours(
        hour=np.where(hour < length, hour, -1),
        stay=np.minimum(last // 60 + 1, length),
        length=length,
    )


def released_hours(row: Rows, minute: Rows, n_records: int) -> Hours:
    """Return the released bins: (first + 60 k, first + 60 k + 60], on a grid of 80.

    They begin at the first measurement, which is thus lost, and the edges are
    ``arange(first, last, 60)``, so the last and partial hour is lost too.
    """
    first = np.full(n_records, np.iinfo(np.int64).max)
    last = np.zeros(n_records, dtype=np.int64)
    np.minimum.at(first, row, minute)
    np.maximum.at(last, row, minute)
    n_edges = -((first - last) // 60)  # division rounds up
    stay = np.maximum(n_edges - 1, 0)
    hour = (minute - first[row] - 1) // 60
    return Hours(hour=np.where(hour < stay[row], hour, -1), stay=stay, length=80)


def hourly_means(
    row: Rows, hour: Rows, channel: Rows, value: NDArray[np.float64], shape: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Return the mean of the values in each cell; NaN where there are none.

    Parameters
    ----------
    row, hour, channel : ndarray of int
        Cell of each value; it is left out if its hour is negative.
    value : ndarray of float
        Values; NaN counts as not measured.
    shape : tuple of int
        Records, hours and channels of the grid.
    """
    keep = (hour >= 0) & ~np.isnan(value)
    cell = np.ravel_multi_index((row[keep], hour[keep], channel[keep]), shape)
    size = int(np.prod(shape))
    count = np.bincount(cell, minlength=size)
    total = np.bincount(cell, weights=value[keep], minlength=size)
    mean = np.full(size, np.nan, dtype=np.float32)
    np.divide(total, count, out=mean, where=count > 0, casting="same_kind")
    return mean.reshape(shape)


# -- stays ---------------------------------------------------------------------------------------

CHANNELS = (
    *("DiasABP", "GCS", "HCT", "MAP", "NIDiasABP", "NIMAP", "NISysABP", "RespRate", "SysABP"),
    "Temp",
)
VENTILATION = "MechVent"
MIN_HOURS = 40


class Stays(NamedTuple):
    """Stays, one per row."""

    record: NDArray[Any]  # RecordID
    data: NDArray[np.float32]  # (n, hours, channels)
    mech_vent: NDArray[np.float32]  # (n, hours)
    descriptors: dict[str, NDArray[np.float64]]

    def where(self, keep: NDArray[np.bool_]) -> "Stays":
        """Return some of the stays."""
        descriptors = {name: values[keep] for name, values in self.descriptors.items()}
        return Stays(self.record[keep], self.data[keep], self.mech_vent[keep], descriptors)


def grid_stays(events: Events, protocol: Protocol) -> Stays:
    """Return the stays that pass the filters, on the hourly grid of a protocol."""
    records = np.unique(events.record)
    descriptors = _clean_descriptors(events, records)
    events = clean_measurements(measurements(events))
    row = np.searchsorted(records, events.record)
    bins = corrected_hours if protocol == "corrected" else released_hours
    hours = bins(row, events.minute.astype(np.int64), len(records))
    grid = _grid(events, row, hours)
    data, mech_vent = grid[..., :-1], grid[..., -1]
    if protocol == "corrected":
        in_stay = np.arange(hours.length) < hours.stay[:, None]
        mech_vent[in_stay & np.isnan(mech_vent)] = 0
    return Stays(records, data, mech_vent, descriptors).where(_is_kept(data, hours.stay))


def _clean_descriptors(events: Events, records: NDArray[Any]) -> dict[str, NDArray[np.float64]]:
    return {
        name: apply_rules(descriptor(events, name, records), DESCRIPTOR_RULES.get(name, ()))
        for name in ("ICUType", "Age", "Gender", "Height", "Weight")
    }


def _grid(events: Events, row: NDArray[np.int64], hours: Hours) -> NDArray[np.float32]:
    parameters = [*CHANNELS, VENTILATION]
    place = np.full(len(CODE), -1)
    place[[CODE[name] for name in parameters]] = np.arange(len(parameters))
    channel = place[events.parameter]
    wanted = channel >= 0
    return hourly_means(
        row[wanted],
        hours.hour[wanted],
        channel[wanted],
        events.value[wanted],
        (len(hours.stay), hours.length, len(parameters)),
    )


def _is_kept(data: NDArray[np.float32], stay: NDArray[np.int64]) -> NDArray[np.bool_]:
    cells = stay * data.shape[2]
    missing = cells - (~np.isnan(data)).sum(axis=(1, 2))
    return (stay >= MIN_HOURS) & (5 * missing <= 3 * cells)  # 60 %, in whole numbers
