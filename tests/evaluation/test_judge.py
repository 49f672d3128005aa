import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from sklearn.base import clone

from tsdisentangle.evaluation.judge import Judge, JudgeNetwork

COLOURS = np.array([[255, 40, 40], [40, 255, 40], [40, 40, 255]], dtype=np.uint8)
DIRECTIONS = np.array(["left", "right"])


def squares(n, seed, size=16, time=4):
    """A coloured square that moves two pixels per frame over a dark, noisy ground."""
    rng = np.random.RandomState(seed)
    colour, direction = rng.randint(3, size=n), rng.randint(2, size=n)
    clips = rng.randint(30, size=(n, time, size, size, 3), dtype=np.uint8)
    for i in range(n):
        top, start = rng.randint(size - 4), rng.randint(2)
        for t in range(time):
            left = start + 2 * (t if direction[i] else time - 1 - t)
            clips[i, t, top : top + 4, left : left + 4] = COLOURS[colour[i]]
    return clips, {"colour": colour, "direction": DIRECTIONS[direction]}


@pytest.fixture(scope="module")
def judge():
    clips, labels = squares(300, 0)
    return Judge(width=8, max_epochs=8, random_state=0).fit(clips, labels)


def test_learns_what_stays_and_what_moves(judge):
    clips, labels = squares(100, 1)
    assert min(judge.score(clips, labels).values()) >= 0.97
    # Played backwards, the squares keep their colour and go the other way.
    guess = judge.predict(clips[:, ::-1])
    assert (guess["colour"] == labels["colour"]).mean() >= 0.97
    assert (guess["direction"] == labels["direction"]).mean() <= 0.03


def test_probabilities(judge):
    clips, _ = squares(50, 2)
    found = judge.predict_proba(clips)
    assert [found[name].shape for name in ("colour", "direction")] == [(50, 3), (50, 2)]
    for name, p in found.items():
        assert_allclose(p.sum(axis=1), 1, atol=1e-12)
        guess = judge.classes_[name][p.argmax(axis=1)]
        assert (judge.predict(clips)[name] == guess).all()
    assert judge.classes_["direction"].tolist() == ["left", "right"]
    # Frozen statistics: a clip is judged by itself, whatever stands beside it.
    assert_allclose(judge.predict_proba(clips[:1])["colour"], found["colour"][:1], atol=1e-5)


def test_seed_decides(judge):
    clips, labels = squares(40, 3)
    params = {"width": 4, "max_epochs": 2, "random_state": 0}
    before = torch.random.get_rng_state()
    first, again = (Judge(**params).fit(clips, labels).predict_proba(clips) for _ in range(2))
    other = Judge(**{**params, "random_state": 1}).fit(clips, labels).predict_proba(clips)
    assert (first["colour"] == again["colour"]).all()
    assert not np.allclose(first["colour"], other["colour"])
    assert (torch.random.get_rng_state() == before).all()


def test_threads_and_settings_of_torch_do_not_matter():
    clips, labels = squares(24, 3)

    def judged(seed):
        judge = Judge(width=2, max_epochs=1, random_state=seed).fit(clips, labels)
        return judge.predict_proba(clips)["colour"].tobytes()

    alone = [judged(seed) for seed in range(4)]
    before = torch.random.get_rng_state()
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(judged, range(4))) == alone
    assert (torch.random.get_rng_state() == before).all()
    for around in (torch.inference_mode(), torch.autocast("cpu", torch.bfloat16)):
        with around:
            assert judged(0) == alone[0]


@pytest.fixture(scope="module")
def nothing_to_learn():
    rng = np.random.RandomState(0)
    clips = rng.randint(256, size=(40, 2, 16, 16, 1), dtype=np.uint8)
    return clips, {"label": rng.randint(2, size=40)}


def test_the_best_epoch_is_kept(nothing_to_learn):
    clips, _ = nothing_to_learn
    params = {"width": 4, "lr": 0.01, "random_state": 0}
    long = Judge(max_epochs=12, **params).fit(*nothing_to_learn)
    losses = [line["valid_loss"] for line in long.history_]
    best = int(np.argmin(losses))
    assert best < 11
    # With the same seed, a fit that ends there has the same weights.
    short = Judge(max_epochs=best + 1, **params).fit(*nothing_to_learn)
    assert_allclose(short.predict_proba(clips)["label"], long.predict_proba(clips)["label"])


def test_stops_when_nothing_improves(nothing_to_learn):
    judge = Judge(width=4, max_epochs=60, patience=2, lr=0.01, random_state=0)
    losses = [line["valid_loss"] for line in judge.fit(*nothing_to_learn).history_]
    assert len(losses) < 60
    assert np.argmin(losses) == len(losses) - 3


def test_reads_a_memory_map_batch_by_batch(tmp_path):
    clips, labels = squares(64, 5)
    path = tmp_path / "clips.npy"
    np.save(path, np.repeat(clips, 20, axis=0))
    labels = {name: np.repeat(values, 20) for name, values in labels.items()}
    mapped = np.load(path, mmap_mode="r")
    judge = Judge(width=4, max_epochs=1, random_state=0)
    tracemalloc.start()
    judge.fit(mapped, labels)
    judge.score(mapped, labels)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < mapped.nbytes / 2


def test_network_reads_both_ends():
    # What the heads see is the forward state after the last frame and the backward one after the
    # first: LSTM outputs at these places.
    torch.manual_seed(0)
    network = JudgeNetwork(16, 1, 4, {"label": 3}).eval()
    clips = torch.randint(256, (2, 5, 16, 16, 1), dtype=torch.uint8)
    frames = clips.flatten(0, 1).permute(0, 3, 1, 2) / 255
    outputs = network.lstm(network.frames(frames).view(2, 5, -1))[0]
    both = torch.cat([outputs[:, -1, :256], outputs[:, 0, 256:]], dim=1)
    torch.testing.assert_close(network(clips)["label"], network.heads[0](both))


def test_is_a_scikit_learn_estimator():
    judge = Judge(width=4, patience=3)
    assert clone(judge).get_params() == judge.get_params()


CLIPS, LABELS = squares(20, 6)


@pytest.mark.parametrize(
    ("clips", "labels", "message"),
    [
        (CLIPS / 255, LABELS, "expected uint8"),
        (CLIPS[0], LABELS, "expected uint8"),
        (CLIPS[:, :, :12, :12], LABELS, "power of two"),
        (CLIPS[:, :, :, :8], LABELS, "square"),
        (CLIPS, {}, "at least one label"),
        (CLIPS, {"colour": LABELS["colour"][:5]}, "shape"),
        (CLIPS, {"colour": np.zeros(20, int)}, "single value"),
        (CLIPS[:1], {"colour": [0]}, "single value"),
    ],
)
def test_refuses(clips, labels, message):
    with pytest.raises(ValueError, match=message):
        Judge(width=4, max_epochs=1).fit(clips, labels)


def test_refuses_what_it_cannot_train_on_or_judge(judge):
    with pytest.raises(ValueError, match="none to train on"):
        Judge(validation_fraction=0.99).fit(CLIPS, LABELS)
    with pytest.raises(ValueError, match="fitted on"):
        judge.predict_proba(CLIPS[..., :1])
    with pytest.raises(FloatingPointError, match="Lower lr"):
        Judge(width=4, max_epochs=9, lr=1e30, random_state=0).fit(CLIPS, LABELS)
