import math

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Independent, Normal, kl_divergence

from tsdisentangle.losses import bernoulli_nll, gaussian_nll, kl_gaussian, kl_standard_normal
from tsdisentangle.nn.gaussian import Gaussian

EXACT = {"rtol": 1e-10, "atol": 1e-10}


def random_gaussian(seed, *shape, grad=False):
    rng = torch.manual_seed(seed)
    mean = torch.randn(shape, dtype=torch.float64, generator=rng)
    logvar = torch.randn(shape, dtype=torch.float64, generator=rng)
    return Gaussian(mean.requires_grad_(grad), logvar.requires_grad_(grad))


def torch_normal(gaussian):
    return Independent(Normal(gaussian.mean, torch.exp(gaussian.logvar / 2)), 1)


numbers = st.floats(-5, 5)
coordinates = st.lists(st.tuples(numbers, numbers, numbers, numbers), min_size=1, max_size=4)


def two_gaussians(rows):
    columns = torch.tensor(rows, dtype=torch.float64).T
    return Gaussian(columns[0], columns[1]), Gaussian(columns[2], columns[3])


# -- KL divergences -----------------------------------------------------------------------------


def test_kl_to_the_standard_normal_against_torch():
    q = random_gaussian(0, 3, 5, 4)
    zero = torch.zeros_like(q.mean)
    expected = kl_divergence(torch_normal(q), torch_normal(Gaussian(zero, zero)))
    torch.testing.assert_close(kl_standard_normal(q), expected, **EXACT)


def test_kl_of_two_gaussians_against_torch():
    q, p = random_gaussian(0, 3, 5, 4), random_gaussian(1, 3, 5, 4)
    expected = kl_divergence(torch_normal(q), torch_normal(p))
    torch.testing.assert_close(kl_gaussian(q, p), expected, **EXACT)


@pytest.mark.parametrize("parameters", [(0.5, 1.2, -0.3, -0.7), (-2.0, -3.0, 1.0, 0.4)])
def test_kl_against_numerical_integration(parameters):
    mean_q, logvar_q, mean_p, logvar_p = parameters
    x = np.linspace(-40, 40, 400_001)
    log_q = scipy.stats.norm.logpdf(x, mean_q, math.exp(logvar_q / 2))
    log_p = scipy.stats.norm.logpdf(x, mean_p, math.exp(logvar_p / 2))
    expected = scipy.integrate.trapezoid(np.exp(log_q) * (log_q - log_p), x)
    q, p = two_gaussians([parameters])
    assert kl_gaussian(q, p).item() == pytest.approx(expected, rel=1e-7)


def test_kl_against_monte_carlo():
    q, p = random_gaussian(2, 4), random_gaussian(3, 4)
    draws = 200_000
    rng = torch.manual_seed(0)
    x = q.mean + q.std * torch.randn(draws, 4, dtype=torch.float64, generator=rng)
    difference = torch_normal(q).log_prob(x) - torch_normal(p).log_prob(x)
    error = (difference.mean() - kl_gaussian(q, p)).abs().item()
    assert error < 5 * difference.std().item() / math.sqrt(draws)


@given(coordinates)
@settings(deadline=None)
def test_kl_is_never_negative(rows):
    q, p = two_gaussians(rows)
    assert kl_gaussian(q, p) >= -1e-12
    assert kl_standard_normal(q) >= -1e-12


@given(coordinates)
@settings(deadline=None)
def test_kl_is_zero_only_between_equals(rows):
    q, p = two_gaussians(rows)
    assert kl_gaussian(q, Gaussian(*(part.clone() for part in q))).abs() < 1e-9
    distance = max((q.mean - p.mean).abs().max(), (q.logvar - p.logvar).abs().max())
    if distance > 1e-2:
        # At least distance^2 / (2 e^5) from the means, about distance^2 / 4 from the spread.
        assert kl_gaussian(q, p) > 1e-8


