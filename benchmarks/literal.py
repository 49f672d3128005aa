"""The windowed network of Berman et al. (2024), written as literally as possible.

One slow implementation with two uses. The tests hold the package's vectorised network
(``TabularEncoder(kind="step")``) against it, loss terms and gradients; the speed benchmark measures
the gain over it.

It is written as the method is described: the batch is repeated for every Monte-Carlo draw *before*
the encoder, Python loops go over the windows and over the steps of a window, the prior runs on
LSTM cells, the decoder runs a window at a time, and all densities are written out.

It follows the description where the released code departs from it:

- the anchor's features really are subtracted from those of the other windows;
- a step that is masked is skipped and the state is carried, in the static path too;
- the whole anchor window is scored, not only its first step;
- the negative log-likelihood is summed over the observed entries, then divided by the batch;
- one vector of noise stands at all steps of the anchor window.

Windows after a series' last observed value are padding and have no KL divergence.

For a speed benchmark use complete series: a window without a masked step is one call of its LSTM,
as in the released code, while the loop over steps (about 1.5 times slower) is only needed for masks
and would flatter whatever is compared with it.
"""

import math

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

# Air Quality: alpha 0.28 and beta 2e-4 (Table 6).
WEIGHTS = {"reconstruction": 1.0, "anchor": 0.28, "static_kl": 2e-4, "dynamic_kl": 2e-4}

# Where the package keeps each module's parameters, and how the cells' names end there.
PACKAGE_NAMES = {
    "encoder_mlp": ("encoder.mlp", ""),
    "static_gru": ("encoder.static_rnn", ""),
    "static_hidden": ("static_head.hidden", ""),
    "static_mean": ("static_head.head.mean", ""),
    "static_logvar": ("static_head.head.logvar", ""),
    "dynamic_lstm": ("encoder.dynamic_rnn", ""),
    "dynamic_mean": ("dynamic_head.mean", ""),
    "dynamic_logvar": ("dynamic_head.logvar", ""),
    "prior_a": ("prior.lstm", "_l0"),
    "prior_b": ("prior.lstm", "_l1"),
    "prior_mean": ("prior.head.mean", ""),
    "prior_logvar": ("prior.head.logvar", ""),
    "decoder_embed": ("decoder.embed", ""),
    "decoder_lstm": ("decoder.lstm", ""),
    "decoder_mlp": ("decoder.mlp", ""),
    "decoder_mean": ("decoder.mean", ""),
    "decoder_scale": ("decoder.raw_scale", ""),
}


class LiteralNetwork(nn.Module):
    """The parameters and settings; the functions of this file do the work.

    Parameters
    ----------
    n_channels, window : int
        Number of channels, and of steps of a window.
    features, hidden, static_dim, dynamic_dim, prior_hidden : int
        Sizes; the defaults are the released code's.
    n_samples : int
        Monte-Carlo copies of the batch (10 on PhysioNet, 15 on Air Quality and ETTh1).
    subtract : bool
        False is the ablation "no sub".
    anchor_loss : {'step', 'none', 'drop', 'static_only'}
        The anchor window scored apart; not apart; not at all; or the whole series scored from the
        static code alone, beside the usual sequence term.
    """

    def __init__(
        self,
        n_channels: int,
        window: int,
        *,
        features: int = 32,
        hidden: int = 64,
        static_dim: int = 8,
        dynamic_dim: int = 8,
        prior_hidden: int = 64,
        n_samples: int = 1,
        subtract: bool = True,
        anchor_loss: str = "step",
    ):
        super().__init__()
        self.window, self.n_samples = window, n_samples
        self.subtract, self.anchor_loss = subtract, anchor_loss
        self.sizes = {"features": features, "static": static_dim, "dynamic": dynamic_dim}
        self.encoder_mlp = nn.Sequential(
            nn.Linear(n_channels, features),
            nn.ReLU(),
            nn.Linear(features, hidden),
            nn.ReLU(),
            nn.Linear(hidden, features),
            nn.ReLU(),
        )
        self.static_gru = nn.GRU(features, features, batch_first=True)
        self.static_hidden = nn.Linear(features, features)
        self.static_mean = nn.Linear(features, static_dim)
        self.static_logvar = nn.Linear(features, static_dim)
        self.dynamic_lstm = nn.LSTM(features, features, batch_first=True)
        self.dynamic_mean = nn.Linear(features, dynamic_dim)
        self.dynamic_logvar = nn.Linear(features, dynamic_dim)
        self.prior_a = nn.LSTMCell(dynamic_dim, prior_hidden)
        self.prior_b = nn.LSTMCell(prior_hidden, prior_hidden)
        self.prior_mean = nn.Linear(prior_hidden, dynamic_dim)
        self.prior_logvar = nn.Linear(prior_hidden, dynamic_dim)
        self.decoder_embed = nn.Linear(dynamic_dim + static_dim, features)
        self.decoder_lstm = nn.LSTM(features, features, batch_first=True)
        self.decoder_mlp = nn.Sequential(
            nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, features)
        )
        self.decoder_mean = nn.Linear(features, n_channels)
        self.decoder_scale = nn.Linear(features, n_channels)


