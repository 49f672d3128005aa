"""Minibatch weighted sampling against explicit densities."""

import math

import pytest
import torch
from torch.distributions import Independent, Normal

from tsdisentangle.losses.mutual_information import log_density, mutual_information
from tsdisentangle.nn.gaussian import Gaussian

EXACT = {"rtol": 1e-10, "atol": 1e-10}
LENGTHS = torch.tensor([3, 1, 5, 4])
VALID = torch.arange(5) < LENGTHS[:, None]


def random_gaussian(seed, *shape):
    rng = torch.manual_seed(seed)
    draw = torch.randn(2, *shape, dtype=torch.float64, generator=rng)
    return Gaussian(draw[0], draw[1])


def case(seed=0):
    """Posteriors of 4 series of unequal length, and a draw from each."""
    static, dynamic = random_gaussian(seed, 4, 2), random_gaussian(seed + 1, 4, 5, 3)
    rng = torch.manual_seed(seed + 2)
    draws = [
        q.mean + q.std * torch.randn(q.mean.shape, dtype=torch.float64, generator=rng)
        for q in (static, dynamic)
    ]
    return *draws, static, dynamic


def density(point, q):
    return Independent(Normal(q.mean, torch.exp(q.logvar / 2)), 1).log_prob(point)


def weighted_sampling(static, dynamic, q_static, q_dynamic, valid, n_series):
    """Loop over series and windows; the aggregate densities as they are defined."""
    result = []
    for i in range(len(valid)):
        values = []
        for t in torch.where(valid[i])[0]:
            here = torch.where(valid[:, t])[0]
            of_static = density(static[i], Gaussian(*(p[here] for p in q_static)))
            of_dynamic = density(dynamic[i, t], Gaussian(*(p[here, t] for p in q_dynamic)))
            weight = 1 / (len(here) * n_series)
            joint = torch.log(weight * torch.exp(of_static + of_dynamic).sum())
            apart = torch.log(weight * of_static.exp().sum())
            apart = apart + torch.log(weight * of_dynamic.exp().sum())
            values.append(torch.relu(joint - apart))
        result.append(torch.stack(values).mean())
    return torch.stack(result)


def test_log_density_against_torch():
    q, points = random_gaussian(0, 3, 4, 2), random_gaussian(1, 3, 5, 2).mean
    expected = density(points[:, :, None], Gaussian(q.mean[:, None], q.logvar[:, None]))
    torch.testing.assert_close(log_density(points, q), expected, **EXACT)


def test_log_density_in_single_precision_of_narrow_posteriors():
    """The square is multiplied out, which loses digits where the variance is smallest."""
    rng = torch.manual_seed(0)
    mean = torch.randn(8, 24, dtype=torch.float64, generator=rng)
    q = Gaussian(mean, torch.full_like(mean, -10.0))
    points = q.mean + q.std * torch.randn(8, 24, dtype=torch.float64, generator=rng)
    exact = log_density(points, q).diagonal()
    single = log_density(points.float(), Gaussian(*(part.float() for part in q))).diagonal()
    assert (single.double() - exact).abs().max() < 0.5  # of about 70 nats


@pytest.mark.parametrize("n_series", [4, 1000])
@pytest.mark.parametrize("valid", [VALID, torch.ones(4, 5, dtype=torch.bool)])
def test_against_a_loop_over_explicit_densities(valid, n_series):
    arguments = case()
    torch.testing.assert_close(
        mutual_information(*arguments, valid, n_series),
        weighted_sampling(*arguments, valid, n_series),
        **EXACT,
    )


def test_what_stands_in_the_padding_has_no_effect():
    static, dynamic, q_static, q_dynamic = case()
    garbage = torch.where(VALID[..., None], 0.0, 7.0)
    moved = Gaussian(q_dynamic.mean - garbage, q_dynamic.logvar + garbage)
    torch.testing.assert_close(
        mutual_information(static, dynamic + garbage, q_static, moved, VALID, 10),
        mutual_information(static, dynamic, q_static, q_dynamic, VALID, 10),
        **EXACT,
    )


def test_a_window_that_no_series_has_counts_nothing():
    static, dynamic, q_static, q_dynamic = case()
    cut = VALID[:, :4]
    shorter = Gaussian(*(part[:, :4] for part in q_dynamic))
    longer = torch.nn.functional.pad(cut, (0, 1))
    torch.testing.assert_close(
        mutual_information(static, dynamic, q_static, q_dynamic, longer, 10),
        mutual_information(static, dynamic[:, :4], q_static, shorter, cut, 10),
        **EXACT,
    )


def test_padding_has_a_finite_gradient_of_zero():
    static, dynamic, q_static, q_dynamic = case()
    dynamic.requires_grad_()
    nowhere = VALID.clone()
    nowhere[:, 4] = False
    mutual_information(static, dynamic, q_static, q_dynamic, nowhere, 10).sum().backward()
    assert (dynamic.grad[~nowhere] == 0).all()
    assert torch.isfinite(dynamic.grad).all()
    assert (dynamic.grad[nowhere] != 0).any()


def test_equal_posteriors_give_the_known_bias_without_a_gradient():
    q = Gaussian(torch.zeros(6, 2), torch.zeros(6, 2))
    windows = Gaussian(torch.zeros(6, 3, 2), torch.zeros(6, 3, 2))
    points = torch.randn(6, 2, requires_grad=True)
    valid = torch.ones(6, 3, dtype=torch.bool)
    value = mutual_information(points, torch.randn(6, 3, 2), q, windows, valid, 50)
    torch.testing.assert_close(value, torch.full((6,), math.log(50)))
    value.sum().backward()
    torch.testing.assert_close(points.grad, torch.zeros(6, 2))


def test_codes_that_tell_each_other_have_more_information():
    place = 10 * torch.arange(6.0)[:, None]
    q = Gaussian(place, torch.zeros(6, 1))
    valid = torch.ones(6, 1, dtype=torch.bool)
    same = mutual_information(
        place, place[:, None], q, Gaussian(*(p[:, None] for p in q)), valid, 6
    )
    flat = Gaussian(torch.zeros(6, 1, 1), torch.zeros(6, 1, 1))
    none = mutual_information(place, torch.zeros(6, 1, 1), q, flat, valid, 6)
    torch.testing.assert_close(same - none, torch.full((6,), math.log(6)))


def test_codes_that_contradict_each_other_are_clipped_at_zero():
    """Each static code is that of its series, each dynamic code that of the other one."""
    place = torch.tensor([[0.0], [9.0]])
    q = Gaussian(place, torch.zeros(2, 1))
    windows = Gaussian(*(part[:, None] for part in q))
    valid = torch.ones(2, 1, dtype=torch.bool)
    value = mutual_information(place, place.flip(0)[:, None], q, windows, valid, 2)
    assert value.tolist() == [0, 0]


def test_gradient():
    static, dynamic, q_static, q_dynamic = case()
    tensors = [static, dynamic, *q_static, *q_dynamic]

    def function(s, d, *parts):
        return mutual_information(s, d, Gaussian(*parts[:2]), Gaussian(*parts[2:]), VALID, 1000)

    assert torch.autograd.gradcheck(function, [t.clone().requires_grad_() for t in tensors])