def test_standard_normal_is_the_special_case():
    q = random_gaussian(4, 6, 3)
    zero = torch.zeros_like(q.mean)
    torch.testing.assert_close(kl_standard_normal(q), kl_gaussian(q, Gaussian(zero, zero)), **EXACT)
    assert kl_standard_normal(Gaussian(zero, zero)).abs().max() == 0


def test_kl_has_a_direction():
    # KL(N(0, 1) || N(0, e^2)) = (2 + e^-2 - 1) / 2; the other way round (-2 + e^2 - 1) / 2.
    narrow = Gaussian(torch.zeros(1).double(), torch.zeros(1).double())
    wide = Gaussian(torch.zeros(1).double(), torch.full((1,), 2.0).double())
    assert kl_gaussian(narrow, wide).item() == pytest.approx((1 + math.exp(-2)) / 2)
    assert kl_gaussian(wide, narrow).item() == pytest.approx((math.exp(2) - 3) / 2)


@given(coordinates, st.floats(-3, 3), st.floats(-2, 2))
@settings(deadline=None)
def test_kl_does_not_depend_on_origin_and_unit(rows, shift, log_scale):
    q, p = two_gaussians(rows)

    def moved(g):
        return Gaussian(g.mean * math.exp(log_scale) + shift, g.logvar + 2 * log_scale)

    torch.testing.assert_close(
        kl_gaussian(moved(q), moved(p)), kl_gaussian(q, p), rtol=1e-8, atol=1e-8
    )


def test_kl_adds_up_over_coordinates_and_not_over_rows():
    q, p = random_gaussian(5, 2, 3), random_gaussian(6, 2, 3)
    parts = [
        kl_gaussian(
            Gaussian(*(a[:, k : k + 1] for a in q)), Gaussian(*(a[:, k : k + 1] for a in p))
        )
        for k in range(3)
    ]
    torch.testing.assert_close(kl_gaussian(q, p), sum(parts), **EXACT)
    parts = [kl_standard_normal(Gaussian(*(a[:, k : k + 1] for a in q))) for k in range(3)]
    torch.testing.assert_close(kl_standard_normal(q), sum(parts), **EXACT)


def test_kl_broadcasts_a_posterior_over_draws():
    q, p = random_gaussian(7, 4, 2), random_gaussian(8, 3, 4, 2)
    each = torch.stack([kl_gaussian(q, Gaussian(*(part[m] for part in p))) for m in range(3)])
    torch.testing.assert_close(kl_gaussian(q, p), each, **EXACT)


def test_gradients_of_kl():
    q, p = random_gaussian(9, 2, 3, grad=True), random_gaussian(10, 2, 3, grad=True)
    assert torch.autograd.gradcheck(
        lambda *a: kl_gaussian(Gaussian(*a[:2]), Gaussian(*a[2:])), (*q, *p)
    )
    assert torch.autograd.gradcheck(lambda *a: kl_standard_normal(Gaussian(*a)), tuple(q))


# -- negative log-likelihood --------------------------------------------------------------------


def observations(seed, *shape):
    rng = torch.manual_seed(seed)
    values = torch.randn(shape, dtype=torch.float64, generator=rng)
    observed = torch.rand(shape, generator=rng) < 0.6
    return values, observed


def test_nll_against_scipy():
    values, observed = observations(0, 3, 4, 2)
    prediction = random_gaussian(1, 3, 4, 2)
    density = scipy.stats.norm.logpdf(
        values.numpy(), prediction.mean.numpy(), np.exp(prediction.logvar.numpy() / 2)
    )
    expected = torch.from_numpy(np.where(observed.numpy(), -density, 0.0))
    torch.testing.assert_close(gaussian_nll(values, prediction, observed), expected, **EXACT)


def test_nll_is_a_density():
    x = torch.linspace(-30, 30, 200_001, dtype=torch.float64)
    prediction = Gaussian(torch.tensor(0.7).double(), torch.tensor(-1.3).double())
    density = torch.exp(-gaussian_nll(x, prediction, torch.ones_like(x, dtype=torch.bool)))
    assert torch.trapezoid(density, x).item() == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("hidden_value", [7.0, -1e6, 1e15])
