"""Recordings block by block; what is refused is tested through the front end."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("soundfile")
pytest.importorskip("soxr")
import soundfile
import soxr

from tsdisentangle.io import recordings
from tsdisentangle.io.recordings import read_blocks

RATES = st.sampled_from([7999, 8000, 16000, 22050, 48000])


@settings(deadline=None, max_examples=40)
@given(samples=st.integers(50, 5000), block=st.integers(1, 6000), rate=RATES, input_rate=RATES)
def test_blocks_joined_are_the_whole(samples, block, rate, input_rate):
    sound = np.random.default_rng(samples).normal(size=samples).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recordings, "BLOCK", block)
        joined = np.concatenate(list(read_blocks(sound, rate, input_rate)))
    whole = sound if rate == input_rate else soxr.resample(sound, input_rate, rate)
    np.testing.assert_allclose(joined, whole, atol=1e-6)


@pytest.mark.parametrize("rate", [4000, 16000])
def test_resampling_keeps_a_tone(rate):
    def tone(rate):
        return np.sin(2 * np.pi * 440 * np.arange(rate) / rate)

    joined = np.concatenate(list(read_blocks(tone(8000), rate, 8000)))
    assert len(joined) == rate
    middle = slice(rate // 10, -rate // 10)  # the filter sees nothing beyond the ends
    np.testing.assert_allclose(joined[middle], tone(rate)[middle], atol=1e-3)


@pytest.mark.parametrize("ending", ["wav", "flac", "ogg", "mp3"])
def test_formats(ending, tmp_path):
    sound = np.sin(np.arange(20000) / 10)
    path = tmp_path / f"sound.{ending}"
    soundfile.write(path, sound, 16000)
    read = np.concatenate(list(read_blocks(path, 16000)))
    assert abs(len(read) - 20000) < 3000  # lossy formats fill up their last frame
    assert np.corrcoef(read[2000:18000], sound[2000:18000])[0, 1] > 0.99


def test_a_file_says_its_own_rate(tmp_path):
    soundfile.write(tmp_path / "sound.wav", np.sin(np.arange(8000) / 10), 8000)
    assert sum(map(len, read_blocks(tmp_path / "sound.wav", 16000, input_rate=4000))) == 16000


def test_nothing_left_at_the_new_rate_is_refused():
    with pytest.raises(ValueError, match="so short that nothing is left of it at 1000 Hz"):
        list(read_blocks(np.ones(1), 1000, 48000))
