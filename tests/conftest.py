"""Data and estimators that several test modules share."""

import numpy as np
import pytest
import torch

from tsdisentangle import StaticDynamicVAE, TabularEncoder

# Tests run side by side on the cores; torch's own threads would only fight over them.
torch.set_num_threads(1)


def small(**params):
    """Return an estimator that fits in a moment."""
    kind = params.pop("kind", "window")
    defaults = {
        "encoder": TabularEncoder(kind, hidden=8, out_features=6),
        "static_dim": 3,
        "dynamic_dim": 2,
        "max_epochs": 2,
        "batch_size": 8,
        "random_state": 0,
    }
    return StaticDynamicVAE(**{**defaults, **params})


@pytest.fixture
def panel():
    """A dense panel: 12 series, 10 steps, 3 channels."""
    return np.random.default_rng(0).normal(size=(12, 10, 3)).astype(np.float32)


@pytest.fixture
def ragged():
    """A list of series of unequal length, with gaps."""
    rng = np.random.default_rng(1)
    series = [rng.normal(size=(length, 3)).astype(np.float32) for length in (4, 9, 7, 12, 5, 6)]
    for x in series:
        x[1, 0] = np.nan
        x[2] = np.nan
    return series
