"""Versions of the packages that an estimator depends on, and their check in pickles."""

import platform
import warnings
from functools import cache
from importlib.metadata import version
from typing import Any

PACKAGES = ("tsdisentangle", "torch", "skorch", "scikit-learn", "numpy")
# A pickle holds objects of these packages with all their private parts.
PICKLED_PACKAGES = ("tsdisentangle", "torch", "skorch", "scikit-learn")
KEY = "_pickled_with"


class PickleVersionWarning(UserWarning):
    """A pickled estimator comes from other versions than those that are installed."""


@cache
def current_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a fitted estimator depends on."""
    return {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}}


def stamp(state: dict[str, Any]) -> dict[str, Any]:
    """Return the state of an estimator with the versions that it depends on.

    Parameters
    ----------
    state : dict
        As ``__getstate__`` of the parent class returns it.
    """
    versions = current_versions()
    return {**state, KEY: {name: versions[name] for name in PICKLED_PACKAGES}}


def unstamp(state: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the state without the versions, and warn if they are not the installed ones.

    Parameters
    ----------
    state : dict
        As :func:`stamp` made it.
    name : str
        Of the estimator's class.
    """
    written, installed = state.get(KEY, {}), current_versions()
    different = [
        f"{package} {written.get(package, 'of unknown version')} (installed: {installed[package]})"
        for package in PICKLED_PACKAGES
        if written.get(package) != installed[package]
    ]
    if different:
        warnings.warn(
            f"This {name} was pickled with {', '.join(different)}. It may fail or give other "
            "codes. Use estimator.save(path) for files that outlive a version.",
            PickleVersionWarning,
            stacklevel=3,
        )
    return {key: value for key, value in state.items() if key != KEY}
