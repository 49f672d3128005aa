"""How uncertain a number of a table is: intervals over test units, or over seeds."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.stats import t

from benchmarks.tables.probes import Answers, Metric


def bootstrap_interval(
    metric: Metric, answers: list[Answers], *, draws: int = 200, level: float = 0.95, seed: int = 0
) -> tuple[float, float]:
    """Interval of the mean of a metric over several runs, units drawn with replacement.

    Runs share their test cases, or some, and cases of a unit resemble each other: so a draw takes
    whole units, the same ones for all runs.

    Parameters
    ----------
    metric : callable
    answers : list of Answers
        One a run.
    draws : int, default=200
        Bootstrap samples.
    level : float, default=0.95
        Coverage.
    seed : int, default=0

    Returns
    -------
    low, high : float
    """
    of_runs = [np.arange(len(a.truth)) if a.units is None else a.units for a in answers]
    units = np.unique(np.concatenate(of_runs))
    places = [np.searchsorted(units, of_run) for of_run in of_runs]

    def value(times: np.ndarray) -> float:
        values = []
        for answer, place in zip(answers, places, strict=True):
            rows = np.repeat(np.arange(len(place)), times[place])
            if len(rows):
                values.append(metric(answer.truth[rows], answer.guess[rows]))
        return float(np.mean(values))

    low, high = bootstrap(value, len(units), draws=draws, level=level, seed=seed)
    return float(low), float(high)


def bootstrap(
    value: Callable[[np.ndarray], Any],
    units: int,
    *,
    distinct: int = 1,
    draws: int = 200,
    level: float = 0.95,
    seed: int = 0,
) -> np.ndarray:
    """Interval of a value that is computed of units drawn with replacement.

    Parameters
    ----------
    value : callable
        Takes how often each unit was drawn, shape (units,); returns a number, or an array of them.
    units : int
    distinct : int, default=1
        So many different units a draw must have; another draw is taken in place of the others.
    draws, level, seed
        As in :func:`bootstrap_interval`.

    Returns
    -------
    array of shape (2, ...)
        Low and high.

    Raises
    ------
    ValueError
        If there are fewer units than a draw must have, or a single one: every draw would be alike.
    """
    if units < max(distinct, 2):
        raise ValueError(
            f"Units: {units}; an interval takes {max(distinct, 2)} or more. Ask for more test "
            "units, or give no interval."
        )
    rng = np.random.default_rng(seed)

    def draw() -> np.ndarray:
        while True:
            times = np.bincount(rng.integers(units, size=units), minlength=units)
            if np.count_nonzero(times) >= distinct:
                return times

    tails = [50 * (1 - level), 50 * (1 + level)]
    return np.percentile([value(draw()) for _ in range(draws)], tails, axis=0)


def seed_interval(values: Sequence[float]) -> tuple[float, float] | tuple[None, None]:
    """95 % interval of the mean over seeds, by Student's t.

    Other seeds differ by what these differ: there is none of a single seed, or of equal values.

    Parameters
    ----------
    values : sequence of float
        One a seed.

    Returns
    -------
    low, high : float or None

    Examples
    --------
    >>> low, high = seed_interval([0.4, 0.5, 0.6])
    >>> round(low, 3), round(high, 3)
    (0.252, 0.748)
    >>> seed_interval([0.5])
    (None, None)
    """
    if len(set(values)) < 2:
        return None, None
    error = np.std(values, ddof=1) / len(values) ** 0.5
    half = float(t.ppf(0.975, len(values) - 1) * error)
    mean = float(np.mean(values))
    return mean - half, mean + half


def deviation(values: Sequence[float]) -> float | None:
    """Standard deviation over seeds, divided by their number; None of a single one."""
    return float(np.std(values)) if len(values) > 1 else None
