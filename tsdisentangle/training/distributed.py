"""The training loop of one of several processes that train the same network together."""

from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import distributed as dist
from torch.nn.parallel import DistributedDataParallel

from tsdisentangle.data.windows import Windows
from tsdisentangle.nn.generators import Generators
from tsdisentangle.training.dataset import SequenceDataset
from tsdisentangle.training.skorch_net import DisentanglingNet, Map


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
    """

    rank: int
    size: int
    replica: DistributedDataParallel
    order: torch.Generator


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
            yield self.dataset[own if len(own) else batch[:1]], counts


class DistributedNet(DisentanglingNet):
    """A net that trains with its like in other processes; made by :meth:`join`.

    Each process computes its share of every batch. Gradients, losses, terms and batch sizes are
    those of the whole batch everywhere, so every process takes the same steps, writes the same
    history and stops in the same epoch.
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
        group = Group(dist.get_rank(), dist.get_world_size(), replica, torch.Generator())
        joined.__dict__.update(vars(net), group_=group)
        return joined

    def leave(self) -> DisentanglingNet:
        """Return a plain net with what was learned."""
        plain = DisentanglingNet.__new__(DisentanglingNet)
        plain.__dict__.update(vars(self))
        del plain.__dict__["group_"]
        return plain

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
        parts: list[Any] = [None] * self.group_.size
        dist.all_gather_object(parts, function(dataset.subset(own)) if len(own) else None)
        found = [part for part in parts if part is not None]
        return tuple(np.concatenate(arrays) for arrays in zip(*found, strict=True))

    def infer(self, x: Windows, **fit_params: Any) -> dict[str, torch.Tensor]:
        """Terms of a share; in training by the replica, which averages the gradients."""
        if not self.module_.training:
            return super().infer(x, **fit_params)
        return self.terms(self.group_.replica, x, self.generators_)

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
        return self._averaged(batch, super().validation_step(batch, **fit_params))

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
            for buffer in self.module_.buffers():
                dist.broadcast(buffer, 0)
