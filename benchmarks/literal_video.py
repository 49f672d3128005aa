"""The video network of Berman et al. (2024), written as the released code is.

Frames folded into the batch, convolutions in torch's default layout and with the biases that batch
normalisation makes idle, a prior of LSTM cells in a Python loop, clips converted and collated item
by item, and a whole forward pass, with decoder and prior, at evaluation too. The tests hold the
package's network against it; the speed benchmark measures the gain over it.

As in :mod:`literal`, the anchor is scored apart from the other frames.
"""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from benchmarks.literal import kl_between, kl_to_standard

WEIGHTS = {"reconstruction": 1.0, "anchor": 0.2, "static_kl": 0.2, "dynamic_kl": 0.2}
DIRECTIONS = {"": "forward_lstm", "_reverse": "backward_lstm"}
KINDS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")


def halve(inside: int, outside: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inside, outside, 4, 2, 1),
        nn.BatchNorm2d(outside),
        nn.LeakyReLU(0.2, inplace=True),
    ]


def double(inside: int, outside: int, stride: int = 2, padding: int = 1) -> list[nn.Module]:
    return [
        nn.ConvTranspose2d(inside, outside, 4, stride, padding),
        nn.BatchNorm2d(outside),
        nn.LeakyReLU(0.2, inplace=True),
    ]


class LiteralVideoNetwork(nn.Module):
    """The parameters, for frames of 64 x 64; the functions of this file do the work.

    Parameters
    ----------
    channels, width, features : int
        Colours, channels of the first layer, and size of a frame's features.
    static_dim, dynamic_dim, hidden : int
        Sizes of the codes, and of the static head's and the prior's hidden layers.
    """

    def __init__(
        self,
        channels: int,
        width: int,
        features: int,
        static_dim: int,
        dynamic_dim: int,
        hidden: int = 64,
    ):
        super().__init__()
        inner = [width, 2 * width, 4 * width, 8 * width]
        self.encoder = nn.Sequential(
            *halve(channels, inner[0]),
            *halve(inner[0], inner[1]),
            *halve(inner[1], inner[2]),
            *halve(inner[2], inner[3]),
            nn.Conv2d(inner[3], features, 4, 1, 0),
            nn.BatchNorm2d(features),
            nn.Tanh(),
        )
        self.static_hidden = nn.Linear(features, hidden)
        self.static_mean = nn.Linear(hidden, static_dim)
        self.static_logvar = nn.Linear(hidden, static_dim)
        self.dynamic_lstm = nn.LSTM(features, dynamic_dim, 2, batch_first=True, bidirectional=True)
        self.dynamic_mean = nn.Linear(2 * dynamic_dim, dynamic_dim)
        self.dynamic_logvar = nn.Linear(2 * dynamic_dim, dynamic_dim)
        self.prior_a = nn.LSTMCell(dynamic_dim, hidden)
        self.prior_b = nn.LSTMCell(hidden, hidden)
        self.prior_mean = nn.Linear(hidden, dynamic_dim)
        self.prior_logvar = nn.Linear(hidden, dynamic_dim)
        self.decoder = nn.Sequential(
            *double(dynamic_dim + static_dim, inner[3], 1, 0),
            *double(inner[3], inner[2]),
            *double(inner[2], inner[1]),
            *double(inner[1], inner[0]),
            nn.ConvTranspose2d(inner[0], channels, 4, 2, 1),
            nn.Sigmoid(),
        )


# -- the package's weights ----------------------------------------------------------------------


def copy_weights(source: nn.Module, network: LiteralVideoNetwork) -> None:
    """Copy all weights of the package's network for clips into the literal one."""
    pairs = [
        (network.static_hidden, source.static_head.hidden),
        (network.static_mean, source.static_head.head.mean),
        (network.static_logvar, source.static_head.head.logvar),
        (network.dynamic_mean, source.dynamic_head.mean),
        (network.dynamic_logvar, source.dynamic_head.logvar),
        (network.prior_mean, source.prior.head.mean),
        (network.prior_logvar, source.prior.head.logvar),
        *zip(layers(network.encoder), layers(source.encoder.frames), strict=True),
        *zip(layers(network.decoder)[1:], layers(source.decoder.frames)[1:], strict=True),
    ]
    with torch.no_grad():
        for ours, theirs in pairs:
            for name, value in ours.state_dict().items():
                given = theirs.state_dict()
                value.copy_(given[name] if name in given else torch.zeros_like(value))
        copy_first_deconvolution(layers(network.decoder)[0], layers(source.decoder.frames)[0])
        copy_recurrent(source, network)


def layers(module: nn.Module) -> list[nn.Module]:
    """Return the modules with weights of their own, in order."""
    return [part for part in module.modules() if list(part.parameters(recurse=False))]


def copy_first_deconvolution(ours: nn.Module, theirs: nn.Module) -> None:
    """The package keeps it as a matrix, channels last."""
    inside, outside, *kernel = ours.weight.shape
    ours.weight.copy_(theirs.weight.view(inside, *kernel, outside).permute(0, 3, 1, 2))
    ours.bias.zero_()


