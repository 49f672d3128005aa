"""What goes on around a fit does not change it, and a fit changes nothing around it."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import joblib
import numpy as np
import pytest
import torch
from helpers import METHODS, small
from sklearn.base import BaseEstimator
from sklearn.model_selection import GridSearchCV
from torch import nn

from tsdisentangle import StaticDynamicVAE, TabularDecoder, VideoEncoder, load
from tsdisentangle.nn import ElementEncoder

VIDEO = VideoEncoder(16, 1, 1, out_features=4, hidden=4)


def panel(n=12):
    return np.random.default_rng(0).normal(size=(n, 9, 2)).astype(np.float32)


def clips():
    return np.random.default_rng(0).integers(0, 256, (6, 3, 16, 16, 1), dtype=np.uint8)


class DropoutNet(ElementEncoder):
    def __init__(self, n_channels):
        super().__init__()
        self.out_features = 6
        self.layers = nn.Sequential(nn.Linear(n_channels, 6), nn.Dropout(0.3), nn.ReLU())
        self.lstm = nn.LSTM(6, 6, num_layers=2, dropout=0.3, batch_first=True)

    def forward(self, values, observed):
        features = self.layers(values.flatten(0, 1))
        return self.lstm(features)[0].mean(1).unflatten(0, values.shape[:2])


class DropoutEncoder(BaseEstimator):
    """An encoder of a user, which draws numbers without being given a generator."""

    def build(self, n_channels, window):
        return DropoutNet(n_channels)

    def decoder(self):
        return TabularDecoder()


CASES = {
    **{method.__name__: (method, {}, panel()) for method in METHODS},
    "step": (StaticDynamicVAE, {"kind": "step"}, panel()),
    "validation": (StaticDynamicVAE, {"early_stopping": 2, "validation_fraction": 0.3}, panel()),
    "rate": (StaticDynamicVAE, {"dynamic_rate": "auto"}, panel()),
    "random anchor": (StaticDynamicVAE, {"anchor": "random_batch"}, panel()),
    "video": (StaticDynamicVAE, {"encoder": VIDEO}, clips()),
    "dropout": (StaticDynamicVAE, {"encoder": DropoutEncoder()}, panel()),
}


def results(case, seed=0):
    """All that draws, and what was learned, as bytes."""
    method, params, X = case
    estimator = small(method, max_epochs=1, random_state=seed, **params).fit(X)
    found = [estimator.transform(X), estimator.sample(2, 9, observation_noise=True)]
    found += [estimator.score_samples(X), estimator.history_[-1, "train_loss"]]
    if "early_stopping" not in params:
        found.append(estimator.partial_fit(X).transform(X))
    return [np.asarray(each).tobytes() for each in found]


# -- threads ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_fits_in_threads_are_those_of_a_lone_one():
    """Four at a time, all cases and seeds mixed."""
    jobs = [(name, seed) for seed in range(2) for name in CASES]
    alone = {job: results(CASES[job[0]], job[1]) for job in set(jobs)}
    before = torch.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        beside = list(pool.map(lambda job: results(CASES[job[0]], job[1]), jobs))
    assert torch.equal(torch.get_rng_state(), before)
    different = {job[0] for job, found in zip(jobs, beside, strict=True) if found != alone[job]}
    assert not different


def test_a_users_draws_beside_a_fit_are_as_without_it():
    rounds = 300
    with torch.random.fork_rng():
        torch.manual_seed(0)
        expected = torch.stack([torch.rand(4) for _ in range(rounds)])
    going = threading.Event()

    def fit_on():
        while not going.is_set():
            small(max_epochs=1).fit(panel()).sample(2, 4)

    threads = [threading.Thread(target=fit_on) for _ in range(2)]
    for thread in threads:
        thread.start()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        found = []
        for _ in range(rounds):
            found.append(torch.rand(4))
            going.wait(1e-3)
    going.set()
    for thread in threads:
        thread.join()
    assert torch.equal(torch.stack(found), expected)


def test_a_search_in_threads_is_one_without():
    scores = []
    for n_jobs in (1, 4):
        search = GridSearchCV(small(max_epochs=1), {"beta": [0.5, 2.0]}, cv=2, n_jobs=n_jobs)
        with joblib.parallel_backend("threading"):
            scores.append(search.fit(panel(16)).cv_results_["mean_test_score"].tolist())
    assert scores[0] == scores[1]


# -- torch's settings ---------------------------------------------------------------------------


@contextmanager
def default_dtype(dtype):
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def default_device(device):
    torch.set_default_device(device)
    try:
        yield
    finally:
        torch.set_default_device(None)


AROUND = {
    "float64": lambda: default_dtype(torch.float64),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "meta device": lambda: default_device("meta"),
    "autocast": lambda: torch.autocast("cpu", torch.bfloat16),
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
}
OURS = {name: case for name, case in CASES.items() if name != "dropout"}


FAST = ("VAE",)


@pytest.mark.parametrize(
    "name", [n if n in FAST else pytest.param(n, marks=pytest.mark.slow) for n in OURS]
)
def test_settings_around_a_call_do_not_change_it(name, tmp_path):
    method, params, X = OURS[name]
    plain = results(OURS[name])
    small(method, **params).fit(X).save(tmp_path / "plain.tsd")
    codes = load(tmp_path / "plain.tsd").transform(X)
    for setting, around in AROUND.items():
        with around():
            found = results(OURS[name])
            again = load(tmp_path / "plain.tsd")
            again.save(tmp_path / "again.tsd")
        assert found == plain, setting
        np.testing.assert_array_equal(again.transform(X), codes, err_msg=setting)
        assert (tmp_path / "again.tsd").read_bytes() == (tmp_path / "plain.tsd").read_bytes()


@pytest.mark.parametrize("around", AROUND.values(), ids=AROUND)
def test_a_checkpoint_is_taken_up_under_any_setting(around, tmp_path):
    X = panel()
    whole = small(max_epochs=3).fit(X).transform(X)
    with around():
        small(max_epochs=2, checkpoint_dir=tmp_path).fit(X)
        resumed = small(max_epochs=3, checkpoint_dir=tmp_path).fit(X)
    np.testing.assert_array_equal(resumed.transform(X), whole)


def test_half_precision_is_that_of_the_estimator_alone():
    X, params = panel(), {"precision": "bfloat16"}
    plain = small(**params).fit(X).transform(X)
    for name in ("autocast", "no_grad"):
        with AROUND[name]():
            np.testing.assert_array_equal(small(**params).fit(X).transform(X), plain)
