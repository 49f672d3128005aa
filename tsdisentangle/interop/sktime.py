"""Every method as an sktime transformer."""

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import clone

from tsdisentangle.base import SequenceDisentangler
from tsdisentangle.data.frames import Panel

try:
    from sktime.transformations.base import BaseTransformer
except ImportError as error:
    raise ImportError(
        "tsdisentangle.interop.sktime needs sktime: pip install 'tsdisentangle[sktime]'."
    ) from error


class DisentanglingTransformer(BaseTransformer):
    """sktime transformer around an estimator of this package.

    Parameters
    ----------
    estimator : SequenceDisentangler, default=None
        Any method; None means ``StaticDynamicVAE()``. It is cloned, not changed. Missing values
        are masked if it has ``missing='mask'``.
    output : {'static', 'dynamic', 'both', 'series'}, default='both'
        A row of features per series (static code, averaged dynamic code, or both), or
        ``'series'``: the sequence of dynamic codes of each series, each at the time of the first
        step of its window.

    Attributes
    ----------
    estimator_ : SequenceDisentangler
        The fitted clone.

    Notes
    -----
    Rows stand under the ids of the series. A hierarchical panel is one panel, whose series have
    ids of several levels: one network learns from all of them.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sktime.datasets import load_basic_motions
    >>> from tsdisentangle import StaticDynamicVAE
    >>> from tsdisentangle.interop.sktime import DisentanglingTransformer
    >>> X, y = load_basic_motions(split="train")
    >>> codes = DisentanglingTransformer(StaticDynamicVAE(max_epochs=2, random_state=0))
    >>> pipeline = codes * LogisticRegression()
    >>> pipeline.fit(X, y).predict(X).shape
    (40,)
    """

    _tags = {
        "authors": ["tsdisentangle developers"],
        "maintainers": ["tsdisentangle developers"],
        "python_dependencies": ["torch", "skorch"],
        "scitype:transform-input": "Series",
        "scitype:transform-output": "Primitives",
        "scitype:instancewise": False,
        "X_inner_mtype": ["pd-multiindex", "pd_multiindex_hier"],
        "y_inner_mtype": "None",
        "fit_is_empty": False,
        "capability:inverse_transform": False,
        "capability:unequal_length": True,
        "capability:multivariate": True,
        "capability:missing_values": False,
        "transform-returns-same-time-index": False,
    }

    def __init__(self, estimator: SequenceDisentangler | None = None, output: str = "both"):
        self.estimator = estimator
        self.output = output
        super().__init__()
        masks = getattr(estimator, "missing", "error") != "error"
        self.set_tags(
            **{
                "scitype:transform-output": "Series" if output == "series" else "Primitives",
                "capability:missing_values": masks,
            }
        )

    def _fit(self, X: pd.DataFrame, y: Any = None) -> "DisentanglingTransformer":
        if self.output not in ("static", "dynamic", "both", "series"):
            raise ValueError(
                f"output is {self.output!r}; expected 'static', 'dynamic', 'both' or 'series'."
            )
        self.estimator_ = clone(self._method())
        if self.output != "series":
            self.estimator_.set_params(output=self.output)
        self.estimator_.fit(X)
        return self

    def _transform(self, X: pd.DataFrame, y: Any = None) -> pd.DataFrame:
        codes = self.estimator_.encode(X)
        if self.output != "series":
            return codes.to_frame(self.output)
        panel, window = Panel(X), self.estimator_.window_
        valid = np.arange(codes.dynamic.shape[1]) < codes.lengths[:, None]
        columns = [f"dynamic{i}" for i in range(codes.dynamic.shape[2])]
        starts = _window_starts(panel.steps, codes.lengths, window)
        return pd.DataFrame(codes.dynamic[valid], panel.to_frame().index[starts], columns)

    def _method(self) -> SequenceDisentangler:
        if self.estimator is not None:
            return self.estimator
        from tsdisentangle import StaticDynamicVAE

        return StaticDynamicVAE()

    @classmethod
    def get_test_params(cls, parameter_set: str = "default") -> list[dict[str, Any]]:
        """Return the settings that sktime's checks run with."""
        from tsdisentangle import StaticDynamicVAE, TabularEncoder

        fast: dict[str, Any] = {
            "encoder": TabularEncoder(hidden=8, out_features=4),
            "static_dim": 2,
            "dynamic_dim": 2,
            "max_epochs": 1,
            "random_state": 0,
        }
        masked = StaticDynamicVAE(**fast, missing="mask")
        return [
            {"estimator": StaticDynamicVAE(**fast)},
            {"estimator": masked, "output": "series"},
        ]


def _window_starts(steps: np.ndarray, lengths: np.ndarray, window: int) -> np.ndarray:
    """Row of the first step of each window, of series of so many steps and windows in turn."""
    first = np.repeat(np.cumsum(steps) - steps, lengths)
    number = np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    return first + number * window
