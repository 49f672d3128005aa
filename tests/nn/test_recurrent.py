import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from tsdisentangle.nn.gaussian import Gaussian
from tsdisentangle.nn.noise import mean_noise
from tsdisentangle.nn.recurrent import (
    RecurrentPrior,
    SequenceLSTM,
    StackedLSTM,
    in_blocks,
    last_kept,
    reverse_valid,
)

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
LENGTHS = torch.tensor([6, 1, 4, 6, 3])


def normal(seed, *shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.manual_seed(seed))


# -- reversing ----------------------------------------------------------------------------------

lengths_lists = st.lists(st.integers(0, 7), min_size=1, max_size=5)


@given(lengths_lists)
@settings(deadline=None)
def test_reverse_valid_against_plain_python(lengths):
    sequence = torch.arange(len(lengths) * 7 * 2).view(len(lengths), 7, 2)
    expected = [
        list(reversed(row[:length])) + row[length:]
        for row, length in zip(sequence.tolist(), lengths, strict=True)
    ]
    assert reverse_valid(sequence, torch.tensor(lengths)).tolist() == expected


@given(lengths_lists)
@settings(deadline=None)
def test_reversing_twice_gives_the_sequence(lengths):
    sequence, lengths = normal(0, len(lengths), 7, 3), torch.tensor(lengths)
    assert torch.equal(reverse_valid(reverse_valid(sequence, lengths), lengths), sequence)


# -- LSTM over sequences ------------------------------------------------------------------------


def make_pair(bidirectional):
    """Our brick and torch's LSTM with the same weights."""
    torch.manual_seed(0)
    brick = SequenceLSTM(3, 4, bidirectional).double()
    reference = nn.LSTM(3, 4, batch_first=True, bidirectional=bidirectional).double()
    weights = dict(brick.forward_lstm.named_parameters())
    if bidirectional:
        backward = brick.backward_lstm.named_parameters()
        weights |= {f"{name}_reverse": weight for name, weight in backward}
    reference.load_state_dict(weights)
    return brick, reference


@pytest.mark.parametrize("bidirectional", [True, False])
def test_sequence_lstm_against_packed_sequences(bidirectional):
    brick, reference = make_pair(bidirectional)
    sequence = normal(1, 5, 6, 3)
    packed = nn.utils.rnn.pack_padded_sequence(
        sequence, LENGTHS, batch_first=True, enforce_sorted=False
    )
    expected, _ = nn.utils.rnn.pad_packed_sequence(reference(packed)[0], batch_first=True)
    outputs = brick(sequence, LENGTHS)
    assert outputs.shape == (5, 6, brick.out_features) == (5, 6, 8 if bidirectional else 4)
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(outputs[row, :length], expected[row, :length], **CLOSE)


@pytest.mark.parametrize("bidirectional", [True, False])
def test_padding_reaches_no_valid_step_and_no_gradient(bidirectional):
    brick, _ = make_pair(bidirectional)
    valid = (torch.arange(6) < LENGTHS[:, None])[..., None]
    results = []
    for padding in (0.0, 1e3):
        sequence = torch.where(valid, normal(1, 5, 6, 3), padding).requires_grad_()
        outputs = torch.where(valid, brick(sequence, LENGTHS), 0.0)
        outputs.square().sum().backward()
        results.append((outputs.detach(), sequence.grad))
    torch.testing.assert_close(*results, **CLOSE)
    assert (results[0][1] * ~valid).abs().max() == 0


def test_a_causal_lstm_does_not_see_the_future_and_the_other_does():
    for bidirectional in (False, True):
        brick, _ = make_pair(bidirectional)
        sequence = normal(1, 1, 6, 3)
        changed = sequence.clone()
        changed[:, 4] += 1
        before, after = (brick(x, torch.tensor([6]))[0, :4] for x in (sequence, changed))
        assert torch.equal(before, after) is not bidirectional


