"""Contrastive terms against double loops."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsdisentangle.losses.contrastive import (
    consistency,
    contrast_negatives,
    contrast_views,
    cosine,
    farthest,
)
from tsdisentangle.nn.gaussian import Gaussian

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def draw(seed, *shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.manual_seed(seed))


def similarity(a, b, temperature):
    return math.exp((a @ b / a.norm() / b.norm()).item() / temperature)


def test_cosine_of_zero_is_zero():
    result = cosine(torch.zeros(1, 3), torch.ones(2, 3))
    torch.testing.assert_close(result, torch.zeros(1, 2))


def test_codes_near_zero_lose_their_direction_slowly():
    """A norm below 1e-8 counts as 1e-8, so that no gradient explodes."""
    tiny, unit = torch.tensor([[1e-10, 0.0]]), torch.tensor([[1.0, 0.0]])
    torch.testing.assert_close(cosine(tiny, unit), torch.tensor([[0.01]]))
    torch.testing.assert_close(cosine(unit, tiny), torch.tensor([[0.01]]))


def test_everything_stays_on_the_device_of_the_codes():
    views = torch.empty(3, 2, device="meta")
    assert contrast_views(views, views, 0.5).device.type == "meta"


@pytest.mark.parametrize("temperature", [0.5, 0.1])
def test_views_against_a_double_loop(temperature):
    first, second = draw(0, 5, 3), draw(1, 5, 3)
    both = torch.cat([first, second])
    expected = []
    for i in range(10):
        partner = similarity(both[i], both[(i + 5) % 10], temperature)
        others = sum(similarity(both[i], both[j], temperature) for j in range(10) if j != i)
        expected.append(-math.log(partner / others))
    torch.testing.assert_close(
        contrast_views(first, second, temperature),
        torch.tensor(expected, dtype=torch.float64),
        **EXACT,
    )


def test_negatives_against_a_loop():
    anchors, positives, bank = draw(0, 4, 3), draw(1, 4, 3), draw(2, 6, 3)
    chosen = torch.tensor([[0, 1, 2], [5, 3, 0], [4, 1, 5], [2, 3, 4]])
    expected = []
    for anchor, positive, rows in zip(anchors, positives, chosen, strict=True):
        hit = similarity(anchor, positive, 0.5)
        others = sum(similarity(anchor, bank[row], 0.5) for row in rows)
        expected.append(-math.log(hit / (hit + others)))
    torch.testing.assert_close(
        contrast_negatives(anchors, positives, bank, chosen, 0.5),
        torch.tensor(expected, dtype=torch.float64),
        **EXACT,
    )


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.integers(2, 6), st.floats(0.1, 10.0))
def test_views_depend_on_directions_only_and_not_on_order(seed, n, scale):
    first, second = draw(seed, n, 3), draw(seed + 1, n, 3)
    value = contrast_views(first, second, 0.5)
    torch.testing.assert_close(contrast_views(scale * first, second, 0.5), value)
    order = torch.randperm(n, generator=torch.manual_seed(seed))
    moved = contrast_views(first[order], second[order], 0.5)
    torch.testing.assert_close(moved, value[torch.cat([order, order + n])])


def test_recognised_views_cost_least():
    first = torch.eye(4)
    assert contrast_views(first, first, 0.1).max() < 0.01
    assert contrast_views(first, first.roll(1, 0), 0.1).min() > 5


def test_farthest_ranks_by_explicit_divergences():
    q, bank = Gaussian(draw(0, 3, 2), draw(1, 3, 2)), Gaussian(draw(2, 8, 2), draw(3, 8, 2))
    found = farthest(q, bank, 4)
    for b in range(3):
        divergences = []
        for j in range(8):
            total = 0.0
            for k in range(2):
                var_q, var_p = math.exp(q.logvar[b, k]), math.exp(bank.logvar[j, k])
                gap = (q.mean[b, k] - bank.mean[j, k]).item()
                total += 0.5 * (math.log(var_p / var_q) + (var_q + gap**2) / var_p - 1)
            divergences.append(total)
        order = sorted(range(8), key=lambda j, values=divergences: -values[j])
        assert found[b].tolist() == order[:4]


def test_gradients():
    anchors, positives, bank = (
        draw(seed, *shape).requires_grad_() for seed, shape in enumerate([(3, 2), (3, 2), (4, 2)])
    )
    chosen = torch.tensor([[0, 1], [3, 2], [1, 2]])
    assert torch.autograd.gradcheck(lambda a, b: contrast_views(a, b, 0.5), (anchors, positives))
    assert torch.autograd.gradcheck(
        lambda a, p, n: contrast_negatives(a, p, n, chosen, 0.5), (anchors, positives, bank)
    )


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.integers(2, 6), st.floats(0.01, 5))
def test_triplets_against_a_loop(seed, n, margin):
    own, shuffled = draw(seed, n, 3), draw(seed + 1, n, 3)
    found = consistency(own, shuffled, margin)
    for i in range(n):
        other = own[(i - 1) % n]
        near, far = ((own[i] - each).norm().item() for each in (shuffled[i], other))
        # Torch moves each difference by 1e-6, so that its norm has a gradient at 0.
        assert found[i].item() == pytest.approx(max(near - far + margin, 0), abs=1e-5)


def test_a_triplet_needs_another_series():
    own = draw(0, 1, 3).requires_grad_()
    loss = consistency(own, own + 1, 1.0)
    loss.sum().backward()
    assert loss.tolist() == [0.0]
    assert (own.grad == 0).all()


def test_equal_codes_have_a_gradient():
    own = torch.ones(3, 2, requires_grad=True)
    consistency(own, own.clone(), 1.0).sum().backward()
    assert own.grad.isfinite().all()
