"""Recordings block by block; what is refused is tested through the front end."""

import io
from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("soundfile")
pytest.importorskip("soxr")
import soundfile
import soxr

from tsdisentangle.io import recordings
from tsdisentangle.io.recordings import is_single, read_blocks

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


# -- forms ----------------------------------------------------------------------------------------

INTEGERS = np.round(9000 * np.sin(np.arange(8000) / 10)).astype(np.int16)
FLOATS = INTEGERS.astype(np.float32) / 2**15


def whole(recording, **options):
    return np.concatenate(list(read_blocks(recording, 16000, **options)))


@pytest.fixture
def path(tmp_path):
    soundfile.write(tmp_path / "sound.wav", INTEGERS, 8000)
    return tmp_path / "sound.wav"


def test_forms_with_a_rate_of_their_own(path):
    content = path.read_bytes()
    expected = whole(FLOATS, input_rate=8000)
    Pair = namedtuple("Pair", ["array", "rate"])
    with open(path, "rb") as file:
        forms = [
            *(path, str(path), content, bytearray(content), memoryview(content)),
            *(file, io.BytesIO(content), Pair(FLOATS, 8000), [FLOATS, np.int64(8000)]),
            *((8000, INTEGERS), (INTEGERS.astype(">i2"), 8000.0)),
            {"array": FLOATS, "sampling_rate": 8000, "path": None},
            {"bytes": content, "path": "elsewhere.wav"},
            {"bytes": None, "path": str(path)},
        ]
        for form in 2 * forms:  # a file that was read is read again
            assert is_single(form) == (not isinstance(form, np.ndarray) or form.ndim == 1)
            np.testing.assert_array_equal(whole(form, input_rate=4000), expected)


@pytest.mark.parametrize("kind", ["<i2", ">i2", "<f4", ">f4", "f8"])
def test_bytes_of_either_order(kind):
    array = (INTEGERS if "i" in kind else FLOATS).astype(kind)
    np.testing.assert_array_equal(whole(array), FLOATS)


@pytest.mark.parametrize("kind", [np.int8, np.uint8, np.uint16, np.int32, np.uint32, np.int64])
def test_the_rule_for_other_integers_is_the_right_one(kind):
    """The line that the message says gives back the floats."""
    full = 2.0 ** (8 * np.dtype(kind).itemsize - 1)
    x = np.clip(np.rint(FLOATS.astype(float) * full), -full, full * (1 - 2**-20))
    x = (x + full * (np.dtype(kind).kind == "u")).astype(kind)
    with pytest.raises(ValueError, match=r"expected floats of about -1 to 1, or int16\. ") as e:
        whole(x)
    line = str(e.value).partition("Pass ")[2].partition(" if ")[0].removesuffix(".")
    np.testing.assert_allclose(eval(line, {"x": x}), FLOATS, atol=1.01 / full)


@pytest.mark.parametrize(
    ("form", "match"),
    [
        (
            {"array": FLOATS},
            r"dict with the keys \['array'\]; expected 'array' and 'sampling_rate'",
        ),
        ({"array": None, "path": "x.wav"}, "which are not None"),
        ({}, r"dict with the keys \[\]"),
        ((FLOATS, 0), "0 samples per second; expected more than 0"),
        ((FLOATS, -8000), "-8000 samples per second"),
        (io.StringIO("sound"), "open in text mode"),
        (None, "type NoneType of object; expected a path, a file open in binary mode"),
        ([[1.0], [1.0, 2.0]], "type list of object"),
        (FLOATS > 0, "type ndarray of bool"),
        (FLOATS[:, None], r"shape \(8000, 1\); expected .*x.mean\(axis=1\)"),
        (np.stack([FLOATS, FLOATS]), r"shape \(2, 8000\); expected .*x.mean\(axis=0\)"),
        (b"text" * 100, "The file cannot be read as audio"),
    ],
)
def test_other_forms_are_refused_by_name(form, match):
    with pytest.raises(ValueError, match=match):
        whole(form)


@pytest.mark.parametrize("ending", ["wav", "ogg"])
@pytest.mark.parametrize("share", [-1.0, 0.5])
def test_opposite_phases_are_not_called_silence(ending, share, tmp_path):
    path = tmp_path / f"stereo.{ending}"
    soundfile.write(path, np.stack([FLOATS, share * FLOATS], axis=1), 16000)
    if share > 0:
        np.testing.assert_allclose(whole(path), 0.75 * FLOATS, atol=0.05)
    else:
        with pytest.raises(ValueError, match=r"opposite phase.* Pick one"):
            whole(path)
