"""The penalties of linear dynamics against loops with numpy."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from tsdisentangle.losses.linear_dynamics import (
    eigenvalue_loss,
    latent_prediction_error,
    same_variance_kl,
)
from tsdisentangle.nn.koopman import eigenvalues


@given(st.integers(0, 1000), st.integers(2, 8), st.data())
def test_eigenvalue_loss_is_that_of_numpys_eigenvalues(seed, k, data):
    static_dim = data.draw(st.integers(1, k - 1))
    operator = np.random.default_rng(seed).normal(size=(k, k))
    values = np.linalg.eigvals(operator)
    nearest = sorted(values, key=lambda value: abs(value - 1))
    static = np.mean([abs(value - 1) ** 2 for value in nearest[:static_dim]])
    dynamic = np.mean([v.real if v.real > 0.5 else 0.0 for v in nearest[static_dim:]])
    found = eigenvalue_loss(eigenvalues(torch.as_tensor(operator)), static_dim)
    assert found.item() == pytest.approx(static + dynamic)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 1.0, 0.4], 0.0),
        ([1.0, 0.9, 0.0], 0.005),  # the mean of 0 and 0.1 squared
        ([1.0, 1.0, 1.0], 1.0),  # a third static one is a dynamic one
        ([1.0, 1.0, -3.0], 0.0),  # what alternates is dynamic, however strong
    ],
)
def test_what_costs(values, expected):
    found = eigenvalue_loss(torch.tensor(values).to(torch.complex64), 2)
    assert found.item() == pytest.approx(expected, abs=1e-6)


def test_a_step_down_the_gradient_lowers_it():
    rng = np.random.default_rng(0)
    operator = torch.as_tensor(rng.normal(size=(6, 6)) / 2).requires_grad_()
    before = eigenvalue_loss(eigenvalues(operator), 3)
    before.backward()
    after = eigenvalue_loss(eigenvalues(operator.detach() - 1e-3 * operator.grad), 3)
    assert after < before


def test_latent_error_against_a_loop():
    rng = np.random.default_rng(0)
    latent, predicted = rng.normal(size=(2, 3, 5, 4))
    lengths = [5, 1, 3]
    squares = [
        (latent[b, t, k] - predicted[b, t, k]) ** 2
        for b, length in enumerate(lengths)
        for t in range(1, length)
        for k in range(4)
    ]
    valid = torch.arange(5) < torch.tensor(lengths)[:, None]
    found = latent_prediction_error(torch.as_tensor(latent), torch.as_tensor(predicted), valid)
    assert found.item() == pytest.approx(np.mean(squares))


def test_rows_of_one_step_have_nothing_to_predict():
    latent = torch.randn(3, 2, 4, requires_grad=True)
    error = latent_prediction_error(latent, latent + 1, torch.tensor([[True, False]] * 3))
    error.backward()
    assert error == 0
    assert (latent.grad == 0).all()


def test_divergence_is_the_expected_difference_of_the_log_densities():
    """Of ``N(m, v)`` from ``N(o, v)``: the integral, by a fine sum."""
    mean, other, deviation = 0.3, -0.9, 0.7
    grid = np.linspace(-8, 8, 20001)
    densities = norm.logpdf(grid, mean, deviation), norm.logpdf(grid, other, deviation)
    expected = np.trapezoid(np.exp(densities[0]) * (densities[0] - densities[1]), grid)
    one = torch.ones(1, 1, 1, 1)
    found = same_variance_kl(mean * one, other * one, 2 * np.log(deviation) * one, one > 0)
    assert found.item() == pytest.approx(expected, rel=1e-4)


def test_divergence_does_not_see_what_is_not_observed():
    mean = torch.zeros(1, 1, 2, 1)
    other = torch.tensor([1.0, torch.inf]).view(1, 1, 2, 1)
    seen = torch.tensor([True, False]).view(1, 1, 2, 1)
    assert same_variance_kl(mean, other, mean, seen).tolist() == [0.5]
