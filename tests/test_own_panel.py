"""A modality of one's own: an encoder whose ``read`` returns a panel that the package has not."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from helpers import METHODS, small
from sklearn.base import BaseEstimator

from tsdisentangle import load
from tsdisentangle.data.panel import Block
from tsdisentangle.data.scaling import ChannelScaler
from tsdisentangle.nn import ElementEncoder, Gaussian

NODES = 4


@dataclass(frozen=True)
class Graphs:
    """Sequences of adjacency matrices: a list of arrays ``(time_i, node, node)``."""

    matrices: list

    kind = "graphs"
    scaler = ChannelScaler.identity(1)
    moments = None
    n_channels = 1
    may_be_missing = False
    in_memory = True
    exact_scores = True

    def __len__(self):
        return len(self.matrices)

    @property
    def lengths(self):
        return np.array([len(each) for each in self.matrices])

    steps = lengths

    def scaled_by(self, scaler):
        return self

    def cut(self, rows):
        lengths = self.lengths
        values = np.zeros((len(self), lengths.max(), NODES**2, 1), np.float32)
        for i, each in enumerate(self.matrices):
            values[i, : len(each)] = each.reshape(len(each), -1, 1)
        return Block(values[rows], None, lengths[rows])

    def restore(self, values):
        graphs = values.reshape(len(values), -1, NODES, NODES)
        return [each[:length] for each, length in zip(graphs, self.lengths, strict=True)]


class GraphNetwork(ElementEncoder):
    """Degrees of the nodes, and a layer."""

    def __init__(self):
        super().__init__()
        self.out_features = 8
        self.layer = torch.nn.Linear(NODES, 8)

    def forward(self, values, observed):
        adjacency = values.unflatten(2, (-1, NODES, NODES))[:, :, 0, ..., 0]
        return torch.tanh(self.layer(adjacency.sum(-1)))


class GraphDecoderNetwork(torch.nn.Module):
    def __init__(self, code_dim):
        super().__init__()
        self.layer = torch.nn.Linear(code_dim, NODES**2)

    def forward(self, codes, noise):
        mean = self.layer(codes)[..., None]
        return Gaussian(mean, torch.zeros_like(mean))


class GraphDecoder(BaseEstimator):
    def build(self, code_dim, n_channels, window):
        return GraphDecoderNetwork(code_dim)


class GraphEncoder(BaseEstimator):
    auto_window = 1

    def read(self, X, *, missing="error"):
        return Graphs([np.asarray(each, np.float32) for each in X])

    def build(self, n_channels, window):
        return GraphNetwork()

    def decoder(self):
        return GraphDecoder()


@pytest.fixture(scope="module", name="X")
def graphs():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 2, (time, NODES, NODES)).astype(np.float32) for time in (3, 5, 2, 4)]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_a_panel_of_ones_own_goes_all_the_way(method, X):
    estimator = small(method, encoder=GraphEncoder()).fit(X)
    codes = estimator.encode(X)
    assert codes.lengths.tolist() == [3, 5, 2, 4]
    assert np.isfinite(estimator.transform(X)).all()
    assert [x.shape for x in estimator.reconstruct(X)] == [x.shape for x in X]
    assert [x.shape for x in estimator.swap(X, X[::-1])[1]] == [x.shape for x in X]
    assert np.isfinite(estimator.score_samples(X)).all()
    with pytest.raises(ValueError, match="nothing to impute"):
        estimator.impute(X)


def test_early_stopping_and_model_files(X, tmp_path):
    stopping = {"early_stopping": True, "validation_fraction": 0.25}
    estimator = small(encoder=GraphEncoder(), **stopping).fit(X)
    estimator.save(tmp_path / "model")
    again = load(tmp_path / "model", types=[GraphEncoder, GraphDecoder])
    np.testing.assert_array_equal(again.transform(X), estimator.transform(X))
