"""What the loaders' two protocols share.

"Published" and "released" mean the time-series code released with N. Berman, I. Naiman, I. Arbiv,
G. Fadlon and O. Azencot, "Sequential Disentanglement by Extracting Static Information From A Single
Sequence Element", ICML 2024.
"""

import random
from collections.abc import Iterable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Protocol = Literal["corrected", "published"]
PROTOCOLS = ("corrected", "published")
SEED = 1234


def check_protocol(protocol: str) -> None:
    """Raise ValueError unless the protocol exists."""
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol must be one of {PROTOCOLS}, got {protocol!r}.")


def released_split(
    rest: Iterable[int], train_share: float, test: NDArray[np.int64]
) -> dict[str, NDArray[np.int64]]:
    """Return the splits of the released code: the rest is shuffled, then cut.

    The standard library's generator with the released seed, because that is what the code calls.
    """
    order = [int(row) for row in rest]
    random.Random(SEED).shuffle(order)
    cut = int(len(order) * train_share)
    return {
        "train": np.sort(order[:cut]),
        "validation": np.sort(order[cut:]),
        "test": np.asarray(test),
    }
