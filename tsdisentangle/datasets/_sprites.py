"""Sprites: animated characters of 1,296 looks in nine actions, composed from sprite sheets."""

import os
from numbers import Integral
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from ._bunch import SequenceBunch
from ._derived import cached_memmap
from ._protocol import Protocol, check_protocol
from ._sprites_composing import (
    ACTIONS,
    CELL,
    COMPOSER_VERSION,
    FRAMES,
    N_CHARACTERS,
    compose,
    variants,
)
from ._sprites_files import load_sheets

N_TRAIN = 1000  # characters, of both protocols together with validation
N_VALIDATION = 100

DESCR = """\
Sprites: video clips of 1,296 animated characters, eight frames of 64 x 64 RGB pixels (or fewer,
averaged). A character is one of six variants each of body, trousers, shirt and hair; each does nine
actions: walk, spellcast and slash, seen from the front, the left and the right. The 11,664 clips
are composed here, pixel by pixel as published, from the sprite sheets.

Row 9 * character + action. Values are 0 to 255; the published arrays are these divided by 256.

static_target: skin, pants, top, hair (0 to 5 each), character (0 to 1295).
dynamic_target, one value a frame, the same for all frames of a clip: action (0 walk front, 1 walk
left, 2 walk right, 3 to 5 spellcast, 6 to 8 slash, in the same order of directions).

Credit: the pictures are from the Liberated Pixel Cup (lpc.opengameart.org) and the Universal LPC
spritesheet (github.com/jrconway3/Universal-LPC-spritesheet), by their contributors, collected by
Y. Li and S. Mandt (github.com/YingzhenLi/Sprites). They are licensed under CC BY-SA 3.0
(creativecommons.org/licenses/by-sa/3.0) and GPL 3.0 (gnu.org/licenses/gpl-3.0). Changed here:
layered, cut into clips, and perhaps made smaller. Whoever passes on pictures made from them gives
this credit and passes them on under the same licence.
"""
LICENCE = "CC BY-SA 3.0 / GPL 3.0"
CITATION = """\
Y. Li and S. Mandt. Disentangled Sequential Autoencoder. ICML 2018.
The artists of the Liberated Pixel Cup, lpc.opengameart.org, and of the Universal LPC spritesheet,
github.com/jrconway3/Universal-LPC-spritesheet.
"""


