"""A sequential VAE whose posteriors see the whole series: the ground of several methods."""

from typing import Any

from torch import Tensor, nn

from tsdisentangle.data.windows import Windows
from tsdisentangle.losses import kl_standard_normal
from tsdisentangle.network import Posterior, SequenceNetwork
from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.noise import Noise
from tsdisentangle.nn.recurrent import PRIOR_HIDDEN, RecurrentPrior
from tsdisentangle.nn.sequential_posterior import SequentialPosterior


class SequentialNetwork(SequenceNetwork):
    """``q(s | x) q(d | x)``, ``s ~ N(0, I)``, ``d_t`` from a learned recurrent prior.

    A subclass defines ``forward``.
    """

    def __init__(
        self,
        encoder: ElementEncoder,
        decoder: nn.Module,
        *,
        static_dim: int,
        dynamic_dim: int,
        weights: dict[str, float],
    ):
        super().__init__(decoder, static_dim, dynamic_dim, weights)
        self.encoder = encoder
        encoder.freeze_static()
        self.posterior = SequentialPosterior(encoder.out_features, static_dim, dynamic_dim)
        self.prior = RecurrentPrior(dynamic_dim, encoder.prior_hidden or PRIOR_HIDDEN)

    def encode(self, batch: Windows, **options: Any) -> Posterior:
        """``q(s | x) q(d | x)``."""
        features = self.encoder(batch.values, batch.observed)
        features = self.encoder.dynamic_summary(features, batch.observed)
        return Posterior(*self.posterior(features, batch.valid.sum(1)))

    def parts(
        self, batch: Windows, posterior: Posterior, static: Tensor, dynamic: Tensor, noise: Noise
    ) -> dict[str, Tensor]:
        """Parts of the bound for given draws, per series."""
        return {
            "reconstruction": self.nll(batch, static, dynamic, noise).sum(1),
            "static_kl": kl_standard_normal(posterior.static),
            "dynamic_kl": self.dynamic_kl(batch, posterior.dynamic, dynamic),
        }

    def bound(self, batch: Windows, noise: Noise, draws: int) -> dict[str, Tensor]:
        """Parts of the negative evidence lower bound, without a term of the whole batch."""
        posterior = self.encode(batch)
        static = posterior.static.sample(noise, "static", draws)
        dynamic = posterior.dynamic.sample(noise, "dynamic", draws)
        return self.parts(batch, posterior, static, dynamic, noise)
