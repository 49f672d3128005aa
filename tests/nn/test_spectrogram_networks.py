import pytest
import torch
from torch import nn

from tsdisentangle.nn.noise import mean_noise
from tsdisentangle.nn.spectrogram_networks import (
    RecurrentSpectrumDecoder,
    RecurrentSpectrumEncoder,
    SpectrumDecoder,
    SpectrumEncoder,
)

BATCH, FRAMES, BINS, FEATURES = 2, 5, 4, 6


def make(kind, *sizes):
    torch.manual_seed(0)
    return kind(*sizes).double()


def normal(seed, *shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.manual_seed(seed))


def reached(function, inputs, row, frame):
    """Rows and frames of the input that an output depends on."""
    inputs = inputs.clone().requires_grad_()
    function(inputs)[row, frame].sum().backward()
    return (inputs.grad.flatten(2).abs().sum(2) > 0).nonzero().tolist()


@pytest.mark.parametrize("kind", [SpectrumEncoder, RecurrentSpectrumEncoder])
def test_encoders_give_features_a_frame(kind):
    network = make(kind, BINS, 3, FEATURES)
    values = normal(0, BATCH, FRAMES, 1, BINS)
    assert network(values, torch.ones_like(values).bool()).shape == (BATCH, FRAMES, FEATURES)
    assert (network.out_features, network.static_hidden, network.prior_hidden) == (FEATURES, 3, 3)


def test_what_a_frame_sees():
    values = normal(0, BATCH, FRAMES, 1, BINS)
    observed = torch.ones_like(values).bool()
    alone = make(SpectrumEncoder, BINS, 3, FEATURES)
    assert reached(lambda x: alone(x, observed), values, 1, 2) == [[1, 2]]
    recurrent = make(RecurrentSpectrumEncoder, BINS, 3, FEATURES)
    everything = [[1, t] for t in range(FRAMES)]
    assert reached(lambda x: recurrent(x, observed), values, 1, 2) == everything


def test_frame_encoder_tells_a_gap_from_a_zero():
    network = make(SpectrumEncoder, BINS, 3, FEATURES)
    values = torch.zeros(1, 2, 1, BINS, dtype=torch.float64)
    observed = torch.ones_like(values).bool()
    observed[0, 1, 0, 2] = False
    features = network(values, observed)
    assert not torch.allclose(features[0, 0], features[0, 1])


def test_recurrent_encoder_is_torchs_lstm_and_a_linear_layer():
    network = make(RecurrentSpectrumEncoder, BINS, 3, FEATURES)
    reference = nn.LSTM(BINS, FEATURES, batch_first=True, bidirectional=True).double()
    weights = dict(network.lstm.forward_lstm.named_parameters())
    backward = network.lstm.backward_lstm.named_parameters()
    reference.load_state_dict(weights | {f"{name}_reverse": weight for name, weight in backward})
    values = normal(1, BATCH, FRAMES, 1, BINS)
    expected = network.linear(reference(values[:, :, 0])[0])
    torch.testing.assert_close(network(values, torch.ones_like(values).bool()), expected)


def test_recurrent_encoder_does_not_see_padding():
    network = make(RecurrentSpectrumEncoder, BINS, 3, FEATURES)
    values = normal(2, 1, FRAMES, 1, BINS)
    observed = torch.ones_like(values).bool()
    observed[:, 3:] = False
    short = network(values[:, :3], observed[:, :3])
    torch.testing.assert_close(network(values, observed)[:, :3], short)


def test_what_a_decoded_frame_is_made_of():
    codes = normal(3, BATCH, FRAMES, 7)
    alone = make(SpectrumDecoder, 7, BINS, 3)
    assert alone(codes, mean_noise).mean.shape == (BATCH, FRAMES, 1, BINS)
    assert reached(lambda x: alone(x, mean_noise).mean, codes, 1, 2) == [[1, 2]]
    recurrent = make(RecurrentSpectrumDecoder, 7, BINS, FEATURES)
    assert recurrent(codes, mean_noise).mean.shape == (BATCH, FRAMES, 1, BINS)
    before = [[1, 0], [1, 1], [1, 2]]
    assert reached(lambda x: recurrent(x, mean_noise).mean, codes, 1, 2) == before
