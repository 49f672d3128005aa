"""The checkpoint of a fit: training's state in the container of a model file, and whose it is."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tsdisentangle.persistence.archive import (
    ModelFileError,
    pack,
    read_document,
    read_weights,
)
from tsdisentangle.persistence.disk import open_regular, write_whole
from tsdisentangle.persistence.document import get, refuse_others
from tsdisentangle.persistence.tensors import read_tensors, write_tensors
from tsdisentangle.persistence.values import ValueWriter, parse_json, read_value
from tsdisentangle.persistence.weight_checks import check_numbers, check_weights
from tsdisentangle.persistence.whose import CheckpointError, describe_fit, refuse_other_fit
from tsdisentangle.training.dataset import SequenceDataset
from tsdisentangle.training.state import (
    CALLBACK_NUMBERS,
    TrainingState,
    get_state,
    split_sections,
)

NAME = "checkpoint.tsdc"
FORMAT = "tsdisentangle checkpoint"
FORMAT_VERSION = 1
KINDS: dict[str, type] = {
    "fit": dict,
    "epochs": int,
    "stopped": bool,
    "numbers": dict,
    "history": list,
}
ROOMS = {"network", "optimizer", "best", "generator"}


@dataclass
class CheckpointFile:
    """Where the states of a fit are written, and the one that was found there.

    Attributes
    ----------
    path : Path
    fit : dict of str to JSON value
        What makes it this fit and no other.
    every, max_epochs : int
        Which epochs are written: multiples of the first, and the last.
    state : TrainingState or None
        The one that was found; None once training goes on from it.
    history : list of dict
        Its rows of history.
    written : int or None
        Epoch of the file.
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
        """Write a state; the former one stays until it is on the disk.

        Raises
        ------
        OSError
            It cannot be written; the former one is still there.
        ModelFileError
            It is larger than a file may be.
        """
        pieces = pack(_to_json(self.fit, state, history), write_tensors(state.tensors))
        try:
            write_whole(self.path, pieces, self.path.with_name(f".{NAME}.tmp"))
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
    """Return where a fit that is about to train writes its states; None if nowhere.

    Parameters
    ----------
    estimator : SequenceDisentangler
        With an untrained net.
    dataset : SequenceDataset
        The training data.

    Raises
    ------
    CheckpointError
        A checkpoint of other data or parameters lies there, or one of a later epoch.
    ModelFileError
        It is damaged.
    OSError
        The folder cannot be made or read.
    """
    if estimator.checkpoint_dir is None:
        return None
    path = Path(estimator.checkpoint_dir, NAME)
    path.parent.mkdir(parents=True, exist_ok=True)
    fit = dict(describe_fit(estimator, dataset))
    found = CheckpointFile(path, fit, estimator.checkpoint_every, estimator.max_epochs)
    if path.exists():
        try:
            _read(found, estimator.net_)
        except ModelFileError as error:
            raise ModelFileError(
                f"{path} cannot be read as a checkpoint: {error} Delete it to fit from the start."
            ) from error
    return found


# -- the file -----------------------------------------------------------------------------------


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
    with open_regular(found.path) as file:
        content = read_document(file)
        fields = _from_json(content)
        tensors = read_tensors(read_weights(file, content))
    refuse_other_fit(found.path, found.fit, fields["fit"])
    state = TrainingState(
        fields["epochs"], fields["stopped"], _read_values(fields["numbers"], "numbers"), tensors
    )
    history = _read_history(fields["history"], state.epochs)
    if state.epochs > found.max_epochs:
        raise CheckpointError(
            f"The checkpoint {found.path} is of epoch {state.epochs}, behind "
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
    version = get(fields, "format_version", int)
    if version != FORMAT_VERSION:
        raise ModelFileError(
            f"The file has format version {version}; this tsdisentangle reads {FORMAT_VERSION}."
        )
    refuse_others(fields, {"format", "format_version", *KINDS}, "model.json")
    return {name: get(fields, name, kind) for name, kind in KINDS.items()}


def _check_numbers(net: Any, numbers: dict[str, Any]) -> None:
    expected = get_state(net).numbers
    check_numbers(net.module_, get(numbers, "network", dict))
    refuse_others(numbers, set(expected), "numbers")
    scaler = get(numbers, "grad_scaler", dict)
    callbacks = get(numbers, "callbacks", dict)
    if set(scaler) != set(expected["grad_scaler"]) or set(callbacks) != set(expected["callbacks"]):
        raise ModelFileError("numbers does not hold what this training loop remembers.")
    for name in scaler:
        get(scaler, name, int, float)
    for name in callbacks:
        own = get(callbacks, name, dict)
        refuse_others(own, set(CALLBACK_NUMBERS), f"numbers of {name}")
        for key in own:
            get(own, key, int, float, type(None))


def _check_tensors(net: Any, tensors: dict[str, Tensor]) -> None:
    rooms = split_sections(tensors)
    if other := sorted(set(rooms) - ROOMS):
        raise ModelFileError(f"weights.safetensors holds {other[0][:80]!r}, which has no place.")
    expected = net.module_.state_dict()
    check_weights(expected, rooms.get("network", {}))
    if "best" in rooms:
        check_weights(expected, rooms["best"])
    parameters = net.optimizer_.param_groups[0]["params"]
    optimizer = split_sections(rooms.get("optimizer", {}))
    if not optimizer:
        raise ModelFileError("weights.safetensors does not hold the averages of the optimizer.")
    for index, averages in optimizer.items():
        known = index.isdecimal() and int(index) < len(parameters)
        if not known or not _are_averages(averages, parameters[int(index)]):
            raise ModelFileError(f"optimizer.{index[:80]} does not belong to a weight.")
    _check_generators(rooms.get("generator", {}))


def _are_averages(tensors: dict[str, Tensor], weight: Tensor) -> bool:
    """Whether Adam may remember these of a weight."""
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
