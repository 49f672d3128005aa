"""Static code from a single element (Berman et al. 2024)."""

from numbers import Integral, Real
from typing import Any

import torch
from sklearn.utils._param_validation import Interval, StrOptions
from torch import Tensor, nn

from tsdisentangle.base import SequenceDisentangler
from tsdisentangle.encoders import TabularEncoder
from tsdisentangle.losses import gaussian_nll, kl_gaussian, kl_standard_normal
from tsdisentangle.methods.presets import preset_parameters
from tsdisentangle.nn.anchor import (
    RELATIVE_ANCHORS,
    StaticHead,
    anchor_index,
    pool_static,
    subtract_anchor,
    take_element,
)
from tsdisentangle.nn.encoder import ElementEncoder
from tsdisentangle.nn.gaussian import Gaussian, GaussianHead
from tsdisentangle.nn.network import Batch, Posterior, SequenceNetwork
from tsdisentangle.nn.noise import Noise, mean_noise
from tsdisentangle.nn.recurrent import RecurrentPrior, SequenceLSTM

# Which windows count in the sequence term, and what the anchor term is.
ANCHOR_IN_SEQUENCE = {"step": False, "static_only": True, "none": True, "drop": False}

PRIOR_HIDDEN = 64  # the released code's size


class StaticDynamicNetwork(SequenceNetwork):
    """Network of :class:`StaticDynamicVAE`; its parameters are described there."""

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
        bidirectional: bool,
        n_samples: int,
        weights: dict[str, float],
    ):
        super().__init__()
        features = encoder.out_features
        self.encoder = encoder
        self.static_head = StaticHead(features, features, static_dim)
        self.lstm = None
        if encoder.across_elements:
            self.lstm = SequenceLSTM(features, features, bidirectional)
            features = self.lstm.out_features
        self.dynamic_head = GaussianHead(features, dynamic_dim)
        self.prior = RecurrentPrior(dynamic_dim, PRIOR_HIDDEN)
        self.decoder = decoder
        self.static_dim, self.dynamic_dim = static_dim, dynamic_dim
        self.anchor, self.anchor_fraction = anchor, anchor_fraction
        self.anchor_loss, self.subtract, self.n_samples = anchor_loss, subtract, n_samples
        self.weights = weights

    def choose_anchor(self, batch: Batch) -> Tensor:
        """Index of each series' anchor; ``'random_batch'`` draws in training, else is 'first'."""
        fraction = self.anchor_fraction
        if self.anchor == "random_batch":
            fraction = float(torch.rand(())) if self.training else 0.0
        return anchor_index(batch.observed.flatten(2).any(2), self.anchor, fraction)

    def posterior(
        self, batch: Batch, index: Tensor, noise: Noise, pooling: str = "anchor"
    ) -> Posterior:
        """``q(s | x_i) q(d | x)``."""
        features = self.encoder(batch.values, batch.observed)
        return Posterior(
            self._static(features, batch.observed, index, pooling),
            self._dynamic(features, batch, index, noise),
        )

    def _static(self, features: Tensor, observed: Tensor, index: Tensor, pooling: str) -> Gaussian:
        if pooling != "anchor":
            each = self.static_head(self.encoder.static_summary(features, observed))
            return pool_static(each, observed.flatten(2).any(2), pooling)
        anchor = take_element(features, index), take_element(observed, index)
        static = self.static_head(self.encoder.static_summary(*anchor))
        return Gaussian(static.mean[:, 0], static.logvar[:, 0])

    def _dynamic(self, features: Tensor, batch: Batch, index: Tensor, noise: Noise) -> Gaussian:
        token = noise("anchor", (len(features), features.shape[-1]), features)
        rest = subtract_anchor(features, index, token, self.subtract)
        rest = self.encoder.dynamic_summary(rest, batch.observed)
        if self.lstm is not None:
            rest = self.lstm(rest, batch.valid.sum(1))
        return self.dynamic_head(rest)

    def encode(self, batch: Batch, *, pooling: str = "anchor", **options: Any) -> Posterior:
        """Posterior without noise; the static one from the anchor or pooled over all elements."""
        return self.posterior(batch, self.choose_anchor(batch), mean_noise, pooling)

    def decode(self, static: Tensor, dynamic: Tensor, noise: Noise) -> Gaussian:
        """Decode ``[d_t, s]`` for every window."""
        repeated = static[:, None].expand(-1, dynamic.shape[1], -1)
        return self.decoder(torch.cat([dynamic, repeated], dim=-1), noise)

    def _nll(self, batch: Batch, static: Tensor, dynamic: Tensor, noise: Noise) -> Tensor:
        """Negative log-likelihood a window, mean over the draws: ``(batch, windows)``."""
        draws = len(static)
        prediction = self.decode(static.flatten(0, 1), dynamic.flatten(0, 1), noise)
        prediction = Gaussian(*(part.unflatten(0, (draws, -1)) for part in prediction))
        return gaussian_nll(batch.values, prediction, batch.observed).flatten(3).sum(3).mean(0)

    def _dynamic_kl(self, batch: Batch, posterior: Gaussian, dynamic: Tensor) -> Tensor:
        """KL divergence to the recurrent prior, summed over valid windows: ``(batch,)``."""
        prior = self.prior(dynamic.flatten(0, 1))
        prior = Gaussian(*(part.unflatten(0, dynamic.shape[:2]) for part in prior))
        return torch.where(batch.valid, kl_gaussian(posterior, prior), 0.0).sum(2).mean(0)

    def terms(self, batch: Batch, noise: Noise) -> dict[str, Tensor]:
        """Terms of Berman et al. (2024), equations 5 to 9, each divided by the batch size."""
        index = self.choose_anchor(batch)
        posterior = self.posterior(batch, index, noise)
        static = posterior.static.sample(noise, "static", self.n_samples)
        dynamic = posterior.dynamic.sample(noise, "dynamic", self.n_samples)
        nll = self._nll(batch, static, dynamic, noise)
        is_anchor = torch.arange(nll.shape[1], device=nll.device) == index[:, None]
        sequence = nll if ANCHOR_IN_SEQUENCE[self.anchor_loss] else nll.masked_fill(is_anchor, 0.0)
        terms = {"reconstruction": sequence.sum(1)}
        if self.anchor_loss == "step":
            terms["anchor"] = nll[is_anchor]
        elif self.anchor_loss == "static_only":
            still = torch.zeros_like(dynamic)
            terms["anchor"] = self._nll(batch, static, still, noise).sum(1)
        terms["static_kl"] = kl_standard_normal(posterior.static)
        terms["dynamic_kl"] = self._dynamic_kl(batch, posterior.dynamic, dynamic)
        return {name: term.mean() for name, term in terms.items()}

    def elbo(self, batch: Batch, noise: Noise, draws: int) -> Tensor:
        """Each observed value once, unit weights, static code from the anchor."""
        posterior = self.posterior(batch, self.choose_anchor(batch), noise)
        static = posterior.static.sample(noise, "static", draws)
        dynamic = posterior.dynamic.sample(noise, "dynamic", draws)
        nll = self._nll(batch, static, dynamic, noise).sum(1)
        kl = self._dynamic_kl(batch, posterior.dynamic, dynamic)
        return -(nll + kl_standard_normal(posterior.static) + kl)


