"""Whether a decoder uses each of the codes: what is lost when one is exchanged for another."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from tsdisentangle.base import SequenceDisentangler
from tsdisentangle.data.codes import Codes
from tsdisentangle.evaluation.unlabelled_statistics import mean_score_terms
from tsdisentangle.metrics import random_derangement

OWN = "reconstruction R2, own codes"
OVERALL_MEAN = "reconstruction R2, overall mean of dynamic"
POSITION_MEAN = "reconstruction R2, mean dynamic of the position"
OTHER_DYNAMIC = "reconstruction R2, dynamic of another series"
STATIC_MEAN = "reconstruction R2, mean static"
OTHER_STATIC = "reconstruction R2, static of another series"
ROWS = (OWN, OVERALL_MEAN, POSITION_MEAN, OTHER_DYNAMIC, STATIC_MEAN, OTHER_STATIC)


def code_usage(estimator: Any, X: Any, *, random_state: Any = None) -> pd.Series:
    """Measure how much the decoder uses each code, and what each code costs; without labels.

    The series are reconstructed with their own codes, and with one code exchanged for one that
    knows less. A code that is not used loses nothing. Dynamic codes whose position is all that
    matters, a clock, lose nothing against the mean of the position.

    Parameters
    ----------
    estimator : SequenceDisentangler
        Fitted.
    X : array, list of arrays or DataFrame
        As in ``estimator.encode``; better not the series that it was trained on.
    random_state : int, RandomState or None, default=None
        Seed of the exchange between series.

    Returns
    -------
    Series of float
        ``'reconstruction R2, ...'`` is the share of the squared deviations of the observed values
        from their channel's mean, in standardised units, that decoding explains:

        - ``'own codes'``: as ``reconstruct`` decodes them;
        - ``'overall mean of dynamic'``: every dynamic code is the mean over all windows;
        - ``'mean dynamic of the position'``: over the windows of the same number;
        - ``'dynamic of another series'`` of as many windows. Series without a partner do not count
          in this line;
        - ``'mean static'`` and ``'static of another series'``.

        The other lines are means of ``estimator.score_terms``, in nats. NaN where a line is not
        defined.

    Notes
    -----
    Static codes are those of the anchor, from which the decoder has learned, whatever
    ``static_pooling`` says.

    Examples
    --------
    A VAE of single windows has no static code of its own:

    >>> from tsdisentangle import VAE, make_static_dynamic
    >>> from tsdisentangle.evaluation import code_usage
    >>> X = make_static_dynamic(40, random_state=0).data
    >>> usage = code_usage(VAE(max_epochs=1, random_state=0).fit(X), X, random_state=0)
    >>> bool(usage["reconstruction R2, own codes"] == usage["reconstruction R2, mean static"])
    True
    """
    found = reconstruction_r2(estimator, X, check_random_state(random_state))
    lengths = estimator.encode(X).lengths
    return pd.Series({**found, **mean_score_terms(estimator.score_terms(X), lengths)})


def reconstruction_r2(estimator: Any, X: Any, rng: np.random.RandomState) -> dict[str, float]:
    """R2 of the reconstruction from own and from other codes; NaN of a foreign estimator."""
    if not isinstance(estimator, SequenceDisentangler):
        return dict.fromkeys(ROWS, np.nan)
    panel, inference = estimator._read(X), estimator._inference()
    inference.options = {}  # not a pooled code
    codes, moments = inference.encode(panel), inference.moments(panel)
    explained = dict.fromkeys(ROWS, np.nan)
    for name, rows, static, dynamic in _exchanged(codes, rng):
        error = inference.squared_error(panel, static, dynamic)
        explained[name] = _r2(error[rows], {key: part[rows] for key, part in moments.items()})
    return explained


def _exchanged(
    codes: Codes, rng: np.random.RandomState
) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Names of the lines, the series that count in each, their static and dynamic codes."""
    static, dynamic = codes.static, codes.dynamic
    valid = np.arange(dynamic.shape[1]) < codes.lengths[:, None]
    everyone = np.arange(len(static))
    yield OWN, everyone, static, dynamic
    mean = dynamic[valid].mean(axis=0)
    yield OVERALL_MEAN, everyone, static, np.tile(mean, (*valid.shape, 1))
    total = np.where(valid[..., None], dynamic, 0).sum(axis=0)
    position = total / np.maximum(valid.sum(axis=0), 1)[:, None]
    yield POSITION_MEAN, everyone, static, np.tile(position, (len(static), 1, 1))
    partner = _partners(codes.lengths, rng)
    paired = np.flatnonzero(partner != everyone)
    if len(paired):
        yield OTHER_DYNAMIC, paired, static, dynamic[partner]
    yield STATIC_MEAN, everyone, np.tile(static.mean(axis=0), (len(static), 1)), dynamic
    if len(static) > 1:
        yield OTHER_STATIC, everyone, static[random_derangement(len(static), rng)], dynamic


def _partners(lengths: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Another series of the same length for each one; itself, where there is none."""
    partner = np.arange(len(lengths))
    for length in np.unique(lengths):
        alike = np.flatnonzero(lengths == length)
        if len(alike) > 1:
            partner[alike] = alike[random_derangement(len(alike), rng)]
    return partner


def _r2(error: np.ndarray, moments: dict[str, np.ndarray]) -> float:
    """Share of the squared deviations from the means of the channels that is explained."""
    count, total, squares = (moments[name].sum(axis=0) for name in ("count", "sum", "squares"))
    deviation = (squares - np.square(total) / np.maximum(count, 1)).sum()
    constant = deviation <= 1e-10 * squares.sum()  # what is left of equal values is rounding
    return np.nan if constant else float(1 - error.sum() / deviation)
