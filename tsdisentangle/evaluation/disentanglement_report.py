"""Which code of a fitted estimator holds which factor."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from tsdisentangle import metrics
from tsdisentangle.data.codes import Codes
from tsdisentangle.evaluation.code_usage import reconstruction_r2
from tsdisentangle.evaluation.factors import (
    CodeView,
    CodeViews,
    Factor,
    known_entries,
    read_factors,
    varies,
)
from tsdisentangle.evaluation.series_labels import by_series, by_step
from tsdisentangle.evaluation.unlabelled_statistics import (
    describe_codes,
    mean_score_terms,
    static_robustness,
)
from tsdisentangle.metrics.validation import Split, split_rows

# Statistics over all pairs of series look at no more than so many, drawn at random.
PAIRWISE_ROWS = 1000
READING = ["score", "chance", "normalized", "unscaled"]
SCORES = ["disentanglement", "completeness", "informativeness", "mig", "sap", "modularity"]
SCORES += ["explicitness", "mi_gap", "silhouette"]


@dataclass(frozen=True, repr=False, eq=False)
class DisentanglementReport:
    """Result of :func:`disentanglement_report`; prints as tables.

    Attributes
    ----------
    probes : DataFrame
        One line per factor and code. ``kind`` is ``'retention'`` where the factor belongs to the
        code, else ``'leak'``. ``score`` is accuracy or R2, named in ``measure``, of a standardised
        linear probe on test series; ``normalized`` is the share of what was possible above
        ``chance``, and ``unscaled`` the same for a probe without the standardisation.
    factors : DataFrame
        One line per factor, and one for all: scores of the coordinates [static | mean dynamic].
    cumulative : DataFrame
        One line per static factor and number of first windows: what a probe reads of the factor in
        all dynamic codes of these windows, side by side. Zeros fill the time beyond the end of a
        shorter series, so that its length can be read as well.
    codes : Series
        Statistics without labels.
    """

    probes: pd.DataFrame
    factors: pd.DataFrame
    cumulative: pd.DataFrame
    codes: pd.Series

    @property
    def retention_minus_leak(self) -> float:
        """Mean retention minus mean leak, the largest one of each factor; between -1 and 1."""
        largest = self.probes.groupby(["kind", "factor"])["normalized"].max()
        return metrics.retention_minus_leak(largest["retention"], largest["leak"])

    def to_frame(self) -> pd.DataFrame:
        """All numbers in long form: columns ``table, factor, code, metric, value``."""
        tables = {
            "probes": self.probes.melt(["factor", "code"], READING, "metric"),
            "factors": self.factors.reset_index().melt("factor", var_name="metric"),
            "cumulative": self.cumulative.assign(
                code="dynamic, first " + self.cumulative["windows"].astype(str)
            ).melt(["factor", "code"], READING, "metric"),
            "codes": self.codes.rename_axis("metric").reset_index(name="value"),
        }
        frame = pd.concat([table.assign(table=name) for name, table in tables.items()])
        return frame[["table", "factor", "code", "metric", "value"]].reset_index(drop=True)

    def __repr__(self) -> str:
        form: dict[str, Any] = {"float_format": "{:.3f}".format, "na_rep": "-"}
        return "\n".join(
            [
                f"Retention minus leak: {self.retention_minus_leak:.3f}",
                "\nLinear probes on test series",
                self.probes.to_string(index=False, **form),
                "\nCoordinates [static | mean dynamic]",
                self.factors.to_string(**form),
                "\nStatic factors from the dynamic codes of the first windows",
                self.cumulative.to_string(index=False, **form),
                "\nCodes, without labels",
                self.codes.to_string(**{**form, "float_format": "{:.4f}".format}),
            ]
        )


def disentanglement_report(
    estimator: Any,
    X: Any,
    static: Any,
    dynamic: Any = None,
    *,
    groups: Any = None,
    test_size: float = 0.2,
    random_state: Any = None,
) -> DisentanglementReport:
    """Measure what the codes of a fitted estimator hold of known factors.

    Probes are fitted on some of the series and tested on the others. A static factor belongs to
    the static code; its leaks are read from the averaged dynamic code, from mean and standard
    deviation over all windows, and from the code of a single window. A dynamic factor belongs to
    the code of its window; its leak is read from the static code. Windows are read again, some of
    them or in another order, to see how far the static code depends on where it is taken.

    Parameters
    ----------
    estimator : fitted estimator
        With ``encode(X, windows=...)``, ``score_terms(X)`` and ``window_``; what decoding tells is
        NaN unless it is a method of this package or a subclass of its base.
    X : array, list of arrays or DataFrame
        As in ``estimator.encode``; better not the series that it was trained on.
    static : mapping of name to array (n,), or array (n,)
        One value per series. Where ``X`` has ids, a Series or the columns of a DataFrame are
        aligned with them by their index.
    dynamic : mapping of name to array (n, time), or array (n, time), default=None
        One value per step; where ``X`` has ids and times, also a Series or the columns of a
        DataFrame with its index (series, time). A window counts with the mean of a number and the
        most frequent label.
    groups : array of shape (n,), default=None
        Series of one group, as of one patient, stay on one side of every split; at least five
        different ones.
    test_size : float, default=0.2
        Share of the test series.
    random_state : int, RandomState or None, default=None
        Seed.

    Returns
    -------
    DisentanglementReport

    Raises
    ------
    ValueError
        Factors that do not fit the series or their ids, have a single value, or too few known
        ones.

    Notes
    -----
    NaN (or None among objects) is unknown. Floats are numbers, unless all known ones are whole and
    no more than 20 different; anything else is a label. In ``factors``, importances are those of a
    random forest, and a dynamic factor has one value per series (its mean, or most frequent label);
    what is not defined, as explicitness of a number, is NaN. Series are encoded six times,
    decoded six times (see :func:`~tsdisentangle.evaluation.code_usage`) and scored once, with eight
    draws that are decoded: of clips, pass no more than it takes.

    Examples
    --------
    >>> from tsdisentangle import StaticDynamicVAE, make_static_dynamic
    >>> from tsdisentangle.evaluation import disentanglement_report
    >>> X, level = make_static_dynamic(100, return_X_y=True, random_state=0)
    >>> estimator = StaticDynamicVAE(static_dim=4, dynamic_dim=2, max_epochs=1).fit(X)
    >>> report = disentanglement_report(estimator, X, {"level": level}, random_state=0)
    >>> list(report.probes["kind"])
    ['retention', 'leak', 'leak', 'leak']
    """
    rng = check_random_state(random_state)
    codes = estimator.encode(X)
    views = CodeViews(codes)
    static, dynamic = by_series(X, static, "static"), by_step(X, dynamic)
    factors = read_factors(static, dynamic, views, estimator.window_)
    groups = by_series(X, groups, "groups")
    groups = np.arange(len(views)) if groups is None else np.asarray(groups)
    seed = rng.randint(2**31 - 1)
    split = split_rows(len(views), test_size, groups, seed)
    pairs = rng.permutation(len(views))[:PAIRWISE_ROWS]
    scores = _Scores(views, pairs, groups, test_size, seed)
    return DisentanglementReport(
        pd.DataFrame([line for factor in factors for line in _read(factor, views, split)]),
        scores.table(factors),
        pd.DataFrame(
            [line for factor in factors for line in _read_first(factor, codes, split)],
            columns=["factor", "windows", *READING],
        ),
        pd.Series(
            {
                **describe_codes(codes, views, pairs, groups),
                **mean_score_terms(estimator.score_terms(X), codes.lengths),
                **static_robustness(estimator, X, codes, rng),
                **reconstruction_r2(estimator, X, rng),
            }
        ),
    )


def _read(factor: Factor, views: CodeViews, split: Split) -> Iterator[dict[str, Any]]:
    """Lines of the table of probes."""
    for view in [views.own(factor), *views.others(factor)]:
        yield {
            "factor": factor.name,
            "code": view.code,
            "kind": "retention" if view is views.own(factor) else "leak",
            "measure": "accuracy" if factor.is_label else "R2",
            **_reading(factor.name, view, views.align(factor, view), split),
        }


def _read_first(factor: Factor, codes: Codes, split: Split) -> Iterator[dict[str, Any]]:
    """Lines of the table of the first windows: 1, 2, 4, ... and all."""
    n, windows = codes.dynamic.shape[:2]
    if factor.is_static:
        for first in [*(2**i for i in range((windows - 1).bit_length())), windows]:
            view = CodeView("first", codes.dynamic[:, :first].reshape(n, -1), np.arange(n))
            yield {
                "factor": factor.name,
                "windows": first,
                **_reading(factor.name, view, factor.values, split),
            }


def _reading(name: str, view: CodeView, values: np.ndarray, split: Split) -> dict[str, float]:
    """What both probes read of a factor in a code."""
    sides = _sides(name, view, values, split)
    strict = metrics.read_factor(*sides)
    unscaled = metrics.read_factor(*sides, standardize=False)
    return {**strict._asdict(), "unscaled": unscaled.normalized}


def _sides(name: str, view: CodeView, values: np.ndarray, split: Split) -> tuple[np.ndarray, ...]:
    """Known rows of the training and of the test series."""
    known = known_entries(values)
    train, test = (known & np.isin(view.series, series) for series in split)
    if not varies(values[train]) or test.sum() < 2:
        raise ValueError(
            f"factor {name!r} has {train.sum()} known values to train on and {test.sum()} to test "
            "on; probes need at least two of each, and two different ones to train on. Pass more "
            "series, or another test_size or random_state."
        )
    return view.rows[train], values[train], view.rows[test], values[test]


class _Scores:
    """Scores of the coordinates [static | mean dynamic]."""

    def __init__(
        self, views: CodeViews, pairs: np.ndarray, groups: Any, test_size: float, seed: int
    ):
        self.views, self.pairs, self.groups = views, pairs, groups
        self.split = {"test_size": test_size, "random_state": seed}
        self.codes = np.hstack([views.static.rows, views.mean.rows])

    def table(self, factors: list[Factor]) -> pd.DataFrame:
        """One line per factor, and one for all."""
        # A dynamic factor may be the same for all whole series; there is nothing to score then.
        scored = {
            factor.name: self._line(factor) for factor in factors if varies(factor.by_series())
        }
        lines = {f.name: {**scored.get(f.name, ({},))[0], **self._gap(f)} for f in factors}
        table = pd.DataFrame(lines, index=SCORES, dtype=np.float64).T
        table.loc["all"] = table.mean()
        if len(scored) > 1:
            importance, information = (
                np.hstack(matrix)
                for matrix in zip(*(found[1:] for found in scored.values()), strict=True)
            )
            table.loc["all", "disentanglement"] = metrics.dci(importance).disentanglement
            table.loc["all", "modularity"] = metrics.modularity(information)
        return table.rename_axis("factor")

    def _line(self, factor: Factor) -> tuple[dict[str, float], np.ndarray, np.ndarray]:
        """Scores of a factor; its columns of importances and of mutual information."""
        values = factor.by_series()
        known = known_entries(values)
        codes, values = self.codes[known], values[known]
        split: dict[str, Any] = {**self.split, "groups": self.groups[known]}
        found = metrics.code_importances(codes, values, predictor="random_forest", **split)
        line = {
            "completeness": metrics.dci(found.importance).completeness,
            "informativeness": found.informativeness[0],
            "mig": metrics.mig(codes, values),
            "sap": metrics.sap(codes, values, **split),
        }
        if factor.is_label:
            line["explicitness"] = metrics.explicitness(codes, values, **split)
            line["silhouette"] = self._silhouette(factor)
        return line, found.importance, metrics.mutual_information(codes, values)

    def _silhouette(self, factor: Factor) -> float:
        own = self.views.static if factor.is_static else self.views.mean
        values = factor.by_series()[self.pairs]
        known = known_entries(values)
        if not varies(values):  # a rare class may be absent from the rows that were drawn
            return np.nan
        return metrics.silhouette(own.rows[self.pairs][known], values[known])

    def _gap(self, factor: Factor) -> dict[str, float]:
        """Group gap of a label, by series for a static one and by window for a dynamic one."""
        if not factor.is_label:
            return {}
        own, other = self.views.own(factor), self.views.others(factor)[0]
        values = self.views.align(factor, own)
        known = known_entries(values)
        sides = own.rows[known], other.rows[known], values[known]
        groups = self.groups[own.series[known]]
        return {"mi_gap": metrics.group_mi_gap(*sides, **self.split, groups=groups)}
