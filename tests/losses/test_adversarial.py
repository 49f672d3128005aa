"""Both losses against values by hand and against their definitions."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tsdisentangle.losses.adversarial import discriminator_loss, generator_loss

LOGITS = st.floats(-20, 20)


def test_by_hand():
    """Logits log 3 and -log 3 are probabilities of 3/4 and 1/4."""
    sure = torch.tensor([math.log(3)], dtype=torch.float64)
    assert generator_loss(sure).item() == pytest.approx(math.log(4 / 3))
    assert generator_loss(-sure).item() == pytest.approx(math.log(4))
    assert discriminator_loss(sure, -sure).item() == pytest.approx(2 * math.log(4 / 3))
    assert discriminator_loss(-sure, sure).item() == pytest.approx(2 * math.log(4))
    assert discriminator_loss(0 * sure, 0 * sure).item() == pytest.approx(2 * math.log(2))


@given(LOGITS, LOGITS)
def test_against_the_definitions(real, fake):
    both = torch.tensor([real, fake], dtype=torch.float64)
    p_real, p_fake = torch.sigmoid(both)
    told = discriminator_loss(both[0], both[1])
    torch.testing.assert_close(told, -torch.log(p_real) - torch.log(1 - p_fake), rtol=1e-6, atol=0)
    torch.testing.assert_close(generator_loss(both[1]), -torch.log(p_fake), rtol=1e-6, atol=0)


def test_the_generator_learns_most_while_the_discriminator_wins():
    logits = torch.tensor([-100.0, 0.0, 100.0], requires_grad=True)
    generator_loss(logits).sum().backward()
    assert logits.grad.tolist() == pytest.approx([-1.0, -0.5, 0.0])
    assert torch.isfinite(discriminator_loss(logits, -logits)).all()
