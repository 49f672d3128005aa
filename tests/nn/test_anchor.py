import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tsdisentangle.nn.anchor import (
    RELATIVE_ANCHORS,
    StaticHead,
    anchor_index,
    pool_static,
    subtract_anchor,
    take_element,
)
from tsdisentangle.nn.gaussian import Gaussian


def normal(seed, *shape):
    return torch.randn(shape, dtype=torch.float64, generator=torch.manual_seed(seed))


# -- choice of the anchor -----------------------------------------------------------------------


def plain_anchor(row, anchor, fraction):
    seen = [t for t, flag in enumerate(row) if flag]
    if isinstance(anchor, int):
        best = seen[0]
        for t in seen[1:]:
            if abs(t - anchor) < abs(best - anchor):  # not <=: the earlier one of two
                best = t
        return best
    if anchor == "first":
        return seen[0]
    if anchor == "last":
        return seen[-1]
    if anchor == "middle":
        return seen[len(seen) // 2]
    return seen[math.floor(fraction * len(seen))]


masks = st.integers(1, 8).flatmap(
    lambda n: st.lists(
        st.lists(st.booleans(), min_size=n, max_size=n).filter(any), min_size=1, max_size=4
    )
)
anchors = st.sampled_from(RELATIVE_ANCHORS) | st.integers(0, 12)
fractions = st.integers(0, 63).map(lambda k: k / 64)  # exact in any precision


@given(masks, anchors, fractions)
@settings(deadline=None, max_examples=300)
def test_anchor_against_plain_python(mask, anchor, fraction):
    result = anchor_index(torch.tensor(mask), anchor, fraction)
    assert result.tolist() == [plain_anchor(row, anchor, fraction) for row in mask]


@pytest.mark.parametrize("n", [10, 20, 28, 28 + 1])
def test_anchors_of_complete_series(n):
    observed = torch.ones(1, n, dtype=torch.bool)
    found = [anchor_index(observed, anchor).item() for anchor in ("first", "middle", "last", 7)]
    assert found == [0, n // 2, n - 1, 7]


def test_of_two_nearest_the_earlier_is_taken():
    observed = torch.tensor([[True, False, False, False, True], [False, True, False, True, True]])
    assert anchor_index(observed, 2).tolist() == [0, 1]
    assert anchor_index(observed, 3).tolist() == [4, 3]


def test_random_anchors_reach_every_observed_element_equally():
    observed = torch.tensor([[False, True, True, False, True]])
    found = [anchor_index(observed, "random", k / 300).item() for k in range(300)]
    assert [found.count(t) for t in range(5)] == [0, 100, 100, 0, 100]


def test_an_unknown_word_is_refused():
    with pytest.raises(KeyError):
        anchor_index(torch.ones(1, 3, dtype=torch.bool), "centre")


# -- difference to the anchor -------------------------------------------------------------------


@pytest.mark.parametrize("inner", [(), (3,)], ids=["3-D", "4-D"])
@pytest.mark.parametrize("subtract", [True, False])
def test_difference_against_plain_python(inner, subtract):
    features, token = normal(0, 4, 5, *inner, 2), normal(1, 4, 2)
    index = torch.tensor([0, 4, 2, 2])
    result = subtract_anchor(features, index, token, subtract)
    assert result.shape == features.shape
    for b, i in enumerate(index.tolist()):
        for t in range(5):
            if t == i:
                expected = token[b].expand(*inner, 2)
            else:
                expected = features[b, t] - (features[b, i] if subtract else 0)
            assert torch.equal(result[b, t], expected)


def test_difference_sends_gradients_to_both_sides():
    features = normal(0, 1, 3, 2).requires_grad_()
    weight = torch.tensor([1.0, 10.0, 100.0]).double()[:, None]
    rest = subtract_anchor(features, torch.tensor([1]), torch.zeros(1, 2).double(), True)
    (rest * weight).sum().backward()
    assert features.grad[0, :, 0].tolist() == [1.0, -101.0, 100.0]


def test_take_element_takes_one_of_each_row():
    sequence = torch.arange(24).view(2, 3, 4)
    assert take_element(sequence, torch.tensor([2, 0])).tolist() == [
        [[8, 9, 10, 11]],
        [[12, 13, 14, 15]],
    ]


# -- static code --------------------------------------------------------------------------------


def test_static_head_is_a_tanh_layer_and_a_gaussian():
    torch.manual_seed(0)
    head = StaticHead(4, 6, 3).double()
    features = 3 * normal(0, 5, 4)
    hidden = torch.tanh(features @ head.hidden.weight.T + head.hidden.bias)
    mean, logvar = head(features)
    assert mean.shape == logvar.shape == (5, 3)
    for value, layer in ((mean, head.head.mean), (logvar, head.head.logvar)):
        torch.testing.assert_close(value, hidden @ layer.weight.T + layer.bias)


POOLING = ("mean", "precision")


@given(masks, st.sampled_from(POOLING), st.integers(0, 100))
@settings(deadline=None)
def test_pooling_against_explicit_formulas(mask, pooling, seed):
    observed = torch.tensor(mask)
    static = Gaussian(normal(seed, *observed.shape, 2), normal(seed + 1, *observed.shape, 2))
    pooled = pool_static(static, observed, pooling)
    for b, row in enumerate(mask):
        for k in range(2):
            seen = [t for t, flag in enumerate(row) if flag]
            means = [static.mean[b, t, k].item() for t in seen]
            variances = [math.exp(static.logvar[b, t, k]) for t in seen]
            if pooling == "mean":
                mean, variance = sum(means) / len(seen), sum(variances) / len(seen) ** 2
            else:
                variance = 1 / sum(1 / v for v in variances)
                mean = variance * sum(m / v for m, v in zip(means, variances, strict=True))
            assert pooled.mean[b, k].item() == pytest.approx(mean, abs=1e-10)
            assert pooled.logvar[b, k].item() == pytest.approx(math.log(variance), abs=1e-10)


@pytest.mark.parametrize("pooling", POOLING)
def test_pooling_of_one_element_is_that_element(pooling):
    static = Gaussian(normal(0, 2, 4, 3), normal(1, 2, 4, 3))
    observed = torch.tensor([[False, False, True, False], [True, False, False, False]])
    pooled = pool_static(static, observed, pooling)
    for mine, part in zip(pooled, static, strict=True):
        torch.testing.assert_close(mine, torch.stack([part[0, 2], part[1, 0]]))


@pytest.mark.parametrize("pooling", POOLING)
@given(masks, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_pooling_does_not_depend_on_the_order_or_on_unobserved_elements(pooling, mask, random):
    observed = torch.tensor(mask)
    assume(observed.shape[1] > 1)
    static = Gaussian(normal(0, *observed.shape, 2), normal(1, *observed.shape, 2))
    order = list(range(observed.shape[1]))
    random.shuffle(order)
    changed = (torch.where(observed[..., None], part, 5.0)[:, order] for part in static)
    pooled = pool_static(static, observed, pooling)
    again = pool_static(Gaussian(*changed), observed[:, order], pooling)
    torch.testing.assert_close(again, pooled)


@pytest.mark.parametrize("count", [1, 3, 7])
def test_fraction_close_to_one_is_the_last_observed_element(count):
    observed = torch.zeros(1, 9, dtype=torch.bool)
    observed[0, 2 : 2 + count] = True
    assert anchor_index(observed, "random", 0.9999999999).item() == 2 + count - 1
