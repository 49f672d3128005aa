"""The checkpoint of a fit: the state of training, and all that identifies the fit."""

import json
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tsdisentangle.persistence.archive import (
    ModelFileError,
    pack,
    read_document,
    read_tensors,
    read_weights,
    write_tensors,
)
from tsdisentangle.persistence.document import get_field, refuse_unknown_fields
from tsdisentangle.persistence.files import open_regular_file, write_atomically
from tsdisentangle.persistence.values import ValueWriter, parse_json, read_value
from tsdisentangle.persistence.versions import current_versions
from tsdisentangle.persistence.weight_checks import check_numbers, check_weights
from tsdisentangle.training.dataset import SequenceDataset
from tsdisentangle.training.state import (
    CALLBACK_NUMBERS,
    TrainingState,
    fingerprint,
    get_state,
    split_sections,
)

NAME = "checkpoint.tsdc"
FORMAT = "tsdisentangle checkpoint"
FORMAT_VERSION = 1
FIELD_TYPES: dict[str, type] = {
    "fit": dict,
    "epochs": int,
    "stopped": bool,
    "numbers": dict,
    "history": list,
}
SECTIONS = {"network", "optimizer", "best", "generator"}  # first part of the tensors' names

# Parameters that may change between two runs of one fit; so may those in ``_after_fit``.
FREE_BETWEEN_RUNS = {
    "max_epochs",
    "device",
    "verbose",
    "callbacks",
    "checkpoint_dir",
    "checkpoint_every",
}


class CheckpointError(ValueError):
    """A checkpoint belongs to another fit."""


@dataclass
class CheckpointFile:
    """Where the states of a fit are written, and the one that was found there.

    Attributes
    ----------
    path : Path
    fit : dict of str to JSON value
        What identifies the fit; see :func:`identify_fit`.
    every, max_epochs : int
        Which epochs are written: multiples of the first, and the last.
    state : TrainingState or None
        The one that was found; None once training has resumed from it.
    history : list of dict
        The rows of history of that state.
    written : int or None
        Epoch of the state in the file.
    """

    path: Path
    fit: dict[str, Any]
    every: int
    max_epochs: int
    state: TrainingState | None = None
    history: list[dict[str, Any]] = field(default_factory=list)
    written: int | None = None

    @property
    def epochs_left(self) -> int:
        """Epochs to train from the state that was found; 0 after early stopping."""
        if self.state is None:
            return self.max_epochs
        return 0 if self.state.stopped else self.max_epochs - self.state.epochs

    def is_due(self, epochs: int, stopped: bool) -> bool:
        """Whether the state after an epoch is to be written."""
        return stopped or epochs == self.max_epochs or epochs % self.every == 0

    def save(self, state: TrainingState, history: list[dict[str, Any]]) -> None:
        """Write a state; the former one stays until the new one is on the disk.

        Parameters
        ----------
        state : TrainingState
        history : list of dict
            One row per epoch.

        Raises
        ------
        OSError
            It cannot be written; the former one is still there.
        ModelFileError
            It is larger than a file may be.
        """
        pieces = pack(_to_json(self.fit, state, history), write_tensors(state.tensors))
        try:
            write_atomically(self.path, pieces, self.path.with_name(f".{NAME}.tmp"))
        except OSError as error:
            kept = f"that of epoch {self.written} is" if self.written else "there is none"
            raise OSError(
                error.errno,
                f"The checkpoint of epoch {state.epochs} cannot be written: {error.strerror}. "
                f"Fit again when this is mended; {kept} to go on from",
                str(self.path),
            ) from error
        self.written = state.epochs


def open_checkpoint(estimator: Any, dataset: SequenceDataset) -> CheckpointFile | None:
    """Return the checkpoint file of a fit that is about to train; None if it has none.

    Parameters
    ----------
    estimator : SequenceDisentangler
        With an untrained net.
    dataset : SequenceDataset
        The training data.

    Returns
    -------
    CheckpointFile or None

    Raises
    ------
    CheckpointError
        The checkpoint in the folder is of other data or parameters, or of a later epoch.
    ModelFileError
        It is damaged.
    OSError
        The folder cannot be made or read.
    """
    if estimator.checkpoint_dir is None:
        return None
    path = Path(estimator.checkpoint_dir, NAME)
    path.parent.mkdir(parents=True, exist_ok=True)
    fit = identify_fit(estimator, dataset)
    found = CheckpointFile(path, fit, estimator.checkpoint_every, estimator.max_epochs_)
    if path.exists():
        try:
            _read(found, estimator.net_)
        except ModelFileError as error:
            raise ModelFileError(
                f"{path} cannot be read as a checkpoint: {error} Delete it to fit from the start."
            ) from error
    return found


