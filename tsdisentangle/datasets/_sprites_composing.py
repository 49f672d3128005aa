"""Compose the clips of Sprites from sheets: which cells, which layers, which labels."""

from collections.abc import Iterator
from io import BytesIO
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tsdisentangle.datasets._archive import Members

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

COMPOSER_VERSION = 1  # raise it whenever the clips would change
N_VARIANTS = 6
N_CHARACTERS = N_VARIANTS**4
FRAMES = 8
CELL = 64
SHEET = (21, 13)  # rows and columns of cells

# The layers, from below; each has six variants. The shoes are the same for all.
PARTS = ("body", "bottomwear", "topwear", "hair")
SHOES = "shoes/1.png"

# Columns of the frames 0 to 7 of an action. The row says the direction.
COLUMNS = {
    "walk": (8, 1, 2, 3, 4, 5, 6, 7),  # column 0 stands still
    "spellcast": (0, 1, 2, 3, 4, 5, 4, 6),
    "slash": (0, 1, 2, 3, 4, 5, 4, 0),
}
ROWS = {  # front, left, right
    "walk": (10, 9, 11),
    "spellcast": (2, 1, 3),
    "slash": (14, 13, 15),
}
DIRECTIONS = ("front", "left", "right")
ACTIONS = tuple(f"{motion} {direction}" for motion in COLUMNS for direction in DIRECTIONS)
# The cell of each frame of each action: (9, 8) rows and columns of the sheet.
CELL_ROWS = np.repeat(np.ravel(list(ROWS.values())), FRAMES).reshape(-1, FRAMES)
CELL_COLUMNS = np.repeat(np.array(list(COLUMNS.values())), len(DIRECTIONS), axis=0)


def variants(character: NDArray[np.int64]) -> tuple[NDArray[np.int64], ...]:
    """Return the variants of body, bottomwear, topwear and hair of characters 0 to 1295."""
    return tuple(character // N_VARIANTS**power % N_VARIANTS for power in (3, 2, 1, 0))


def compose(sheets: Members, size: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the nine clips of each character, in the order of characters and of `ACTIONS`.

    Parameters
    ----------
    sheets : dict of str to bytes
        PNG files by ``part/variant.png``.
    size : int
        Height and width; a divisor of 64. Smaller clips are means over squares of pixels.

    Yields
    ------
    uint8 array of shape (9, 8, size, size, 3)
        RGB.

    Raises
    ------
    ImportError
        If Pillow is not installed.
    """
    picture = _pillow()
    layers = [
        [_cut_cells(sheets[f"{part}/{variant}.png"]) for variant in range(N_VARIANTS)]
        for part in PARTS
    ]
    shoes = _cut_cells(sheets[SHOES])
    ground = picture.new("RGBA", shoes.size, "black")
    over = picture.alpha_composite
    # Characters that differ in the hair only share all that is below it.
    for body, bottom, top in product(*layers[:3]):
        dressed = over(over(over(ground, body), bottom), top)
        for hair in layers[3]:
            strip = over(over(dressed, hair), shoes).convert("RGB").reduce(CELL // size)
            yield np.asarray(strip).reshape(len(ACTIONS), FRAMES, size, size, 3)


def _cut_cells(sheet: bytes) -> "Picture":
    """Return the used cells of a sheet, one below the other."""
    picture = _pillow()
    # Palette images become RGBA first: their transparency is in the palette.
    pixels = np.asarray(picture.open(BytesIO(sheet)).convert("RGBA"))
    cells = pixels.reshape(SHEET[0], CELL, SHEET[1], CELL, 4).swapaxes(1, 2)
    return picture.fromarray(cells[CELL_ROWS, CELL_COLUMNS].reshape(-1, CELL, 4))


def _pillow() -> Any:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError(
            "fetch_sprites composes pictures with Pillow, which is not installed. "
            "Install it with: pip install 'tsdisentangle[video]'"
        ) from error
    return Image
