"""Stays of the PhysioNet challenge 2012 on an hourly grid, cleaned and filtered."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._physionet_hours import Hours, corrected_hours, hourly_means, released_hours
from ._physionet_records import CODE, Events, descriptor, measurements
from ._physionet_rules import DESCRIPTOR_RULES, apply_rules, clean_measurements
from ._protocol import Protocol

CHANNELS = (
    *("DiasABP", "GCS", "HCT", "MAP", "NIDiasABP", "NIMAP", "NISysABP", "RespRate", "SysABP"),
    "Temp",
)
VENTILATION = "MechVent"
MIN_HOURS = 40


class Stays(NamedTuple):
    """Stays, one a row."""

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
