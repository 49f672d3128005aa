"""What holds for every method in every environment: processes, threads, generators, memory.

The rest of the contract is in test_contract.py (series) and test_modalities.py (clips, spectra).
"""

import pickle
import random

import numpy as np
import pandas as pd
import pytest
import torch
from helpers import METHODS, small
from joblib import Parallel, delayed, parallel_backend
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from tsdisentangle import StaticDynamicVAE, TabularEncoder, VideoEncoder, load


def panel(n=12, length=9, channels=2):
    return np.random.default_rng(0).normal(size=(n, length, channels)).astype(np.float32)


@pytest.fixture(scope="module", params=METHODS, ids=lambda method: method.__name__)
def method(request):
    return request.param


@pytest.fixture(scope="module")
def fitted(method):
    return small(method, missing="mask", window=3).fit(panel())


def answers(estimator, X):
    """Everything that an estimator tells about a panel, and what it draws."""
    codes = estimator.encode(X, return_std=True)
    return [
        estimator.transform(X),
        *(codes.static, codes.dynamic, codes.static_std, codes.dynamic_std),
        estimator.decode(codes),
        estimator.reconstruct(X),
        estimator.impute(X),
        *estimator.swap(X, X[::-1] if isinstance(X, np.ndarray) else X),
        estimator.score_samples(X),
        estimator.sample(3, 5),
    ]


# -- processes and threads ----------------------------------------------------------------------


def fit_and_answer(method):
    torch.set_num_threads(1)
    return answers(small(method, max_epochs=1).fit(panel()), panel())


@pytest.mark.slow
def test_other_processes_give_the_same_bits():
    """n_jobs changes who works, not what comes out, at an equal number of threads."""
    here = [fit_and_answer(method) for method in METHODS]
    with parallel_backend("loky", inner_max_num_threads=1):
        there = Parallel(n_jobs=2)(delayed(fit_and_answer)(method) for method in METHODS)
    for one, other in zip(here, there, strict=True):
        for expected, found in zip(one, other, strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.slow
def test_cross_validation_does_not_depend_on_n_jobs():
    X, estimator = panel(), small(max_epochs=1)
    alone = cross_val_score(estimator, X, cv=2)
    with parallel_backend("loky", inner_max_num_threads=1):
        np.testing.assert_array_equal(cross_val_score(estimator, X, cv=2, n_jobs=2), alone)


@pytest.fixture
def threads():
    """Return torch's setter; the number is set back afterwards."""
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


def test_codes_of_the_same_weights_hardly_depend_on_threads(method, threads):
    X = panel(64, 48, 4)
    encoder = TabularEncoder(hidden=64, out_features=32)
    estimator = small(method, encoder=encoder, max_epochs=1, batch_size=64).fit(X)
    threads(1)
    expected = estimator.transform(X)
    for count in (2, 4):
        threads(count)
        np.testing.assert_allclose(estimator.transform(X), expected, rtol=1e-5, atol=1e-5)


# -- generators ---------------------------------------------------------------------------------


def generators():
    torch_state, numpy_state = torch.random.get_rng_state(), np.random.get_state()  # noqa: NPY002
    return [torch_state.tolist(), [part.tolist() for part in numpy_state[1:2]], random.getstate()]


@pytest.mark.parametrize("seed", [0, np.random.RandomState(3)], ids=["number", "generator"])
def test_no_call_touches_the_generators_of_the_process(method, seed):
    before = generators()
    estimator = small(method, random_state=seed, early_stopping=2, validation_fraction=0.25)
    answers(estimator.fit(panel()), panel())
    estimator.set_params(early_stopping=False).partial_fit(panel())
    pickle.loads(pickle.dumps(estimator))
    assert generators() == before


# -- input --------------------------------------------------------------------------------------


def locked(X):
    X = X.copy()
    X.setflags(write=False)
    return X


def mapped(X, folder):
    np.save(folder / "panel.npy", X)
    return np.load(folder / "panel.npy", mmap_mode="r")


@pytest.mark.parametrize("form", ["locked", "memmap", "fortran", "list", "frame"])
def test_input_is_only_read(method, form, tmp_path):
    """Read-only memory and files do, and what can be written is not."""
    X = panel()
    X[1, 7:] = np.nan
    index = pd.MultiIndex.from_product([range(12), range(9)])
    given = {
        "locked": lambda: locked(X),
        "memmap": lambda: mapped(X, tmp_path),
        "fortran": lambda: np.asfortranarray(X),
        "list": lambda: [locked(x) for x in X],
        "frame": lambda: pd.DataFrame(X.reshape(-1, 2), index, columns=["a", "b"]),
    }[form]()
    before = np.array(given, copy=True)
    estimator = small(method, missing="mask", max_epochs=1).fit(given)
    answers(estimator, given)
    estimator.partial_fit(given)
    np.testing.assert_array_equal(np.array(given), before)
    expected = small(method, missing="mask", max_epochs=1).fit(X).partial_fit(X).transform(X)
    np.testing.assert_array_equal(estimator.transform(given), expected)


def test_codes_that_are_decoded_are_not_changed(fitted):
    codes = fitted.encode(panel())
    before = codes.static.copy(), codes.dynamic.copy(), codes.lengths.copy()
    fitted.decode(codes)
    fitted.sample(12, 9, static=codes.static, dynamic=codes.dynamic)
    for one, other in zip((codes.static, codes.dynamic, codes.lengths), before, strict=True):
        np.testing.assert_array_equal(one, other)


# -- eval mode ----------------------------------------------------------------------------------


def training(estimator):
    return {part.training for part in estimator.net_.module_.modules()}


def test_whatever_was_called_codes_come_from_eval_mode(method, tmp_path):
    X = panel()
    estimator = small(method, max_epochs=1).fit(X)
    estimator.save(tmp_path / "model.tsd")
    loaded = load(tmp_path / "model.tsd")
    refitted = clone(estimator).fit(X).partial_fit(X)
    for each in (estimator, loaded, refitted, pickle.loads(pickle.dumps(refitted))):
        first = answers(each, X)
        assert training(each) == {False}
        for one, other in zip(first, answers(each, X), strict=True):
            np.testing.assert_array_equal(one, other)


def test_statistics_of_training_batches_do_not_move_with_use():
    """A convolutional encoder holds running means: a row's code is that of the row alone."""
    clips = np.random.default_rng(0).integers(0, 256, (8, 3, 16, 16, 1), dtype=np.uint8)
    encoder = VideoEncoder(16, 1, 2, out_features=4, hidden=4)
    estimator = StaticDynamicVAE(encoder, max_epochs=1, random_state=0).fit(clips)
    buffers = {name: b.clone() for name, b in estimator.net_.module_.named_buffers()}
    assert buffers
    codes = estimator.transform(clips)
    np.testing.assert_allclose(estimator.transform(clips[2:3]), codes[2:3], rtol=1e-4, atol=1e-5)
    for name, buffer in estimator.net_.module_.named_buffers():
        assert torch.equal(buffer, buffers[name])
