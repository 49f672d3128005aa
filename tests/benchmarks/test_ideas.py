"""Ideas for the flagship: each changes what it says, and nothing else."""

import numpy as np
import pytest
import torch
from helpers import small

from benchmarks import ideas
from benchmarks.tables.corrected import NOBODY, Benchmark
from benchmarks.tables.probes import Split, StaticLabel
from tsdisentangle import make_static_dynamic
from tsdisentangle.nn.noise import SharedNoise
from tsdisentangle.training.dataset import SequenceDataset


@pytest.fixture(scope="module")
def fitted():
    """Return a fitted flagship and a batch of its training series."""
    X = make_static_dynamic(12, random_state=0).data
    estimator = small(window=4, observation_scale="decoder").fit(X)
    batch = SequenceDataset(estimator._read(X), 4)[:12]
    return estimator.net_.module_, batch


def terms(network, kind, batch, training=True):
    torch.manual_seed(0)
    previous = network.__class__
    network.__class__ = kind
    network.train(training)
    try:
        return network(batch, SharedNoise(0))
    finally:
        network.__class__ = previous


def test_warm_up_scales_the_divergences_alone(fitted):
    network, batch = fitted
    plain = terms(network, ideas.StaticDynamicNetwork, batch)
    early = terms(network, ideas.KLWarmUp, batch)
    share = 1 / ideas.WARM_UP_STEPS
    for name, term in plain.items():
        expected = term * share if "kl" in name else term
        torch.testing.assert_close(early[name], expected)
    network.steps = 10 * ideas.WARM_UP_STEPS
    torch.testing.assert_close(terms(network, ideas.KLWarmUp, batch), plain)


def test_free_bits_are_a_floor_of_every_coordinate(fitted, monkeypatch):
    network, batch = fitted
    plain = terms(network, ideas.StaticDynamicNetwork, batch)["static_kl"]
    monkeypatch.setattr(ideas, "FREE_NATS", 0.0)
    torch.testing.assert_close(terms(network, ideas.FreeBits, batch)["static_kl"], plain)
    monkeypatch.setattr(ideas, "FREE_NATS", 1e3)
    floor = torch.tensor(1e3 * network.static_dim)
    torch.testing.assert_close(terms(network, ideas.FreeBits, batch)["static_kl"], floor)


def test_denoising_hides_values_from_the_encoder_in_training_alone(fitted, monkeypatch):
    network, batch = fitted
    plain = terms(network, ideas.StaticDynamicNetwork, batch)
    assert terms(network, ideas.Denoising, batch)["static_kl"] != plain["static_kl"]
    evaluated = terms(network, ideas.StaticDynamicNetwork, batch, training=False)
    torch.testing.assert_close(terms(network, ideas.Denoising, batch, False), evaluated)
    monkeypatch.setattr(ideas, "HIDDEN_SHARE", 1.0)  # a series that would have nothing keeps all
    torch.testing.assert_close(terms(network, ideas.Denoising, batch), plain)


def test_instance_norm_does_not_see_what_all_windows_share(fitted):
    network, batch = fitted
    features = torch.randn(12, batch.values.shape[1], network.encoder.out_features)
    shifted = 3.0 * features + torch.randn(12, 1, features.shape[-1])
    kind, index = ideas.InstanceNorm, torch.zeros(12, dtype=torch.long)
    ours, other = (
        kind._dynamic(_as(network, kind), each, batch, index, SharedNoise(0))
        for each in (features, shifted)
    )
    torch.testing.assert_close(ours.mean, other.mean, atol=1e-3, rtol=1e-3)


def _as(network, kind):
    """Return the same weights as another network."""
    other = kind.__new__(kind)
    other.__dict__ = network.__dict__
    return other


def test_shuffled_codes_of_a_single_window_are_its_own(fitted):
    network, batch = fitted
    one = type(batch)(batch.values[:, :1], batch.observed[:, :1], batch.valid[:, :1])
    plain = terms(network, ideas.StaticDynamicNetwork, one)
    again = terms(network, ideas.ShuffledStatic, one)
    for name in ("static_kl", "dynamic_kl", "anchor"):
        torch.testing.assert_close(again[name], plain[name])
    # Of the anchor window, which is not in the sequence term, the second half counts all the same.
    torch.testing.assert_close(again["reconstruction"], 0.5 * plain["anchor"])


def test_pooled_training_has_the_static_code_of_all_windows(fitted):
    network, batch = fitted
    index = torch.zeros(12, dtype=torch.long)
    kind = ideas.PooledTraining
    ours = kind.posterior(_as(network, kind), batch, index, SharedNoise(0)).static
    wanted = network.posterior(batch, index, SharedNoise(0), "mean").static
    torch.testing.assert_close(ours, wanted)


def test_rows_are_kept_and_not_measured_again(tmp_path, monkeypatch):
    bunch = make_static_dynamic(60, random_state=0)
    task = StaticLabel("level", bunch.static_target["level"])
    parts = [Split(np.arange(40), np.arange(40, 60), NOBODY)]
    benchmark = Benchmark("generated", bunch.data, 4, [task], [], search=parts)
    monkeypatch.setattr(ideas, "RESULTS", tmp_path / "ideas.json")
    monkeypatch.setitem(ideas.DATASETS, "air-quality", lambda: benchmark)
    command = ["ideas.py", "--datasets", "air-quality", "--seeds", "1", "--epochs", "1"]
    monkeypatch.setattr("sys.argv", command)
    ideas.main()
    rows = ideas.read_rows(ideas.RESULTS)
    assert [row["idea"] for row in rows] == list(ideas.IDEAS)
    assert all(0 <= row["level"] <= 1 and row["seconds"] > 0 for row in rows)
    ideas.main()
    assert ideas.read_rows(ideas.RESULTS) == rows
