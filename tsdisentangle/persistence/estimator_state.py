"""A fitted estimator as a document and arrays, and back."""

import math
from typing import Any

import numpy as np
import torch
from sklearn.utils import check_random_state
from skorch.history import History
from torch import Tensor

from tsdisentangle.nn.generators import Generators
from tsdisentangle.nn.precision import check_precision
from tsdisentangle.nn.scalar_state import network_numbers
from tsdisentangle.nn.torch_state import building, plain_torch
from tsdisentangle.persistence.archive import (
    ModelFileError,
    blaming_the_file,
    read_tensors,
    write_tensors,
)
from tsdisentangle.persistence.class_table import ClassTable, construct, is_packaged
from tsdisentangle.persistence.document import Document, get_field, refuse_unknown_fields
from tsdisentangle.persistence.scaler_state import read_scaler, write_scaler
from tsdisentangle.persistence.values import (
    ValueWriter,
    read_object,
    read_value,
    without_callbacks,
)
from tsdisentangle.persistence.versions import current_versions
from tsdisentangle.persistence.weight_checks import (
    check_weights,
    first_difference,
    restore_numbers,
)
from tsdisentangle.training.aggregate_prior import AggregatePrior, LazyPrior
from tsdisentangle.training.building import build_network, initialize_net
from tsdisentangle.training.skorch_net import check_device

NOT_SAVED = {"checkpoint_dir", "checkpoint_every"}  # parameters of a run of fit, not of the model
SECTIONS = ("network", "scaler", "generator", "static_prior")  # first part of the arrays' names
NO_NETWORK = "The file's parameters do not make a network"
BIT_GENERATOR = "MT19937"  # that of numpy's RandomState
KEY_WORDS = 624


@plain_torch()
def to_document(estimator: Any) -> tuple[bytes, bytes]:
    """Return a fitted estimator as the two members of a model file.

    Parameters
    ----------
    estimator : SequenceDisentangler

    Returns
    -------
    document, weights : bytes
        JSON, and safetensors.

    Raises
    ------
    ModelFileError
        A parameter that JSON cannot hold, or parameters that are not those of the fit.
    """
    writer = ValueWriter()
    scaler, scaler_arrays = write_scaler(estimator.scaler_)
    generator, generator_arrays = write_generator(estimator.random_state_)
    document = _describe(estimator, writer, scaler, generator).to_json()
    weights = _join_sections(
        {
            "network": estimator.net_.module_.state_dict(),
            "scaler": scaler_arrays,
            "generator": generator_arrays,
            "static_prior": write_static_prior(getattr(estimator, "static_prior_", None)),
        }
    )
    _verify_round_trip(estimator, document, weights, [*writer.classes, type(estimator)])
    return document, weights


