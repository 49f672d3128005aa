"""Prior of the static codes, fitted after training to the aggregate of their posteriors.

Training draws each posterior towards N(0, I), but their aggregate over series, from which the
decoder has learned, ``q(s) = 1/N sum_i q(s | x_i)``, may stay far from it (Hoffman and Johnson,
"ELBO surgery", 2016). A mixture of Gaussians that is fitted to the aggregate is what to sample from
(Ghosh et al., "From Variational to Deterministic Autoencoders", ICLR 2020, section 4).
"""

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
from scipy.linalg import solve_triangular
from scipy.special import logsumexp

# Series that are encoded at most. With fewer, each posterior is drawn from several times.
MAX_SERIES = 2000
# With fewer series, held-out ones say too little to choose by.
MIN_SERIES = 10
HELD_OUT = 0.2
COMPONENTS = (1, 2, 4, 8, 16)
SEED = 0


@dataclass(frozen=True, eq=False)
class AggregatePrior:
    """Mixture of Gaussians.

    Attributes
    ----------
    weights : float64 array of shape (components,)
        They sum to 1.
    means : float64 array of shape (components, static_dim)
    choleskys : float64 array of shape (components, static_dim, static_dim)
        Lower triangular factors of the covariances.
    """

    weights: np.ndarray
    means: np.ndarray
    choleskys: np.ndarray

    def log_density(self, codes: np.ndarray) -> np.ndarray:
        """Logarithm of the density at each of ``(n, static_dim)`` codes."""
        parts = []
        for weight, mean, root in zip(self.weights, self.means, self.choleskys, strict=True):
            white = solve_triangular(root, (codes - mean).T, lower=True)
            log_scale = np.log(root.diagonal()).sum() + 0.5 * len(mean) * np.log(2 * np.pi)
            parts.append(np.log(weight) - log_scale - 0.5 * np.square(white).sum(axis=0))
        return logsumexp(parts, axis=0)

    def transform(self, normal: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
        """Turn standard normal draws into draws of the mixture.

        Parameters
        ----------
        normal : array of shape (n, static_dim)
        rng : RandomState
            Draws the component of each row.

        Returns
        -------
        array of the shape and dtype of ``normal``
        """
        component = rng.choice(len(self.weights), len(normal), p=self.weights)
        drawn = np.empty_like(normal)
        for i, (mean, root) in enumerate(zip(self.means, self.choleskys, strict=True)):
            rows = component == i
            drawn[rows] = mean + normal[rows] @ root.T
        return drawn


class LazyPrior:
    """An aggregate prior that is fitted when it is first asked for.

    To choose a mixture takes longer than an epoch over a small panel, and most estimators never
    draw a sample. Copies share it; a pickle holds the mixture, not the codes.

    Parameters
    ----------
    mean, std : arrays of shape (n, static_dim)
        Posteriors of the static codes of a training panel.
    """

    def __init__(self, mean: np.ndarray, std: np.ndarray):
        self._posteriors = mean, std

    @classmethod
    def fitted(cls, mixture: AggregatePrior) -> Self:
        """Return the holder of a mixture that was fitted before."""
        made = cls.__new__(cls)
        made.mixture = mixture
        return made

    @cached_property
    def mixture(self) -> AggregatePrior | None:
        """The mixture; None if the codes are not finite."""
        return fit_aggregate_prior(*self._posteriors)

    def __getstate__(self) -> dict[str, Any]:
        return {"mixture": self.mixture}


def fit_aggregate_prior(mean: np.ndarray, std: np.ndarray) -> AggregatePrior | None:
    """Fit a mixture to draws from posteriors, in the form under which held-out ones are likeliest.

    Parameters
    ----------
    mean, std : arrays of shape (n, static_dim)

    Returns
    -------
    AggregatePrior or None
        The same for the same posteriors. None if they are not finite.
    """
    if not (np.isfinite(mean).all() and np.isfinite(std).all()):
        return None
    rng = np.random.RandomState(SEED)
    n, dim = mean.shape
    draws = -(-MAX_SERIES // n)
    normal = rng.standard_normal((n, draws, dim))
    codes = mean[:, None] + std[:, None].astype(np.float64) * normal
    return _fit(codes, _choose(codes[rng.permutation(n)]))


class Form(NamedTuple):
    """Number of components, and the kind of their covariances: ``'diag'`` or ``'full'``."""

    components: int
    covariance: str


def _choose(codes: np.ndarray) -> Form:
    """Return the form under which held-out series are likeliest."""
    held_out = int(HELD_OUT * len(codes))
    train, test = codes[held_out:], codes[:held_out]
    if len(codes) < MIN_SERIES:
        return Form(1, "diag")
    return max(_grow(train, test, covariance) for covariance in ("diag", "full"))[1]


def _grow(train: np.ndarray, test: np.ndarray, covariance: str) -> tuple[float, Form]:
    """Add components until the likelihood of held-out series falls; return the best, with it."""
    n, draws, dim = train.shape
    # Each component needs a series, and a full covariance more draws than it has rows.
    limit = n if covariance == "diag" else (n * draws - 1) // dim
    best = -np.inf, Form(1, covariance)
    for components in COMPONENTS:
        if components > limit:
            break
        form = Form(components, covariance)
        likelihood = _fit(train, form).log_density(test.reshape(-1, dim)).mean()
        if likelihood <= best[0]:
            break
        best = float(likelihood), form
    return best


def _fit(codes: np.ndarray, form: Form) -> AggregatePrior:
    """Fit a mixture of a given form by expectation maximisation."""
    # Here: it takes a second to import, and most processes never fit one.
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import GaussianMixture

    rows = codes.reshape(-1, codes.shape[-1])
    mixture = GaussianMixture(
        form.components,
        covariance_type=form.covariance,
        reg_covar=1e-6 * rows.var(axis=0).mean(),
        random_state=SEED,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        mixture.fit(rows)
    if form.covariance == "diag":
        roots = np.sqrt(mixture.covariances_)[..., None] * np.eye(rows.shape[1])
    else:
        roots = np.linalg.cholesky(mixture.covariances_)
    return AggregatePrior(mixture.weights_ / mixture.weights_.sum(), mixture.means_, roots)
