"""Files that are read safely, and written as a whole or not at all."""

import os
import secrets
import stat
from pathlib import Path
from typing import BinaryIO

from tsdisentangle.persistence.archive import ModelFileError


def open_regular_file(path: str | os.PathLike) -> BinaryIO:
    """Open a regular file for reading; reading a pipe or a device might never end.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    binary file

    Raises
    ------
    ModelFileError
        The path is that of something else.
    OSError
        It cannot be opened.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):
        raise ModelFileError(f"{os.fspath(path)!r} is not a file.")
    return open(path, "rb")


def write_atomically(path: Path, pieces: list[bytes], temporary: Path | None = None) -> None:
    """Write a temporary file in the same folder, and rename it when it is on the disk.

    Parameters
    ----------
    path : Path
        A file that is there is replaced.
    pieces : list of bytes
    temporary : Path, default=None
        Where to write first; None for a name that nobody else uses. What a killed process has left
        there is removed.

    Raises
    ------
    OSError
        The file cannot be written; what was at ``path`` before is still there.
    """
    if temporary is None:
        temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    temporary.unlink(missing_ok=True)
    try:
        with open(temporary, "xb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
