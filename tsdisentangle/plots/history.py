"""The course of training."""

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.figure import Figure


def plot_history(history: Any, *, title: str = "") -> Figure:
    """Terms of the loss over the epochs.

    Parameters
    ----------
    history : skorch History
        ``estimator.history_``.
    title : str, default=''
        Heading.

    Returns
    -------
    Figure
        One axis per term, in nats per series; with early stopping also on the validation part.
    """
    skipped = ("batch_count", "loss_best")
    names = [
        key.removeprefix("train_")
        for key in history[-1]
        if key.startswith("train_") and not key.endswith(skipped)
    ]
    figure, axes = plt.subplots(
        1, len(names), figsize=(3.0 * len(names), 3.0), squeeze=False, layout="constrained"
    )
    epochs = history[:, "epoch"]
    for ax, name in zip(axes[0], names, strict=True):
        for part in ("train", "valid"):
            if f"{part}_{name}" in history[-1]:
                ax.plot(epochs, history[:, f"{part}_{name}"], label=part)
        ax.set(title=name.replace("_", " "), xlabel="epoch")
    axes[0, 0].set_ylabel("nats per series")
    axes[0, 0].legend(frameon=False)
    figure.suptitle(title)
    return figure
