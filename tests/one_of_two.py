"""What each of the two processes of ``test_accelerate.py`` does; also run there in one.

python one_of_two.py FOLDER      with the environment of a process group
"""

import os
import pickle
import sys
import zlib
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs
from helpers import METHODS, Slices, small
from skorch.callbacks import Callback

from tsdisentangle import VAE, StaticDynamicVAE, TabularEncoder, VideoEncoder, load
from tsdisentangle.interop.accelerate import fit_distributed
from tsdisentangle.network import SequenceNetwork
from tsdisentangle.training.skorch_net import DisentanglingNet

BATCH = 4  # of a process
RAGGED = {"missing": "mask"}
STEPS = {"encoder": TabularEncoder("step", hidden=8, out_features=6), "window": 3}
VIDEO = {"encoder": VideoEncoder(16, 3, 2, out_features=8, hidden=6)}


def panel(n, shape=(9, 2)):
    return np.random.default_rng(0).normal(size=(n, *shape)).astype(np.float32)


def gappy(n):
    X = panel(n)
    X[::3, 5:] = np.nan
    X[1::4, 2:4, 0] = np.nan
    return X


def clips(n):
    return np.random.default_rng(0).integers(0, 256, (n, 3, 16, 16, 3), dtype=np.uint8)


# Last batches of 8, 5 (3 and 2 rows) and 1 (1 row and none).
# Their losses look at a batch as a whole, so that other batches are another loss.
PAIRED = ("CDSVAE", "GLR", "RWAE", "S3VAE", "SKD", "SPYL")

EQUAL = {
    **{f"{m.__name__}": (m, {}, panel(21)) for m in METHODS if m.__name__ not in PAIRED},
    "nothing for one": (StaticDynamicVAE, {}, panel(17)),
    "even": (StaticDynamicVAE, {"anchor_loss": "static_only"}, panel(16)),
    "step": (StaticDynamicVAE, STEPS, panel(21)),
    "frozen": (VAE, STEPS, panel(21)),
    # The rate per window is the mean of the shares, which have other numbers of windows.
    "missing": (StaticDynamicVAE, {**RAGGED, "dynamic_rate": None}, gappy(21)),
    "stopped": (
        StaticDynamicVAE,
        {"early_stopping": 1, "validation_fraction": 0.5, "max_epochs": 60, "lr": 0.02},
        panel(21),
    ),
}
UNEQUAL = {
    **{f"{m.__name__}": (m, {}, panel(21)) for m in METHODS if m.__name__ in PAIRED},
    "without a seed": (StaticDynamicVAE, {"random_state": None}, panel(21)),
    "video": (StaticDynamicVAE, VIDEO, clips(10)),
    "usual noise": (StaticDynamicVAE, {"anchor": "random_batch"}, panel(21)),
}


class SampleNoise:
    """Draws that depend on the series and not on its batch."""

    def __init__(self, values):
        self.rows = [zlib.crc32(row.numpy().tobytes()) for row in values]

    def __call__(self, name, shape, like):
        n = len(self.rows)
        axis = 0 if shape[0] == n else 1
        assert shape[axis] == n
        rest = shape[:axis] + shape[axis + 1 :]
        seeds = [[row, zlib.crc32(name.encode())] for row in self.rows]
        drawn = [np.random.default_rng(seed).standard_normal(rest) for seed in seeds]
        return torch.as_tensor(np.stack(drawn, axis), dtype=like.dtype)


@contextmanager
def noise_of_samples():
    def call(self, batch, noise):
        noise = SampleNoise(batch.values) if self.training else noise
        return torch.nn.Module.__call__(self, batch, noise)

    SequenceNetwork.__call__ = call
    yield
    del SequenceNetwork.__call__


def make(case, batch_size):
    method, params, X = case
    return small(method, **{"batch_size": batch_size, "max_epochs": 3, **params}), X


def learned(estimator):
    """Losses and terms of the epochs, and the weights."""
    history = [
        {key: value for key, value in row.items() if key not in ("dur", "batches")}
        for row in estimator.history_
    ]
    weights = {k: w.numpy() for k, w in estimator.net_.module_.state_dict().items()}
    return history, weights


def rows_read():
    """Series of a stored panel that this process has read in an epoch of training, and after it."""
    X, training = Slices(panel(21)), []

    class AfterTheCheck(Callback):
        def on_train_begin(self, net, **kwargs):
            X.read.clear()

        def on_train_end(self, net, **kwargs):
            training.extend(X.read)
            X.read.clear()

    fit_distributed(small(max_epochs=1, batch_size=BATCH, callbacks=[AfterTheCheck()]), X)
    return [
        sorted(row for start, stop in read for row in range(start, stop))
        for read in (training, X.read)
    ]


def samples(case):
    """What a process samples after it has learned with the other one."""
    return fit_distributed(*make(case, BATCH)).sample(5, 9)


def noise_drawn():
    """A number of the noise of each batch of an epoch."""
    seen = []

    class Look(Callback):
        def on_batch_begin(self, net, **kwargs):
            copied = torch.Generator().set_state(net.generators_.on("cpu").get_state())
            seen.append(float(torch.randn((), generator=copied)))

    fit_distributed(small(max_epochs=1, batch_size=BATCH, callbacks=[Look()]), panel(21))
    return seen


