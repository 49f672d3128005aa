"""Hyper-parameters that a search of ours chose, by data set and method."""

import json
from pathlib import Path
from typing import Any

from tsdisentangle.encoders import TabularEncoder
from tsdisentangle.presets.published import AS_PUBLISHED, PUBLISHED_METHOD

SUFFIX = "-tuned"

# Best trials of benchmarks/search.py, by data set and method; written by that script.
# What the search left at the defaults of its time.
SEARCHED_WITH: dict[str, Any] = {"observation_scale": "decoder"}

TUNED_FILE = Path(__file__).parent / "tuned.json"


def tuned_parameters(found: dict[str, Any]) -> dict[str, Any]:
    """Return constructor parameters of a trial of the search, with a fresh encoder."""
    params = dict(found)
    if "hidden" in params:
        hidden = params.pop("hidden")
        params["encoder"] = TabularEncoder(hidden=hidden, out_features=hidden // 2)
    if isinstance(params.get("beta"), list):
        params["beta"] = tuple(params["beta"])
    return params


def has_tuned(name: str, method: str) -> bool:
    """Whether the search has chosen parameters for a method; ``name`` with or without -tuned."""
    return method in json.loads(TUNED_FILE.read_text()).get(name.removesuffix(SUFFIX), {})


def tuned_trial(name: str, method: str) -> dict[str, Any]:
    """Return what the search chose for a method, as its file has it.

    Parameters
    ----------
    name : str
        Data set and ``-tuned``.
    method : str
        Name of the class.

    Raises
    ------
    ValueError
        There is no preset of that name for the method.
    """
    known = _trials(method)
    if name not in known:
        raise ValueError(
            f"There is no preset {name!r} of {method}; the tuned ones are {sorted(known)}."
        )
    return known[name]


def tuned_preset(name: str, method: str) -> dict[str, Any]:
    """Return the constructor parameters that the search chose; as :func:`tuned_trial`."""
    searched_with = AS_PUBLISHED if method == PUBLISHED_METHOD else SEARCHED_WITH
    return searched_with | tuned_parameters(tuned_trial(name, method))


def tuned_names(method: str) -> list[str]:
    """Return the names of a method's tuned presets."""
    return list(_trials(method))


def _trials(method: str) -> dict[str, dict[str, Any]]:
    """Trials that the search chose for a method, by the preset's name."""
    table = json.loads(TUNED_FILE.read_text())
    return {dataset + SUFFIX: found[method] for dataset, found in table.items() if method in found}
