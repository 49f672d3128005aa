"""Table 7 on a tenth of the published recordings; its parts on closed forms."""

import json

import numpy as np
import pytest
from helpers import REAL

pytest.importorskip("matplotlib")
pytest.importorskip("librosa")
pytest.importorskip("soundfile")

from benchmarks.tables.__main__ import main
from benchmarks.tables.entries import entries_of
from benchmarks.tables.probes import Split
from benchmarks.tables.rows import ERROR_RATES
from benchmarks.tables.speakers import (
    QUICK_BUDGET,
    Recordings,
    encode_row,
    estimate,
    measure,
    measure_rows,
    spread,
)
from tsdisentangle import Codes
from tsdisentangle.metrics import equal_error_rate, verification_gap

METHODS = ["StaticDynamicVAE", "StaticDynamicVAE/untrained", "raw/mean log-mel"]


def codes(static, dynamic, lengths):
    return Codes(np.asarray(static, float), np.asarray(dynamic, float), np.asarray(lengths))


def test_thirds_keep_the_order_of_sounds():
    dynamic = np.zeros((3, 6, 1))
    dynamic[:, :, 0] = [[1, 1, 2, 2, 3, 3], [1, 2, 3, 9, 9, 9], [5, 9, 9, 9, 9, 9]]
    rows = spread(codes(np.zeros((3, 1)), dynamic, [6, 3, 1]))
    np.testing.assert_allclose(rows, [[1, 2, 3], [1, 2, 3], [5, 5, 5]])


def test_numbers_of_perfect_codes():
    """Speakers are axes of the static code; the dynamic code is the digit and nothing else."""
    speaker, digit = np.repeat(np.arange(4), 20), np.tile(np.arange(10), 8)
    dynamic = np.repeat(np.eye(10)[digit][:, None], 3, axis=1)
    perfect = codes(np.eye(4)[speaker], dynamic, np.full(80, 3))
    rows = np.arange(80)
    both = Recordings([], speaker, digit, {})
    takes = Split(rows[::2], rows[:0], rows[1::2])
    found = values_of(measure(perfect, both, takes, takes.test))
    assert found["static EER"] == 0
    assert found["gap"] == found["dynamic EER"]
    assert found["speaker, from static"] == 1
    assert found["speaker, from dynamic"] <= 0.5
    # Even and odd digits: nothing that was trained on is asked for.
    assert found["digit, from dynamic"] == 0
    strangers = Split(rows[:40], rows[:0], rows[40:])
    found = values_of(measure(perfect, both, strangers, strangers.test))
    assert "speaker, from static" not in found
    assert found["digit, from dynamic"] == 1


def values_of(fold):
    return {name: value for name, ((value,), _) in estimate([[fold]]).items()}


# -- intervals ----------------------------------------------------------------------------------


def recordings(speakers, splits):
    """Ten recordings of each speaker: five of either digit."""
    speaker, digit = np.repeat(np.arange(speakers), 10), np.tile([0, 1], 5 * speakers)
    return Recordings([], speaker, digit, splits)


def noisy_codes(data, seed):
    """Codes that know something of the speaker, and something of the digit."""
    rng = np.random.default_rng(seed)
    n = len(data.speaker)
    static = np.eye(6)[data.speaker] + 0.7 * rng.normal(size=(n, 6))
    dynamic = np.eye(2)[data.digit][:, None] + 2.0 * rng.normal(size=(n, 3, 2))
    return codes(static, dynamic, np.full(n, 3))


def measured(name, data, seeds):
    def encode(entry, data, train, seed):
        return noisy_codes(data, seed), 1, 2.0

    rows = measure_rows(entries_of("7")[0], name, data, seeds, encode)
    return {row.metric: row for row in rows}


def by_takes(speakers):
    rows = np.arange(10 * speakers)
    split = Split(rows[rows % 10 < 5], rows[:0], rows[rows % 10 >= 5])
    return recordings(speakers, {"takes": [split]})


