"""The training loop: skorch, with batches of whole tensors and a loss of named terms."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import torch
from skorch import NeuralNet

from tsdisentangle.data.windows import Windows
from tsdisentangle.nn.noise import SharedNoise, normal_noise
from tsdisentangle.training.dataset import BatchLoader
from tsdisentangle.training.interrupt import noticed_ctrl_c
from tsdisentangle.training.state import (
    Checkpoint,
    TrainingState,
    give_back,
    kept_state,
    live_state,
)

# The draws that validation uses: the same in every epoch, so that losses can be compared.
VALIDATION_SEED = 0


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
    whole_ : bool
        Whether the last training has ended between two epochs, not within one.
    """

    whole_ = False
    checkpoint_: Checkpoint | None = None  # of the training that goes on
    kept_: TrainingState | None = None  # at the end of the last finished epoch
    ctrl_c_: Sequence[int] = ()  # signals in the training that goes on

    def __init__(self, module: Any, precision: str = "float32", **kwargs: Any):
        self.precision = precision
        super().__init__(
            module,
            criterion=torch.nn.Identity,  # the loss is made of the module's terms
            iterator_train=BatchLoader,
            iterator_valid=BatchLoader,
            iterator_train__shuffle=True,
            callbacks__print_log=None,
            **kwargs,
        )

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
        noise = normal_noise if self.module_.training else SharedNoise(VALIDATION_SEED)
        return self.module_(x.to(self.device), noise)

    def get_loss(
        self, y_pred: dict[str, torch.Tensor], y_true: Any, X: Any = None, training: bool = False
    ) -> torch.Tensor:
        """Weighted sum of the terms."""
        weights = self.module_.weights
        return sum(weights[name] * term for name, term in y_pred.items())

    def notify(self, method_name: str, **cb_kwargs: Any) -> None:
        """Tell the callbacks, and keep the state between two epochs.

        skorch's callbacks raise ``KeyboardInterrupt`` to end training, and its loop swallows every
        one; here the user's Ctrl-C is told apart.
        """
        if method_name == "on_epoch_begin":
            self.kept_ = kept_state(live_state(self), self.kept_)
            self.whole_ = False
        stopped = False
        try:
            super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt:
            if method_name != "on_epoch_end" or self.ctrl_c_:
                raise
            stopped = True
        if method_name == "on_epoch_end":
            self._finish_epoch(stopped)

    def _finish_epoch(self, stopped: bool) -> None:
        self.whole_ = True
        if self.checkpoint_ is not None and self.checkpoint_.is_due(len(self.history), stopped):
            self.checkpoint_.save(live_state(self, stopped), self.history)
        if stopped:
            raise StopTraining

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
        self.notify("on_train_begin", X=X, y=y)
        self.checkpoint_, self.whole_ = checkpoint, True
        try:
            with noticed_ctrl_c() as self.ctrl_c_:
                self._go_on_from(checkpoint)
                self.fit_loop(X, y, **fit_params)
        except StopTraining:
            pass
        except BaseException:
            self._go_back()
            with suppress(Exception):  # the first error is the one to tell
                self._end(X, y)
            raise
        self._end(X, y)
        return self

    def _end(self, X: Any, y: Any) -> None:
        try:
            self.notify("on_train_end", X=X, y=y)
        finally:
            self.module_.eval()
            # A pickle of the net is not to hold them.
            self.checkpoint_, self.kept_, self.ctrl_c_ = None, None, ()

    def _go_on_from(self, checkpoint: Checkpoint | None) -> None:
        if checkpoint is not None and checkpoint.state is not None:
            self.whole_ = False
            self.history.extend(checkpoint.history)
            give_back(self, checkpoint.state)
            checkpoint.state = None  # its memory is the optimizer's now
            self.whole_ = True

    def _go_back(self) -> None:
        """Forget the batches of the unfinished epoch."""
        if not self.whole_ and self.kept_ is not None:
            give_back(self, self.kept_)
            self.whole_ = True
