"""Two processes (gloo, on a processor) against one with the doubled batch."""

import os
import pickle
import socket
import subprocess
import sys
from itertools import chain
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip("accelerate")

from accelerate.utils import DistributedDataParallelKwargs, DistributedType
from helpers import small
from one_of_two import BATCH, EQUAL, UNEQUAL, learned, make, noise_of_samples, panel

import tsdisentangle.interop.accelerate as interop
from tsdisentangle import VAE
from tsdisentangle.interop.accelerate import fit_distributed
from tsdisentangle.training.dataset import SequenceDataset
from tsdisentangle.training.distributed import DistributedNet

HERE = Path(__file__).parents[1]
ROOT = HERE.parent


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """What the two processes have found."""
    folder = tmp_path_factory.mktemp("two")
    shared = {
        **os.environ,
        "ACCELERATE_USE_CPU": "true",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": free_port(),
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]),
    }
    processes = [
        subprocess.Popen(
            [sys.executable, str(HERE / "one_of_two.py"), str(folder)],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    try:
        for process in processes:
            _, errors = process.communicate(timeout=180)
            assert process.returncode == 0, errors
    finally:  # one that fails leaves the other waiting
        for process in processes:
            process.kill()
    return [pickle.loads((folder / f"{rank}.pkl").read_bytes()) for rank in (0, 1)]


def assert_same(first, second, rtol, atol):
    for one, other in zip(*(result[0] for result in (first, second)), strict=True):
        assert one.keys() == other.keys()
        for key, value in one.items():
            assert value == pytest.approx(other[key], rel=rtol, abs=atol), key
    for key, weights in first[1].items():
        np.testing.assert_allclose(weights, second[1][key], rtol=rtol, atol=atol, err_msg=key)


@pytest.mark.slow
@pytest.mark.slow
def test_they_have_met(both):
    assert [(found["rank"], found["size"]) for found in both] == [(0, 2), (1, 2)]


@pytest.mark.slow
@pytest.mark.parametrize("name", [*EQUAL, *UNEQUAL])
def test_both_learn_the_same(both, name):
    assert_same(both[0][name], both[1][name], rtol=0, atol=0)


@pytest.mark.slow
@pytest.mark.parametrize("name", EQUAL)
def test_two_are_one_with_the_doubled_batch(both, name):
    estimator, X = make(EQUAL[name], 2 * BATCH)
    with noise_of_samples():
        alone = learned(estimator.fit(X))
    assert_same(both[0][name], alone, rtol=1e-4, atol=1e-5)
    start = make(EQUAL[name], 1)[0].set_params(max_epochs=0, early_stopping=False).fit(X)
    weights = start.net_.module_.named_parameters()
    trained = {k: w.detach().numpy() for k, w in weights if w.requires_grad}
    moved = [np.abs(w - alone[1][k]).max() for k, w in trained.items()]
    assert min(moved) > 1e-3  # so that the comparison says something of every one


@pytest.mark.slow
def test_both_stop_in_the_same_epoch(both):
    epochs = [len(found["stopped"][0]) for found in both]
    assert epochs[0] == epochs[1] < EQUAL["stopped"][1]["max_epochs"]


@pytest.mark.slow
@pytest.mark.parametrize("name", UNEQUAL)
def test_losses_are_finite(both, name):
    assert all(np.isfinite(row["train_loss"]) for row in both[0][name][0])


@pytest.mark.slow
def test_processes_have_noise_of_their_own(both):
    first, second = (found["noise"] for found in both)
    assert len(first) == len(second) == 3
    assert not np.isclose(first, second).any()


@pytest.mark.slow
def test_an_estimator_like_any_other_comes_back(both):
    assert all(found["plain"] for found in both)


@pytest.mark.slow
def test_each_reads_its_share(both):
    for rows in zip(*(found["rows"] for found in both), strict=True):
        assert not set(rows[0]) & set(rows[1])
        assert sorted(chain(*rows)) == list(range(21))


@pytest.mark.slow
@pytest.mark.parametrize("case", ["samples", "samples of one series"])
def test_both_draw_the_same_samples(both, case):
    assert np.isfinite(both[0][case]).all()
    np.testing.assert_array_equal(both[0][case], both[1][case])


def test_the_prior_of_static_codes_is_that_of_all_series(monkeypatch):
    """Shares are joined in the order of the series."""
    X = panel(21)
    alone = small().fit(X)
    joined, whole = DistributedNet.__new__(DistributedNet), SequenceDataset(alone._read(X), 1)
    posterior = alone._inference().static_posterior

    def gather(function, group):
        shares = [whole.subset(rows) for rows in torch.arange(21).tensor_split(2)]
        parts = [posterior(share) for share in shares]
        np.testing.assert_array_equal(function()[0], parts[1][0])
        return parts

    joined.group_ = SimpleNamespace(rank=1, size=2, control=None)
    monkeypatch.setattr("tsdisentangle.training.distributed.together", gather)
    for one, other in zip(joined.map_dataset(posterior, whole), posterior(whole), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_a_weight_without_gradient_is_named_not_waited_for(both):
    assert all("find_unused_parameters=True" in found["unused"] for found in both)
    assert all(found["unused, allowed"] is None for found in both)


ENDS = {
    "NaN in one": "X holds NaN at series 3",
    "a parameter of one": "max_epochs",
    "a file of one": "disk of one",
    "a callback of one": "callback of one",
    "the network of one": "network of one",
    "the last callback of one": "last callback of one",
    "the prior of one": "prior of one",
}


@pytest.mark.parametrize("name", ENDS)
def test_an_error_in_one_ends_both(both, name):
    first, second = (found["failures"][name] for found in both)
    assert first[0] == "PeerError"
    assert second[0] != "PeerError"
    assert "Process 1 of the fit has failed" in first[1]
    assert ENDS[name] in second[1]
    assert second[1] in first[1]


def test_other_data_or_parameters_are_refused_in_both(both):
    cases = {
        "shards": "X differs between the processes .*[0, 1]",
        "another order in a file": "X differs between the processes .*[0, 1]",
        "another rate": r"lr differs between the processes: [0.004, 0.1] by rank",
    }
    for name, words in cases.items():
        for found in both:
            kind, message = found["failures"][name]
            assert kind == "ValueError"
            assert words.split(".*")[0] in message
            assert words.split(".*")[-1] in message


def test_a_callback_that_stops_one_is_refused(both):
    assert any("a callback has stopped one" in found["failures"]["stopped"][1] for found in both)
    assert all(found["failures"]["stopped"][0] == "PeerError" for found in both)


def test_a_fit_after_a_failed_one(both):
    assert_same(both[0]["after failures"], both[1]["after failures"], rtol=0, atol=0)


# -- in a single process ------------------------------------------------------------------------


def test_alone_it_is_fit():
    X = panel(21)
    one, other = fit_distributed(small(), X), small().fit(X)
    assert_same(learned(one), learned(other), rtol=0, atol=0)


class Accelerator:
    """Stands for one with other settings."""

    mixed_precision, gradient_accumulation_steps, num_processes = "no", 1, 1
    device = torch.device("cpu")

    def __init__(self, **settings):
        self.distributed_type = DistributedType.NO
        vars(self).update(settings)


def test_what_would_be_ignored_is_refused():
    cases = {
        "precision='bfloat16'": {"mixed_precision": "bf16"},
        "larger batch_size": {"gradient_accumulation_steps": 2},
        "hold the whole network": {"distributed_type": DistributedType.FSDP},
    }
    for message, settings in cases.items():
        with pytest.raises(ValueError, match=message):
            fit_distributed(small(), panel(9), Accelerator(**settings))
    with pytest.raises(ValueError, match="Pass device='cuda'"):
        interop._check(small(), Accelerator(device=torch.device("cuda:1")))
    with pytest.raises(ValueError, match="Pass checkpoint_dir=None"):
        interop._check(small(checkpoint_dir="here"), Accelerator())


def test_each_process_computes_on_its_own_device(monkeypatch):
    """Stand-ins for the other process and the GPU, which the device "meta" is here."""
    joined = {}

    def join(net, options):
        joined.update(device=net.device, verbose=verbose_of(net), options=options)
        return SimpleNamespace(train=net.train, leave=lambda: net)

    def verbose_of(net):
        return any(name == "progress" for name, _ in net.callbacks_)

    monkeypatch.setattr(interop, "together", lambda function: [function()])
    monkeypatch.setattr(interop.DistributedNet, "join", join)
    handler = DistributedDataParallelKwargs(bucket_cap_mb=50)
    settings = {"num_processes": 2, "is_main_process": False, "ddp_handler": handler}
    second = Accelerator(device=torch.device("meta", 1), **settings)
    estimator = small(VAE, device="meta", max_epochs=0, verbose=1)  # nothing is computed
    assert fit_distributed(estimator, panel(9), second) is estimator
    assert (joined["device"], joined["verbose"]) == (torch.device("meta", 1), False)
    assert joined["options"] == {"bucket_cap_mb": 50}
    assert (estimator.device, estimator.verbose, estimator.random_state) == ("meta", 1, 0)
    assert next(estimator.net_.module_.parameters()).device.type == "meta"


def test_without_accelerate_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "accelerate", None)
    monkeypatch.delitem(sys.modules, "tsdisentangle.interop.accelerate")
    with pytest.raises(ImportError, match=r"pip install 'tsdisentangle\[accelerate\]'"):
        import tsdisentangle.interop.accelerate  # noqa: F401
