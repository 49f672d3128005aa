"""Whose checkpoint it is: what a fit depends on, and whether two fits are one."""

from collections.abc import Iterator
from numbers import Integral
from pathlib import Path
from typing import Any

from tsdisentangle.persistence.document import current_versions
from tsdisentangle.persistence.values import ValueWriter
from tsdisentangle.training.dataset import SequenceDataset
from tsdisentangle.training.state import fingerprint

# Parameters that one fit may have in its first run and another in the next.
FREE = {"max_epochs", "device", "verbose", "callbacks", "checkpoint_dir", "checkpoint_every"}
FREE |= {"output", "static_pooling"}  # which are read after fit alone


class CheckpointError(ValueError):
    """A checkpoint belongs to another fit."""


def check_resumable(estimator: Any) -> None:
    """Refuse parameters with which a fit cannot go on exactly.

    Raises
    ------
    ValueError
    """
    if estimator.checkpoint_dir is None:
        return
    if not isinstance(estimator.random_state, Integral):
        raise ValueError(
            f"checkpoint_dir needs an int as random_state, got {estimator.random_state!r}: a fit "
            "that goes on must draw the same numbers. Pass random_state=0."
        )
    if estimator.callbacks:
        raise ValueError(
            "checkpoint_dir cannot be combined with callbacks: what they remember is not in a "
            "checkpoint. Pass callbacks=None or checkpoint_dir=None."
        )


def describe_fit(estimator: Any, dataset: SequenceDataset) -> Iterator[tuple[str, Any]]:
    """Name and JSON value of all that the numbers of a fit depend on."""
    yield "method", type(estimator).__name__
    writer = ValueWriter()
    for name, value in estimator.get_params(deep=False).items():
        if name not in FREE:
            yield from _flat(name, writer.write(value, name))
    yield from estimator._schedule().items()
    for name in ("n_series_in_", "n_channels_in_", "window_"):
        yield name, int(getattr(estimator, name))
    yield "sha256 of X", fingerprint(dataset)
    for package, version in current_versions().items():
        yield f"version of {package}", _series(version)


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Return a parameter, and those of a parameter object, under the names of ``set_params``."""
    if not (isinstance(value, dict) and "class" in value):
        yield name, value
        return
    yield name, value["class"]
    for key, item in value["parameters"].items():
        yield from _flat(f"{name}__{key}", item)


def _series(version: str) -> str:
    """Versions that are compatible by their number: 2.x, or 0.3.x."""
    parts = version.split(".")
    return ".".join(parts[: 1 if parts[0] != "0" else 2])


def _differ(one: Any, other: Any) -> bool:
    """Whether two JSON values differ; True, though equal to 1, is another value."""
    return isinstance(one, bool) != isinstance(other, bool) or one != other


def refuse_other_fit(path: Path, here: dict[str, Any], there: dict[str, Any]) -> None:
    """Compare what :func:`describe_fit` says now with what it said in the checkpoint.

    Raises
    ------
    CheckpointError
    """
    names = [*here, *sorted(set(there) - set(here))]
    absent = "absent"
    different = [
        f"{name} is {here.get(name, absent)!r} now and was {there.get(name, absent)!r}"
        for name in names
        if _differ(here.get(name, absent), there.get(name, absent))
    ]
    if different:
        raise CheckpointError(
            f"The checkpoint {path} is of another fit: {'; '.join(different)}. Delete it to fit "
            "from the start, pass another checkpoint_dir, or set back what is different."
        )
