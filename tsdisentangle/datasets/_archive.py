"""Read members straight from archives, and name their content by one digest.

Nothing is unpacked to disk, so no member name can ever become a path.
"""

import hashlib
import lzma
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO

Members = dict[str, bytes]
Entry = tuple[str, int, Callable[[], bytes]]  # base name, declared size, reader

# Four times the largest data set here: a forged archive cannot fill the memory.
UNPACKED_LIMIT = 2**28


def read_members(path: Path, kind: str, pattern: str) -> Members:
    """Return the wanted members of a file as ``{base name: content}``.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        The file's published name. Its ending says how to read the file: ``.zip`` (a zip inside
        the zip is read as if its members lay outside), ``.tar.gz``, or one plain file.
    pattern : str
        Regular expression that the base name of a wanted member matches.

    Raises
    ------
    ValueError
        If two wanted members share a base name, if they unpack to more than any data set here, or
        if a member is damaged.
    """
    if kind.endswith(".zip"):
        with path.open("rb") as file:
            return _collect(_zip_entries(file, nested=True), pattern)
    if kind.endswith(".tar.gz"):
        return _collect(_tar_entries(path), pattern)
    return _collect([(PurePosixPath(kind).name, path.stat().st_size, path.read_bytes)], pattern)


def content_digest(members: Members) -> str:
    r"""Return the sha256 of members, whatever the archive around them.

    Over members sorted by base name, the digest takes ``name``, NUL, the length of the content in
    decimal digits, NUL, and the content. Line ends are LF first, because packing tools change them.
    """
    digest = hashlib.sha256()
    for name, content in sorted(members.items()):
        text = content.replace(b"\r\n", b"\n")
        digest.update(f"{name}\0{len(text)}\0".encode())
        digest.update(text)
    return digest.hexdigest()


def _collect(entries: Iterable[Entry], pattern: str) -> Members:
    members: Members = {}
    unpacked = 0
    for name, size, read in entries:
        if not re.fullmatch(pattern, name):
            continue
        if name in members:
            raise ValueError(f"it holds two members named {name!r}")
        unpacked += size
        _check_size(unpacked)
        members[name] = read()
    return members


def _zip_entries(file: IO[bytes], *, nested: bool) -> Iterator[Entry]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            name = PurePosixPath(info.filename).name
            if nested and name.endswith(".zip"):
                _check_size(info.file_size)
                yield from _zip_entries(BytesIO(_read_zipped(archive, info)), nested=False)
            else:
                yield name, info.file_size, partial(_read_zipped, archive, info)


def _read_zipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    # A size bounds the memory; without one, zipfile inflates the whole stream before it looks.
    try:
        with archive.open(info) as member:
            return member.read(info.file_size)
    except (OSError, lzma.LZMAError) as error:  # a place outside of the file, a damaged stream
        raise ValueError(f"its member {info.filename!r} cannot be read ({error})") from error


def _tar_entries(path: Path) -> Iterator[Entry]:
    with tarfile.open(path, "r:gz") as archive:
        for info in archive:
            if info.isfile():  # neither links nor devices
                yield PurePosixPath(info.name).name, info.size, partial(_read_tar, archive, info)


def _read_tar(archive: tarfile.TarFile, info: tarfile.TarInfo) -> bytes:
    member = archive.extractfile(info)
    assert member is not None  # regular files always have content
    return member.read()


def _check_size(size: int) -> None:
    if size > UNPACKED_LIMIT:
        raise ValueError(f"it unpacks to {size} bytes, more than the {UNPACKED_LIMIT} allowed")
