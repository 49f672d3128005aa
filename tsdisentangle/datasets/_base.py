"""What the loaders share: published files, found or downloaded and verified, and the protocols.

"Published" and "released" protocols are those of the time-series code released with N. Berman,
I. Naiman, I. Arbiv, G. Fadlon and O. Azencot, "Sequential Disentanglement by Extracting Static
Information From A Single Sequence Element", ICML 2024.
"""

import gzip
import os
import random
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
import pooch
from numpy.typing import NDArray

from tsdisentangle.datasets._archive import Members, content_digest, read_members

# -- protocols ----------------------------------------------------------------------------------

Protocol = Literal["corrected", "published"]
PROTOCOLS = ("corrected", "published")
SEED = 1234


def check_protocol(protocol: str) -> None:
    """Raise ValueError unless the protocol exists."""
    if protocol not in PROTOCOLS:
        raise ValueError(f"protocol must be one of {PROTOCOLS}, got {protocol!r}.")


def released_split(
    rest: Iterable[int], train_share: float, test: NDArray[np.int64]
) -> dict[str, NDArray[np.int64]]:
    """Return the splits of the released code: the rest is shuffled, then cut.

    The standard library's generator with the released seed, because that is what the code calls.
    """
    order = [int(row) for row in rest]
    random.Random(SEED).shuffle(order)
    cut = int(len(order) * train_share)
    return {
        "train": np.sort(order[:cut]),
        "validation": np.sort(order[cut:]),
        "test": np.asarray(test),
    }


# -- published files ----------------------------------------------------------------------------

DATA_HOME_VARIABLE = "TSDISENTANGLE_DATA"
RETRIES = 2
TIMEOUT = 60  # seconds without a byte from the server

# What the readers raise on a file that is damaged or is something else.
_UNREADABLE = (
    ValueError,
    EOFError,
    RuntimeError,
    gzip.BadGzipFile,
    zipfile.BadZipFile,
    tarfile.TarError,
    zlib.error,
)


@dataclass(frozen=True)
class RemoteFile:
    """One file of a data set.

    Attributes
    ----------
    path : str
        Path of the file below the data folder.
    url : str
        Address at which its publisher offers it.
    pattern : str
        Regular expression of the base names of its wanted members.
    verify : callable
        Takes the members; raises ValueError with a reason if they are not the published ones.
    """

    path: str
    url: str
    pattern: str
    verify: Callable[[Members], None]


def published_content(count: int, sha256: str) -> Callable[[Members], None]:
    """Return a verification by number of members and their content digest."""

    def verify(members: Members) -> None:
        verify_count(members, count)
        found = content_digest(members)
        if found != sha256:
            raise ValueError(f"the sha256 of its content is {found}, expected {sha256}")

    return verify


def verify_count(members: Members, count: int) -> None:
    """Raise ValueError unless there are ``count`` members."""
    if len(members) != count:
        raise ValueError(f"it holds {len(members)} of the {count} expected members")


def get_data_home(data_home: str | os.PathLike[str] | None = None) -> Path:
    """Return the data folder: the argument, else the environment, else the user's cache folder."""
    chosen = data_home or os.environ.get(DATA_HOME_VARIABLE) or pooch.os_cache("tsdisentangle")
    return Path(chosen).expanduser()


def fetch_file(
    remote: RemoteFile,
    *,
    data_home: str | os.PathLike[str] | None,
    download_if_missing: bool,
) -> Path:
    """Return the path of a file, downloaded and verified if it was missing.

    A file that was there already is *not* verified here: `read_verified` does it.

    Raises
    ------
    OSError
        If the file is missing and may not be downloaded, or if the download fails.
    """
    path = get_data_home(data_home) / remote.path
    if not path.exists():
        if not download_if_missing:
            raise OSError(
                f"{path} is missing and download_if_missing=False. Call again with "
                f"download_if_missing=True, or save {remote.url} there, or name another folder "
                f"with data_home= or the environment variable {DATA_HOME_VARIABLE}."
            )
        _download(remote, path)
    return path


def read_verified(remote: RemoteFile, path: Path) -> Members:
    """Return the verified members of a file.

    Raises
    ------
    OSError
        If the file is not the published one.
    """
    try:
        return _verified(remote, path)
    except _UNREADABLE as error:
        raise OSError(
            f"{path} is not the file that {remote.url} publishes: {error}. "
            "Delete it and call again to download it."
        ) from error


def _verified(remote: RemoteFile, path: Path) -> Members:
    members = read_members(path, remote.path, remote.pattern)
    remote.verify(members)
    return members


def _download(remote: RemoteFile, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside the final name, so that the last step is one atomic rename in one file system.
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".download-") as folder:
        try:
            fresh = _retrieve(remote.url, PurePosixPath(remote.path).name, folder)
        except OSError as error:  # what requests raises, too
            raise OSError(
                f"{remote.url} could not be downloaded: {error}. "
                f"Check the network, or save the file as {path} by other means."
            ) from error
        try:
            _verified(remote, fresh)
        except _UNREADABLE as error:
            raise OSError(
                f"what {remote.url} sent is not the published file: {error}. Nothing was kept. "
                f"Try again, or save the file as {path} by other means."
            ) from error
        os.replace(fresh, path)


def _retrieve(url: str, name: str, folder: str) -> Path:
    # No hash for pooch: it hashes the archive, and any packing of the true members shall pass.
    store = pooch.create(
        path=folder, base_url="", registry={name: None}, urls={name: url}, retry_if_failed=RETRIES
    )
    return Path(store.fetch(name, downloader=pooch.HTTPDownloader(timeout=TIMEOUT)))
