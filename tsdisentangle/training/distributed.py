"""The training loop of one of several processes that train the same network together."""

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any, NamedTuple, Self, TypeVar

import numpy as np
import torch
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from tsdisentangle.data.windows import Windows
from tsdisentangle.nn.generators import Generators
from tsdisentangle.training.dataset import SequenceDataset
from tsdisentangle.training.skorch_net import DisentanglingNet, Map

Result = TypeVar("Result")


class Place(IntEnum):
    """Where a process is in its training, when it meets the others."""

    STEP = 0
    BACKWARD = 1
    VALIDATION = 2
    EPOCH = 3
    END = 4
    FAILED = 5


class PeerError(RuntimeError):
    """Another process has failed, or is elsewhere in its training."""


def together(function: Callable[[], Result], group: Any = None) -> list[Result]:
    """Call a function in every process, and return what it has returned in each.

    An error in one process is raised in all: there as it is, elsewhere as :class:`PeerError`.

    Parameters
    ----------
    function : callable
    group : process group, default=None
        One of processors; None for torch's default one.
    """
    result, error = None, None
    try:
        result = function()
    except BaseException as raised:
        error = raised
    found: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(found, (result, _brief(error)), group=group)
    if error is not None:
        raise error
    _raise_of_others({rank: failed for rank, (_, failed) in enumerate(found) if failed})
    return [each for each, _ in found]


def _brief(error: BaseException | None) -> str | None:
    return None if error is None else f"{type(error).__name__}: {error}"


def _raise_of_others(failed: dict[int, str]) -> None:
    for rank, words in failed.items():
        raise PeerError(f"Process {rank} of the fit has failed, and so ends the others: {words}")


class Group(NamedTuple):
    """The processes, as one of them sees them.

    Attributes
    ----------
    rank : int
        The number of this process.
    size : int
        Number of processes.
    replica : DistributedDataParallel
        The network, whose gradients become the mean over the processes.
    order : Generator
        Draws the order of the series, in every process the same.
    control : process group or None
        Of the processors, for what is no tensor of a GPU; None is torch's default one.
    """

    rank: int
    size: int
    replica: DistributedDataParallel
    order: torch.Generator
    control: Any = None


