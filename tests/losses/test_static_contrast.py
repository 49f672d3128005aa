import math

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tsdisentangle.losses.static_contrast import TEMPERATURE, agreement, choose_pairs


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_pairs_are_the_two_readable_windows_of_the_lowest_draws(seed, windows):
    rng = np.random.default_rng(seed)
    readable, order = rng.random((7, windows)) < 0.5, rng.normal(size=(7, windows))
    rows, pairs = choose_pairs(torch.from_numpy(readable), torch.from_numpy(order))
    assert rows.tolist() == [b for b in range(7) if readable[b].sum() > 1]
    for b, pair in zip(rows.tolist(), pairs.tolist(), strict=True):
        assert pair == sorted(np.flatnonzero(readable[b]), key=lambda w: order[b, w])[:2]


def test_every_pair_is_drawn():
    readable = torch.tensor([[True, True, False, True]]).expand(200, -1)
    _, pairs = choose_pairs(readable, torch.randn(200, 4, generator=torch.manual_seed(0)))
    assert {tuple(pair) for pair in pairs.tolist()} == {
        (a, b) for a in (0, 1, 3) for b in (0, 1, 3) if a != b
    }


def test_agreement_by_loops():
    pairs = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 2, 3)))
    codes = [(b, v, pairs[b, v]) for b in range(4) for v in range(2)]

    def closeness(one, other):
        cosine = one @ other / math.sqrt(one @ one * (other @ other))
        return math.exp(cosine / TEMPERATURE)

    total = 0.0
    for b, v, own in codes:
        others = [closeness(own, code) for c, w, code in codes if (c, w) != (b, v)]
        total -= math.log(closeness(own, pairs[b, 1 - v]) / sum(others))
    expected = 11.0 * total / 8
    assert math.isclose(agreement(pairs, torch.tensor(11.0)).item(), expected, rel_tol=1e-6)


def test_it_is_small_where_windows_agree_and_series_do_not():
    same = torch.eye(4)[:, None].expand(4, 2, 4)
    other = torch.stack([torch.eye(4), torch.eye(4).roll(1, 0)], dim=1)
    assert agreement(same, torch.tensor(1.0)) < 0.1 < agreement(other, torch.tensor(1.0))