# -- the package's weights ----------------------------------------------------------------------


def package_name(name: str) -> str:
    """Name of a parameter of the literal network in the package's network.

    Examples
    --------
    >>> package_name("prior_b.weight_ih")
    'prior.lstm.weight_ih_l1'
    """
    module, parameter = name.split(".", 1)
    place, ending = PACKAGE_NAMES[module]
    return f"{place}.{parameter}{ending}"


def copy_weights(source: nn.Module, network: LiteralNetwork) -> None:
    """Copy all weights of a ``StaticDynamicNetwork`` of the step kind into the literal network."""
    weights = source.state_dict()
    network.load_state_dict({name: weights[package_name(name)] for name in network.state_dict()})


# -- masks and anchors --------------------------------------------------------------------------


def split(sequence: Tensor, window: int) -> list[Tensor]:
    """Cut ``(rows, time, ...)`` into the list of its windows."""
    return [sequence[:, t : t + window] for t in range(0, sequence.shape[1], window)]


def kept_steps(observed: Tensor) -> Tensor:
    """Return the steps that miss fewer than ``floor(0.7 * channels)`` channels (at least 1)."""
    channels = observed.shape[-1]
    missing = channels - observed.sum(-1)
    return missing < max(1, 7 * channels // 10)


def windows_with(flags: Tensor, window: int) -> list[list[int]]:
    """Return the windows of each row in which any flag is set."""
    windows = [part.flatten(1).any(1).tolist() for part in split(flags, window)]
    return [[w for w, seen in enumerate(row) if seen] for row in zip(*windows, strict=True)]


# -- posterior ----------------------------------------------------------------------------------


def run_gru(gru: nn.GRU, steps: Tensor, keep: Tensor) -> Tensor:
    """Last state over the steps of a window; a masked step leaves a row's state as it was."""
    if keep.all():  # what the released code does, and the fair form for the speed benchmark
        return gru(steps)[0][:, -1]
    h = steps.new_zeros(1, len(steps), gru.hidden_size)
    for j in range(steps.shape[1]):
        _, new_h = gru(steps[:, j : j + 1], h)
        h = torch.where(keep[:, j, None], new_h, h)
    return h[0]


def run_lstm(lstm: nn.LSTM, steps: Tensor, keep: Tensor) -> Tensor:
    """Last output over the steps of a window; a masked step leaves a row's state as it was."""
    if keep.all():
        return lstm(steps)[0][:, -1]
    h = c = steps.new_zeros(1, len(steps), lstm.hidden_size)
    for j in range(steps.shape[1]):
        _, (new_h, new_c) = lstm(steps[:, j : j + 1], (h, c))
        h = torch.where(keep[:, j, None], new_h, h)
        c = torch.where(keep[:, j, None], new_c, c)
    return h[0]


def take_windows(sequence: Tensor, anchor: list[int], window: int) -> Tensor:
    """Each row's own window: ``(rows, window, ...)``."""
    rows = zip(sequence, anchor, strict=True)
    return torch.stack([row[i * window : (i + 1) * window] for row, i in rows])


def static_posterior(
    network: LiteralNetwork, g: Tensor, keep: Tensor, anchor: list[int]
) -> tuple[Tensor, Tensor]:
    """Mean and log-variance of the static code, from the anchor window alone."""
    steps = take_windows(g, anchor, network.window)
    h = run_gru(network.static_gru, steps, take_windows(keep, anchor, network.window))
    h = torch.tanh(network.static_hidden(h))
    return network.static_mean(h), network.static_logvar(h).clamp(-10, 10)


def dynamic_posterior(
    network: LiteralNetwork, g: Tensor, keep: Tensor, anchor: list[int], token: Tensor
) -> tuple[list[Tensor], list[Tensor]]:
    """Means and log-variances of the dynamic codes, a window at a time."""
    anchor_features = take_windows(g, anchor, network.window)
    where = torch.tensor(anchor, device=g.device)
    means, logvars = [], []
    windows = zip(split(g, network.window), split(keep, network.window), strict=True)
    for w, (steps, kept) in enumerate(windows):
        r = steps - anchor_features if network.subtract else steps
        r = torch.where((where == w)[:, None, None], token[:, None, :].expand_as(r), r)
        h = run_lstm(network.dynamic_lstm, r, kept)
        means.append(network.dynamic_mean(h))
        logvars.append(network.dynamic_logvar(h).clamp(-10, 10))
    return means, logvars


# -- prior, decoder and densities ---------------------------------------------------------------


def prior_gaussians(network: LiteralNetwork, d: list[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Mean and log-variance of each window given the posterior's samples of those before."""
    rows = len(d[0])
    size = network.prior_a.hidden_size
    state_a = state_b = (d[0].new_zeros(rows, size), d[0].new_zeros(rows, size))
    u = torch.zeros_like(d[0])
    gaussians = []
    for d_t in d:
        state_a = network.prior_a(u, state_a)
        state_b = network.prior_b(state_a[0], state_b)
        h = state_b[0]
        gaussians.append((network.prior_mean(h), network.prior_logvar(h).clamp(-6, 10)))
        u = d_t
    return gaussians


def decode_window(
    network: LiteralNetwork, d_w: Tensor, s: Tensor, drive: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation of the steps of a window."""
    e = torch.tanh(network.decoder_embed(torch.cat([d_w, s], dim=1)))
    h, _ = network.decoder_lstm(drive, (e[None], e[None]))
    h = network.decoder_mlp(h)
    scale = 0.01 + 0.49 * torch.sigmoid(network.decoder_scale(h))
    return network.decoder_mean(h), scale


def window_nll(
    network: LiteralNetwork, x: Tensor, seen: Tensor, d: list[Tensor], s: Tensor, drive: Tensor
) -> list[Tensor]:
    """``-log p`` of the observed entries of each window, one number per row."""
    windows = zip(split(x, network.window), split(seen, network.window), strict=True)
    nll = []
    for w, (values, observed) in enumerate(windows):
        mean, scale = decode_window(network, d[w], s, drive[:, w])
        entry = 0.5 * ((values - mean) / scale) ** 2 + torch.log(scale * math.sqrt(2 * math.pi))
        nll.append((entry * observed).sum(dim=(1, 2)))
    return nll


def kl_to_standard(mean: Tensor, logvar: Tensor) -> Tensor:
    return -0.5 * (1 + logvar - mean**2 - torch.exp(logvar)).sum(1)


def kl_between(mean_q: Tensor, logvar_q: Tensor, mean_p: Tensor, logvar_p: Tensor) -> Tensor:
    spread = (torch.exp(logvar_q) + (mean_q - mean_p) ** 2) / torch.exp(logvar_p)
    return 0.5 * (logvar_p - logvar_q + spread - 1).sum(1)


# -- the loss -----------------------------------------------------------------------------------


def literal_terms(
    network: LiteralNetwork,
    values: Tensor,
    observed: Tensor,
    noise: dict[str, Tensor],
    anchor: list[int] | None = None,
) -> dict[str, Tensor]:
    """Unweighted terms of the loss under fixed noise.

    Parameters
    ----------
    network : LiteralNetwork
    values : Tensor of shape (batch, time, channel)
        Zero where not observed; whole windows.
    observed : bool Tensor of that shape
    noise : dict of Tensors
        As :func:`draw_noise` makes it.
    anchor : list of int, default=None
        Index of the anchor window of each series; the first one with a step to read by default.

    Returns
    -------
    dict of Tensors
        ``reconstruction``, ``anchor`` (where the anchor loss has one), ``static_kl`` and
        ``dynamic_kl``.
    """
    copies, window = network.n_samples, network.window
    x, seen = values.repeat(copies, 1, 1), observed.repeat(copies, 1, 1)
    g, keep = network.encoder_mlp(x), kept_steps(seen)
    i = [row[0] for row in windows_with(keep, window)] if anchor is None else list(anchor) * copies
    s_mean, s_logvar = static_posterior(network, g, keep, i)
    d_mean, d_logvar = dynamic_posterior(network, g, keep, i, noise["anchor"].repeat(copies, 1))
    s = s_mean + torch.exp(0.5 * s_logvar) * noise["static"].flatten(0, 1)
    eps = noise["dynamic"].flatten(0, 1).unbind(1)
    d = [m + torch.exp(0.5 * v) * e for m, v, e in zip(d_mean, d_logvar, eps, strict=True)]

    terms = reconstruction_terms(network, x, seen, d, s, noise["decoder"], i)
    terms["static_kl"] = kl_to_standard(s_mean, s_logvar)
    terms["dynamic_kl"] = torch.zeros_like(terms["static_kl"])
    last = torch.tensor([row[-1] for row in windows_with(seen, window)], device=x.device)
    for w, (p_mean, p_logvar) in enumerate(prior_gaussians(network, d)):
        kl = kl_between(d_mean[w], d_logvar[w], p_mean, p_logvar)
        terms["dynamic_kl"] = terms["dynamic_kl"] + kl * (w <= last)
    return {name: term.sum() / len(x) for name, term in terms.items()}


def reconstruction_terms(
    network: LiteralNetwork,
    x: Tensor,
    seen: Tensor,
    d: list[Tensor],
    s: Tensor,
    drive: Tensor,
    anchor: list[int],
) -> dict[str, Tensor]:
    """Sequence term and anchor term, one number per row."""
    nll = window_nll(network, x, seen, d, s, drive)
    where = torch.tensor(anchor, device=x.device)
    at_anchor = sum(nll[w] * (where == w) for w in range(len(nll)))
    elsewhere = sum(nll[w] * (where != w) for w in range(len(nll)))
    if network.anchor_loss == "step":
        return {"reconstruction": elsewhere, "anchor": at_anchor}
    if network.anchor_loss == "drop":
        return {"reconstruction": elsewhere}
    if network.anchor_loss == "none":
        return {"reconstruction": sum(nll)}
    still = [torch.zeros_like(d_w) for d_w in d]
    alone = window_nll(network, x, seen, still, s, drive)
    return {"reconstruction": sum(nll), "anchor": sum(alone)}


# -- training -----------------------------------------------------------------------------------


def draw_noise(network: LiteralNetwork, values: Tensor) -> dict[str, Tensor]:
    """Fresh noise for a batch of shape ``(batch, time, channel)``."""
    copies, batch, n = network.n_samples, len(values), values.shape[1] // network.window
    f, ks, kd = network.sizes.values()
    shapes = {
        "anchor": (batch, f),
        "static": (copies, batch, ks),
        "dynamic": (copies, batch, n, kd),
        "decoder": (copies * batch, n, network.window, f),
    }
    return {name: values.new_empty(shape).normal_() for name, shape in shapes.items()}


class LiteralDataset(Dataset):
    """Series one at a time, for :class:`torch.utils.data.DataLoader`."""

    def __init__(self, values: Tensor, observed: Tensor):
        self.values, self.observed = values, observed

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, item: int) -> tuple[Tensor, Tensor]:
        return self.values[item], self.observed[item]


def literal_loader(values: Tensor, observed: Tensor, batch_size: int) -> DataLoader:
    """Shuffled batches, collated item by item."""
    return DataLoader(LiteralDataset(values, observed), batch_size=batch_size, shuffle=True)


def literal_train_step(
    network: LiteralNetwork,
    optimiser: torch.optim.Optimizer,
    batch: tuple[Tensor, Tensor],
    weights: dict[str, float] = WEIGHTS,
) -> float:
    """One step on a batch of the loader; returns the loss before it."""
    values, observed = batch
    terms = literal_terms(network, values, observed, draw_noise(network, values))
    loss = sum(weights[name] * term for name, term in terms.items())
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    return loss.item()


# -- evaluation ---------------------------------------------------------------------------------


def literal_evaluation(
    network: LiteralNetwork, values: Tensor, observed: Tensor, batch_size: int
) -> None:
    """Run the whole network over all series, as the released evaluations do for their codes."""
    with torch.no_grad():
        for batch in literal_loader(values, observed, batch_size):
            literal_terms(network, *batch, draw_noise(network, batch[0]))


def literal_reconstruction(network: LiteralNetwork, values: Tensor, observed: Tensor) -> Tensor:
    """Series decoded from the means of their codes, with all noise at its mean, zero."""
    g, keep = network.encoder_mlp(values), kept_steps(observed)
    i = [row[0] for row in windows_with(keep, network.window)]
    s, _ = static_posterior(network, g, keep, i)
    d, _ = dynamic_posterior(network, g, keep, i, torch.zeros_like(g[:, 0]))
    drive = values.new_zeros(len(values), network.window, g.shape[2])
    return torch.cat([decode_window(network, d_w, s, drive)[0] for d_w in d], dim=1)
