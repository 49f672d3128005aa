"""Parts of a network that a term of the loss reads, but does not train."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def frozen_weights(*modules: nn.Module) -> Iterator[None]:
    """Keep the weights of modules out of the graph that is made inside.

    Gradients pass through the modules to what they are given, and other passes train them as ever.

    Parameters
    ----------
    *modules : nn.Module
    """
    weights = [weight for module in modules for weight in module.parameters()]
    trained = [weight.requires_grad for weight in weights]
    for weight in weights:
        weight.requires_grad_(False)
    try:
        yield
    finally:
        for weight, flag in zip(weights, trained, strict=True):
            weight.requires_grad_(flag)
