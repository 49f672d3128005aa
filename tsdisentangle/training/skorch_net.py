"""The training loop: skorch, with batches of whole tensors and a loss of named terms."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import torch
from skorch import NeuralNet
from skorch.helper import predefined_split

from tsdisentangle.data.windows import Windows
from tsdisentangle.nn.generators import Generators, draws_of
from tsdisentangle.nn.noise import Noise, SharedNoise
from tsdisentangle.training.callbacks import check_callbacks, standard_callbacks
from tsdisentangle.training.dataset import BatchLoader, SequenceDataset, hold_out
from tsdisentangle.training.state import (
    Checkpoint,
    TrainingState,
    clone_state,
    get_state,
    restore_state,
)

Map = Callable[[SequenceDataset], tuple[np.ndarray, ...]]

# The draws that validation uses: the same in every epoch, so that losses can be compared.
VALIDATION_NOISE = SharedNoise(0)


def check_device(device: str | torch.device) -> None:
    """Refuse a device that this machine does not have.

    Raises
    ------
    ValueError
    """
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise ValueError(
            f"device={device!r} cannot be used on this machine: {error}. "
            "Pass device='cpu', or one that torch finds."
        ) from error


@contextmanager
def record_sigint() -> Iterator[list[int]]:
    """Record each Ctrl-C inside the block that the handler which was there raises something for.

    skorch's callbacks end training by a ``KeyboardInterrupt`` too; this tells the two apart.

    Yields
    ------
    list of int
        The signals so far. Stays empty where that handler keeps the signal to itself, in other
        threads than the main one, where Python delivers no signal, and where the process has no
        handler of Python's.
    """
    noted: list[int] = []
    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield noted
        return

    def handle(number: int, frame: Any) -> None:
        try:
            before(number, frame)
        except BaseException:
            noted.append(number)
            raise

    signal.signal(signal.SIGINT, handle)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)


class StopTraining(Exception):  # noqa: N818 - a signal, not an error
    """A callback asked for the end of training."""


class DisentanglingNet(NeuralNet):
    """skorch net over a :class:`~tsdisentangle.network.SequenceNetwork`.

    Parameters
    ----------
    module : SequenceNetwork
    precision : {'float32', 'bfloat16', 'float16'}, default='float32'
        What the network computes in. Gradients in float16 are scaled, so that small ones do not
        vanish.
    **kwargs
        Of skorch's ``NeuralNet``.

    Attributes
    ----------
    at_epoch_end_ : bool
        Whether the last training has ended between two epochs, not within one.
    generators_ : Generators
        What shuffling and noise are drawn from; each training has its own seed.
    """

    at_epoch_end_ = False
    generators_: Generators
    checkpoint_: Checkpoint | None = None  # of the training that goes on
    last_state_: TrainingState | None = None  # at the end of the last finished epoch
    sigints_: Sequence[int] = ()  # signals in the training that goes on

    def __init__(self, module: Any, precision: str = "float32", **kwargs: Any):
        self.precision = precision
        super().__init__(
            module,
            optimizer=torch.optim.Adam,
            verbose=0,
            criterion=torch.nn.Identity,  # the loss is made of the module's terms
            callbacks__print_log=None,
            **kwargs,
        )

    def _initialize_optimizer(self, reason: str | None = None) -> Any:
        # Only to replace one: a net that is loaded may never be trained, and Adam brings torch's
        # compiler with it, which looks for folders that it may write to.
        return super()._initialize_optimizer(reason) if hasattr(self, "optimizer_") else self

    def require_optimizer(self) -> None:
        """Make the optimizer, if there is none yet."""
        if not hasattr(self, "optimizer_"):
            super()._initialize_optimizer()

    def initialize_optimizer(self, *args: Any, **kwargs: Any) -> Any:
        """Make the optimizer, and what scales its gradients (or, but for float16, nothing)."""
        super().initialize_optimizer(*args, **kwargs)
        kind = torch.device(self.device).type
        self.grad_scaler_ = torch.amp.GradScaler(kind, enabled=self.precision == "float16")
        return self

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        """Gradients of a batch, in their true size: the next callback clips them."""
        self._set_training(True)
        inputs, target = batch
        terms = self.infer(inputs, **fit_params)
        loss = self.get_loss(terms, target, X=inputs, training=True)
        self.grad_scaler_.scale(loss).backward()
        self.grad_scaler_.unscale_(self.optimizer_)
        return {"loss": loss, "y_pred": terms}

    def _step_optimizer(self, step_fn: Any) -> None:
        """Step, unless gradients in float16 have overflowed."""
        step_fn()
        self.grad_scaler_.step(self.optimizer_)
        self.grad_scaler_.update()

    def infer(self, x: Windows, **fit_params: Any) -> dict[str, torch.Tensor]:
        """Terms of a batch; fixed noise outside of training."""
        training = self.module_.training
        return self.terms(self.module_, x, self.generators_ if training else VALIDATION_NOISE)

    def terms(self, module: Any, x: Windows, noise: Noise) -> dict[str, torch.Tensor]:
        """Terms of a batch, by the network or what stands for it."""
        with draws_of(self.module_, self.generators_):
            return module(self.module_.inputs(x.to(self.device), noise), noise)

    def get_iterator(self, dataset: SequenceDataset, training: bool = False) -> Any:
        """Return the batches of a data set, in training in a new order every time."""
        order = self.generators_.on("cpu") if training else None
        return BatchLoader(dataset, self.batch_size, order)

    def map_dataset(self, function: Map, dataset: SequenceDataset) -> tuple[np.ndarray, ...]:
        """Apply a function that returns arrays with a row per series."""
        return function(dataset)

    def get_loss(
        self, y_pred: dict[str, torch.Tensor], y_true: Any, X: Any = None, training: bool = False
    ) -> torch.Tensor:
        """Weighted sum of the terms."""
        weights = self.module_.weights if training else self.module_.validation_weights()
        return sum(weights[name] * term for name, term in y_pred.items())

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        """Let the network adapt its weights, from the terms of the whole batch."""
        super().on_batch_end(net, batch=batch, training=training, **kwargs)
        if training:
            self.module_.adapt(kwargs["y_pred"])

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Tell the callbacks, and keep the state between two epochs.

        skorch's callbacks raise ``KeyboardInterrupt`` to end training, and its loop swallows every
        one; here the user's Ctrl-C is told apart.
        """
        if method_name == "on_epoch_begin":
            self.last_state_ = clone_state(get_state(self), self.last_state_)
            self.at_epoch_end_ = False
        stopped = False
        try:
            super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt:
            if method_name != "on_epoch_end" or self.sigints_:
                raise
            stopped = True
        if method_name == "on_epoch_end":
            self._finish_epoch(stopped)

    def _finish_epoch(self, stopped: bool) -> None:
        self.at_epoch_end_ = True
        if self.checkpoint_ is not None and self.checkpoint_.is_due(len(self.history), stopped):
            self.checkpoint_.save(get_state(self, stopped), self.history)
        if stopped:
            raise StopTraining

    def train(
        self,
        dataset: SequenceDataset,
        epochs: int,
        rng: np.random.RandomState,
        validation_fraction: float | None = None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        """Train on a data set, in evaluation mode afterwards.

        Parameters
        ----------
        dataset : SequenceDataset
        epochs : int
            0 leaves the network as it is.
        rng : RandomState
            Draws the validation part, and the seed of ``generators_``.
        validation_fraction : float or None, default=None
            Share of the sequences that is held out for the validation loss.
        checkpoint : Checkpoint, default=None
            Goes on with its state, for as many epochs as are left of ``epochs``.
        """
        if not epochs:
            self.module_.eval()
            return
        split = None
        if validation_fraction is not None:
            dataset, valid = hold_out(dataset, validation_fraction, rng)
            split = predefined_split(valid)
        left = epochs if checkpoint is None else checkpoint.epochs_left
        self.set_params(max_epochs=left, train_split=split)
        self.generators_ = Generators.seeded_by(rng)
        try:
            self.partial_fit(dataset, checkpoint=checkpoint)
        finally:
            self.set_params(train_split=None)  # it holds the validation data

    def partial_fit(
        self,
        X: Any,
        y: Any = None,
        classes: Any = None,
        checkpoint: Checkpoint | None = None,
        **fit_params: Any,
    ) -> Any:
        """Train for ``max_epochs`` more epochs, from a checkpoint's state if it has one.

        Whatever is raised on the way, Ctrl-C too, is raised again after the net has gone back to
        the end of the last finished epoch, or to where it was if none was finished.
        """
        if not self.initialized_:
            self.initialize()
        self.require_optimizer()
        self.notify("on_train_begin", X=X, y=y)
        self.checkpoint_, self.at_epoch_end_ = checkpoint, True
        try:
            with record_sigint() as self.sigints_:
                self._resume(checkpoint)
                self.fit_loop(X, y, **fit_params)
        except StopTraining:
            pass
        except BaseException:
            self._restore_last_state()
            with suppress(Exception):  # the first error is the one to tell
                self._finish(X, y)
            raise
        self._finish(X, y)
        return self

    def _finish(self, X: Any, y: Any) -> None:
        try:
            self.notify("on_train_end", X=X, y=y)
        finally:
            self.module_.eval()
            # A pickle of the net is not to hold them.
            self.checkpoint_, self.last_state_, self.sigints_ = None, None, ()

    def _resume(self, checkpoint: Checkpoint | None) -> None:
        if checkpoint is not None and checkpoint.state is not None:
            self.at_epoch_end_ = False
            self.history.extend(checkpoint.history)
            restore_state(self, checkpoint.state)
            checkpoint.state = None  # its memory is the optimizer's now
            self.at_epoch_end_ = True

    def _restore_last_state(self) -> None:
        """Forget the batches of the unfinished epoch."""
        if not self.at_epoch_end_ and self.last_state_ is not None:
            restore_state(self, self.last_state_)
            self.at_epoch_end_ = True


def make_net(estimator: Any, network: Any, generators: Generators) -> DisentanglingNet:
    """Training loop of an estimator's network, with the method's, our and the user's callbacks.

    Parameters
    ----------
    estimator : SequenceDisentangler
    network : SequenceNetwork
        Untrained.
    generators : Generators
        What the weights were drawn from.

    Returns
    -------
    DisentanglingNet
        Initialised.
    """
    standard = standard_callbacks(estimator.early_stopping, bool(estimator.verbose))
    own = check_callbacks(estimator.callbacks, estimator.early_stopping)
    net = DisentanglingNet(
        network,
        precision=estimator.precision,
        lr=estimator.lr,
        batch_size=estimator.batch_size,
        device=estimator.device,
        callbacks=[*estimator._callbacks(), *standard, *own],
    )
    net.generators_ = generators
    return net.initialize()