class StaticDynamicVAE(SequenceDisentangler):
    """Sequential VAE whose static code comes from a single element of the sequence.

    TODO docstring
    """

    _parameter_constraints = {
        **SequenceDisentangler._parameter_constraints,
        "anchor": [
            StrOptions(set(RELATIVE_ANCHORS)),
            Interval(Integral, 0, None, closed="left"),
        ],
        "static_pooling": [StrOptions({"anchor", "mean", "precision"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "beta": [Interval(Real, 0, None, closed="left"), tuple],
        "anchor_loss": [StrOptions(set(ANCHOR_IN_SEQUENCE))],
        "subtract": ["boolean"],
        "dynamic_posterior": [StrOptions({"bidirectional", "causal"})],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        encoder: Any = None,
        decoder: Any = None,
        *,
        window: int | str = "auto",
        static_dim: int = 16,
        dynamic_dim: int = 16,
        output: str = "both",
        anchor: str | int = "first",
        static_pooling: str = "anchor",
        alpha: float = 0.2,
        beta: float | tuple[float, float] = 1.0,
        anchor_loss: str = "step",
        subtract: bool = True,
        dynamic_posterior: str = "bidirectional",
        n_samples: int = 1,
        missing: str = "error",
        standardize: bool = True,
        max_epochs: int = 100,
        batch_size: int = 64,
        lr: float = 2e-3,
        validation_fraction: float = 0.1,
        early_stopping: bool | int = False,
        callbacks: list[Any] | None = None,
        device: str | torch.device = "cpu",
        random_state: Any = None,
        verbose: int = 0,
    ):
        self.encoder = encoder
        self.decoder = decoder
        self.window = window
        self.static_dim = static_dim
        self.dynamic_dim = dynamic_dim
        self.output = output
        self.anchor = anchor
        self.static_pooling = static_pooling
        self.alpha = alpha
        self.beta = beta
        self.anchor_loss = anchor_loss
        self.subtract = subtract
        self.dynamic_posterior = dynamic_posterior
        self.n_samples = n_samples
        self.missing = missing
        self.standardize = standardize
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.callbacks = callbacks
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    @classmethod
    def from_preset(cls, name: str, **params: Any) -> "StaticDynamicVAE":
        """Estimator with the hyper-parameters of Berman et al. (2024), Table 6.

        Parameters
        ----------
        name : {'physionet-mortality', 'physionet-icu', 'air-quality', 'etth1'}
            The data set and task.
        **params
            Parameters that replace the preset's.

        Returns
        -------
        StaticDynamicVAE

        Examples
        --------
        >>> StaticDynamicVAE.from_preset("etth1", random_state=0).alpha
        0.23
        """
        return cls(**{**preset_parameters(name), **params})

    def _weights(self) -> dict[str, float]:
        beta_static, beta_dynamic = (
            self.beta if isinstance(self.beta, tuple) else (self.beta, self.beta)
        )
        return {
            "reconstruction": 1.0,
            "anchor": float(self.alpha),
            "static_kl": float(beta_static),
            "dynamic_kl": float(beta_dynamic),
        }

    def _build_network(self, n_channels: int, window: int) -> StaticDynamicNetwork:
        encoder = TabularEncoder() if self.encoder is None else self.encoder
        decoder = encoder.decoder() if self.decoder is None else self.decoder
        return StaticDynamicNetwork(
            encoder.build(n_channels, window),
            decoder.build(self.static_dim + self.dynamic_dim, n_channels, window),
            static_dim=self.static_dim,
            dynamic_dim=self.dynamic_dim,
            anchor=self.anchor,
            anchor_fraction=self.random_state_.random_sample(),
            anchor_loss=self.anchor_loss,
            subtract=self.subtract,
            bidirectional=self.dynamic_posterior == "bidirectional",
            n_samples=self.n_samples,
            weights=self._weights(),
        )

    def _encode_options(self) -> dict[str, Any]:
        return {"pooling": self.static_pooling}
