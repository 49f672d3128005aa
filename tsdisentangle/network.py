"""The contract of a method's network, for whoever writes one.

A method's file holds its network, a subclass of :class:`SequenceNetwork` with ``encode``,
``forward`` and ``bound``, and its estimator, a subclass of
:class:`~tsdisentangle.base.SequenceDisentangler` with the constructor and ``_build_network``.
"""

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tsdisentangle.data.windows import Windows
from tsdisentangle.losses import bernoulli_nll, gaussian_nll, kl_gaussian
from tsdisentangle.nn.calibration import ScaleCalibration
from tsdisentangle.nn.gaussian import Gaussian
from tsdisentangle.nn.hiding import Hiding
from tsdisentangle.nn.marks import mark_probabilities, split_marks
from tsdisentangle.nn.noise import Noise
from tsdisentangle.nn.padding import decode_valid

# Nats per window and root of its observed values, that 'auto' aims at; see "Design".
AUTO_RATE = 0.35
# Largest relative change of the divergence's weight per step, and its limits.
RATE_STEP, MIN_WEIGHT, MAX_WEIGHT = 0.05, 1e-3, 1e3


class Posterior(NamedTuple):
    """Posterior of the codes: ``static`` ``(batch, s)``, ``dynamic`` ``(batch, windows, d)``."""

    static: Gaussian
    dynamic: Gaussian


