"""Kernels, banded posterior, prior and divergence against explicit matrices and scikit-learn."""

import numpy as np
import pytest
import torch
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, RationalQuadratic
from torch.distributions import MultivariateNormal, kl_divergence

from tsdisentangle.losses.gp_kl import kl_gaussian_process
from tsdisentangle.nn.gaussian_process import (
    WHITE_NOISE,
    BandedGaussian,
    BandedHead,
    GaussianProcess,
    banded_root,
)
from tsdisentangle.nn.noise import SharedNoise, mean_noise, normal_noise

EXACT = {"rtol": 1e-8, "atol": 1e-8}
SCALES = (2.0, 1.0, 0.5, 0.25)
SKLEARN = {
    "rbf": RBF,
    "cauchy": lambda scale: RationalQuadratic(alpha=1.0, length_scale=scale / np.sqrt(2)),
}


def process(dim=4, kernels=("cauchy",)):
    return GaussianProcess(dim, kernels, 2.0, 0.7)


def bands(seed, *shape):
    """Scale and carry of an autoregression."""
    rng = torch.Generator().manual_seed(seed)
    scale = 0.2 + torch.rand(shape, generator=rng, dtype=torch.float64)
    return scale, 2 * torch.rand(shape, generator=rng, dtype=torch.float64) - 1


def posterior(seed=0, batch=3, steps=5, dim=4):
    rng = torch.Generator().manual_seed(seed)
    mean = torch.randn(batch, steps, dim, generator=rng, dtype=torch.float64)
    return BandedGaussian(mean, banded_root(*bands(seed, batch, dim, steps)))


def prefix(*lengths, steps=5):
    return torch.arange(steps) < torch.tensor(lengths)[:, None]


# -- kernels ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", SKLEARN)
def test_covariance_is_scikit_learns_kernel_plus_white_noise(kernel):
    covariance = process(4, (kernel,)).covariance(6)
    time = np.arange(6.0)[:, None]
    for k, scale in enumerate(SCALES):
        expected = 0.7 * SKLEARN[kernel](scale)(time) + WHITE_NOISE * np.eye(6)
        np.testing.assert_allclose(covariance[k], expected, rtol=1e-12)


def test_dimensions_are_shared_out_among_scales_and_kernels():
    eight = process(8).covariance(4)
    torch.testing.assert_close(eight[::2], eight[1::2])
    torch.testing.assert_close(eight[::2], process(4).covariance(4))
    both = process(8, ("cauchy", "rbf")).covariance(4)
    torch.testing.assert_close(both[:4], process(4).covariance(4))
    torch.testing.assert_close(both[4:], process(4, ("rbf",)).covariance(4))


@pytest.mark.parametrize("dim", [1, 2, 3, 5])
def test_any_number_of_dimensions(dim):
    assert process(dim, ("cauchy", "rbf")).covariance(3).shape == (dim, 3, 3)


@pytest.mark.parametrize("length", [1, 24, 300])
def test_root_is_finite_in_float32_for_smooth_kernels_too(length):
    prior = GaussianProcess(4, ("cauchy", "rbf"), 50.0, 1.0)
    root = prior.root(length, torch.zeros(1))
    assert root.dtype == torch.float32
    product = (root @ root.mT).double()
    torch.testing.assert_close(product, prior.covariance(length), rtol=1e-5, atol=1e-5)


# -- banded posterior ---------------------------------------------------------------------------


def precision_factor(scale, carry):
    return torch.diag(1 / scale) - torch.diag(carry[1:] / scale[1:], 1)


def test_root_of_the_bands_against_the_explicit_inverse():
    scale, carry = bands(0, 6)
    factor = precision_factor(scale, carry)
    root = banded_root(scale, carry)
    torch.testing.assert_close(root @ root.T, torch.linalg.inv(factor @ factor.T), **EXACT)
    torch.testing.assert_close(root, torch.linalg.inv(factor).T, **EXACT)
    assert torch.equal(root, root.tril())


def test_first_carry_is_ignored_and_zeros_make_windows_independent():
    scale, carry = bands(0, 6)
    moved = carry.clone()
    moved[0] = 9.0
    assert torch.equal(banded_root(scale, carry), banded_root(scale, moved))
    independent = banded_root(scale, torch.zeros_like(carry))
    torch.testing.assert_close(independent, torch.diag(scale), **EXACT)


