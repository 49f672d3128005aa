import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsdisentangle.nn.gaussian import Gaussian
from tsdisentangle.nn.marks import MAX_LOGIT, mark_probabilities, split_marks


def prediction(*mean):
    return Gaussian(torch.tensor(mean, dtype=torch.float64), torch.zeros(1, dtype=torch.float64))


@settings(deadline=None)
@given(st.floats(-1e6, 1e6))
def test_a_probability_is_bounded_and_rises_with_the_logit(logit):
    lower, upper = mark_probabilities(prediction(5.0, logit, logit + 0.1), 2).mean[1:].tolist()
    limit = 1 / (1 + math.exp(MAX_LOGIT))
    assert limit * (1 - 1e-9) <= lower <= upper <= 1 - limit * (1 - 1e-9)


@pytest.mark.parametrize("logit", [-1.0, 0.0, 0.5])
def test_small_logits_are_logits(logit):
    found = mark_probabilities(prediction(logit), 1).mean
    assert found.item() == pytest.approx(1 / (1 + math.exp(-logit)), abs=0.002)


def test_a_wrong_certainty_can_be_unlearned():
    mean = torch.tensor([12.0], requires_grad=True)
    mark_probabilities(Gaussian(mean, torch.zeros(1)), 1).mean.log().sum().backward()
    assert mean.grad > 0


def test_values_and_scales_are_left_alone():
    plain = prediction(-9.0, 9.0, 1.0)
    assert mark_probabilities(plain, 0) is plain
    found = mark_probabilities(plain, 1)
    assert found.mean[:2].tolist() == [-9.0, 9.0]
    assert found.logvar is plain.logvar


@pytest.mark.parametrize("n_marks", [0, 1, 3])
def test_marks_are_the_last_channels(n_marks):
    channels = torch.arange(12).view(2, 6)
    values, marks = split_marks(channels, n_marks)
    assert (values.shape[1], marks.shape[1]) == (6 - n_marks, n_marks)
    assert torch.equal(torch.cat([values, marks], 1), channels)
