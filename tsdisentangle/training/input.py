"""The user's ``X`` and parameters, checked, and what a fit remembers of the former.

As scikit-learn's ``validate_data``, these functions set and read attributes of the estimator.
"""

import copy
import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils.validation import validate_data

from tsdisentangle.data.columns import are_times, first_frame, is_frame
from tsdisentangle.data.frames import Panel
from tsdisentangle.data.panel import CheckedPanel
from tsdisentangle.data.scaling import fit_scaler
from tsdisentangle.data.series import as_series
from tsdisentangle.data.windows import resolve_window
from tsdisentangle.encoders import TabularEncoder
from tsdisentangle.training.cut_series import TrainingSteps

# So few steps of many channels look like channels before time.
FEW_STEPS = 16


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
    _check_hidden(estimator, panel)
    estimator.n_channels_in_ = panel.n_channels
    time = int(panel.steps.max())
    learn_names(estimator, X, time if panel.kind == "2d" else panel.n_channels)
    _warn_if_channels_first(panel, time)
    estimator._training_steps_ = TrainingSteps(X)
    estimator.kind_in_ = panel.kind
    estimator.window_ = _resolve_window(estimator, time)
    indicate = estimator.missing == "indicate"
    scaled = panel.scaled_by(fit_scaler(panel, estimator.standardize, indicate))
    estimator.scaler_ = scaled.scaler  # which knows the dtype of X
    return scaled


def _check_hidden(estimator: Any, panel: CheckedPanel) -> None:
    """Refuse to hide parts of elements that are there as a whole or not at all."""
    share, kind = getattr(estimator, "hidden_share", 0.0), getattr(estimator, "hidden_kind", "")
    if share and kind != "windows" and not panel.may_be_missing:
        raise ValueError(
            f"hidden_kind is {kind!r}, but X is of a kind, such as video, whose single values "
            "cannot be missing. Pass hidden_kind='windows', which hides whole frames, or "
            "hidden_share=0.0."
        )


def _warn_if_channels_first(panel: CheckedPanel, time: int) -> None:
    """Warn of ``(n, channel, time)``, the form of some libraries, where the sizes look like it."""
    if panel.kind == "3d" and time <= FEW_STEPS and panel.n_channels > 4 * time:
        warnings.warn(
            f"X has {time} steps of {panel.n_channels} channels: the form is (n, time, channel). "
            "If it is (n, channel, time), pass X.transpose(0, 2, 1).",
            UserWarning,
            stacklevel=5,
        )


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
    check_names(estimator, X)  # first: a wrong column says more than the values in it
    panel = _as_panel(estimator, X)
    refuse_one_series(estimator, X, panel)
    if panel.kind == estimator.kind_in_ == "2d":
        _check_steps(estimator, X)
    if panel.n_channels != estimator.n_channels_in_:
        raise ValueError(_other_channels(estimator, X, panel))
    if steps := getattr(estimator, "_training_steps_", None):  # of a model file: unknown
        steps.warn_if_cut(X)
    return panel


def learn_names(estimator: Any, X: Any, n_features: int) -> None:
    """Set ``n_features_in_`` and, where X has names, ``feature_names_in_`` on an estimator."""
    named = _named(X)
    features = np.empty((0, n_features)) if named is None else named
    validate_data(estimator, features, reset=True, skip_check_array=True)


def check_names(estimator: Any, X: Any) -> None:
    """Refuse a frame, or list of frames, of other columns than those of the training panel.

    Raises
    ------
    ValueError
    """
    named = _named(X)
    if named is None:
        return
    try:
        validate_data(estimator, named, reset=False, skip_check_array=True)
    except ValueError as error:
        names = list(getattr(estimator, "feature_names_in_", []))
        if sorted(names) != sorted(map(str, named.columns)):
            raise
        line = "[x[names] for x in X]" if isinstance(X, list | tuple) else "X[names]"
        raise ValueError(f"{error}Pass {line} with names = {names}.") from error


def _named(X: Any) -> Any:
    """Return the frame that names the channels; dates are steps, and differ among panels."""
    frame = pd.DataFrame(columns=X.channels) if isinstance(X, Panel) else first_frame(X)
    return None if frame is None or are_times(frame.columns) else frame


def refuse_one_series(estimator: Any, X: Any, panel: CheckedPanel) -> None:
    """Refuse one series ``(time, channel)`` in the place of a panel ``(n, time)``.

    Parameters
    ----------
    estimator : object
        With ``kind_in_`` and ``n_channels_in_``.
    X : object
    panel : CheckedPanel
        What was read from it.

    Raises
    ------
    ValueError
    """
    shape, channels = (len(panel), int(panel.steps.max())), estimator.n_channels_in_
    if panel.kind != "2d" or estimator.kind_in_ == "2d" or shape[1] != channels:
        return
    one = "[X]" if is_frame(X) or isinstance(X, list | tuple) else "X[None]"
    other = "" if channels > 1 else " If each row is a series of one step: X[..., None]."
    raise ValueError(
        f"X has shape {shape}, which is that of one series (time, channel): "
        f"{type(estimator).__name__} was fitted on series of {channels} channel(s). Pass {one}, a "
        f"panel of one series.{other}"
    )


def _check_steps(estimator: Any, X: Any) -> None:
    """Refuse rows of an array of another length than those of the training panel."""
    if is_frame(X) or isinstance(X, list | tuple):
        return  # columns are checked by now; a list holds series of any length
    try:
        validate_data(estimator, X, reset=False, skip_check_array=True)
    except ValueError as error:
        raise ValueError(f"{error} Series of another length go into a list: list(X).") from error


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


def _other_channels(estimator: Any, X: Any, panel: CheckedPanel) -> str:
    """Explain a wrong number of channels."""
    time, expected = int(panel.steps.max()), estimator.n_channels_in_
    hint = ""
    if time == expected:
        line = "[x.T for x in X]" if isinstance(X, list | tuple) else "np.swapaxes(X, 1, 2)"
        hint = f" Channels are the last axis; perhaps X needs {line}?"
    return (
        f"X has {panel.n_channels} channels, but {type(estimator).__name__} was fitted with "
        f"{expected}; got shape {(len(panel), time, panel.n_channels)} (n, time, channel).{hint}"
    )


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
