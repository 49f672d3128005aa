"""Files that are read safely, and written whole or not at all."""

import os
import secrets
import stat
from pathlib import Path
from typing import BinaryIO

from tsdisentangle.persistence.archive import ModelFileError


def open_regular(path: str | os.PathLike) -> BinaryIO:
    """Open a regular file; reading a pipe or a device might never end.

    Raises
    ------
    ModelFileError
        Something else.
    OSError
        It cannot be opened.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ModelFileError(f"{os.fspath(path)!r} is not a file.")
    return open(path, "rb")


def write_whole(path: Path, pieces: list[bytes], beside: Path | None = None) -> None:
    """Write a file beside its place, and move it there when it is on the disk.

    Parameters
    ----------
    path : Path
    pieces : list of bytes
    beside : Path, default=None
        Where to write first; None for a name that nobody else has. What a killed process has left
        there is removed.

    Raises
    ------
    OSError
        What stood at ``path`` is still there.
    """
    if beside is None:
        beside = path.with_name(f".{secrets.token_hex(8)}.tmp")
    beside.unlink(missing_ok=True)
    try:
        with open(beside, "xb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
