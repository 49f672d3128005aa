import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import norm

from tsdisentangle.losses import discrimination
from tsdisentangle.losses.discrimination import tell_sequences_apart
from tsdisentangle.nn.noise import mean_noise, normal_noise

ROWS = torch.tensor([3, 0, 1])


def drawn(seed=0, windows=4, n=6, k=2):
    rng = np.random.default_rng(seed)
    segments, table = rng.normal(size=(3, windows, k)), rng.normal(size=(n, k))
    present = torch.tensor([[True, True, True, False], [True, False, True, True], [True] * 4])
    return torch.from_numpy(segments), present, torch.from_numpy(table)


@pytest.mark.parametrize("variance", [0.25, 2.0])
@pytest.mark.parametrize("compared", [None, [0, 1, 2, 3], [4, 5], [1]])
def test_against_densities_one_by_one(variance, compared):
    segments, present, table = drawn()
    density = norm(scale=variance**0.5)
    chosen = None if compared is None else torch.tensor(compared)
    found = tell_sequences_apart(segments, present, table, ROWS, chosen, variance, mean_noise)
    for b, row in enumerate(ROWS.tolist()):
        against = sorted({row, *(range(6) if compared is None else compared)})
        total = 0.0
        for t in range(4):
            if present[b, t]:
                log_p = [density.logpdf(segments[b, t] - table[j]).sum() for j in against]
                total += logsumexp(log_p) - log_p[against.index(row)]
        assert found[b].item() == pytest.approx(total)


def test_of_many_series_some_are_drawn_and_the_own_one_is_always_there(monkeypatch):
    segments, present, table = drawn()
    everything = tell_sequences_apart(segments, present, table, ROWS, None, 0.25, mean_noise)
    monkeypatch.setattr(discrimination, "MAX_COMPARED", 2)
    torch.manual_seed(0)
    found = torch.stack(
        [
            tell_sequences_apart(segments, present, table, ROWS, None, 0.25, normal_noise)
            for _ in range(20)
        ]
    )
    assert (found >= 0).all()
    assert (found <= everything).all()
    assert len(found.unique(dim=0)) > 5


def test_what_is_not_there_has_no_gradient():
    segments, present, table = drawn()
    segments.requires_grad_()
    tell_sequences_apart(segments, present, table, ROWS, None, 0.25, mean_noise).sum().backward()
    assert (segments.grad[~present] == 0).all()
    assert (segments.grad[present].abs().sum(-1) > 0).all()