@pytest.mark.parametrize("bidirectional", [True, False])
def test_stacked_lstm_against_packed_sequences(bidirectional):
    torch.manual_seed(0)
    brick = StackedLSTM(3, 4, 2, bidirectional).double()
    reference = nn.LSTM(3, 4, num_layers=2, batch_first=True, bidirectional=bidirectional).double()
    weights = {}
    for number, layer in enumerate(brick.layers):
        for name, weight in layer.named_parameters():
            direction, name = name.split(".")
            ending = "_reverse" if direction == "backward_lstm" else ""
            weights[name.replace("l0", f"l{number}") + ending] = weight
    reference.load_state_dict(weights)
    sequence = normal(1, 5, 6, 3)
    packed = nn.utils.rnn.pack_padded_sequence(
        sequence, LENGTHS, batch_first=True, enforce_sorted=False
    )
    expected, _ = nn.utils.rnn.pad_packed_sequence(reference(packed)[0], batch_first=True)
    outputs = brick(sequence, LENGTHS)
    assert outputs.shape == (5, 6, brick.out_features) == (5, 6, 8 if bidirectional else 4)
    for row, length in enumerate(LENGTHS):
        torch.testing.assert_close(outputs[row, :length], expected[row, :length], **CLOSE)


# -- skipping steps -----------------------------------------------------------------------------


def plain_last_kept(rnn, sequence, keep):
    """A row at a time: drop the skipped steps, run what is left."""
    rows = []
    for steps, kept in zip(sequence, keep, strict=True):
        state, output = None, torch.zeros(rnn.hidden_size, dtype=torch.float64)
        for step, flag in zip(steps, kept, strict=True):
            if flag:
                outputs, state = rnn(step[None, None], state)
                output = outputs[0, 0]
        rows.append(output)
    return torch.stack(rows)


masks = st.lists(st.lists(st.booleans(), min_size=5, max_size=5), min_size=1, max_size=4)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@given(masks)
@settings(deadline=None, max_examples=40)
def test_last_kept_against_a_loop_that_skips(kind, mask):
    torch.manual_seed(0)
    rnn = kind(3, 4, batch_first=True).double()
    keep = torch.tensor(mask)
    sequence = normal(len(mask), len(mask), 5, 3)
    result = last_kept(rnn, sequence, keep)
    torch.testing.assert_close(result, plain_last_kept(rnn, sequence, keep), **CLOSE)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_last_kept_keeps_leading_axes_and_ignores_skipped_steps(kind):
    torch.manual_seed(0)
    rnn = kind(3, 4, batch_first=True).double()
    keep = torch.rand(2, 3, 5, generator=torch.manual_seed(1)) < 0.5
    keep[1, 2] = False
    sequence = normal(2, 2, 3, 5, 3).requires_grad_()
    result = last_kept(rnn, sequence, keep)
    assert result.shape == (2, 3, 4)
    flat = plain_last_kept(rnn, sequence.flatten(0, 1), keep.flatten(0, 1))
    torch.testing.assert_close(result.flatten(0, 1), flat, **CLOSE)
    assert (result[1, 2] == 0).all()
    result.sum().backward()
    assert (sequence.grad[~keep] == 0).all()
    every = last_kept(rnn, sequence, torch.ones_like(keep))  # has a way of its own
    assert every.shape == (2, 3, 4)
    torch.testing.assert_close(every, rnn(sequence.flatten(0, 1))[0][:, -1].view(2, 3, 4), **CLOSE)
    assert (sequence.grad[keep] != 0).all()


# -- prior --------------------------------------------------------------------------------------


def make_prior(dim=3, hidden=5):
    torch.manual_seed(0)
    prior = RecurrentPrior(dim, hidden).double()
    with torch.no_grad():  # visible effects of the state
        for parameter in prior.parameters():
            parameter.mul_(2)
    return prior


def make_cells(prior):
    sizes = [prior.lstm.input_size, prior.lstm.hidden_size]
    cells = [nn.LSTMCell(size, sizes[1]).double() for size in sizes]
    weights = dict(prior.lstm.named_parameters())
    for layer, cell in enumerate(cells):
        cell.load_state_dict(
            {name: weights[f"{name}_l{layer}"] for name, _ in cell.named_parameters()}
        )
    return cells


class SteppedPrior:
    """Two stacked cells and two heads, one step a call; starts with zeros."""

    def __init__(self, prior, rows):
        self.prior, (self.a, self.b) = prior, make_cells(prior)
        zero = torch.zeros(rows, prior.lstm.hidden_size, dtype=torch.float64)
        self.state_a = self.state_b = (zero, zero)

    def __call__(self, u):
        self.state_a = self.a(u, self.state_a)
        self.state_b = self.b(self.state_a[0], self.state_b)
        h, head = self.state_b[0], self.prior.head
        return head.mean(h), head.logvar(h).clamp(-6, 10)


