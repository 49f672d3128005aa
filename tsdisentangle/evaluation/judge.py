"""A classifier of clips, trained with labels, that judges what others generate."""

import copy
from collections.abc import Callable, Iterator, Mapping
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn
from torch.nn import functional

from tsdisentangle.metrics.validation import check_label
from tsdisentangle.nn.generators import Generators
from tsdisentangle.nn.torch_state import building, plain_torch
from tsdisentangle.nn.video_networks import FrameEncoder
from tsdisentangle.training.skorch_net import check_device

# As in the published judges.
FRAME_FEATURES, HIDDEN = 128, 256
BETAS = (0.5, 0.999)
SMALLEST_FRAME = 16


class JudgeNetwork(nn.Module):
    """Frame encoder, LSTM in both directions, and a head of two layers per label.

    Parameters
    ----------
    size, channels : int
        Side and channels of a frame.
    width : int
        Channels of the first convolution.
    n_classes : dict of str to int
        Classes of each label.
    """

    def __init__(self, size: int, channels: int, width: int, n_classes: dict[str, int]):
        super().__init__()
        self.frames = FrameEncoder(size, channels, width, FRAME_FEATURES)
        self.lstm = nn.LSTM(FRAME_FEATURES, HIDDEN, batch_first=True, bidirectional=True)
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(2 * HIDDEN, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, classes))
            for classes in n_classes.values()
        )
        self.names = list(n_classes)

    def forward(self, clips: Tensor) -> dict[str, Tensor]:
        """uint8 ``(rows, time, size, size, channels)`` to logits ``(rows, classes)`` by label."""
        frames = clips.flatten(0, 1).permute(0, 3, 1, 2).float() / 255
        features = self.frames(frames).unflatten(0, clips.shape[:2])
        # The last state of the forward direction, and of the backward one, which is at time 0.
        both_ends = torch.cat(list(self.lstm(features)[1][0]), dim=1)
        return {name: head(both_ends) for name, head in zip(self.names, self.heads, strict=True)}


