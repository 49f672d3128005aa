"""Hyper-parameters by data set: of Berman et al. (2024), Table 6, and those of our own search."""

import json
from pathlib import Path
from typing import Any

from tsdisentangle.encoders import TabularEncoder

# alpha weighs the anchor window, beta both KL divergences, against a reconstruction term that is
# summed over observed entries; sizes and encoder are the paper's, epochs the released code's. That
# code draws 10 to 15 samples a series and step; one draw is much cheaper.
_PAPER: dict[str, Any] = {"static_dim": 8, "dynamic_dim": 8}
PRESETS: dict[str, dict[str, Any]] = {
    "physionet-mortality": _PAPER
    | {"window": 4, "alpha": 0.1, "beta": 0.01, "lr": 3e-3, "batch_size": 30, "max_epochs": 251},
    "physionet-icu": _PAPER
    | {"window": 4, "alpha": 0.1, "beta": 0.01, "lr": 3e-3, "batch_size": 30, "max_epochs": 401},
    "air-quality": _PAPER
    | {"window": 24, "alpha": 0.28, "beta": 2e-4, "lr": 3e-3, "batch_size": 10, "max_epochs": 201},
    "etth1": _PAPER
    | {"window": 24, "alpha": 0.23, "beta": 0.03, "lr": 1e-3, "batch_size": 10, "max_epochs": 301},
}


def preset_parameters(name: str) -> dict[str, Any]:
    """Return the parameters of a preset, with a fresh encoder of the paper's kind and size.

    Raises
    ------
    ValueError
        There is no preset of that name.
    """
    if name not in PRESETS:
        raise ValueError(f"There is no preset {name!r}; expected one of {sorted(PRESETS)}.")
    encoder = TabularEncoder("step", hidden=64, out_features=32)
    return {"encoder": encoder, "missing": "mask", **PRESETS[name]}


# Best trials of benchmarks/search.py, by data set and method; written by that script.
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


def tuned_preset(name: str, method: str) -> dict[str, Any]:
    """Return the parameters that the search chose for a method on a data set.

    Raises
    ------
    ValueError
        There is no preset of that name for the method.
    """
    table = json.loads(TUNED_FILE.read_text())
    known = sorted(dataset for dataset, found in table.items() if method in found)
    if name not in known:
        raise ValueError(f"There is no tuned preset {name!r} of {method}; expected one of {known}.")
    return tuned_parameters(table[name][method])
