"""Clips from sheets: layers, sizes, and the colours of the published sheets."""

from io import BytesIO
from itertools import islice

import numpy as np
import pytest

pytest.importorskip("PIL")
from PIL import Image

from tsdisentangle.datasets._sprites import DIGESTS
from tsdisentangle.datasets._sprites_composing import ACTIONS, compose


def png(pixels):
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def flat(*colour):
    """A sheet of one colour and opacity."""
    return png(np.broadcast_to(np.array(colour, dtype=np.uint8), (1344, 832, 4)).copy())


def test_half_transparent_layers_mix():
    sheets = dict.fromkeys(DIGESTS, flat(0, 0, 0, 0))
    sheets |= {"body/0.png": flat(200, 100, 0, 255), "hair/0.png": flat(0, 0, 250, 51)}
    clips = next(compose(sheets, 64))
    np.testing.assert_array_equal(np.unique(clips.reshape(-1, 3), axis=0), [[160, 80, 50]])


def test_smaller_clips_are_means():
    rng = np.random.default_rng(0)
    sheets = dict.fromkeys(DIGESTS, flat(10, 90, 170, 255))
    sheets["hair/0.png"] = png(rng.integers(256, size=(1344, 832, 4), dtype=np.uint8))
    full, half = (next(compose(sheets, size)).astype(float) for size in (64, 32))
    means = full.reshape(9, 8, 32, 2, 32, 2, 3).mean(axis=(3, 5))
    assert np.abs(half - means).max() <= 0.5


def test_action_names():
    directions = ("front", "left", "right")
    assert list(ACTIONS) == [f"{m} {d}" for m in ("walk", "spellcast", "slash") for d in directions]


def test_hair_has_the_colours_of_its_label(real_data):
    """In every clip, more pixels have the colours of the labelled hair than of any other."""
    sheets = {name: (real_data / "sprites" / name).read_bytes() for name in DIGESTS}

    def palette(variant):
        path = real_data / "sprites" / f"hair/{variant}.png"
        pixels = np.asarray(Image.open(path).convert("RGBA"))
        return np.unique(pixels[pixels[..., 3] > 0][:, :3].astype(int) @ [65536, 256, 1])

    palettes = [palette(variant) for variant in range(6)]
    for character, clips in enumerate(islice(compose(sheets, 64), 12)):
        colours = clips.astype(int) @ [65536, 256, 1]
        hits = [np.isin(colours, own).sum(axis=(1, 2, 3)) for own in palettes]
        assert set(np.argmax(hits, axis=0)) == {character % 6}
