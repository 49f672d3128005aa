"""The state of training between two epochs: all that the epochs to come depend on.

Not in it: numpy's generator ``random_state_``, which training does not draw from, the data, and
what follows from the parameters.
"""

import copy
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from tsdisentangle.data.stored import blocks
from tsdisentangle.nn.scalar_state import network_numbers
from tsdisentangle.training.dataset import SequenceDataset

# What skorch's callbacks remember from epoch to epoch: of the scores, and of early stopping.
CALLBACK_NUMBERS = ("best_score_", "misses_", "dynamic_threshold_", "best_epoch_")
BEST_WEIGHTS = "best_model_weights_"


@dataclass(frozen=True)
class TrainingState:
    """What training knows between two epochs.

    Attributes
    ----------
    epochs : int
        Finished so far.
    stopped : bool
        Whether a callback has ended training.
    numbers : dict
        ``'network'``: see :func:`~tsdisentangle.nn.scalar_state.network_numbers`;
        ``'callbacks'``: by name, what they remember; ``'grad_scaler'``.
    tensors : dict of str to Tensor
        ``network.*`` weights and buffers, ``optimizer.<parameter>.*`` averages, ``best.*`` the
        best weights so far, ``generator.*`` positions of the net's generators.
    """

    epochs: int
    stopped: bool
    numbers: dict[str, Any]
    tensors: dict[str, Tensor]


class Checkpoint(Protocol):
    """Where states are written to, and perhaps the one to begin from.

    Attributes
    ----------
    state : TrainingState or None
        The one to begin from; None once training has begun.
    history : list of dict
        Its rows of history.
    epochs_left : int
        Epochs still to come.
    """

    state: TrainingState | None
    history: list[dict[str, Any]]

    @property
    def epochs_left(self) -> int: ...  # noqa: D102

    def is_due(self, epochs: int, stopped: bool) -> bool:
        """Whether the state after an epoch is wanted."""
        ...

    def save(self, state: TrainingState, history: list[dict[str, Any]]) -> None:
        """Take the state after an epoch."""
        ...


def get_state(net: Any, stopped: bool = False) -> TrainingState:
    """Return the state of a net between two epochs; the tensors are those that it works on."""
    numbers = {
        "network": network_numbers(net.module_),
        "callbacks": dict(_remembered(net)),
        "grad_scaler": net.grad_scaler_.state_dict(),
    }
    return TrainingState(
        len(net.history), stopped, copy.deepcopy(numbers), dict(_live_tensors(net))
    )


def _remembered(net: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, callback in net.callbacks_:
        if own := {key: vars(callback)[key] for key in CALLBACK_NUMBERS if key in vars(callback)}:
            yield name, own


def _live_tensors(net: Any) -> Iterator[tuple[str, Tensor]]:
    for name, tensor in net.module_.state_dict().items():
        yield f"network.{name}", tensor
    for index, averages in net.optimizer_.state_dict()["state"].items():
        for name, tensor in averages.items():
            yield f"optimizer.{index}.{name}", tensor
    for _, callback in net.callbacks_:
        for name, tensor in (getattr(callback, BEST_WEIGHTS, None) or {}).items():
            yield f"best.{name}", tensor
    for kind, position in net.generators_.states().items():
        yield f"generator.{kind}", position


def clone_state(state: TrainingState, memory: TrainingState | None = None) -> TrainingState:
    """Return a copy of a live state, written over the memory of an earlier copy if there is one.

    The best weights are not copied: skorch replaces them and never changes them.
    """
    earlier = {} if memory is None else memory.tensors
    tensors = {
        name: tensor if name.startswith("best.") else _copied(tensor, earlier.get(name))
        for name, tensor in state.tensors.items()
    }
    return replace(state, tensors=tensors)


def _copied(tensor: Tensor, memory: Tensor | None) -> Tensor:
    return tensor.clone() if memory is None else memory.copy_(tensor)


def restore_state(net: Any, state: TrainingState) -> None:
    """Bring a net of the same kind into a state; the rows of later epochs are forgotten.

    The optimizer goes on in the memory of the state, which is not to be used again.
    """
    sections = split_sections(state.tensors)
    net.module_.load_state_dict(sections["network"])
    vars(net.module_).update(copy.deepcopy(state.numbers["network"]))  # adapted in place
    _restore_optimizer(net.optimizer_, sections.get("optimizer", {}))
    net.grad_scaler_.load_state_dict(state.numbers["grad_scaler"])
    for name, callback in net.callbacks_:
        vars(callback).update(state.numbers["callbacks"].get(name, {}))
        if hasattr(callback, BEST_WEIGHTS):
            setattr(callback, BEST_WEIGHTS, sections.get("best"))
    net.generators_.set_states(sections["generator"], net.device)
    del net.history[state.epochs :]


@contextmanager
def restore_rng_on_error(generator: np.random.RandomState) -> Iterator[None]:
    """Set a random generator back to where it was if the block fails."""
    state = generator.get_state()
    try:
        yield
    except BaseException:
        generator.set_state(state)
        raise


def split_sections(tensors: dict[str, Tensor]) -> dict[str, dict[str, Tensor]]:
    """Return tensors by the first part of their names."""
    sections: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        section, _, rest = name.partition(".")
        sections.setdefault(section, {})[rest] = tensor
    return sections


def _restore_optimizer(optimizer: Any, tensors: dict[str, Tensor]) -> None:
    averages = {int(index): own for index, own in split_sections(tensors).items()}
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": averages, "param_groups": groups})


def fingerprint(dataset: SequenceDataset, rows: int | None = None) -> str:
    """SHA-256 of a data set as the network sees it, read a block at a time.

    Parameters
    ----------
    dataset : SequenceDataset
    rows : int, default=None
        Of a data set that is not in memory, read no more series than these, evenly spread, beside
        the lengths and the scale of all of them; None reads all.
    """
    panel, n = dataset.panel, len(dataset)
    summary = b""
    if rows is not None and not panel.in_memory:
        scale = [] if panel.moments is None else vars(panel.moments).values()
        summary = b"".join(np.asarray(each).tobytes() for each in (panel.lengths, *scale))
        spread = np.linspace(0, n - 1, min(rows, n), dtype=np.int64)
        dataset = dataset.subset(torch.from_numpy(spread))
    first = dataset[slice(0, 1)]
    digests = [hashlib.sha256(f"{tuple(part.shape)} {part.dtype}".encode()) for part in first[:3]]
    for block_rows in blocks(len(dataset), first.values[0].numel()):
        block = dataset[slice(int(block_rows[0]), int(block_rows[-1]) + 1)]
        for digest, tensor in zip(digests, block[:3], strict=True):
            # The mask of a frame is one entry repeated.
            compact = tensor[tuple(slice(None if stride else 1) for stride in tensor.stride())]
            digest.update(compact.contiguous().numpy().data)
    return hashlib.sha256(summary + b"".join(digest.digest() for digest in digests)).hexdigest()
