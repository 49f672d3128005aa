"""What frozen codes are asked to predict, and how the answer is measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from tsdisentangle.data.codes import Codes

Metric = Callable[[np.ndarray, np.ndarray], float]

# Strength of the linear probes, chosen on the validation part.
LOGISTIC_C = (0.01, 0.1, 1.0, 10.0)
SHRINKAGE = (0.05, 0.3)
RIDGE_ALPHA = (0.1, 1.0, 10.0, 100.0, 1e3, 1e4, 1e5)

# More features than that take minutes: their covariance, or a copy of them beside each window.
MOST_FEATURES = 1000


@dataclass(frozen=True)
class Split:
    """Rows of a training, a validation and a test part, disjoint."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class Answers:
    """Truth and prediction of every test case of a task.

    Attributes
    ----------
    truth, guess : arrays of shape (n, ...)
        A guess of a label may have a further axis: one a draw of the codes.
    leaked : dict of str to array of shape (n,), default={}
        Predictions of the static label from views of the dynamic code, where those are leaks.
    units : array of shape (n,) or None
        What each case belongs to; cases of a unit resemble each other. None: each its own.
    constant : float or None
        Share of the folds whose chosen probe is the constant itself; None where it is no choice.
    """

    truth: np.ndarray
    guess: np.ndarray
    leaked: Mapping[str, np.ndarray] = field(default_factory=dict)
    units: np.ndarray | None = None
    constant: float | None = None


def accuracy(truth: np.ndarray, guess: np.ndarray) -> float:
    """Share of right answers, over all draws where there are several."""
    return float((truth == guess.T).mean())


def absolute_error(truth: np.ndarray, guess: np.ndarray) -> float:
    """Mean absolute error over the known values."""
    return float(np.nanmean(np.abs(truth - guess)))


def course(codes: Codes) -> np.ndarray:
    """Mean, deviation and last of the dynamic codes."""
    valid = (np.arange(codes.dynamic.shape[1]) < codes.lengths[:, None])[..., None]
    dynamic = np.where(valid, codes.dynamic, np.nan)
    last = codes.dynamic[np.arange(len(codes.lengths)), codes.lengths - 1]
    return np.hstack([np.nanmean(dynamic, axis=1), np.nanstd(dynamic, axis=1), last])


def pooled(codes: Codes) -> np.ndarray:
    """Static code beside the course of the dynamic codes."""
    return np.hstack([codes.static, course(codes)])


# Views of the dynamic code that are to know nothing of a static label, by the field of the results:
# what ``transform`` gives, and how the code varies too.
LEAKS: dict[str, Callable[[Codes], np.ndarray]] = {
    "leakage": Codes.mean_dynamic,
    "leakage_course": course,
}


def _logistic(strength: float) -> Pipeline:
    return make_pipeline(StandardScaler(), LogisticRegression(C=strength, max_iter=3000))


def _discriminant(shrinkage: float) -> Pipeline:
    probe = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage)
    return make_pipeline(StandardScaler(), probe)


def _regressors() -> list[Pipeline]:
    """Linear regressions to choose from, and the constant: codes that say nothing cost nothing."""
    probes = [make_pipeline(StandardScaler(), Ridge(alpha=strength)) for strength in RIDGE_ALPHA]
    return [*probes, make_pipeline(DummyRegressor(strategy="median"))]


def _classifiers(features: np.ndarray) -> list[Pipeline]:
    """Linear classifiers to choose from."""
    probes = [_logistic(strength) for strength in LOGISTIC_C]
    if features.shape[1] <= MOST_FEATURES:
        probes += [_discriminant(shrinkage) for shrinkage in SHRINKAGE]
    return probes


def choose_probe(
    probes: list[Pipeline],
    features: np.ndarray,
    target: np.ndarray,
    split: Split,
    loss: Callable[[Pipeline, np.ndarray, np.ndarray], float],
) -> tuple[Pipeline, float]:
    """Choose a probe, fitted on the training rows, by its loss on the validation rows."""
    losses = [
        loss(
            probe.fit(features[split.train], target[split.train]),
            features[split.validation],
            target[split.validation],
        )
        for probe in probes
    ]
    best = int(np.argmin(losses))
    return probes[best], losses[best]


def known_rows(split: Split, parts: tuple[str, ...] = ("train", "validation")) -> np.ndarray:
    """Rows whose targets an answer may know: what probes and constants are fitted on at last."""
    return np.concatenate([getattr(split, part) for part in parts])


def _refit(probe: Pipeline, features: np.ndarray, target: np.ndarray, split: Split) -> Pipeline:
    known = known_rows(split)
    return probe.fit(features[known], target[known])


@dataclass(frozen=True)
class StaticLabel:
    """Tell a label of the series from the static code alone.

    Attributes
    ----------
    name : str
    target : array of shape (n,)
    """

    name: str
    target: np.ndarray
    metrics: ClassVar[dict[str, Metric]] = {"accuracy": accuracy}
    known: ClassVar[tuple[str, ...]] = ("train", "validation")  # parts that a constant is made of

    def answer(self, codes: Codes, split: Split, raw: bool = False, seed: int = 0) -> Answers:
        """Fit the probe, and answer for the test rows; raw features leak nothing."""
        guess = self._guess(codes.static, split)
        views = {} if raw else LEAKS
        leaked = {name: self._guess(view(codes), split) for name, view in views.items()}
        return Answers(self.target[split.test], guess, leaked)

    def constant(self, split: Split) -> Answers:
        """Answer the most frequent known label."""
        values, counts = np.unique(self.target[known_rows(split, self.known)], return_counts=True)
        truth = self.target[split.test]
        return Answers(truth, np.full(len(truth), values[counts.argmax()]))

    def validate(self, codes: Codes, split: Split) -> float:
        """Accuracy on the validation rows; to choose hyper-parameters by."""
        return -self._choose(codes.static, split)[1]

    def _choose(self, features: np.ndarray, split: Split) -> tuple[Pipeline, float]:
        def loss(probe: Pipeline, x: np.ndarray, y: np.ndarray) -> float:
            return -probe.score(x, y)

        return choose_probe(_classifiers(features), features, self.target, split, loss)

    def _guess(self, features: np.ndarray, split: Split) -> np.ndarray:
        probe = _refit(self._choose(features, split)[0], features, self.target, split)
        return probe.predict(features[split.test])