def test_prior_against_a_loop_of_cells():
    prior, dynamic = make_prior(), normal(1, 4, 6, 3)
    result = prior(dynamic)
    step, u = SteppedPrior(prior, 4), torch.zeros(4, 3, dtype=torch.float64)
    for t in range(6):
        mean, logvar = step(u)
        torch.testing.assert_close(result.mean[:, t], mean, **CLOSE)
        torch.testing.assert_close(result.logvar[:, t], logvar, **CLOSE)
        u = dynamic[:, t]


@pytest.mark.parametrize("t", [0, 2, 5])
def test_prior_of_a_step_sees_only_the_steps_before(t):
    prior, dynamic = make_prior(), normal(1, 1, 6, 3)
    changed = dynamic.clone()
    changed[:, t] += 1
    before, after = prior(dynamic), prior(changed)
    different = (before.mean != after.mean).any(2)[0].tolist()
    assert different == [step > t for step in range(6)]


def test_prior_variance_cannot_collapse():
    prior = make_prior()
    with torch.no_grad():
        prior.head.logvar.bias.fill_(-100)
    assert (prior(normal(1, 2, 4, 3)).logvar == -6).all()


def test_roll_out_continues_the_given_codes_step_by_step():
    prior, rows, steps = make_prior(), 5, 6
    given_codes, draws = normal(1, rows, steps, 3), normal(2, rows, steps, 3)
    lengths = torch.tensor([0, 2, 6, 5, 1])
    means, samples = prior.roll_out(given_codes, lengths, lambda *_: draws)
    for row, length in enumerate(lengths.tolist()):
        step, u = SteppedPrior(prior, 1), torch.zeros(1, 3, dtype=torch.float64)
        for t in range(steps):
            mean, logvar = step(u)
            if t < length:
                u = expected = given_codes[row, t : t + 1]
            else:
                expected = mean
                u = mean + torch.exp(logvar / 2) * draws[row, t]
            torch.testing.assert_close(means[row, t : t + 1], expected, **CLOSE)
            torch.testing.assert_close(samples[row, t : t + 1], u, **CLOSE)


def test_roll_out_ignores_what_stands_behind_the_length():
    prior, codes = make_prior(), normal(1, 3, 6, 3)
    lengths = torch.tensor([1, 3, 0])
    changed = torch.where((torch.arange(6) < lengths[:, None])[..., None], codes, 99.0)
    draws = normal(2, 3, 6, 3)
    first, second = (prior.roll_out(c, lengths, lambda *_: draws) for c in (codes, changed))
    torch.testing.assert_close(first, second, rtol=0, atol=0)


def test_roll_out_agrees_with_teacher_forcing():
    prior, draws = make_prior(), normal(2, 4, 7, 3)
    start = torch.zeros(4, 7, 3, dtype=torch.float64)
    means, samples = prior.roll_out(start, torch.zeros(4), lambda *_: draws)
    forced: Gaussian = prior(samples)
    torch.testing.assert_close(forced.mean, means, **CLOSE)
    torch.testing.assert_close((samples - means) / forced.std, draws, rtol=1e-8, atol=1e-8)


def test_roll_out_asks_for_the_noise_of_the_dynamics():
    prior, asked = make_prior(), []

    def noise(name, shape, like):
        asked.append((name, tuple(shape)))
        return mean_noise(name, shape, like)

    start = torch.zeros(2, 5, 3, dtype=torch.float64)
    means, samples = prior.roll_out(start, torch.zeros(2), noise)
    assert asked == [("dynamic_prior", (2, 5, 3))]
    assert torch.equal(means, samples)  # without noise the draws are the means
    assert means.abs().max() > 0


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_blocks_change_nothing(kind, monkeypatch):
    torch.manual_seed(0)
    rnn = kind(3, 4, batch_first=True).double()
    rows = torch.randn(11, 5, 3, dtype=torch.float64)
    state = [torch.randn(11, 4, dtype=torch.float64) for _ in range(2 if kind is nn.LSTM else 0)]
    whole = rnn(rows, tuple(part[None] for part in state) or None)[0]
    monkeypatch.setattr("tsdisentangle.nn.recurrent.BLOCK_BYTES", 16 * 5 * 4 * 3)  # three rows
    calls = []
    rnn.register_forward_hook(lambda module, inputs, output: calls.append(len(inputs[0])))
    torch.testing.assert_close(in_blocks(rnn, rows, *state), whole)
    assert calls == [3, 3, 3, 2]
    torch.testing.assert_close(in_blocks(rnn, rows, *state, then=torch.square), whole.square())