@overload
def fetch_sprites(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    protocol: Protocol = "corrected",
    return_X_y: Literal[False] = False,
    size: int = CELL,
) -> SequenceBunch: ...
@overload
def fetch_sprites(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    protocol: Protocol = "corrected",
    return_X_y: Literal[True],
    size: int = CELL,
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]: ...
def fetch_sprites(
    *,
    data_home: str | os.PathLike[str] | None = None,
    download_if_missing: bool = True,
    protocol: Protocol = "corrected",
    return_X_y: bool = False,
    size: int = CELL,
) -> SequenceBunch | tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Load Sprites: animated characters, to tell the look from the action.

    Parameters
    ----------
    data_home : str or path-like, default=None
        Data folder. None means the environment variable ``TSDISENTANGLE_DATA`` if it is set, else
        the user's cache folder.
    download_if_missing : bool, default=True
        If False, raise OSError instead of downloading.
    protocol : {'corrected', 'published'}, default='corrected'
        See Notes.
    return_X_y : bool, default=False
        Return ``(data, action)`` instead of a bunch.
    size : int, default=64
        Height and width of a frame; 64 is the published one, and a divisor of it gives means over
        squares of pixels, for trials on slow machines.

    Returns
    -------
    bunch : SequenceBunch
        ``data`` has the shape (11664, 8, size, size, 3), uint8, a read-only map of a file: take
        the rows that you need, as all of them have 1.1 GB at size 64. ``static_target`` holds
        ``'skin'``, ``'pants'``, ``'top'`` and ``'hair'`` (0 to 5) and ``'character'`` (0 to 1295);
        ``dynamic_target`` holds ``'action'`` (0 to 8), (11664, 8), the same in all frames of a
        clip. ``groups`` is the character.
    (data, target) : tuple of ndarray, if ``return_X_y``
        The data, and the action of each clip, of shape (11664,).

    Raises
    ------
    OSError
        If sheets are missing and may not be downloaded, or are not the published ones, or if there
        is no room for the composed clips.
    ValueError
        If ``size`` does not divide 64, or the protocol does not exist.
    ImportError
        If Pillow is not installed.

    Notes
    -----
    The data and the test part are the same under both protocols: 296 characters, 2664 clips, whose
    combinations of parts are not in training, while each part is.

    *corrected*: 100 of the 1000 training characters are the validation part: 8100 / 900 / 2664
    clips. *published*: 9000 / 0 / 2664 clips, in the order of the published loader, so that
    ``data[splits['train']] / 256`` is its training array.

    The composed clips are kept in the user's cache folder, 1.1 GB at size 64, 0.3 GB at 32.

    Licence of the pictures: CC BY-SA 3.0 or GPL 3.0. Whoever shows clips gives the credit that
    ``DESCR`` holds.

    References
    ----------
    .. [1] Y. Li and S. Mandt, "Disentangled Sequential Autoencoder", ICML 2018.

    Examples
    --------
    >>> from tsdisentangle.datasets import fetch_sprites
    >>> sprites = fetch_sprites(size=32)  # doctest: +SKIP
    >>> sprites.data[sprites.splits["validation"]].shape  # doctest: +SKIP
    (900, 8, 32, 32, 3)
    """
    check_protocol(protocol)
    _check_size(size)
    sheets, digest = load_sheets(data_home=data_home, download_if_missing=download_if_missing)
    clips = cached_memmap(
        f"sprites-{size}-v{COMPOSER_VERSION}-{digest}",
        (N_CHARACTERS, len(ACTIONS), FRAMES, size, size, 3),
        lambda: compose(sheets, size),
    )
    data: Any = clips.reshape(-1, *clips.shape[2:])  # uint8, where other bunches have float32
    character, action = np.divmod(np.arange(len(data)), len(ACTIONS))
    if return_X_y:
        return data, action
    looks = zip(("skin", "pants", "top", "hair"), variants(character), strict=True)
    return SequenceBunch(
        data=data,
        static_target={**dict(looks), "character": character},
        dynamic_target={"action": np.repeat(action[:, None], FRAMES, axis=1)},
        groups=character,
        splits=character_splits(protocol),
        feature_names=["red", "green", "blue"],
        units=["1/255"] * 3,
        DESCR=DESCR,
        licence=LICENCE,
        citation=CITATION,
    )


def character_splits(protocol: Protocol) -> dict[str, NDArray[np.int64]]:
    """Return the rows of each part; the characters of the parts are those of the published code."""
    order = np.random.RandomState(423).permutation(N_CHARACTERS)
    train, test = order[:N_TRAIN], order[N_TRAIN:]
    if protocol == "published":
        # One generator for both shuffles, in this order, as in the published loader.
        shuffle = np.random.RandomState(0).permutation
        return {
            "train": shuffle(_clips(train)),
            "validation": np.arange(0),
            "test": shuffle(_clips(test)),
        }
    train, validation = train[:-N_VALIDATION], train[-N_VALIDATION:]
    parts = {"train": train, "validation": validation, "test": test}
    return {name: np.sort(_clips(characters)) for name, characters in parts.items()}


def _clips(characters: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the rows of characters, one action after the other, as the published files lie."""
    return (len(ACTIONS) * characters + np.arange(len(ACTIONS))[:, None]).ravel()


def _check_size(size: int) -> None:
    sizes = [divisor for divisor in range(1, CELL + 1) if CELL % divisor == 0]
    if not isinstance(size, Integral) or size not in sizes:
        raise ValueError(f"size must divide {CELL}, so be one of {sizes}, got {size!r}.")
