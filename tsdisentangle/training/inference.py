"""A trained network applied to whole panels, batch by batch, without gradients."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tsdisentangle.data.codes import Codes, check_out_codes, ids_of
from tsdisentangle.data.panel import CheckedPanel, Scaler
from tsdisentangle.data.windows import Windows, check_order, count_windows, from_windows
from tsdisentangle.losses import gaussian_nll
from tsdisentangle.network import SequenceNetwork
from tsdisentangle.nn.noise import SharedNoise, mean_noise, normal_noise
from tsdisentangle.training.dataset import BatchLoader, SequenceDataset

BatchFunction = Callable[[Windows, slice], dict[str, Tensor]]
SCORE_DRAWS = 8
SCORE_SEED = 0


class Inference:
    """Encode, decode, sample and score with one network.

    Parameters
    ----------
    network : SequenceNetwork
        In evaluation mode.
    window : int
        Steps of a window.
    batch_size : int
        Series per batch.
    device : str or torch.device
        Where the network is.
    options : dict
        Of the network's ``encode``.
    """

    def __init__(
        self,
        network: SequenceNetwork,
        window: int,
        batch_size: int,
        device: str | torch.device,
        options: dict[str, Any],
    ):
        self.network = network
        self.window = window
        self.batch_size = batch_size
        self.device = device
        self.options = options

    def encode(
        self,
        panel: CheckedPanel,
        return_std: bool = False,
        out: Codes | None = None,
        order: np.ndarray | None = None,
    ) -> Codes:
        """Codes of a panel.

        Parameters
        ----------
        panel : CheckedPanel
            In the network's units.
        return_std : bool, default=False
            Whether to return standard deviations too.
        out : Codes, default=None
            Arrays to write to, batch by batch; None makes them.
        order : int array of shape (n, picked), default=None
            Windows to read, in their order; -1 after a row's last one. None reads all.

        Raises
        ------
        ValueError
            The codes are not finite, or ``out`` does not fit.
        """
        n, windows = len(panel), int(count_windows(panel.steps.max(), self.window))
        if order is not None:
            order = check_order(order, count_windows(panel.lengths, self.window))
            windows = order.shape[1]
        static, dynamic = self.network.static_dim, self.network.dynamic_dim
        codes = check_out_codes(out, (n, static), (n, windows, dynamic), return_std)
        for rows, part in self.encode_batches(panel, return_std, order):
            for name, values in vars(part).items():
                if values is not None:
                    getattr(codes, name)[rows] = values
        index = ids_of(panel)
        return codes if index is None else replace(codes, index=index)

    def encode_batches(
        self,
        panel: CheckedPanel,
        return_std: bool = False,
        order: np.ndarray | None = None,
    ) -> Iterator[tuple[slice, Codes]]:
        """Rows and codes of one batch after the other, as :meth:`encode` joins them."""
        # Those of the user: a scaler may have added marks.
        n_channels = _scaler(panel).n_channels

        def parts(batch: Windows, rows: slice) -> dict[str, Tensor]:
            seen: Tensor | slice = slice(None)  # no panel has a series without a value
            if order is not None:
                batch = batch.pick(self._tensor(order[rows]), n_channels)
                seen = batch.observed.flatten(1).any(1)
            posterior = self.network.encode(batch, **self.options)
            valid = batch.valid[..., None]
            codes = {
                "static": posterior.static.mean,
                "dynamic": posterior.dynamic.mean.where(valid, 0.0),
            }
            if not all(mean[seen].isfinite().all() for mean in codes.values()):
                raise ValueError(f"The codes are not finite: {_why_not_finite(batch)}.")
            if return_std:
                codes["static_std"] = posterior.static.std
                codes["dynamic_std"] = posterior.dynamic.std.where(valid, 0.0)
            if isinstance(seen, Tensor):
                codes = {name: _nan_unless(seen, part) for name, part in codes.items()}
            return codes | {"lengths": batch.valid.sum(1)}

        dataset = SequenceDataset(panel, self.window)
        for rows, codes in self._map(parts, dataset, self.batch_size):
            arrays: dict[str, Any] = codes
            yield rows, Codes(**arrays)

    def static_posterior(self, dataset: SequenceDataset) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of the static codes that training decodes.

        Without the options: a code that is pooled after fit is not what the decoder has learned
        from.
        """

        def parts(batch: Windows, rows: slice) -> dict[str, Tensor]:
            static = self.network.encode(batch).static
            return {"mean": static.mean, "std": static.std}

        found = self._join(parts, dataset, self.batch_size)
        return found["mean"], found["std"]

    def check(self, codes: Any) -> None:
        """Refuse what cannot be decoded.

        Raises
        ------
        ValueError
            Not ``Codes``, or of other sizes than the network's.
        """
        if not isinstance(codes, Codes):
            raise ValueError(
                f"codes is a {type(codes).__name__}; expected Codes, as encode returns them."
            )
        static, dynamic = np.shape(codes.static), np.shape(codes.dynamic)
        sizes = self.network.static_dim, self.network.dynamic_dim
        if (
            (len(static), len(dynamic)) != (2, 3)
            or (static[1], dynamic[2]) != sizes
            or static[0] != dynamic[0]
        ):
            raise ValueError(
                f"static and dynamic codes have shapes {static} and {dynamic}; expected "
                f"(n, {sizes[0]}) and (n, windows, {sizes[1]})."
            )

    def decode(
        self,
        static: np.ndarray,
        dynamic: np.ndarray,
        scaler: Scaler,
        lengths: np.ndarray | None = None,
        noise_seed: int | None = None,
    ) -> np.ndarray:
        """Codes to ``(n, windows * window, channel)`` or frames, in the units of a scaler.

        Steps of several entries that the scaler knows no layout of: ``(n, time, entry, channel)``.
        Means of the likelihood; with the seed of a generator, draws from it. What comes out
        beyond the ``lengths`` ``(n,)``, in windows, does not matter.
        """
        n, windows = dynamic.shape[:2]
        ends = np.full(n, windows) if lengths is None else np.asarray(lengths)
        valid = np.arange(windows) < ends[:, None]
        pieces = []
        with torch.inference_mode(), torch.random.fork_rng(enabled=noise_seed is not None):
            if noise_seed is not None:
                torch.manual_seed(noise_seed)
            for start in range(0, len(static), self.batch_size):
                rows = slice(start, start + self.batch_size)
                s, d = (self._tensor(codes[rows]).float() for codes in (static, dynamic))
                there = self._tensor(valid[rows])
                decoded = self._decode(s, d, there, noise_seed is not None).cpu().numpy()
                pieces.append(scaler.inverse(from_windows(decoded, self.window)))
        return np.concatenate(pieces)

    def _decode(self, static: Tensor, dynamic: Tensor, valid: Tensor, draw: bool) -> Tensor:
        if not draw:
            return self.network.decode(static, dynamic, mean_noise, valid).mean
        # What drives a decoder that takes noise is drawn too: it is a part of the likelihood.
        likelihood = self.network.decode(static, dynamic, normal_noise, valid)
        return likelihood.sample(normal_noise, "observation")[0]

    def decode_like(
        self, panel: CheckedPanel, codes: Codes, static: np.ndarray | None = None
    ) -> np.ndarray:
        """Decode for every step of a panel, also beyond its last observed ones, in its units.

        Parameters
        ----------
        panel : CheckedPanel
            The panel whose steps are wanted, in the network's units.
        codes : Codes
            Its codes; beyond its end, the dynamics follow the mean of their prior.
        static : array, default=None
            Static codes to use instead.

        Returns
        -------
        array of shape (n, time, channel), or of frames
        """
        dynamic, lengths = codes.dynamic, count_windows(panel.steps, self.window)
        if (codes.lengths < lengths).any():
            with torch.inference_mode():
                extended = self.network.extend_dynamic(
                    self._tensor(dynamic), self._tensor(codes.lengths), mean_noise
                )
            dynamic = extended.cpu().numpy()
        static = codes.static if static is None else static
        decoded = self.decode(static, dynamic, _scaler(panel), lengths)
        return decoded[:, : panel.steps.max()]

    def sample(
        self, n: int, windows: int, seed: int, mean_path: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw static and dynamic codes from their priors."""
        with torch.random.fork_rng(), torch.inference_mode():
            torch.manual_seed(seed)
            static = self.network.sample_static(n, normal_noise)
            dynamic = self.network.sample_dynamic(n, windows, normal_noise, mean_path)
        return static.cpu().numpy(), dynamic.cpu().numpy()

    def squared_error(
        self, panel: CheckedPanel, static: np.ndarray, dynamic: np.ndarray
    ) -> np.ndarray:
        """Squared error of what codes decode to, summed over observed values: ``(n, channel)``.

        In the network's units.
        """
        n_channels = _scaler(panel).n_channels

        def parts(batch: Windows, rows: slice) -> dict[str, Tensor]:
            s, d = (self._tensor(codes[rows]).float() for codes in (static, dynamic))
            error = batch.values - self.network.decode(s, d, mean_noise, batch.valid).mean
            return {"error": _sum_observed(error.square(), batch, n_channels)}

        return self._join(parts, SequenceDataset(panel, self.window), self.batch_size)["error"]

    def moments(self, panel: CheckedPanel) -> dict[str, np.ndarray]:
        """Count, sum and sum of squares of each series' observed values: ``(n, channel)``."""
        n_channels = _scaler(panel).n_channels

        def parts(batch: Windows, rows: slice) -> dict[str, Tensor]:
            powers = {"count": 0, "sum": 1, "squares": 2}
            return {
                name: _sum_observed(batch.values.double().pow(power), batch, n_channels)
                for name, power in powers.items()
            }

        return self._join(parts, SequenceDataset(panel, self.window), self.batch_size)

    def log_likelihood(self, panel: CheckedPanel) -> np.ndarray:
        """Log-density of each observed value, given the codes' means: ``(n, time, channel)``.

        In the panel's units; NaN where not observed.

        Raises
        ------
        ValueError
            The panel is of clips.
        """
        if not panel.may_be_missing:
            raise ValueError("X holds clips, and score_steps is for series. Use score_samples.")
        scaler = _scaler(panel)
        log_scale = torch.from_numpy(np.log(scaler.scale)).float()

        def parts(batch: Windows, rows: slice) -> dict[str, Tensor]:
            codes = self.network.encode(batch, **self.options)
            means = codes.static.mean, codes.dynamic.mean
            prediction = self.network.decode(*means, mean_noise, batch.valid)
            density = -gaussian_nll(batch.values, prediction, batch.observed)
            density = density[..., : scaler.n_channels] - log_scale.to(density)
            seen = batch.observed[..., : scaler.n_channels]
            return {"density": density.where(seen, torch.nan)}

        dataset = SequenceDataset(panel, self.window)
        found = self._join(parts, dataset, self.batch_size)["density"]
        return from_windows(found, self.window)[:, : panel.steps.max()]

    def n_observed(self, panel: CheckedPanel) -> np.ndarray:
        """Observed values of each series: ``(n,)``."""
        return self.moments(panel)["count"].sum(axis=1)

    def bound(self, panel: CheckedPanel) -> dict[str, np.ndarray]:
        """Parts of the negative evidence lower bound of a panel, as a density in its units."""
        noise, scaler = SharedNoise(SCORE_SEED), _scaler(panel)
        log_scale = torch.from_numpy(np.log(scaler.scale))
        network, batch_size = self.network, max(1, self.batch_size // SCORE_DRAWS)
        if panel.exact_scores:
            # A bound sums thousands of entries: in float32 it would depend on the rows' order.
            network, batch_size = copy.deepcopy(network).double(), self.batch_size

        def bound(batch: Windows, rows: slice) -> dict[str, Tensor]:
            exact = (batch.double() if panel.exact_scores else batch).from_first_observed()
            found = network.bound(exact, noise, SCORE_DRAWS)
            parts = {name: part.double() for name, part in found.items()}
            count = _sum_observed(torch.ones_like(batch.values), batch, scaler.n_channels)
            parts["reconstruction"] += count @ log_scale.to(count)
            return parts

        return self._join(bound, SequenceDataset(panel, self.window), batch_size)

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.as_tensor(np.asarray(array), device=self.device)

    def _join(
        self,
        function: BatchFunction,
        dataset: SequenceDataset,
        batch_size: int,
    ) -> dict[str, np.ndarray]:
        """Apply a function of a batch to all batches, and join its results."""
        found = [parts for _, parts in self._map(function, dataset, batch_size)]
        return {name: np.concatenate([parts[name] for parts in found]) for name in found[0]}

    def _map(
        self,
        function: BatchFunction,
        dataset: SequenceDataset,
        batch_size: int,
    ) -> Iterator[tuple[slice, dict[str, np.ndarray]]]:
        """Rows of each batch, and what a function makes of it."""
        start = 0
        for batch, _ in BatchLoader(dataset, batch_size):
            rows = slice(start, start + len(batch.values))
            with torch.inference_mode():
                found = function(batch.to(self.device), rows)
                parts = {name: part.cpu().numpy() for name, part in found.items()}
            yield rows, parts
            start = rows.stop


def _scaler(panel: CheckedPanel) -> Scaler:
    """Return what a panel in the network's units was scaled by."""
    assert panel.scaler is not None
    return panel.scaler


def _sum_observed(values: Tensor, batch: Windows, n_channels: int) -> Tensor:
    """Sum over each series' observed values, by channel of the user's: ``(batch, channel)``."""
    return values.where(batch.observed, 0.0)[..., :n_channels].sum((1, 2), dtype=torch.float64)


def _nan_unless(seen: Tensor, codes: Tensor) -> Tensor:
    """NaN for the codes of rows of which nothing was observed."""
    return codes.where(seen.view(-1, *[1] * (codes.ndim - 1)), torch.nan)


def _why_not_finite(batch: Windows) -> str:
    largest = float(batch.values.abs().max())
    if largest <= 1:  # as all pixels are
        return "the weights are so large that they overflow; fit again with a lower lr"
    return (
        "X holds values too far from the training values (largest standardised magnitude "
        f"{largest:.3g})"
    )


def check_sample(n: int, length: int, dynamic_prior: str) -> None:
    """Refuse what cannot be sampled.

    Raises
    ------
    ValueError
    """
    if n < 1 or length < 1:
        raise ValueError(f"n and length must be at least 1, got n={n} and length={length}.")
    if dynamic_prior not in ("sample", "mean_path"):
        raise ValueError(f"dynamic_prior is {dynamic_prior!r}; expected 'sample', 'mean_path'.")


def given_or_drawn(name: str, codes: Any, drawn: np.ndarray) -> np.ndarray:
    """Codes that the user gives, checked and repeated for every row; else the drawn ones."""
    if codes is None:
        return drawn
    try:
        return np.array(np.broadcast_to(codes, drawn.shape), dtype=np.float32)
    except ValueError as error:
        raise ValueError(
            f"{name} has shape {np.shape(codes)}; expected {drawn.shape} or {drawn.shape[1:]}."
        ) from error
