"""Features without a network, to compare codes with."""

from collections.abc import Callable
from typing import Any, Self, cast

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from tsdisentangle.data.panel import Series
from tsdisentangle.data.scaling import ChannelScaler
from tsdisentangle.data.series import as_series
from tsdisentangle.data.stored import is_stored
from tsdisentangle.training.identity import with_ids
from tsdisentangle.training.input import check_names, learn_names, refuse_one_series

MINIROCKET_KERNELS = 2000
SUMMARIES = ("mean", "std", "min", "max", "missing")  # in the order of `summary`
Features = Callable[[np.ndarray], np.ndarray]  # of standardised series, NaN where missing


def flat(series: np.ndarray) -> np.ndarray:
    """All values in a row, zero, the mean, where missing, with the mask."""
    missing = np.isnan(series)
    values = np.where(missing, 0.0, series).reshape(len(series), -1)
    return np.hstack([values, missing.reshape(len(series), -1)])


def summary(series: np.ndarray) -> np.ndarray:
    """Mean, deviation, minimum, maximum and missing share of each channel; 0 where unobserved."""
    missing = np.isnan(series)
    count = np.maximum((~missing).sum(axis=1), 1)
    values = np.where(missing, 0.0, series)
    mean = values.sum(axis=1) / count
    deviation = np.where(missing, 0.0, series - mean[:, None])
    parts = [
        mean,
        np.sqrt(np.square(deviation).sum(axis=1) / count),
        np.where(missing, np.inf, series).min(axis=1),
        np.where(missing, -np.inf, series).max(axis=1),
        missing.mean(axis=1),
    ]
    return np.hstack([np.where(np.isfinite(part), part, 0.0) for part in parts])


def missingness(series: np.ndarray) -> np.ndarray:
    """Share of missing values of each channel."""
    return np.isnan(series).mean(axis=1)


def fit_minirocket(series: np.ndarray, seed: int | None) -> Features:
    """Return MiniRocket over values and mask (Dempster et al., KDD 2021), fitted.

    Raises
    ------
    ImportError
        sktime or numba is not installed.
    """
    try:
        from sktime.transformations.panel.rocket import MiniRocketMultivariate
    except ImportError as error:
        raise ImportError(
            "MiniRocket needs sktime and numba: pip install 'tsdisentangle[minirocket]'."
        ) from error
    transformer = MiniRocketMultivariate(num_kernels=MINIROCKET_KERNELS, random_state=seed)
    transformer.fit(_channels_first(series))
    return lambda other: transformer.transform(_channels_first(other)).to_numpy()


def _channels_first(series: np.ndarray) -> np.ndarray:
    missing = np.isnan(series)
    return np.concatenate([np.where(missing, 0.0, series), missing], axis=2).swapaxes(1, 2)


def read(X: Any) -> Series:
    """Check a panel; what lies in a file is loaded."""
    return cast(Series, as_series(np.array(X) if is_stored(X) else X, missing="mask"))


def _channels(X: Any, panel: Series) -> Any:
    """What may name channels: a wide frame names steps, and there may be fewer of them."""
    return None if panel.kind == "2d" else X


def standardise(panel: Series, scaler: ChannelScaler) -> np.ndarray:
    """Return standardised values, NaN where missing: ``(n, time, channel)``."""
    scaled = scaler.standardise(panel, np.arange(len(panel)))
    return np.where(panel.observed, scaled.values, np.nan)


PLAIN: dict[str, Features] = {"flat": flat, "summary": summary, "missingness": missingness}


