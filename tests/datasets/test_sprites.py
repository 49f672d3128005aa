import builtins
import inspect
from io import BytesIO
from itertools import islice

import numpy as np
import pooch
import pytest

pytest.importorskip("PIL")
from PIL import Image

from tsdisentangle.datasets import SequenceBunch, _sprites, fetch_sprites
from tsdisentangle.datasets._archive import content_digest
from tsdisentangle.datasets._sprites import DIGESTS, character_splits, load_sheets
from tsdisentangle.datasets._sprites_composing import compose

PARTS = ("body", "bottomwear", "topwear", "hair")
LABELS = ("skin", "pants", "top", "hair")
# Numbers of the cells, 13 * row + column, of each frame; written from the published script.
WALK, CAST, SLASH = [8, 1, 2, 3, 4, 5, 6, 7], [0, 1, 2, 3, 4, 5, 4, 6], [0, 1, 2, 3, 4, 5, 4, 0]
CELLS = np.array(
    [np.add(start, WALK) for start in (130, 117, 143)]
    + [np.add(start, CAST) for start in (26, 13, 39)]
    + [np.add(start, SLASH) for start in (182, 169, 195)]
)


def look(character):
    """Variants of the parts of a character, digit by digit."""
    return [int(digit) for digit in np.base_repr(character, 6).zfill(4)]


def png(pixels):
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def painted(part, variant):
    """Colour of a part in each cell: its variant, and the row and column of the cell."""
    row, column = np.mgrid[:21, :13]
    return np.stack([np.full_like(row, 40 * variant + 5 * part + 10), 10 * row, 10 * column], -1)


def sheet(part, variant):
    """A sheet whose cells hold a band of one colour, eight pixels high; the rest is transparent."""
    cells = np.zeros((21, 13, 64, 64, 4), dtype=np.uint8)
    band = slice(16 * part, 16 * part + 8)
    cells[:, :, band, :, :3] = painted(part, variant)[:, :, None, None]
    cells[:, :, band, :, 3] = 255
    return cells.swapaxes(1, 2).reshape(1344, 832, 4)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """Sheets in the published layout, and their digests."""
    home = tmp_path_factory.mktemp("home")
    digests = {}
    for name in DIGESTS:
        part, variant = name.removesuffix(".png").split("/")
        number = PARTS.index(part) if part in PARTS else 3
        path = home / "sprites" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # Shoes lie over the hair here, and would be seen if they were not drawn last.
        content = png(sheet(number, int(variant) if part in PARTS else 5))
        path.write_bytes(content)
        digests[name] = content_digest({path.name: content})
    return home, digests


@pytest.fixture
def generated(tree, monkeypatch):
    home, digests = tree
    monkeypatch.setattr(_sprites, "DIGESTS", digests)
    return home


