"""The training loop: skorch, with batches of whole tensors and a loss of named terms."""

from typing import Any

import torch
from skorch import NeuralNet

from tsdisentangle.data.windows import Windows
from tsdisentangle.nn.noise import SharedNoise, normal_noise
from tsdisentangle.training.loader import BatchLoader

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
    """skorch net over a :class:`~tsdisentangle.training.network.SequenceNetwork`.

    Parameters
    ----------
    module : SequenceNetwork
    precision : {'float32', 'bfloat16', 'float16'}, default='float32'
        What the network computes in. Gradients in float16 are scaled, so that small ones do not
        vanish.
    **kwargs
        Of skorch's ``NeuralNet``.
    """

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
        """Tell apart a callback that ends training from the user's Ctrl-C.

        skorch's callbacks raise ``KeyboardInterrupt`` to stop, and its loop swallows every one.
        """
        try:
            super().notify(method_name, **cb_kwargs)
        except KeyboardInterrupt:
            if method_name != "on_epoch_end":
                raise
            raise StopTraining from None

    def partial_fit(self, X: Any, y: Any = None, classes: Any = None, **fit_params: Any) -> Any:
        """Train for ``max_epochs`` more epochs; Ctrl-C is raised, not swallowed."""
        if not self.initialized_:
            self.initialize()
        self.notify("on_train_begin", X=X, y=y)
        try:
            self.fit_loop(X, y, **fit_params)
        except StopTraining:
            pass
        finally:
            self.notify("on_train_end", X=X, y=y)
        self.module_.eval()
        return self
