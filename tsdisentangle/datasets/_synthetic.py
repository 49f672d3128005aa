"""Series with known static and dynamic factors."""

from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from tsdisentangle.datasets._bunch import SequenceBunch

# With it, the rotation and the levels have similar variance over the default six channels.
RADIUS = 2.0


def make_static_dynamic(
    n_series: int = 1000,
    *,
    n_steps: int = 24,
    n_channels: int = 6,
    n_classes: int = 5,
    noise: float = 0.1,
    missing: float = 0.0,
    return_X_y: bool = False,
    random_state: Any = None,
) -> Any:
    """Make series with one static factor, a level, and one dynamic factor, a rotation.

    A series of class ``k`` is ``level[k] + 2 cos(phase_t) a + 2 sin(phase_t) b + noise``: the
    levels (standard normal) and the orthogonal unit vectors ``a`` and ``b`` are drawn once, the
    phase starts anywhere and advances by a speed of its own, forwards or backwards. Class and
    dynamics are independent and of similar variance.

    Parameters
    ----------
    n_series : int, default=1000
        Number of series.
    n_steps : int, default=24
        Time steps per series.
    n_channels : int, default=6
        Channels, at least 2.
    n_classes : int, default=5
        Number of levels.
    noise : float, default=0.1
        Standard deviation of the noise of each value.
    missing : float, default=0.0
        Share of values that are NaN, at random places.
    return_X_y : bool, default=False
        Return ``(data, level)`` instead of the Bunch.
    random_state : int, RandomState or None, default=None
        Seed.

    Returns
    -------
    SequenceBunch
        ``data`` (n, time, channel); ``static_target`` with ``level`` (n,); ``dynamic_target`` with
        ``cos`` and ``sin`` of the phase (n, time); random ``splits`` of 60, 20 and 20 %.

    Raises
    ------
    ValueError
        Fewer than 2 channels.

    Examples
    --------
    >>> from tsdisentangle import make_static_dynamic
    >>> make_static_dynamic(10, random_state=0).data.shape
    (10, 24, 6)
    """
    if n_channels < 2:
        raise ValueError(f"n_channels is {n_channels}; a rotation needs at least 2.")
    rng = check_random_state(random_state)
    levels = rng.normal(size=(n_classes, n_channels))
    plane = np.linalg.qr(rng.normal(size=(n_channels, 2)))[0]
    label = rng.randint(n_classes, size=n_series)
    speed = rng.uniform(0.5, 1.0, size=n_series) * rng.choice([-1, 1], size=n_series)
    start = rng.uniform(0, 2 * np.pi, size=n_series)
    phase = start[:, None] + speed[:, None] * np.arange(n_steps)
    circle = np.stack([np.cos(phase), np.sin(phase)], axis=-1)
    data = levels[label][:, None] + RADIUS * circle @ plane.T
    data += noise * rng.normal(size=data.shape)
    data[rng.random_sample(data.shape) < missing] = np.nan
    data = data.astype(np.float32)
    if return_X_y:
        return data, label
    first, second = int(0.6 * n_series), int(0.8 * n_series)
    parts = np.split(rng.permutation(n_series), [first, second])
    return SequenceBunch(
        data=data,
        static_target={"level": label},
        dynamic_target={"cos": circle[..., 0], "sin": circle[..., 1]},
        groups=np.arange(n_series),
        splits=dict(zip(("train", "validation", "test"), parts, strict=True)),
        feature_names=[f"channel{i}" for i in range(n_channels)],
        units=["1"] * n_channels,
        DESCR=(make_static_dynamic.__doc__ or "").partition("\n\n    Parameters")[0],
        licence="generated, no licence needed",
        citation="tsdisentangle",
    )