def test_values_under_the_mask_have_no_effect(hidden_value):
    values, observed = observations(2, 5, 3)
    results = []
    for filled in (values, torch.where(observed, values, hidden_value)):
        prediction = random_gaussian(3, 5, 3, grad=True)
        filled = filled.clone().requires_grad_()
        nll = gaussian_nll(filled, prediction, observed)
        nll.sum().backward()
        results.append((nll.detach(), *(p.grad for p in prediction), filled.grad))
    for plain, changed in zip(*results, strict=True):
        assert torch.equal(plain, changed)
        assert (changed[~observed] == 0).all()
        assert (changed[observed] != 0).all()


@given(st.integers(0, 10_000), st.floats(-3, 3), st.floats(-2, 2))
@settings(deadline=None, max_examples=30)
def test_nll_follows_a_change_of_origin_and_unit(seed, shift, log_scale):
    values, observed = observations(seed, 4, 3)
    p = random_gaussian(seed + 1, 4, 3)
    scale = math.exp(log_scale)
    moved = gaussian_nll(
        values * scale + shift,
        Gaussian(p.mean * scale + shift, p.logvar + 2 * log_scale),
        observed,
    )
    expected = gaussian_nll(values, p, observed) + log_scale * observed.double()
    torch.testing.assert_close(moved, expected, rtol=1e-8, atol=1e-8)


def test_nll_broadcasts_values_over_draws():
    values, observed = observations(4, 5, 3)
    prediction = random_gaussian(5, 2, 5, 3)
    result = gaussian_nll(values, prediction, observed)
    for m in range(2):
        single = gaussian_nll(values, Gaussian(*(part[m] for part in prediction)), observed)
        assert torch.equal(result[m], single)
    assert (result[:, ~observed] == 0).all()


def test_gradients_of_nll():
    values, observed = observations(6, 4, 3)
    prediction = random_gaussian(7, 4, 3, grad=True)
    assert torch.autograd.gradcheck(
        lambda x, *p: gaussian_nll(x, Gaussian(*p), observed),
        (values.requires_grad_(), *prediction),
    )


# -- marks ---------------------------------------------------------------------------------------


@given(st.integers(0, 10_000))
@settings(deadline=None, max_examples=20)
def test_bernoulli_nll_against_scipy(seed):
    values, observed = observations(seed, 3, 4, 2)
    marks, probability = (values > 0).double(), torch.sigmoid(2 * values.flip(0))
    density = scipy.stats.bernoulli.logpmf(marks.numpy(), probability.numpy())
    expected = torch.from_numpy(np.where(observed.numpy(), -density, 0.0))
    torch.testing.assert_close(bernoulli_nll(marks, probability, observed), expected, **EXACT)


def test_bernoulli_nll_is_torchs_cross_entropy_with_logits():
    values, observed = observations(1, 5, 3)
    marks = (values > 0).double()
    logits = random_gaussian(2, 2, 5, 3).mean.requires_grad_()
    nll = bernoulli_nll(marks, torch.sigmoid(logits), observed)
    each = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, marks.expand_as(logits), reduction="none"
    )
    torch.testing.assert_close(nll, each.where(observed, 0.0))
    (gradient,) = torch.autograd.grad(nll.sum(), logits)
    torch.testing.assert_close(gradient, (torch.sigmoid(logits) - marks) * observed)


@pytest.mark.parametrize("probability", [0.0, 1.0, math.nan])
def test_marks_under_the_mask_have_no_effect(probability):
    hidden = torch.full((2,), probability, requires_grad=True)
    nll = bernoulli_nll(torch.tensor([0.3, 7.0]), hidden, torch.tensor([False, False]))
    nll.sum().backward()
    assert nll.tolist() == [0, 0]
    assert hidden.grad.tolist() == [0, 0]