@dataclass(frozen=True)
class Risk:
    """Tell a rare event of the series from static and pooled dynamic codes.

    Attributes
    ----------
    name : str
    target : bool array of shape (n,)
    """

    name: str
    target: np.ndarray
    metrics: ClassVar[dict[str, Metric]] = {
        "AUPRC": average_precision_score,
        "AUROC": roc_auc_score,
    }

    def answer(self, codes: Codes, split: Split, raw: bool = False, seed: int = 0) -> Answers:
        """Fit the probe, and answer for the test rows."""
        features = pooled(codes)
        probe = _refit(self._choose(features, split)[0], features, self.target, split)
        return Answers(self.target[split.test], probe.decision_function(features[split.test]))

    def validate(self, codes: Codes, split: Split) -> float:
        """Area under the precision-recall curve of the validation rows."""
        return -self._choose(pooled(codes), split)[1]

    def constant(self, split: Split) -> Answers:
        """Answer the same risk for everybody."""
        truth = self.target[split.test]
        return Answers(truth, np.zeros(len(truth)))

    def _choose(self, features: np.ndarray, split: Split) -> tuple[Pipeline, float]:
        def loss(probe: Pipeline, x: np.ndarray, y: np.ndarray) -> float:
            return -average_precision_score(y, probe.decision_function(x))

        return choose_probe(_classifiers(features), features, self.target, split, loss)


@dataclass(frozen=True)
class Course:
    """Tell a value of each window from its dynamic code and the static code.

    Attributes
    ----------
    name : str
    target : array of shape (n, windows)
    blocks : array of shape (n,) or None, default=None
        Blocks in time. The probe then is chosen by leaving each block of the training and the
        validation part out once: one block alone says too little. None: by the validation part.
    """

    name: str
    target: np.ndarray
    blocks: np.ndarray | None = None
    metrics: ClassVar[dict[str, Metric]] = {"MAE": absolute_error}
    known: ClassVar[tuple[str, ...]] = ("train", "validation")  # parts that a constant is made of

    def answer(self, codes: Codes, split: Split, raw: bool = False, seed: int = 0) -> Answers:
        """Fit the probe over all windows, and answer for the test rows."""
        windows = self.target.shape[1]
        # Thousands of raw values of the series beside each of its windows would take hours.
        wide = codes.static.shape[1] > MOST_FEATURES
        repeated = np.repeat(codes.static[:, None, : 0 if wide else None], windows, axis=1)
        features = np.concatenate([codes.dynamic, repeated], axis=2)
        flat, target = features.reshape(len(features) * windows, -1), self.target.ravel()

        def loss(probe: Pipeline, x: np.ndarray, y: np.ndarray) -> float:
            return absolute_error(y, probe.predict(x))

        probes = _regressors()
        losses = [
            choose_probe([probe], flat, target, self._by_window(part), loss)[1]
            for probe in probes
            for part in self._parts(split)
        ]
        of_each = np.reshape(losses, (len(probes), -1)).mean(axis=1)
        by_window = self._by_window(split)
        probe = _refit(probes[of_each.argmin()], flat, target, by_window)
        guess = probe.predict(flat[by_window.test]).reshape(len(split.test), windows)
        constant = float(isinstance(probe[-1], DummyRegressor))
        return Answers(self.target[split.test], guess, constant=constant)

    def _parts(self, split: Split) -> list[Split]:
        """Training and validation parts to choose by."""
        if self.blocks is None:
            return [split]
        both = known_rows(split)
        return [
            Split(both[self.blocks[both] != block], both[self.blocks[both] == block], split.test)
            for block in np.unique(self.blocks[both])
        ]

    def _by_window(self, split: Split) -> Split:
        """Rows of the windows of a split's series."""
        rows = np.arange(self.target.size).reshape(self.target.shape)
        return Split(*(rows[part].ravel() for part in (split.train, split.validation, split.test)))

    def constant(self, split: Split) -> Answers:
        """Answer the median of the known values."""
        truth = self.target[split.test]
        known = self.target[known_rows(split, self.known)]
        return Answers(truth, np.full(truth.shape, np.median(known)))


Task = StaticLabel | Risk | Course  # and those with the published heads, which inherit


def join(parts: list[Answers]) -> Answers:
    """Put the answers of several folds together."""
    units = [part.units for part in parts if part.units is not None]
    return Answers(
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.guess for part in parts]),
        {name: np.concatenate([part.leaked[name] for part in parts]) for name in parts[0].leaked},
        units=np.concatenate(units) if len(units) == len(parts) else None,
        constant=mean_of([part.constant for part in parts]),
    )


def mean_of(values: list[float | None]) -> float | None:
    """Mean of the known values; None where none is."""
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def by_unit(metric: Metric, answers: list[Answers], units: np.ndarray) -> list[float]:
    """Mean over runs of a metric of each unit; ``units`` of the cases, in all runs the same."""
    rows = [units == unit for unit in np.unique(units)]
    return [float(np.mean([metric(a.truth[row], a.guess[row]) for a in answers])) for row in rows]