class SequenceNetwork(nn.Module):
    """Base of the methods' networks.

    A subclass defines :meth:`forward`, :meth:`encode` and :meth:`bound`, and sets :attr:`prior`
    (or replaces the three methods that use it). The loss is ``sum(weights[name] * term)``.

    Parameters
    ----------
    decoder : nn.Module
        Codes ``[d_t, s]`` and a noise source to a Gaussian per window.
    static_dim, dynamic_dim : int
        Sizes of the codes.
    weights : dict
        Weight of each term in the loss.

    Attributes
    ----------
    prior : RecurrentPrior or GaussianProcess
        Prior of the dynamics; anything with ``roll_out`` (and, for :meth:`dynamic_kl`, a call).
    n_marks : int
        Channels, after those of the values, that are 1 where a value is missing and else 0. Their
        likelihood is Bernoulli.
    """

    prior: Any
    n_marks: int = 0

    def __init__(
        self, decoder: nn.Module, static_dim: int, dynamic_dim: int, weights: dict[str, float]
    ):
        super().__init__()
        self.decoder = decoder
        self.static_dim, self.dynamic_dim = static_dim, dynamic_dim
        self.weights = weights
        self.calibration: ScaleCalibration | None = None
        self.dynamic_rate: str | float | None = None
        self.hiding: Hiding | None = None

    # -- what a method defines ------------------------------------------------------------------

    def forward(self, batch: Windows, noise: Noise) -> dict[str, Tensor]:
        """Unweighted terms of the loss: sums over a series, means over the batch."""
        raise NotImplementedError

    def encode(self, batch: Windows, **options: Any) -> Posterior:
        """Codes for evaluation; depend on nothing but each series."""
        raise NotImplementedError

    def bound(self, batch: Windows, noise: Noise, draws: int) -> dict[str, Tensor]:
        """Parts of the negative evidence lower bound, each of shape ``(batch,)``.

        Each observed value once, unit weights, nothing of the rest of the batch.
        """
        raise NotImplementedError

    # -- what a method may replace ---------------------------------------------------------------

    def decode(
        self, static: Tensor, dynamic: Tensor, noise: Noise, valid: Tensor | None = None
    ) -> Gaussian:
        """``(rows, s)`` and ``(rows, windows, d)`` to ``(rows, windows, step, channel)``.

        With ``valid`` ``(rows, windows)``, what the other windows come out as does not matter.
        """
        repeated = static[:, None].expand(-1, dynamic.shape[1], -1)
        return self.predict(torch.cat([dynamic, repeated], dim=-1), noise, valid)

    def predict(self, codes: Tensor, noise: Noise, valid: Tensor | None = None) -> Gaussian:
        """What the decoder makes of ``(rows, windows, code)``.

        With calibrated variance; the mean of marks is their probability.
        """
        prediction = decode_valid(self.decoder, codes, noise, valid)
        if self.calibration is not None:
            prediction = self.calibration(prediction)
        return mark_probabilities(prediction, self.n_marks)

    def nll(
        self,
        batch: Windows,
        static: Tensor,
        dynamic: Tensor,
        noise: Noise,
        calibrate: bool = True,
    ) -> Tensor:
        """Negative log-likelihood per window, mean over the draws: ``(batch, windows)``.

        ``static`` is ``(draws, batch, s)`` and ``dynamic`` ``(draws, batch, windows, d)``. In
        training, the scale is fitted to the residuals, unless the codes are not the series' own
        (``calibrate=False``). What is hidden from the encoder counts as well.
        """
        draws = len(static)
        valid = batch.valid.repeat(draws, 1)
        prediction = self.decode(static.flatten(0, 1), dynamic.flatten(0, 1), noise, valid)
        prediction = Gaussian(*(part.unflatten(0, (draws, -1)) for part in prediction))
        return self.nll_of(batch, prediction, calibrate)

    def nll_of(self, batch: Windows, prediction: Gaussian, calibrate: bool = True) -> Tensor:
        """Negative log-likelihood per window under predictions ``(draws, batch, windows, ...)``."""
        batch = batch.counted
        if prediction.mean.shape[3:] != batch.values.shape[2:]:
            raise ValueError(
                f"The decoder makes elements of shape {tuple(prediction.mean.shape[3:])} (step, "
                f"channel), but those of X are {tuple(batch.values.shape[2:])}; pass decoder=None "
                "or one that fits the encoder."
            )
        if self.calibration is not None and self.training and calibrate:
            self.calibration.update(batch.values, prediction, batch.observed)
        return self._nll_of_entries(batch, prediction).flatten(3).sum(3).mean(0)

    def _nll_of_entries(self, batch: Windows, prediction: Gaussian) -> Tensor:
        """Negative log-likelihood of each value and each mark, of the shape of the prediction."""
        if not self.n_marks:
            return gaussian_nll(batch.values, prediction, batch.observed)
        values, marks = split_marks(batch.values, self.n_marks)
        observed, known = split_marks(batch.observed, self.n_marks)
        mean, probability = split_marks(prediction.mean, self.n_marks)
        logvar = split_marks(prediction.logvar.expand_as(prediction.mean), self.n_marks)[0]
        of_values = gaussian_nll(values, Gaussian(mean, logvar), observed)
        return torch.cat([of_values, bernoulli_nll(marks, probability, known)], dim=-1)

    def set_likelihood(self, n_values: int, n_marks: int, fitted: bool) -> None:
        """Say which channels are marks, and whether the scale of the values is fitted."""
        self.n_marks = n_marks
        self.calibration = ScaleCalibration(n_values) if fitted else None

    def hide_inputs(self, share: float, kind: str) -> None:
        """Say how much of each batch training hides from the encoder, and in which form."""
        self.hiding = Hiding(share, kind)

    def inputs(self, batch: Windows, noise: Noise) -> Windows:
        """What :meth:`forward` is given of a batch: in training without what is to be hidden."""
        if self.hiding is None or not self.training:
            return batch
        return self.hiding.hide(batch, noise, self.n_marks)

    def dynamic_kl(self, batch: Windows, posterior: Gaussian, dynamic: Tensor) -> Tensor:
        """KL divergence to the recurrent prior, summed over valid windows: ``(batch,)``."""
        prior = self.prior(dynamic.flatten(0, 1))
        prior = Gaussian(*(part.unflatten(0, dynamic.shape[:2]) for part in prior))
        return torch.where(batch.valid, kl_gaussian(posterior, prior), 0.0).sum(2).mean(0)

    def aim_at(self, dynamic_rate: str | float | None) -> None:
        """Hold the dynamic codes at so many nats per window, or leave their weight as it is."""
        self.dynamic_rate = dynamic_rate
        if dynamic_rate is not None:
            self.weights = {**self.weights, "rate": 0.0, "rate_aim": 0.0}

    def rates(self, batch: Windows, dynamic_kl: Tensor) -> dict[str, Tensor]:
        """Nats per window of the dynamic codes, and how many are aimed at; none without an aim.

        ``'auto'`` grows with the square root of the observed values per window: a window of few
        values needs more nats for each than one of many, whose values have much in common.
        """
        if self.dynamic_rate is None or not self.training:
            return {}
        windows = batch.valid.sum()
        if self.dynamic_rate == "auto":
            aim = AUTO_RATE * torch.sqrt(batch.counted.observed.sum().float() / windows)
        else:
            aim = torch.tensor(self.dynamic_rate, dtype=torch.float32)
        return {"rate": dynamic_kl.detach().sum() / windows, "rate_aim": aim}

    def adapt(self, terms: dict[str, Tensor]) -> None:
        """Raise or lower the weight of the dynamic divergence, after a step of training.

        A multiplier that holds the rate at its aim (Rezende & Viola 2018, with the roles of
        divergence and distortion exchanged): too few nats make them cheaper.
        """
        if "rate" in terms:
            excess = float(terms["rate"] / terms["rate_aim"]) - 1
            factor = math.exp(RATE_STEP * max(-1.0, min(1.0, excess)))
            weight = self.weights["dynamic_kl"] * factor
            self.weights["dynamic_kl"] = max(MIN_WEIGHT, min(MAX_WEIGHT, weight))

    def validation_weights(self) -> dict[str, float]:
        """Weights of the validation loss, the same in every epoch."""
        return self.weights if self.dynamic_rate is None else {**self.weights, "dynamic_kl": 1.0}

    def sample_static(self, n: int, noise: Noise) -> Tensor:
        """Draws from the static prior, shape ``(n, static_dim)``."""
        return noise("static_prior", (n, self.static_dim), next(self.parameters()))

    def sample_dynamic(self, n: int, windows: int, noise: Noise, mean_path: bool) -> Tensor:
        """Draws from the dynamic prior, shape ``(n, windows, dynamic_dim)``."""
        start = next(self.parameters()).new_zeros(n, windows, self.dynamic_dim)
        means, samples = self.prior.roll_out(start, start.new_zeros(n), noise)
        return means if mean_path else samples

    def extend_dynamic(self, dynamic: Tensor, lengths: Tensor, noise: Noise) -> Tensor:
        """Continue codes beyond each row's length by the prior."""
        return self.prior.roll_out(dynamic, lengths, noise)[0]


def weight_pair(name: str, value: Any) -> tuple[float, float]:
    """Weights of the static and the dynamic part of a term, from a number or a pair.

    Raises
    ------
    ValueError
        Not two numbers, or one below 0.
    """
    pair = value if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2 or min(pair) < 0:
        raise ValueError(
            f"{name} is {value!r}; expected a number, or a pair (static, dynamic), at least 0."
        )
    return float(pair[0]), float(pair[1])
