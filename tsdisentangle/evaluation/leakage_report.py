"""Leakage gaps of a fitted estimator's codes, read by classifiers and seen by a judge."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from tsdisentangle import metrics
from tsdisentangle.data.codes import Codes
from tsdisentangle.evaluation.generation_report import LabelClassifier, generation_report, spread_of
from tsdisentangle.evaluation.series_labels import by_series

# The dynamic codes of a whole series as one row.
FLATTENED, AVERAGED = "dynamic, flattened", "dynamic, mean"


@dataclass(frozen=True, repr=False, eq=False)
class LeakageReport:
    """Result of :func:`leakage_report`; prints as tables.

    Attributes
    ----------
    accuracies : DataFrame
        Columns ``code, label, kind, reader, mean, std, chance``: test accuracy of a label, static
        or dynamic by its ``kind``, read from a code by a classifier, over the random splits;
        a single split has no deviation, NaN.
        Reader ``'average'`` is the mean of the three classifiers. Chance is the share of the most
        frequent class.
    gaps : DataFrame
        One line per reader and form of the dynamic codes: the accuracies and both gaps of
        :class:`~tsdisentangle.metrics.LeakageGaps`, each accuracy averaged over the labels of its
        kind. With a judge, a line ``'judge'`` of the gaps by generation.
    """

    accuracies: pd.DataFrame
    gaps: pd.DataFrame

    def __repr__(self) -> str:
        form: dict[str, Any] = {"index": False, "float_format": "{:.3f}".format, "na_rep": "-"}
        return "\n".join(
            [
                "Accuracies of classifiers of the codes",
                self.accuracies.to_string(**form),
                "\nLeakage gaps",
                self.gaps.to_string(**form),
            ]
        )


def leakage_report(
    estimator: Any,
    X: Any,
    static: Mapping[str, Any],
    dynamic: Mapping[str, Any],
    *,
    judge: LabelClassifier | None = None,
    n_splits: int = 10,
    random_state: Any = None,
) -> LeakageReport:
    """Measure what can be read from each code of its own labels, and of those of the other code.

    The codes of labelled series are split at random, and three classifiers are trained on four
    parts in five, see :func:`~tsdisentangle.metrics.latent_accuracies`.

    Parameters
    ----------
    estimator : fitted estimator
        With ``encode``; with a judge, as in
        :func:`~tsdisentangle.evaluation.generation_report.generation_report`.
    X : array, list of arrays or DataFrame
        As in ``estimator.encode``; series that the estimator was not trained on. With a judge, an
        array of sequences of one length.
    static, dynamic : mappings of label name to array of shape (n,)
        One class per series, at least five series of each. Where ``X`` has ids, a Series or the
        columns of a DataFrame are aligned with them by their index.
    judge : classifier, default=None
        With ``predict_proba`` and ``classes_``; adds the gaps by generation.
    n_splits : int, default=10
        Random splits.
    random_state : int, RandomState or None, default=None
        Seed.

    Returns
    -------
    LeakageReport

    Raises
    ------
    ValueError
        Labels that do not fit the series or their ids, or have rare classes.

    Notes
    -----
    Dynamic codes count as one row per series: flattened, with zeros beyond the end of a
    shorter one, and averaged over time. The flattened row grows with the time, and with it what
    can be read from the codes.

    Examples
    --------
    >>> import numpy as np
    >>> from tsdisentangle import StaticDynamicVAE, make_static_dynamic
    >>> X, level = make_static_dynamic(60, return_X_y=True, random_state=0)
    >>> late = {"late": X[:, -1, 0] > X[:, 0, 0]}
    >>> estimator = StaticDynamicVAE(static_dim=4, dynamic_dim=2, max_epochs=1).fit(X)
    >>> report = leakage_report(estimator, X, {"level": level}, late, n_splits=1, random_state=0)
    >>> list(report.gaps["reader"].unique())
    ['svc', 'random_forest', 'knn', 'average']
    """
    rng = check_random_state(random_state)
    static, dynamic = by_series(X, static, "static"), by_series(X, dynamic, "dynamic")
    codes = estimator.encode(X)
    seed = rng.randint(2**31 - 1)
    accuracies = pd.DataFrame(_read(codes, static, dynamic, n_splits, seed))
    gaps = list(_gaps(accuracies))
    if judge is not None:
        seen = generation_report(estimator, judge, X, static, dynamic, random_state=rng).gaps
        gaps.append({"reader": "judge", **_line(seen)})
    return LeakageReport(accuracies, pd.DataFrame(gaps))


def _read(
    codes: Codes, static: Any, dynamic: Any, n_splits: int, seed: int
) -> Iterator[dict[str, Any]]:
    rows = {
        "static": codes.static,
        FLATTENED: codes.dynamic.reshape(len(codes.dynamic), -1),
        AVERAGED: codes.mean_dynamic(),
    }
    for code, kind in ((code, kind) for code in rows for kind in ("static", "dynamic")):
        for label, values in (static if kind == "static" else dynamic).items():
            # The same seed: every code is read on the same splits.
            found = metrics.latent_accuracies(
                rows[code], values, n_splits=n_splits, random_state=seed
            )
            found["average"] = np.mean(list(found.values()), axis=0)
            for reader, accuracies in found.items():
                yield {
                    "code": code,
                    "label": label,
                    "kind": kind,
                    "reader": reader,
                    "mean": accuracies.mean(),
                    "std": spread_of(accuracies),
                    "chance": metrics.majority_share(values),
                }


def _gaps(accuracies: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Gaps by classifier, for both forms of the dynamic codes."""
    means = accuracies.groupby(["reader", "code", "kind"])["mean"].mean()
    for reader in accuracies["reader"].unique():
        for form in (FLATTENED, AVERAGED):
            values = [
                float(means[reader, code, kind])
                for code in ("static", form)
                for kind in ("static", "dynamic")
            ]
            yield {"reader": reader, "form": form, **_line(metrics.LeakageGaps(*values))}


def _line(gaps: metrics.LeakageGaps) -> dict[str, float]:
    return {**gaps._asdict(), "static_gap": gaps.static_gap, "dynamic_gap": gaps.dynamic_gap}