def copy_recurrent(source: nn.Module, network: LiteralVideoNetwork) -> None:
    """The package has an LSTM a direction and one of two layers where cells stand here."""
    for kind in KINDS:
        for layer, part in enumerate(source.lstm.layers):
            for ending, direction in DIRECTIONS.items():
                given = getattr(getattr(part, direction), f"{kind}_l0")
                getattr(network.dynamic_lstm, f"{kind}_l{layer}{ending}").copy_(given)
        for layer, cell in enumerate((network.prior_a, network.prior_b)):
            getattr(cell, kind).copy_(getattr(source.prior.lstm, f"{kind}_l{layer}"))


# -- the loss -----------------------------------------------------------------------------------


def literal_terms(
    network: LiteralVideoNetwork, clips: Tensor, noise: dict[str, Tensor]
) -> dict[str, Tensor]:
    """Unweighted terms of the loss, squared errors and divergences, divided by the batch.

    Parameters
    ----------
    network : LiteralVideoNetwork
    clips : Tensor of shape (batch, frames, channels, 64, 64)
    noise : dict of Tensors
        ``anchor`` ``(batch, features)``, ``static`` ``(batch, static_dim)``, ``dynamic``
        ``(batch, frames, dynamic_dim)``.
    """
    batch, frames = clips.shape[:2]
    features = network.encoder(clips.flatten(0, 1)).view(batch, frames, -1)
    hidden = torch.tanh(network.static_hidden(features[:, 0]))
    s_mean, s_logvar = network.static_mean(hidden), network.static_logvar(hidden).clamp(-10, 10)
    rest = features - features[:, :1]
    rest = torch.cat([noise["anchor"][:, None], rest[:, 1:]], dim=1)
    hidden = network.dynamic_lstm(rest)[0]
    d_mean, d_logvar = network.dynamic_mean(hidden), network.dynamic_logvar(hidden).clamp(-10, 10)
    s = s_mean + torch.exp(0.5 * s_logvar) * noise["static"]
    d = d_mean + torch.exp(0.5 * d_logvar) * noise["dynamic"]

    codes = torch.cat([d, s[:, None].expand(-1, frames, -1)], dim=2)
    images = network.decoder(codes.flatten(0, 1)[..., None, None]).view(clips.shape)
    error = (images - clips).square().flatten(2).sum(2)
    dynamic_kl = 0.0
    for t, (p_mean, p_logvar) in enumerate(prior_gaussians(network, d)):
        dynamic_kl = dynamic_kl + kl_between(d_mean[:, t], d_logvar[:, t], p_mean, p_logvar)
    terms = {
        "reconstruction": error[:, 1:].sum(1),
        "anchor": error[:, 0],
        "static_kl": kl_to_standard(s_mean, s_logvar),
        "dynamic_kl": dynamic_kl,
    }
    return {name: term.sum() / batch for name, term in terms.items()}


def prior_gaussians(network: LiteralVideoNetwork, d: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Mean and log-variance of each frame given the samples of those before."""
    size = network.prior_a.hidden_size
    a = b = (d.new_zeros(len(d), size), d.new_zeros(len(d), size))
    before = torch.zeros_like(d[:, 0])
    for t in range(d.shape[1]):
        a = network.prior_a(before, a)
        b = network.prior_b(a[0], b)
        yield network.prior_mean(b[0]), network.prior_logvar(b[0]).clamp(-6, 10)
        before = d[:, t]


# -- training -----------------------------------------------------------------------------------


def draw_noise(network: LiteralVideoNetwork, clips: Tensor) -> dict[str, Tensor]:
    """Fresh noise for a batch."""
    batch, frames = clips.shape[:2]
    shapes = {
        "anchor": (batch, network.static_hidden.in_features),
        "static": (batch, network.static_mean.out_features),
        "dynamic": (batch, frames, network.dynamic_mean.out_features),
    }
    return {name: clips.new_empty(shape).normal_() for name, shape in shapes.items()}


class LiteralClips(Dataset):
    """Clips one at a time, ``(frames, side, side, channels)`` bytes to channels first floats."""

    def __init__(self, clips: np.ndarray):
        self.clips = clips

    def __len__(self) -> int:
        return len(self.clips)

    def __getitem__(self, item: int) -> Tensor:
        return torch.from_numpy(self.clips[item].astype(np.float32) / 255).permute(0, 3, 1, 2)


def literal_epoch(
    network: LiteralVideoNetwork, optimiser: torch.optim.Optimizer, clips: np.ndarray, batch: int
) -> None:
    """Train on all clips once."""
    network.train()
    for given in DataLoader(LiteralClips(clips), batch_size=batch, shuffle=True):
        terms = literal_terms(network, given, draw_noise(network, given))
        loss = sum(WEIGHTS[name] * term for name, term in terms.items())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()


def literal_evaluation(network: LiteralVideoNetwork, clips: np.ndarray, batch: int) -> None:
    """Run the whole network over all clips, as the released evaluations do for their codes."""
    network.eval()
    with torch.no_grad():
        for given in DataLoader(LiteralClips(clips), batch_size=batch):
            literal_terms(network, given, draw_noise(network, given))
