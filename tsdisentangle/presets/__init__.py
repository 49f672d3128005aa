"""Hyper-parameters by data set: published ones, and those that a search of ours chose."""

from typing import Any

from tsdisentangle.presets.published import PUBLISHED_METHOD, preset_names, preset_parameters
from tsdisentangle.presets.tuned import tuned_names, tuned_preset


def load_preset(method: str, name: str) -> dict[str, Any]:
    """Return the constructor parameters of a preset, with a fresh encoder.

    Parameters
    ----------
    method : str
        Name of the estimator's class.
    name : str
        Of the preset.

    Raises
    ------
    ValueError
        There is no preset of that name for the method.
    """
    published = preset_names() if method == PUBLISHED_METHOD else []
    tuned = tuned_names(method)
    if name in published:
        return preset_parameters(name)
    if name in tuned:
        return tuned_preset(name, method)
    raise ValueError(
        f"There is no preset {name!r} of {method}; expected one of {sorted([*published, *tuned])}."
    )
