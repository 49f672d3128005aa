"""Networks that tell real windows and series from generated ones."""

from torch import Tensor, nn

from tsdisentangle.data.windows import Windows
from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.recurrent import SequenceLSTM
from tsdisentangle.nn.sequential_posterior import end_states


class WindowDiscriminator(nn.Module):
    """Judges each window (a frame of clips) on its own.

    Parameters
    ----------
    encoder : ElementEncoder
        Of its own; the modality is the encoder's.
    """

    def __init__(self, encoder: ElementEncoder):
        super().__init__()
        self.encoder = encoder
        encoder.freeze_static()
        self.logit = nn.Linear(encoder.out_features, 1)

    def forward(self, batch: Windows) -> Tensor:
        """Return logits of "real", shape ``(batch, windows)``; those of padding mean nothing."""
        features = self.encoder(batch.values, batch.observed)
        return self.logit(self.encoder.dynamic_summary(features, batch.observed))[..., 0]


class SequenceDiscriminator(nn.Module):
    """Judges a whole series of any length, by the end states of an LSTM over its windows.

    Parameters
    ----------
    encoder : ElementEncoder
        Of its own.
    """

    def __init__(self, encoder: ElementEncoder):
        super().__init__()
        self.encoder = encoder
        encoder.freeze_static()
        self.lstm = SequenceLSTM(encoder.out_features, encoder.out_features)
        self.logit = nn.Linear(self.lstm.out_features, 1)

    def forward(self, batch: Windows) -> Tensor:
        """Return a logit of "real" for each series, shape ``(batch,)``."""
        features = self.encoder(batch.values, batch.observed)
        features = self.encoder.dynamic_summary(features, batch.observed)
        lengths = batch.valid.sum(1)
        return self.logit(end_states(self.lstm(features, lengths), lengths))[:, 0]


class CodeDiscriminator(nn.Module):
    """Judges whether a code is a draw from its prior: an MLP of two hidden layers.

    Parameters
    ----------
    dim, hidden : int
        Sizes of a code and of the hidden layers.
    """

    def __init__(self, dim: int, hidden: int):
        super().__init__()
        self.mlp = nn.Sequential(
            nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()
        )
        self.logit = nn.Linear(hidden, 1)

    def forward(self, codes: Tensor) -> Tensor:
        """Return a logit of "drawn from the prior" for each row of ``(batch, dim)``."""
        return self.logit(self.mlp(codes))[:, 0]
