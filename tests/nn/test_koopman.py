"""The operator against numpy's least squares, its modes against numpy's eigenvectors."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsdisentangle.nn.koopman import eigenvalues, find_modes, fit_operator, moments


def random_operator(seed, k):
    return torch.as_tensor(np.random.default_rng(seed).normal(size=(k, k)) / np.sqrt(k))


def rotation(angle, radius=1.0):
    c, s = radius * np.cos(angle), radius * np.sin(angle)
    return np.array([[c, s], [-s, c]])


def block_diagonal(*blocks):
    k = sum(len(block) for block in blocks)
    whole, start = np.zeros((k, k)), 0
    for block in blocks:
        stop = start + len(block)
        whole[start:stop, start:stop] = block
        start = stop
    return whole


def hidden(operator, seed=0):
    """The same operator in other coordinates."""
    mixing = np.random.default_rng(seed).normal(size=operator.shape)
    return torch.as_tensor(np.linalg.inv(mixing) @ operator @ mixing)


# -- least squares ------------------------------------------------------------------------------


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.lists(st.integers(1, 7), min_size=3, max_size=6))
def test_operator_is_that_of_least_squares_over_the_valid_transitions(seed, lengths):
    lengths = [*lengths, 7, 7]
    latent = np.random.default_rng(seed).normal(size=(len(lengths), 7, 4))
    past = np.concatenate([x[: n - 1] for x, n in zip(latent, lengths, strict=True)])
    future = np.concatenate([x[1:n] for x, n in zip(latent, lengths, strict=True)])
    expected = np.linalg.lstsq(past, future, rcond=None)[0]
    valid = torch.arange(7) < torch.tensor(lengths)[:, None]
    found = fit_operator(*moments(torch.as_tensor(latent), valid))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_of_many_solutions_the_one_of_least_norm():
    latent = np.random.default_rng(0).normal(size=(1, 4, 6))
    expected = np.linalg.pinv(latent[0, :-1]) @ latent[0, 1:]
    found = fit_operator(*moments(torch.as_tensor(latent), torch.ones(1, 4) > 0))
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_nothing_to_learn_from_is_an_operator_of_zeros():
    latent = torch.ones(3, 2, 4, requires_grad=True)
    operator = fit_operator(*moments(latent, torch.tensor([[True, False]] * 3)))
    assert (operator == 0).all()
    eigenvalues(operator).real.sum().backward()
    assert torch.isfinite(latent.grad).all()


def test_moments_of_batches_add_up():
    latent, valid = torch.randn(6, 5, 3), torch.arange(5) < torch.randint(1, 6, (6, 1))
    whole = moments(latent, valid)
    parts = [moments(latent[rows], valid[rows]) for rows in (slice(2), slice(2, None))]
    for total, one, other in zip(whole, *parts, strict=True):
        torch.testing.assert_close(total, one + other)


# -- eigenvalues --------------------------------------------------------------------------------


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.integers(1, 7))
def test_eigenvalues_and_gradients_are_torchs(seed, k):
    ours, theirs = (random_operator(seed, k).requires_grad_() for _ in range(2))
    found, expected = eigenvalues(ours), torch.linalg.eigvals(theirs)
    distance = found.detach().numpy()[:, None] - np.linalg.eigvals(ours.detach().numpy())
    assert np.abs(distance).min(0).max() < 1e-8
    assert np.abs(distance).min(1).max() < 1e-8
    for values in (found, expected):
        (values.real.pow(3) + values.imag.square()).sum().backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("matrix", [[[1.0, 1.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 0.0]]])
def test_gradient_is_finite_without_a_basis_of_eigenvectors(matrix):
    operator = torch.tensor(matrix, dtype=torch.float64, requires_grad=True)
    eigenvalues(operator).real.square().sum().backward()
    assert torch.isfinite(operator.grad).all()


def test_nan_goes_on_to_the_loss():
    operator = torch.full((2, 2), torch.nan)
    assert eigenvalues(operator).real.isnan().any()


# -- modes --------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1000), st.integers(2, 8), st.data())
def test_coordinates_lose_nothing_and_move_as_the_states(seed, k, data):
    static_dim = data.draw(st.integers(1, k - 1))
    operator = random_operator(seed, k)
    operator = operator / max(1.0, float(torch.linalg.eigvals(operator).abs().max()))
    modes = find_modes(operator, static_dim)
    identity = torch.eye(k, dtype=torch.float64)
    torch.testing.assert_close(modes.basis @ modes.inverse, identity, rtol=1e-6, atol=1e-6)
    states = torch.randn(5, k, dtype=torch.float64)
    torch.testing.assert_close(
        states @ operator @ modes.basis, states @ modes.basis @ modes.transition
    )


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 4))
def test_even_sides_hold_whole_modes_the_nearest_to_one(seed, half_static, half_dynamic):
    static_dim, k = 2 * half_static, 2 * (half_static + half_dynamic)
    operator = random_operator(seed, k)
    modes = find_modes(operator, static_dim)
    found = modes.basis.T @ operator.T @ modes.inverse.T  # of rows, as the states are
    assert found[:static_dim, static_dim:].abs().max() < 1e-8
    assert found[static_dim:, :static_dim].abs().max() < 1e-8
    near = np.sort(np.abs(np.linalg.eigvals(operator.numpy()) - 1))
    chosen = np.sort(np.abs(np.linalg.eigvals(found[:static_dim, :static_dim].numpy()) - 1))
    # All but at most a pair that did not fit: then the next real one took the last place.
    np.testing.assert_allclose(chosen[:-1], near[: static_dim - 1], atol=1e-8)


def test_static_modes_are_found_behind_other_coordinates():
    operator = hidden(block_diagonal([[0.3]], rotation(0.1), [[1.0]], rotation(2.0, 0.9)))
    modes = find_modes(operator, 3)
    start = torch.randn(1, 6, dtype=torch.float64)
    after = start @ torch.linalg.matrix_power(operator, 63)  # ten turns of a tenth
    before, later = (state @ modes.basis for state in (start, after))
    torch.testing.assert_close(later[:, 0], before[:, 0])  # stays
    turned = torch.linalg.norm(later[:, 1:3]) / torch.linalg.norm(before[:, 1:3])
    assert float(turned) == pytest.approx(1, abs=0.5)
    assert later[:, 3:].abs().max() < 0.1 * before[:, 3:].abs().max()  # have faded


def test_a_pair_is_split_only_where_nothing_else_fits():
    operator = hidden(block_diagonal(rotation(0.1), rotation(1.0)))
    modes = find_modes(operator, 1)
    assert modes.transition[0, 1] != 0  # one half on either side
    torch.testing.assert_close(
        modes.basis @ modes.inverse, torch.eye(4, dtype=torch.float64), rtol=1e-6, atol=1e-6
    )


def test_what_would_grow_stays_as_large_as_it_is():
    operator = hidden(block_diagonal(rotation(0.7, 1.5), [[1.2]], [[0.5]]))
    transition = find_modes(operator, 1).transition
    radii = np.sort(np.abs(np.linalg.eigvals(transition.numpy())))
    np.testing.assert_allclose(radii, [0.5, 1, 1, 1])


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 1000), st.integers(2, 6))
def test_the_basis_does_not_turn_with_rounding(seed, k):
    operator = random_operator(seed, k)
    one = find_modes(operator, 1).basis
    other = find_modes(operator * (1 + 1e-12), 1).basis
    torch.testing.assert_close(one, other, rtol=1e-6, atol=1e-6)