@pytest.fixture(scope="module")
def composed(tree, tmp_path_factory):
    """Clips of the generated sheets, composed once, and the user's cache that holds them."""
    (home, digests), cache = tree, tmp_path_factory.mktemp("user-cache")
    before = sorted(home.rglob("*"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_sprites, "DIGESTS", digests)
        patch.setattr(pooch, "os_cache", lambda project: cache / project)
        sprites = fetch_sprites(data_home=home, download_if_missing=False, size=8)
    assert sorted(home.rglob("*")) == before  # nothing is written there
    return sprites, cache


@pytest.mark.slow
def test_clips_and_labels_of_generated_sheets(composed):
    sprites, _ = composed
    assert sprites.data.shape == (11664, 8, 8, 8, 3)
    rows = np.random.default_rng(0).choice(11664, 500, replace=False)
    for row in rows:
        labels = {name: values[row] for name, values in sprites.static_target.items()}
        action = sprites.dynamic_target["action"][row]
        assert [labels[name] for name in LABELS] == look(labels["character"])
        assert set(action) == {row % 9}
        cell_row, cell_column = np.divmod(CELLS[row % 9], 13)
        expected = np.zeros((8, 8, 8, 3), dtype=int)
        for part, name in enumerate(LABELS[:3]):
            colours = painted(part, labels[name])
            expected[:, 2 * part] = colours[cell_row, cell_column][:, None]
        expected[:, 6] = painted(3, 5)[cell_row, cell_column][:, None]  # the shoes hide the hair
        np.testing.assert_array_equal(sprites.data[row], expected)


def test_is_composed_once_and_mapped(composed, generated, monkeypatch):
    first, cache = composed
    monkeypatch.setattr(pooch, "os_cache", lambda project: cache / project)
    monkeypatch.setattr("tsdisentangle.datasets._sprites.compose", lambda *_: pytest.fail("again"))
    second, action = fetch_sprites(data_home=generated, size=8, return_X_y=True)
    assert isinstance(second, np.memmap)
    assert not second.flags.writeable
    np.testing.assert_array_equal(first.data, second)
    np.testing.assert_array_equal(action, first.dynamic_target["action"][:, 0])


def test_published_splits_repeat_the_published_order():
    """Written from the published scripts: files an action, joined, then shuffled."""
    characters = np.random.RandomState(423).permutation(range(1296))
    loader = np.random.RandomState(0)
    expected = {}
    for name, part in {"train": characters[:1000], "test": characters[1000:]}.items():
        stacked = np.concatenate([[(c, action) for c in part] for action in range(9)])
        expected[name] = stacked[loader.permutation(len(stacked))]
    splits = character_splits("published")
    assert [len(rows) for rows in splits.values()] == [9000, 0, 2664]
    for name, pairs in expected.items():
        np.testing.assert_array_equal(np.stack(np.divmod(splits[name], 9), axis=1), pairs)


def test_corrected_splits_part_the_characters():
    splits, published = (character_splits(name) for name in ("corrected", "published"))
    assert [len(rows) for rows in splits.values()] == [8100, 900, 2664]
    assert set(splits["test"]) == set(published["test"])
    characters = [set(rows // 9) for rows in splits.values()]
    assert [len(some) for some in characters] == [900, 100, 296]
    assert len(set.union(*characters)) == 1296
    looks = np.array([look(c) for c in characters[0]])
    assert all(set(column) == set(range(6)) for column in looks.T)  # each part is in training


@pytest.mark.parametrize("size", [0, 3, 128, 32.0])
def test_size_must_divide(size, tmp_path):
    with pytest.raises(ValueError, match=r"size must divide 64, so be one of \[1, 2, 4"):
        fetch_sprites(data_home=tmp_path, size=size)


def test_unknown_protocol(tmp_path):
    with pytest.raises(ValueError, match=r"protocol must be one of .* got 'fixed'"):
        fetch_sprites(data_home=tmp_path, protocol="fixed")


def test_missing_sheets_are_all_named(generated, tmp_path):
    with pytest.raises(OSError, match="25 of the 25 sprite sheets are missing") as caught:
        fetch_sprites(data_home=tmp_path, download_if_missing=False)
    assert all(name in str(caught.value) for name in DIGESTS)
    assert str(tmp_path / "sprites") in str(caught.value)
    assert "github" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_another_picture_is_refused(generated, tmp_path):
    for path in generated.rglob("*.png"):
        copy = tmp_path / path.relative_to(generated)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    (tmp_path / "sprites/hair/3.png").write_bytes(png(sheet(0, 0)))
    with pytest.raises(OSError, match=r"hair.3\.png is not the file that .* publishes"):
        fetch_sprites(data_home=tmp_path, size=8)


def test_missing_sheets_are_downloaded(generated, tmp_path, server, monkeypatch):
    order = [(200, (generated / "sprites" / name).read_bytes()) for name in DIGESTS]
    server.answers = order
    monkeypatch.setattr(_sprites, "ORIGIN", server.url)
    sheets, _ = load_sheets(data_home=tmp_path, download_if_missing=True)
    assert server.requests == 25
    assert list(sheets) == list(DIGESTS)
    for name in DIGESTS:
        kept, sent = (home / "sprites" / name for home in (tmp_path, generated))
        assert kept.read_bytes() == sent.read_bytes()


def test_pillow_is_asked_for(generated, monkeypatch):
    real = builtins.__import__

    def refuse(name, *args, **kwargs):
        if name == "PIL":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(ImportError, match=r"Pillow.*pip install 'tsdisentangle\[video\]'"):
        fetch_sprites(data_home=generated, size=8)


def test_docstring_has_every_section():
    text = inspect.getdoc(fetch_sprites)
    for section in ("Parameters", "Returns", "Raises", "Notes", "References", "Examples"):
        assert f"\n{section}\n---" in text


@pytest.mark.slow
def test_form_of_the_published(load_real):
    sprites = load_real(fetch_sprites, size=8)
    assert isinstance(sprites, SequenceBunch)
    assert sprites.data.shape == (11664, 8, 8, 8, 3)
    assert sprites.data.dtype == np.uint8
    assert sprites.dynamic_target["action"].shape == (11664, 8)
    assert all(target.shape == (11664,) for target in sprites.static_target.values())
    assert list(sprites.static_target) == [*LABELS, "character"]
    counts = [np.bincount(sprites.static_target[name]) for name in LABELS]
    np.testing.assert_array_equal(counts, np.full((4, 6), 11664 / 6))
    assert "CC BY-SA" in sprites.licence
    assert "CC BY-SA 3.0" in sprites.DESCR
    assert "Universal LPC" in sprites.DESCR
    # No two looks are the same, and no two actions.
    flat = sprites.data.reshape(1296, 9, -1)
    assert len(np.unique(flat.reshape(1296, -1), axis=0)) == 1296
    assert len(np.unique(flat[0], axis=0)) == 9


def test_published_clips_against_whole_sheets(load_real, real_data):
    """Layers of whole sheets, cells cut out by their number; the loader cuts before it layers."""
    sprites = load_real(fetch_sprites, size=8)
    sheets = {name: (real_data / "sprites" / name).read_bytes() for name in DIGESTS}
    composed = list(islice(compose(sheets, 64), 45))
    for character in (0, 7, 44, 500, 1295):
        names = [
            f"{part}/{variant}.png" for part, variant in zip(PARTS, look(character), strict=True)
        ]
        whole = Image.new("RGBA", (832, 1344), "black")
        for name in [*names, "shoes/1.png"]:
            layer = Image.open(real_data / "sprites" / name).convert("RGBA")
            whole = Image.alpha_composite(whole, layer)
        pixels = np.asarray(whole)[..., :3]
        cut = [
            [pixels[n // 13 * 64 :, n % 13 * 64 :][:64, :64] for n in frames] for frames in CELLS
        ]
        if character < len(composed):
            np.testing.assert_array_equal(composed[character], cut)
        means = np.reshape(cut, (9, 8, 8, 8, 8, 8, 3)).mean(axis=(3, 5))
        clips = sprites.data[9 * character : 9 * character + 9]
        assert np.abs(clips - means).max() <= 0.5
