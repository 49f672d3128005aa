"""What CDSVAE, SPYL and S3VAE share: a sequential VAE with terms that compare a batch's series."""

from typing import Any

import torch
from torch import Tensor, nn

from tsdisentangle.data.windows import Windows
from tsdisentangle.losses.mutual_information import mutual_information
from tsdisentangle.methods._sequential import SequentialNetwork
from tsdisentangle.network import Posterior, weight_pair
from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.noise import Noise


def permute_windows(batch: Windows, noise: Noise) -> Windows:
    """Put each series' valid windows in random order: what stays is kept, the motion is not."""
    rank = noise("window_order", batch.valid.shape, batch.values)
    order = rank.masked_fill(~batch.valid, torch.inf).argsort(dim=1, stable=True)
    rows = torch.arange(len(order), device=order.device)[:, None]
    return Windows(batch.values[rows, order], batch.observed[rows, order], batch.valid)


class ComparingNetwork(SequentialNetwork):
    """Sequential VAE with ``I(s; d)`` and terms of its own, which a subclass defines.

    They compare a series with the others of its batch, so they exist in training only.
    """

    def __init__(
        self, encoder: ElementEncoder, decoder: nn.Module, *, n_series: int, **options: Any
    ):
        super().__init__(encoder, decoder, **options)
        self.n_series = n_series

    def contrast(self, batch: Windows, posterior: Posterior, noise: Noise) -> dict[str, Tensor]:
        """Terms beside the bound and the information, a value per comparison or series."""
        raise NotImplementedError

    def forward(self, batch: Windows, noise: Noise) -> dict[str, Tensor]:
        """Parts of the bound; in training also the terms that look at the whole batch."""
        posterior = self.encode(batch)
        static = posterior.static.sample(noise, "static")
        dynamic = posterior.dynamic.sample(noise, "dynamic")
        terms = self.parts(batch, posterior, static, dynamic, noise)
        if self.training:
            terms["information"] = mutual_information(
                static[0], dynamic[0], *posterior, batch.valid, self.n_series
            )
            terms.update(self.contrast(batch, posterior, noise))
        return {name: term.mean() for name, term in terms.items()}


class ContrastiveNetwork(ComparingNetwork):
    """The terms are contrasts of cosines, divided by a temperature."""

    def __init__(
        self, encoder: ElementEncoder, decoder: nn.Module, *, temperature: float, **options: Any
    ):
        super().__init__(encoder, decoder, **options)
        self.temperature = temperature


def contrastive_weights(
    beta: float | tuple[float, float], contrast: float | tuple[float, float], information: float
) -> dict[str, float]:
    """Weight of each term; a pair is (static, dynamic)."""
    static_kl, dynamic_kl = weight_pair("beta", beta)
    static_contrast, dynamic_contrast = weight_pair("contrast", contrast)
    return {
        "reconstruction": 1.0,
        "static_kl": static_kl,
        "dynamic_kl": dynamic_kl,
        "information": float(information),
        "static_contrast": static_contrast,
        "dynamic_contrast": dynamic_contrast,
    }