# -- which fit it is ------------------------------------------------------------------------------


def check_resumable(estimator: Any) -> None:
    """Refuse parameters with which a fit cannot be resumed exactly.

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


def identify_fit(estimator: Any, dataset: SequenceDataset) -> dict[str, Any]:
    """Return all that the numbers of a fit depend on, as JSON values by name.

    Parameters
    ----------
    estimator : SequenceDisentangler
    dataset : SequenceDataset
        The training data.
    """
    fit: dict[str, Any] = {"method": type(estimator).__name__}
    writer, free = ValueWriter(), FREE_BETWEEN_RUNS.union(estimator._after_fit)
    for name, value in estimator.get_params(deep=False).items():
        if name not in free:
            fit.update(_flatten(name, writer.write(value, name)))
    fit.update(estimator._schedule())
    for name in ("n_series_in_", "n_channels_in_", "window_"):
        fit[name] = int(getattr(estimator, name))
    fit["sha256 of X"] = fingerprint(dataset)
    for package, version in current_versions().items():
        fit[f"version of {package}"] = _release_series(version)
    return fit


def _flatten(name: str, value: Any) -> dict[str, Any]:
    """Return a parameter, and those of a parameter object, by the names that set_params takes."""
    if not (isinstance(value, dict) and "class" in value):
        return {name: value}
    flat = {name: value["class"]}
    for key, item in value["parameters"].items():
        flat.update(_flatten(f"{name}__{key}", item))
    return flat


def _release_series(version: str) -> str:
    """Return the part of a version that compatible releases share: 2 of 2.x, 0.3 of 0.3.x."""
    parts = version.split(".")
    return ".".join(parts[: 1 if parts[0] != "0" else 2])


def _refuse_other_fit(path: Path, now: dict[str, Any], written: dict[str, Any]) -> None:
    """Compare what :func:`identify_fit` returns now with what a checkpoint holds of it."""
    names = [*now, *sorted(set(written) - set(now))]
    absent = "absent"
    different = [
        f"{name} is {now.get(name, absent)!r} now and was {written.get(name, absent)!r}"
        for name in names
        if _differ(now.get(name, absent), written.get(name, absent))
    ]
    if different:
        raise CheckpointError(
            f"The checkpoint {path} is of another fit: {'; '.join(different)}. Delete it to fit "
            "from the start, pass another checkpoint_dir, or set back what is different."
        )


def _differ(one: Any, other: Any) -> bool:
    """Whether two JSON values differ; True, though equal to 1, is another value."""
    return isinstance(one, bool) != isinstance(other, bool) or one != other


# -- the file -------------------------------------------------------------------------------------


def _to_json(fit: dict[str, Any], state: TrainingState, history: list[dict[str, Any]]) -> bytes:
    rows = [{key: value for key, value in row.items() if key != "batches"} for row in history]
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "fit": fit,
        "epochs": state.epochs,
        "stopped": state.stopped,
        "numbers": _write_values(state.numbers, "numbers"),
        "history": [_write_values(row, f"history_[{i}]") for i, row in enumerate(rows)],
    }
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode("ascii")


def _write_values(value: Any, name: str) -> Any:
    if isinstance(value, dict):
        return {key: _write_values(item, f"{name}[{key!r}]") for key, item in value.items()}
    return ValueWriter().write(value, name)


def _read_values(value: Any, name: str) -> Any:
    if isinstance(value, dict) and not any(isinstance(item, str) for item in value.values()):
        return {key: _read_values(item, f"{name}[{key!r}]") for key, item in value.items()}
    return read_value(value, name, _refuse_class)


def _refuse_class(name: str, parameters: dict[str, Any]) -> None:
    raise ModelFileError(f"The file names the class {name[:80]!r} where a number is expected.")


def _read(found: CheckpointFile, net: Any) -> None:
    """Read the file, and check that it is of this fit and fits the net."""
    with open_regular_file(found.path) as file:
        content = read_document(file)
        fields = _from_json(content)
        tensors = read_tensors(read_weights(file, content))
    _refuse_other_fit(found.path, found.fit, fields["fit"])
    state = TrainingState(
        fields["epochs"], fields["stopped"], _read_values(fields["numbers"], "numbers"), tensors
    )
    history = _read_history(fields["history"], state.epochs)
    if state.epochs > found.max_epochs:
        raise CheckpointError(
            f"The checkpoint {found.path} is of epoch {state.epochs}, beyond "
            f"max_epochs={found.max_epochs}. Pass max_epochs={state.epochs} or more, another "
            "checkpoint_dir, or delete it to fit from the start."
        )
    _check_numbers(net, state.numbers)
    _check_tensors(net, tensors)
    found.state, found.written = state, state.epochs
    found.history = history


def _read_history(rows: list[Any], epochs: int) -> list[dict[str, Any]]:
    if epochs < 1 or len(rows) != epochs or not all(isinstance(row, dict) for row in rows):
        raise ModelFileError(f"history does not have a row for each of {epochs} epochs.")
    return [{"batches": [], **_read_values(row, f"history_[{i}]")} for i, row in enumerate(rows)]


def _from_json(content: bytes) -> dict[str, Any]:
    fields = parse_json(content)
    if not isinstance(fields, dict) or fields.get("format") != FORMAT:
        raise ModelFileError("model.json does not describe a checkpoint of tsdisentangle.")
    version = get_field(fields, "format_version", int)
    if version != FORMAT_VERSION:
        raise ModelFileError(
            f"The file has format version {version}; this tsdisentangle reads {FORMAT_VERSION}."
        )
    refuse_unknown_fields(fields, {"format", "format_version", *FIELD_TYPES}, "model.json")
    return {name: get_field(fields, name, kind) for name, kind in FIELD_TYPES.items()}


def _check_numbers(net: Any, numbers: dict[str, Any]) -> None:
    expected = get_state(net).numbers
    check_numbers(net.module_, get_field(numbers, "network", dict))
    refuse_unknown_fields(numbers, set(expected), "numbers")
    scaler = get_field(numbers, "grad_scaler", dict)
    callbacks = get_field(numbers, "callbacks", dict)
    if set(scaler) != set(expected["grad_scaler"]) or set(callbacks) != set(expected["callbacks"]):
        raise ModelFileError("numbers does not hold what this training loop remembers.")
    for name in scaler:
        get_field(scaler, name, int, float)
    for name in callbacks:
        own = get_field(callbacks, name, dict)
        refuse_unknown_fields(own, set(CALLBACK_NUMBERS), f"numbers of {name}")
        for key in own:
            get_field(own, key, int, float, type(None))


def _check_tensors(net: Any, tensors: dict[str, Tensor]) -> None:
    sections = split_sections(tensors)
    if other := sorted(set(sections) - SECTIONS):
        raise ModelFileError(f"weights.safetensors holds {other[0][:80]!r}, which has no place.")
    expected = net.module_.state_dict()
    check_weights(expected, sections.get("network", {}))
    if "best" in sections:
        check_weights(expected, sections["best"])
    parameters = net.optimizer_.param_groups[0]["params"]
    optimizer = split_sections(sections.get("optimizer", {}))
    if not optimizer:
        raise ModelFileError("weights.safetensors does not hold the averages of the optimizer.")
    for index, averages in optimizer.items():
        known = index.isdecimal() and int(index) < len(parameters)
        if not known or not _are_averages(averages, parameters[int(index)]):
            raise ModelFileError(f"optimizer.{index[:80]} does not belong to a weight.")
    _check_generators(sections.get("generator", {}))


def _are_averages(tensors: dict[str, Tensor], weight: Tensor) -> bool:
    """Whether these are what Adam remembers of a weight."""
    shapes = {"step": torch.Size(()), "exp_avg": weight.shape, "exp_avg_sq": weight.shape}
    return {name: tensor.shape for name, tensor in tensors.items()} == shapes


def _check_generators(tensors: dict[str, Tensor]) -> None:
    if "cpu" not in tensors or not set(tensors) <= {"cpu", "cuda"}:
        raise ModelFileError(f"generator holds {sorted(tensors)}; expected cpu, and perhaps cuda.")
    try:
        torch.Generator().set_state(tensors["cpu"])
    except (RuntimeError, TypeError) as error:
        raise ModelFileError(
            f"generator.cpu is no position of torch's generator: {error}."
        ) from error
