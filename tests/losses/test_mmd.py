"""The discrepancy against a loop over pairs, and what it is for."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsdisentangle.losses.mmd import SCALES, inverse_multiquadratic, squared_mmd

EXACT = {"rtol": 1e-9, "atol": 1e-9}
MORE = settings(max_examples=20, deadline=None)
SEEDS = st.integers(0, 2**16)


def draw(seed, *shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.manual_seed(seed))


def kernel(u, v):
    distance = sum((a - b) ** 2 for a, b in zip(u.tolist(), v.tolist(), strict=True))
    return sum(2 * len(u) * c / (2 * len(u) * c + distance) for c in SCALES)


def loop(first, second, present):
    """Gretton et al. (2012), equation 3, over the rows that are present."""
    rows = [i for i, there in enumerate(present.tolist()) if there]
    n = len(rows)
    if n < 2:
        return 0.0
    total = 0.0
    for i in rows:
        for j in rows:
            total -= 2 * kernel(first[i], second[j]) / n**2
            if i != j:
                total += kernel(first[i], first[j]) / (n * (n - 1))
                total += kernel(second[i], second[j]) / (n * (n - 1))
    return total


@MORE
@given(SEEDS, st.integers(1, 5), st.integers(1, 4), st.integers(1, 3))
def test_kernel_against_its_definition(seed, n, m, k):
    first, second = draw(seed, n, k), draw(seed + 1, m, k)
    expected = [[kernel(u, v) for v in second] for u in first]
    found = inverse_multiquadratic(first, second)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), **EXACT)


@MORE
@given(SEEDS, st.integers(1, 6), st.integers(1, 4), st.integers(1, 3))
def test_discrepancy_against_a_double_loop(seed, n, windows, k):
    """At each window, over the rows that have it."""
    first, second = draw(seed, windows, n, k), draw(seed + 1, windows, n, k) + 0.5
    present = draw(seed + 2, windows, n) > -0.5
    expected = [loop(*case) for case in zip(first, second, present, strict=True)]
    found = squared_mmd(first, second, present)
    torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float64), **EXACT)


def test_what_is_not_present_has_no_effect_and_no_gradient():
    first, second = draw(0, 4, 2).requires_grad_(), draw(1, 4, 2)
    present = torch.tensor([True, False, True, True])
    squared_mmd(first, second, present).backward()
    assert first.grad[1].tolist() == [0, 0]
    assert (first.grad[[0, 2, 3]] != 0).all()
    moved = first.detach().clone()
    moved[1] = 1e6
    torch.testing.assert_close(
        squared_mmd(moved, second, present), squared_mmd(first.detach(), second, present)
    )


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_rows_say_nothing(n):
    first = draw(0, 3, 2).requires_grad_()
    found = squared_mmd(first, draw(1, 3, 2), torch.arange(3) < n)
    found.backward()
    assert found.item() == 0
    assert (first.grad == 0).all()


def test_zero_in_the_mean_for_one_distribution_and_above_for_two():
    present = torch.ones(300, 20, dtype=torch.bool)
    same = squared_mmd(draw(0, 300, 20, 3), draw(1, 300, 20, 3), present)
    assert abs(same.mean()) < 4 * same.std() / 300**0.5
    for other in (draw(1, 300, 20, 3) + 0.7, 2 * draw(1, 300, 20, 3)):
        apart = squared_mmd(draw(0, 300, 20, 3), other, present)
        assert apart.mean() > 10 * apart.std() / 300**0.5
