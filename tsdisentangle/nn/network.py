"""What the estimators expect of a method's network."""

from typing import Any, NamedTuple

from torch import Tensor, nn

from tsdisentangle.data.windows import Windows
from tsdisentangle.nn.gaussian import Gaussian
from tsdisentangle.nn.noise import Noise
from tsdisentangle.nn.recurrent import RecurrentPrior


class Posterior(NamedTuple):
    """Posterior of the codes: ``static`` ``(batch, s)``, ``dynamic`` ``(batch, windows, d)``."""

    static: Gaussian
    dynamic: Gaussian


class SequenceNetwork(nn.Module):
    """Base of the methods' networks.

    A subclass defines :meth:`encode`, :meth:`decode`, :meth:`terms` and :meth:`elbo`; it has the
    attributes below. The loss is ``sum(weights[name] * term)``.

    Attributes
    ----------
    prior : RecurrentPrior
        Prior of the dynamics.
    static_dim, dynamic_dim : int
        Sizes of the codes.
    weights : dict
        Weight of each term in the loss.
    """

    prior: RecurrentPrior
    static_dim: int
    dynamic_dim: int
    weights: dict[str, float]

    def forward(self, batch: Windows, noise: Noise) -> dict[str, Tensor]:
        """Return the unweighted terms of the loss, as :meth:`terms` does."""
        return self.terms(batch, noise)

    def encode(self, batch: Windows, **options: Any) -> Posterior:
        """Codes for evaluation; depend on nothing but each series."""
        raise NotImplementedError

    def decode(self, static: Tensor, dynamic: Tensor, noise: Noise) -> Gaussian:
        """``(rows, s)`` and ``(rows, windows, d)`` to ``(rows, windows, step, channel)``."""
        raise NotImplementedError

    def terms(self, batch: Windows, noise: Noise) -> dict[str, Tensor]:
        """Unweighted terms of the loss: sums over a series, means over the batch."""
        raise NotImplementedError

    def elbo(self, batch: Windows, noise: Noise, draws: int) -> Tensor:
        """Evidence lower bound of each series with unit weights, shape ``(batch,)``."""
        raise NotImplementedError

    def sample_static(self, n: int, noise: Noise) -> Tensor:
        """Draws from the static prior, shape ``(n, static_dim)``."""
        return noise("static_prior", (n, self.static_dim), next(self.parameters()))

    def sample_dynamic(self, n: int, windows: int, noise: Noise, mean_path: bool) -> Tensor:
        """Draws from the dynamic prior, shape ``(n, windows, dynamic_dim)``."""
        start = next(self.parameters()).new_zeros(n, windows, self.dynamic_dim)
        means, samples = self.prior.roll_out(start, start.new_zeros(n), noise)
        return means if mean_path else samples

    def extend_dynamic(self, dynamic: Tensor, lengths: Tensor, noise: Noise) -> Tensor:
        """Continue codes behind each row's length by the prior."""
        return self.prior.roll_out(dynamic, lengths, noise)[0]
