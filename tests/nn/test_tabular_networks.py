import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsdisentangle.nn.element_encoder import ElementEncoder
from tsdisentangle.nn.noise import mean_noise
from tsdisentangle.nn.tabular_networks import (
    MAX_SCALE,
    MIN_SCALE,
    StepDecoder,
    StepEncoder,
    WindowDecoder,
    WindowEncoder,
    bounded_logvar,
    kept_steps,
)

BATCH, WINDOWS, STEPS, CHANNELS = 2, 4, 3, 5


def normal(seed, *shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.manual_seed(seed))


def make(kind, *sizes):
    torch.manual_seed(0)
    return kind(*sizes).double()


def make_batch():
    values = normal(0, BATCH, WINDOWS, STEPS, CHANNELS)
    observed = torch.rand(values.shape, generator=torch.manual_seed(1)) < 0.7
    return torch.where(observed, values, 0.0), observed


# -- scale of the prediction --------------------------------------------------------------------


def test_predicted_scale_is_bounded():
    raw = torch.tensor([-1e4, -30.0, 0.0, 30.0, 1e4], dtype=torch.float64)
    scale = torch.exp(bounded_logvar(raw) / 2)
    expected = torch.tensor([0.01, 0.01, 0.255, 0.5, 0.5], dtype=torch.float64)
    torch.testing.assert_close(scale, expected)
    assert (MIN_SCALE, MAX_SCALE) == (0.01, 0.5)


@given(st.floats(-50, 50), st.floats(0, 5))
@settings(deadline=None)
def test_predicted_scale_rises_with_its_input(raw, step):
    low, high = bounded_logvar(torch.tensor([raw, raw + step], dtype=torch.float64))
    assert low <= high
    assert 0.01 - 1e-9 <= torch.exp(low / 2) <= 0.5 + 1e-9


def test_predicted_scale_has_a_finite_gradient_everywhere():
    raw = torch.tensor([-1e4, -50.0, 0.0, 50.0, 1e4], requires_grad=True)
    bounded_logvar(raw).sum().backward()
    assert torch.isfinite(raw.grad).all()


# -- skipped steps ------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6, 10, 20])
def test_kept_steps_against_plain_python(channels):
    limit = {1: 1, 2: 1, 3: 2, 4: 2, 6: 4, 10: 7, 20: 14}[channels]  # floor(0.7 D), at least 1
    observed = torch.zeros(channels + 1, channels, dtype=torch.bool)
    for missing in range(channels + 1):
        observed[missing, missing:] = True
    assert kept_steps(observed).tolist() == [missing < limit for missing in range(channels + 1)]
    either_order = observed.flip(1).view(1, channels + 1, channels)
    assert torch.equal(kept_steps(either_order)[0], kept_steps(observed))


# -- encoders -----------------------------------------------------------------------------------

ENCODERS = {
    "window": lambda: make(WindowEncoder, CHANNELS, STEPS, 8, 6),
    "step": lambda: make(StepEncoder, CHANNELS, 8, 6),
}


def element_vectors(encoder, values, observed):
    features = encoder(values, observed)
    return [encoder.static_summary(features, observed), encoder.dynamic_summary(features, observed)]


@pytest.mark.parametrize("kind", ENCODERS)
def test_an_encoder_gives_a_vector_for_each_window(kind):
    encoder = ENCODERS[kind]()
    assert isinstance(encoder, ElementEncoder)
    assert encoder.out_features == 6
    for vectors in element_vectors(encoder, *make_batch()):
        assert vectors.shape == (BATCH, WINDOWS, 6)


@pytest.mark.parametrize("kind", ENCODERS)
@pytest.mark.parametrize("j", range(WINDOWS))
def test_a_window_changes_its_own_features_only(kind, j):
    encoder = ENCODERS[kind]()
    values, observed = make_batch()
    observed[:, j, 1] = True  # a step that every encoder reads
    changed = values.clone()
    changed[0, j, 1] += 3
    for before, after in zip(
        element_vectors(encoder, values, observed),
        element_vectors(encoder, changed, observed),
        strict=True,
    ):
        different = (before != after).any(2)
        expected = torch.zeros(BATCH, WINDOWS, dtype=torch.bool)
        expected[0, j] = True
        assert torch.equal(different, expected)