def by_speakers():
    rows = np.arange(60)
    splits = [
        Split(rows[rows // 20 != fold], rows[:0], rows[rows // 20 == fold]) for fold in range(3)
    ]
    return recordings(6, {"speakers": splits})


def test_error_rates_have_the_interval_of_drawn_speakers():
    """By brute force: each draw's codes, where a copy of a speaker is the same speaker."""
    data = by_takes(4)
    found = measured("takes", data, [0, 1])
    test = data.splits["takes"][0].test
    rng = np.random.default_rng(0)
    values = []
    while len(values) < 200:
        times = np.bincount(rng.integers(4, size=4), minlength=4)
        if np.count_nonzero(times) > 1:
            values.append(np.mean([brute(data, test, seed, times) for seed in (0, 1)], axis=0))
    expected = np.percentile(values, [2.5, 97.5], axis=0).T
    for name, interval in zip(ERROR_RATES, expected, strict=True):
        row = found[name]
        np.testing.assert_allclose([row.ci_low, row.ci_high], interval)
        assert row.ci_low < row.mean < row.ci_high
    gaps = [verification_gap(*both(data, test, seed), data.speaker[test]).gap for seed in (0, 1)]
    assert found["gap"].mean == pytest.approx(np.mean(gaps))
    assert found["gap"].std == pytest.approx(np.std(gaps))


def both(data, test, seed):
    of_seed = noisy_codes(data, seed)
    return of_seed.static[test], of_seed.mean_dynamic()[test]


def brute(data, test, seed, times):
    """Both error rates and the gap, from the least difference of shares at any cosine."""
    rates = [crossing(vectors, data.speaker[test], times) for vectors in both(data, test, seed)]
    return [*rates, rates[1] - rates[0]]


def crossing(vectors, speaker, times):
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    i, j = np.triu_indices(len(unit), 1)
    cosines = (unit @ unit.T)[i, j].astype(np.float32)
    alike = speaker[i] == speaker[j]
    times_i, times_j = times[speaker[i]], times[speaker[j]]
    counts = np.where(alike, times_i, times_i * times_j)
    same, different = (np.sort(np.repeat(cosines[k], counts[k])) for k in (alike, ~alike))
    at = np.unique([*same, *different])
    fnr = same.searchsorted(at, side="right") / len(same)
    fpr = 1 - different.searchsorted(at, side="right") / len(different)
    best = np.argmin(abs(fnr - fpr).round(12))
    return (fnr[best] + fpr[best]) / 2


@pytest.mark.parametrize("name", ["takes", "speakers"])
def test_accuracies_have_the_interval_of_drawn_speakers(name):
    """Speakers have equally many recordings, so that a draw is the mean of theirs."""
    data = by_takes(6) if name == "takes" else by_speakers()
    folds = [measure(noisy_codes(data, 0), data, split, split.test) for split in data.splits[name]]
    answers = [fold.answers["digit, from dynamic"] for fold in folds]
    of_speaker = np.zeros(6)
    for answer in answers:
        for speaker in np.unique(answer.units):
            own = answer.units == speaker
            of_speaker[speaker] = np.mean(answer.truth[own] == answer.guess[own])
    rng = np.random.default_rng(0)
    means = [of_speaker[rng.integers(6, size=6)].mean() for _ in range(200)]
    values, interval = estimate([folds])["digit, from dynamic"]
    np.testing.assert_allclose(values, [of_speaker.mean()])
    np.testing.assert_allclose(interval, np.percentile(means, [2.5, 97.5]))
    assert interval[0] < interval[1]


@pytest.mark.parametrize("seeds", [[0], [0, 1, 2]])
def test_unseen_speakers_have_an_interval_of_single_recordings_alone(seeds):
    found = measured("speakers", by_speakers(), seeds)
    for name, row in found.items():
        known = row.ci_low is not None
        assert known == (name == "digit, from dynamic")
        assert known == (row.ci_high is not None)
        assert (row.std is None) == (len(seeds) == 1)
        assert row.is_complete


def test_folds_are_averaged():
    data = by_speakers()
    rates = []
    for split in data.splits["speakers"]:
        static, _ = both(data, split.test, 0)
        rates.append(equal_error_rate(static, data.speaker[split.test]).eer)
    assert measured("speakers", data, [0])["static EER"].mean == pytest.approx(np.mean(rates))


def test_two_speakers_have_no_interval():
    found = measured("takes", by_takes(2), [0, 1])
    assert all(found[name].ci_low is None for name in ERROR_RATES)


def test_a_single_seed_has_an_interval_over_speakers_and_no_deviation():
    for row in measured("takes", by_takes(4), [0]).values():
        assert row.std is None
        assert row.ci_low < row.ci_high


# -- the command --------------------------------------------------------------------------------


def test_the_estimator_computes_where_the_command_says(tmp_path):
    spectrograms = [np.zeros((6, 2), np.float32)] * 3
    data = Recordings(spectrograms, np.arange(3), np.arange(3), {})
    rows = {row.name: row for row in entries_of("7")}
    for row in (rows[name] for name in METHODS[:2]):
        with pytest.raises(ValueError, match=r"device='cuda:99' cannot be used"):
            encode_row(row, data, np.arange(2), 0, QUICK_BUDGET, tmp_path, "cuda:99")


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="needs the published files")
def test_quick_rows(tmp_path, monkeypatch):
    monkeypatch.setenv("TSDISENTANGLE_DATA", str(REAL))
    arguments = ["7", "--quick", "--cache", str(tmp_path / "fits"), "--output", str(tmp_path)]
    arguments += ["--splits", "takes", "--seeds", "1", "--methods", *METHODS]
    main(arguments)
    rows = json.loads((tmp_path / "quick" / "table7.json").read_text())["rows"]
    found = {(row["method"], row["metric"]): row["mean"] for row in rows}
    assert {method for method, _ in found} == set(METHODS)
    assert all(row["published"] is None for row in rows)
    for method in METHODS:
        gap = found[method, "dynamic EER"] - found[method, "static EER"]
        assert found[method, "gap"] == pytest.approx(gap)
    # Raw features of both kinds are the same.
    assert found[METHODS[2], "gap"] == pytest.approx(0)
    assert found[METHODS[2], "speaker, from static"] > 0.5
    text = (tmp_path / "quick" / "table7.md").read_text()
    to_come = dict(part.split(": ") for part in text.split("Still to come: ")[1].split("; "))
    assert "StaticDynamicVAE" not in to_come["FSDD, takes, corrected"].split(", ")
    assert "StaticDynamicVAE" in to_come["FSDD, speakers, corrected"].split(", ")
    assert (tmp_path / "quick" / "table7_corrected.png").stat().st_size > 5_000
    measured = (tmp_path / "quick" / "table7.json").read_text()
    main(arguments)
    assert json.loads(measured)["rows"] == rows
