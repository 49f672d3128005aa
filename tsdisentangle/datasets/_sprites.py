"""Sprites: animated characters of 1,296 looks in nine actions, composed from sprite sheets."""

import os
from numbers import Integral
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import NDArray

from tsdisentangle.datasets._archive import Members, content_digest
from tsdisentangle.datasets._base import (
    Protocol,
    RemoteFile,
    check_protocol,
    fetch_file,
    get_data_home,
    published_content,
    read_verified,
)
from tsdisentangle.datasets._bunch import SequenceBunch
from tsdisentangle.datasets._cache import cached_memmap
from tsdisentangle.datasets._sprites_composing import (
    ACTIONS,
    CELL,
    COMPOSER_VERSION,
    FRAMES,
    N_CHARACTERS,
    compose,
    variants,
)

N_TRAIN = 1000  # characters, of both protocols together with validation
N_VALIDATION = 100

DESCR = """\
Sprites: video clips of 1,296 animated characters, eight frames of 64 x 64 RGB pixels (or fewer,
averaged). A character is one of six variants each of body, trousers, shirt and hair; each does nine
actions: walk, spellcast and slash, seen from the front, the left and the right. The 11,664 clips
are composed here, pixel by pixel as published, from the sprite sheets.

Row 9 * character + action. Values are 0 to 255; the published arrays are these divided by 256.

static_target: skin, pants, top, hair (0 to 5 each), character (0 to 1295).
dynamic_target, one value per frame, the same for all frames of a clip: action (0 walk front, 1 walk
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
    """Load Sprites: animated characters, to separate the look from the action.

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
        If sheets are missing and may not be downloaded, or are not the published ones, or if the
        disk has no space for the composed clips.
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
    """Return the rows of characters, one action after the other, as in the published files."""
    return (len(ACTIONS) * characters + np.arange(len(ACTIONS))[:, None]).ravel()


def _check_size(size: int) -> None:
    sizes = [divisor for divisor in range(1, CELL + 1) if CELL % divisor == 0]
    if not isinstance(size, Integral) or size not in sizes:
        raise ValueError(f"size must divide {CELL}, so be one of {sizes}, got {size!r}.")


# -- published sheets ----------------------------------------------------------------------------

# The repository of the authors of the data set, at one commit.
ORIGIN = (
    "https://raw.githubusercontent.com/YingzhenLi/Sprites/3ce4048c5227802bd8f1888e293fd3afdba91c0c"
)
DIGESTS = {
    "body/0.png": "2405d085d9d953a90be35fac30c5b4b6062a8df36dbc034c4f766d3d1fdcd7c2",
    "body/1.png": "16e262798011de3251862ed95c77abd205b0e358446d784a1ce61dc9fe7a0911",
    "body/2.png": "d737ced1985ec9b93ec478f03ca1196db7e30908e2f49f332956591f302b5727",
    "body/3.png": "638e2ec111637a86e01fefe97f6d319a1696fa1370b6ae9b42f547f9e7ffa7b6",
    "body/4.png": "6e0a74d97cd6a234e23fdf3d9e562fc13b0943949c45238b85de0305a046c646",
    "body/5.png": "c2efe07036e8940888538dcfcc09c7194e4523cee56f137eb66634d92373d677",
    "bottomwear/0.png": "730dd8aef88afae514795eaeab1678101a401e30d32f656dc00a3d64bc3fddb0",
    "bottomwear/1.png": "bf9a23d3431f644908339029e1a63328ea669719e7c1cd59223d1e570be7739f",
    "bottomwear/2.png": "5286688a184b79b2f22a007c6f21a4cd60796d8c2bd6cc2044afa684a8ccded8",
    "bottomwear/3.png": "fec902aec6924c94ca5cd99803512b48a41e9675a9b53ef0a066de56eff16c90",
    "bottomwear/4.png": "42f91b2c4cc93cfbb3df345f89652f02da514699d70bc9e189127e3fa38e4378",
    "bottomwear/5.png": "fff088af38907d2126f482da1407c1fa57c27c3c8c2e128bd1a05cefe4d341e3",
    "topwear/0.png": "29c7257665a74e7fcbbc3129d740e0b357c47211c18d51b60b0a3e55bf33ac26",
    "topwear/1.png": "94a08233cd63ac445c54f028dc8283f2d8350fe5e5151d3a17b54740224092c8",
    "topwear/2.png": "a288db3af257bde946f5daaa3d766a58c90ea37ece2e6ed7aa0dbdb6f72c5db9",
    "topwear/3.png": "b5105e2d9d34bd19e07e73870d8b05296f01245afe74454fe423ede5cc4b0b06",
    "topwear/4.png": "02ef20138efad9a281bf45921a50f3e5276eb72c6460e6920c4d80293c03c90b",
    "topwear/5.png": "53555f6064a4e90d4347ea875bcd01365d4f7c120731dbf590d7622fd0eed373",
    "hair/0.png": "d80e33c1c8d944391a493aa2670643230056f8b302c5ec92d0a4df5e4325b2be",
    "hair/1.png": "30c4f77c481aec6511afcc8e67d7cf171a9cbd1f40c6acf65560a2521a38f86d",
    "hair/2.png": "5dddc90a64980cafe7df77341a1d7d493e802fcf0202bbb6004a4b5c4b43b95c",
    "hair/3.png": "c0091eeaef5ab151fd40886db78455e584e9b7f599a8add30c1f4ab4b9d582ae",
    "hair/4.png": "6c6512233872c3f36fc95c7eeef4c58223a2ec2be510c56a2df2a9387a30b4af",
    "hair/5.png": "c22523cca6ef51e4768e48f0fb0587f433ac24c0577f97d998d9ee866d6f6bc1",
    "shoes/1.png": "99ab341d5e594e208c9a6d0e419c7e72a21b70f6d019a9dec7f3ad3fe3a4e9c8",
}


def load_sheets(
    *, data_home: str | os.PathLike[str] | None, download_if_missing: bool
) -> tuple[Members, str]:
    """Return the verified sheets as ``{part/variant.png: content}``, and the digest of them all.

    Raises
    ------
    OSError
        If sheets are missing and may not be downloaded, or are not the published ones.
    """
    if not download_if_missing:
        _check_complete(get_data_home(data_home) / "sprites")
    sheets = {}
    for name, digest in DIGESTS.items():
        remote = _remote(name, digest)
        path = fetch_file(remote, data_home=data_home, download_if_missing=download_if_missing)
        sheets[name] = next(iter(read_verified(remote, path).values()))
    return sheets, content_digest(sheets)


def _remote(name: str, digest: str) -> RemoteFile:
    return RemoteFile(
        path=f"sprites/{name}",
        url=f"{ORIGIN}/{name}",
        pattern=r"\d\.png",
        verify=published_content(1, digest),
    )


def _check_complete(folder: Path) -> None:
    """Name every missing sheet at once, where `fetch_file` would name the first one only."""
    missing = [name for name in DIGESTS if not (folder / name).exists()]
    if missing:
        raise OSError(
            f"{len(missing)} of the {len(DIGESTS)} sprite sheets are missing in {folder} and "
            f"download_if_missing=False: {', '.join(missing)}. Call again with "
            f"download_if_missing=True, or save them there from {ORIGIN}/."
        )
