"""A fitted estimator as a document and weights, and back."""

from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from skorch.history import History
from torch import Tensor

from tsdisentangle.nn.scalar_state import network_numbers
from tsdisentangle.nn.precision import check_precision
from tsdisentangle.persistence.archive import ModelFileError
from tsdisentangle.persistence.document import Document, current_versions
from tsdisentangle.persistence.inputs import (
    read_generator,
    read_scaler,
    write_generator,
    write_scaler,
)
from tsdisentangle.persistence.registry import ClassTable, construct, is_packaged
from tsdisentangle.persistence.tensors import read_tensors, write_tensors
from tsdisentangle.persistence.values import ValueWriter, read_object, read_value
from tsdisentangle.persistence.weight_checks import (
    check_weights,
    first_difference,
    restore_numbers,
)
from tsdisentangle.training.skorch_net import check_device

OF_A_RUN = {"checkpoint_dir", "checkpoint_every"}  # parameters that are nothing of the model's
ROOMS = ("network", "scaler", "generator")


def take_apart(estimator: Any) -> tuple[bytes, bytes]:
    """Return a fitted estimator as the two members of a model file.

    Raises
    ------
    ModelFileError
        A parameter that JSON cannot hold, or parameters that are not those of the fit.
    """
    writer = ValueWriter()
    scaler, scaler_arrays = write_scaler(estimator.scaler_)
    generator, generator_arrays = write_generator(estimator.random_state_)
    document = _describe(estimator, writer, scaler, generator).to_json()
    weights = _join(
        {
            "network": estimator.net_.module_.state_dict(),
            "scaler": scaler_arrays,
            "generator": generator_arrays,
        }
    )
    _rehearse(estimator, document, weights, [*writer.classes, type(estimator)])
    return document, weights


def _describe(
    estimator: Any, writer: ValueWriter, scaler: dict[str, Any], generator: dict[str, Any] | None
) -> Document:
    names = getattr(estimator, "feature_names_in_", None)
    parameters = estimator.get_params(deep=False)
    return Document(
        class_name=type(estimator).__name__,
        parameters={
            name: writer.write(value, name)
            for name, value in parameters.items()
            if name not in OF_A_RUN
        },
        encoder=writer.write_object(estimator._encoder_, "encoder"),
        kind=estimator.kind_in_,
        n_channels=int(estimator.n_channels_in_),
        n_features=int(estimator.n_features_in_),
        n_series=int(estimator.n_series_in_),
        window=int(estimator.window_),
        feature_names=None if names is None else list(names),
        scaler=scaler,
        network=network_numbers(estimator.net_.module_),
        generator=generator,
        history=_write_history(estimator.history_, writer),
        versions=current_versions(),
        interrupted=estimator.interrupted_,
    )


def _join(rooms: dict[str, dict[str, Tensor]]) -> bytes:
    """Return all arrays as the safetensors member."""
    return write_tensors(
        {
            f"{room}.{name}": tensor
            for room, arrays in rooms.items()
            for name, tensor in arrays.items()
        }
    )


def _write_history(history: History, writer: ValueWriter) -> list[dict[str, Any]]:
    """Return the rows of the epochs, without those of their batches."""
    return [
        {
            key: writer.write(value, f"history_[{i}][{key!r}]")
            for key, value in row.items()
            if key != "batches"
        }
        for i, row in enumerate(history)
    ]


def _rehearse(estimator: Any, document: bytes, weights: bytes, classes: list[type]) -> None:
    """Read back what is about to be written, and compare."""
    own = [each for each in classes if not is_packaged(each)]
    try:
        table = ClassTable(own)
    except ValueError as error:
        raise ModelFileError(f"A model file tells classes by their names: {error}") from error
    try:
        again = put_together(Document.from_json(document), weights, table, {})
    except ModelFileError as error:
        raise ModelFileError(
            f"This estimator cannot be written into a model file: {error} If parameters were "
            "changed after fit, set them back or fit again."
        ) from error
    if different := first_difference(estimator.net_.module_, again.net_.module_, "network"):
        raise ModelFileError(
            f"The fitted network is not the one that the parameters describe: {different}. A model "
            "file holds both, so set the parameters that were changed after fit back, or fit again."
        )


