"""Windows beyond the end of a shorter series reach neither the decoder nor its statistics."""

import numpy as np
import pytest
import torch
from helpers import METHODS, small
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tsdisentangle import Codes, TabularEncoder, VideoEncoder
from tsdisentangle.nn.gaussian import Gaussian
from tsdisentangle.nn.noise import mean_noise
from tsdisentangle.nn.padding import decode_valid
from tsdisentangle.nn.spectrogram_networks import RecurrentSpectrumDecoder, SpectrumDecoder
from tsdisentangle.nn.tabular_networks import StepDecoder, WindowDecoder
from tsdisentangle.nn.video_networks import ClipDecoder

CODE = 5
INDEPENDENT = {
    "window": lambda: WindowDecoder(CODE, 3, 4, 6),
    "step": lambda: StepDecoder(CODE, 3, 4, 6, 6),
    "spectrum": lambda: SpectrumDecoder(CODE, 3, 6),
    "clip": lambda: ClipDecoder(CODE, 16, 1, 2),
}


def make(kind):
    torch.manual_seed(0)
    return INDEPENDENT[kind]().double()


def steady_noise(name, shape, like):
    """Numbers that depend on the row and the window alone, whatever the batch."""
    numbers = torch.arange(int(np.prod(shape)), dtype=like.dtype).view(shape)
    return torch.sin(numbers)


def valid_of(lengths):
    return torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]


@settings(deadline=None, max_examples=15)
@given(st.sampled_from(sorted(INDEPENDENT)), st.lists(st.integers(1, 6), min_size=1, max_size=5))
def test_packed_windows_come_out_as_all_would_at_their_places(kind, lengths):
    decoder, valid = make(kind).eval(), valid_of(lengths)
    codes = torch.randn(*valid.shape, CODE, dtype=torch.float64)
    packed, whole = (decode_valid(decoder, codes, steady_noise, v) for v in (valid, None))
    for part, expected in zip(packed, whole, strict=True):
        assert part.shape == expected.shape
        torch.testing.assert_close(part[valid], expected[valid])
        assert (part[~valid] == 0).all()


@pytest.mark.parametrize("kind", INDEPENDENT)
def test_gradients_and_statistics_in_training_are_those_of_the_valid_windows(kind):
    """Against the valid windows joined to one series, which has no padding."""
    valid, codes = valid_of([2, 5, 1]), torch.randn(3, 5, CODE, dtype=torch.float64)
    codes[~valid] = 1e3  # what stands in the padding has no effect
    padded, plain = make(kind).train(), make(kind).train()
    given_codes = codes.clone().requires_grad_()
    joined = codes[valid][None].requires_grad_()
    mean, logvar = decode_valid(padded, given_codes, mean_noise, valid)
    expected, expected_logvar = plain(joined, mean_noise)
    torch.testing.assert_close(mean[valid], expected[0])
    (mean.square().sum() + logvar[valid].sum()).backward()
    (expected.square().sum() + expected_logvar.sum()).backward()
    torch.testing.assert_close(given_codes.grad[valid], joined.grad[0])
    assert (given_codes.grad[~valid] == 0).all()
    for one, other in zip(padded.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad)
    for one, other in zip(padded.buffers(), plain.buffers(), strict=True):
        torch.testing.assert_close(one, other)


class Recorder(nn.Module):
    """A decoder that writes down the shape of its codes."""

    def __init__(self, independent):
        super().__init__()
        if independent is not None:
            self.independent_elements = independent
        self.shapes = []

    def forward(self, codes, noise):
        self.shapes.append(tuple(codes.shape))
        return Gaussian(codes.cumsum(1)[..., None], torch.zeros(1, 1, 1, 1))


@pytest.mark.parametrize("independent", [True, False, None])
@pytest.mark.parametrize("lengths", [[3, 3], [1, 3], [0, 0, 0]])
def test_what_a_decoder_is_given(independent, lengths):
    """Each window in its place, unless it says that it takes each on its own and some are not."""
    valid = torch.arange(3) < torch.tensor(lengths)[:, None]
    decoder, codes = Recorder(independent), torch.ones(*valid.shape, 2)
    prediction = decode_valid(decoder, codes, mean_noise, valid)
    packed = independent and lengths == [1, 3]
    assert decoder.shapes == [(1, 4, 2) if packed else codes.shape]
    assert prediction.mean.shape == (*valid.shape, 2, 1)


def test_a_decoder_that_reads_the_windows_together_is_not_packed():
    decoder = RecurrentSpectrumDecoder(CODE, 3, 4)
    codes, valid = torch.randn(2, 4, CODE), valid_of([2, 4])
    found = decode_valid(decoder, codes, mean_noise, valid)
    torch.testing.assert_close(found.mean, decoder(codes, mean_noise).mean)


def test_noise_of_a_decoder_that_asks_for_it_by_rows():
    """Shapes that are not those of the windows go through as they are."""
    asked = []

    def noise(name, shape, like):
        asked.append(tuple(shape))
        return like.new_zeros(shape)

    class Flat(Recorder):
        def forward(self, codes, noise):
            noise("decoder", (codes.shape[1], 7), codes)
            noise("decoder", (*codes.shape[:2], 7), codes)
            return super().forward(codes, noise)

    decode_valid(Flat(True), torch.ones(2, 3, 2), noise, valid_of([1, 3]))
    assert asked == [(4, 7), (2, 3, 7)]


# -- in training and after -----------------------------------------------------------------------

LENGTHS = (4, 1, 2, 3)
VIDEO = VideoEncoder(16, 1, 1, out_features=4, hidden=4)


def clips():
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (length, 16, 16, 1), dtype=np.uint8) for length in LENGTHS]


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.__name__)
def test_every_method_decodes_frames_that_are_there(method, monkeypatch):
    """In training, scoring, reconstruction and decoding."""
    decoded, forward = [], ClipDecoder.forward

    def record(self, codes, noise):
        decoded.append(codes.shape[:2].numel())
        return forward(self, codes, noise)

    monkeypatch.setattr(ClipDecoder, "forward", record)
    estimator = small(method, encoder=VIDEO, max_epochs=1).fit(clips())
    estimator.score(clips())
    codes = estimator.encode(clips())
    estimator.reconstruct(clips())
    estimator.decode(codes)
    there = sum(LENGTHS)
    in_training = {there, 4 * there}  # SPYL's bank of samples is four batches
    # Eight draws of a clip at a time; SKD's codes have no spread to draw from.
    in_scoring = {draws * length for length in LENGTHS for draws in (1, 8)}
    assert set(decoded) <= in_training | in_scoring
    assert decoded[-2:] == [there, there]


@pytest.mark.parametrize("kind", ["window", "step"])
def test_decoded_windows_are_those_of_the_series_alone(kind):
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(length, 2)) for length in (9, 4, 6)]
    encoder = TabularEncoder(kind, hidden=4, out_features=4)
    estimator = small(encoder=encoder, window=3).fit(X)
    codes, together = estimator.encode(X), estimator.reconstruct(X)
    decoded = estimator.decode(codes)
    for i, length in enumerate(codes.lengths):
        row = slice(i, i + 1)
        alone = Codes(codes.static[row], codes.dynamic[row, :length], codes.lengths[row])
        expected = estimator.decode(alone)[0]
        np.testing.assert_allclose(decoded[i, : 3 * length], expected, rtol=1e-5, atol=1e-6)
        assert np.isnan(decoded[i, 3 * length :]).all()
        np.testing.assert_allclose(together[i], expected[: len(X[i])], rtol=1e-5, atol=1e-6)
