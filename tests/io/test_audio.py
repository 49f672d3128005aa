"""The audio front end, against closed forms and against whole recordings done at once."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

pytest.importorskip("librosa")
pytest.importorskip("soundfile")
import soundfile
import soxr

from tsdisentangle.io import recordings
from tsdisentangle.io.audio import FLOOR, Spectrogram

SMALL = {"rate": 8000, "segment": 1600, "n_fft": 256, "window": 200, "hop": 80}


def noise(samples, seed=0):
    return (0.1 * np.random.default_rng(seed).normal(size=samples)).astype(np.float32)


def tone(frequency, rate=16000, seconds=1.0):
    return np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


def save(path, samples, rate=16000):
    soundfile.write(path, samples, rate, subtype="FLOAT")
    return path


def magnitudes(segment, n_fft, window, hop):
    """Definition of the transform: mirrored ends, a Hann window in the middle of each frame."""
    padded = np.pad(np.asarray(segment, dtype=float), n_fft // 2, mode="reflect")
    hann = np.zeros(n_fft)
    start = (n_fft - window) // 2
    hann[start : start + window] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(window) / window)
    waves = np.exp(-2j * np.pi * np.outer(np.arange(n_fft), np.arange(1 + n_fft // 2)) / n_fft)
    frames = range(0, len(padded) - n_fft + 1, hop)
    return np.abs([(padded[at : at + n_fft] * hann) @ waves for at in frames])


def test_defaults_are_those_of_the_speech_experiment():
    (segments,) = Spectrogram().fit_transform([noise(7000)])
    assert segments.shape == (3, 20, 201)
    assert segments.dtype == np.float32


@pytest.mark.parametrize(("n_fft", "window", "hop"), [(400, 320, 165), (64, 64, 16), (65, 40, 30)])
def test_linear_against_the_definition(n_fft, window, hop):
    sound = noise(1000)
    front = Spectrogram(segment=400, n_fft=n_fft, window=window, hop=hop)
    (segments,) = front.transform([sound])
    padded = np.pad(sound, (0, 200)).reshape(3, 400)  # the last one is filled up with zeros
    expected = [magnitudes(segment, n_fft, window, hop) for segment in padded]
    np.testing.assert_allclose(segments, expected, atol=2e-5)


def test_mel_bands_are_logarithms_of_sums_of_frequencies():
    sound = noise(48000)
    linear, mel = (Spectrogram(kind=kind).transform([sound])[0] for kind in ("linear", "log-mel"))
    assert mel.shape == (15, 20, 40)
    frames, sums = linear.reshape(300, 201), np.exp(mel).reshape(300, 40)
    bands, *_ = np.linalg.lstsq(frames, sums, rcond=None)
    np.testing.assert_allclose(frames @ bands, sums, rtol=1e-3)
    middles = bands.argmax(axis=0)  # a weighted sum of neighbours: one peak, from low to high
    assert (np.diff(middles) > 0).all()
    for band, middle in zip(bands.T, middles, strict=True):
        assert (np.diff(band[: middle + 1]) > -1e-5).all()
        assert (np.diff(band[middle:]) < 1e-5).all()
    double = Spectrogram(kind="log-mel").transform([2 * sound])[0]
    np.testing.assert_allclose(double - mel, np.log(2), atol=1e-5)


@pytest.mark.parametrize("frequency", [320, 1000, 3000])
def test_a_tone_is_where_it_belongs(frequency):
    (linear,) = Spectrogram().transform([tone(frequency)])
    assert set(linear[:, 3:-3].argmax(axis=2).ravel()) == {frequency * 400 // 16000}
    (mel,) = Spectrogram(kind="log-mel").transform([tone(frequency)])
    # On the Slaney scale a band is 200/3 Hz wide up to 1000 Hz, and 27 of them grow by 6.4.
    scale = lambda f: f * 3 / 200 if f < 1000 else 15 + 27 * np.log(f / 1000) / np.log(6.4)  # noqa: E731
    band = 41 * scale(frequency) / scale(8000) - 1
    assert np.abs(mel[:, 3:-3].argmax(axis=2) - band).max() <= 1


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100])
@pytest.mark.parametrize("block", [1, 999, 4096, 10**6])
def test_streaming_equals_the_whole_file(rate, block, tmp_path, monkeypatch):
    sound = noise(3000 if block == 1 else 30000)
    whole = soxr.resample(sound, rate, 16000) if rate != 16000 else sound
    whole = np.pad(whole, (0, -len(whole) % 3200)).reshape(-1, 3200)
    expected = Spectrogram().transform(whole)  # each segment for itself
    monkeypatch.setattr(recordings, "BLOCK", block)
    path = save(tmp_path / "sound.wav", sound, rate)
    from_file = list(Spectrogram().stream(path))
    from_array = list(Spectrogram(input_rate=rate).stream(sound))
    np.testing.assert_allclose(from_file, np.concatenate(expected), atol=1e-6)
    np.testing.assert_array_equal(from_file, from_array)


def test_a_long_recording_is_never_in_memory(tmp_path):
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 16000, 1, subtype="PCM_16") as file:
        for seed in range(50):
            file.write(noise(32000, seed))
    front = Spectrogram()
    next(front.stream(path))  # what is loaded and planned once
    tracemalloc.start()
    count = sum(1 for _ in front.stream(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 500
    whole = 50 * 32000 * 4
    assert peak < whole / 2


def test_channels_of_a_file_are_averaged(tmp_path):
    left, right = noise(4000, 1), noise(4000, 2)
    path = save(tmp_path / "stereo.wav", np.stack([left, right], axis=1))
    np.testing.assert_allclose(*Spectrogram().transform([path, (left + right) / 2]), atol=1e-6)


def test_integers_have_the_scale_of_files(tmp_path):
    stored = np.round(32767 * tone(500)).astype(np.int16)
    soundfile.write(tmp_path / "x.wav", stored, 16000, subtype="PCM_16")
    file, array = Spectrogram().transform([tmp_path / "x.wav", stored])
    np.testing.assert_array_equal(file, array)


def test_whole_recordings():
    short, long = Spectrogram(segment=None).transform([noise(1000), noise(5000)])
    assert (short.shape, long.shape) == ((1 + 1000 // 165, 201), (1 + 5000 // 165, 201))
    np.testing.assert_allclose(short, magnitudes(noise(1000), 400, 320, 165), atol=2e-5)


@pytest.mark.parametrize("kind", ["linear", "log-mel"])
@pytest.mark.parametrize("segment", [1600, None])
def test_the_way_back(kind, segment):
    front = Spectrogram(**{**SMALL, "segment": segment}, kind=kind, n_mels=64)
    sound = sum(tone(f, 8000, 0.4) for f in (250, 700, 1900)) / 4
    (spectrogram,) = front.transform([sound])
    back = front.to_waveform(spectrogram)
    assert back.shape == (3200,)  # which hop and segment divide
    assert back.dtype == np.float32
    linear = Spectrogram(**{**SMALL, "segment": None})
    before, after = linear.transform([sound, back])
    assert np.linalg.norm(after - before) < 0.2 * np.linalg.norm(before)
    np.testing.assert_array_equal(back, front.to_waveform(spectrogram))
    assert not np.array_equal(back, front.to_waveform(spectrogram, random_state=1))


def test_silence_within_a_recording_stays(tmp_path):
    sound = np.concatenate([noise(3200), np.zeros(6400, dtype=np.float32)])
    (linear,) = Spectrogram().transform([sound])
    assert linear.shape == (3, 20, 201)
    assert not linear[1:].any()
    (mel,) = Spectrogram(kind="log-mel").transform([sound])
    np.testing.assert_allclose(mel[1:], np.log(FLOOR))
    assert np.abs(Spectrogram().to_waveform(linear)[3200:]).max() < 1e-6


def refuse(recording, match, **params):
    with pytest.raises(ValueError, match=match):
        Spectrogram(**params).transform([recording])


def test_text_is_no_sound(tmp_path):
    path = tmp_path / "text.wav"
    path.write_text("not a sound\n" * 100)
    refuse(path, r"text\.wav cannot be read as audio: .* Expected WAV")
    path.write_text("")
    refuse(path, r"text\.wav cannot be read as audio")


@pytest.mark.parametrize("rate", [8000, 16000])
def test_a_clip_without_samples_is_refused(rate, tmp_path):
    refuse(save(tmp_path / "empty.wav", np.zeros(0), rate), r"empty\.wav has no samples")
    refuse(np.zeros(0), "The array has no samples", input_rate=rate)


@pytest.mark.parametrize("rate", [8000, 16000])
def test_silence_is_refused(rate, tmp_path):
    path = save(tmp_path / "silent.wav", np.zeros(5000), rate)
    refuse(path, r"silent\.wav is silent: all 5000 samples are zero")
    refuse(np.zeros(10), "The array is silent", segment=None, input_rate=rate)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_is_refused(bad, tmp_path):
    sound = noise(5000)
    sound[4321] = bad
    refuse(sound, "The array holds NaN or inf")
    refuse(save(tmp_path / "bad.wav", sound), r"bad\.wav holds NaN or inf")


def test_other_arrays_are_refused():
    refuse(np.zeros((100, 2)), r"has shape \(100, 2\); expected \(samples,\)")
    refuse(np.arange(1000), "type int64; expected floats")
    refuse(np.array(["a"] * 1000), "expected floats")
    refuse(noise(200), "The recording has 200 samples at 16000 Hz", segment=None)
    with pytest.raises(ValueError, match=r"X is a single recording.*\[recording\]"):
        Spectrogram().transform(noise(5000))
    with pytest.raises(ValueError, match="X is a single recording"):
        Spectrogram().transform("sound.wav")


def test_a_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"none\.wav"):
        Spectrogram().transform([tmp_path / "none.wav"])


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"hop": 0}, "hop must be a positive whole number, got 0"),
        ({"rate": 8000.5}, "rate must be a positive whole number"),
        ({"kind": "mel"}, r"kind must be one of \('linear', 'log-mel'\), got 'mel'"),
        ({"window": 401}, "window=401 is longer than n_fft=400"),
        ({"segment": 200}, "segment has 200 samples at 16000 Hz; expected more than n_fft / 2"),
    ],
)
def test_parameters_are_checked(params, match):
    with pytest.raises(ValueError, match=match):
        Spectrogram(**params).fit()
    with pytest.raises(ValueError, match=match):
        Spectrogram(**params).transform([noise(5000)])


@pytest.mark.parametrize("shape", [(20,), (20, 200), (1, 1, 20, 201), (0, 20, 201)])
def test_the_way_back_takes_only_its_own_shapes(shape):
    with pytest.raises(ValueError, match=r"expected \(segments, frames, 201\)"):
        Spectrogram().to_waveform(np.ones(shape))


def test_the_way_back_takes_only_finite_values():
    with pytest.raises(ValueError, match="holds NaN or inf"):
        Spectrogram().to_waveform(np.full((20, 201), np.nan))


def test_is_a_transformer_without_a_state():
    front = Spectrogram(**SMALL)
    assert clone(front).get_params() == front.get_params()
    pipe = make_pipeline(front, FunctionTransformer(np.concatenate))
    segments = pipe.transform([noise(1600), noise(3000)])  # nothing to be fitted
    assert segments.shape == (3, 21, 129)


@pytest.mark.slow
@pytest.mark.parametrize("module", ["audio", "recordings"])
def test_missing_packages_are_named(module):
    code = (
        "import sys; sys.modules['soundfile'] = sys.modules['librosa'] = None\n"
        f"try: import tsdisentangle.io.{module}\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "pip install 'tsdisentangle[audio]'" in done.stdout
