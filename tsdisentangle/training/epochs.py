"""How long to train, and whether it was long enough."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

# 'auto': so many epochs, and so many steps at least. Of a small panel an epoch is a step or two;
# benchmarks/steps.py shows what they gain.
AUTO_EPOCHS, AUTO_STEPS = 100, 600
# The reconstruction still falls if the last quarter of the epochs has so much of the whole fall.
STILL_FALLING = 0.05
MIN_EPOCHS = 20  # with fewer, quarters say nothing


def resolve_epochs(max_epochs: int | str, n_series: int, batch_size: int) -> int:
    """Return the number of epochs that ``max_epochs`` stands for.

    Examples
    --------
    >>> resolve_epochs(7, 60, 64), resolve_epochs("auto", 60, 64), resolve_epochs("auto", 1000, 64)
    (7, 600, 100)
    """
    if max_epochs != "auto":
        return int(max_epochs)
    return max(AUTO_EPOCHS, -(-AUTO_STEPS // _steps(n_series, batch_size)))


def _steps(n_series: int, batch_size: int) -> int:
    """Steps of an epoch."""
    return -(-n_series // batch_size)


def warn_if_short(estimator: Any) -> None:
    """Warn of a fit that should have gone on, with the number to raise.

    Not of one whose end was chosen otherwise: by ``early_stopping``, or by a callback.

    Parameters
    ----------
    estimator : SequenceDisentangler
        Just fitted.
    """
    epochs = len(estimator.history_)
    if not epochs or estimator.early_stopping or epochs < estimator.max_epochs_:
        return
    steps = epochs * _steps(estimator.n_series_in_, estimator.batch_size)
    share = last_quarter_of_fall(estimator.history_[:, "train_reconstruction"])
    if steps < AUTO_STEPS:
        found = (
            f"The fit made {steps} steps ({epochs} epochs), and small panels need {AUTO_STEPS} or "
            "more"
        )
        longer = resolve_epochs("auto", estimator.n_series_in_, estimator.batch_size)
    elif share > STILL_FALLING:
        found = (
            f"The training reconstruction was still falling after {epochs} epochs: {share:.0%} of "
            "its fall was in the last quarter of them"
        )
        longer = 2 * epochs
    else:
        return
    warnings.warn(
        f"{found}. Pass max_epochs={longer}, or early_stopping=True with many epochs.",
        ConvergenceWarning,
        stacklevel=3,
    )


def last_quarter_of_fall(losses: list[float]) -> float:
    """Share of the fall of a loss that lies between the last two quarters of its epochs.

    Examples
    --------
    >>> last_quarter_of_fall(list(range(100, 0, -1)))
    0.29411764705882354
    >>> last_quarter_of_fall([9.0, 1.0] + [0.0] * 98)
    0.0
    """
    if len(losses) < MIN_EPOCHS:
        return 0.0
    quarter = len(losses) // 4
    before, last = (
        float(np.mean(part)) for part in (losses[-2 * quarter : -quarter], losses[-quarter:])
    )
    first = float(np.mean(losses[: max(1, len(losses) // 20)]))
    return max(0.0, before - last) / max(first - last, np.finfo(float).tiny)
