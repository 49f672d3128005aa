import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import norm

from tsdisentangle.losses import kl_gaussian, kl_standard_normal
from tsdisentangle.losses.sequence_mean import estimate_mean, sequence_kl
from tsdisentangle.nn.gaussian import Gaussian

PRESENT = torch.tensor([[True, True, False, True], [False, True, False, False], [False] * 4])


def drawn(k=3):
    rng = np.random.default_rng(0)
    mean, logvar = rng.normal(size=(2, 3, 4, k))
    return Gaussian(torch.from_numpy(mean), torch.from_numpy(logvar))


@pytest.mark.parametrize("variance", [0.25, 1.0, 3.0])
def test_estimate_is_the_most_probable_mean_and_the_curvature_there(variance):
    segments = drawn().mean
    found = estimate_mean(segments, PRESENT, variance)
    for b in range(3):
        own = segments[b][PRESENT[b]].numpy()

        def cost(mean, own=own):
            around = norm.logpdf(own, mean, variance**0.5).sum()
            return -norm.logpdf(mean).sum() - around

        best = minimize(cost, np.zeros(3), tol=1e-10).x
        np.testing.assert_allclose(found.mean[b], best, atol=1e-5)
        np.testing.assert_allclose(found.mean[b], own.sum(0) / (len(own) + variance))
        curvature = 1 + len(own) / variance
        np.testing.assert_allclose(found.std[b], curvature**-0.5)


def test_cost_of_given_means_against_their_densities():
    q, means = drawn(), torch.from_numpy(np.random.default_rng(1).normal(size=(3, 3)))
    of_mean, around = sequence_kl(q, PRESENT, means, 0.25)
    constant = 1.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(of_mean, -norm.logpdf(means).sum(1) - constant)
    for b in range(3):
        prior = Gaussian(means[b], torch.full_like(means[b], np.log(0.25)))
        one_by_one = [
            kl_gaussian(Gaussian(q.mean[b, t], q.logvar[b, t]), prior)
            for t in range(4)
            if PRESENT[b, t]
        ]
        assert around[b].item() == pytest.approx(float(sum(one_by_one)))


def test_without_means_the_cost_is_the_least_of_all_gaussians_over_them():
    q = drawn()
    least = sum(sequence_kl(q, PRESENT, None, 0.25))
    best = estimate_mean(q.mean, PRESENT, 0.25)
    rng = np.random.default_rng(2)

    def cost(r):
        """Of any Gaussian over the means, by draws of which the first two moments are exact."""
        z = torch.tensor([-1.0, 1.0]).double()[:, None, None]
        given = [sequence_kl(q, PRESENT, mean, 0.25)[1] for mean in r.mean + r.std * z]
        return kl_standard_normal(r) + torch.stack(given).mean(0)

    torch.testing.assert_close(cost(best), least)
    for _ in range(10):
        shift, stretch = (torch.from_numpy(0.3 * rng.normal(size=(3, 3))) for _ in range(2))
        assert (cost(Gaussian(best.mean + shift, best.logvar + stretch)) > least).all()
