"""Methods as a researcher would bring them to the tables: ``--estimator toy_methods:Subclass``."""

import numpy as np

from tsdisentangle import VAE, Codes, StaticDynamicVAE


class Subclass(StaticDynamicVAE):
    """The flagship under another name: all parameters and methods of an estimator."""


class DuckTyped:
    """No more than the tables of time series call; averages instead of a network."""

    def __init__(self, window=4, random_state=None):
        self.window = window
        self.random_state = random_state

    def fit(self, X):
        self.mean_ = X.mean(axis=(0, 1))
        return self

    def encode(self, X, return_std=False):
        centred = X - self.mean_
        n, time, channels = X.shape
        windows = centred.reshape(n, time // self.window, self.window, channels).mean(axis=2)
        codes = [centred.mean(axis=1), windows]
        stds = [np.ones_like(code) for code in codes] if return_std else [None, None]
        return Codes(*codes, np.full(n, windows.shape[1]), *stds)


class MeansOnly(DuckTyped):
    """Knows no spread, which the published heads draw codes from."""

    def encode(self, X):
        return super().encode(X)


class EncodesNothing:
    """No estimator: it has no ``encode``."""

    def fit(self, X):
        return self


class Anonymous:
    """Neither ``fit`` nor ``encode``."""


Taken = VAE  # whose rows the tables have already
number = 3