def unused_parameter(accelerator):
    """What DistributedDataParallel says of one, or None."""

    class WithUnused(VAE):
        def _build_network(self, n_channels, window):
            network = super()._build_network(n_channels, window)
            network.register_parameter("unused", torch.nn.Parameter(torch.zeros(2)))
            return network

    try:
        fit_distributed(small(WithUnused, batch_size=BATCH), panel(21), accelerator)
    except RuntimeError as error:
        return str(error)
    return None


class Fails(Callback):
    """Raises at a call of a name, in process 1 alone."""

    def __init__(self, name, words, error=OSError):
        def fail(self, net, **kwargs):
            raise error(words)

        if os.environ["RANK"] == "1":
            setattr(type(self), name, fail)


def fails_at(name, words, error=OSError):
    return type("FailsAtOnePlace", (Fails,), {})(name, words, error)


class FailingFile(Slices):
    """A file that one process cannot read any more after the check of the panel."""

    def __getitem__(self, rows):
        if len(self.read) > 3 and os.environ["RANK"] == "1":
            raise OSError("disk of one")
        return super().__getitem__(rows)


class FailingPrior(VAE):
    def _learn_static_prior(self, dataset):
        def posterior(share):
            if os.environ["RANK"] == "1":
                raise OSError("prior of one")
            return (np.zeros(len(share)),)

        self.net_.map_dataset(posterior, dataset)


def failing_network():
    def call(self, batch, noise):
        if self.training and os.environ["RANK"] == "1":
            raise OSError("network of one")
        return torch.nn.Module.__call__(self, batch, noise)

    SequenceNetwork.__call__ = call


def failures(rank):
    """Kind and words of what is raised in each case."""
    X = panel(21)
    bad = X.copy()
    bad[3, 0, 0] = np.nan
    order = np.arange(21)[:: -1 if rank else 1]

    def case(words):
        return {"callbacks": [words]}

    cases = {
        "NaN in one": ({}, bad if rank else X),
        "a parameter of one": ({"max_epochs": -1 if rank else 2}, X),
        "shards": ({}, X[rank::2]),
        "another order in a file": ({}, Slices(X[order])),
        "another rate": ({"lr": 0.1 if rank else 0.004}, X),
        "a file of one": ({}, FailingFile(X)),
        "a callback of one": (case(fails_at("on_batch_end", "callback of one")), X),
        "the last callback of one": (case(fails_at("on_train_end", "last callback of one")), X),
        "stopped": (case(fails_at("on_epoch_end", "", KeyboardInterrupt)), X),
        "the network of one": ({}, X),
        "the prior of one": ({"method": FailingPrior}, X),
    }
    found = {}
    for name, (params, given) in cases.items():
        if name == "the network of one":
            failing_network()
        try:
            fit_distributed(small(**{"batch_size": BATCH, "lr": 0.004, **params}), given)
        except Exception as error:
            found[name] = type(error).__name__, str(error)
        if name == "the network of one":
            del SequenceNetwork.__call__
    return found


def plain(folder, rank):
    """Whether what comes back is an estimator like any other."""
    X = panel(21)
    estimator = small(batch_size=BATCH)
    assert fit_distributed(estimator, X) is estimator
    assert type(estimator.net_) is DisentanglingNet
    assert estimator.random_state == 0
    assert estimator.device == "cpu"
    assert not any("istributed" in type(value).__name__ for value in vars(estimator.net_).values())
    again = pickle.loads(pickle.dumps(estimator))
    estimator.save(folder / f"{rank}.tsd")
    kept = load(folder / f"{rank}.tsd")
    for other in (again, kept):
        np.testing.assert_array_equal(other.transform(X), estimator.transform(X))
    if rank == 0:  # alone, without the other process
        before = estimator.transform(X)
        assert not np.array_equal(estimator.partial_fit(X).transform(X), before)
        estimator.fit(X)
    return True


def main(folder):
    torch.set_num_threads(1)
    rank = int(os.environ["RANK"])
    found = {"rank": Accelerator().process_index, "size": Accelerator().num_processes}
    with noise_of_samples():
        for name, case in EQUAL.items():
            found[name] = learned(fit_distributed(*make(case, BATCH)))
    for name, case in UNEQUAL.items():
        found[name] = learned(fit_distributed(*make(case, BATCH)))
    found["plain"] = plain(folder, rank)
    found["rows"] = rows_read()
    found["samples"] = samples((StaticDynamicVAE, {}, panel(21)))
    found["samples of one series"] = samples((StaticDynamicVAE, {}, panel(1)))
    found["noise"] = noise_drawn()
    found["failures"] = failures(rank)
    found["after failures"] = learned(fit_distributed(*make(EQUAL["even"], BATCH)))
    found["unused"] = unused_parameter(Accelerator())
    handler = DistributedDataParallelKwargs(find_unused_parameters=True)
    found["unused, allowed"] = unused_parameter(Accelerator(kwargs_handlers=[handler]))
    (folder / f"{rank}.pkl").write_bytes(pickle.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
