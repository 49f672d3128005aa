"""Set-up of all tests, and data that several modules share."""

import signal

import numpy as np
import pytest
import torch

# Tests run side by side on the cores; torch's own threads would only fight over them.
torch.set_num_threads(1)

# A shell that starts a command in the background lets it ignore Ctrl-C, which some tests send.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def ragged():
    """A list of series of unequal length, with gaps."""
    rng = np.random.default_rng(1)
    series = [rng.normal(size=(length, 3)).astype(np.float32) for length in (4, 9, 7, 12, 5, 6)]
    for x in series:
        x[1, 0] = np.nan
        x[2] = np.nan
    return series
