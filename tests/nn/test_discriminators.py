"""Who sees what: windows one by one, series as long as they are, codes row by row."""

import pytest
import torch
from torch import nn

from tsdisentangle import TabularEncoder
from tsdisentangle.data.windows import Windows
from tsdisentangle.nn.discriminators import (
    CodeDiscriminator,
    SequenceDiscriminator,
    WindowDiscriminator,
)

LENGTHS = torch.tensor([4, 2, 1])


def batch(seed=0, windows=4):
    values = torch.randn(3, windows, 5, 2, generator=torch.manual_seed(seed))
    valid = torch.arange(windows) < LENGTHS[:, None]
    observed = valid[..., None, None].expand(values.shape)
    return Windows(values.where(observed, 0.0), observed, valid)


@pytest.fixture(params=["window", "step"])
def encoder(request):
    torch.manual_seed(0)
    return TabularEncoder(request.param, hidden=8, out_features=6).build(2, 5)


def test_a_window_is_judged_on_its_own(encoder):
    judge, windows = WindowDiscriminator(encoder), batch()
    found = judge(windows)
    assert found.shape == (3, 4)
    changed = windows.values.clone()
    changed[0, 2] += 1
    moved = (judge(windows._replace(values=changed)) - found).abs() > 1e-6
    assert moved.nonzero().tolist() == [[0, 2]]


def test_a_series_is_judged_by_all_its_windows_in_their_order(encoder):
    judge, windows = SequenceDiscriminator(encoder), batch()
    found = judge(windows)
    assert found.shape == (3,)
    for t in range(4):
        changed = windows.values.clone()
        changed[0, t] += 1
        other = judge(windows._replace(values=changed))
        assert other[0] != found[0]
        torch.testing.assert_close(other[1:], found[1:])
    turned = windows.values.clone()
    turned[0] = turned[0].flip(0)
    assert (judge(windows._replace(values=turned))[0] - found[0]).abs() > 1e-6


def test_padding_is_not_judged(encoder):
    judge, windows = SequenceDiscriminator(encoder), batch()
    behind = (0, 0) * 2 + (0, 3)
    padded = Windows(
        nn.functional.pad(windows.values, behind, value=7.0),
        nn.functional.pad(windows.observed, behind),
        nn.functional.pad(windows.valid, (0, 3)),
    )
    torch.testing.assert_close(judge(padded), judge(windows))


@pytest.mark.parametrize("kind", [WindowDiscriminator, SequenceDiscriminator])
def test_every_weight_that_is_trained_has_a_gradient(encoder, kind):
    judge = kind(encoder)
    judge(batch()).sum().backward()
    assert all(weight.grad is not None for weight in judge.parameters() if weight.requires_grad)


def test_codes_are_judged_row_by_row():
    judge, codes = CodeDiscriminator(3, 6), torch.randn(5, 3)
    torch.testing.assert_close(judge(codes)[2:4], judge(codes[2:4]))
    assert judge(codes).shape == (5,)
