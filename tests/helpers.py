"""What several test modules share."""

import importlib.util
import multiprocessing
import os
import sys
from inspect import signature
from pathlib import Path

from tsdisentangle import StaticDynamicVAE, TabularEncoder
from tsdisentangle.methods import load_methods

METHODS = tuple(load_methods().values())
SIBLING = Path(__file__).resolve().parents[2] / "shared" / "data"
REAL = Path(os.environ.get("TSDISENTANGLE_DATA") or SIBLING)


def small(method=StaticDynamicVAE, **params):
    """Return an estimator that fits in a moment."""
    kind = params.pop("kind", "window")
    defaults = {
        "encoder": TabularEncoder(kind, hidden=8, out_features=6),
        "static_dim": 3,
        "dynamic_dim": 2,
        "max_epochs": 2,
        "batch_size": 8,
        "random_state": 0,
    }
    takes = signature(method).parameters
    return method(**{**{k: v for k, v in defaults.items() if k in takes}, **params})


class Slices:
    """A stored array as an HDF5 data set is one: only slices of rows; it writes down which."""

    def __init__(self, array):
        self.array = array
        self.shape, self.dtype = array.shape, array.dtype
        self.read = []

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        self.read.append((rows.start, rows.stop))
        return self.array[rows]

    def __setitem__(self, rows, values):
        assert isinstance(rows, slice)
        self.array[rows] = values


def processes():
    """Context of processes that are forked from one without threads, which has all imported."""
    context = multiprocessing.get_context("forkserver")
    # torch._dynamo: the first optimizer of a process would import it.
    context.set_forkserver_preload(["tsdisentangle.methods.static_dynamic_vae", "torch._dynamo"])
    return context


def load_script(path):
    """Return an example or benchmark as a module; they stand outside of the package."""
    if str(path.parent) not in sys.path:  # as if it were run: scripts import their neighbours
        sys.path.append(str(path.parent))
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def fit_rows(estimator):
    """History without what the clock and the single batches say."""
    return [
        {key: value for key, value in row.items() if key not in ("batches", "dur")}
        for row in estimator.history_
    ]


def assert_same_fit(one, other, X):
    """Two fits are the same to the last bit: weights, losses, generators, codes and samples."""
    weights, others = one.net_.module_.state_dict(), other.net_.module_.state_dict()
    assert {k: v.numpy().tobytes() for k, v in weights.items()} == {
        k: v.numpy().tobytes() for k, v in others.items()
    }
    assert fit_rows(one) == fit_rows(other)
    key, place = one.random_state_.get_state()[1:3]
    other_key, other_place = other.random_state_.get_state()[1:3]
    assert (key.tolist(), place) == (other_key.tolist(), other_place)
    assert one.transform(X).tobytes() == other.transform(X).tobytes()
    assert one.sample(2, 4).tobytes() == other.sample(2, 4).tobytes()
