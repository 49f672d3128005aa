"""A trained network applied to whole panels, batch by batch, without gradients."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tsdisentangle.data.clips import FrameForm, Frames
from tsdisentangle.data.codes import Codes
from tsdisentangle.data.scaling import ChannelScaler
from tsdisentangle.data.sink import codes_sink
from tsdisentangle.data.windows import Windows, check_order, count_windows, from_windows
from tsdisentangle.network import SequenceNetwork
from tsdisentangle.nn.noise import SharedNoise, mean_noise, normal_noise
from tsdisentangle.training.dataset import BatchLoader, Panel, SequenceDataset, as_dataset

PartsOfBatch = Callable[[Windows, slice], dict[str, Tensor]]
SCORE_DRAWS = 8
SCORE_SEED = 0


class Inference:
    """Encode, decode, sample and score with one network.

    Parameters
    ----------
    network : SequenceNetwork
        In evaluation mode.
    scaler : ChannelScaler or FrameForm
        Between the network's units and the user's.
    window : int
        Steps of a window.
    batch_size : int
        Series a batch.
    device : str or torch.device
        Where the network is.
    """

    def __init__(
        self,
        network: SequenceNetwork,
        scaler: ChannelScaler | FrameForm,
        window: int,
        batch_size: int,
        device: str | torch.device,
    ):
        self.network = network
        self.scaler = scaler
        self.window = window
        self.batch_size = batch_size
        self.device = device

    def encode(
        self,
        panel: Panel,
        return_std: bool = False,
        out: Codes | None = None,
        order: np.ndarray | None = None,
        **options: Any,
    ) -> Codes:
        """Codes of standardised series, or of clips.

        Parameters
        ----------
        panel : Series, StoredSeries or Frames
        return_std : bool, default=False
            Whether to return standard deviations too.
        out : Codes, default=None
            Arrays to write to, batch by batch; None makes them.
        order : int array of shape (n, picked), default=None
            Windows to read, in their order; -1 behind a row's last one. None reads all.
        **options
            Of the network's ``encode``.

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
        codes = codes_sink(out, (n, static), (n, windows, dynamic), return_std)
        for rows, part in self.encode_batches(panel, return_std, order, **options):
            for name, values in vars(part).items():
                if values is not None:
                    getattr(codes, name)[rows] = values
        return codes

    def encode_batches(
        self,
        panel: Panel,
        return_std: bool = False,
        order: np.ndarray | None = None,
        **options: Any,
    ) -> Iterator[tuple[slice, Codes]]:
        """Rows and codes of one batch after the other, as :meth:`encode` joins them."""

        def parts(batch: Windows, rows: slice) -> dict[str, Tensor]:
            seen: Tensor | slice = slice(None)  # the door lets in no series without a value
            if order is not None:
                batch = batch.pick(self._tensor(order[rows]), self.scaler.n_channels)
                seen = batch.observed.flatten(1).any(1)
            posterior = self.network.encode(batch, **options)
            valid = batch.valid[..., None]
            codes = {
                "static": posterior.static.mean,
                "dynamic": posterior.dynamic.mean.where(valid, 0.0),
            }
            if not all(mean[seen].isfinite().all() for mean in codes.values()):
                raise ValueError(f"The codes are not finite: {_why_not_finite(panel, batch)}.")
            if return_std:
                codes["static_std"] = posterior.static.std
                codes["dynamic_std"] = posterior.dynamic.std.where(valid, 0.0)
            if isinstance(seen, Tensor):
                codes = {name: _nan_unless(seen, part) for name, part in codes.items()}
            return codes | {"lengths": batch.valid.sum(1)}

        dataset = as_dataset(panel, self.window)
        for rows, codes in self._map(parts, dataset, self.batch_size):
            yield rows, Codes(**codes)

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

    def decode(self, static: np.ndarray, dynamic: np.ndarray) -> np.ndarray:
        """Codes to ``(n, windows * window, channel)`` or frames, in the user's units."""
        pieces = []
        with torch.inference_mode():
            for start in range(0, len(static), self.batch_size):
                rows = slice(start, start + self.batch_size)
                s, d = (self._tensor(codes[rows]).float() for codes in (static, dynamic))
                decoded = self.network.decode(s, d, mean_noise).mean.cpu().numpy()
                values = from_windows(decoded, decoded.shape[1] * decoded.shape[2])
                pieces.append(self.scaler.inverse(values))
        return np.concatenate(pieces)

    def decode_like(
        self, panel: Panel, codes: Codes, static: np.ndarray | None = None
    ) -> np.ndarray:
        """Decode for every step of a panel, also behind its last observed ones.

        Parameters
        ----------
        panel : Series, StoredSeries or Frames
            The panel whose steps are wanted.
        codes : Codes
            Its codes; behind its end, the dynamics follow the mean of their prior.
        static : array, default=None
            Static codes to use instead.

        Returns
        -------
        array of shape (n, time, channel), or of frames
        """
        dynamic = codes.dynamic
        if (codes.lengths < count_windows(panel.steps, self.window)).any():
            with torch.inference_mode():
                extended = self.network.extend_dynamic(
                    self._tensor(dynamic), self._tensor(codes.lengths), mean_noise
                )
            dynamic = extended.cpu().numpy()
        decoded = self.decode(codes.static if static is None else static, dynamic)
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

    def bound(self, panel: Panel) -> dict[str, np.ndarray]:
        """Parts of the negative evidence lower bound of standardised series, or of clips."""
        noise = SharedNoise(SCORE_SEED)
        dataset = as_dataset(panel, self.window)
        if isinstance(panel, Frames):
            # Every draw is decoded to a whole clip: fewer clips at once, and convolutions have no
            # fast form in float64.
            def bound(batch: Windows, rows: slice) -> dict[str, Tensor]:
                found = self.network.bound(batch, noise, SCORE_DRAWS)
                return {name: part.double() for name, part in found.items()}

            return self._join(bound, dataset, max(1, self.batch_size // SCORE_DRAWS))
        # A bound sums thousands of entries: in float32 it would depend on the order of the rows.
        network = copy.deepcopy(self.network).double()

        def precise_bound(batch: Windows, rows: slice) -> dict[str, Tensor]:
            return network.bound(batch.double(), noise, SCORE_DRAWS)

        return self._join(precise_bound, dataset, self.batch_size)

    def _tensor(self, array: np.ndarray) -> Tensor:
        return torch.as_tensor(np.asarray(array), device=self.device)

    def _join(
        self,
        function: PartsOfBatch,
        dataset: SequenceDataset,
        batch_size: int,
    ) -> dict[str, np.ndarray]:
        """Apply a function of a batch to all batches, and join its results."""
        found = [parts for _, parts in self._map(function, dataset, batch_size)]
        return {name: np.concatenate([parts[name] for parts in found]) for name in found[0]}

    def _map(
        self,
        function: PartsOfBatch,
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


def _nan_unless(seen: Tensor, codes: Tensor) -> Tensor:
    """NaN for the codes of rows of which nothing was observed."""
    return codes.where(seen.view(-1, *[1] * (codes.ndim - 1)), torch.nan)


def _why_not_finite(panel: Panel, batch: Windows) -> str:
    if isinstance(panel, Frames):
        return "the weights are so large that they overflow; fit again with a lower lr"
    return (
        "X holds values too far from the training values (largest standardised magnitude "
        f"{float(batch.values.abs().max()):.3g})"
    )


def keep(name: str, codes: Any, drawn: np.ndarray) -> np.ndarray:
    """Codes that the user keeps, checked and repeated for every row; else the drawn ones."""
    if codes is None:
        return drawn
    try:
        return np.array(np.broadcast_to(codes, drawn.shape), dtype=np.float32)
    except ValueError as error:
        raise ValueError(
            f"{name} has shape {np.shape(codes)}; expected {drawn.shape} or {drawn.shape[1:]}."
        ) from error
