"""Draws from generators of ours, against those of torch's global one with the same seed."""

import copy
import pickle

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from tsdisentangle.nn import ElementEncoder
from tsdisentangle.nn.generators import DrawFrom, Generators, draws_of

LIKE = torch.zeros(3, 4)
DRAWS = {
    "rand": lambda: torch.rand(2, 3),
    "randn": lambda: torch.randn(2, 3),
    "randint": lambda: torch.randint(9, (5,)),
    "randperm": lambda: torch.randperm(7),
    "normal": lambda: torch.normal(0.0, 1.0, (3,)),
    "bernoulli": lambda: torch.bernoulli(LIKE + 0.5),
    "multinomial": lambda: torch.multinomial(LIKE + 1, 2),
    "poisson": lambda: torch.poisson(LIKE + 3),
    "method": lambda: torch.empty(4).uniform_(),
    "bernoulli_": lambda: torch.empty(4).bernoulli_(0.5),
    "exponential_": lambda: torch.empty(4).exponential_(),
    "rand_like": lambda: torch.rand_like(LIKE),
    "randn_like": lambda: torch.randn_like(LIKE),
    "randint_like": lambda: torch.randint_like(LIKE, 9),
    "dropout": lambda: functional.dropout(LIKE + 1, 0.5),
    "dropout2d": lambda: functional.dropout2d(torch.ones(2, 3, 4, 4), 0.5),
    "alpha_dropout": lambda: functional.alpha_dropout(LIKE + 1, 0.5),
    "rrelu": lambda: functional.rrelu(LIKE - 1, training=True),
    "gumbel_softmax": lambda: functional.gumbel_softmax(LIKE),
    "distribution": lambda: torch.distributions.Normal(0.0, 1.0).rsample((3,)),
    "attention": lambda: functional.scaled_dot_product_attention(
        torch.ones(1, 2, 4), torch.ones(1, 2, 4), torch.ones(1, 2, 4), dropout_p=0.5
    ),
    "linear": lambda: nn.Linear(3, 2).weight.detach(),
    "lstm": lambda: nn.LSTM(3, 2).weight_hh_l0.detach(),
    "conv": lambda: nn.Conv2d(2, 3, 3).bias.detach(),
    "embedding": lambda: nn.Embedding(2, 3).weight.detach(),
    "attention layer": lambda: nn.MultiheadAttention(4, 2).in_proj_weight.detach(),
    "transformer": lambda: nn.TransformerEncoderLayer(4, 2)(torch.ones(2, 3, 4)).detach(),
    "orthogonal": lambda: nn.init.orthogonal_(torch.empty(3, 3)),
    "truncated": lambda: nn.init.trunc_normal_(torch.empty(3, 3)),
    "sparse": lambda: nn.init.sparse_(torch.empty(3, 3), 0.4),
}


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS)
def test_the_draws_are_those_of_the_global_generator(draw):
    with torch.random.fork_rng():
        torch.manual_seed(5)
        expected = [draw(), draw()]
    before = torch.get_rng_state()
    with DrawFrom(Generators(5)):
        found = [draw(), draw()]
    assert torch.equal(torch.get_rng_state(), before)
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one, other)


def test_a_generator_that_was_given_is_used():
    given = torch.Generator().manual_seed(1)
    expected = torch.randn(3, generator=given.clone_state())
    with DrawFrom(Generators(5)):
        assert torch.equal(torch.randn(3, generator=given), expected)


def test_an_error_gives_the_global_generator_back():
    before = torch.get_rng_state()
    with DrawFrom(Generators(0)), pytest.raises(ValueError, match="probability"):
        functional.dropout(LIKE, 2.0)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_meta_device_draws_nothing():
    generators = Generators(0)
    before = generators.states()["cpu"]
    with DrawFrom(generators), torch.device("meta"):
        nn.Linear(3, 2)
        torch.randn(3)
    assert torch.equal(generators.states()["cpu"], before)


def test_noise_and_positions():
    one = Generators.seeded_by(np.random.RandomState(0))
    assert one.seed == np.random.RandomState(0).randint(2**31 - 1)
    other = Generators(0)
    one("static", (5,), LIKE)
    other.set_states(one.states(), "cpu")
    assert torch.equal(other("static", (5,), LIKE), one("dynamic", (5,), LIKE))
    assert one("static", (2,), LIKE.double()).dtype == torch.float64


def test_a_device_that_had_not_drawn_begins_at_the_seed(monkeypatch):
    """The processor stands for a GPU."""
    usual = torch.Generator
    monkeypatch.setattr(torch, "Generator", lambda device="cpu": usual())
    generators = Generators(0)
    before = generators.states()
    first = torch.randn(3, generator=generators.on("cuda"))
    assert set(generators.states()) == {"cpu", "cuda"}
    generators.set_states(before, "cuda")
    assert torch.equal(torch.randn(3, generator=generators.on("cuda")), first)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_a_copy_begins_anew(copied):
    one = Generators(3)
    first = one("static", (5,), LIKE)
    assert torch.equal(copied(one)("static", (5,), LIKE), first)


class Dropping(ElementEncoder):
    def __init__(self, dropout):
        super().__init__()
        self.lstm = nn.LSTM(3, 4, num_layers=2, dropout=dropout)


def test_only_a_users_network_is_looked_after():
    generators = Generators(4)
    sequence = torch.ones(2, 1, 3)
    for network in (nn.Sequential(nn.Dropout()), nn.LSTM(3, 4)):
        assert not isinstance(draws_of(network, generators), DrawFrom)
    network = Dropping(0.5)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        expected = network.lstm(sequence)[0]
    before = torch.get_rng_state()
    with draws_of(network, generators):
        found = network.lstm(sequence)[0]
    assert torch.equal(found, expected)
    assert torch.equal(torch.get_rng_state(), before)
    plain = Dropping(0.0)
    with draws_of(plain, generators) as mode:
        plain.lstm(sequence)
    assert "lstm" not in mode.opaque  # nothing to draw, so nothing to lend
