"""What a judge sees in sequences of which one code was kept, and the other drawn or exchanged."""

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import pandas as pd
from sklearn.utils import check_random_state

from tsdisentangle import metrics

# How the static labels of a sequence are called together.
JOINT = "all static"


class LabelClassifier(Protocol):
    """What the reports call on a judge.

    Attributes
    ----------
    classes_ : mapping of label name to array of shape (classes,)
        Ascending.
    """

    classes_: Mapping[str, np.ndarray]

    def predict_proba(self, clips: Any) -> Mapping[str, np.ndarray]:
        """Probabilities ``(n, classes)`` by label name."""
        ...


@dataclass(frozen=True, repr=False, eq=False)
class GenerationReport:
    """Result of :func:`generation_report`; prints as a table.

    Attributes
    ----------
    scores : DataFrame
        Columns ``sequences, label, metric, mean, std``, the last two over the repeats;
        a single one has no deviation, NaN.
        ``sequences`` is ``'data'``, ``'reconstruction'``, ``'static resampled'``, ``'dynamics
        resampled'`` or ``'swapped'``. A static label has its accuracy, and all of them together,
        ``'all static'``, the share of sequences with every one right. A dynamic label has the
        :class:`~tsdisentangle.metrics.GenerationScores`. ``'pixels'`` has the mean absolute change
        from the reconstruction.
    confusion : dict of str to DataFrame
        By label, over the swapped sequences of all repeats: rows are the classes of the sequence
        that gave the code that the label belongs to, columns what the judge saw, as shares.
    gaps : LeakageGaps
        By generation, of accuracies averaged over the labels of a kind.
    """

    scores: pd.DataFrame
    confusion: dict[str, pd.DataFrame]
    gaps: metrics.LeakageGaps

    def __repr__(self) -> str:
        table = self.scores.pivot(index=["sequences", "label"], columns="metric", values="mean")
        order = self.scores[["sequences", "label"]].drop_duplicates()
        table = table.loc[pd.MultiIndex.from_frame(order)].reset_index()
        return table.to_string(index=False, float_format="{:.4f}".format, na_rep="-")


def generation_report(
    estimator: Any,
    judge: LabelClassifier,
    X: Any,
    static: Mapping[str, Any],
    dynamic: Mapping[str, Any],
    *,
    repeats: int = 5,
    dynamic_prior: str = "mean_path",
    random_state: Any = None,
) -> GenerationReport:
    """Let a judge look at resampled and swapped sequences.

    Labels that belong to the code that was kept shall stay; those of the code that was drawn, as
    ``estimator.sample`` draws it, shall be at chance; in swapped sequences each label goes with
    its code.

    Parameters
    ----------
    estimator : fitted estimator
        With ``encode``, ``decode``, ``sample`` and ``set_params(random_state=...)``.
    judge : classifier
        With ``predict_proba`` and ``classes_``, such as a fitted
        :class:`~tsdisentangle.evaluation.judge.Judge`; better not trained on ``X``.
    X : array of shape (n, time, ...)
        Sequences of one length, better not those that the estimator was trained on.
    static, dynamic : mappings of label name to array of shape (n,)
        Names and classes are those of the judge; one value per sequence.
    repeats : int, default=5
        Draws of a code, and random pairings; the published tables have 300. The estimator is
        not trained anew, so ``std`` is the noise of the draws alone.
    dynamic_prior : {'mean_path', 'sample'}, default='mean_path'
        As in ``estimator.sample``; the published evaluations decode the mean path.
    random_state : int, RandomState or None, default=None
        Seed.

    Returns
    -------
    GenerationReport

    Raises
    ------
    ValueError
        Labels that do not fit the sequences or the judge, or ``repeats`` below 1.

    Notes
    -----
    Accuracies are of all sequences; inception score and entropies of a subset with the same number
    of sequences of each class of the source, see :func:`~tsdisentangle.metrics.generation_scores`.
    Dynamic codes stay in their place, and static ones are permuted with none left in its place.

    Examples
    --------
    A judge of series, from two classifiers of scikit-learn:

    >>> from sklearn.linear_model import LogisticRegression
    >>> from tsdisentangle import StaticDynamicVAE, make_static_dynamic
    >>> X, level = make_static_dynamic(80, return_X_y=True, random_state=0)
    >>> rises = X[:, -1, 0] > X[:, 0, 0]
    >>> class Linear:
    ...     def fit(self, X, labels):
    ...         rows = X.reshape(len(X), -1)
    ...         self.models = {k: LogisticRegression().fit(rows, v) for k, v in labels.items()}
    ...         self.classes_ = {k: model.classes_ for k, model in self.models.items()}
    ...         return self
    ...
    ...     def predict_proba(self, X):
    ...         rows = X.reshape(len(X), -1)
    ...         return {k: model.predict_proba(rows) for k, model in self.models.items()}
    >>> judge = Linear().fit(X[:40], {"level": level[:40], "rises": rises[:40]})
    >>> estimator = StaticDynamicVAE(static_dim=4, dynamic_dim=2, max_epochs=1).fit(X[:40])
    >>> report = generation_report(
    ...     estimator, judge, X[40:], {"level": level[40:]}, {"rises": rises[40:]}, repeats=2
    ... )
    >>> list(report.scores["sequences"].unique())
    ['data', 'reconstruction', 'static resampled', 'dynamics resampled', 'swapped']
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}.")
    rng = check_random_state(random_state)
    kept, moving = (_columns(judge, labels, len(X)) for labels in (static, dynamic))
    codes = estimator.encode(X)
    decoded = estimator.decode(codes)
    judgements: dict[str, list[_Judgement]] = {
        "data": [_judge_sequences(judge, X, kept, moving)],
        "reconstruction": [_judge_sequences(judge, decoded, kept, moving)],
    }

    def add(name: str, sequences: np.ndarray, kept: dict[str, np.ndarray]) -> None:
        seen = _judge_sequences(judge, sequences, kept, moving)
        seen.scores["pixels", "change"] = _change(sequences, decoded)
        judgements.setdefault(name, []).append(seen)

    for _ in range(repeats):
        again = reseeded(estimator, rng)
        length = np.shape(X)[1]
        add("static resampled", again.sample(len(X), length, dynamic=codes.dynamic), kept)
        drawn = again.sample(len(X), length, static=codes.static, dynamic_prior=dynamic_prior)
        add("dynamics resampled", drawn, kept)
        partner = metrics.random_derangement(len(X), rng)
        swapped = estimator.decode(replace(codes, static=codes.static[partner]))
        add("swapped", swapped, {name: values[partner] for name, values in kept.items()})
    scores = pd.DataFrame(
        [line for name in judgements for line in _average(name, judgements[name])]
    )
    return GenerationReport(
        scores, _confusion(judge, judgements["swapped"]), _gaps(scores, kept, moving)
    )


def reseeded(estimator: Any, rng: np.random.RandomState) -> Any:
    """Return a shallow copy that draws other samples; the estimator's own are always the same."""
    return copy.copy(estimator).set_params(random_state=rng.randint(2**31 - 1))


