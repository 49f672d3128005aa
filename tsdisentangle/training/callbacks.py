"""Callbacks of the training loop."""

from collections import defaultdict
from typing import Any

import torch
from skorch.callbacks import Callback, EarlyStopping, GradientNormClipping
from tqdm.auto import tqdm

# A loss that is summed over a series has gradients of norms from hundreds to thousands, so nearly
# every step is clipped. With Adam, which divides by their size anyway, that weighs all steps alike:
# one odd batch does not outweigh those before it.
GRADIENT_NORM = 5.0
DEFAULT_PATIENCE = 10  # epochs without a better validation loss


class RecordTerms(Callback):
    """Write each term's mean over the epoch into the history, under ``train_`` or ``valid_``."""

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """Start new sums."""
        self.sums_: dict[str, float] = defaultdict(float)
        self.counts_: dict[str, int] = defaultdict(int)

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        """Add the terms of a batch, weighted by its size."""
        part = "train" if training else "valid"
        size = net.history[-1, "batches", -1, f"{part}_batch_size"]
        for name, term in kwargs["y_pred"].items():
            key = f"{part}_{name}"
            self.sums_[key] += term.item() * size
            self.counts_[key] += size

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Record the means."""
        for key, total in self.sums_.items():
            net.history.record(key, total / self.counts_[key])


class TerminateOnNaN(Callback):
    """Stop at the first loss that is NaN or infinite, instead of training on it."""

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, **kwargs: Any
    ) -> None:
        """Check the loss of a batch.

        Raises
        ------
        FloatingPointError
            With epoch, batch, terms and advice.
        """
        if torch.isfinite(kwargs["loss"]):
            return
        terms = {name: term.item() for name, term in kwargs["y_pred"].items()}
        row = net.history[-1]
        number = len(row["batches"]) - (0 if training else row["train_batch_count"])
        raise FloatingPointError(
            f"The {'training' if training else 'validation'} loss is not finite in epoch "
            f"{row['epoch']}, batch {number}: {terms}. Lower lr, or look for extreme values in X."
        )


class StopEarly(EarlyStopping):
    """skorch's early stopping, for trainings that it does not expect.

    One that ends before its first epoch does, and ``partial_fit`` after a fit that has stopped
    early, which has no validation part.
    """

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Count the epochs without a better validation loss."""
        if net.train_split is not None:
            super().on_epoch_end(net, **kwargs)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Load the best weights, if any epoch was finished."""
        if net.train_split is not None and net.history:
            super().on_train_end(net, **kwargs)


class Progress(Callback):
    """Progress bar over epochs."""

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        """Open the bar."""
        self.bar_ = tqdm(total=net.max_epochs, unit="epoch")

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Advance, and show the losses."""
        last = net.history[-1]
        shown = {key: last[key] for key in ("train_loss", "valid_loss") if key in last}
        self.bar_.set_postfix(shown)
        self.bar_.update()

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Close the bar; an open one cannot be pickled."""
        self.bar_.close()
        del self.bar_


def standard_callbacks(early_stopping: bool | int, progress: bool) -> list[tuple[str, Callback]]:
    """Return the callbacks of every fit.

    Parameters
    ----------
    early_stopping : bool or int
        Whether to stop, or after how many epochs without a better validation loss.
    progress : bool
        Whether to show a bar.
    """
    callbacks = [
        ("terminate_on_nan", TerminateOnNaN()),
        ("record_terms", RecordTerms()),
        ("clip_gradient", GradientNormClipping(GRADIENT_NORM)),
    ]
    if early_stopping:
        patience = DEFAULT_PATIENCE if early_stopping is True else early_stopping
        stopping = StopEarly(patience=patience, load_best=True, sink=_silent)
        callbacks.append(("early_stopping", stopping))
    if progress:
        callbacks.append(("progress", Progress()))
    return callbacks


def _silent(message: str) -> None:
    """Sink for callbacks that print."""
