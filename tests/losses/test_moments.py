import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsdisentangle.losses.moments import MOMENTS, moment_error, series_moments


def panel(seed, gaps=0.4):
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(5, 3, 4, 2))
    observed = rng.random(values.shape) > gaps
    observed[0, 1:] = False  # a short series
    observed[1, :, :, 1] = False  # a channel without a value
    observed[2] = False
    observed[2, 1, 2, 0] = True  # a single value
    observed[3, :, :, 1] = False
    observed[3, 0, 1, 1] = True
    return torch.from_numpy(values), torch.from_numpy(observed)


def literal(values, observed):
    """Moments of a series by loops, None where they cannot be known."""
    steps = list(zip(values.flatten(0, 1), observed.flatten(0, 1), strict=True))
    last = max((t for t, (_, o) in enumerate(steps) if o.any()), default=-1)
    rows = []
    for channel in range(values.shape[-1]):
        own = [v[channel].item() for v, o in steps if o[channel]]
        mean = sum(own) / len(own) if own else None
        spread = math.sqrt(sum((x - mean) ** 2 for x in own) / len(own)) if len(own) > 1 else None
        missing = sum(not o[channel] for _, o in steps[: last + 1]) / (last + 1)
        rows.append((mean, spread, missing))
    return rows


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_moments_and_their_error_by_loops(seed):
    values, observed = panel(seed)
    observed[:, 0, 0, 0] = True  # no series without a value
    told = torch.from_numpy(np.random.default_rng(seed + 1).normal(size=(2, 5, MOMENTS * 2)))
    moments, known = series_moments(values, observed)
    errors = moment_error(told, values, observed)
    for b in range(5):
        expected = 0.0
        for channel, row in enumerate(literal(values[b], observed[b])):
            for m, value in enumerate(row):
                assert known[b, m, channel].item() == (value is not None)
                if value is None:
                    continue
                assert math.isclose(moments[b, m, channel].item(), value, abs_tol=1e-12)
                expected += sum((told[d, b, 2 * m + channel].item() - value) ** 2 for d in range(2))
        assert math.isclose(errors[b].item(), expected / 2, rel_tol=1e-9)


def test_values_under_the_mask_and_padding_have_no_part():
    values, observed = panel(0)
    told = torch.zeros(1, 5, MOMENTS * 2, dtype=torch.float64)
    expected = moment_error(told, values, observed)
    garbage = values.where(observed, 1e30)
    assert torch.equal(moment_error(told, garbage, observed), expected)
    pad = torch.nn.functional.pad
    longer = pad(values, (0, 0, 0, 0, 0, 2)), pad(observed, (0, 0, 0, 0, 0, 2))
    torch.testing.assert_close(moment_error(told, *longer), expected)


def test_the_gradient_is_that_of_the_known_moments():
    values, observed = panel(0)
    told = torch.zeros(1, 5, MOMENTS * 2, dtype=torch.float64, requires_grad=True)
    moment_error(told, values, observed).sum().backward()
    moments, known = series_moments(values, observed)
    assert torch.equal(told.grad[0], (-2 * moments).where(known, 0.0).flatten(1))
