"""Shares of batches, and what several processes need of a network; see also tests/interop."""

from itertools import chain

import numpy as np
import pytest
import torch
from helpers import METHODS, small
from hypothesis import given, settings
from hypothesis import strategies as st
from skorch.callbacks import Callback

from tsdisentangle import FHVAE, GLR, SpectrogramEncoder, StaticDynamicVAE, VideoEncoder
from tsdisentangle.data.series import as_series
from tsdisentangle.training import distributed
from tsdisentangle.training.dataset import BatchLoader, SequenceDataset
from tsdisentangle.training.distributed import DistributedNet, ShareLoader


def numbered(n):
    """Series whose values are their numbers."""
    return SequenceDataset(
        as_series(np.arange(n, dtype=np.float32)[:, None, None] * np.ones((2, 1))), 1
    )


def shares(n, batch_size, size, seed=None):
    """Numbers of the series in each batch, and its counts, of every process."""
    found = []
    for rank in range(size):
        order = None if seed is None else torch.Generator().manual_seed(seed)
        loader = ShareLoader(numbered(n), batch_size, rank, size, order)
        batches = list(loader)
        assert all(torch.equal(b.rows, b.values[:, 0, 0, 0].long()) for b, _ in batches)
        found.append([(b.rows.tolist(), c.tolist()) for b, c in batches])
        assert len(found[-1]) == len(loader)
    return found


@given(st.integers(1, 40), st.integers(1, 5), st.integers(1, 5), st.none() | st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_every_series_is_in_one_share(n, batch_size, size, seed):
    found = shares(n, batch_size, size, seed)
    steps = {len(batches) for batches in found}
    assert steps == {-(-n // (batch_size * size))}  # of all processes
    seen = []
    for parts in zip(*found, strict=True):
        own = [counts[0] for _, counts in parts]
        assert {counts[1] for _, counts in parts} == {sum(own)}
        assert max(own) - min(own) <= 1
        assert max(own) <= batch_size
        # A process without a share takes one series to compute on, which counts nothing.
        assert all(len(rows) == max(count, 1) for (rows, _), count in zip(parts, own, strict=True))
        seen += chain(*(rows[:count] for (rows, _), count in zip(parts, own, strict=True)))
    assert sorted(seen) == list(range(n))


def test_the_order_is_that_of_one_process():
    loader = BatchLoader(numbered(11), 4, torch.Generator().manual_seed(3))
    alone = [b.values[:, 0, 0, 0].int().tolist() for b, _ in loader]
    first, second = shares(11, 2, 2, seed=3)
    assert [a + b for (a, _), (b, _) in zip(first, second, strict=True)] == alone


def test_a_new_order_every_epoch():
    loader = ShareLoader(numbered(30), 15, 0, 2, torch.Generator().manual_seed(0))
    epochs = [next(iter(loader))[0].values.flatten().tolist() for _ in range(2)]
    assert epochs[0] != epochs[1]


@pytest.mark.parametrize(
    ("device", "places"), [("cpu", None), ("cuda:1", [torch.device("cuda:1")])]
)
def test_a_replica_is_where_its_net_is(device, places, monkeypatch):
    given = {}
    monkeypatch.setattr(
        distributed, "DistributedDataParallel", lambda module, **options: given.update(options)
    )
    monkeypatch.setattr(distributed.dist, "get_rank", lambda: 1)
    monkeypatch.setattr(distributed.dist, "get_world_size", lambda: 2)
    monkeypatch.setattr(distributed.dist, "get_backend", lambda: "gloo")
    net = small(max_epochs=0).fit(np.zeros((3, 4, 1)) + np.arange(3)[:, None, None]).net_
    net.device = device
    joined = DistributedNet.join(net, {"static_graph": True})
    assert given == {"device_ids": places, "static_graph": True}
    assert (joined.group_.rank, joined.group_.size) == (1, 2)
    plain = joined.leave()
    assert type(plain) is type(net)
    assert vars(plain) == vars(net)


# -- no weight without a gradient ---------------------------------------------------------------

VIDEO = VideoEncoder(16, 3, 2, out_features=8, hidden=6)
CASES = [
    *((method, {"kind": kind}) for method in METHODS for kind in ("window", "step")),
    *((StaticDynamicVAE, {"anchor_loss": loss}) for loss in ("static_only", "none", "drop")),
    (StaticDynamicVAE, {"subtract": False, "dynamic_posterior": "causal"}),
    (StaticDynamicVAE, {"alpha": 0.0, "beta": 0.0}),
    (StaticDynamicVAE, {"encoder": VIDEO}),
    (StaticDynamicVAE, {"encoder": SpectrogramEncoder("recurrent", hidden=6, out_features=8)}),
]


class Gradients(Callback):
    """Weights that a batch left without a gradient."""

    def on_train_begin(self, net, **kwargs):
        self.without = set()

    def on_grad_computed(self, net, named_parameters, **kwargs):
        trained = ((name, weight) for name, weight in named_parameters if weight.requires_grad)
        self.without |= {name for name, weight in trained if weight.grad is None}


@pytest.mark.parametrize(("method", "params"), CASES)
def test_every_weight_gets_a_gradient(method, params):
    """Else ``DistributedDataParallel`` would refuse the network."""
    look = Gradients()
    rng = np.random.default_rng(0)
    X = rng.normal(size=(9, 6, 2)).astype(np.float32)
    if params.get("encoder") is VIDEO:
        X = rng.integers(0, 256, (9, 3, 16, 16, 3), dtype=np.uint8)
    estimator = small(method, callbacks=[look], max_epochs=1, **params).fit(X)
    assert look.without == set()
    if params == {"kind": "step"}:  # taken out of training on purpose, where nothing asks for it
        frozen = {n for n, w in estimator.net_.module_.named_parameters() if not w.requires_grad}
        idle = method not in (StaticDynamicVAE, FHVAE, GLR)
        assert {".".join(name.split(".")[-3:-1]) for name in frozen} == (
            {"encoder.static_rnn"} if idle else set()
        )
