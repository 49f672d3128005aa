"""Cleaning rules of the released code for the PhysioNet challenge 2012, as a table."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ._physionet_records import CODE, Events

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
