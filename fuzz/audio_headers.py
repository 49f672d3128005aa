"""Fuzz the audio front end: every file becomes spectrograms, or raises ValueError."""

import io
import warnings
from contextlib import suppress

import atheris
import numpy as np
import soundfile
from running import fuzz, scratch

with atheris.instrument_imports(include=["tsdisentangle.io", "soundfile"]):
    from tsdisentangle.io.audio import Spectrogram

KINDS = (
    *(("WAV", subtype) for subtype in ("PCM_16", "PCM_U8", "PCM_24", "FLOAT", "DOUBLE", "ULAW")),
    *(("WAVEX", "PCM_16"), ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("RF64", "PCM_16")),
    ("FLAC", "PCM_16"),
)
WORDS = (b"RIFF", b"WAVE", b"fmt ", b"data", b"fact", b"LIST", b"RF64", b"ds64", b"fLaC", b"FORM")
FRONT_END = Spectrogram(8000, segment=800, n_fft=256, window=160, hop=80)
PATH = scratch("sound.wav")
TONE = np.sin(np.arange(400) / 10)


def seeds() -> list[bytes]:
    """The same tone in several formats, with one channel and with two."""
    result = []
    for kind, subtype in KINDS:
        for sound in (TONE, np.stack([TONE, -0.5 * TONE], axis=1)):
            buffer = io.BytesIO()
            soundfile.write(buffer, sound, 8000, subtype, format=kind)
            result.append(buffer.getvalue())
    return result


def target(data: bytes) -> None:
    """Read an input as a recording."""
    PATH.write_bytes(data)
    with suppress(ValueError):
        for spectrogram in FRONT_END.stream(PATH):
            assert np.isfinite(spectrogram).all()


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    fuzz("audio_headers", target, seeds(), words=WORDS)
