"""Versions in pickles: other versions may read them wrongly, and a warning shall say so."""

import warnings
from typing import Any

from tsdisentangle.persistence.document import current_versions

KEY = "_pickled_with"
# A pickle holds objects of these packages with all their private parts.
TIED = ("tsdisentangle", "torch", "skorch", "scikit-learn")


class PickleVersionWarning(UserWarning):
    """A pickled estimator comes from other versions than those that are installed."""


def stamp(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state of an estimator with the versions that it depends on."""
    versions = current_versions()
    return {**state, KEY: {name: versions[name] for name in TIED}}


def unstamp(state: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the state without the versions, and warn if they are not the installed ones.

    Parameters
    ----------
    state : dict
        As :func:`stamp` made it.
    name : str
        Of the estimator's class.
    """
    written, now = state.get(KEY, {}), current_versions()
    other = [
        f"{package} {written.get(package, 'of unknown version')} (installed: {now[package]})"
        for package in TIED
        if written.get(package) != now[package]
    ]
    if other:
        warnings.warn(
            f"This {name} was pickled with {', '.join(other)}. It may fail or give other codes. "
            "Use estimator.save(path) for files that outlive a version.",
            PickleVersionWarning,
            stacklevel=3,
        )
    return {key: value for key, value in state.items() if key != KEY}
