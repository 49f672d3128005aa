"""Fits that are cached in a folder: whole ones to be found again, long ones epoch by epoch."""

import hashlib
import inspect
import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import joblib
import pooch
from tqdm.auto import tqdm

import tsdisentangle
from tsdisentangle.persistence.disk import write_whole

# What a fit depends on, inside the package: what the estimators import, but for what stores them,
# and ``io``, which makes the spectrograms of table 7.
FIT_CODE = (
    *("base.py", "network.py", "data", "encoders", "io"),
    *("losses", "methods", "nn", "presets", "training"),
)
PACKAGE = Path(tsdisentangle.__file__).parent
BAR = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}<{remaining}"


@dataclass(frozen=True)
class Budget:
    """When a fit ends: at the first of the two.

    Attributes
    ----------
    epochs : int
        0 leaves the estimator untrained.
    seconds : float or None, default=None
        Processor seconds, so that other work on the machine does not count.
    """

    epochs: int
    seconds: float | None = None

    def share(self, fit: "Fit") -> float:
        """How much of the budget a fit has used, from 0 to 1."""
        used = [fit.epochs / self.epochs]
        if self.seconds is not None:
            used.append(fit.seconds / self.seconds)
        return min(1.0, max(used))


@dataclass(frozen=True)
class Fit:
    """A fitted estimator, and what it has cost so far.

    Attributes
    ----------
    estimator : estimator
    epochs : int
    seconds : float
        Processor seconds.
    """

    estimator: Any
    epochs: int = 0
    seconds: float = 0.0


def default_cache() -> Path:
    """Folder of fits in the user's cache."""
    return Path(pooch.os_cache("tsdisentangle-fits"))


def file_name(title: str, *settings: Any) -> str:
    """File name that changes with the settings.

    Parameters
    ----------
    title : str
        For the reader; slashes are replaced.
    *settings
        Anything whose ``repr`` tells it from others.

    Examples
    --------
    >>> file_name("sprites/first", {"lr": 0.1}) == file_name("sprites/first", {"lr": 0.2})
    False
    """
    digest = hashlib.sha256(repr(settings).encode()).hexdigest()[:12]
    return f"{title.replace('/', '-')}-{digest}.pkl"


def cached(path: Path, make: Callable[[], Any]) -> Any:
    """Return what a file holds; make it first if it is not there.

    Parameters
    ----------
    path : Path
        A pickle of our own: the folder must be one that nobody else writes to.
    make : callable

    Raises
    ------
    ValueError
        The file is damaged.
    """
    if not path.exists():
        _save(path, make())
    return _load(path)


@cache
def code_digest(estimator: Any = None) -> str:
    """Digest of the code that a fit depends on: another version's fits must not be found.

    Parameters
    ----------
    estimator : type or None, default=None
        Class of the fit; if it is not of the package, its source file counts too, but not what
        that file imports.
    """
    digest = hashlib.sha256()
    for name in FIT_CODE:
        path = PACKAGE / name
        for file in sorted(path.rglob("*.py")) or [path]:
            digest.update(file.read_bytes())
    if estimator is not None and not estimator.__module__.startswith("tsdisentangle."):
        digest.update(Path(inspect.getfile(estimator)).read_bytes())
    return digest.hexdigest()


def fit_cached(estimator: Any, X: Any, folder: Path | None, *, title: str = "fit") -> Fit:
    """Fit an estimator, unless the same fit to the same data lies in the folder.

    Parameters
    ----------
    estimator : estimator
        With an int as ``random_state``; not fitted.
    X : array
    folder : Path or None
        As in :func:`cached`; None fits in any case, and stores nothing, as does an estimator
        without ``get_params``, of which nobody could say whether it is the same.
    title : str, default='fit'
        Begins the name of the file.

    Returns
    -------
    Fit
        With what the fit has cost, whenever that was.
    """

    def make() -> Fit:
        start = time.process_time()
        fitted = estimator.fit(X)
        epochs = getattr(estimator, "max_epochs", 0)
        return Fit(fitted, epochs, time.process_time() - start)

    if folder is None or not hasattr(estimator, "get_params"):
        return make()
    settings = sorted(estimator.get_params(deep=False).items())
    kind: Any = type(estimator)
    name = file_name(title, kind.__name__, settings, joblib.hash(X), code_digest(kind))
    return cached(folder / name, make)


def fit_within(
    estimator: Any,
    X: Any,
    budget: Budget,
    *,
    title: str = "fit",
    after_epoch: Callable[[Fit], None] = lambda fit: None,
    begun: Fit | None = None,
) -> Fit:
    """Fit within a budget, with a progress bar.

    Parameters
    ----------
    estimator : estimator
        With ``partial_fit``; not fitted.
    X : array or list of arrays
        Training data.
    budget : Budget
    title : str, default='fit'
        Of the bar.
    after_epoch : callable, default does nothing
        Called with the fit after every epoch.
    begun : Fit or None, default=None
        What to go on with, in the place of ``estimator``.

    Returns
    -------
    Fit

    Examples
    --------
    >>> from tsdisentangle import StaticDynamicVAE, make_static_dynamic
    >>> X = make_static_dynamic(20, random_state=0).data
    >>> fit_within(StaticDynamicVAE(random_state=0), X, Budget(epochs=2)).epochs
    2
    """
    if not budget.epochs:
        return Fit(estimator.set_params(max_epochs=0).fit(X))
    fit = Fit(estimator) if begun is None else begun
    with tqdm(total=100, desc=title, bar_format=BAR) as bar:
        bar.update(100 * budget.share(fit))
        while budget.share(fit) < 1:
            start = time.process_time()
            fit.estimator.partial_fit(X)
            spent = fit.seconds + time.process_time() - start
            fit = Fit(fit.estimator, fit.epochs + 1, spent)
            after_epoch(fit)
            bar.update(100 * budget.share(fit) - bar.n)
    return fit


def fit_resumable(path: Path, estimator: Any, X: Any, budget: Budget) -> Fit:
    """Fit within a budget, and store the state after every epoch in a file.

    Parameters
    ----------
    path : Path
        As in :func:`cached`. A fit that is there goes on from its last epoch.
    estimator, X, budget
        As in :func:`fit_within`.

    Returns
    -------
    Fit
    """
    if not budget.epochs:
        return fit_within(estimator, X, budget)
    begun = _load(path) if path.exists() else None

    def store(fit: Fit) -> None:
        _save(path, fit)

    return fit_within(estimator, X, budget, title=path.stem, after_epoch=store, begun=begun)


def _save(path: Path, value: Any) -> None:
    """Write a pickle as a whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, [pickle.dumps(value)])


def _load(path: Path) -> Any:
    try:
        return pickle.loads(path.read_bytes())
    except (EOFError, pickle.UnpicklingError) as error:
        raise ValueError(
            f"{str(path)!r} is damaged ({error}). Delete it: the fit is then made anew."
        ) from error
