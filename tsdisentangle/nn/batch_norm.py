"""Running averages of batch normalisation, which shall see real series only."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def keep_running_averages(network: nn.Module) -> Iterator[None]:
    """Keep the running averages as they are, while generated or changed series pass in training.

    Batches are normalised as ever in training. Without this the averages, which the fitted
    network normalises by, would be those of a mixture that it is never asked about.

    Parameters
    ----------
    network : nn.Module
    """
    layers = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.momentum = 0.0
    try:
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