class _Judgement(NamedTuple):
    """What the judge saw: scores by label and metric; true and seen classes by label."""

    scores: dict[tuple[str, str], float]
    classes: dict[str, tuple[np.ndarray, np.ndarray]]


def _columns(judge: LabelClassifier, labels: Mapping[str, Any], n: int) -> dict[str, np.ndarray]:
    """Labels as columns of the judge's probabilities."""
    if not isinstance(labels, Mapping) or not labels:
        raise ValueError(
            f"static and dynamic must be mappings of label names to values; got {labels!r:.80}."
        )
    columns = {}
    for name, values in labels.items():
        values = np.asarray(values)
        if name not in judge.classes_:
            raise ValueError(f"The judge knows {sorted(judge.classes_)}, but no label {name!r}.")
        classes = judge.classes_[name]
        if values.shape != (n,) or not np.isin(values, classes).all():
            raise ValueError(
                f"label {name!r} has shape {values.shape}; expected ({n},), one per sequence, of "
                f"the judge's classes {list(classes)}."
            )
        columns[name] = np.searchsorted(classes, values)
    return columns


def _judge_sequences(
    judge: LabelClassifier,
    sequences: np.ndarray,
    static: dict[str, np.ndarray],
    dynamic: dict[str, np.ndarray],
) -> _Judgement:
    seen = judge.predict_proba(sequences)
    truth = {**static, **dynamic}
    classes = {name: (truth[name], seen[name].argmax(axis=1)) for name in truth}
    scores = {(name, "accuracy"): _share(*classes[name]) for name in static}
    scores[JOINT, "accuracy"] = metrics.joint_accuracy(
        *(np.stack(side, axis=1) for side in zip(*(classes[name] for name in static), strict=True))
    )
    for name, columns in dynamic.items():
        found = metrics.generation_scores(seen[name], columns)
        scores |= {(name, metric): value for metric, value in found._asdict().items()}
    return _Judgement(scores, classes)


def _share(truth: np.ndarray, guess: np.ndarray) -> float:
    return float((truth == guess).mean())


def _change(sequences: np.ndarray, others: np.ndarray) -> float:
    """Mean absolute difference per pixel between 0 and 1; sequence by sequence to save memory."""
    differences = [
        np.abs(x.astype(np.float64) - y).mean() for x, y in zip(sequences, others, strict=True)
    ]
    return float(np.mean(differences)) / (255 if sequences.dtype == np.uint8 else 1)


def _average(name: str, judgements: list[_Judgement]) -> Iterator[dict[str, Any]]:
    for label, metric in judgements[0].scores:
        values = [judgement.scores[label, metric] for judgement in judgements]
        line = {"sequences": name, "label": label, "metric": metric}
        yield {**line, "mean": np.mean(values), "std": spread_of(values)}


def spread_of(values: Any) -> float:
    """Standard deviation; NaN of a single value, which has none."""
    return float(np.std(values)) if len(values) > 1 else np.nan


def _confusion(judge: LabelClassifier, judgements: list[_Judgement]) -> dict[str, pd.DataFrame]:
    tables = {}
    for name in judgements[0].classes:
        pairs = zip(*(judgement.classes[name] for judgement in judgements), strict=True)
        truth, guess = (np.concatenate(side) for side in pairs)
        classes = judge.classes_[name]
        shares = metrics.swap_score(truth, guess, len(classes)).confusion
        tables[name] = pd.DataFrame(shares, classes, classes).rename_axis(
            index="true", columns="seen"
        )
    return tables


def _gaps(scores: pd.DataFrame, static: Any, dynamic: Any) -> metrics.LeakageGaps:
    """Of the mean accuracy of the static, and of the dynamic labels."""
    accuracy = scores[scores["metric"] == "accuracy"].set_index(["sequences", "label"])["mean"]
    kept, resampled = accuracy["dynamics resampled"], accuracy["static resampled"]
    return metrics.LeakageGaps(
        *(
            float(part[list(labels)].mean())
            for part in (kept, resampled)
            for labels in (static, dynamic)
        )
    )