def put_together(
    document: Document, weights: bytes, table: ClassTable, replaced: dict[str, Any]
) -> Any:
    """Return the estimator that :func:`take_apart` took apart.

    Parameters
    ----------
    document : Document
    weights : bytes
        The safetensors member.
    table : ClassTable
        Which classes may be made.
    replaced : dict
        Parameters in place of those in the file.

    Raises
    ------
    ModelFileError
        The parts do not belong together.
    """
    rooms = _read_weights(weights)
    estimator = _make(document, table, replaced)
    estimator._encoder_ = read_object(document.encoder, "encoder", table.make_part)
    estimator.kind_in_ = document.kind
    estimator.n_channels_in_ = document.n_channels
    estimator.n_features_in_ = document.n_features
    estimator.window_ = document.window
    estimator.scaler_ = read_scaler(document.scaler, rooms["scaler"], document.n_channels)
    if document.feature_names is not None:
        estimator.feature_names_in_ = np.array(document.feature_names, dtype=object)
    generator = read_generator(document.generator, rooms["generator"])
    _start(estimator, document.n_series, rooms["network"], table)
    network = estimator.net_.module_
    restore_numbers(network, document.network)
    network.load_state_dict(rooms["network"])
    network.eval()
    estimator.random_state_ = generator
    estimator.interrupted_ = document.interrupted
    estimator.net_.history_ = estimator.history_ = _read_history(document.history, table)
    return estimator


def _make(document: Document, table: ClassTable, replaced: dict[str, Any]) -> Any:
    """Return the estimator as before fit, with checked parameters."""
    method = table.method(document.class_name)
    parameters = {
        name: read_value(value, name, table.make_part)
        for name, value in document.parameters.items()
    }
    estimator = construct(method, {**parameters, **replaced})
    try:
        estimator._validate_params()
        check_device(estimator.device)
        check_precision(estimator.precision, estimator.device)
        if torch.device(estimator.device).type == "meta":
            raise ValueError("device='meta' holds no values.")
    except ValueError as error:
        raise ModelFileError(
            f"The file's parameters cannot be used here: {error} Others can be given as "
            "load(path, device='cpu')."
        ) from error
    return estimator


def _start(estimator: Any, n_series: int, weights: dict[str, Tensor], table: ClassTable) -> None:
    """Build the network and the training loop, if the weights are such a network's."""
    try:
        # First without memory: a file must not make a network that is larger than the file. A
        # user's own classes may not be able to, and are trusted anyway.
        if not table.used:
            estimator.random_state_ = check_random_state(0)
            estimator.n_series_in_ = n_series
            with torch.device("meta"):
                probe = estimator._build_network(estimator.scaler_.n_modelled, estimator.window_)
            check_weights(probe.state_dict(), weights)
        # What the start draws is replaced; with None it would come from numpy's global generator.
        given, estimator.random_state = estimator.random_state, 0
        estimator._start(n_series)
        estimator.random_state = given
        check_weights(estimator.net_.module_.state_dict(), weights)
    except ModelFileError:
        raise
    except Exception as error:
        raise ModelFileError(
            f"The file's parameters do not make a network: {type(error).__name__}: {error}"
        ) from error


def _read_weights(weights: bytes) -> dict[str, dict[str, Tensor]]:
    """Return the tensors, by the part of the estimator that they belong to."""
    tensors = read_tensors(weights)
    rooms: dict[str, dict[str, Tensor]] = {room: {} for room in ROOMS}
    for name, tensor in tensors.items():
        room, _, rest = name.partition(".")
        if room not in rooms:
            raise ModelFileError(f"weights.safetensors holds {name[:80]!r}, which has no place.")
        rooms[room][rest] = tensor
    return rooms


def _read_history(rows: list[dict[str, Any]], table: ClassTable) -> History:
    def read(row: dict[str, Any]) -> dict[str, Any]:
        return {key: read_value(value, key, table.make_part) for key, value in row.items()}

    return History({"batches": [], **read(row)} for row in rows)
