"""What an encoder gives back."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Codes:
    """Static and dynamic codes of a panel.

    Attributes
    ----------
    static : float32 array of shape (n, static_dim)
        One code a series.
    dynamic : float32 array of shape (n, windows, dynamic_dim)
        One code a window; zero behind a series' last window.
    lengths : int array of shape (n,)
        Number of windows of each series, so ``dynamic[i, :lengths[i]]`` are its codes.
    static_std, dynamic_std : float32 arrays or None
        Standard deviations of the posterior, of the shapes of the codes, where asked for.
    """

    static: np.ndarray
    dynamic: np.ndarray
    lengths: np.ndarray
    static_std: np.ndarray | None = None
    dynamic_std: np.ndarray | None = None

    def mean_dynamic(self) -> np.ndarray:
        """Average of each series' dynamic codes, shape ``(n, dynamic_dim)``.

        Examples
        --------
        >>> import numpy as np
        >>> dynamic = np.array([[[1.0], [3.0]], [[5.0], [0.0]]])
        >>> Codes(np.zeros((2, 1)), dynamic, np.array([2, 1])).mean_dynamic()
        array([[2.],
               [5.]])
        """
        valid = np.arange(self.dynamic.shape[1]) < self.lengths[:, None]
        total = np.where(valid[..., None], self.dynamic, 0).sum(axis=1)
        return total / self.lengths[:, None].astype(total.dtype)
