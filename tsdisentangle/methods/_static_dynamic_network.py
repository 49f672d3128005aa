"""Network of the method whose static code comes from a single element."""

from typing import Any

import torch
from torch import Tensor, nn

from tsdisentangle.data.windows import Windows
from tsdisentangle.losses import kl_standard_normal
from tsdisentangle.losses.moments import MOMENTS, moment_error
from tsdisentangle.losses.static_contrast import agreement, choose_pairs
from tsdisentangle.network import Posterior, SequenceNetwork
from tsdisentangle.nn.anchor import (
    StaticHead,
    anchor_index,
    pool_static,
    subtract_anchor,
    subtract_mean,
    take_element,
)
from tsdisentangle.nn.batch_norm import keep_running_averages
from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.gaussian import Gaussian, GaussianHead
from tsdisentangle.nn.marks import split_marks
from tsdisentangle.nn.noise import Noise, mean_noise
from tsdisentangle.nn.recurrent import PRIOR_HIDDEN, RecurrentPrior, make_lstm

# Which windows count in the sequence term, and what the anchor term is.
ANCHOR_IN_SEQUENCE = {"step": False, "static_only": True, "none": True, "drop": False}


class StaticDynamicNetwork(SequenceNetwork):
    """Network of :class:`~tsdisentangle.StaticDynamicVAE`; its parameters are described there.

    ``weights`` with ``"static_contrast"`` or ``"moments"`` have these terms.
    """

    def __init__(
        self,
        encoder: ElementEncoder,
        decoder: nn.Module,
        *,
        static_dim: int,
        dynamic_dim: int,
        anchor: str | int,
        anchor_fraction: float,
        anchor_loss: str,
        subtract: bool,
        dynamic_skip: bool = False,
        noisy_token: bool = True,
        bidirectional: bool,
        n_samples: int,
        weights: dict[str, float],
    ):
        super().__init__(decoder, static_dim, dynamic_dim, weights)
        features = encoder.out_features
        self.encoder = encoder
        self.static_head = StaticHead(features, encoder.static_hidden or features, static_dim)
        self.lstm = None
        if encoder.across_elements:
            self.lstm = make_lstm(encoder, dynamic_dim, bidirectional)
            features = self.lstm.out_features + (features if dynamic_skip else 0)
        self.dynamic_head = GaussianHead(features, dynamic_dim)
        self.prior = RecurrentPrior(dynamic_dim, encoder.prior_hidden or PRIOR_HIDDEN)
        self.anchor, self.anchor_fraction = anchor, anchor_fraction
        self.anchor_loss, self.subtract, self.n_samples = anchor_loss, subtract, n_samples
        self.dynamic_skip, self.noisy_token = dynamic_skip, noisy_token
        self.moment_head: nn.Linear | None = None

    def set_likelihood(self, n_values: int, n_marks: int, fitted: bool) -> None:
        """Say which channels are marks; the others have moments that the static code may tell."""
        super().set_likelihood(n_values, n_marks, fitted)
        if "moments" in self.weights:
            self.moment_head = nn.Linear(self.static_dim, MOMENTS * n_values)

    def readable(self, observed: Tensor) -> Tensor:
        """Windows that the static code may come from; observed ones if none can be read."""
        seen, readable = observed.flatten(2).any(2), self.encoder.readable(observed)
        return torch.where(readable.any(1, keepdim=True), readable, seen)

    def choose_anchor(self, batch: Windows, noise: Noise) -> Tensor | None:
        """Index of each series' anchor, None if that is the mean of all elements.

        ``'random_batch'`` draws in training, else is ``'first'``.
        """
        if self.anchor == "mean":
            return None
        fraction = self.anchor_fraction
        if self.anchor == "random_batch":
            drawn = torch.special.ndtr(noise("anchor_position", (), batch.values))
            fraction = float(drawn) if self.training else 0.0
        return anchor_index(self.readable(batch.observed), self.anchor, fraction)

    def posterior(
        self, batch: Windows, index: Tensor | None, noise: Noise, pooling: str = "anchor"
    ) -> Posterior:
        """``q(s | x_i) q(d | x)``."""
        features = self.encoder(batch.values, batch.observed)
        return Posterior(
            self._static(features, batch.observed, index, pooling),
            self._dynamic(features, batch, index, noise),
        )

    def _static(
        self, features: Tensor, observed: Tensor, index: Tensor | None, pooling: str
    ) -> Gaussian:
        if index is None or pooling != "anchor":
            each = self.static_head(self.encoder.static_summary(features, observed))
            how = "mean" if pooling == "anchor" else pooling
            return pool_static(each, self.readable(observed), how)
        anchor = take_element(features, index), take_element(observed, index)
        static = self.static_head(self.encoder.static_summary(*anchor))
        return Gaussian(static.mean[:, 0], static.logvar[:, 0])

    def _differences(
        self, features: Tensor, batch: Windows, index: Tensor | None, noise: Noise
    ) -> Tensor:
        if index is None:
            readable = self.readable(batch.observed)
            return subtract_mean(features, readable) if self.subtract else features
        source = noise if self.noisy_token else mean_noise
        token = source("anchor", (len(features), features.shape[-1]), features)
        return subtract_anchor(features, index, token, self.subtract)

    def _dynamic(
        self, features: Tensor, batch: Windows, index: Tensor | None, noise: Noise
    ) -> Gaussian:
        rest = self._differences(features, batch, index, noise)
        rest = self.encoder.dynamic_summary(rest, batch.observed)
        if self.lstm is not None:
            across = self.lstm(rest, batch.valid.sum(1))
            rest = torch.cat([across, rest], dim=-1) if self.dynamic_skip else across
        return self.dynamic_head(rest)

    def encode(self, batch: Windows, *, pooling: str = "anchor", **options: Any) -> Posterior:
        """Posterior without noise; the static one from the anchor or pooled over all elements."""
        return self.posterior(batch, self.choose_anchor(batch, mean_noise), mean_noise, pooling)

    def forward(self, batch: Windows, noise: Noise) -> dict[str, Tensor]:
        """Terms of Berman et al. (2024), equations 5 to 9, each divided by the batch size."""
        index = self.choose_anchor(batch, noise)
        posterior = self.posterior(batch, index, noise)
        static = posterior.static.sample(noise, "static", self.n_samples)
        dynamic = posterior.dynamic.sample(noise, "dynamic", self.n_samples)
        nll = self.nll(batch, static, dynamic, noise)
        terms = {"reconstruction": nll.sum(1)}
        if index is not None and not ANCHOR_IN_SEQUENCE[self.anchor_loss]:
            is_anchor = torch.arange(nll.shape[1], device=nll.device) == index[:, None]
            terms["reconstruction"] = nll.masked_fill(is_anchor, 0.0).sum(1)
            if self.anchor_loss == "step":
                terms["anchor"] = nll[is_anchor]
        if self.anchor_loss == "static_only":
            still = torch.zeros_like(dynamic)
            terms["anchor"] = self.nll(batch, static, still, noise, calibrate=False).sum(1)
        terms["static_kl"] = kl_standard_normal(posterior.static)
        terms["dynamic_kl"] = self.dynamic_kl(batch, posterior.dynamic, dynamic)
        rates = self.rates(batch, terms["dynamic_kl"])
        if self.moment_head is not None:
            terms["moments"] = self.moments(batch.counted, self.moment_head(static))
        if self.training and "static_contrast" in self.weights:
            terms["static_contrast"] = self.static_contrast(batch, noise)
        return {name: term.mean() for name, term in terms.items()} | rates

    def moments(self, batch: Windows, told: Tensor) -> Tensor:
        """Error of the moments that were read from the static codes, a series each."""
        values, _ = split_marks(batch.values, self.n_marks)
        observed, _ = split_marks(batch.observed, self.n_marks)
        return moment_error(told, values, observed)

    def static_contrast(self, batch: Windows, noise: Noise) -> Tensor:
        """How little the static codes of two windows of a series agree, against other series'."""
        if batch.valid.shape[1] == 1:
            raise ValueError(
                "static_contrast compares two windows of a series, but each series of X is a "
                "single one. Pass a smaller window, such as window=1, or static_contrast=0.0."
            )
        order = noise("static_contrast", batch.valid.shape, batch.values)
        rows, pairs = choose_pairs(self.readable(batch.observed), order)
        if len(rows) < 2:  # nothing to tell a series from
            return batch.values.new_zeros(())
        values, observed = batch.values[rows[:, None], pairs], batch.observed[rows[:, None], pairs]
        with keep_running_averages(self):
            features = self.encoder(values, observed)
        static = self.static_head(self.encoder.static_summary(features, observed)).mean
        return agreement(static, batch.counted.observed.sum() / len(batch.values))

    def bound(self, batch: Windows, noise: Noise, draws: int) -> dict[str, Tensor]:
        """Parts of the negative evidence lower bound; the static code is the anchor's."""
        posterior = self.posterior(batch, self.choose_anchor(batch, noise), noise)
        static = posterior.static.sample(noise, "static", draws)
        dynamic = posterior.dynamic.sample(noise, "dynamic", draws)
        return {
            "reconstruction": self.nll(batch, static, dynamic, noise).sum(1),
            "static_kl": kl_standard_normal(posterior.static),
            "dynamic_kl": self.dynamic_kl(batch, posterior.dynamic, dynamic),
        }