class RawFeatures(TransformerMixin, BaseEstimator):
    """Features of a panel without a network: what codes have to beat.

    Channels are standardised, from the observed values of the training panel.

    Parameters
    ----------
    kind : {'flat', 'summary', 'missingness', 'minirocket'}, default='summary'
        ``'flat'``: all values, the mean where missing, and the mask; ``'summary'``: mean,
        deviation, minimum, maximum and missing share of each channel; ``'missingness'``: the
        missing shares alone; ``'minirocket'``: MiniRocket over values and mask, which needs
        sktime and numba.
    random_state : int or None, default=None
        Of MiniRocket; the others draw nothing.

    Attributes
    ----------
    n_steps_, n_channels_in_ : int
        Of the training panel. Shorter series are filled up with missing values.

    References
    ----------
    Dempster, A., Schmidt, D. F. and Webb, G. I. (2021). MiniRocket: A Very Fast (Almost)
    Deterministic Transform for Time Series Classification. KDD.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from tsdisentangle import make_static_dynamic
    >>> X, y = make_static_dynamic(60, return_X_y=True, random_state=0)
    >>> pipeline = make_pipeline(RawFeatures("summary"), StandardScaler(), LogisticRegression())
    >>> pipeline.fit(X[:40], y[:40]).score(X[40:], y[40:])
    1.0
    """

    def __init__(self, kind: str = "summary", random_state: int | None = None):
        self.kind = kind
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the scale of the channels, the length of the series, and MiniRocket's thresholds.

        Parameters
        ----------
        X : array, list of arrays or DataFrame
            As the estimators take it; NaN where missing.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Bad input, a channel that was never observed, or ``kind`` is unknown.
        ImportError
            MiniRocket's packages are not installed.
        """
        if self.kind not in (*PLAIN, "minirocket"):
            known = sorted([*PLAIN, "minirocket"])
            raise ValueError(f"kind={self.kind!r} is unknown; expected one of {known}.")
        panel = read(X)
        self.scaler_ = ChannelScaler.fit(panel)
        self.n_steps_, self.n_channels_in_ = panel.values.shape[1:]
        self.kind_in_ = panel.kind
        learn_names(self, _channels(X, panel), self.n_channels_in_)
        values = self._values(panel)
        rocket = self.kind == "minirocket"
        self.features_ = fit_minirocket(values, self.random_state) if rocket else PLAIN[self.kind]
        return self

    def transform(self, X: Any) -> Any:
        """Features of each series.

        Parameters
        ----------
        X : array, list of arrays or DataFrame
            As in :meth:`fit`; no longer, and with the same channels.

        Returns
        -------
        array of shape (n, features)
            A DataFrame after ``set_output(transform="pandas")``, indexed by series if X is.

        Raises
        ------
        ValueError
            Bad input.
        """
        check_is_fitted(self)
        panel = read(X)
        check_names(self, _channels(X, panel))
        refuse_one_series(self, X, panel)
        return with_ids(self, self.features_(self._values(panel)), panel)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Names of the columns of :meth:`transform`: ``channel0_mean``, ...

        Parameters
        ----------
        input_features : ignored

        Returns
        -------
        object array of shape (features,)
        """
        check_is_fitted(self)
        channels = [f"channel{c}" for c in range(self.n_channels_in_)]
        if self.kind == "minirocket":
            none = np.zeros((1, self.n_steps_, self.n_channels_in_))
            names = [f"minirocket{i}" for i in range(self.features_(none).shape[1])]
        elif self.kind == "flat":
            values = [f"{c}_step{t}" for t in range(self.n_steps_) for c in channels]
            names = values + [f"{name}_missing" for name in values]
        else:
            parts = SUMMARIES if self.kind == "summary" else SUMMARIES[-1:]
            names = [f"{c}_{part}" for part in parts for c in channels]
        return np.array(names, dtype=object)

    def _values(self, panel: Series) -> np.ndarray:
        """``(n, n_steps_, channel)``, NaN where missing or after the end."""
        n, time, channels = panel.values.shape
        if channels != self.n_channels_in_ or time > self.n_steps_:
            raise ValueError(
                f"X has up to {time} steps of {channels} channels, but the training panel had "
                f"{self.n_steps_} of {self.n_channels_in_}. Pass no longer series, and the same "
                "channels."
            )
        values = np.full((n, self.n_steps_, channels), np.nan)
        values[:, :time] = standardise(panel, self.scaler_)
        return values
