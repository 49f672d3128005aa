"""From an estimator's parameters to its network and its training loop."""

from typing import Any

from sklearn.utils import check_random_state
from torch import nn

from tsdisentangle.network import SequenceNetwork
from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.generators import Generators
from tsdisentangle.nn.precision import check_precision, prepare
from tsdisentangle.nn.torch_state import building
from tsdisentangle.training.epochs import resolve_epochs
from tsdisentangle.training.skorch_net import check_device, make_net


def initialize_net(estimator: Any, n_series: int) -> None:
    """Give an estimator that has read its input a network and a training loop."""
    estimator.n_series_in_ = n_series
    estimator.max_epochs_ = resolve_epochs(estimator.max_epochs, n_series, estimator.batch_size)
    estimator.random_state_ = check_random_state(estimator.random_state)
    check_device(estimator.device)
    check_precision(estimator.precision, estimator.device)
    generators = Generators.seeded_by(estimator.random_state_)
    with building(generators):
        estimator.net_ = make_net(estimator, build_network(estimator), generators)
    estimator.history_ = estimator.net_.history


def build_network(estimator: Any) -> SequenceNetwork:
    """Return the untrained network of a method, with what all methods add to it."""
    n_modelled = estimator.scaler_.n_modelled
    n_marks = getattr(estimator.scaler_, "n_marks", 0)  # other scalers than ours need not say it
    network = estimator._build_network(n_modelled, estimator.window_)
    network.set_likelihood(n_modelled - n_marks, n_marks, estimator.observation_scale == "fitted")
    network.aim_at(getattr(estimator, "dynamic_rate", None))
    if share := getattr(estimator, "hidden_share", 0.0):  # a method of a user's may not have it
        network.hide_inputs(share, estimator.hidden_kind)
    return network


def build_parts(
    estimator: Any, code_dim: int, n_channels: int, window: int
) -> tuple[ElementEncoder, nn.Module]:
    """Encoder and decoder networks from an estimator's parameter objects."""
    decoder = estimator.decoder
    decoder = estimator._encoder_.decoder() if decoder is None else decoder
    encoder_network = build_encoder(estimator, n_channels, window)
    decoder_network = decoder.build(code_dim, n_channels, window)
    prepare(decoder_network, estimator.precision, estimator.compile)
    return encoder_network, decoder_network


def build_encoder(estimator: Any, n_channels: int, window: int) -> ElementEncoder:
    """Encoder network with weights of its own."""
    network = estimator._encoder_.build(n_channels, window)
    prepare(network, estimator.precision, estimator.compile)
    return network