def test_draws_have_the_posteriors_covariance():
    """Unit vectors as noise give the columns of the root."""
    q = posterior(batch=1, dim=1)
    columns = q.sample(lambda *_: torch.eye(5)[:, None, :, None].double(), "dynamic", 5) - q.mean
    root = columns[:, 0, :, 0].T
    torch.testing.assert_close(root @ root.T, q.root[0, 0] @ q.root[0, 0].T, **EXACT)


def test_draws_accept_noise_shared_by_all_rows():
    q = posterior()
    drawn = q.sample(SharedNoise(0), "dynamic", 2)
    assert drawn.shape == (2, 3, 5, 4)
    torch.testing.assert_close(q.sample(mean_noise, "dynamic")[0], q.mean)


def test_marginals_and_average_against_the_explicit_covariance():
    q, lengths = posterior(), (5, 3, 1)
    covariance = q.root @ q.root.mT
    variance = covariance.diagonal(dim1=-2, dim2=-1).transpose(1, 2)
    torch.testing.assert_close(q.marginal().std, variance.sqrt(), **EXACT)
    average = q.average(prefix(*lengths))
    for row, n in enumerate(lengths):
        torch.testing.assert_close(average.mean[row], q.mean[row, :n].mean(0), **EXACT)
        std = covariance[row, :, :n, :n].mean((1, 2)).sqrt()
        torch.testing.assert_close(average.std[row], std, **EXACT)


def test_a_window_depends_on_none_behind_it():
    scale, carry = bands(0, 6)
    torch.testing.assert_close(
        banded_root(scale, carry)[:4, :4], banded_root(scale[:4], carry[:4]), **EXACT
    )


def test_head_has_the_documented_precision():
    """``R R^T``, with ``1 + softplus`` on the diagonal, and a carry between -1 and 1 beside it."""
    head, features = BandedHead(3, 2).double(), 3 * torch.randn(1, 5, 3).double()
    q = head(features)
    x = features[0].numpy()
    for k in range(2):
        diagonal, ratio = (
            x @ layer.weight[k].detach().numpy() + layer.bias[k].item()
            for layer in (head.precision, head.carry)
        )
        factor = np.diag(1 + np.logaddexp(0, diagonal))
        for t in range(1, 5):
            factor[t - 1, t] = -np.tanh(ratio[t]) * factor[t, t]
        root = q.root[0, k].detach().numpy()
        np.testing.assert_allclose(np.linalg.inv(root @ root.T), factor @ factor.T, atol=1e-10)
    expected = x @ head.mean.weight.detach().numpy().T + head.mean.bias.detach().numpy()
    np.testing.assert_allclose(q.mean[0].detach(), expected)


def test_head_stays_finite_for_extreme_features():
    q = BandedHead(3, 2)(1e4 * torch.randn(2, 300, 3))
    assert all(part.isfinite().all() for part in (*q, *q.marginal()))


# -- divergence ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kernels", [("cauchy",), ("rbf",), ("cauchy", "rbf")])
def test_kl_against_torch(kernels):
    q, prior = posterior(), process(4, kernels)
    expected = kl_divergence(
        MultivariateNormal(q.mean.transpose(1, 2), scale_tril=q.root),
        MultivariateNormal(torch.zeros(4, 5).double(), prior.covariance(5)),
    ).sum(1)
    actual = kl_gaussian_process(q, prior.root(5, q.mean), prefix(5, 5, 5))
    torch.testing.assert_close(actual, expected, **EXACT)


def test_kl_of_the_prior_to_itself_is_zero():
    root = process().root(5, torch.zeros(1).double())
    q = BandedGaussian(torch.zeros(2, 5, 4).double(), root.expand(2, 4, 5, 5))
    torch.testing.assert_close(
        kl_gaussian_process(q, root, prefix(5, 2)), torch.zeros(2).double(), **EXACT
    )


