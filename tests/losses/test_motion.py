"""Signals of motion against loops, and what they do not see."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bernoulli, norm

from tsdisentangle.losses.motion import (
    Motion,
    loud_frames,
    motion_error,
    moving_cells,
    window_differences,
)


def batch(seed, shape=(3, 5, 4, 2)):
    """Values with gaps, whole windows without any, and ends."""
    rng = np.random.default_rng(seed)
    values, observed = rng.normal(size=shape), rng.random(shape) < 0.7
    observed[0, 2] = False
    valid = np.arange(shape[1]) < rng.integers(1, shape[1] + 1, shape[0])[:, None]
    observed &= valid[..., None, None]
    return values * observed, observed, valid


def tensors(*arrays):
    return (torch.as_tensor(array) for array in arrays)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000))
def test_differences_are_those_of_the_means_of_what_was_observed(seed):
    values, observed, valid = batch(seed)
    motion = window_differences(*tensors(values, observed, valid))
    for b, t, c in np.ndindex(3, 5, 2):
        now, before = (observed[b, s, :, c] for s in (t, t - 1))
        known = t > 0 and now.any() and before.any()
        assert motion.known[b, t, c] == known
        if known:
            expected = values[b, t, now, c].mean() - values[b, t - 1, before, c].mean()
            assert motion.target[b, t, c] == pytest.approx(expected)
        else:
            assert motion.target[b, t, c] == 0


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000))
def test_loud_is_above_the_mean_volume_of_the_recording(seed):
    values, observed, valid = batch(seed, (3, 6, 1, 7))
    motion = loud_frames(*tensors(values, observed, valid))
    for b in range(3):
        volume = [
            values[b, t][observed[b, t]].mean() if observed[b, t].any() else np.nan
            for t in range(6)
        ]
        np.testing.assert_array_equal(motion.known[b, :, 0], np.isfinite(volume))
        for t in np.flatnonzero(np.isfinite(volume)):
            assert motion.target[b, t, 0] == (volume[t] > np.nanmean(volume))


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.sampled_from([9, 12]))
def test_cells_that_move_are_the_three_that_change_most(seed, size):
    rng = np.random.default_rng(seed)
    frames, valid = rng.random((2, 4, size, size, 3)), np.array([[1, 1, 1, 1], [1, 1, 0, 0]]) > 0
    values = frames.reshape(2, 4, -1, 3)
    motion = moving_cells(*tensors(values, np.ones_like(values, dtype=bool), valid))
    cell = size // 3
    for b, t in np.ndindex(2, 4):
        known = t > 0 and valid[b, t]
        assert (motion.known[b, t] == known).all()
        if known:
            change = np.abs(frames[b, t] - frames[b, t - 1]).mean(-1)
            cells = change.reshape(3, cell, 3, cell).mean((1, 3)).ravel()
            expected = np.isin(np.arange(9), np.argsort(cells)[-3:])
            np.testing.assert_array_equal(motion.target[b, t], expected)


def test_what_stands_still_does_not_move():
    still = torch.rand(1, 1, 81, 3).expand(1, 4, 81, 3)
    motion = moving_cells(still, torch.ones_like(still) > 0, torch.ones(1, 4) > 0)
    assert (motion.target == 0).all()
    assert motion.known[:, 1:].all()


@pytest.mark.parametrize("size", [16, 32])
def test_a_moving_dot_is_in_its_cell_whatever_the_size(size):
    frames = torch.zeros(1, 2, size, size, 1)
    frames[0, 1, size - 2, 1] = 1.0  # below, left
    motion = moving_cells(frames.flatten(2, 3), frames.flatten(2, 3) >= 0, torch.ones(1, 2) > 0)
    assert motion.target[0, 1].tolist() == [0, 0, 0, 0, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("binary", [True, False])
def test_error_is_the_negative_log_likelihood_of_what_is_known(binary):
    rng = np.random.default_rng(0)
    prediction, known = rng.normal(size=(3, 4, 2)), rng.random((3, 4, 2)) < 0.6
    target = (rng.random((3, 4, 2)) < 0.5).astype(float)
    found = motion_error(
        torch.as_tensor(prediction), Motion(*tensors(target, known)), binary=binary
    )
    for b in range(3):
        total = 0.0
        for t, k in np.argwhere(known[b]):
            if binary:
                chance = 1 / (1 + np.exp(-prediction[b, t, k]))
                total -= bernoulli.logpmf(target[b, t, k], chance)
            else:
                total -= norm.logpdf(target[b, t, k], prediction[b, t, k]) - norm.logpdf(0)
        assert found[b] == pytest.approx(total)


@pytest.mark.parametrize("binary", [True, False])
def test_what_is_not_known_has_no_gradient(binary):
    prediction = torch.zeros(1, 2, 1, requires_grad=True)
    target = torch.tensor([[[torch.inf], [1.0]]])
    motion = Motion(target, torch.tensor([[[False], [True]]]))
    motion_error(prediction, motion, binary).sum().backward()
    assert prediction.grad[0, 0] == 0
    assert prediction.grad[0, 1] != 0