def test_window_encoder_reads_values_and_mask():
    encoder, (values, observed) = ENCODERS["window"](), make_batch()
    first, _, second = encoder.mlp
    flat = torch.cat([values[1, 2].reshape(-1), observed[1, 2].reshape(-1).double()])
    hidden = torch.relu(first.weight @ flat + first.bias)
    expected = second.weight @ hidden + second.bias
    torch.testing.assert_close(encoder(values, observed)[1, 2], expected)
    assert not torch.equal(encoder(values, ~observed), encoder(values, observed))


def test_step_encoder_skips_steps_that_miss_too_much():
    encoder, (values, observed) = ENCODERS["step"](), make_batch()
    observed[:] = True
    observed[0, 1, 2, :3] = False  # 3 of 5 missing is the limit
    observed[0, 2, 2, :2] = False
    changed = values.clone()
    changed[0, 1:3, 2] += 1
    for before, after in zip(
        element_vectors(encoder, values, observed),
        element_vectors(encoder, changed, observed),
        strict=True,
    ):
        assert torch.equal(before[0, 1], after[0, 1])
        assert not torch.equal(before[0, 2], after[0, 2])


def test_only_the_step_encoder_keeps_the_windows_apart():
    assert WindowEncoder.across_elements
    assert not StepEncoder.across_elements


# -- decoders -----------------------------------------------------------------------------------

CODES = 4
DECODERS = {
    "window": lambda: make(WindowDecoder, CODES, CHANNELS, STEPS, 8),
    "step": lambda: make(StepDecoder, CODES, CHANNELS, STEPS, 8, 6),
}


@pytest.mark.parametrize("kind", DECODERS)
def test_a_decoder_gives_a_gaussian_of_each_value(kind):
    prediction = DECODERS[kind]()(normal(0, 3, WINDOWS, CODES), mean_noise)
    for part in prediction:
        assert part.shape == (3, WINDOWS, STEPS, CHANNELS)
    assert (prediction.std >= 0.01).all()
    assert (prediction.std <= 0.5).all()


@pytest.mark.parametrize("kind", DECODERS)
@pytest.mark.parametrize("j", range(WINDOWS))
def test_a_code_changes_its_own_window_only(kind, j):
    decoder, codes = DECODERS[kind](), normal(0, 3, WINDOWS, CODES)
    changed = codes.clone()
    changed[1, j] += 1
    before, after = decoder(codes, mean_noise), decoder(changed, mean_noise)
    different = (before.mean != after.mean).flatten(2).any(2)
    assert different.nonzero().tolist() == [[1, j]]
    if kind == "step":
        assert (before.logvar != after.logvar).flatten(2).any(2).nonzero().tolist() == [[1, j]]
    else:
        assert torch.equal(before.logvar, after.logvar)  # one learned scale a channel


def test_window_decoder_lays_out_steps_then_channels():
    decoder, codes = DECODERS["window"](), normal(0, 1, 1, CODES)
    with torch.no_grad():
        decoder.mlp[-1].weight.zero_()
        decoder.mlp[-1].bias.copy_(torch.arange(STEPS * CHANNELS))
        decoder.raw_scale.copy_(torch.linspace(-3, 3, CHANNELS))
    prediction = decoder(codes, mean_noise)
    assert prediction.mean[0, 0].tolist() == [
        [CHANNELS * step + channel for channel in range(CHANNELS)] for step in range(STEPS)
    ]
    expected = 0.01 + 0.49 * torch.sigmoid(torch.linspace(-3, 3, CHANNELS).double())
    torch.testing.assert_close(prediction.std[0, 0], expected.expand(STEPS, CHANNELS))


def test_step_decoder_starts_its_state_from_the_code_and_reads_noise():
    decoder, codes = DECODERS["step"](), normal(0, 2, WINDOWS, CODES)
    drive = normal(1, 2, WINDOWS, STEPS, 6)
    asked = []

    def noise(name, shape, like):
        asked.append((name, tuple(shape)))
        return drive

    prediction = decoder(codes, noise)
    assert asked == [("decoder", tuple(drive.shape))]
    for b in range(2):
        for w in range(WINDOWS):
            h = c = torch.tanh(decoder.embed(codes[b, w]))[None, None]
            for step in range(STEPS):
                output, (h, c) = decoder.lstm(drive[b, w, step][None, None], (h, c))
                features = decoder.mlp(output[0, 0])
                mean, scale = decoder.mean(features), decoder.raw_scale(features)
                torch.testing.assert_close(prediction.mean[b, w, step], mean)
                std = 0.01 + 0.49 * torch.sigmoid(scale)
                torch.testing.assert_close(prediction.std[b, w, step], std)