def test_padding_adds_exactly_nothing():
    q, prior, lengths = posterior(), process(), (5, 3, 1)
    together = kl_gaussian_process(q, prior.root(5, q.mean), prefix(*lengths))
    for row, n in enumerate(lengths):
        alone = BandedGaussian(q.mean[row : row + 1, :n], q.root[row : row + 1, :, :n, :n])
        expected = kl_gaussian_process(alone, prior.root(n, q.mean), prefix(n, steps=n))
        torch.testing.assert_close(together[row : row + 1], expected, **EXACT)


def test_padding_has_no_gradient():
    scale, carry = (part.requires_grad_() for part in bands(0, 2, 4, 5))
    mean = torch.randn(2, 5, 4, dtype=torch.float64, requires_grad=True)
    q = BandedGaussian(mean, banded_root(scale, carry))
    kl_gaussian_process(q, process().root(5, mean), prefix(3, 1)).sum().backward()
    for row, n in enumerate((3, 1)):
        assert (mean.grad[row, n:] == 0).all()
        assert (scale.grad[row, :, n:] == 0).all()
        assert (carry.grad[row, :, n:] == 0).all()


def test_gradients_of_kl_and_marginals():
    root = process(2).root(4, torch.zeros(1).double())
    scale, carry = bands(1, 1, 2, 4)
    mean = posterior(1, 1, 4, 2).mean

    def both(mean, scale, carry):
        q = BandedGaussian(mean, banded_root(scale, carry))
        return kl_gaussian_process(q, root, prefix(3, steps=4)), q.marginal().logvar

    inputs = [part.clone().requires_grad_() for part in (mean, scale, carry)]
    assert torch.autograd.gradcheck(both, inputs)


def test_everything_stays_on_the_device_of_the_posterior():
    mean, root = torch.empty(1, 3, 2, device="meta"), torch.empty(1, 2, 3, 3, device="meta")
    valid = torch.ones(1, 3, dtype=torch.bool, device="meta")
    assert kl_gaussian_process(BandedGaussian(mean, root), root[0], valid).device.type == "meta"


# -- prior --------------------------------------------------------------------------------------


def test_draws_from_the_prior_have_its_covariance():
    """Unit vectors as noise give the columns of the root."""
    prior = process(1)
    start, nothing = torch.zeros(5, 5, 1).double(), torch.zeros(5)
    _, columns = prior.roll_out(start, nothing, lambda *_: torch.eye(5).double()[..., None])
    root = columns[..., 0].T
    torch.testing.assert_close(root @ root.T, prior.covariance(5)[0], **EXACT)


@pytest.mark.parametrize("kernel", SKLEARN)
def test_continuation_is_scikit_learns_conditional_mean(kernel):
    prior, lengths = process(4, (kernel,)), torch.tensor([4, 1, 6])
    given = posterior(0, 3, 6, 4).mean
    means, samples = prior.roll_out(given, lengths, mean_noise)
    torch.testing.assert_close(means, samples)
    time = np.arange(6.0)[:, None]
    for row, n in enumerate(lengths.tolist()):
        torch.testing.assert_close(means[row, :n], given[row, :n], **EXACT)
        for k, scale in enumerate(SCALES):
            covariance = ConstantKernel(0.7) * SKLEARN[kernel](scale)
            regressor = GaussianProcessRegressor(covariance, alpha=WHITE_NOISE, optimizer=None)
            regressor.fit(time[:n], given[row, :n, k].numpy())
            if n < 6:
                np.testing.assert_allclose(means[row, n:, k], regressor.predict(time[n:]), **EXACT)


def test_step_means_are_conditional_on_the_draws_before():
    prior, given = process(), torch.zeros(2, 5, 4).double()
    torch.manual_seed(0)
    means, samples = prior.roll_out(given, torch.zeros(2), normal_noise)
    for n in range(5):
        following, _ = prior.roll_out(samples, torch.tensor([n, n]), mean_noise)
        torch.testing.assert_close(means[:, n], following[:, n], **EXACT)


def test_what_stands_behind_the_length_is_ignored():
    given = posterior().mean
    garbage = given.clone()
    garbage[:, 2:] = torch.inf
    lengths = torch.tensor([2, 2, 2])
    expected, _ = process().roll_out(given, lengths, mean_noise)
    torch.testing.assert_close(process().roll_out(garbage, lengths, mean_noise)[0], expected)
