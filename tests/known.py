"""An estimator and a judge whose every answer is known, and sequences for them."""

import numpy as np
from sklearn.base import BaseEstimator

from tsdisentangle import Codes

N, TIME = 12, 2
LOOK, MOVE = np.arange(N) % 4, np.arange(N) % 3
STATIC = {"shape": LOOK // 2, "colour": np.array(["blue", "red"])[LOOK % 2]}
DYNAMIC = {"move": MOVE}


def clips(look=LOOK, move=MOVE):
    """Two pixels a frame: how it looks and how it moves."""
    both = np.stack([look, move], axis=1).astype(np.uint8)
    return np.repeat(both[:, None, None, :, None], TIME, axis=1)


class Known(BaseEstimator):
    """Codes are the pixels; the priors always draw the look 0 and the move 1."""

    def __init__(self, random_state=0):
        self.random_state = random_state

    def encode(self, X):
        pixels = X[:, :, 0, :, 0].astype(float)
        return Codes(pixels[:, 0, :1], pixels[:, :, 1:], np.full(len(X), TIME))

    def decode(self, codes):
        look = np.repeat(codes.static[:, None], TIME, axis=1)
        return np.concatenate([look, codes.dynamic], axis=2)[:, :, None, :, None].astype(np.uint8)

    def prior(self, n):
        return np.zeros((n, 1)), np.ones((n, TIME, 1))

    def sample(self, n, length, *, static=None, dynamic=None, dynamic_prior="sample"):
        assert length == TIME
        drawn = self.prior(n)
        static = drawn[0] if static is None else static
        dynamic = drawn[1] if dynamic is None else dynamic
        return self.decode(Codes(static, dynamic, np.full(n, TIME)))


class Entangled(Known):
    """All is in the static code."""

    def encode(self, X):
        pixels = X[:, 0, 0, :, 0].astype(float)
        return Codes(pixels, np.zeros((len(X), TIME, 1)), np.full(len(X), TIME))

    def decode(self, codes):
        pixels = codes.static[:, None, None, :, None].astype(np.uint8)
        return np.repeat(pixels, TIME, axis=1)

    def prior(self, n):
        return np.zeros((n, 2)), np.ones((n, TIME, 1))


class Reads:
    """A judge that is never wrong, and never in doubt."""

    classes_ = {
        "shape": np.arange(2),
        "colour": np.array(["blue", "red"]),
        "move": np.arange(3),
    }

    def predict_proba(self, clips):
        look, move = np.moveaxis(clips[:, 0, 0, :, 0].astype(int), 1, 0)
        return {
            "shape": np.eye(2)[look // 2],
            "colour": np.eye(2)[look % 2],
            "move": np.eye(3)[move],
        }


class Given:
    """An estimator whose codes were chosen beforehand; ``at`` is its static code by window."""

    def __init__(self, static, dynamic, lengths=None, window=1, at=None, terms=()):
        lengths = np.full(len(static), dynamic.shape[1]) if lengths is None else lengths
        self.codes, self.window_ = Codes(static, dynamic, lengths), window
        self.at, self.terms = at, dict(terms)

    def encode(self, X, *, windows=None):
        if windows is None or self.at is None:
            return self.codes
        return Codes(self.at[np.arange(len(windows)), windows[:, 0]], None, None)

    def score_terms(self, X):
        return self.terms
