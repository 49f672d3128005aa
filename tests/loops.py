"""The objectives once more, as loops over single numbers: none of the package's losses is used."""

import ast
import re

import numpy as np
import torch
from scipy.special import logsumexp
from scipy.stats import norm
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, RationalQuadratic, WhiteKernel

from tsdisentangle.data.windows import to_windows
from tsdisentangle.nn.calibration import ScaleCalibration

WINDOW = 3
SCALES = (2.0, 1.0, 0.5, 0.25)
KERNELS = {
    "cauchy": lambda scale: RationalQuadratic(alpha=1.0, length_scale=scale / np.sqrt(2)),
    "rbf": RBF,
}


def panel():
    """Series of 4, 2, 3, 1 and 3 windows: a channel, a whole window or the end is missing."""
    X = np.random.default_rng(0).normal(size=(5, 12, 3)).astype(np.float32)
    X[0, 4:7, 1] = X[2, 3:6] = X[4, 8:] = np.nan
    return [X[0], X[1, :5], X[2, :9], X[3, :2], X[4]]


def in_float64(estimator, X):
    """Network and batch, precise enough to compare with loops."""
    batch = to_windows(estimator._read(X), WINDOW)
    network = steady(estimator.net_.module_, batch.values.shape[-1])
    return network.double(), batch.double()


def steady(network, n_channels):
    """The same network with a scale that is not 1, and that training leaves as it is."""
    network.calibration = ScaleCalibration(n_channels)
    network.calibration.log_factor.copy_(torch.linspace(-0.5, 0.5, n_channels))
    network.calibration.momentum = 0.0
    return network


def counts(X):
    """Windows of each series up to its last observed step."""
    return [np.flatnonzero(np.isfinite(x).any(1))[-1] // WINDOW + 1 for x in X]


def noise(name, shape, like):
    """Draws of each name's own, the same when asked again; wide, to reach every limit."""
    rng = np.random.default_rng([ord(letter) for letter in name])
    return torch.as_tensor(2 * rng.standard_normal(shape), dtype=like.dtype)


def documented_defaults(method):
    """What the docstring of an estimator says."""
    lines = re.findall(r"^    (\w[\w, ]*) : .*default=(.+)$", method.__doc__, re.MULTILINE)
    return {name: ast.literal_eval(text) for names, text in lines for name in names.split(", ")}


def cosine(a, b):
    a, b = np.asarray(a), np.asarray(b)
    return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))


def nll(X, values, decoded):
    """Summed over the observed values of all series."""
    total = 0.0
    for b, x in enumerate(X):
        for t, channel in np.argwhere(np.isfinite(x)):
            at = b, t // WINDOW, t % WINDOW, channel
            total -= norm.logpdf(values[at], decoded.mean[at], decoded.std[at])
    return total


def kl(mean, std, prior_mean, prior_std):
    """Of diagonal Gaussians, summed over all coordinates."""
    total = 0.0
    for m, s, pm, ps in zip(*map(np.ravel, (mean, std, prior_mean, prior_std)), strict=True):
        total += np.log(ps / s) + (s**2 + (m - pm) ** 2) / (2 * ps**2) - 0.5
    return total


# -- Gaussian processes -------------------------------------------------------------------------


def covariances(kernels, variance, windows=4):
    """A coordinate each, of ``(name, length scale)``; with the documented white noise of 0.01."""
    time = np.arange(float(windows))[:, None]
    made = [ConstantKernel(variance) * KERNELS[name](scale) for name, scale in kernels]
    return np.stack([(kernel + WhiteKernel(0.01))(time) for kernel in made])


def draws(q, name):
    """One draw of each code of a diagonal Gaussian, as a network takes it from ``noise``."""
    return q.mean + q.std * noise(name, (1, *q.mean.shape), q.mean)[0]


def process_draws(q, eps):
    """Coordinate by coordinate, over all windows at once: ``(batch, windows, dim)``."""
    drawn = torch.zeros_like(q.mean)
    for b in range(len(q.mean)):
        for k in range(q.mean.shape[2]):
            drawn[b, :, k] = q.mean[b, :, k] + q.root[b, k] @ eps[b, :, k]
    return drawn


def process_kl(X, q, prior):
    """To the processes of the given covariances, over the windows of all series."""
    total, roots = 0.0, q.root.numpy()
    for b, n in enumerate(counts(X)):
        for k in range(len(prior)):
            S, K = (roots[b, k] @ roots[b, k].T)[:n, :n], prior[k][:n, :n]
            m = q.mean[b, :n, k].numpy()
            log_ratio = np.linalg.slogdet(K)[1] - np.linalg.slogdet(S)[1]
            spread = np.trace(np.linalg.solve(K, S)) + m @ np.linalg.solve(K, m)
            total += 0.5 * (spread - n + log_ratio)
    return total


# -- recurrent prior, information ---------------------------------------------------------------


def bound(network, X, batch, posterior, static, dynamic):
    """Three terms of a sequential VAE, divided by the batch size."""
    n, terms = len(X), {}
    terms["reconstruction"] = nll(X, batch.values, network.decode(static, dynamic, noise)) / n
    q = posterior.static
    standard = np.zeros(q.mean.shape), np.ones(q.mean.shape)
    terms["static_kl"] = kl(q.mean, q.std, *standard) / n
    last, state, steps = torch.zeros_like(dynamic[:, :1]), None, []
    for t in range(dynamic.shape[1]):
        output, state = network.prior.lstm(last, state)
        steps.append(network.prior.head(output))
        last = dynamic[:, t : t + 1]
    total, q = 0.0, posterior.dynamic
    for b, length in enumerate(counts(X)):
        for t in range(length):
            total += kl(q.mean[b, t], q.std[b, t], steps[t].mean[b, 0], steps[t].std[b, 0])
    return {**terms, "dynamic_kl": total / n}


def information(X, posterior, static, dynamic, n_series):
    """Minibatch weighted sampling of ``I(s; d_t)``, over windows, then over series."""
    lengths, of_series = counts(X), []
    q, p = posterior.static, posterior.dynamic
    for b, length in enumerate(lengths):
        values = []
        for t in range(length):
            rows = [j for j in range(len(X)) if lengths[j] > t]
            s = np.array([norm.logpdf(static[b], q.mean[j], q.std[j]).sum() for j in rows])
            d = np.array(
                [norm.logpdf(dynamic[b, t], p.mean[j, t], p.std[j, t]).sum() for j in rows]
            )
            both, alone, moving = (
                logsumexp(log_q) - np.log(len(rows) * n_series) for log_q in (s + d, s, d)
            )
            values.append(max(0.0, both - alone - moving))
        of_series.append(np.mean(values))
    return np.mean(of_series)


def contrastive_terms(estimator, X):
    """What a contrastive method computes of a batch, and by loops all but the contrasts.

    Fitted on six series, so that the size of the batch is not that of the panel.
    """
    network, batch = in_float64(estimator, X)
    with torch.no_grad():
        terms = network.train()(batch, noise)
        codes = network.encode(batch)
        static, dynamic = (draws(getattr(codes, name), name) for name in codes._fields)
        expected = bound(network, X, batch, codes, static, dynamic)
        expected["information"] = information(X, codes, static, dynamic, n_series=6)
    assert set(terms) == set(network.weights)
    return network, batch, codes, {name: term.item() for name, term in terms.items()}, expected
