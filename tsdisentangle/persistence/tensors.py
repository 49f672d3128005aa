"""Tensors as the bytes of a safetensors file, and back."""

import safetensors.torch
from torch import Tensor

from tsdisentangle.persistence.archive import ModelFileError


def write_tensors(tensors: dict[str, Tensor]) -> bytes:
    """Return tensors of any device as bytes."""
    # Copies: safetensors refuses tensors that share memory.
    copies = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    return safetensors.torch.save(copies)


def read_tensors(content: bytes) -> dict[str, Tensor]:
    """Return what :func:`write_tensors` wrote.

    Raises
    ------
    ModelFileError
    """
    try:
        return safetensors.torch.load(content)
    except Exception as error:  # KeyError, of a dtype that torch lacks, among others
        raise ModelFileError(f"weights.safetensors cannot be read: {error}.") from error
