"""The user's ``X`` and parameters, checked, and what a fit remembers of the former.

As scikit-learn's ``validate_data``, these functions set and read attributes of the estimator.
"""

import copy
from typing import Any

import pandas as pd
from sklearn.utils.validation import validate_data

from tsdisentangle.data.frames import Panel
from tsdisentangle.data.panel import CheckedPanel
from tsdisentangle.data.scaling import fit_scaler
from tsdisentangle.data.series import as_series
from tsdisentangle.data.windows import resolve_window
from tsdisentangle.encoders import TabularEncoder
from tsdisentangle.training.cut_series import TrainingSteps


def learn_input(estimator: Any, X: Any) -> CheckedPanel:
    """Check a training panel, and set its form, window and scale on the estimator.

    Parameters
    ----------
    estimator : SequenceDisentangler
        Gets ``_encoder_``, ``n_channels_in_``, ``n_features_in_``, ``kind_in_``, ``window_``,
        ``scaler_`` and, where X has names, ``feature_names_in_``.
    X : array, list of arrays or DataFrame

    Returns
    -------
    CheckedPanel
        In the network's units.

    Raises
    ------
    ValueError
    """
    estimator._encoder_ = _own_encoder(estimator)
    panel = _as_panel(estimator, X)
    estimator.n_channels_in_ = panel.n_channels
    estimator.n_features_in_ = panel.n_channels
    if panel.kind == "2d" or _is_frame(X):
        validate_data(estimator, _named(X), reset=True, skip_check_array=True)
    estimator._training_steps_ = TrainingSteps(X)
    estimator.kind_in_ = panel.kind
    estimator.window_ = _resolve_window(estimator, int(panel.steps.max()))
    indicate = estimator.missing == "indicate"
    estimator.scaler_ = fit_scaler(panel, estimator.standardize, indicate)
    return panel.scaled_by(estimator.scaler_)


def check_input(estimator: Any, X: Any) -> CheckedPanel:
    """Check a panel against the training panel.

    Parameters
    ----------
    estimator : SequenceDisentangler
        Fitted.
    X : array, list of arrays or DataFrame

    Returns
    -------
    CheckedPanel
        In the user's units.

    Raises
    ------
    ValueError
        Bad input, or other columns or channels than those of the training panel.
    """
    if _is_frame(X):  # a wrong column says more than the values in it
        validate_data(estimator, _named(X), reset=False, skip_check_array=True)
    panel = _as_panel(estimator, X)
    if panel.kind == estimator.kind_in_ == "2d":
        validate_data(estimator, X, reset=False, skip_check_array=True)
    if panel.n_channels != estimator.n_channels_in_:
        raise ValueError(_other_channels(estimator, panel))
    if steps := getattr(estimator, "_training_steps_", None):  # of a model file: unknown
        steps.warn_if_cut(X)
    return panel


def _own_encoder(estimator: Any) -> Any:
    """Copy of the encoder's parameter object, which later changes to it do not reach."""
    for name in ("encoder", "decoder"):
        if isinstance(getattr(estimator, name), type):
            given = getattr(estimator, name).__name__
            raise ValueError(f"{name} is the class {given}; pass an instance: {given}().")
    return TabularEncoder() if estimator.encoder is None else copy.deepcopy(estimator.encoder)


def _as_panel(estimator: Any, X: Any) -> CheckedPanel:
    """Check a panel as the encoder reads it: series, or what its own ``read`` returns."""
    read = getattr(estimator._encoder_, "read", as_series)
    return read(X, missing=estimator.missing)


def _resolve_window(estimator: Any, time: int) -> int:
    """Steps of a window; the encoder may have its own idea of ``'auto'``."""
    if estimator.window == "auto" and hasattr(estimator._encoder_, "auto_window"):
        return estimator._encoder_.auto_window
    return resolve_window(estimator.window, time)


def _other_channels(estimator: Any, panel: CheckedPanel) -> str:
    """Explain a wrong number of channels."""
    time, expected = int(panel.steps.max()), estimator.n_channels_in_
    hint = ""
    if time == expected:
        hint = " Channels are the last axis; perhaps X needs np.swapaxes(X, 1, 2)?"
    return (
        f"X has {panel.n_channels} channels, but {type(estimator).__name__} was fitted with "
        f"{expected}; got shape {(len(panel), time, panel.n_channels)} (n, time, channel).{hint}"
    )


def _is_frame(X: Any) -> bool:
    return hasattr(X, "columns") or isinstance(X, Panel)


def _named(X: Any) -> Any:
    """Return something that scikit-learn reads the names of the channels from."""
    return pd.DataFrame(columns=X.channels) if isinstance(X, Panel) else X


def check_partial_fit(estimator: Any) -> None:
    """Refuse what needs all epochs of a fit.

    Raises
    ------
    ValueError
    """
    if estimator.early_stopping:
        raise ValueError("partial_fit cannot stop early; pass early_stopping=False, or use fit.")
    if estimator.checkpoint_dir is not None:
        raise ValueError("partial_fit writes no checkpoints; pass checkpoint_dir=None, or use fit.")


def check_nested(estimator: Any, params: dict[str, Any]) -> None:
    """Refuse ``encoder__hidden`` and the like of a part that is None.

    Raises
    ------
    ValueError
    """
    for name in params:
        part, _, rest = name.partition("__")
        if rest and part not in params and getattr(estimator, part, estimator) is None:
            raise ValueError(
                f"{name} cannot be set because {part} is None, the default. Pass an object: "
                f"{type(estimator).__name__}({part}=Tabular{part.capitalize()}())."
            )