def _describe(
    estimator: Any, writer: ValueWriter, scaler: dict[str, Any], generator: dict[str, Any] | None
) -> Document:
    names = getattr(estimator, "feature_names_in_", None)
    parameters = without_callbacks(estimator.get_params(deep=False))
    return Document(
        class_name=type(estimator).__name__,
        parameters={
            name: writer.write(value, name)
            for name, value in parameters.items()
            if name not in NOT_SAVED
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


def _verify_round_trip(
    estimator: Any, document: bytes, weights: bytes, classes: list[type]
) -> None:
    """Read back what is about to be written, and compare."""
    own = [each for each in classes if not is_packaged(each)]
    try:
        table = ClassTable(own)
    except ValueError as error:
        raise ModelFileError(f"A model file identifies classes by their names: {error}") from error
    try:
        again = from_document(Document.from_json(document), weights, table, {})
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


@plain_torch()
def from_document(
    document: Document, weights: bytes, table: ClassTable, replaced: dict[str, Any]
) -> Any:
    """Return the estimator that :func:`to_document` wrote.

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
    sections = _read_sections(weights)
    estimator = _make_estimator(document, table, replaced)
    estimator._encoder_ = read_object(document.encoder, "encoder", table.make_parameter_object)
    estimator.kind_in_ = document.kind
    estimator.n_channels_in_ = document.n_channels
    estimator.n_features_in_ = document.n_features
    estimator.window_ = document.window
    estimator.scaler_ = read_scaler(document.scaler, sections["scaler"], document.n_channels)
    if document.feature_names is not None:
        estimator.feature_names_in_ = np.array(document.feature_names, dtype=object)
    generator = read_generator(document.generator, sections["generator"])
    _initialize_net(estimator, document.n_series, sections["network"], table)
    network = estimator.net_.module_
    restore_numbers(network, document.network)
    network.load_state_dict(sections["network"])
    network.eval()
    _restore_static_prior(estimator, sections["static_prior"])
    estimator.random_state_ = generator
    estimator.interrupted_ = document.interrupted
    estimator.net_.history_ = estimator.history_ = _read_history(document.history, table)
    return estimator


def _make_estimator(document: Document, table: ClassTable, replaced: dict[str, Any]) -> Any:
    """Return the estimator as before fit, with checked parameters."""
    method: Any = table.method(document.class_name)
    parameters = {
        name: read_value(value, name, table.make_parameter_object)
        for name, value in document.parameters.items()
    }
    # A file that was written before a parameter existed has a model without it.
    before: dict[str, Any] = getattr(method, "_before", {})
    former = {name: before[name] for name in before if name not in parameters}
    estimator = construct(method, {**former, **parameters, **replaced})
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


def _initialize_net(
    estimator: Any, n_series: int, weights: dict[str, Tensor], table: ClassTable
) -> None:
    """Build the network and the training loop, if the weights are such a network's."""
    # First without memory: a file must not make a network that is larger than the file. A user's
    # own classes may not be able to, and are trusted anyway.
    if not table.used:
        estimator.random_state_ = check_random_state(0)
        estimator.n_series_in_ = n_series
        with blaming_the_file(NO_NETWORK), building(Generators(0)), torch.device("meta"):
            probe = build_network(estimator)
        check_weights(probe.state_dict(), weights)
    # What is drawn here is replaced; with None it would come from numpy's global generator.
    given, estimator.random_state = estimator.random_state, 0
    # Parameters of packaged classes have made a network already: what torch lacks now is memory.
    with blaming_the_file(NO_NETWORK, *(() if table.used else (RuntimeError,))):
        initialize_net(estimator, n_series)
    estimator.random_state = given
    check_weights(estimator.net_.module_.state_dict(), weights)


def _read_history(rows: list[dict[str, Any]], table: ClassTable) -> History:
    def read(row: dict[str, Any]) -> dict[str, Any]:
        return {
            key: read_value(value, key, table.make_parameter_object) for key, value in row.items()
        }

    return History({"batches": [], **read(row)} for row in rows)


# -- arrays ---------------------------------------------------------------------------------------


def _join_sections(sections: dict[str, dict[str, Tensor]]) -> bytes:
    """Return all arrays as the safetensors member."""
    return write_tensors(
        {
            f"{section}.{name}": tensor
            for section, arrays in sections.items()
            for name, tensor in arrays.items()
        }
    )


def _read_sections(weights: bytes) -> dict[str, dict[str, Tensor]]:
    """Return the arrays by the part of the estimator that they belong to."""
    tensors = read_tensors(weights)
    sections: dict[str, dict[str, Tensor]] = {section: {} for section in SECTIONS}
    for name, tensor in tensors.items():
        section, _, rest = name.partition(".")
        if section not in sections:
            raise ModelFileError(f"weights.safetensors holds {name[:80]!r}, which has no place.")
        sections[section][rest] = tensor
    return sections


# -- static prior ---------------------------------------------------------------------------------


def write_static_prior(prior: AggregatePrior | None) -> dict[str, Tensor]:
    """Return the prior of the static codes as arrays; none where there is none."""
    return {} if prior is None else {key: torch.as_tensor(a) for key, a in vars(prior).items()}


def read_static_prior(arrays: dict[str, Tensor], dim: int) -> AggregatePrior:
    """Return what :func:`write_static_prior` wrote.

    Parameters
    ----------
    arrays : dict of str to Tensor
    dim : int
        Coordinates of a static code.

    Raises
    ------
    ModelFileError
    """
    n = arrays["weights"].numel() if "weights" in arrays else 0
    expected = {"weights": (n,), "means": (n, dim), "choleskys": (n, dim, dim)}
    found = {name: tuple(array.shape) for name, array in arrays.items()}
    if found != expected or {array.dtype for array in arrays.values()} != {torch.float64}:
        raise ModelFileError(
            f"static_prior has the arrays {found}; expected {expected} in torch.float64."
        )
    if not all(torch.isfinite(array).all() for array in arrays.values()):
        raise ModelFileError("static_prior holds NaN or infinite values.")
    weights, roots = arrays["weights"], arrays["choleskys"]
    if not ((weights >= 0).all() and abs(float(weights.sum()) - 1) < 1e-6):
        raise ModelFileError("static_prior.weights are no probabilities.")
    if (roots.triu(1) != 0).any() or not (roots.diagonal(dim1=1, dim2=2) > 0).all():
        raise ModelFileError("static_prior.choleskys holds matrices that are no Cholesky factors.")
    return AggregatePrior(**{name: array.numpy() for name, array in arrays.items()})


def _restore_static_prior(estimator: Any, arrays: dict[str, Tensor]) -> None:
    """Set the prior of the static codes, if the file has one; else samples are of N(0, I)."""
    if not arrays:
        return
    if "static_prior" not in estimator.get_params(deep=False):
        raise ModelFileError(
            f"The file holds a static prior, which {type(estimator).__name__} does not have."
        )
    prior = read_static_prior(arrays, estimator.net_.module_.static_dim)
    estimator._static_codes_ = LazyPrior.fitted(prior)


# -- random generator -----------------------------------------------------------------------------


def write_generator(
    generator: np.random.RandomState,
) -> tuple[dict[str, Any] | None, dict[str, Tensor]]:
    """Return the state of a random generator; None for numpy's global one.

    Raises
    ------
    ModelFileError
        A generator of another kind than numpy's default for ``RandomState``.
    """
    if generator is check_random_state(None):
        return None, {}
    state: Any = generator.get_state(legacy=False)
    if state["bit_generator"] != BIT_GENERATOR:
        raise ModelFileError(
            f"random_state_ is a generator of the kind {state['bit_generator']}; a model file "
            "holds RandomState's own only. Fit with an int as random_state."
        )
    fields = {
        "position": int(state["state"]["pos"]),
        "has_gauss": int(state["has_gauss"]),
        "gauss": float(state["gauss"]),
    }
    return fields, {"key": torch.as_tensor(state["state"]["key"].astype(np.int64))}


def read_generator(
    fields: dict[str, Any] | None, arrays: dict[str, Tensor]
) -> np.random.RandomState:
    """Return what :func:`write_generator` wrote.

    Raises
    ------
    ModelFileError
    """
    if fields is None and not arrays:
        return check_random_state(None)
    fields = fields or {}
    refuse_unknown_fields(fields, {"position", "has_gauss", "gauss"}, "generator")
    position, has_gauss = get_field(fields, "position", int), get_field(fields, "has_gauss", int)
    gauss, key = get_field(fields, "gauss", float), arrays.get("key")
    # Numpy itself checks neither, and would read memory beyond the key.
    if not (0 <= position <= KEY_WORDS and has_gauss in (0, 1) and math.isfinite(gauss)):
        raise ModelFileError(f"generator is {fields}, no position of a random generator.")
    if key is None or key.shape != (KEY_WORDS,) or key.dtype != torch.int64:
        raise ModelFileError(f"generator.key is not {KEY_WORDS} integers.")
    if key.min() < 0 or key.max() >= 2**32 or not key.any():
        raise ModelFileError("generator.key holds integers that no random generator has.")
    generator = check_random_state(0)
    words = key.numpy().astype(np.uint32)
    generator.set_state((BIT_GENERATOR, words, position, has_gauss, gauss))
    return generator