class ShareLoader:
    """Of every batch of the group, the rows of one process, with ``(own rows, all rows)``.

    Shares differ by one row at most. A process whose share is empty, in the last batch, takes the
    first row, so that it takes part in what the group does; its own rows are 0 then.

    Parameters
    ----------
    dataset : SequenceDataset
        The same in every process.
    batch_size : int
        Rows of a full share.
    rank, size : int
        Number of this process, and of all processes.
    order : Generator or None
        Draws a new order at every iteration; None keeps the order.
    """

    def __init__(
        self,
        dataset: SequenceDataset,
        batch_size: int,
        rank: int,
        size: int,
        order: torch.Generator | None = None,
    ):
        self.dataset = dataset
        self.batch_size = batch_size
        self.rank, self.size = rank, size
        self.order = order

    def __len__(self) -> int:
        return -(-len(self.dataset) // (self.batch_size * self.size))

    def __iter__(self) -> Iterator[tuple[Windows, torch.Tensor]]:
        n = len(self.dataset)
        rows = torch.arange(n) if self.order is None else torch.randperm(n, generator=self.order)
        for batch in rows.split(self.batch_size * self.size):
            own = batch.tensor_split(self.size)[self.rank]
            counts = torch.tensor([len(own), len(batch)])
            yield self.dataset.numbered(own if len(own) else batch[:1]), counts


class DistributedNet(DisentanglingNet):
    """A net that trains with its like in other processes; made by :meth:`join`.

    Each process computes its share of every batch. Gradients, losses, terms and batch sizes are
    those of the whole batch everywhere, so every process takes the same steps, writes the same
    history and stops in the same epoch.

    Before each pass in which a process needs the others, all say where they are, so that an error
    in one ends all. One within a backward pass is past that: the others wait for as long as torch's
    process group lets them.
    """

    group_: Group

    @classmethod
    def join(cls, net: DisentanglingNet, options: dict[str, Any]) -> Self:
        """Return an initialised net as a part of torch's default process group.

        Parameters
        ----------
        net : DisentanglingNet
            Initialised alike in every process.
        options : dict
            Of ``DistributedDataParallel``.
        """
        device = torch.device(net.device)
        places = None if device.type == "cpu" else [device]
        replica = DistributedDataParallel(net.module_, device_ids=places, **options)
        joined = cls.__new__(cls)
        control = None if dist.get_backend() == "gloo" else dist.new_group(backend="gloo")
        group = Group(dist.get_rank(), dist.get_world_size(), replica, torch.Generator(), control)
        joined.__dict__.update(vars(net), group_=group)
        return joined

    def leave(self) -> DisentanglingNet:
        """Return a plain net with what was learned."""
        plain = DisentanglingNet.__new__(DisentanglingNet)
        plain.__dict__.update(vars(self))
        if self.group_.control is not None:
            dist.destroy_process_group(self.group_.control)
        del plain.__dict__["group_"]
        return plain

    def partial_fit(self, *args: Any, **kwargs: Any) -> Any:
        """Train; what is raised in one process is raised in all."""
        try:
            super().partial_fit(*args, **kwargs)
        except PeerError:
            raise
        except BaseException as error:
            self._meet(Place.FAILED, error)
            raise
        self._meet(Place.END)
        return self

    def _meet(self, place: Place, error: BaseException | None = None) -> None:
        """Go on if all processes are at the same place.

        Raises
        ------
        PeerError
            One has failed, or is elsewhere.
        """
        both = torch.tensor([place, -place])
        dist.all_reduce(both, dist.ReduceOp.MAX, group=self.group_.control)
        if both.sum() == 0:
            return
        found: list[Any] = [None] * self.group_.size
        dist.all_gather_object(found, (place.name, _brief(error)), group=self.group_.control)
        if error is None:
            _raise_of_others({rank: failed for rank, (_, failed) in enumerate(found) if failed})
            raise PeerError(
                f"The processes are at different places of the fit, {[name for name, _ in found]} "
                "by rank: a callback has stopped one of them, and not the others."
            )

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Give every process the same order of the series, and noise of its own."""
        super().on_train_begin(net, X=X, y=y, **kwargs)
        seed = self.generators_.seed
        self.group_.order.manual_seed(seed)
        self.generators_ = Generators(seed + 1 + self.group_.rank)

    def get_iterator(self, dataset: SequenceDataset, training: bool = False) -> ShareLoader:
        """Return this process's shares of the batches."""
        group = self.group_
        order = group.order if training else None
        return ShareLoader(dataset, self.batch_size, group.rank, group.size, order)

    def map_dataset(self, function: Map, dataset: SequenceDataset) -> tuple[np.ndarray, ...]:
        """Apply a function to a share of the series in each process, and join the rows."""
        own = torch.arange(len(dataset)).tensor_split(self.group_.size)[self.group_.rank]
        parts = together(
            lambda: function(dataset.subset(own)) if len(own) else None, self.group_.control
        )
        found = [part for part in parts if part is not None]
        return tuple(np.concatenate(arrays) for arrays in zip(*found, strict=True))

    def infer(self, x: Windows, **fit_params: Any) -> dict[str, torch.Tensor]:
        """Terms of a share; in training by the replica, which averages the gradients."""
        if not self.module_.training:
            return super().infer(x, **fit_params)
        self._meet(Place.STEP)
        terms = self.terms(self.group_.replica, x, self.generators_)
        self._meet(Place.BACKWARD)
        return terms

    def get_loss(
        self, y_pred: dict[str, torch.Tensor], y_true: Any, X: Any = None, training: bool = False
    ) -> torch.Tensor:
        """Loss whose mean over the processes is that of the whole batch."""
        loss = super().get_loss(y_pred, y_true, X=X, training=training)
        return self._weight(y_true) * loss

    def _weight(self, counts: torch.Tensor) -> float:
        """What a mean over this process's rows counts in a mean over the processes."""
        own, all_rows = counts.tolist()
        return own * self.group_.size / all_rows

    def train_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Step, and return loss and terms of the whole batch."""
        return self._averaged(batch, super().train_step(batch, **fit_params))

    def validation_step(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Return loss and terms of the whole batch."""
        step = super().validation_step(batch, **fit_params)
        self._meet(Place.VALIDATION)
        return self._averaged(batch, step)

    def _averaged(self, batch: Any, step: dict[str, Any]) -> dict[str, Any]:
        weight = self._weight(batch[1])
        terms = {name: weight * term.detach() for name, term in step["y_pred"].items()}
        values = torch.stack([step["loss"].detach(), *terms.values()])
        dist.all_reduce(values)
        loss, *means = values / self.group_.size
        return {"loss": loss, "y_pred": dict(zip(terms, means, strict=True))}

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        """Record the rows of the whole batch, by which means over an epoch are weighted."""
        super().on_batch_end(net, batch=batch, training=training, **kwargs)
        part = "train" if training else "valid"
        self.history.record_batch(f"{part}_batch_size", int(batch[1][1]))

    def run_single_epoch(self, iterator: Any, training: bool, *args: Any, **kwargs: Any) -> None:
        """Run an epoch; after one of training, running statistics are those of process 0."""
        super().run_single_epoch(iterator, training, *args, **kwargs)
        if training:
            self._meet(Place.EPOCH)
            for buffer in self.module_.buffers():
                dist.broadcast(buffer, 0)
