"""The sprite sheets that Sprites is composed of, and what proves that they are the right ones."""

import os
from pathlib import Path

from ._archive import Members, content_digest
from ._fetch import RemoteFile, get_data_home, locate, published_content, read

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
        path = locate(remote, data_home=data_home, download_if_missing=download_if_missing)
        sheets[name] = next(iter(read(remote, path).values()))
    return sheets, content_digest(sheets)


def _remote(name: str, digest: str) -> RemoteFile:
    return RemoteFile(
        path=f"sprites/{name}",
        url=f"{ORIGIN}/{name}",
        pattern=r"\d\.png",
        verify=published_content(1, digest),
    )


def _check_complete(folder: Path) -> None:
    """Name every missing sheet at once, where `locate` would name the first one only."""
    missing = [name for name in DIGESTS if not (folder / name).exists()]
    if missing:
        raise OSError(
            f"{len(missing)} of the {len(DIGESTS)} sprite sheets are missing in {folder} and "
            f"download_if_missing=False: {', '.join(missing)}. Call again with "
            f"download_if_missing=True, or save them there from {ORIGIN}/."
        )
