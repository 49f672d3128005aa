"""Linear dynamics of latent codes: the operator of least squares, and its modes."""

from typing import NamedTuple

import torch
from torch import Tensor

# Of the mean squared coordinate: without it, fewer transitions than coordinates have no solution.
RIDGE = 1e-6
TINY = 1e-12  # nothing to learn from gives an operator of zeros


def moments(latent: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
    """Sums over all steps that have a next one, from which :func:`fit_operator` works.

    Parameters
    ----------
    latent : Tensor of shape (batch, steps, k)
    valid : bool Tensor of shape (batch, steps)
        The steps of each row come first.

    Returns
    -------
    gram, cross : float64 Tensors of shape (k, k)
        ``X'X`` and ``X'Y`` of the states before and after each transition.
    """
    goes_on = valid[:, 1:, None].to(latent)
    steps = latent[:, :-1], latent[:, 1:]
    past, future = ((part * goes_on).flatten(0, 1).double() for part in steps)
    return past.mT @ past, past.mT @ future


def fit_operator(gram: Tensor, cross: Tensor) -> Tensor:
    """Solve ``min |X C - Y|^2`` for the operator that takes each state to the next.

    Parameters
    ----------
    gram, cross : Tensors of shape (k, k)
        As :func:`moments` returns them.

    Returns
    -------
    Tensor of shape (k, k)
        Of the solutions the one of least norm, up to a ridge of a millionth.

    Examples
    --------
    >>> states = torch.tensor([[1.0, 4.0], [2.0, 2.0], [4.0, 1.0]])
    >>> operator = fit_operator(*moments(states[None], torch.ones(1, 3, dtype=torch.bool)))
    >>> operator.round(decimals=2).tolist()
    [[2.0, 0.0], [0.0, 0.5]]
    """
    ridge = RIDGE * gram.diagonal().mean() + TINY
    identity = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    # Without its check: a loss that became NaN is told by the training loop.
    return torch.linalg.solve_ex(gram + ridge * identity, cross).result


def eigenvalues(operator: Tensor) -> Tensor:
    """Eigenvalues of an operator, with gradients that stay finite where two of them meet.

    To first order ``w C v / (w v)`` with the left and right eigenvectors, which take no gradient;
    torch's own gradient is the same, but fails where the eigenvectors are no basis.

    Parameters
    ----------
    operator : Tensor of shape (k, k)

    Returns
    -------
    complex Tensor of shape (k,)

    Examples
    --------
    >>> eigenvalues(torch.diag(torch.tensor([2.0, 0.5]))).real
    tensor([2.0000, 0.5000])
    """
    where = operator.device
    # Processors have a solver in every build of torch; the matrices are small.
    here = operator.cpu() if operator.is_cuda else operator
    right = torch.linalg.eig(here.detach().nan_to_num()).eigenvectors
    left = torch.linalg.pinv(right, rtol=1e-10)
    return ((left @ here.to(right.dtype)) * right.mT).sum(1).to(where)


class Modes(NamedTuple):
    """Real coordinates of the states, in which an operator is block diagonal.

    Attributes
    ----------
    basis : Tensor of shape (k, k)
        ``states @ basis`` are the coordinates: those of the static modes come first.
    inverse : Tensor of shape (k, k)
        Back to the states.
    transition : Tensor of shape (k, k)
        Coordinates of a step to those of the next; modes that would grow stay as large as they are.
    """

    basis: Tensor
    inverse: Tensor
    transition: Tensor


def find_modes(operator: Tensor, static_dim: int) -> Modes:
    """Split an operator into its static and its dynamic modes.

    Static are those whose eigenvalues are nearest to 1. A real eigenvalue takes one coordinate. A
    conjugate pair takes two, the real and the imaginary part, and goes to one side as a whole,
    unless both sides are odd and there is no real eigenvalue to even them out.

    Parameters
    ----------
    operator : float64 Tensor of shape (k, k)
        On the processor.
    static_dim : int
        Coordinates of the static modes, fewer than ``k``.

    Returns
    -------
    Modes

    Examples
    --------
    >>> modes = find_modes(torch.diag(torch.tensor([0.5, 1.0], dtype=torch.float64)), 1)
    >>> (torch.tensor([[7.0, 9.0]], dtype=torch.float64) @ modes.basis).tolist()
    [[9.0, 7.0]]
    """
    values, vectors = torch.linalg.eig(operator)
    blocks = []  # columns and block of the transition, of each real eigenvalue or pair
    for value, vector in zip(values, vectors.mT, strict=True):
        if value.imag >= 0:  # the other one of a pair says the same
            blocks.append(_block(complex(value), _canonical(vector)))
    blocks.sort(key=lambda block: block.distance)
    order = _fill(blocks, static_dim)
    basis = torch.stack([blocks[i].columns[part] for i, part in order], dim=1)
    transition = torch.zeros_like(basis)
    for row, (i, part) in enumerate(order):
        for column, (j, other) in enumerate(order):
            if i == j:
                transition[row, column] = blocks[i].transition[part, other]
    return Modes(basis, torch.linalg.pinv(basis), transition)


class _Block(NamedTuple):
    distance: float
    columns: list[Tensor]
    transition: Tensor


def _block(value: complex, vector: Tensor) -> _Block:
    bounded = value / max(1.0, abs(value))
    rotation = [[bounded.real, bounded.imag], [-bounded.imag, bounded.real]]
    size = 2 if value.imag else 1
    columns = [vector.real, vector.imag][:size]
    return _Block(abs(value - 1), columns, vector.real.new_tensor(rotation)[:size, :size])


def _canonical(vector: Tensor) -> Tensor:
    """An eigenvector is free to turn: of length 1, and real and positive where it is largest."""
    largest = vector[vector.abs().argmax()]
    return vector * (largest.conj() / largest.abs()) / vector.norm()


def _fill(blocks: list[_Block], static_dim: int) -> list[tuple[int, int]]:
    """Coordinates, as (block, part): first those that fill the static side, the nearest first."""
    static: list[tuple[int, int]] = []
    rest: list[tuple[int, int]] = []
    for i, block in enumerate(blocks):
        parts = [(i, part) for part in range(len(block.columns))]
        fits = len(static) + len(parts) <= static_dim
        (static if fits else rest).extend(parts)
    missing = static_dim - len(static)  # 0, or 1 where all that is left are pairs
    return static + rest[:missing] + rest[missing:]