class Judge(BaseEstimator):
    """Classifier of clips with several labels at once.

    Trained by the sum of the labels' cross-entropies; the weights of the epoch with the least
    validation loss are kept. Report its accuracy on real test clips beside all that it judges.

    Parameters
    ----------
    width : int, default=64
        Channels of the first convolution, as published; 16 is enough for simple clips of 32 x 32
        pixels, and trains on a processor.
    max_epochs : int, default=300
        At most so many.
    patience : int, default=20
        Stop after so many epochs without a smaller validation loss.
    batch_size : int, default=32
        Clips per batch.
    lr : float, default=1e-3
        Learning rate of Adam.
    validation_fraction : float, default=0.1
        Share of the clips that choose the epoch.
    device : str or torch.device, default='cpu'
    random_state : int, RandomState or None, default=None
        Seed of the held-out clips, the weights and the batches.

    Attributes
    ----------
    classes_ : dict of str to array of shape (classes,)
        By label; columns of the probabilities.
    network_ : JudgeNetwork
        In evaluation mode.
    history_ : list of dict
        ``train_loss`` and ``valid_loss`` of each epoch.

    Notes
    -----
    Clips stay uint8, also on disk (``numpy.memmap``); only a batch at a time is read and made
    float.

    Examples
    --------
    >>> dark, bright = (np.full((20, 2, 16, 16, 1), value, dtype=np.uint8) for value in (0, 255))
    >>> clips, labels = np.concatenate([dark, bright]), {"bright": np.arange(40) >= 20}
    >>> judge = Judge(width=4, max_epochs=5, random_state=0).fit(clips, labels)
    >>> judge.predict_proba(clips)["bright"].shape
    (40, 2)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "width": [Interval(Integral, 1, None, closed="left")],
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "device": [str, torch.device],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        width: int = 64,
        max_epochs: int = 300,
        patience: int = 20,
        batch_size: int = 32,
        lr: float = 1e-3,
        validation_fraction: float = 0.1,
        device: str | torch.device = "cpu",
        random_state: Any = None,
    ):
        self.width = width
        self.max_epochs = max_epochs
        self.patience = patience
        self.batch_size = batch_size
        self.lr = lr
        self.validation_fraction = validation_fraction
        self.device = device
        self.random_state = random_state

    @plain_torch()
    def fit(self, clips: Any, labels: Mapping[str, Any]) -> Self:
        """Learn the labels of clips.

        Parameters
        ----------
        clips : uint8 array of shape (n, time, size, size, channels)
            ``size`` is a power of two, at least 16.
        labels : mapping of label name to array of shape (n,)
            Integers, booleans or strings.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            Bad clips, labels or parameters.
        FloatingPointError
            The loss became NaN or infinite.
        """
        self._validate_params()
        check_device(self.device)
        clips = _check_clips(clips)
        columns = {name: check_label(values, len(clips), name) for name, values in labels.items()}
        if not columns:
            raise ValueError("labels is empty; pass at least one label.")
        rng = check_random_state(self.random_state)
        valid, train = _hold_out(len(clips), self.validation_fraction, rng)
        generators = Generators.seeded_by(rng)
        sizes = {name: int(values.max()) + 1 for name, values in columns.items()}
        with building(generators):
            network = JudgeNetwork(clips.shape[2], clips.shape[4], self.width, sizes)
        network.to(self.device)
        history = self._train(network, clips, columns, train, valid, generators.on("cpu"))
        self.frame_shape_in_ = clips.shape[2:]
        self.classes_ = {name: np.unique(np.asarray(labels[name])) for name in columns}
        self.network_, self.history_ = network, history
        return self

    @plain_torch()
    def predict_proba(self, clips: Any) -> dict[str, np.ndarray]:
        """Probabilities of the classes.

        Parameters
        ----------
        clips : uint8 array of shape (n, time, size, size, channels)
            Frames as in :meth:`fit`; any number of them.

        Returns
        -------
        dict of str to float64 array of shape (n, classes)
            By label, columns as in ``classes_``.
        """
        check_is_fitted(self)
        clips = _check_clips(clips)
        if clips.shape[2:] != self.frame_shape_in_:
            raise ValueError(
                f"clips has frames of shape {clips.shape[2:]}, but the judge was fitted on "
                f"{self.frame_shape_in_}."
            )
        pieces: dict[str, list[np.ndarray]] = {name: [] for name in self.classes_}
        with torch.inference_mode():
            for batch in self._batches(np.arange(len(clips))):
                for name, logits in self.network_(self._load(clips, batch)).items():
                    # In double precision: H(y|x) of a sure judge is below that of single.
                    pieces[name].append(logits.double().softmax(dim=1).cpu().numpy())
        return {name: np.concatenate(parts) for name, parts in pieces.items()}

    def predict(self, clips: Any) -> dict[str, np.ndarray]:
        """Most probable class of each label.

        Parameters
        ----------
        clips : uint8 array of shape (n, time, size, size, channels)

        Returns
        -------
        dict of str to array of shape (n,)
        """
        probabilities = self.predict_proba(clips)
        return {name: self.classes_[name][p.argmax(axis=1)] for name, p in probabilities.items()}

    def score(self, clips: Any, labels: Mapping[str, Any]) -> dict[str, float]:
        """Accuracy of each label.

        Parameters
        ----------
        clips : uint8 array of shape (n, time, size, size, channels)
        labels : mapping of label name to array of shape (n,)
            Of all labels.

        Returns
        -------
        dict of str to float
        """
        guesses = self.predict(clips)
        return {name: float((guesses[name] == np.asarray(labels[name])).mean()) for name in guesses}

    def _train(
        self,
        network: JudgeNetwork,
        clips: np.ndarray,
        columns: dict[str, np.ndarray],
        train: np.ndarray,
        valid: np.ndarray,
        order: torch.Generator,
    ) -> list[dict[str, float]]:
        """Leave the weights of the best epoch in the network."""
        targets = {name: torch.as_tensor(c).to(self.device) for name, c in columns.items()}
        optimiser = torch.optim.Adam(network.parameters(), lr=self.lr, betas=BETAS)

        def loss(batch: np.ndarray) -> Tensor:
            logits = network(self._load(clips, batch))
            parts = [functional.cross_entropy(logits[n], targets[n][batch]) for n in targets]
            return torch.stack(parts).sum()

        def learn(batch: np.ndarray) -> Tensor:
            optimiser.zero_grad()
            value = loss(batch)
            value.backward()
            optimiser.step()
            return value

        def mean(one: Callable[[np.ndarray], Tensor], rows: np.ndarray) -> float:
            total = sum(one(batch).item() * len(batch) for batch in self._batches(rows))
            return total / len(rows)

        history: list[dict[str, float]] = []
        least, best_epoch, weights = np.inf, 0, network.state_dict()
        for epoch in range(self.max_epochs):
            network.train()
            train_loss = mean(learn, train[torch.randperm(len(train), generator=order).numpy()])
            network.eval()
            with torch.no_grad():
                valid_loss = mean(loss, valid)
            history.append({"train_loss": train_loss, "valid_loss": valid_loss})
            if not np.isfinite(train_loss + valid_loss):
                raise FloatingPointError(
                    f"The loss is not finite in epoch {epoch + 1}: {history[-1]}. Lower lr."
                )
            if valid_loss < least:
                least, best_epoch, weights = valid_loss, epoch, copy.deepcopy(network.state_dict())
            if epoch - best_epoch >= self.patience:
                break
        network.load_state_dict(weights)
        return history

    def _batches(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        # In ascending order, as that is how a file is read fastest.
        for start in range(0, len(rows), self.batch_size):
            yield np.sort(rows[start : start + self.batch_size])

    def _load(self, clips: np.ndarray, batch: np.ndarray) -> Tensor:
        return torch.from_numpy(clips[batch]).to(self.device)


def _hold_out(n: int, fraction: float, rng: np.random.RandomState) -> list[np.ndarray]:
    """Rows to validate and rows to train on."""
    held_out = int(np.ceil(fraction * n))
    if held_out >= n:
        raise ValueError(
            f"{held_out} of {n} clips are held out, which leaves none to train on. Pass more clips "
            "or a smaller validation_fraction."
        )
    return np.split(rng.permutation(n), [held_out])


def _check_clips(clips: Any) -> np.ndarray:
    """A view, also of a memory map: nothing is read."""
    clips = np.asarray(clips)
    if clips.ndim != 5 or clips.dtype != np.uint8 or not len(clips):
        raise ValueError(
            f"clips has shape {clips.shape} and type {clips.dtype}; expected uint8 "
            "(n, time, size, size, channels), not empty."
        )
    height, width = clips.shape[2:4]
    if height != width or height < SMALLEST_FRAME or height & (height - 1):
        raise ValueError(
            f"Frames have {height} x {width} pixels; expected square ones, of a power of two that "
            f"is at least {SMALLEST_FRAME}. Scale them."
        )
    return clips
