"""Sound files: what is read is what was decoded, and all of it."""

import io
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("soundfile")
import soundfile

from tsdisentangle.io.sound_files import read_sound

RATE = 16000
SECONDS = np.arange(6 * RATE) / RATE
SOUND = 0.3 * np.sin(2 * np.pi * (200 + 50 * SECONDS) * SECONDS)  # variable bit rate in an MP3
TAG = b"TAG" + bytes(125)
ID3 = b"ID3\4\0\0\0\0\0\x14" + bytes(20)


def encoded(ending, sound=SOUND, rate=RATE):
    buffer = io.BytesIO()
    soundfile.write(buffer, sound, rate, format=ending.upper())
    return buffer.getvalue()


FILES = {ending: encoded(ending) for ending in ("wav", "flac", "ogg", "mp3")}
FRAME = FILES["mp3"].find(b"\xff\xf3", 4)  # the one after the header


def read(content, block=2**12):
    rate, blocks = read_sound(content, "the file", block)
    return rate, np.concatenate([*blocks])[:, 0]


def decoded(content):
    """The sound in one piece, by libsndfile alone."""
    return soundfile.read(io.BytesIO(content), dtype="float32")[0]


@pytest.mark.parametrize("ending", FILES)
@pytest.mark.parametrize("block", [999, 2**16])
def test_blocks_are_those_of_the_whole(ending, block, tmp_path):
    (tmp_path / "sound").write_bytes(FILES[ending])
    rate, samples = read(FILES[ending], block)
    assert rate == RATE
    # Between the blocks too: seeking there makes an error of 0.3 in an MP3.
    np.testing.assert_allclose(samples, decoded(FILES[ending]), atol=1e-6)
    np.testing.assert_array_equal(read(tmp_path / "sound", block)[1], samples)


@pytest.mark.parametrize("part", [0.3, 0.5, 0.8])
def test_a_cut_mp3_ends_where_its_frames_end(part):
    cut = FILES["mp3"][: int(part * len(FILES["mp3"]))]
    with pytest.warns(UserWarning, match=r"the file declares 96000 samples, of which \d+ can be"):
        _, samples = read(cut)
    assert 0.2 * len(SOUND) < len(samples) < 0.9 * len(SOUND)
    np.testing.assert_allclose(samples, decoded(FILES["mp3"])[: len(samples)], atol=0.02)


@settings(max_examples=15, deadline=None)
@given(st.sampled_from(["ogg", "mp3", "wav"]), st.floats(0.2, 1), st.floats(0.2, 1))
def test_nothing_is_added_to_a_damaged_file(ending, place, part):
    content = bytearray(FILES[ending])
    at = int(place * len(content))
    content[at : at + 200] = bytes(len(content[at : at + 200]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            _, samples = read(bytes(content[: int(part * len(content))]), 2**10)
        except ValueError:
            return
    assert len(samples) <= len(SOUND) + 2 * 1152
    tails = samples[-(len(samples) // 2**10) * 2**10 :].reshape(-1, 2**10)
    assert len(np.unique(tails[tails.any(axis=1)], axis=0)) == tails.any(axis=1).sum()


def test_an_mp3_without_a_header_is_read_to_its_end():
    """libsndfile estimates the length of a variable bit rate from the first frame, far too low."""
    bare = FILES["mp3"][FRAME:]
    assert len(decoded(bare)) < 0.2 * len(SOUND)
    _, samples = read(bare)
    whole = decoded(FILES["mp3"])
    assert len(whole) < len(samples) < len(whole) + 2 * 1152  # what the encoder has filled up
    start = 576  # the encoder's delay, which only the header knows
    np.testing.assert_allclose(samples[start : start + len(whole)], whole, atol=1e-5)
    np.testing.assert_array_equal(read(ID3 + bare + TAG)[1], samples)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_every_kind_of_mp3_without_a_header(rate, channels):
    content = encoded("mp3", np.stack([SOUND[:20000]] * channels, axis=1), rate)
    frame = content.find(content[:2], 4)
    found, samples = read(content[frame:])
    assert found == rate
    assert 0 <= len(samples) - 20000 < 3 * 1152 + 529


@pytest.mark.parametrize("ending", ["ogg", "flac", "mp3"])
@pytest.mark.parametrize("between", [b"", TAG + ID3])
def test_recordings_in_one_file_follow_one_another(ending, between):
    if between and ending != "mp3":
        between = b""
    other = encoded(ending, SOUND[::-1])
    _, samples = read(FILES[ending] + between + other)
    expected = np.concatenate([decoded(FILES[ending]), decoded(other)])
    np.testing.assert_allclose(samples, expected, atol=1e-6)


@pytest.mark.parametrize("ending", ["ogg", "flac", "mp3"])
def test_recordings_of_two_rates_in_one_file_are_refused(ending):
    both = FILES[ending] + encoded(ending, SOUND, 8000)
    with pytest.raises(ValueError, match=r"of 16000 and of 8000 Hz\. Split the file"):
        read(both)


@pytest.mark.parametrize("ending", ["flac", "mp3"])
def test_tags_are_no_sound(ending):
    for content in (FILES[ending] + TAG, ID3 + FILES[ending], ID3 + FILES[ending] + TAG):
        np.testing.assert_array_equal(read(content)[1], read(FILES[ending])[1])


def test_a_stream_of_unknown_length():
    """As encoders write it that cannot go back to the header."""
    content = bytearray(FILES["flac"])
    content[21] &= 0xF0
    content[22:26] = bytes(4)
    np.testing.assert_array_equal(read(bytes(content))[1], decoded(FILES["flac"]))


@pytest.mark.parametrize("content", [b"", b"\xff", b"OggS", b"fLaC", b"ID3\4", b"text" * 100])
def test_no_sound(content, tmp_path):
    (tmp_path / "sound.raw").write_bytes(content)
    for source in (content, tmp_path / "sound.raw"):
        with pytest.raises(ValueError, match=r"the file cannot be read as audio: .* Expected WAV"):
            read_sound(source, "the file", 2**16)
    with pytest.raises(FileNotFoundError):
        read_sound(tmp_path / "none.wav", "none.wav", 2**16)
