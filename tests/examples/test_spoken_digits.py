"""The parts of the script on made-up spectrograms."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("librosa")
pytest.importorskip("soundfile")

import soundfile
from helpers import load_script, small

from benchmarks.tables.speakers import Recordings

SCRIPT = Path(__file__).parents[2] / "examples" / "spoken_digits.py"


@pytest.fixture(scope="module")
def script():
    return load_script(SCRIPT)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    speaker, digit = np.divmod(np.arange(60), 10)
    spectrograms = [rng.normal(-4, 1, (20 + i % 7, 40)).astype(np.float32) for i in range(60)]
    return Recordings(spectrograms, speaker, digit, {})


def test_each_says_its_own_digit_in_the_other_voice(script, data):
    class Names:
        def swap(self, first, second):
            return [first[0] + "-static " + second[0] + "-dynamic"], [
                second[0] + "-static " + first[0] + "-dynamic"
            ]

    found = script.swap_voices(Names(), "jackson", "theo")
    assert (found["jackson_4"], found["theo_7"]) == ("jackson", "theo")
    assert found["jackson_4_as_theo"] == "theo-static jackson-dynamic"
    assert found["theo_7_as_jackson"] == "jackson-static theo-dynamic"


def test_picked_recordings_are_the_chosen_ones_of_the_part(script, data):
    rows = script.pick(data, np.arange(10, 60))
    assert [(data.speaker[row], data.digit[row]) for row in rows] == list(script.CHOSEN)


@pytest.mark.slow
def test_pictures_and_sounds(script, data, tmp_path):
    estimator = small(window=5, max_epochs=1).fit(data.spectrograms)
    script.draw_map(estimator, data, np.arange(60), tmp_path / "speakers.png")
    voices = script.swap_voices(estimator, *data.take(np.array([14, 47])))
    script.draw_voices(voices, tmp_path / "voices.png")
    script.write_sounds(voices, tmp_path)
    assert (tmp_path / "speakers.png").stat().st_size > 10_000
    assert (tmp_path / "voices.png").stat().st_size > 10_000
    sounds = sorted(tmp_path.glob("voice_*.wav"))
    assert [path.stem.removeprefix("voice_") for path in sounds] == sorted(voices)
    for path in sounds:
        sound, rate = soundfile.read(path)
        assert rate == 8000
        assert np.abs(sound).max() == pytest.approx(0.9, abs=1e-3)
        frames = len(voices[path.stem.removeprefix("voice_")])
        assert len(sound) == 80 * (frames - 1)
